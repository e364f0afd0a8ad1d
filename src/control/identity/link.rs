//! Links that sign a browser in, once: `/login#once=…`.
//!
//! A link has its secret in the fragment, which browsers send nowhere; the page of it exchanges that
//! for a login. It stands for the token that it was made with, as a login does.
//!
//! Invariants: the ledger has a link's digest, never its text; of all who come with it, at any
//! proxy, one gets in. Only whoever has a token makes one: a login could make itself last for ever. No
//! token alone uses up the links that there may be.

use super::super::principal::Principal;
use super::super::problem::Problem;
use super::bond::Bond;
use super::{Identity, bearer, slow};
use crate::clock::UnixMs;
use crate::ledger::{RecordKind, When};
use crate::secret::{SecretDigest, random_text};
use axum::http::StatusCode;
use axum::http::header::HeaderMap;
use secrecy::SecretString;
use std::time::Duration;

const KIND: RecordKind = RecordKind::SignInLink;

/// How many one token may make. Those of a quarter of an hour are far fewer than there may be.
pub(super) const A_MINUTE: u32 = 10;

/// For how long a link may be used.
pub const LINK_LIFE: Duration = Duration::from_secs(15 * 60);

/// A link that was just made.
pub(in crate::control) struct Link {
    pub(in crate::control) once: String,
    pub(in crate::control) expires: UnixMs,
}

impl Identity {
    /// Makes a link for whoever asks with a token.
    pub(in crate::control) async fn make_link(
        &self,
        by: &Principal,
        headers: &HeaderMap,
    ) -> Result<Link, Problem> {
        let Some(token) = bearer(headers) else {
            let detail = "a sign-in link is made with a token, not by a browser that is logged in: \
                          send `Authorization: Bearer TOKEN`";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        };
        self.links.take(&by.name, self.clock.now()).map_err(|wait| {
            slow(format!("{} makes more than {A_MINUTE} sign-in links a minute", by.name), wait)
        })?;
        self.link(by, &SecretDigest::of(token), LINK_LIFE).await
    }

    /// The text of a link for the operator, which may be used within `life`.
    pub async fn operator_link(&self, life: Duration) -> Result<SecretString, String> {
        let made = self.link(&Principal::configured(), &self.configured, life).await;
        made.map(|link| link.once.into()).map_err(|problem| problem.detail)
    }

    async fn link(
        &self,
        by: &Principal,
        token: &SecretDigest,
        life: Duration,
    ) -> Result<Link, Problem> {
        let once = random_text();
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let latest = self.clock.now().saturating_add(life);
        let expires = self.expiry(by).await?.map_or(latest, |token| token.min(latest));
        let text = serde_json::to_string(&Bond::tie(by, token, &once)).map_err(|e| damaged(&e))?;
        let id = SecretDigest::of(&once).key_id().ok_or_else(super::unknown)?;
        self.records.put(KIND, &id, &text, Some(expires), When::Absent).await?;
        Ok(Link { once, expires })
    }

    /// Uses a link up: who made it and the digest of his token, if both still are what they were.
    pub(super) async fn use_link(
        &self,
        once: &str,
    ) -> Result<Option<(Principal, SecretDigest)>, Problem> {
        let Some(id) = SecretDigest::of(once).key_id() else { return Ok(None) };
        let Some(text) = self.records.take(KIND, &id).await? else { return Ok(None) };
        let bond = serde_json::from_str(&text).map_err(|e| damaged(&e))?;
        self.tied(&bond, once).await
    }
}

fn damaged(error: &serde_json::Error) -> Problem {
    let detail = format!("the record of a sign-in link is damaged: {error}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

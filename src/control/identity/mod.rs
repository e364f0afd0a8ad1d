//! Who asks: the configured token, an admin token from the ledger, or a browser that logged in.
//!
//! `token`, `login` and `link` are what the ledger keeps, by their digests only; a `bond` ties the
//! latter two to a token; `origin` says from which page a browser asks; `pace` counts how often.
//!
//! Invariants: what the ledger says of a token or a login is believed for less than a second, so a
//! revocation reaches every proxy within one. No secret leaves this module but in the answer that
//! makes it. Whoever asks too often is told when to come again, before anything is looked at.

mod bond;
mod link;
mod login;
mod origin;
mod pace;
mod token;

pub use link::LINK_LIFE;
pub(super) use link::Link;
pub(super) use login::{Login, Made, With};
pub(super) use token::{AdminToken, NewToken};

use super::principal::Principal;
use super::problem::Problem;
use super::scope::Scopes;
use crate::clock::{Clock, UnixMs};
use crate::config::Protection;
use crate::ids::Id;
use crate::ledger::{RecordError, Records};
use crate::secret::SecretDigest;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts as Head;
use axum::http::{Request, StatusCode};
use moka::sync::Cache;
use pace::{Address, Pace};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// For how long the ledger's word is believed.
const BELIEVED: Duration = Duration::from_millis(750);
const MOST_BELIEVED: u64 = 10_000;

/// What the names of those with a token from the ledger begin with.
const TOKEN: &str = "token:";

/// Finds out who asks.
pub struct Identity {
    configured: SecretDigest,
    records: Arc<dyn Records>,
    clock: Clock,
    protection: Protection,
    /// The admin plane is reached over TLS.
    tls: bool,
    tokens: Cache<Id, Option<Arc<AdminToken>>>,
    logins: Cache<Id, Option<Arc<Login>>>,
    asked: Pace<String>,
    wrong_tokens: Pace<Address>,
    failed_logins: Pace<Address>,
    links: Pace<String>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("protection", &self.protection).finish_non_exhaustive()
    }
}

/// Who asks, and how that is known.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) by: Arc<Principal>,
    /// The login of a browser; `None`: a token.
    pub(super) login: Option<Arc<Login>>,
}

impl Identity {
    /// Knows the token of the configuration, and those in the ledger.
    pub fn new(
        configured: SecretDigest,
        records: Arc<dyn Records>,
        clock: Clock,
        protection: Protection,
        tls: bool,
    ) -> Self {
        let (requests, failures) =
            (protection.requests_per_minute, protection.auth_failures_per_minute);
        Self {
            configured,
            records,
            clock,
            protection,
            tls,
            tokens: believed(),
            logins: believed(),
            asked: Pace::new(requests),
            wrong_tokens: Pace::new(failures),
            failed_logins: Pace::new(failures),
            links: Pace::new(link::A_MINUTE),
        }
    }

    /// Whether the admin plane is reached over TLS.
    pub fn is_over_tls(&self) -> bool {
        self.tls
    }

    /// Who makes a request with these headers, or why nobody may.
    pub(super) async fn find(&self, head: &Head) -> Result<Found, Problem> {
        let found = if head.headers.contains_key(header::AUTHORIZATION) {
            self.by_bearer(head).await?
        } else {
            self.by_cookie(head).await?
        };
        let now = self.clock.now();
        self.asked.take(&found.by.name, now).map_err(|wait| {
            let most = self.protection.requests_per_minute;
            let detail = format!("{} asks more than {most} times a minute", found.by.name);
            slow(detail, wait)
        })?;
        Ok(found)
    }

    async fn by_bearer(&self, head: &Head) -> Result<Found, Problem> {
        let sent = bearer(&head.headers).ok_or_else(unknown)?;
        match self.holder(sent).await? {
            Some(by) => Ok(Found { by: Arc::new(by), login: None }),
            None => Err(self.wrong(&self.wrong_tokens, head, "tokens")),
        }
    }

    /// Who has this token.
    async fn holder(&self, text: &str) -> Result<Option<Principal>, Problem> {
        if SecretDigest::of(text).matches(&self.configured) {
            return Ok(Some(Principal::configured()));
        }
        let Some(id) = token::id_of(text) else { return Ok(None) };
        let found = self.token(&id).await?;
        let now = self.clock.now();
        Ok(found.filter(|token| token.is_text(text, now)).map(|token| holder_of(&id, &token)))
    }

    /// Counts a wrong secret from an address; what its sender is told.
    fn wrong(&self, pace: &Pace<Address>, head: &Head, what: &str) -> Problem {
        match pace.take(&Address::of(head), self.clock.now()) {
            Ok(()) => unknown(),
            Err(wait) => slow(format!("too many wrong {what} came from this address"), wait),
        }
    }

    /// The login of the page of ours that a request comes from. Unlike others, it has to say so.
    pub(super) async fn logged_in_page(&self, head: &Head) -> Result<Principal, Problem> {
        if !head.headers.contains_key(header::ORIGIN) {
            let detail = "with a cookie only a page may connect, which names its origin";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        origin::own(head)?;
        self.by_cookie(head).await.map(|found| Principal::clone(&found.by))
    }

    /// Refuses what comes from a page that is neither ours nor allowed.
    pub(super) fn allowed_page(&self, head: &Head) -> Result<(), Problem> {
        let origin = head.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let allowed = &self.protection.allowed_origins;
        if origin.is_some_and(|origin| allowed.iter().any(|one| one == origin)) {
            return Ok(());
        }
        origin::own(head)
    }

    /// Whether whoever came may still be here: with this cookie, or by the token of that name. Where
    /// the ledger does not say, he may.
    pub(super) async fn still_holds(&self, by: &Principal, cookie: Option<&HeaderValue>) -> bool {
        if let Some(cookie) = cookie {
            let mut head = Request::new(()).into_parts().0;
            head.headers.insert(header::COOKIE, cookie.clone());
            let found = self.by_cookie(&head).await;
            return !found.is_err_and(|problem| problem.status == StatusCode::UNAUTHORIZED);
        }
        let Some(id) = by.name.strip_prefix(TOKEN).and_then(|id| id.parse::<Id>().ok()) else {
            return true;
        };
        match self.token(&id).await {
            Ok(token) => token.is_some_and(|token| token.lives(self.clock.now())),
            Err(_) => true,
        }
    }

    /// When the token of a principal expires; what it grants cannot last longer.
    pub(super) async fn expiry(&self, by: &Principal) -> Result<Option<UnixMs>, Problem> {
        let id = by.name.strip_prefix(TOKEN).and_then(|id| id.parse::<Id>().ok());
        match id {
            Some(id) => Ok(self.token(&id).await?.and_then(|token| token.expires)),
            None => Ok(None),
        }
    }
}

fn believed<T: Clone + Send + Sync + 'static>() -> Cache<Id, T> {
    Cache::builder().max_capacity(MOST_BELIEVED).time_to_live(BELIEVED).build()
}

fn holder_of(id: &Id, token: &AdminToken) -> Principal {
    Principal {
        name: format!("{TOKEN}{id}"),
        scopes: Scopes::clone(&token.scopes),
        workspace: token.workspace.clone(),
    }
}

/// The token of the only `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, sent) = value.to_str().ok()?.split_once(' ')?;
    Some(sent.trim()).filter(|sent| scheme.eq_ignore_ascii_case("bearer") && !sent.is_empty())
}

pub(super) fn unknown() -> Problem {
    let detail = "the admin token is missing or wrong: send `Authorization: Bearer TOKEN`, or log \
                  in with POST /api/v1/session";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

fn slow(detail: String, wait: Duration) -> Problem {
    let seconds = wait.as_secs();
    let detail = format!("{detail}; try again in {seconds} s");
    Problem { retry: Some(wait), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, detail) }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        let (status, retry) = match &error {
            RecordError::TooLong(_) => (StatusCode::PAYLOAD_TOO_LARGE, None),
            RecordError::Full(_) => (StatusCode::CONFLICT, None),
            RecordError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(2)),
        };
        Self { retry: retry.map(Duration::from_secs), ..Self::new(status, error.to_string()) }
    }
}

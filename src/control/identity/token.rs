//! Admin tokens in the ledger: their text, what is kept of one, and what becomes of it.
//!
//! A token reads `fb-adm-ID-SECRET`. The id finds its record; of the secret there are only digests.

use super::super::problem::Problem;
use super::super::scope::{Scope, Scopes};
use super::{Identity, TOKEN};
use crate::clock::UnixMs;
use crate::ids::Id;
use crate::ledger::{Page, RecordKind, When};
use crate::secret::{SecretDigest, random_text};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const KIND: RecordKind = RecordKind::AdminToken;
const PREFIX: &str = "fb-adm-";
const ID_LENGTH: usize = 16;
/// How long one that expired is still listed.
const LISTED_MS: i64 = 30 * 86_400_000;
/// How often a change is tried that others come before.
const TRIES: usize = 5;

/// A token as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::control) struct AdminToken {
    /// A text for people.
    pub(in crate::control) name: String,
    /// What it may do.
    #[serde(with = "words")]
    pub(in crate::control) scopes: Scopes,
    /// The only workspace that it sees.
    pub(in crate::control) workspace: Option<Id>,
    pub(in crate::control) created: UnixMs,
    pub(in crate::control) created_by: String,
    /// When it stops working.
    pub(in crate::control) expires: Option<UnixMs>,
    /// The SHA-256 of its text.
    digest: String,
    /// The one before the last rotation, until its grace is over.
    previous: Option<(String, UnixMs)>,
}

/// Scopes as a list of words. One that this version does not know grants nothing.
mod words {
    use super::{Scope, Scopes};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(scopes: &Scopes, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(scopes.iter().map(|scope| scope.to_string()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Scopes, D::Error> {
        let words = Vec::<String>::deserialize(from)?;
        Ok(words.iter().filter_map(|word| word.parse::<Scope>().ok()).collect())
    }
}

/// What a new token is made of.
#[derive(Debug)]
pub(in crate::control) struct NewToken {
    pub(in crate::control) name: String,
    pub(in crate::control) scopes: Scopes,
    pub(in crate::control) workspace: Option<Id>,
    pub(in crate::control) expires: Option<UnixMs>,
    pub(in crate::control) created_by: String,
}

/// The id in the text of a token.
pub(super) fn id_of(text: &str) -> Option<Id> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('-')?;
    let whole = id.len() == ID_LENGTH && !secret.is_empty();
    id.parse().ok().filter(|_| whole)
}

fn text_of(id: &Id) -> String {
    format!("{PREFIX}{id}-{}", random_text())
}

impl AdminToken {
    /// Whether it works at all.
    pub(in crate::control) fn lives(&self, now: UnixMs) -> bool {
        self.expires.is_none_or(|at| at > now)
    }

    /// Whether this is its text, compared in constant time.
    pub(super) fn is_text(&self, text: &str, now: UnixMs) -> bool {
        self.lives(now) && self.digests(now).any(|digest| digest.matches(&SecretDigest::of(text)))
    }

    /// The digests of the texts that work.
    pub(super) fn digests(&self, now: UnixMs) -> impl Iterator<Item = SecretDigest> {
        let previous = self.previous.as_ref().filter(|(_, until)| *until > now);
        let all = [Some(&self.digest), previous.map(|(digest, _)| digest)];
        all.into_iter().flatten().filter_map(|hex| SecretDigest::from_hex(hex))
    }

    fn stored(&self) -> Result<(String, Option<UnixMs>), Problem> {
        let text = serde_json::to_string(self).map_err(|e| damaged(&e))?;
        Ok((text, self.expires.map(|at| at.saturating_add(LISTED_MS))))
    }
}

fn read(text: &str) -> Result<AdminToken, Problem> {
    serde_json::from_str(text).map_err(|e| damaged(&e))
}

fn damaged(error: &serde_json::Error) -> Problem {
    let detail = format!("the record of an admin token is damaged: {error}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

impl Identity {
    /// A token as the ledger has, or had it less than a second ago.
    pub(in crate::control) async fn token(
        &self,
        id: &Id,
    ) -> Result<Option<Arc<AdminToken>>, Problem> {
        if let Some(known) = self.tokens.get(id) {
            return Ok(known);
        }
        let text = self.records.get(KIND, id).await?;
        let found = text.as_deref().map(read).transpose()?.map(Arc::new);
        self.tokens.insert(id.clone(), found.clone());
        Ok(found)
    }

    /// Makes a token: its id, what is kept of it, and its text.
    pub(in crate::control) async fn make_token(
        &self,
        new: NewToken,
    ) -> Result<(Id, AdminToken, String), Problem> {
        let random: String = random_text().chars().take(ID_LENGTH).collect();
        let id: Id = random.parse().map_err(|e| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no id for the token: {e}"))
        })?;
        let text = text_of(&id);
        let token = AdminToken {
            name: new.name,
            scopes: new.scopes,
            workspace: new.workspace,
            created: self.clock.now(),
            created_by: new.created_by,
            expires: new.expires,
            digest: SecretDigest::of(&text).hex(),
            previous: None,
        };
        let (stored, expires) = token.stored()?;
        if !self.records.put(KIND, &id, &stored, expires, When::Absent).await? {
            return Err(Problem::conflict("the id of the new token is taken; try again"));
        }
        self.tokens.invalidate(&id);
        Ok((id, token, text))
    }

    /// Gives a token a new text; the old one works until the grace is over. `None` where there is
    /// no such token.
    pub(in crate::control) async fn rotate_token(
        &self,
        id: &Id,
        grace: i64,
    ) -> Result<Option<(AdminToken, String)>, Problem> {
        let text = text_of(id);
        for _ in 0..TRIES {
            let Some(old) = self.records.get(KIND, id).await? else { return Ok(None) };
            let mut token = read(&old)?;
            let now = self.clock.now();
            let retired = std::mem::replace(&mut token.digest, SecretDigest::of(&text).hex());
            token.previous = (grace > 0).then(|| (retired, now.saturating_add(grace)));
            let (stored, expires) = token.stored()?;
            let put = self.records.put(KIND, id, &stored, expires, When::Is(&old)).await?;
            self.tokens.invalidate(id);
            if put {
                return Ok(Some((token, text)));
            }
        }
        Err(Problem::conflict(format!("{TOKEN}{id} is being changed by others; try again")))
    }

    /// Ends a token; whether it was there.
    pub(in crate::control) async fn revoke_token(&self, id: &Id) -> Result<bool, Problem> {
        let removed = self.records.remove(KIND, id).await;
        self.tokens.invalidate(id);
        Ok(removed?)
    }

    /// Ends the tokens of a workspace that is gone, so that nobody who makes one of the same name
    /// has them.
    pub(in crate::control) async fn forget_workspace(&self, workspace: &Id) -> Result<(), Problem> {
        let mut after = None;
        loop {
            let page = self.tokens_after(after.as_ref(), 200).await?;
            for (id, token) in page.entries {
                if token.workspace.as_ref() == Some(workspace) {
                    self.revoke_token(&id).await?;
                }
                after = Some(id);
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// A page of tokens by id, as the ledger has them now.
    pub(in crate::control) async fn tokens_after(
        &self,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<Page<(Id, AdminToken)>, Problem> {
        let page = self.records.list(KIND, after, limit).await?;
        let read = |(id, text): (Id, String)| read(&text).map(|token| (id, token));
        let entries = page.entries.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page { entries, next: page.next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(digest: &str, previous: Option<(String, UnixMs)>) -> AdminToken {
        AdminToken {
            name: "ci".to_owned(),
            scopes: Scopes::admin(),
            workspace: None,
            created: 0,
            created_by: "admin".to_owned(),
            expires: Some(1000),
            digest: SecretDigest::of(digest).hex(),
            previous: previous.map(|(text, at)| (SecretDigest::of(&text).hex(), at)),
        }
    }

    #[test]
    fn a_text_works_until_it_expires_and_an_old_one_until_its_grace_is_over() {
        let token = token("new", Some(("old".to_owned(), 500)));
        assert!(token.is_text("new", 999) && !token.is_text("new", 1000));
        assert!(token.is_text("old", 499) && !token.is_text("old", 500));
        assert!(!token.is_text("other", 0));
    }

    #[test]
    fn what_is_kept_is_read_again_and_has_no_secret() {
        let id: Id = "0123456789abcdef".parse().unwrap();
        let text = text_of(&id);
        assert_eq!((text.len(), id_of(&text)), (67, Some(id)));
        let kept = serde_json::to_string(&token(&text, None)).unwrap();
        assert!(!kept.contains(&text) && !kept.contains(text.rsplit('-').next().unwrap()));
        assert_eq!(read(&kept).unwrap(), token(&text, None));
        for bad in ["", "fb-adm-", "fb-adm-short-x", "fb-adm-0123456789abcdef-", "sk-fb-x"] {
            assert_eq!(id_of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_scope_of_a_later_version_grants_nothing() {
        let kept = serde_json::to_string(&token("x", None)).unwrap();
        let later = kept.replace("\"admin\"]", "\"users:read\",\"moon:write\"]");
        let scopes: Vec<String> =
            read(&later).unwrap().scopes.iter().map(|s| s.to_string()).collect();
        assert_eq!(scopes, ["users:read"]);
    }
}

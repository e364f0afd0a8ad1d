//! The audit: who changed what, kept beside the ledger. Pure; both back ends use it.
//!
//! Invariants: an entry never changes. It holds no secret, for neither do the objects it is made of.

use super::registry::{Page, RegistryError};
use super::sorting::bad_cursor;
use crate::clock::UnixMs;
use crate::ids::Id;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;

/// So many entries are kept; the oldest go first.
pub(super) const KEPT: u64 = 100_000;
/// For so long.
pub(super) const KEPT_MS: i64 = 400 * 86_400_000;

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 1000;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its name, a UUID.
    pub id: String,
    /// When.
    pub time: UnixMs,
    /// Who: the name of a token.
    pub actor: String,
    /// What was done: `user.create`.
    pub action: String,
    /// What it was done to: `user:alice`.
    pub account: String,
    /// The workspace that may see it; `None` where it concerns all.
    pub workspace: Option<Id>,
    /// What differs, as it was.
    pub before: Value,
    /// What differs, as it is.
    pub after: Value,
    /// By which way: `api`, `cli`, `dashboard` or `file`.
    pub source: String,
    /// The request that did it, if one did.
    pub request_id: Option<String>,
}

/// Which entries to read, newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Only of this account.
    pub account: Option<String>,
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only this action; `user.` are all that begin so.
    pub action: Option<String>,
    /// At or after.
    pub since: Option<UnixMs>,
    /// Before.
    pub until: Option<UnixMs>,
    /// Only what this workspace may see.
    pub workspace: Option<Id>,
    /// The cursor of the page before.
    pub after: Option<String>,
    /// At most so many; 0 stands for 50.
    pub limit: usize,
}

impl AuditQuery {
    /// Whether an entry is asked for.
    pub(super) fn wants(&self, entry: &AuditEntry) -> bool {
        let is =
            |asked: &Option<String>, text: &str| asked.as_ref().is_none_or(|asked| asked == text);
        let acts = |asked: &String| {
            *asked == entry.action || asked.ends_with('.') && entry.action.starts_with(asked)
        };
        is(&self.account, &entry.account)
            && is(&self.actor, &entry.actor)
            && self.action.as_ref().is_none_or(acts)
            && self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time < until)
            && (self.workspace.is_none() || self.workspace == entry.workspace)
    }

    /// Whether this entry and all older ones are too old.
    pub(super) fn too_old(&self, entry: &AuditEntry) -> bool {
        self.since.is_some_and(|since| entry.time < since.saturating_sub(super::query::SLACK_MS))
    }

    /// Where to go on.
    pub(super) fn place<T: FromStr>(&self) -> Result<Option<T>, RegistryError> {
        let read = |text: &String| text.parse().map_err(|_| bad_cursor(text));
        self.after.as_ref().map(read).transpose()
    }
}

/// A page of entries that is being read, newest first.
pub(super) struct Reading<'a, C> {
    query: &'a AuditQuery,
    size: usize,
    entries: Vec<AuditEntry>,
    last: Option<C>,
    more: bool,
}

impl<'a, C: ToString> Reading<'a, C> {
    pub(super) fn new(query: &'a AuditQuery) -> Self {
        let size = if query.limit == 0 { PAGE } else { query.limit.min(LARGEST_PAGE) };
        Self { query, size, entries: Vec::new(), last: None, more: false }
    }

    /// Takes the next older entry; whether more are wanted.
    pub(super) fn take(&mut self, at: C, entry: AuditEntry) -> bool {
        if self.query.too_old(&entry) {
            return false;
        }
        if !self.query.wants(&entry) {
            return true;
        }
        self.more = self.entries.len() == self.size;
        if !self.more {
            self.entries.push(entry);
            self.last = Some(at);
        }
        !self.more
    }

    pub(super) fn page(self) -> Page<AuditEntry> {
        let next = self.last.filter(|_| self.more).map(|at| at.to_string());
        Page { entries: self.entries, next }
    }
}

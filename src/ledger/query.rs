//! How lists and queries select; both back ends use it. Pure.

use super::order::UsageEvent;
use super::registry::{EventQuery, KeyFacts, ListFilter, RegistryError};
use crate::clock::UnixMs;
use crate::ids::Id;
use std::str::FromStr;

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 10_000;
/// How far a clock may have stepped back between two events.
pub(super) const SLACK_MS: i64 = 3_600_000;

impl ListFilter {
    /// Entries of one page: `limit`, 50 where that is 0.
    pub(super) fn page_size(&self) -> usize {
        size(self.limit)
    }

    /// Whether an account of this workspace, perhaps a key, is asked for.
    pub(super) fn wants(&self, workspace: Option<&Id>, key: Option<&KeyFacts>) -> bool {
        let owner = key.map(|facts| &facts.user);
        (self.workspace.is_none() || self.workspace.as_ref() == workspace)
            && (self.user.is_none() || self.user.as_ref() == owner)
    }
}

impl EventQuery {
    /// Entries of one page: `limit`, 50 where that is 0.
    pub(super) fn page_size(&self) -> usize {
        size(self.limit)
    }

    /// Whether so many events are all that may be looked at for one page.
    pub(super) fn read_enough(&self, read: usize) -> bool {
        self.reads.is_some_and(|most| read >= most.max(1))
    }

    /// Whether this event and all older ones are before `since`.
    pub(super) fn too_old(&self, event: &UsageEvent) -> bool {
        self.since.is_some_and(|since| event.settled < since.saturating_sub(SLACK_MS))
    }

    /// No event is asked for that comes after one of this moment or later.
    pub(super) fn no_later(&self) -> Option<UnixMs> {
        self.until.map(|until| until.saturating_add(SLACK_MS))
    }

    /// Whether an event is asked for.
    pub(super) fn wants(&self, event: &UsageEvent) -> bool {
        let is = |asked: &Option<Id>, id: &Id| asked.as_ref().is_none_or(|asked| asked == id);
        let named =
            |asked: &Option<String>, name: &str| asked.as_ref().is_none_or(|asked| asked == name);
        self.since.is_none_or(|since| event.settled >= since)
            && self.until.is_none_or(|until| event.settled < until)
            && is(&self.user, &event.payers.user)
            && is(&self.key, &event.payers.key)
            && is(&self.workspace, &event.payers.workspace)
            && named(&self.model, &event.facts.model)
            && named(&self.provider, &event.facts.provider)
            && named(&self.credential, &event.facts.credential)
            && self.ending.is_none_or(|ending| ending == event.ending)
            && self.statuses.as_ref().is_none_or(|asked| asked.contains(&event.status))
    }

    /// Where to go on, or `start`.
    pub(super) fn cursor<T: FromStr>(&self, start: T) -> Result<T, RegistryError> {
        match &self.after {
            Some(text) => text.parse().map_err(|_| {
                let shown: String = text.chars().take(80).collect();
                let way = "pass the next_cursor of the page before, or none";
                RegistryError::Invalid(format!("`{shown}` is not a cursor; {way}"))
            }),
            None => Ok(start),
        }
    }
}

fn size(limit: usize) -> usize {
    if limit == 0 { PAGE } else { limit.min(LARGEST_PAGE) }
}

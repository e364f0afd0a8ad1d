//! How workspaces stood at moments of the past: what a snapshot holds, its stored form, and how
//! snapshots are asked for. Pure but for the trait that both back ends implement. Who takes them is
//! in `history`.
//!
//! Invariants: of a workspace and a moment there is one snapshot. What was kept first stays. None is
//! seen, and none is kept, for longer than the retention time.

use super::BoxFuture;
use super::order::Unavailable;
use super::registry::{Page, RegistryError};
use super::sorting::bad_cursor;
use crate::clock::UnixMs;
use crate::ids::Id;
use crate::limit::Status;
use crate::money::NanoUsd;
use uuid::Uuid;

/// The namespace of their ids: made once at random, and the same for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_9a3e_52c4_4b0b_9e57_a8d1_c7f2_3e60);
/// What is between a workspace and its figures; below every character of an id.
const BETWEEN: char = ' ';
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;
/// Moments that are looked at for one page.
const MOST_MOMENTS: usize = 10_000;

/// How a workspace stood at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose.
    pub workspace: Id,
    /// When; the figures are those of the periods that this moment ends or interrupts.
    pub at: UnixMs,
    /// How far the moments lie apart, in milliseconds.
    pub every_ms: i64,
    /// Requests that were settled in the minute.
    pub minute_requests: i64,
    /// Requests that were settled on the day.
    pub day_requests: i64,
    /// Calls of the day that failed.
    pub day_failed: i64,
    /// Tokens of the month.
    pub month_tokens: i64,
    /// Charges of the day.
    pub day_cost: NanoUsd,
    /// Charges of the month.
    pub month_cost: NanoUsd,
    /// What calls under way held.
    pub held: NanoUsd,
    /// The status word.
    pub status: Status,
}

impl Snapshot {
    /// Its name: a UUID of version 5 of the workspace and the moment, so that whoever takes it gives
    /// it the same.
    pub fn id(&self) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("{}/{}", self.workspace, self.at).as_bytes())
    }

    /// The stored form, without workspace and moment.
    pub(super) fn figures(&self) -> String {
        let numbers = [
            self.every_ms,
            self.minute_requests,
            self.day_requests,
            self.day_failed,
            self.month_tokens,
            self.day_cost.get(),
            self.month_cost.get(),
            self.held.get(),
        ];
        numbers.map(|number| number.to_string()).join(" ") + " " + self.status.as_str()
    }

    /// Reads what [`Snapshot::figures`] writes; `None` where it is something else.
    pub(super) fn read(workspace: Id, at: UnixMs, figures: &str) -> Option<Self> {
        let mut words = figures.split(' ');
        let mut next = || words.next();
        let mut number = || next()?.parse::<i64>().ok();
        Some(Self {
            workspace,
            at,
            every_ms: number()?,
            minute_requests: number()?,
            day_requests: number()?,
            day_failed: number()?,
            month_tokens: number()?,
            day_cost: NanoUsd::new(number()?),
            month_cost: NanoUsd::new(number()?),
            held: NanoUsd::new(number()?),
            status: Status::parse(next()?)?,
        })
    }

    /// Workspace and figures as one text; such texts of a moment sort by their workspaces.
    pub(super) fn row(&self) -> String {
        format!("{}{BETWEEN}{}", self.workspace, self.figures())
    }

    /// Reads what [`Snapshot::row`] writes.
    pub(super) fn read_row(at: UnixMs, row: &str) -> Option<Self> {
        let (workspace, figures) = row.split_once(BETWEEN)?;
        Self::read(workspace.parse().ok()?, at, figures)
    }
}

/// Which snapshots to read: the newest first, those of a moment by their workspaces.
#[derive(Debug, Clone, Default)]
pub struct SnapshotQuery {
    /// Only of this workspace.
    pub workspace: Option<Id>,
    /// At or after.
    pub since: Option<UnixMs>,
    /// Before.
    pub until: Option<UnixMs>,
    /// The cursor of the page before.
    pub after: Option<String>,
    /// At most so many, 200 at most; 0 stands for 50.
    pub limit: usize,
}

/// Snapshots, on either back end.
pub trait Snapshots: Send + Sync + 'static {
    /// Keeps how workspaces stood at one moment, for the retention time; how many of them were not
    /// kept yet. All of them have the moment of the first.
    fn keep<'a>(&'a self, some: &'a [Snapshot]) -> BoxFuture<'a, Result<usize, Unavailable>>;

    /// Snapshots, newest first. A page may have fewer than asked for, and none, and go on, where a
    /// workspace has none at many moments.
    fn snapshots<'a>(
        &'a self,
        query: &'a SnapshotQuery,
    ) -> BoxFuture<'a, Result<Page<Snapshot>, RegistryError>>;
}

/// Where to read on: the moment, and the workspace that was shown last of it.
#[derive(Debug)]
struct Place {
    at: UnixMs,
    workspace: Option<Id>,
}

/// A page that is being read: the back end asks where to look next, and shows what is there.
pub(super) struct Reading<'a> {
    query: &'a SnapshotQuery,
    oldest: UnixMs,
    size: usize,
    place: Place,
    found: Vec<Snapshot>,
    looked: usize,
}

impl<'a> Reading<'a> {
    /// Of those that are not older than `oldest`.
    pub(super) fn new(query: &'a SnapshotQuery, oldest: UnixMs) -> Result<Self, RegistryError> {
        let size = if query.limit == 0 { PAGE } else { query.limit.min(LARGEST_PAGE) };
        let newest = query.until.map_or(UnixMs::MAX, |until| until.saturating_sub(1));
        let mut place = Place { at: newest, workspace: None };
        if let Some(cursor) = &query.after {
            let (at, id) = cursor.split_once('.').ok_or_else(|| bad_cursor(cursor))?;
            let at = at.parse().map_err(|_| bad_cursor(cursor))?;
            let id = id.parse().map_err(|_| bad_cursor(cursor))?;
            place = if at > newest { place } else { Place { at, workspace: Some(id) } };
        }
        let oldest = query.since.map_or(oldest, |since| since.max(oldest));
        Ok(Self { query, oldest, size, place, found: Vec::new(), looked: 0 })
    }

    /// The oldest moment that is asked for.
    pub(super) fn oldest(&self) -> UnixMs {
        self.oldest
    }

    /// At or before which moment the next one is.
    pub(super) fn newest(&self) -> UnixMs {
        self.place.at
    }

    /// After which workspace to read of a moment.
    pub(super) fn after(&self, at: UnixMs) -> Option<&Id> {
        self.place.workspace.as_ref().filter(|_| at == self.place.at)
    }

    /// The only workspace that is asked for.
    pub(super) fn only(&self) -> Option<&Id> {
        self.query.workspace.as_ref()
    }

    /// How many are to be read of a moment at most: one more than there is room for.
    pub(super) fn room(&self) -> usize {
        self.size.saturating_sub(self.found.len()).saturating_add(1)
    }

    /// Takes what there is of a moment, in order; whether moments before it are wanted.
    pub(super) fn take(&mut self, at: UnixMs, some: impl IntoIterator<Item = Snapshot>) -> bool {
        self.found.extend(some);
        self.looked = self.looked.saturating_add(1);
        self.place = Place { at: at.saturating_sub(1), workspace: None };
        self.found.len() <= self.size && self.looked < MOST_MOMENTS
    }

    /// The page; `ended`: there are no moments left.
    pub(super) fn page(mut self, ended: bool) -> Page<Snapshot> {
        let full = self.found.len() > self.size;
        self.found.truncate(self.size);
        let cursor = |at: UnixMs, id: &Id| format!("{at}.{id}");
        let last = self.found.last().map(|last| cursor(last.at, &last.workspace));
        let next = match &self.query.workspace {
            _ if full => last,
            Some(only) if !ended => Some(cursor(self.place.at.saturating_add(1), only)),
            _ => last.filter(|_| !ended),
        };
        Page { entries: self.found, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(workspace: &str) -> Snapshot {
        Snapshot {
            workspace: workspace.parse().unwrap(),
            at: 1_794_000_000_000,
            every_ms: 300_000,
            minute_requests: 1,
            day_requests: 2,
            day_failed: 3,
            month_tokens: 9_007_199_254_740_993,
            day_cost: NanoUsd::new(5),
            month_cost: NanoUsd::new(i64::MAX),
            held: NanoUsd::new(0),
            status: Status::QuotaExceeded,
        }
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let one = snapshot("a-b.c_D");
        assert_eq!(Snapshot::read_row(one.at, &one.row()), Some(one.clone()));
        assert_eq!(Snapshot::read_row(one.at, "a 1 2 3"), None);
        // Rows sort as ids do, also where one id begins with the other.
        assert!(snapshot("a").row() < snapshot("a-b").row());
        assert!(snapshot("a").row() < snapshot("a.b").row());
    }

    #[test]
    fn r116_an_id_is_a_uuid_of_workspace_and_moment() {
        let (one, same) = (snapshot("eng"), snapshot("eng"));
        assert_eq!(one.id(), Snapshot { month_tokens: 7, ..same }.id());
        assert_eq!(one.id().get_version_num(), 5);
        assert_ne!(one.id(), snapshot("ops").id());
        assert_ne!(one.id(), Snapshot { at: one.at + 1, ..snapshot("eng") }.id());
    }
}

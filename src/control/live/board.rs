//! What live clients are to be shown: of each account the latest figures, and the last alerts, in
//! the order in which they came. Pure.
//!
//! Invariants: an account stands here once, so whoever comes late finds the latest and no backlog.
//! A client is a position in this list and costs nothing else. Of more than fits the oldest is
//! forgotten, and whoever has not seen it learns that something is missing.

use crate::ids::{AccountId, Id};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// So many updates are kept.
const MOST: usize = 4_096;

/// What an update is about; also the `type` of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The figures of a user.
    Quota,
    /// An alert.
    Alert,
    /// The figures of a credential.
    Provider,
}

impl Kind {
    /// The `type` of the message.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota_update",
            Self::Alert => "alert",
            Self::Provider => "provider_update",
        }
    }
}

/// Something that live clients are to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) kind: Kind,
    /// Whose figures, or whom an alert is about, where it is about somebody.
    pub(super) account: Option<AccountId>,
    /// The user to whom it belongs.
    pub(super) user: Option<Id>,
    /// The workspace to which it belongs.
    pub(super) workspace: Option<Id>,
    /// The `data` of the message, JSON.
    pub(super) data: Bytes,
}

/// What replaces what: figures of an account replace earlier ones, alerts replace nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Figures(Option<AccountId>),
    Alert(u64),
}

/// Where a client that has seen all up to a position goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// It has seen everything that it may see, up to this position.
    Nothing(u64),
    /// This one, at this position.
    Update(u64, Arc<Update>),
    /// Something that it has not seen is forgotten.
    Lost,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Board {
    position: u64,
    /// What stood up to here is forgotten.
    forgotten: u64,
    latest: HashMap<Subject, u64>,
    updates: BTreeMap<u64, (Subject, Arc<Update>)>,
}

impl Board {
    /// Where whoever comes now begins.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Puts an update up, in place of an earlier one about the same.
    pub(super) fn put(&mut self, update: Update) -> u64 {
        self.position += 1;
        let subject = match update.kind {
            Kind::Alert => Subject::Alert(self.position),
            Kind::Quota | Kind::Provider => Subject::Figures(update.account.clone()),
        };
        if let Some(earlier) = self.latest.insert(subject.clone(), self.position) {
            self.updates.remove(&earlier);
        }
        self.updates.insert(self.position, (subject, Arc::new(update)));
        if self.updates.len() > MOST
            && let Some((position, (subject, _))) = self.updates.pop_first()
        {
            self.latest.remove(&subject);
            self.forgotten = position;
        }
        self.position
    }

    /// Forgets everything: what is not here may have happened, too.
    pub(super) fn forget(&mut self) -> u64 {
        self.position += 1;
        self.forgotten = self.position;
        self.latest.clear();
        self.updates.clear();
        self.position
    }

    /// The first update after a position that `hears` wants.
    pub(super) fn next(&self, after: u64, hears: impl Fn(&Update) -> bool) -> Next {
        if after < self.forgotten {
            return Next::Lost;
        }
        let mut later = self.updates.range(after.saturating_add(1)..);
        match later.find(|(_, (_, update))| hears(update)) {
            Some((position, (_, update))) => Next::Update(*position, update.clone()),
            None => Next::Nothing(self.position.max(after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(kind: Kind, account: &str, text: &'static str) -> Update {
        let account = account.parse().ok();
        Update {
            kind,
            account,
            user: None,
            workspace: None,
            data: Bytes::from_static(text.as_bytes()),
        }
    }

    /// What a client that stands at `after` is shown, and where it stands then.
    fn shown(board: &Board, mut after: u64) -> (Vec<String>, u64) {
        let mut texts = Vec::new();
        while let Next::Update(position, update) = board.next(after, |_| true) {
            after = position;
            texts.push(String::from_utf8(update.data.to_vec()).unwrap());
        }
        (texts, after)
    }

    #[test]
    fn r051_who_comes_late_finds_the_latest_and_every_alert() {
        let mut board = Board::default();
        board.put(update(Kind::Quota, "user:a", "a1"));
        let (seen, at) = shown(&board, 0);
        assert_eq!(seen, ["a1"]);
        board.put(update(Kind::Alert, "user:a", "80"));
        board.put(update(Kind::Quota, "user:b", "b1"));
        board.put(update(Kind::Quota, "user:a", "a2"));
        board.put(update(Kind::Alert, "user:a", "90"));
        board.put(update(Kind::Quota, "user:a", "a3"));
        assert_eq!(shown(&board, at).0, ["80", "b1", "90", "a3"]);
        assert_eq!(shown(&board, board.position()).0, [] as [&str; 0]);
        let only_b = board.next(at, |update| update.account == "user:b".parse().ok());
        assert!(matches!(only_b, Next::Update(3, _)), "{only_b:?}");
    }

    #[test]
    fn who_misses_something_learns_of_it() {
        let mut board = Board::default();
        for n in 0..=MOST {
            board.put(update(Kind::Quota, &format!("user:u{n}"), "x"));
        }
        assert_eq!(board.next(0, |_| true), Next::Lost);
        assert_eq!(shown(&board, 1).0.len(), MOST);
        board.forget();
        assert_eq!(board.next(1, |_| true), Next::Lost);
        assert_eq!(board.next(board.position(), |_| true), Next::Nothing(board.position()));
        board.put(update(Kind::Quota, "user:a", "a"));
        assert_eq!(board.next(board.position() - 1, |_| false), Next::Nothing(board.position()));
    }
}

//! What the journal put aside because it was too old to be delivered unseen: reading it, and taking
//! out what was decided since.
//!
//! Invariant: a line that makes no sense stays where it is, for a person.

use super::order::{Settlement, UsageEvent};
use crate::ids::CallId;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::Path;

/// Beside the log; one settlement a line.
pub const UNAPPLIED: &str = "unapplied.jsonl";

/// What became of a settlement that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The ledger has not charged it; replaying does.
    Due,
    /// It was charged just now.
    Charged,
    /// The ledger has charged the call before, by itself or as an orphan.
    ChargedBefore,
    /// It asks for no charge: the call was not forwarded, or it is the end of an attempt, which
    /// counted when its hold ran out.
    Nothing,
    /// It cannot be told whether it was charged, or Redis refuses it; the text says why.
    Unclear(String),
}

impl Verdict {
    /// The word in JSON.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Charged => "charged",
            Self::ChargedBefore => "charged_before",
            Self::Nothing => "nothing",
            Self::Unclear(_) => "unclear",
        }
    }

    /// Whether nothing is left to do.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Charged | Self::ChargedBefore | Self::Nothing)
    }
}

/// A settlement that was put aside, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The settlement.
    pub settlement: Settlement,
    /// What became of it.
    pub verdict: Verdict,
}

impl Decided {
    /// The event of what it charges; `None` where it charges nothing.
    pub fn event(&self) -> Option<&UsageEvent> {
        match &self.settlement {
            Settlement::Post { event, .. } | Settlement::Defer { event, .. } => Some(event),
            Settlement::Void { .. } | Settlement::Attempt { .. } => None,
        }
    }
}

/// The first `most` settlements that were put aside in the journal of `dir`, each call once.
pub fn read(dir: &Path, most: usize) -> io::Result<Vec<Settlement>> {
    let Some(file) = open(dir)? else { return Ok(Vec::new()) };
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for line in BufReader::new(file).lines() {
        match serde_json::from_str::<Settlement>(&line?) {
            Ok(settlement) if seen.insert(settlement.id()) => found.push(settlement),
            Ok(_) => {}
            Err(why) => tracing::warn!("a line of {UNAPPLIED} makes no sense: {why}"),
        }
        if found.len() == most {
            break;
        }
    }
    Ok(found)
}

/// Takes out these calls. The file is replaced at once, and goes when it is empty.
pub fn take_out(dir: &Path, calls: &HashSet<CallId>) -> io::Result<()> {
    let Some(file) = open(dir)? else { return Ok(()) };
    let new = dir.join("unapplied.new");
    let mut left = false;
    let mut to = File::create(&new)?;
    for line in BufReader::new(file).lines() {
        let line = line?;
        let of = serde_json::from_str::<Settlement>(&line).ok();
        if !of.is_some_and(|settlement| calls.contains(&settlement.id())) {
            writeln!(to, "{line}")?;
            left = true;
        }
    }
    to.sync_all()?;
    if left {
        return std::fs::rename(&new, dir.join(UNAPPLIED));
    }
    std::fs::remove_file(dir.join(UNAPPLIED))?;
    std::fs::remove_file(&new)
}

fn open(dir: &Path) -> io::Result<Option<File>> {
    match File::open(dir.join(UNAPPLIED)) {
        Ok(file) => Ok(Some(file)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::Payers;
    use super::*;

    #[test]
    fn what_was_decided_is_taken_out_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let payers: Payers =
            serde_json::from_value(serde_json::json!({"key": "k", "user": "u", "workspace": "w"}))
                .unwrap();
        let void = |id| Settlement::Void { id, payers: payers.clone() };
        let (a, b) = (CallId::new(), CallId::new());
        let line = |id| serde_json::to_string(&void(id)).unwrap();
        let text = format!("{}\nnonsense\n{}\n{}\n", line(a), line(b), line(a));
        assert_eq!(read(dir.path(), 9).unwrap(), []);
        std::fs::write(dir.path().join(UNAPPLIED), text).unwrap();
        assert_eq!(read(dir.path(), 9).unwrap(), [void(a), void(b)]);
        assert_eq!(read(dir.path(), 1).unwrap(), [void(a)]);
        take_out(dir.path(), &[a].into()).unwrap();
        let left = std::fs::read_to_string(dir.path().join(UNAPPLIED)).unwrap();
        assert_eq!(left, format!("nonsense\n{}\n", line(b)));
        std::fs::write(dir.path().join(UNAPPLIED), line(b)).unwrap();
        take_out(dir.path(), &[b].into()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

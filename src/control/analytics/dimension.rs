//! By what answers are kept apart: whose calls they were, and when they were settled. Pure.

use super::super::fields::Read;
use super::super::value;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ledger::{self, Tier, UsageEvent};
use crate::limit::{Calendar, Window};
use serde_json::Value;

/// By what figures are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) enum Dimension {
    User,
    Key,
    Workspace,
    Provider,
    Credential,
    Model,
    /// Of the ledger's time zone.
    Day,
    Hour,
    Minute,
}

impl Dimension {
    /// Those of calls; they come first.
    pub(super) const OF_CALLS: [Self; 6] =
        [Self::User, Self::Key, Self::Workspace, Self::Provider, Self::Credential, Self::Model];
    /// Those that a question may name.
    pub(super) const ALL: [Self; 8] = [
        Self::User,
        Self::Key,
        Self::Workspace,
        Self::Provider,
        Self::Credential,
        Self::Model,
        Self::Day,
        Self::Hour,
    ];

    /// The word for it, which is also the name of its field.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Key => "key",
            Self::Workspace => "workspace",
            Self::Provider => "provider",
            Self::Credential => "credential",
            Self::Model => "model",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
        }
    }

    /// What the sums call it; `None` for those of time.
    pub(super) const fn summed(self) -> Option<ledger::Dimension> {
        Some(match self {
            Self::User => ledger::Dimension::User,
            Self::Key => ledger::Dimension::Key,
            Self::Workspace => ledger::Dimension::Workspace,
            Self::Provider => ledger::Dimension::Provider,
            Self::Credential => ledger::Dimension::Credential,
            Self::Model => ledger::Dimension::Model,
            Self::Day | Self::Hour | Self::Minute => return None,
        })
    }

    /// What it is of a call.
    pub(super) fn of(self, event: &UsageEvent, calendar: &Calendar) -> String {
        let (payers, facts) = (&event.payers, &event.facts);
        match self {
            Self::User => payers.user.to_string(),
            Self::Key => payers.key.to_string(),
            Self::Workspace => payers.workspace.to_string(),
            Self::Provider => facts.provider.clone(),
            Self::Credential => facts.credential.clone(),
            Self::Model => facts.model.clone(),
            Self::Day | Self::Hour | Self::Minute => self.at(event.settled, calendar),
        }
    }

    /// What it is of a moment: `2026-11-24`, `2026-11-24T21:00:00Z`. Empty for those of calls.
    pub(super) fn at(self, at: UnixMs, calendar: &Calendar) -> String {
        let begins = |window| calendar.begins(window, at).unwrap_or(at);
        match self {
            Self::Day => calendar.date(at).to_string(),
            Self::Hour => rfc3339_seconds(begins(Window::Hour)),
            Self::Minute => rfc3339_seconds(begins(Window::Minute)),
            _ => String::new(),
        }
    }
}

/// The shortest period that has to be told apart. Hours of UTC do not add up to days everywhere,
/// minutes do.
pub(super) fn grain(by: &[Dimension]) -> Option<Tier> {
    let has = |dimension| by.contains(&dimension);
    match (has(Dimension::Day), has(Dimension::Hour), has(Dimension::Minute)) {
        (_, _, true) | (true, true, _) => Some(Tier::Minute),
        (_, true, _) => Some(Tier::Hour),
        (true, ..) => Some(Tier::Day),
        _ => None,
    }
}

/// Reads a list with commas between, of these, each once.
pub(super) fn list(among: &'static [Dimension]) -> impl Fn(&Value) -> Read<Vec<Dimension>> {
    move |value| {
        let mut by = Vec::new();
        for word in value::text(value)?.split(',').map(str::trim) {
            let known = one(word, among)?;
            if !by.contains(&known) {
                by.push(known);
            }
        }
        Ok(by)
    }
}

/// Reads one of these.
pub(super) fn one(word: &str, among: &[Dimension]) -> Read<Dimension> {
    let found = among.iter().copied().find(|known| known.name() == word);
    found.ok_or_else(|| {
        let known: Vec<&str> = among.iter().map(|known| known.name()).collect();
        format!("`{word}` is not one of {}", known.join(", ")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_with_dashes() {
        let day = Dimension::Day.at(1_794_000_000_000, &Calendar::default());
        assert_eq!(day, "2026-11-06");
    }

    #[test]
    fn unknown_groups_are_named() {
        let read = list(&Dimension::ALL);
        let by = read(&"user,day,user".into()).unwrap();
        assert_eq!(by, [Dimension::User, Dimension::Day]);
        assert_eq!(grain(&by), Some(Tier::Day));
        assert!(read(&"user,colour".into()).unwrap_err().detail.contains("colour"));
    }
}

//! The kinds of rules: a new one is a file beside this one, and one line in each `match` here.

use super::super::written::{BadKey, Keys, bad};
use super::absolute_usd::AbsoluteUsd;
use super::burn_rate::{BurnRate, Pace};
use super::error_rate::ErrorRate;
use super::journal_backlog::JournalBacklog;
use super::ledger_imbalance::LedgerImbalance;
use super::projected_exceed::ProjectedExceed;
use super::quarantined::Quarantined;
use super::spike::Spike;
use super::unpriced_model::UnpricedModel;
use super::{Group, Scope};
use crate::clock::UnixMs;
use crate::ids::AccountKind;
use crate::ledger::Kept;
use crate::limit::{Calendar, Period};
use serde_json::Value;

/// What a rule fires at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) enum Kind {
    AbsoluteUsd(AbsoluteUsd),
    BurnRate(BurnRate),
    ErrorRate(ErrorRate),
    JournalBacklog(JournalBacklog),
    LedgerImbalance(LedgerImbalance),
    ProjectedExceed(ProjectedExceed),
    Quarantined(Quarantined),
    Spike(Spike),
    UnpricedModel(UnpricedModel),
}

/// All words, each with the keys of its own.
pub(super) const KINDS: [(&str, &[&str]); 9] = [
    ("absolute_usd", AbsoluteUsd::KEYS),
    ("burn_rate", BurnRate::KEYS),
    ("error_rate", ErrorRate::KEYS),
    ("journal_backlog", JournalBacklog::KEYS),
    ("ledger_imbalance", LedgerImbalance::KEYS),
    ("projected_exceed", ProjectedExceed::KEYS),
    ("quarantined", Quarantined::KEYS),
    ("spike", Spike::KEYS),
    ("unpriced_model", UnpricedModel::KEYS),
];

impl Kind {
    /// Reads what a word needs.
    pub(super) fn read(word: &str, keys: &Keys<'_>, kept: &Kept) -> Result<Self, BadKey> {
        Ok(match word {
            "absolute_usd" => Self::AbsoluteUsd(AbsoluteUsd::read(keys, kept)?),
            "burn_rate" => Self::BurnRate(BurnRate::read(keys, kept)?),
            "error_rate" => Self::ErrorRate(ErrorRate::read(keys, kept)?),
            "journal_backlog" => Self::JournalBacklog(JournalBacklog::read(keys)?),
            "ledger_imbalance" => Self::LedgerImbalance(LedgerImbalance::read(keys, kept)?),
            "projected_exceed" => Self::ProjectedExceed(ProjectedExceed::read(keys)?),
            "quarantined" => Self::Quarantined(Quarantined::read(keys)?),
            "spike" => Self::Spike(Spike::read(keys, kept)?),
            _ => Self::UnpricedModel(UnpricedModel::read(keys)?),
        })
    }

    /// Its word.
    pub(in crate::alert) fn as_str(&self) -> &'static str {
        match self {
            Self::AbsoluteUsd(_) => "absolute_usd",
            Self::BurnRate(_) => "burn_rate",
            Self::ErrorRate(_) => "error_rate",
            Self::JournalBacklog(_) => "journal_backlog",
            Self::LedgerImbalance(_) => "ledger_imbalance",
            Self::ProjectedExceed(_) => "projected_exceed",
            Self::Quarantined(_) => "quarantined",
            Self::Spike(_) => "spike",
            Self::UnpricedModel(_) => "unpriced_model",
        }
    }

    /// Its keys as they are written.
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::AbsoluteUsd(kind) => kind.shown(),
            Self::BurnRate(kind) => kind.shown(),
            Self::ErrorRate(kind) => kind.shown(),
            Self::JournalBacklog(kind) => kind.shown(),
            Self::LedgerImbalance(kind) => kind.shown(),
            Self::ProjectedExceed(kind) => kind.shown(),
            Self::Quarantined(kind) => kind.shown(),
            Self::Spike(kind) => kind.shown(),
            Self::UnpricedModel(kind) => kind.shown(),
        }
    }

    /// Whether only the proxy to which it happens knows of it. It fires once in a period, and is
    /// over when that is.
    pub(in crate::alert) fn is_own(&self) -> bool {
        matches!(self, Self::JournalBacklog(_) | Self::Quarantined(_) | Self::UnpricedModel(_))
    }

    /// The period in which it fires once now; `None` where it fires again once it was over, or where
    /// that differs by limit.
    pub(in crate::alert) fn period(&self, calendar: &Calendar, now: UnixMs) -> Option<Period> {
        let over = match self {
            Self::AbsoluteUsd(kind) => kind.over,
            Self::JournalBacklog(kind) => kind.over,
            Self::Quarantined(kind) => kind.over,
            Self::UnpricedModel(kind) => kind.over,
            _ => return None,
        };
        Some(over.period(calendar, now)).filter(|period| *period != 0)
    }

    /// Whom it looks at: as written, or those of whom it usually is.
    pub(super) fn scope(&self, written: Option<Scope>) -> Result<Scope, BadKey> {
        let credentials = Group::Accounts(AccountKind::Credential);
        let usual = match self {
            Self::ErrorRate(_) => Scope::every(Group::Providers),
            Self::Quarantined(_) => Scope::every(credentials),
            Self::ProjectedExceed(_) => Scope::every(Group::Accounts(AccountKind::User)),
            Self::BurnRate(BurnRate { pace: Pace::Even(_), .. }) => {
                Scope::every(Group::Accounts(AccountKind::User))
            }
            _ => Scope::All,
        };
        let scope = written.unwrap_or(usual);
        let group = scope.group();
        let fits = match self {
            Self::Quarantined(_) => group == Some(credentials),
            Self::ProjectedExceed(_) | Self::BurnRate(BurnRate { pace: Pace::Even(_), .. }) => {
                matches!(group, Some(Group::Accounts(_)))
            }
            _ => true,
        };
        if fits {
            return Ok(scope);
        }
        let detail = match self {
            Self::Quarantined(_) => format!("`{scope}` is no credential: write credential:*"),
            _ => format!("`{scope}` has no limits: write user:*, key:*, workspace:*, credential:*"),
        };
        Err(bad("account", detail))
    }

    /// Whether it can be of one workspace; the others are about the installation.
    pub(super) fn has_workspaces(&self) -> bool {
        !self.is_own() && !matches!(self, Self::LedgerImbalance(_))
    }
}

//! What a rule found: about whom, in which period, and what is said of it.

use crate::clock::UnixMs;
use crate::ids::AccountId;
use crate::limit::{Limit, Period};
use crate::money::NanoUsd;
use std::fmt;

/// The longest name of a model that is told apart.
const MODEL_CHARS: usize = 120;

/// Whom something is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::alert) enum About {
    /// Everybody together, or this installation.
    All,
    /// One account.
    Account(AccountId),
    /// One provider.
    Provider(String),
    /// One model, as clients name it.
    Model(String),
}

impl About {
    /// A model, by a name that a client chose.
    pub(super) fn model(name: &str) -> Self {
        Self::Model(name.chars().filter(|c| !c.is_control()).take(MODEL_CHARS).collect())
    }

    /// The account, where it is one.
    pub(in crate::alert) fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Account(account) => Some(account),
            Self::All | Self::Provider(_) | Self::Model(_) => None,
        }
    }

    /// In a sentence: `user:alice`, `all accounts together`.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::All => "all accounts together".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Account(account) => account.fmt(f),
            Self::Provider(name) => write!(f, "provider:{name}"),
            Self::Model(name) => write!(f, "model:{name}"),
        }
    }
}

/// What fires once in a period: whom it is about and, where a rule looks at limits, which one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::alert) struct Point {
    pub(in crate::alert) about: About,
    /// `usd/month`.
    pub(in crate::alert) limit: Option<String>,
}

impl From<About> for Point {
    fn from(about: About) -> Self {
        Self { about, limit: None }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.limit {
            Some(limit) => write!(f, "{} {limit}", self.about),
            None => self.about.fmt(f),
        }
    }
}

/// A rule fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct Finding {
    pub(in crate::alert) point: Point,
    /// In which period it fires once; 0: again once it was over.
    pub(in crate::alert) period: Period,
    /// What happened, how far it is and since when.
    pub(in crate::alert) says: String,
    /// What to do about it.
    pub(in crate::alert) action: String,
    /// What was spent in the rule's window.
    pub(in crate::alert) cost: NanoUsd,
    /// Tokens of the rule's window.
    pub(in crate::alert) tokens: i64,
    /// When the period ends, where it does.
    pub(in crate::alert) ends: Option<UnixMs>,
}

/// Where a limit's use will be at the end of its period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Whose.
    pub account: AccountId,
    /// The limit; one of dollars and of a window of the calendar.
    pub limit: Limit,
    /// What it allows now, raises included.
    pub allowed: NanoUsd,
    /// What was spent of it so far.
    pub used: NanoUsd,
    /// What is expected to be spent when the period ends.
    pub projected: NanoUsd,
    /// When that passes the limit, where it does.
    pub exhausts: Option<UnixMs>,
    /// When the period ends.
    pub ends: UnixMs,
}

/// What to do about an account, a provider or all that spends more than was thought of.
pub(super) fn spend_action(about: &About) -> String {
    let group = match about {
        About::Account(account) => match account.kind {
            crate::ids::AccountKind::User => {
                return format!(
                    "See for what: farebox usage --group-by user,model. To stop it: farebox users \
                     suspend {}",
                    account.id
                );
            }
            crate::ids::AccountKind::Key => "key,model",
            crate::ids::AccountKind::Workspace => "workspace,user",
            crate::ids::AccountKind::Credential => "provider,model",
        },
        About::Provider(_) => "provider,user",
        About::All | About::Model(_) => "user,model",
    };
    format!("See who and for what: farebox usage --group-by {group}")
}

//! Whom a rule looks at: everybody together, or each account or provider that a pattern names.

use super::About;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::Dimension;
use crate::limit::glob_matches;
use std::fmt;
use std::str::FromStr;

/// The longest pattern.
const PATTERN_CHARS: usize = 64;

/// Of what kind those are that a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::alert) enum Group {
    Accounts(AccountKind),
    Providers,
}

/// All words before the colon.
const GROUPS: [(&str, Group); 5] = [
    ("user", Group::Accounts(AccountKind::User)),
    ("key", Group::Accounts(AccountKind::Key)),
    ("workspace", Group::Accounts(AccountKind::Workspace)),
    ("credential", Group::Accounts(AccountKind::Credential)),
    ("provider", Group::Providers),
];

impl Group {
    fn as_str(self) -> &'static str {
        GROUPS.iter().find(|(_, group)| *group == self).map_or("", |(word, _)| *word)
    }

    /// By what sums are kept apart for it.
    pub(in crate::alert) fn dimension(self) -> Dimension {
        match self {
            Self::Accounts(AccountKind::User) => Dimension::User,
            Self::Accounts(AccountKind::Key) => Dimension::Key,
            Self::Accounts(AccountKind::Workspace) => Dimension::Workspace,
            Self::Accounts(AccountKind::Credential) => Dimension::Credential,
            Self::Providers => Dimension::Provider,
        }
    }

    /// The one of a name; `None` where calls had none.
    pub(in crate::alert) fn named(self, name: &str) -> Option<About> {
        if name.is_empty() || name == Id::nobody().as_str() {
            return None;
        }
        match self {
            Self::Accounts(kind) => {
                let id = name.parse().ok()?;
                Some(About::Account(AccountId { kind, id }))
            }
            Self::Providers => Some(About::Provider(name.to_owned())),
        }
    }
}

/// Whom a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) enum Scope {
    /// Everybody together.
    All,
    /// Each whose name the pattern matches.
    Each { group: Group, pattern: String },
}

impl Scope {
    /// Everybody of a kind, each for itself.
    pub(super) fn every(group: Group) -> Self {
        Self::Each { group, pattern: "*".to_owned() }
    }

    /// Whether one of these names is looked at.
    pub(in crate::alert) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Each { pattern, .. } => glob_matches(pattern, name),
        }
    }

    /// The one account that is meant, where it is one.
    pub(in crate::alert) fn account(&self) -> Option<AccountId> {
        match self {
            Self::Each { group: Group::Accounts(kind), pattern } if !has_wildcard(pattern) => {
                Some(AccountId { kind: *kind, id: pattern.parse().ok()? })
            }
            Self::All | Self::Each { .. } => None,
        }
    }

    /// Of what kind those are; `None`: everybody together.
    pub(in crate::alert) fn group(&self) -> Option<Group> {
        match self {
            Self::All => None,
            Self::Each { group, .. } => Some(*group),
        }
    }
}

fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Each { group, pattern } => write!(f, "{}:{pattern}", group.as_str()),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            let shown: String = text.escape_debug().take(80).collect();
            format!(
                "`{shown}` is not an account or a pattern: write user:alice, user:team-*, key:*, \
                 workspace:*, credential:* or provider:*; leave it away for everybody together"
            )
        };
        let (word, pattern) = text.split_once(':').ok_or_else(bad)?;
        let (_, group) = GROUPS.into_iter().find(|(known, _)| *known == word).ok_or_else(bad)?;
        let may = |c: char| c.is_ascii_alphanumeric() || "._-*?".contains(c);
        let fits = (1..=PATTERN_CHARS).contains(&pattern.len()) && pattern.chars().all(may);
        if !fits {
            return Err(bad());
        }
        Ok(Self::Each { group, pattern: pattern.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r096_patterns_name_whom_a_rule_looks_at() {
        let read = |text: &str| text.parse::<Scope>();
        let team = read("user:team-*").unwrap();
        assert!(team.has("team-a") && !team.has("alice"));
        assert_eq!((team.account(), team.to_string().as_str()), (None, "user:team-*"));
        assert_eq!(read("key:k1").unwrap().account(), "key:k1".parse().ok());
        assert_eq!(read("provider:openai").unwrap().account(), None);
        for bad in ["alice", "team:a", "user:", "user:a b", "user:a\n", ""] {
            assert!(read(bad).unwrap_err().contains("user:team-*"), "{bad}");
        }
        assert_eq!(Group::Providers.named(""), None);
        assert_eq!(Group::Accounts(AccountKind::User).named("-"), None);
    }
}

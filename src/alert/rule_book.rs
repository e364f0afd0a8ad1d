//! The rules there are: those of the file, and those that were made over the API.
//!
//! Invariant: a name stands for one rule. Where both have it, that of the file counts. There are at
//! most [`MOST_RULES`] of either.

use super::rules::Rule;
use super::written::{BadKey, bad};
use crate::clock::UnixMs;
use crate::ids::Id;
use crate::ledger::{Kept, RecordError, RecordKind, Records, When};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

const KIND: RecordKind = RecordKind::AlertRule;

/// How many rules there may be in a file, and how many of the API.
pub const MOST_RULES: usize = 200;

/// A rule, and whence it is.
#[derive(Debug, Clone)]
pub struct ListedRule {
    /// The rule.
    pub rule: Rule,
    /// It stands in the file, and can only be changed there.
    pub in_file: bool,
}

/// Why a rule was not made or changed.
#[derive(Debug)]
pub enum NotKept {
    /// Something is wrong with it.
    Bad(BadKey),
    /// There is one of that name.
    Exists(Id),
    /// It was changed by somebody else meanwhile.
    Changed(Id),
    /// It cannot be kept.
    Ledger(RecordError),
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(why) => why.fmt(f),
            Self::Exists(name) => write!(f, "there is a rule `{name}` already; delete it first"),
            Self::Changed(name) => {
                write!(f, "rule {name} was changed meanwhile; read it again, then change it")
            }
            Self::Ledger(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for NotKept {}

/// A rule as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    made: UnixMs,
    rule: Map<String, Value>,
}

/// All rules.
pub(super) struct RuleBook {
    records: Arc<dyn Records>,
}

impl RuleBook {
    pub(super) fn new(records: Arc<dyn Records>) -> Self {
        Self { records }
    }

    /// Every rule, as it is now; and the names of those that this version cannot read.
    pub(super) async fn all(
        &self,
        file: &[Rule],
        kept: &Kept,
    ) -> Result<(Vec<ListedRule>, Vec<Id>), RecordError> {
        let page = self.records.list(KIND, None, MOST_RULES).await?;
        let mut all: Vec<_> =
            file.iter().map(|rule| ListedRule { rule: rule.clone(), in_file: true }).collect();
        let mut unreadable = Vec::new();
        for (name, text) in page.entries {
            if file.iter().any(|rule| *rule.name() == name) {
                continue;
            }
            match read(&text, kept) {
                Some(rule) => all.push(ListedRule { rule, in_file: false }),
                None => {
                    tracing::warn!(rule = %name, "a rule of alerts cannot be read; delete it");
                    unreadable.push(name);
                }
            }
        }
        Ok((all, unreadable))
    }

    /// Makes a rule, of the keys that the file has.
    pub(super) async fn make(
        &self,
        map: &Map<String, Value>,
        (file, kept): (&[Rule], &Kept),
        now: UnixMs,
    ) -> Result<Rule, NotKept> {
        let rule = Rule::read(map, kept, now).map_err(NotKept::Bad)?;
        let name = rule.name();
        if file.iter().any(|other| other.name() == name) {
            return Err(NotKept::Exists(name.clone()));
        }
        let text = written(&rule);
        let put = self.records.put(KIND, name, &text, None, When::Absent).await;
        match put.map_err(NotKept::Ledger)? {
            true => Ok(rule),
            false => Err(NotKept::Exists(name.clone())),
        }
    }

    /// Changes some keys of a rule that was made over the API; null is the usual.
    pub(super) async fn change(
        &self,
        old: &Rule,
        changes: Map<String, Value>,
        kept: &Kept,
        now: UnixMs,
    ) -> Result<Rule, NotKept> {
        if let Some(key) = ["name", "kind"].into_iter().find(|key| changes.contains_key(*key)) {
            let detail = format!("the {key} of a rule stays; make another rule");
            return Err(NotKept::Bad(bad(key, detail)));
        }
        let mut map = old.shown();
        for (key, value) in changes {
            match value {
                Value::Null => map.remove(&key),
                value => map.insert(key, value),
            };
        }
        let new = Rule::read(&map, kept, now).map_err(NotKept::Bad)?;
        let (before, after) = (written(old), written(&new));
        let put = self.records.put(KIND, old.name(), &after, None, When::Is(&before)).await;
        match put.map_err(NotKept::Ledger)? {
            true => Ok(new),
            false => Err(NotKept::Changed(old.name().clone())),
        }
    }

    /// Deletes a rule that was made over the API; whether there was one.
    pub(super) async fn remove(&self, name: &Id) -> Result<bool, RecordError> {
        self.records.remove(KIND, name).await
    }
}

fn written(rule: &Rule) -> String {
    let written = Written { made: rule.made(), rule: rule.shown() };
    serde_json::to_string(&written).unwrap_or_default()
}

fn read(text: &str, kept: &Kept) -> Option<Rule> {
    let written: Written = serde_json::from_str(text).ok()?;
    Rule::read(&written.rule, kept, written.made).ok()
}

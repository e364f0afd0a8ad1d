//! One rule, as it was written in the file or sent to the API: read by the same code.

use super::super::written::{BadKey, Keys, bad, nearest};
use super::kind::KINDS;
use super::{Kind, Point, Scope};
use crate::alert::Allowed;
use crate::clock::UnixMs;
use crate::ids::{AccountKind, Id};
use crate::ledger::{Account, Kept};
use crate::limit::{Level, Period};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What every kind of rule has.
const SHARED: [&str; 4] = ["name", "kind", "level", "workspace"];
/// How many digits of a hash a revision has.
const DIGITS: usize = 16;

/// What an operator wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: Id,
    level: Level,
    workspace: Option<Id>,
    pub(in crate::alert) scope: Scope,
    pub(in crate::alert) kind: Kind,
    made: UnixMs,
}

impl Rule {
    /// Reads a rule as it was written: the keys of docs/alerts.md. Its window must not be longer
    /// than sums are kept. `made` is when it was made or changed over the API; 0 for the file's.
    pub fn read(map: &Map<String, Value>, kept: &Kept, made: UnixMs) -> Result<Self, BadKey> {
        let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
        let word = match map.get("kind") {
            Some(Value::String(word)) => word.as_str(),
            _ => return Err(bad("kind", format!("it is missing: one of {}", words.join(", ")))),
        };
        let Some((_, own)) = KINDS.iter().find(|(known, _)| *known == word) else {
            let shown: String = word.escape_debug().take(40).collect();
            let detail = match nearest(word, &words) {
                Some(near) => format!("`{shown}` is not a kind; did you mean `{near}`?"),
                None => format!("`{shown}` is not one of {}", words.join(", ")),
            };
            return Err(bad("kind", detail));
        };
        let allowed = Allowed::default();
        let keys = Keys::of(map, &format!("{word} rule"), &[&SHARED, *own].concat(), &allowed)?;
        let name = keys.parsed("name")?.ok_or_else(|| bad("name", "it is missing"))?;
        let kind = Kind::read(word, &keys, kept)?;
        let scope = kind.scope(keys.parsed("account")?)?;
        let workspace: Option<Id> = keys.parsed("workspace")?;
        if workspace.is_some() && !kind.has_workspaces() {
            let detail = format!("a {word} rule is about the whole installation; leave it away");
            return Err(bad("workspace", detail));
        }
        let level = match keys.text("level")? {
            None => Level::Warning,
            Some(word) => keys.level("level", word)?,
        };
        Ok(Self { name, level, workspace, scope, kind, made })
    }

    /// Its name, which is its own.
    pub fn name(&self) -> &Id {
        &self.name
    }

    /// The word of its kind.
    pub fn kind(&self) -> &'static str {
        self.kind.as_str()
    }

    /// The level of its alerts.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The workspace whose accounts it looks at; `None`: all.
    pub fn workspace(&self) -> Option<&Id> {
        self.workspace.as_ref()
    }

    /// The one account that it looks at, where it is one.
    pub fn account(&self) -> Option<crate::ids::AccountId> {
        self.scope.account()
    }

    /// When it was made or changed over the API.
    pub(in crate::alert) fn made(&self) -> UnixMs {
        self.made
    }

    /// The rule as it is written.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("name".to_owned(), json!(self.name));
        shown.insert("kind".to_owned(), self.kind().into());
        if self.scope != Scope::All {
            shown.insert("account".to_owned(), self.scope.to_string().into());
        }
        if let Value::Object(own) = self.kind.shown() {
            shown.extend(own);
        }
        shown.insert("level".to_owned(), self.level.as_str().into());
        if let Some(workspace) = &self.workspace {
            shown.insert("workspace".to_owned(), json!(workspace));
        }
        shown
    }

    /// Names what it says; another one after every change.
    pub fn revision(&self) -> String {
        let text = format!("{} {}", Value::Object(self.shown()), self.made);
        let hash = Sha256::digest(text);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        digits.chars().take(DIGITS).collect()
    }

    /// What the names of its marks begin with: `rule:spendy@0123456789abcdef|`.
    pub(in crate::alert) fn prefix(&self) -> String {
        format!("{PREFIX}{}@{}|", self.name, self.revision())
    }

    /// Whether an account is in the rule's workspace, if it has one.
    pub(in crate::alert) fn concerns(&self, account: &Account) -> bool {
        self.workspace().is_none_or(|own| match account.id.kind {
            AccountKind::Workspace => account.id.id == *own,
            _ => account.workspace.as_ref() == Some(own),
        })
    }

    /// The name of the mark for what it fires about.
    pub(in crate::alert) fn mark(&self, point: &Point) -> String {
        format!("{}{point}", self.prefix())
    }
}

/// What the names of all marks of a rule begin with, whatever it says.
pub(in crate::alert) fn marks_begin(name: &Id) -> String {
    format!("{PREFIX}{name}@")
}

/// What the marks of rules begin with; no account does.
const PREFIX: &str = "rule:";

/// The part of a mark's name that is its rule's, if it is one of a rule.
pub(in crate::alert) fn prefix_of(mark: &str) -> Option<&str> {
    let end = mark.starts_with(PREFIX).then(|| mark.find('|'))??;
    mark.get(..=end)
}

/// The id of an alert of a rule, the same on every proxy.
pub(in crate::alert) fn alert_id(mark: &str, period: Period, arm: u32) -> Option<Id> {
    let hash = Sha256::digest(format!("{mark}|{period}|{arm}"));
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("rule-{}", digits.get(..32)?).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rule, String> {
        let map: Map<String, Value> = serde_json::from_str(text).unwrap();
        Rule::read(&map, &Kept::default(), 0).map_err(|bad| bad.to_string())
    }

    #[test]
    fn r096_a_rule_is_shown_as_it_is_read() {
        let toml = "name = 'spendy'\nkind = 'absolute_usd'\naccount = 'user:*'\n\
                    amount = '100 usd'\nwindow = 'day'\nlevel = 'critical'";
        let written: Map<String, Value> = toml::from_str(toml).unwrap();
        let rule = Rule::read(&written, &Kept::default(), 0).unwrap();
        assert_eq!(rule, read(&Value::Object(rule.shown()).to_string()).unwrap());
        assert_eq!(rule.shown()["amount"], "100usd");
        let changed = Rule { made: 1, ..rule.clone() };
        assert_ne!(rule.revision(), changed.revision());
        let mark = rule.mark(&Point { about: super::super::About::All, limit: None });
        assert_eq!(prefix_of(&mark), Some(rule.prefix().as_str()));
        assert_eq!(prefix_of("user:alice|usd/month|80"), None);
    }

    #[test]
    fn r096_every_kind_has_a_reading_and_its_own_scope() {
        for (text, scope) in [
            (r#""kind": "absolute_usd", "amount": 5"#, "all"),
            (r#""kind": "burn_rate", "amount": "5""#, "all"),
            (r#""kind": "burn_rate", "percent": 200"#, "user:*"),
            (r#""kind": "error_rate", "percent": 10"#, "provider:*"),
            (r#""kind": "projected_exceed""#, "user:*"),
            (r#""kind": "spike""#, "all"),
            (r#""kind": "unpriced_model""#, "all"),
            (r#""kind": "ledger_imbalance""#, "all"),
            (r#""kind": "journal_backlog""#, "all"),
            (r#""kind": "quarantined""#, "credential:*"),
        ] {
            let rule = read(&format!(r#"{{"name": "x", {text}}}"#)).unwrap();
            assert_eq!(rule.scope.to_string(), scope, "{text}");
        }
    }

    #[test]
    fn r096_mistakes_are_named_with_the_way_out() {
        for (text, why) in [
            (r#"{}"#, "kind: it is missing: one of absolute_usd, burn_rate"),
            (r#"{"kind": "burnrate"}"#, "did you mean `burn_rate`?"),
            (r#"{"kind": "absolute_usd"}"#, "name: it is missing"),
            (r#"{"kind": "absolute_usd", "name": "x"}"#, "amount: it is missing"),
            (r#"{"kind": "absolute_usd", "name": "x", "amount": "5eur"}"#, "amount: `5eur`"),
            (r#"{"kind": "absolute_usd", "name": "x", "amount": 0}"#, "amount: "),
            (r#"{"kind": "absolute_usd", "name": "x", "ammount": 5}"#, "did you mean `amount`?"),
            (
                r#"{"kind": "absolute_usd", "name": "x", "amount": 5, "window": "9000d"}"#,
                "window: 9000d is longer than sums of calls are kept (730d)",
            ),
            (
                r#"{"kind": "absolute_usd", "name": "x", "amount": 5, "window": "30s"}"#,
                "window: `30s` is not a window",
            ),
            (
                r#"{"kind": "absolute_usd", "name": "x", "amount": 5, "account": "alice"}"#,
                "account: `alice` is not an account",
            ),
            (r#"{"kind": "burn_rate", "name": "x"}"#, "amount: give either `amount`"),
            (
                r#"{"kind": "burn_rate", "name": "x", "percent": 200, "account": "provider:*"}"#,
                "account: `provider:*` has no limits",
            ),
            (r#"{"kind": "error_rate", "name": "x", "percent": 101}"#, "percent: 101 is more"),
            (r#"{"kind": "spike", "name": "x", "percent": 90}"#, "percent: 90 per cent"),
            (r#"{"kind": "spike", "name": "x", "window": "90m"}"#, "window: 90m is not whole"),
            (
                r#"{"kind": "quarantined", "name": "x", "workspace": "eng"}"#,
                "workspace: a quarantined rule",
            ),
            (r#"{"kind": "unpriced_model", "name": "x", "window": "5m"}"#, "window: `5m`"),
            (r#"{"kind": "spike", "name": "x", "level": "loud"}"#, "level: `loud`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

//! What an alert says: figures and names, from which each channel makes its own format. Pure.
//!
//! Invariant: a notice holds nothing of a prompt, a completion or a key.

use super::wording::Wording;
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::Crossing;
use crate::limit::Level;
use crate::money::NanoUsd;
use serde::{Deserialize, Serialize};

/// Whether something began, or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A threshold was reached, or a rule fired.
    Triggered,
    /// A new period, a reset or a raised limit ended it.
    Resolved,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// The rule's name.
    pub rule: String,
    /// Its kind, such as `burn_rate`; the `alert_type` of a webhook.
    pub kind: String,
    /// How grave that is.
    pub level: Level,
    /// Of whom; `None`: of nobody in particular.
    pub account: Option<AccountId>,
    /// Whom or what it is about: `user:alice usd/month`, `provider:openai`, `all`. Keeps what one
    /// rule fires for apart.
    #[serde(default)]
    pub about: String,
    /// What happened, in a sentence.
    pub says: String,
    /// What to do about it.
    pub action: String,
}

/// A report, written already: it goes the way of alerts to the channels that ask for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// `daily` or `weekly`.
    pub kind: String,
    /// `Farebox daily report: 2026-11-28`.
    pub title: String,
    /// The most important figures: names and texts.
    pub facts: Vec<(String, String)>,
    /// All of it as text.
    pub text: String,
    /// All of it as a page.
    pub html: String,
    /// All of it as the API shows it.
    pub object: serde_json::Value,
}

/// What an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A limit's use reached a threshold.
    Threshold(Crossing),
    /// A rule fired.
    Rule(Firing),
    /// Nothing happened: a report is due.
    Report(Box<Digest>),
}

/// One alert, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Whether it begins or is over.
    pub state: State,
    /// What it is about.
    pub subject: Subject,
    /// When that happened.
    pub time: UnixMs,
    /// The account's workspace; `None` for a credential, which belongs to none.
    pub workspace: Option<Id>,
    /// The provider of a credential; `None`: of any.
    pub provider: Option<String>,
    /// Tokens of the account in this period.
    pub total_tokens: i64,
    /// What the account spent in this period.
    pub cost: NanoUsd,
    /// When the period ends; `None`: never, or gradually.
    pub resets_at: Option<UnixMs>,
    /// A page about it, an `http://` or `https://` address.
    pub link: Option<String>,
}

impl Notice {
    /// How grave it is; a report is as little so as anything.
    pub fn level(&self) -> Level {
        match &self.subject {
            Subject::Threshold(crossing) => crossing.level,
            Subject::Rule(firing) => firing.level,
            Subject::Report(_) => Level::Warning,
        }
    }

    /// The word for that: `warning`, `critical`, `exceeded`, or `report`.
    pub fn grade(&self) -> &'static str {
        match self.subject {
            Subject::Report(_) => "report",
            _ => self.level().as_str(),
        }
    }

    /// Whom it is about.
    pub fn account(&self) -> Option<&AccountId> {
        match &self.subject {
            Subject::Threshold(crossing) => Some(&crossing.account),
            Subject::Rule(firing) => firing.account.as_ref(),
            Subject::Report(_) => None,
        }
    }

    /// The name in titles and the `config_id` of a webhook: a credential's bare name, `user:alice`
    /// for others, and the rule's name where it is about nobody in particular.
    pub fn config_id(&self) -> String {
        match (&self.subject, self.account()) {
            (_, Some(account)) if account.kind == AccountKind::Credential => account.id.to_string(),
            (_, Some(account)) => account.to_string(),
            (Subject::Rule(firing), None) => firing.rule.clone(),
            (Subject::Threshold(crossing), None) => crossing.name(),
            (Subject::Report(digest), None) => digest.kind.clone(),
        }
    }

    /// The kind of alert: `quota_threshold`, or the kind of the rule.
    pub fn alert_type(&self) -> &str {
        match &self.subject {
            Subject::Threshold(_) => "quota_threshold",
            Subject::Rule(firing) => &firing.kind,
            Subject::Report(_) => "report",
        }
    }

    /// What happened, in a line: `QUOTA EXCEEDED: groq_1 at 100.0% (…), threshold 100%`.
    pub fn headline(&self) -> String {
        Wording::of(self).headline
    }

    /// The rule's name.
    pub fn rule(&self) -> Option<&str> {
        match &self.subject {
            Subject::Threshold(_) | Subject::Report(_) => None,
            Subject::Rule(firing) => Some(&firing.rule),
        }
    }

    /// The crossing of a threshold.
    pub fn crossing(&self) -> Option<&Crossing> {
        match &self.subject {
            Subject::Threshold(crossing) => Some(crossing),
            Subject::Rule(_) | Subject::Report(_) => None,
        }
    }

    /// The report.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.subject {
            Subject::Report(digest) => Some(digest),
            Subject::Threshold(_) | Subject::Rule(_) => None,
        }
    }
}

#[cfg(test)]
pub(super) mod samples {
    //! Notices for the tests of the channels.

    use super::*;
    use crate::limit::Limit;

    /// `used` of a limit; the third threshold of three, at 2026-11-28T21:13:36.123Z.
    pub(in crate::alert) fn at(account: &str, limit: &str, used: i64, threshold: u32) -> Notice {
        let limit: Limit = limit.parse().unwrap();
        let level = match threshold {
            80 => Level::Warning,
            90 => Level::Critical,
            _ => Level::Exceeded,
        };
        let crossing = Crossing {
            account: account.parse().unwrap(),
            limit,
            period: 202_611,
            threshold,
            level,
            used,
            allowed: limit.amount,
        };
        Notice {
            state: State::Triggered,
            subject: Subject::Threshold(crossing),
            time: 1_795_900_416_123,
            workspace: Some("default".parse().unwrap()),
            provider: None,
            total_tokens: 850_000,
            cost: NanoUsd::new(21_250_000_000),
            resets_at: Some(1_796_083_200_000),
            link: None,
        }
    }

    /// `groq_1` has used all of its characters.
    pub(in crate::alert) fn groq() -> Notice {
        let mut notice = at("credential:groq_1", "14400characters/month", 14_400, 100);
        notice.provider = Some("groq".to_owned());
        notice.workspace = None;
        notice
    }

    /// The report of a day.
    pub(in crate::alert) fn report() -> Notice {
        let digest = Digest {
            kind: "daily".to_owned(),
            title: "Farebox daily report: 2026-11-27".to_owned(),
            facts: vec![("Spent".to_owned(), "$21.25 <all>".to_owned())],
            text: "Spent $21.25\n".to_owned(),
            html: "<p>Spent $21.25</p>".to_owned(),
            object: serde_json::json!({"kind": "daily", "total_cost_usd": "21.25"}),
        };
        Notice { subject: Subject::Report(Box::new(digest)), ..groq() }
    }

    /// A rule with a name that means harm.
    pub(in crate::alert) fn hostile() -> Notice {
        let firing = Firing {
            rule: "<b>&\"'\r\nBcc: all@example.com".to_owned(),
            kind: "burn_rate".to_owned(),
            level: Level::Critical,
            account: None,
            about: "all".to_owned(),
            says: "<script>alert(1)</script>\r\n.\r\nQUIT <!channel> *x*".to_owned(),
            action: "<https://evil.example|click>".to_owned(),
        };
        Notice { subject: Subject::Rule(firing), ..groq() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_by_their_bare_name_and_users_by_their_account() {
        assert_eq!(samples::groq().config_id(), "groq_1");
        assert_eq!(samples::at("user:alice", "1usd/day", 1, 80).config_id(), "user:alice");
        let rule = samples::hostile();
        assert_eq!(rule.config_id(), rule.rule().unwrap());
        assert_eq!((rule.alert_type(), rule.crossing()), ("burn_rate", None));
        assert_eq!(samples::groq().alert_type(), "quota_threshold");
    }
}

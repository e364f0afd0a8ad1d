//! The words of an alert: title, headline, facts and what to do. Channels escape and lay them out.
//!
//! Every text is one line: control characters become spaces, and long texts are cut.

use super::notice::{Digest, Notice, State, Subject};
use crate::clock::rfc3339_seconds;
use crate::ids::AccountKind;
use crate::ledger::{Crossing, shown_amount};
use crate::limit::{Increase, Level, Limit, Meter, Period, Window, date_of};

/// The longest title and headline, in characters.
const LINE: usize = 300;

/// What an alert says, in words.
pub(super) struct Wording {
    /// `Quota Alert: groq_1`.
    pub(super) title: String,
    /// `QUOTA EXCEEDED: groq_1 at 100.0% (14,400/14,400 chars), threshold 100%`.
    pub(super) headline: String,
    /// Names and values, such as `Usage` and `85.0%`.
    pub(super) facts: Vec<(String, String)>,
    /// What to do; empty where nothing is to be done.
    pub(super) action: String,
}

impl Wording {
    pub(super) fn of(notice: &Notice) -> Self {
        let word = match notice.state {
            State::Triggered => "Quota Alert",
            State::Resolved => "Quota Alert resolved",
        };
        let (headline, action) = match (&notice.subject, notice.state) {
            (Subject::Threshold(crossing), State::Triggered) => {
                (reached(crossing), action(notice, crossing))
            }
            (Subject::Threshold(crossing), State::Resolved) => (below(crossing), String::new()),
            (Subject::Rule(firing), State::Triggered) => {
                (firing.says.clone(), firing.action.clone())
            }
            (Subject::Rule(firing), State::Resolved) => (
                format!("RESOLVED: {} no longer fires for {}", firing.rule, firing.about),
                String::new(),
            ),
            (Subject::Report(digest), _) => return Self::of_report(digest),
        };
        Self {
            title: line(&format!("{word}: {}", notice.config_id())),
            headline: line(&headline),
            facts: facts(notice)
                .into_iter()
                .map(|(name, text)| (name.to_owned(), line(&text)))
                .collect(),
            action: line(&action),
        }
    }

    fn of_report(digest: &Digest) -> Self {
        let headline = digest.facts.first().map(|(name, text)| format!("{name}: {text}"));
        let facts = digest.facts.iter();
        Self {
            title: line(&digest.title),
            headline: line(&headline.unwrap_or_default()),
            facts: facts.map(|(name, text)| (name.clone(), line(text))).collect(),
            action: String::new(),
        }
    }

    /// The facts as lines: `Usage: 85.0%`.
    pub(super) fn lines(&self) -> Vec<String> {
        self.facts.iter().map(|(name, text)| format!("{name}: {text}")).collect()
    }
}

/// One line without control characters, cut where it is too long.
fn line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&flat, LINE)
}

/// At most so many characters; what is cut ends with three dots.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    format!("{kept}...")
}

fn reached(crossing: &Crossing) -> String {
    format!("{}, threshold {}%", crossing.sentence(), crossing.threshold)
}

fn below(crossing: &Crossing) -> String {
    let Crossing { threshold, limit, .. } = crossing;
    let used = shown_amount(limit.meter, crossing.used);
    let (name, allowed) = (crossing.name(), crossing.allowance());
    format!("RESOLVED: {name} is below {threshold}% of {limit} again ({used}/{allowed})")
}

fn facts(notice: &Notice) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(account) = notice.account() {
        facts.push(("Account", account.to_string()));
    }
    let tokens = shown_amount(Meter::Tokens, notice.total_tokens);
    let provider = notice.provider.clone().unwrap_or_else(|| "any".to_owned());
    match notice.crossing() {
        Some(crossing) => {
            facts.push(("Limit", crossing.limit.to_string()));
            facts.push(("Usage", format!("{}%", crossing.per_cent())));
            facts.push(("Threshold", format!("{}%", crossing.threshold)));
            facts.push(("Tokens", format!("{tokens} / {}", crossing.allowance())));
        }
        None => facts.push(("Tokens", tokens)),
    }
    facts.push(("Cost", format!("${}", notice.cost)));
    facts.push(("Provider", provider));
    if let Some(crossing) = notice.crossing() {
        facts.push(("Period", period(crossing.limit.window, crossing.period)));
    }
    facts.push(("Since", rfc3339_seconds(notice.time)));
    if let Some(at) = notice.resets_at {
        facts.push(("Resets at", rfc3339_seconds(at)));
    }
    if let Some(rule) = notice.rule() {
        facts.push(("Rule", rule.to_owned()));
    }
    facts
}

/// What to do about a threshold. A tenth of the limit is what a raise is shown with.
fn action(notice: &Notice, crossing: &Crossing) -> String {
    let Crossing { account, limit, level, .. } = crossing;
    let until = match (notice.resets_at, limit.meter) {
        (Some(at), _) => format!("until {}", rfc3339_seconds(at)),
        (None, Meter::Concurrent) => "until calls end".to_owned(),
        (None, _) => "until it is raised or reset, or usage lapses".to_owned(),
    };
    let what = match (account.kind, limit.observe, *level) {
        (_, true, _) => "Nothing is refused, the limit only alerts.".to_owned(),
        (AccountKind::Credential, false, Level::Exceeded) => {
            format!("Calls go to other credentials {until}.")
        }
        (_, false, Level::Exceeded) => format!("Calls may be refused {until}."),
        (_, false, _) => format!("The limit holds {until}."),
    };
    let others = if limit.models.is_some() { " Other models do not count for it." } else { "" };
    let raise = raise(limit);
    format!("{what}{others} To raise it for a while: farebox limits bump {account} {raise}")
}

/// `+2.5usd/month`.
fn raise(limit: &Limit) -> String {
    let tenth = limit.amount.checked_div(10).unwrap_or_default().max(1);
    let Limit { meter, window, models, .. } = *limit;
    Increase { meter, window, models, amount: tenth }.to_string().replace(' ', "")
}

/// A period by its id: `2026-11`, `week of 2026-11-23`, `2026-11-24 21:00 UTC`.
fn period(window: Option<Window>, id: Period) -> String {
    let two = |below: i64| id.checked_div(below).unwrap_or_default().rem_euclid(100);
    let date = |day: Period| date_of(day).map_or_else(|| day.to_string(), |date| date.to_string());
    match window {
        None => "at this moment".to_owned(),
        Some(Window::Total) => "all time".to_owned(),
        Some(Window::Month) => format!("{:04}-{:02}", id.div_euclid(100), two(1)),
        Some(Window::Week) => format!("week of {}", date(id)),
        Some(Window::Day) => date(id),
        Some(Window::Hour) => format!("{} {:02}:00 UTC", date(id.div_euclid(100)), two(1)),
        Some(Window::Minute) => {
            format!("{} {:02}:{:02} UTC", date(id.div_euclid(10_000)), two(100), two(1))
        }
        Some(rolling) => format!("last {}", rolling.as_str().trim_start_matches("rolling-")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::samples::{at, groq, hostile};
    use super::*;

    #[test]
    fn r093_it_says_what_how_far_since_when_until_when_and_what_to_do() {
        let wording = Wording::of(&at("user:alice", "25usd/month", 21_250_000_000, 80));
        assert_eq!(wording.title, "Quota Alert: user:alice");
        assert_eq!(
            wording.headline,
            "QUOTA WARNING: user:alice at 85.0% ($21.25/$25), threshold 80%"
        );
        let lines = wording.lines();
        for line in [
            "Account: user:alice",
            "Limit: 25 usd/month",
            "Usage: 85.0%",
            "Threshold: 80%",
            "Tokens: 850,000 / $25",
            "Cost: $21.25",
            "Provider: any",
            "Period: 2026-11",
            "Since: 2026-11-28T21:13:36Z",
            "Resets at: 2026-12-01T00:00:00Z",
        ] {
            assert!(lines.iter().any(|l| l == line), "{line} is missing in {lines:?}");
        }
        assert!(wording.action.contains("2026-12-01T00:00:00Z"), "{}", wording.action);
        assert!(wording.action.ends_with("farebox limits bump user:alice +2.5usd/month"));
    }

    #[test]
    fn r075_the_message_at_the_limit_says_both() {
        let wording = Wording::of(&groq());
        assert_eq!(
            wording.headline,
            "QUOTA EXCEEDED: groq_1 at 100.0% (14,400/14,400 chars), threshold 100%"
        );
        let over = Wording::of(&at("user:a", "25usd/month", 25_500_000_000, 100));
        assert!(over.headline.contains("QUOTA EXCEEDED") && over.headline.contains("100%"));
    }

    #[test]
    fn r099_what_to_do_follows_from_the_state() {
        let action = |account, limit, used, threshold| {
            Wording::of(&at(account, limit, used, threshold)).action
        };
        let near = action("user:alice", "25usd/month", 22_500_000_000, 90);
        assert!(near.starts_with("The limit holds until 2026-12-01T00:00:00Z."), "{near}");
        let full = action("user:alice", "25usd/month", 25_000_000_000, 100);
        assert!(full.starts_with("Calls may be refused until 2026-12-01T00:00:00Z."), "{full}");
        assert!(full.ends_with("farebox limits bump user:alice +2.5usd/month"), "{full}");
        let model = action("key:k", "10requests/month@gpt-5*", 10, 100);
        assert!(model.contains("Other models do not count for it."), "{model}");
        let credential = action("credential:groq_1", "10requests/month", 10, 100);
        assert!(credential.starts_with("Calls go to other credentials until"), "{credential}");
        let observed = action("user:alice", "10requests/month!observe", 10, 100);
        assert!(observed.starts_with("Nothing is refused"), "{observed}");
        let mut over = at("user:alice", "25usd/month", 0, 80);
        over.state = State::Resolved;
        assert_eq!(Wording::of(&over).action, "");
    }

    #[test]
    fn what_is_over_says_so() {
        let mut notice = at("user:alice", "25usd/month", 0, 80);
        notice.state = State::Resolved;
        let wording = Wording::of(&notice);
        assert_eq!(wording.title, "Quota Alert resolved: user:alice");
        assert_eq!(
            wording.headline,
            "RESOLVED: user:alice is below 80% of 25 usd/month again ($0/$25)"
        );
        assert_eq!(wording.action, "");
    }

    #[test]
    fn texts_are_single_lines_of_bounded_length() {
        let mut notice = hostile();
        if let Subject::Rule(firing) = &mut notice.subject {
            firing.says.push_str(&"x".repeat(1000));
        }
        let Wording { title, headline, action, .. } = Wording::of(&notice);
        assert!(![&title, &headline, &action].iter().any(|text| text.contains(char::is_control)));
        assert_eq!(headline.chars().count(), LINE);
    }

    #[test]
    fn periods_are_written_as_people_do() {
        for (window, id, text) in [
            (Some(Window::Minute), 202_611_242_113, "2026-11-24 21:13 UTC"),
            (Some(Window::Hour), 2_026_112_421, "2026-11-24 21:00 UTC"),
            (Some(Window::Day), 20_261_124, "2026-11-24"),
            (Some(Window::Week), 20_261_123, "week of 2026-11-23"),
            (Some(Window::Month), 202_601, "2026-01"),
            (Some(Window::Total), 0, "all time"),
            (Some(Window::Rolling24h), 1_795_640_400, "last 24h"),
            (None, 0, "at this moment"),
        ] {
            assert_eq!(period(window, id), text);
        }
    }
}

//! Which time is compared. Pure.
//!
//! Usage is told by the hour and costs by the day, both in UTC. So requests and tokens are compared
//! from the hour that the span begins in to the end of the hour that it ends in, and dollars over
//! whole days. A provider that tells whole days only, once they are over, is compared over those.

use super::super::{Exit, Failure};
use crate::clock::{UnixMs, parse_time, rfc3339_seconds};

/// Milliseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000;
/// Milliseconds of a day.
pub(super) const DAY: i64 = 24 * HOUR;
/// How many days that are over OpenRouter and the ledger keep.
const KEPT: i64 = 30;

/// Which days a provider's reports have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// All, the present one as far as it went, with hours.
    All,
    /// The last thirty whole days that are over.
    Over,
}

/// From when, until when: the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: UnixMs,
    pub(super) to: UnixMs,
}

impl Range {
    /// Whether a moment is in it.
    pub(super) const fn holds(&self, at: UnixMs) -> bool {
        self.from <= at && at < self.to
    }
}

/// What is compared over which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Requests and tokens.
    pub(super) usage: Range,
    /// Dollars; holds the other.
    pub(super) costs: Range,
}

impl Span {
    /// Reads `--since` and `--until`.
    pub(super) fn read(
        since: &str,
        until: Option<&str>,
        now: UnixMs,
        days: Days,
    ) -> Result<Self, Failure> {
        let from = moment("--since", since, now)?;
        let to = until.map_or(Ok(now), |text| moment("--until", text, now))?;
        if from >= to || from < 0 {
            let since = since.trim();
            let message = format!("--since {since} does not lie before the end of the span");
            return Err(Failure::new(Exit::Usage, message).hint("example: --since 7d --until 1d"));
        }
        let costs = Range { from: down(from, DAY), to: up(to, DAY) };
        if costs.from < down(now, DAY).saturating_sub(KEPT * DAY) {
            let message = format!("--since {} is too long ago: {KEPT} days are kept", since.trim());
            return Err(Failure::new(Exit::Usage, message).hint("example: --since 30d"));
        }
        if days == Days::All {
            let usage = Range { from: down(from, HOUR), to: up(to, HOUR) };
            return Ok(Self { usage, costs });
        }
        let over = Range { to: costs.to.min(down(now, DAY)), ..costs };
        if over.from >= over.to {
            let last = day(down(now, DAY).saturating_sub(DAY));
            let message = format!("only whole days that are over are told; the last is {last}");
            return Err(Failure::new(Exit::Usage, message).hint("example: --since 24h"));
        }
        Ok(Self { usage: over, costs: over })
    }
}

/// The UTC day of a moment: `2026-11-27`.
pub(super) fn day(at: UnixMs) -> String {
    rfc3339_seconds(at).split('T').next().unwrap_or_default().to_owned()
}

fn down(at: i64, step: i64) -> i64 {
    at.div_euclid(step).saturating_mul(step)
}

fn up(at: i64, step: i64) -> i64 {
    down(at.saturating_add(step).saturating_sub(1), step)
}

/// A time, or so long ago: `24h`, `7d`, `2026-11-27`.
fn moment(flag: &str, text: &str, now: UnixMs) -> Result<UnixMs, Failure> {
    let text = text.trim();
    let ago = || {
        let (at, _) = text.char_indices().next_back()?;
        let (digits, unit) = text.split_at(at);
        let unit = match unit {
            "m" => 60_000,
            "h" => HOUR,
            "d" => DAY,
            "w" => 7 * DAY,
            _ => return None,
        };
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: i64 = digits.parse().ok().filter(|_| plain)?;
        now.checked_sub(count.checked_mul(unit)?)
    };
    parse_time(text).or_else(ago).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        let message = format!(
            "{flag}: `{shown}` is not a time such as 2026-11-24T21:13:36Z, 2026-11-24, or 7d for \
             seven days ago"
        );
        Failure::new(Exit::Usage, message).hint("example: --since 24h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T21:13:36Z
    const NOW: i64 = 1_795_554_816_000;

    fn shown(range: Range) -> String {
        format!("{} {}", rfc3339_seconds(range.from), rfc3339_seconds(range.to))
    }

    #[test]
    fn usage_is_cut_at_hours_and_costs_at_days() {
        let span = Span::read("24h", None, NOW, Days::All).unwrap();
        assert_eq!(shown(span.usage), "2026-11-23T21:00:00Z 2026-11-24T22:00:00Z");
        assert_eq!(shown(span.costs), "2026-11-23T00:00:00Z 2026-11-25T00:00:00Z");
        let span = Span::read("2026-11-20", Some("2026-11-22"), NOW, Days::All).unwrap();
        assert_eq!(span.usage, span.costs);
        assert_eq!(shown(span.usage), "2026-11-20T00:00:00Z 2026-11-22T00:00:00Z");
    }

    #[test]
    fn days_that_are_over_end_with_yesterday() {
        let span = Span::read("24h", None, NOW, Days::Over).unwrap();
        assert_eq!(shown(span.usage), "2026-11-23T00:00:00Z 2026-11-24T00:00:00Z");
        assert_eq!(span.usage, span.costs);
        let failure = Span::read("2h", None, NOW, Days::Over).unwrap_err();
        assert!(failure.message.contains("the last is 2026-11-23"), "{failure}");
        assert!(Span::read("30d", None, NOW, Days::Over).is_ok());
        let failure = Span::read("31d", None, NOW, Days::Over).unwrap_err();
        assert!(failure.message.contains("--since 31d"), "{failure}");
    }

    #[test]
    fn r021_what_is_no_time_is_named() {
        for bad in ["", "d", "24", "-1d", " -24h", "1.5h", "1e3h", "yesterday", "99999999999999d"] {
            let failure = Span::read(bad, None, NOW, Days::All).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.message.contains(&format!("`{}`", bad.trim())), "{failure}");
        }
        let failure = Span::read("1d", Some("2d"), NOW, Days::All).unwrap_err();
        assert!(failure.message.contains("--since 1d"), "{failure}");
    }
}

//! The window that a rule looks at: a period of the calendar, or the last so long. What calls came
//! to is kept by minute, hour and day; a long window is counted in the coarser of them.
//!
//! Invariant: never more than the window is counted, and at most one minute, hour or day less.

use super::super::written::{BadKey, Keys, bad};
use crate::clock::{UnixMs, parse_span};
use crate::ledger::{Kept, Tier};
use crate::limit::{Calendar, Period, Window};
use std::fmt;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Windows up to so long are counted in minutes, and in hours.
const BY_MINUTE: i64 = 6 * HOUR;
const BY_HOUR: i64 = 14 * DAY;

/// The words for a period of the calendar, and how long they are as the last so long.
const WORDS: [(&str, Window, i64); 4] = [
    ("hour", Window::Hour, HOUR),
    ("day", Window::Day, DAY),
    ("week", Window::Week, 7 * DAY),
    ("month", Window::Month, 30 * DAY),
];

/// The last so many milliseconds: whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::alert) struct Last(pub(in crate::alert) i64);

/// A window of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::alert) enum Over {
    /// The present hour, day, week or month.
    Present(Window),
    /// The last so long.
    Last(Last),
}

impl Last {
    /// Reads `15m`, `24h`, or a word such as `hour`; from a minute to as long as sums are kept.
    pub(super) fn read(keys: &Keys<'_>, usual: &str, kept: &Kept) -> Result<Self, BadKey> {
        let text = keys.text("window")?.unwrap_or(usual);
        let word = WORDS.iter().find(|(word, ..)| *word == text).map(|(.., ms)| *ms);
        let ms = word.or_else(|| parse_span(text)).filter(|ms| *ms >= MINUTE && ms % MINUTE == 0);
        let Some(ms) = ms else {
            let shown: String = text.escape_debug().take(40).collect();
            let detail = format!(
                "`{shown}` is not a window: write 15m, 6h, 7d, or hour, day, week or month; whole \
                 minutes"
            );
            return Err(bad("window", detail));
        };
        let last = Self(ms);
        match ms > kept.of(last.tier(kept)) {
            false => Ok(last),
            true => {
                let most = Self(kept.of(Tier::Day).max(kept.of(Tier::Hour)));
                let detail = format!("{last} is longer than sums of calls are kept ({most})");
                Err(bad("window", detail))
            }
        }
    }

    /// In what it is counted.
    pub(in crate::alert) fn tier(self, kept: &Kept) -> Tier {
        match self.0 {
            ms if ms <= BY_MINUTE.min(kept.of(Tier::Minute)) => Tier::Minute,
            ms if ms <= BY_HOUR.min(kept.of(Tier::Hour)) && ms >= HOUR => Tier::Hour,
            _ => Tier::Day,
        }
    }

    /// The moment in whose period it begins.
    pub(in crate::alert) fn from(self, kept: &Kept, now: UnixMs) -> UnixMs {
        let unit = match self.tier(kept) {
            Tier::Minute => MINUTE,
            Tier::Hour => HOUR,
            Tier::Day => DAY,
        };
        now.saturating_sub(self.0.saturating_sub(unit).max(0))
    }
}

/// `15m`, `6h`, `7d`.
impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms % DAY == 0 && ms > DAY => write!(f, "{}d", ms / DAY),
            ms if ms % HOUR == 0 => write!(f, "{}h", ms / HOUR),
            ms => write!(f, "{}m", ms / MINUTE),
        }
    }
}

impl Over {
    /// Reads a period of the calendar or the last so long.
    pub(super) fn read(keys: &Keys<'_>, usual: &str, kept: &Kept) -> Result<Self, BadKey> {
        let text = keys.text("window")?.unwrap_or(usual);
        match WORDS.iter().find(|(word, ..)| *word == text) {
            Some((_, window, _)) => Ok(Self::Present(*window)),
            None => Last::read(keys, usual, kept).map(Self::Last),
        }
    }

    /// Reads the present hour or day: what only one proxy knows fires once in that.
    pub(super) fn present(keys: &Keys<'_>, usual: &str) -> Result<Self, BadKey> {
        match keys.text("window")?.unwrap_or(usual) {
            "hour" => Ok(Self::Present(Window::Hour)),
            "day" => Ok(Self::Present(Window::Day)),
            text => {
                let shown: String = text.escape_debug().take(40).collect();
                Err(bad("window", format!("`{shown}` is not one of hour, day")))
            }
        }
    }

    /// In what it is counted, and the moment in whose period it begins.
    pub(in crate::alert) fn counted(
        self,
        kept: &Kept,
        calendar: &Calendar,
        now: UnixMs,
    ) -> (Tier, UnixMs) {
        match self {
            Self::Present(window) => {
                let tier = if window == Window::Hour { Tier::Hour } else { Tier::Day };
                (tier, calendar.begins(window, now).unwrap_or(now))
            }
            Self::Last(last) => (last.tier(kept), last.from(kept, now)),
        }
    }

    /// The period in which it fires once; 0 for the last so long, which fires again once it was
    /// over.
    pub(super) fn period(self, calendar: &Calendar, now: UnixMs) -> Period {
        match self {
            Self::Present(window) => calendar.period(window, now),
            Self::Last(_) => 0,
        }
    }

    /// When the period ends.
    pub(super) fn ends(self, calendar: &Calendar, now: UnixMs) -> Option<UnixMs> {
        match self {
            Self::Present(window) => calendar.ends(window, now),
            Self::Last(_) => None,
        }
    }

    /// In a sentence: `this day`, `in the last 6h`.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::Present(window) => format!("this {}", window.as_str()),
            Self::Last(last) => format!("in the last {last}"),
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(window) => f.write_str(window.as_str()),
            Self::Last(last) => last.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_windows_are_counted_in_coarser_sums() {
        let kept = Kept::default();
        let of = |ms| (Last(ms).tier(&kept), Last(ms).to_string());
        assert_eq!(of(15 * MINUTE), (Tier::Minute, "15m".to_owned()));
        assert_eq!(of(6 * HOUR), (Tier::Minute, "6h".to_owned()));
        assert_eq!(of(DAY), (Tier::Hour, "24h".to_owned()));
        assert_eq!(of(30 * DAY), (Tier::Day, "30d".to_owned()));
        let now = 1_795_900_416_123;
        assert_eq!(Last(MINUTE).from(&kept, now), now, "this minute");
        assert_eq!(Last(DAY).from(&kept, now), now - 23 * HOUR);
    }
}

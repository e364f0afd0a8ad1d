//! How a sending ended, and what comes next. Pure.
//!
//! Invariant: a message is tried six times at most, over about 73 minutes; a channel that asks for
//! patience can make each wait longer, up to an hour.

use crate::clock::{UnixMs, parse_http_date};
use std::time::Duration;

/// The waits between tries, in seconds.
const WAITS: [u64; 5] = [5, 30, 120, 600, 3600];

/// The longest wait that a channel can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// How one try ended. The text names the host and the reason, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// It was not, and may be later.
    TryAgain {
        /// Why not.
        why: String,
        /// How long the channel asks to be left alone.
        after: Option<Duration>,
    },
    /// It will never be.
    Failed {
        /// Why not.
        why: String,
    },
}

/// What to do after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it was delivered.
    Done,
    /// Try again then, with the same id.
    At(UnixMs),
    /// Give up.
    GiveUp,
}

impl Outcome {
    /// What comes next after so many tries, this one counted.
    pub fn next(&self, tries: u32, now: UnixMs) -> Next {
        let after = match self {
            Self::Delivered => return Next::Done,
            Self::Failed { .. } => return Next::GiveUp,
            Self::TryAgain { after, .. } => after.unwrap_or_default().min(LONGEST_WAIT),
        };
        let at = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(seconds) = WAITS.get(at) else { return Next::GiveUp };
        let wait = after.max(Duration::from_secs(*seconds));
        let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        Next::At(now.saturating_add(ms))
    }

    /// Why it was not delivered.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Delivered => None,
            Self::TryAgain { why, .. } | Self::Failed { why } => Some(why),
        }
    }

    /// What an answer over HTTP means; `retry_after` is the header of that name.
    pub(super) fn of_status(
        host: &str,
        status: u16,
        retry_after: Option<&str>,
        now: UnixMs,
    ) -> Self {
        let why = |hint: &str| format!("{host} answered {status}{hint}");
        let after = retry_after.and_then(|text| wait(text, now));
        match status {
            200..=299 => Self::Delivered,
            408 | 429 | 500..=599 => Self::TryAgain { why: why(""), after },
            300..=399 => {
                Self::Failed { why: why(": redirects are not followed; write the new URL") }
            }
            401 | 403 => Self::Failed { why: why(": its secret is wrong or may not do this") },
            404 | 410 => Self::Failed { why: why(": the URL is wrong or the hook was removed") },
            _ => Self::Failed { why: why(": it does not take this message") },
        }
    }
}

/// Seconds, or a date.
fn wait(text: &str, now: UnixMs) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let ms = parse_http_date(text)?.saturating_sub(now);
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, retry_after: Option<&str>) -> Outcome {
        Outcome::of_status("hooks.example.com", status, retry_after, 1_794_000_000_000)
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(of(status, None), Outcome::Delivered);
        }
        for status in [408, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(of(status, None), Outcome::TryAgain { .. }), "{status}");
        }
        for status in [301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 413, 422, 101, 600] {
            assert!(matches!(of(status, None), Outcome::Failed { .. }), "{status}");
        }
        assert_eq!(
            of(404, None).why(),
            Some("hooks.example.com answered 404: the URL is wrong or the hook was removed")
        );
    }

    #[test]
    fn the_waits_grow_and_end() {
        let again = Outcome::TryAgain { why: String::new(), after: None };
        let waits: Vec<_> = (1..=6).map(|tries| again.next(tries, 1000)).collect();
        let at = |seconds: i64| Next::At(1000 + seconds * 1000);
        assert_eq!(waits, [at(5), at(30), at(120), at(600), at(3600), Next::GiveUp]);
        assert_eq!(Outcome::Delivered.next(1, 0), Next::Done);
        assert_eq!(Outcome::Failed { why: String::new() }.next(1, 0), Next::GiveUp);
    }

    #[test]
    fn a_channel_can_ask_for_patience_but_not_for_ever() {
        let wait = |retry_after| of(429, Some(retry_after)).next(1, 0);
        assert_eq!(wait("30"), Next::At(30_000));
        assert_eq!(wait("1"), Next::At(5_000));
        assert_eq!(wait("99999999"), Next::At(3_600_000));
        assert_eq!(wait("18446744073709551616"), Next::At(5_000));
        assert_eq!(wait("soon"), Next::At(5_000));
        assert_eq!(wait("Fri, 06 Nov 2026 21:21:00 GMT"), Next::At(60_000));
        assert_eq!(wait("Fri, 06 Nov 1970 21:21:00 GMT"), Next::At(5_000));
    }
}

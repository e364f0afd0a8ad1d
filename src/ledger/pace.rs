//! How fast a channel may be used: Slack takes one message a second on a hook, and SMS cost money.
//! Pure; who sends keeps one [`Pace`] for each channel.
//!
//! Invariant: a clock that is set back never makes a channel wait longer than its rate asks.

use crate::clock::UnixMs;
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// What a channel bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// Milliseconds between two messages.
    pub spacing_ms: i64,
    /// Messages a day (UTC); `None`: any number.
    pub per_day: Option<u32>,
}

/// What was sent on a channel lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    last: Option<UnixMs>,
    day: i64,
    sent: u32,
}

impl Pace {
    /// Counts a message that is sent now, or says from when on it may be.
    pub fn take(&mut self, rate: Rate, now: UnixMs) -> Result<(), UnixMs> {
        let day = now.div_euclid(DAY_MS);
        let sent = if day == self.day { self.sent } else { 0 };
        if rate.per_day.is_some_and(|most| sent >= most) {
            return Err(day.saturating_add(1).saturating_mul(DAY_MS));
        }
        let free = self.last.map_or(now, |last| last.saturating_add(rate.spacing_ms));
        if free > now && free.saturating_sub(now) <= rate.spacing_ms {
            return Err(free);
        }
        *self = Self { last: Some(now), day, sent: sent.saturating_add(1) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r089_one_message_a_second() {
        let rate = Rate { spacing_ms: 1000, per_day: None };
        let mut pace = Pace::default();
        assert_eq!(pace.take(rate, 5_000), Ok(()));
        assert_eq!(pace.take(rate, 5_001), Err(6_000));
        assert_eq!(pace.take(rate, 6_000), Ok(()));
        // The clock was set back by an hour.
        assert_eq!(pace.take(rate, -3_600_000), Ok(()));
    }

    #[test]
    fn r091_a_day_has_its_cap() {
        let rate = Rate { spacing_ms: 0, per_day: Some(2) };
        let mut pace = Pace::default();
        let noon = DAY_MS * 20_000 + DAY_MS / 2;
        assert_eq!(
            [0, 1, 2].map(|n| pace.take(rate, noon + n)),
            [Ok(()), Ok(()), Err(DAY_MS * 20_001)]
        );
        assert_eq!(pace.take(rate, DAY_MS * 20_001), Ok(()));
        assert_eq!(pace.take(Rate { per_day: Some(0), ..rate }, 0), Err(DAY_MS));
    }
}

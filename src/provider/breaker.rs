//! The circuit breaker of one credential: closed, open, half-open. Pure: whoever asks brings the
//! time.
//!
//! It opens after so many failures in a row, or when at least half of the last calls failed. After
//! its pause one call probes; if that works it closes, else it opens again.

use crate::clock::UnixMs;

/// How long failures count towards the rate, at least; at most twice as long.
const SPAN_MS: i64 = 30_000;

/// Below so many calls in that time there is no rate.
const FEWEST: u32 = 20;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerBounds {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before a call may probe, in milliseconds.
    pub pause_ms: i64,
}

impl Default for BreakerBounds {
    fn default() -> Self {
        Self { failures: 5, pause_ms: 30_000 }
    }
}

/// What a breaker remembers.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    in_a_row: u32,
    open_until: Option<UnixMs>,
    probing: bool,
    since: UnixMs,
    current: Count,
    previous: Count,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    calls: u32,
    failed: u32,
}

/// Whether a call may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// It may.
    Closed,
    /// It may, and what becomes of it decides.
    Probe,
    /// Not before this time.
    Open(UnixMs),
}

impl Breaker {
    /// Whether a call may go at this time.
    pub(super) fn gate(&self, now: UnixMs) -> Gate {
        match self.open_until {
            None => Gate::Closed,
            Some(_) if self.probing => Gate::Open(now.saturating_add(1_000)),
            Some(until) if now < until => Gate::Open(until),
            Some(_) => Gate::Probe,
        }
    }

    /// A call went; where it is a probe, no other one may go.
    pub(super) fn taken(&mut self, now: UnixMs) -> bool {
        self.probing = self.gate(now) == Gate::Probe;
        self.probing
    }

    /// The probe came to nothing; another call may probe.
    pub(super) fn given_back(&mut self) {
        self.probing = false;
    }

    /// The provider answered. What is in the answer may still be an error, so failures in a row are
    /// not forgotten yet.
    pub(super) fn answered(&mut self, probe: bool) {
        if probe {
            self.probing = false;
            self.open_until = None;
        }
    }

    /// A call was served.
    pub(super) fn worked(&mut self, probe: bool, now: UnixMs) {
        self.answered(probe);
        self.in_a_row = 0;
        self.count(now, false);
    }

    /// A call failed; whether that opened it.
    pub(super) fn failed(&mut self, probe: bool, now: UnixMs, bounds: &BreakerBounds) -> bool {
        if probe {
            self.probing = false;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.count(now, true);
        let calls = self.current.calls.saturating_add(self.previous.calls);
        let failed = self.current.failed.saturating_add(self.previous.failed);
        let mostly = calls >= FEWEST && failed.saturating_mul(2) >= calls;
        // Calls that began before it opened do not keep it open for longer.
        let was_open = self.open_until.is_some_and(|until| now < until);
        let opens = probe || !was_open && (self.in_a_row >= bounds.failures || mostly);
        if opens {
            self.open_until = Some(now.saturating_add(bounds.pause_ms));
            (self.current, self.previous) = (Count::default(), Count::default());
        }
        opens
    }

    /// Failures since the last call that was served.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    fn count(&mut self, now: UnixMs, failed: bool) {
        let age = now.saturating_sub(self.since);
        if !(0..SPAN_MS).contains(&age) {
            let still_counts = (0..SPAN_MS * 2).contains(&age);
            self.previous = if still_counts { self.current } else { Count::default() };
            self.current = Count::default();
            self.since = now;
        }
        self.current.calls = self.current.calls.saturating_add(1);
        self.current.failed = self.current.failed.saturating_add(u32::from(failed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: BreakerBounds = BreakerBounds { failures: 5, pause_ms: 30_000 };

    #[test]
    fn r082_five_failures_in_a_row_open_it_and_one_probe_closes_it() {
        let mut breaker = Breaker::default();
        for n in 1..5 {
            assert!(!breaker.failed(false, n, &BOUNDS));
        }
        breaker.worked(false, 5);
        for n in 6..10 {
            assert!(!breaker.failed(false, n, &BOUNDS));
        }
        assert!(breaker.failed(false, 10, &BOUNDS));
        assert_eq!(breaker.gate(11), Gate::Open(30_010));
        // One that was on its way already does not keep it open for longer.
        assert!(!breaker.failed(false, 20_000, &BOUNDS));
        assert_eq!(breaker.gate(30_010), Gate::Probe);
        assert!(breaker.taken(30_010));
        assert!(matches!(breaker.gate(30_011), Gate::Open(_)), "one probe at a time");
        assert!(breaker.failed(true, 30_020, &BOUNDS));
        assert_eq!(breaker.gate(30_021), Gate::Open(60_020));
        assert!(breaker.taken(60_020));
        breaker.given_back();
        assert!(breaker.taken(60_021), "a probe that was not sent leaves room for another");
        breaker.worked(true, 60_030);
        assert_eq!((breaker.gate(60_031), breaker.in_a_row()), (Gate::Closed, 0));
    }

    #[test]
    fn half_of_twenty_calls_open_it_and_old_failures_are_forgotten() {
        let mut breaker = Breaker::default();
        let mut opened = 0;
        for n in 0..20 {
            breaker.worked(false, n);
            opened += u32::from(breaker.failed(false, n, &BOUNDS));
        }
        assert_eq!(opened, 1, "at the tenth failure of twenty calls, then half of few");
        let mut slow = Breaker::default();
        for n in 0..100 {
            slow.worked(false, n * 10_000);
            assert!(!slow.failed(false, n * 10_000, &BOUNDS), "no rate of six calls a minute");
        }
    }

    #[test]
    fn an_answer_that_turns_out_an_error_counts_as_a_failure() {
        let mut breaker = Breaker::default();
        for n in 1..=5 {
            breaker.answered(false);
            assert_eq!(breaker.failed(false, n, &BOUNDS), n == 5);
        }
    }
}

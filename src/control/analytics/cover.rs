//! Which sums, and which events beside them, a span of time is made of. Pure.
//!
//! Invariants: the pieces do not overlap and leave nothing out. A piece of sums consists of whole
//! periods that tell of all calls. Sums that are shorter than the grain, which is the shortest
//! period that is told apart, stay within one grain.

use crate::clock::UnixMs;
use crate::ledger::{SummedSince, Tier};
use crate::limit::Calendar;

/// A part of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Sums of which tier it is read from; `None`: from events.
    pub(super) tier: Option<Tier>,
    pub(super) from: UnixMs,
    pub(super) until: UnixMs,
}

/// What sums there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums<'a> {
    pub(super) calendar: &'a Calendar,
    pub(super) since: SummedSince,
}

impl Sums<'_> {
    /// The pieces of a span, of which periods as long as the grain are told apart; without one,
    /// none.
    pub(super) fn cover(&self, (from, until): (UnixMs, UnixMs), grain: Option<Tier>) -> Vec<Piece> {
        let mut tiers = Tier::ALL.to_vec();
        tiers.retain(|tier| grain.is_none_or(|grain| *tier <= grain));
        tiers.reverse();
        let mut pieces = Vec::new();
        self.add(&tiers, (from, until), &mut pieces);
        pieces
    }

    /// When the period that holds a moment begins.
    pub(super) fn begins(&self, tier: Tier, at: UnixMs) -> UnixMs {
        self.calendar.begins(tier.window(), at).unwrap_or(at)
    }

    /// The first beginning of a period at a moment or after it.
    fn next(&self, tier: Tier, at: UnixMs) -> UnixMs {
        if self.begins(tier, at) == at {
            return at;
        }
        self.calendar.ends(tier.window(), at).unwrap_or(at)
    }

    /// `tiers`: longest first.
    fn add(&self, tiers: &[Tier], (from, until): (UnixMs, UnixMs), to: &mut Vec<Piece>) {
        if from >= until {
            return;
        }
        let Some((&tier, shorter)) = tiers.split_first() else {
            to.push(Piece { tier: None, from, until });
            return;
        };
        let since = self.since.of(tier);
        let (first, last) = (self.next(tier, from.max(since)), self.begins(tier, until));
        // Where the longer ones are gone, nobody relies on the shorter ones.
        let before: &[Tier] = if from < since { &[] } else { shorter };
        if first > last {
            return self.add(before, (from, until), to);
        }
        self.add(before, (from, first), to);
        if first < last {
            to.push(Piece { tier: Some(tier), from: first, until: last });
        }
        self.add(shorter, (last, until), to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_time;

    fn at(text: &str) -> UnixMs {
        parse_time(text).unwrap()
    }

    /// The pieces in words.
    fn covered(zone: &str, grain: Option<Tier>, from: &str, until: &str) -> Vec<String> {
        let calendar = Calendar::named(zone).unwrap();
        let since = SummedSince {
            minutes: at("2026-11-27T12:00:00Z"),
            hours: at("2026-09-01T00:30:00Z"),
            days: at("2025-01-01"),
        };
        let pieces = Sums { calendar: &calendar, since }.cover((at(from), at(until)), grain);
        for two in pieces.windows(2) {
            assert_eq!(two[0].until, two[1].from);
        }
        assert_eq!(pieces.first().map(|piece| piece.from), Some(at(from)));
        assert_eq!(pieces.last().map(|piece| piece.until), Some(at(until)));
        let word = |piece: &Piece| {
            let tier = piece.tier.map_or("events", Tier::as_str);
            format!("{tier} {}", crate::clock::rfc3339_seconds(piece.from))
        };
        pieces.iter().map(word).collect()
    }

    #[test]
    fn fine_at_the_edges_and_coarse_inside() {
        assert_eq!(
            covered("UTC", None, "2026-11-27T21:13:36Z", "2026-11-29T01:02:03Z"),
            [
                "events 2026-11-27T21:13:36Z",
                "minute 2026-11-27T21:14:00Z",
                "hour 2026-11-27T22:00:00Z",
                "day 2026-11-28T00:00:00Z",
                "hour 2026-11-29T00:00:00Z",
                "minute 2026-11-29T01:00:00Z",
                "events 2026-11-29T01:02:00Z",
            ]
        );
        assert_eq!(
            covered("UTC", Some(Tier::Hour), "2026-11-27T22:00:00Z", "2026-11-29T00:00:00Z"),
            ["hour 2026-11-27T22:00:00Z"]
        );
    }

    #[test]
    fn what_is_no_longer_kept_comes_from_events() {
        assert_eq!(
            covered("UTC", None, "2024-12-01T05:00:00Z", "2026-08-01T01:00:00Z"),
            [
                "events 2024-12-01T05:00:00Z",
                "day 2025-01-01T00:00:00Z",
                "events 2026-08-01T00:00:00Z",
            ]
        );
        assert_eq!(
            covered("UTC", None, "2026-11-20T21:13:36Z", "2026-11-20T23:00:00Z"),
            ["events 2026-11-20T21:13:36Z", "hour 2026-11-20T22:00:00Z"]
        );
    }

    #[test]
    fn days_that_begin_within_an_hour_are_joined_by_minutes() {
        assert_eq!(
            covered("Asia/Kathmandu", None, "2026-11-27T17:00:00Z", "2026-11-28T19:00:00Z"),
            [
                "hour 2026-11-27T17:00:00Z",
                "minute 2026-11-27T18:00:00Z",
                "day 2026-11-27T18:15:00Z",
                "minute 2026-11-28T18:15:00Z",
            ]
        );
        // No whole day is inside, and days are told apart.
        assert_eq!(
            covered(
                "Asia/Kathmandu",
                Some(Tier::Day),
                "2026-11-28T18:00:00Z",
                "2026-11-28T19:00:00Z"
            ),
            ["minute 2026-11-28T18:00:00Z", "minute 2026-11-28T18:15:00Z"]
        );
    }
}

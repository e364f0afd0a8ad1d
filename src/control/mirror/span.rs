//! Which buckets of time a page has. Times are Unix seconds in UTC; a bucket begins at a multiple of
//! its width, the first one at or before `start_time`, and none begins after now.

use super::BadParameter;
use super::query::Query;
use crate::clock::UnixMs;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// No times beyond the year 9999.
const LATEST: i64 = 253_402_300_799;

/// The buckets of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Where the first bucket of the page begins.
    first: i64,
    width: i64,
    count: usize,
    /// Nothing from here on is counted.
    end: i64,
    /// How many buckets come before the next page, where there is one.
    next: Option<i64>,
}

impl Span {
    /// Buckets of usage, a day wide unless something else is asked for.
    pub(super) fn of_usage(query: &Query, now: UnixMs) -> Result<Self, BadParameter> {
        let width = |text: &str| match text {
            "1m" => Some((MINUTE, 60, 1_440)),
            "1h" => Some((HOUR, 24, 168)),
            "1d" => Some((DAY, 7, 31)),
            _ => None,
        };
        let width = query.one("bucket_width", "one of '1m', '1h' and '1d'", width)?;
        Self::read(query, width.unwrap_or((DAY, 7, 31)), now)
    }

    /// Buckets of costs, which are days.
    pub(super) fn of_costs(query: &Query, now: UnixMs) -> Result<Self, BadParameter> {
        query.one("bucket_width", "'1d'", |text| (text == "1d").then_some(()))?;
        Self::read(query, (DAY, 7, 180), now)
    }

    fn read(
        query: &Query,
        (width, usual, most): (i64, i64, i64),
        now: UnixMs,
    ) -> Result<Self, BadParameter> {
        let seconds = |text: &str| text.parse().ok().filter(|at| (0..=LATEST).contains(at));
        let from = query.required("start_time", "Unix seconds", seconds)?;
        let to = query.one("end_time", "Unix seconds", seconds)?;
        let number = |text: &str| text.parse().ok().filter(|n| (1..=most).contains(n));
        let limit = query.one("limit", &format!("a number from 1 to {most}"), number)?;
        let page = |text: &str| text.strip_prefix("page_")?.parse().ok().filter(|n| *n >= 0);
        let skipped: i64 =
            query.one("page", "the next_page of the page before", page)?.unwrap_or(0);
        let first = from.div_euclid(width).saturating_mul(width);
        let now = now.div_euclid(1_000).saturating_add(1);
        let end = to.unwrap_or(LATEST).min(now);
        let all = end.saturating_sub(first).max(0).saturating_add(width - 1).div_euclid(width);
        let count = all.saturating_sub(skipped).clamp(0, limit.unwrap_or(usual));
        let after = skipped.saturating_add(count);
        Ok(Self {
            first: first.saturating_add(skipped.saturating_mul(width)),
            width,
            count: usize::try_from(count).unwrap_or(0),
            end,
            next: Some(after).filter(|after| *after < all),
        })
    }

    /// Begin and end of each bucket.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (i64, i64)> {
        let (first, width) = (self.first, self.width);
        (0_i64..).take(self.count).map(move |at| (first + at * width, first + (at + 1) * width))
    }

    /// From when to when calls count, in milliseconds; `None` where there is no bucket.
    pub(super) fn bounds(&self) -> Option<(UnixMs, UnixMs)> {
        let (_, last) = self.buckets().last()?;
        Some((self.first * 1_000, last.min(self.end) * 1_000))
    }

    /// Which bucket a moment is in.
    pub(super) fn place(&self, at: UnixMs) -> Option<usize> {
        let seconds = at.div_euclid(1_000).saturating_sub(self.first);
        usize::try_from(seconds.div_euclid(self.width)).ok().filter(|place| *place < self.count)
    }

    /// The cursor of the next page.
    pub(super) fn next_page(&self) -> Option<String> {
        self.next.map(|after| format!("page_{after}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = 1_794_009_600_000; // 2026-11-07T00:00:00Z

    fn span(text: &str) -> Result<Span, BadParameter> {
        Span::of_usage(&Query::read(&format!("/x?{text}").parse().unwrap()).unwrap(), NOW)
    }

    #[test]
    fn buckets_begin_at_multiples_and_end_at_the_present() {
        let asked = span("start_time=1793923201&bucket_width=1h&limit=168").unwrap();
        let all: Vec<_> = asked.buckets().collect();
        assert_eq!((all.len(), all[0]), (25, (1_793_923_200, 1_793_926_800)));
        assert_eq!(all[24].0, 1_794_009_600);
        assert_eq!(
            (asked.place(1_793_923_200_000), asked.place(1_793_923_199_999)),
            (Some(0), None)
        );
        assert_eq!(asked.next_page(), None);
        assert_eq!(span("start_time=1893456000").unwrap().bounds(), None);
    }

    #[test]
    fn pages_follow_each_other() {
        let day = 1_793_923_200 - 9 * 86_400;
        let first = span(&format!("start_time={day}")).unwrap();
        assert_eq!((first.count, first.next_page().as_deref()), (7, Some("page_7")));
        let second = span(&format!("start_time={day}&page=page_7")).unwrap();
        assert_eq!((second.count, second.first), (4, day + 7 * 86_400));
        assert_eq!(second.next_page(), None);
        assert_eq!(span(&format!("start_time={day}&page=page_999999999999999")).unwrap().count, 0);
    }

    #[test]
    fn the_end_cuts_the_last_bucket() {
        let asked = span("start_time=1793923200&end_time=1793926900").unwrap();
        assert_eq!(asked.buckets().collect::<Vec<_>>(), [(1_793_923_200, 1_794_009_600)]);
        assert_eq!(asked.bounds(), Some((1_793_923_200_000, 1_793_926_900_000)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "",
            "start_time=x",
            "start_time=-1",
            "start_time=1&limit=0",
            "start_time=1&limit=32",
            "start_time=1&bucket_width=1w",
            "start_time=1&page=7",
            "start_time=1&end_time=1e9",
        ] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}

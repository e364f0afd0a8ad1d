//! Hours of the day and days of the week, in UTC, at which a price applies.
//!
//! Invariant: a span begins within it and ends before its end; it does not cross midnight.

use crate::clock::UnixMs;
use std::fmt;

const MS_PER_DAY: i64 = 86_400_000;
const MS_PER_MINUTE: i64 = 60_000;
const MINUTES_PER_DAY: i64 = 1440;

/// Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Some hours of some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Minutes of the day: from, and until.
    spans: Vec<(i64, i64)>,
    /// Places in `DAYS`; none: every day.
    days: Vec<i64>,
}

impl Hours {
    /// Reads spans such as `01:00-04:00` and days such as `mon`.
    pub fn parse(spans: &[String], days: &[String]) -> Result<Self, String> {
        if spans.is_empty() {
            return Err("`days` needs `hours`, such as hours = [\"00:00-24:00\"]".to_owned());
        }
        let spans = spans.iter().map(|text| span(text)).collect::<Result<_, _>>()?;
        let days = days.iter().map(|text| day(text)).collect::<Result<_, _>>()?;
        Ok(Self { spans, days })
    }

    /// The spans and the days as a table has them.
    pub fn written(&self) -> (Vec<String>, Vec<&'static str>) {
        let time =
            |minute: i64| format!("{:02}:{:02}", minute.div_euclid(60), minute.rem_euclid(60));
        let span = |(from, until): &(i64, i64)| format!("{}-{}", time(*from), time(*until));
        let day = |place: &i64| DAYS.iter().zip(0..).find(|(_, at)| at == place);
        let days = self.days.iter().filter_map(day).map(|(name, _)| *name);
        (self.spans.iter().map(span).collect(), days.collect())
    }

    /// Whether a moment lies within.
    pub fn contain(&self, at: UnixMs) -> bool {
        let minute = at.rem_euclid(MS_PER_DAY).div_euclid(MS_PER_MINUTE);
        // The first day of Unix time was a Thursday.
        let day = at.div_euclid(MS_PER_DAY).saturating_add(3).rem_euclid(7);
        let of_day = self.days.is_empty() || self.days.contains(&day);
        of_day && self.spans.iter().any(|(from, until)| (*from..*until).contains(&minute))
    }
}

/// `01:00-04:00 06:00-10:00 mon tue`.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time =
            |minute: i64| format!("{:02}:{:02}", minute.div_euclid(60), minute.rem_euclid(60));
        let spans =
            self.spans.iter().map(|(from, until)| format!("{}-{}", time(*from), time(*until)));
        let named = self.days.iter().filter_map(|day| DAYS.get(usize::try_from(*day).ok()?));
        let days = named.map(|day| (*day).to_owned());
        f.write_str(&spans.chain(days).collect::<Vec<_>>().join(" "))
    }
}

fn span(text: &str) -> Result<(i64, i64), String> {
    let bad = || format!("`{text}` are no hours: write UTC hours such as 01:00-04:00");
    let (from, until) = text.split_once('-').ok_or_else(bad)?;
    let span = (minute(from).ok_or_else(bad)?, minute(until).ok_or_else(bad)?);
    if span.0 < span.1 { Ok(span) } else { Err(bad()) }
}

fn minute(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |s: &str| s.len() == 2 && s.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let minute: i64 = minute.parse().ok().filter(|minute| *minute < 60)?;
    let of_day = hour.parse::<i64>().ok()?.checked_mul(60)?.checked_add(minute)?;
    (of_day <= MINUTES_PER_DAY).then_some(of_day)
}

fn day(text: &str) -> Result<i64, String> {
    let place = DAYS.iter().zip(0..).find(|(name, _)| **name == text);
    place
        .map(|(_, place)| place)
        .ok_or_else(|| format!("`{text}` is no day of the week: write one of {}", DAYS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_time;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[track_caller]
    fn check(spans: &[&str], days: &[&str], at: &str, expected: bool) {
        let hours = Hours::parse(&texts(spans), &texts(days)).unwrap();
        assert_eq!(hours.contain(parse_time(at).unwrap()), expected, "{at}");
    }

    #[test]
    fn a_span_begins_with_its_first_minute_and_ends_before_its_last() {
        let spans = ["01:00-04:00", "06:00-10:00"];
        for (at, expected) in [
            ("2026-11-24T00:59:59.999Z", false),
            ("2026-11-24T01:00:00Z", true),
            ("2026-11-24T03:59:59.999Z", true),
            ("2026-11-24T04:00:00Z", false),
            ("2026-11-24T09:30:00Z", true),
        ] {
            check(&spans, &[], at, expected);
        }
        check(&["00:00-24:00"], &[], "2026-11-24T23:59:59.999Z", true);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let week = ["mon", "tue", "wed", "thu", "fri"];
        // 2026-11-24 is a Tuesday.
        check(&["00:00-24:00"], &week, "2026-11-24T12:00:00Z", true);
        check(&["00:00-24:00"], &week, "2026-11-27T23:59:00Z", true);
        check(&["00:00-24:00"], &week, "2026-11-28T00:00:00Z", false);
        check(&["00:00-24:00"], &["sun"], "2026-11-29T12:00:00Z", true);
        check(&["00:00-24:00"], &["wed"], "1969-12-31T12:00:00Z", true);
    }

    #[test]
    fn hours_are_written_as_they_are_read() {
        let hours = Hours::parse(&texts(&["01:00-04:00", "22:30-24:00"]), &texts(&["sun"]));
        assert_eq!(hours.unwrap().to_string(), "01:00-04:00 22:30-24:00 sun");
    }

    #[test]
    fn refuses_what_is_not_a_time_and_names_it() {
        for text in
            ["", "1:00-2:00", "01:00", "04:00-01:00", "01:00-01:00", "00:00-24:01", "01:60-02:00"]
        {
            let error = Hours::parse(&texts(&[text]), &[]).unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        let error = Hours::parse(&texts(&["00:00-24:00"]), &texts(&["monday"])).unwrap_err();
        assert!(error.contains("`monday`"), "{error}");
        assert!(Hours::parse(&[], &texts(&["mon"])).is_err());
    }
}

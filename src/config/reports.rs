//! What is written of reports: which are sent, and at which time of the ledger's day.

use super::BadConfig;
use super::check::bad;
use super::raw::RawHistory;

const KINDS: [&str; 2] = ["daily", "weekly"];
const USUAL: &str = "08:00";

/// What is configured of reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTerms {
    /// `daily`, `weekly`; empty: none is sent by itself.
    pub kinds: Vec<String>,
    /// Minutes after midnight, in the ledger's zone.
    pub minute: u32,
}

impl ReportTerms {
    /// `08:00`.
    pub(super) fn written(&self) -> String {
        format!("{:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

pub(super) fn read(raw: &RawHistory) -> Result<ReportTerms, BadConfig> {
    let mut kinds = raw.reports.clone().unwrap_or_default();
    if let Some(unknown) = kinds.iter().find(|word| !KINDS.contains(&word.as_str())) {
        return Err(bad(format!("history.reports: `{unknown}` is not one of daily, weekly")));
    }
    kinds.sort();
    kinds.dedup();
    let text = raw.report_at.as_deref().unwrap_or(USUAL);
    let minute = minute(text).ok_or_else(|| {
        bad(format!(
            "history.report_at = \"{text}\": a time of day from 00:00 to 23:59, such as {USUAL}"
        ))
    })?;
    Ok(ReportTerms { kinds, minute })
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str, most: u32| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|n: &u32| digits && *n < most)
    };
    Some(two(hour, 24)? * 60 + two(minute, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(reports: &[&str], at: &str) -> Result<ReportTerms, String> {
        let reports = Some(reports.iter().map(|word| (*word).to_owned()).collect());
        let raw = RawHistory { reports, report_at: Some(at.to_owned()), ..RawHistory::default() };
        read(&raw).map_err(|bad| bad.to_string())
    }

    #[test]
    fn times_of_day_are_read_and_written() {
        let both = terms(&["weekly", "daily", "daily"], "17:05").unwrap();
        assert_eq!((both.kinds.join(","), both.written()), ("daily,weekly".into(), "17:05".into()));
        let usual = read(&RawHistory::default()).unwrap();
        assert_eq!((usual.kinds.len(), usual.written()), (0, "08:00".to_owned()));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(terms(&["hourly"], "08:00").unwrap_err().contains("`hourly` is not one of daily"));
        for at in ["8:00", "24:00", "08:60", "0800", "", "08:00:00", "+8:00"] {
            assert!(terms(&[], at).unwrap_err().contains("history.report_at"), "{at}");
        }
    }
}

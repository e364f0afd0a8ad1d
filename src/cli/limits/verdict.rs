//! What a replay found: who would have been refused how often. Pure, but for printing.

use crate::cli::table::{Cell, Table, field};
use crate::clock::{UnixMs, rfc3339};
use crate::control::csv;
use crate::ids::AccountId;
use crate::ledger::{PastCall, Peak, Replay};
use crate::limit::{Limit, Meter};
use crate::money::NanoUsd;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The columns of CSV.
const COLUMNS: [&str; 9] = [
    "account",
    "calls",
    "refused",
    "refused_percent",
    "first_refused",
    "cost_usd",
    "refused_cost_usd",
    "peak_percent",
    "tightest",
];

/// One account under other limits.
#[derive(Debug)]
pub(super) struct Verdict {
    account: AccountId,
    pub(super) calls: u64,
    refused: u64,
    first: Option<UnixMs>,
    /// What all calls cost.
    cost: NanoUsd,
    /// What those cost that would have been refused.
    refused_cost: NanoUsd,
    limits: Vec<Figures>,
}

#[derive(Debug)]
struct Figures {
    peak: Peak,
    refused: u64,
}

impl Verdict {
    /// Replays calls in the order in which they began. Those before `since` only count as used.
    pub(super) fn of<'c>(
        account: &AccountId,
        mut replay: Replay,
        calls: impl Iterator<Item = PastCall<'c>>,
        since: UnixMs,
    ) -> Self {
        let mut verdict = Self {
            account: account.clone(),
            calls: 0,
            refused: 0,
            first: None,
            cost: NanoUsd::ZERO,
            refused_cost: NanoUsd::ZERO,
            limits: Vec::new(),
        };
        let mut refusals: BTreeMap<Limit, u64> = BTreeMap::new();
        for call in calls {
            let refused = replay.admit(&call);
            if call.started < since {
                continue;
            }
            verdict.add(&call, refused.is_some());
            if let Some(limit) = refused {
                *refusals.entry(limit).or_default() += 1;
            }
        }
        let refused = |limit: &Limit| refusals.get(limit).copied().unwrap_or(0);
        let figures = |peak: Peak| Figures { refused: refused(&peak.limit), peak };
        verdict.limits = replay.finish().into_iter().map(figures).collect();
        verdict
    }

    fn add(&mut self, call: &PastCall<'_>, refused: bool) {
        self.calls += 1;
        self.cost = self.cost.saturating_add(call.cost);
        if refused {
            self.refused += 1;
            self.first = self.first.or(Some(call.started));
            self.refused_cost = self.refused_cost.saturating_add(call.cost);
        }
    }

    /// The limit that refused most calls; where none did, the one of which most was used.
    fn tightest(&self) -> Option<&Figures> {
        let tighter = |a: &Figures, b: &Figures| {
            b.refused > a.refused || b.refused == a.refused && b.peak.is_fuller_than(&a.peak)
        };
        self.limits.iter().reduce(|a, b| if tighter(a, b) { b } else { a })
    }

    fn object(&self) -> Value {
        let tightest = self.tightest();
        json!({
            "account": self.account,
            "calls": self.calls,
            "refused": self.refused,
            "refused_percent": percent(self.refused.into(), self.calls.into()),
            "first_refused": self.first.map(rfc3339),
            "cost_usd": self.cost.to_string(),
            "cost_nanousd": self.cost,
            "refused_cost_usd": self.refused_cost.to_string(),
            "refused_cost_nanousd": self.refused_cost,
            "peak_percent": tightest.map(Figures::percent),
            "tightest": tightest.map(|figures| figures.peak.limit.to_string()),
            "limits": self.limits.iter().map(Figures::object).collect::<Vec<_>>(),
        })
    }
}

impl Figures {
    fn percent(&self) -> Value {
        match self.peak.allowed {
            0 => 100.into(),
            allowed => percent(self.peak.used.into(), allowed.into()),
        }
    }

    fn object(&self) -> Value {
        let shown = |n: i64| match self.peak.limit.meter {
            Meter::Usd => Value::from(NanoUsd::new(n).to_string()),
            _ => Value::from(n),
        };
        json!({
            "limit": self.peak.limit,
            "refused": self.refused,
            "peak_used": shown(self.peak.used),
            "peak_allowed": shown(self.peak.allowed),
            "peak_percent": self.percent(),
        })
    }
}

/// Those first of whom most would have been refused.
pub(super) fn sort(verdicts: &mut [Verdict]) {
    verdicts.sort_by(|a, b| b.refused.cmp(&a.refused).then_with(|| a.account.cmp(&b.account)));
}

/// An array of objects.
pub(super) fn objects(verdicts: &[Verdict]) -> Value {
    verdicts.iter().map(Verdict::object).collect()
}

/// Lines of CSV, heads first.
pub(super) fn sheet(verdicts: &[Verdict]) -> Vec<String> {
    let row = |verdict: &Verdict| {
        let object = verdict.object();
        csv::line(COLUMNS.iter().map(|name| &object[*name]))
    };
    std::iter::once(COLUMNS.join(",")).chain(verdicts.iter().map(row)).collect()
}

/// A table for people.
pub(super) fn table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(&[
        "ACCOUNT",
        "CALLS",
        "REFUSED",
        "%",
        "FIRST REFUSED",
        "COST",
        "OF REFUSED",
        "TIGHTEST",
        "AT MOST USED",
    ]);
    for verdict in verdicts {
        let object = verdict.object();
        table.row([
            Cell::text(verdict.account.to_string()),
            Cell::figure(verdict.calls.to_string()),
            Cell::figure(verdict.refused.to_string()),
            Cell::figure(field(&object, "refused_percent")),
            Cell::text(field(&object, "first_refused")),
            Cell::figure(format!("${}", verdict.cost)),
            Cell::figure(format!("${}", verdict.refused_cost)),
            Cell::text(field(&object, "tightest")),
            Cell::bar(&object["peak_percent"]),
        ]);
    }
    table
}

/// With at most two decimals, never 100 before it is reached; of nothing: null.
fn percent(part: i128, whole: i128) -> Value {
    if whole <= 0 {
        return Value::Null;
    }
    let mut hundredths = (part * 20_000 + whole).div_euclid(whole * 2);
    if part < whole {
        hundredths = hundredths.min(9_999);
    }
    let text = format!("{}.{:02}", hundredths.div_euclid(100), hundredths.rem_euclid(100));
    let text = text.trim_end_matches('0').trim_end_matches('.');
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Enforcement, Frame};
    use crate::limit::Calendar;

    fn verdict(limits: &[&str], since: UnixMs) -> Verdict {
        let account: AccountId = "user:alice".parse().unwrap();
        let limits: Vec<Limit> = limits.iter().map(|text| text.parse().unwrap()).collect();
        let frame = Frame::of(Calendar::default(), limits.iter(), since);
        let replay = Replay::new(&account, limits, Enforcement::Balanced, frame).unwrap();
        let call = |n: i64| PastCall {
            started: n * 1000,
            settled: n * 1000 + 1,
            model: "gpt-5",
            held: NanoUsd::new(2),
            cost: NanoUsd::new(3),
            tokens: 100,
        };
        Verdict::of(&account, replay, (0..9).map(call), since)
    }

    #[test]
    fn a_verdict_says_how_often_since_when_and_by_which_limit() {
        let found = verdict(&["0.00000001usd/day", "300tokens/minute", "5requests/minute"], 0);
        let object = found.object();
        // Three calls fit into the tokens; in dollars a fourth would not have fitted either.
        assert_eq!((found.calls, found.refused), (9, 6));
        assert_eq!(object["first_refused"], "1970-01-01T00:00:03.000Z");
        assert_eq!(object["refused_percent"], json!(66.67));
        assert_eq!(object["refused_cost_usd"], "0.000000018");
        assert_eq!(object["tightest"], "0.00000001 usd/day");
        assert_eq!(object["peak_percent"], 90);
        assert_eq!(object["limits"][1]["peak_percent"], 100);
        assert_eq!(object["limits"][1]["peak_used"], 300);
        assert_eq!(object["limits"][0]["peak_used"], "0.000000009");
    }

    #[test]
    fn calls_before_the_time_asked_for_are_used_and_not_told() {
        let found = verdict(&["5requests/minute"], 4_000);
        assert_eq!((found.calls, found.refused), (5, 4));
        assert_eq!(found.object()["cost_nanousd"], 15);
    }

    #[test]
    fn per_cent_are_exact_and_never_reach_100_early() {
        for (part, whole, text) in
            [(0, 5, "0"), (1, 3, "33.33"), (1, 2, "50"), (99_999, 100_000, "99.99"), (9, 6, "150")]
        {
            assert_eq!(percent(part, whole).to_string(), text);
        }
        assert_eq!(percent(1, 0), Value::Null);
    }
}

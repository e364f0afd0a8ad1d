//! Settled calls, priced again with another table. Pure; one call after the other.
//!
//! Invariants: a call is either in a row, or kept with the reason why it cannot be priced again, or
//! free whatever the prices; nothing is passed over silently. Memory grows with the models that were
//! used, of which there is a limit, not with the calls.

use crate::clock::parse_time;
use crate::money::NanoUsd;
use crate::pricing::{PriceTable, Terms};
use crate::usage::Usage;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many models and reasons are told apart.
const MOST_ROWS: usize = 20_000;

/// Provider and model.
pub(super) type Name = (String, String);

/// Why a call keeps its charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    /// The new table has no price for it.
    Unpriced,
    /// By the table that charged it, what its event carries costs something else. So the charge
    /// goes by what events do not carry.
    Beyond,
    /// It was charged what it was expected to cost; nobody knows what it used.
    Unread,
}

impl Kept {
    /// The key in JSON.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Unpriced => "unpriced",
            Self::Beyond => "beyond_the_event",
            Self::Unread => "without_usage",
        }
    }

    /// The reason, for people.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Unpriced => "no price in the new table",
            Self::Beyond => {
                "charged by what events do not carry: speed, region, other models' use, or what is \
                 agreed beside the table"
            }
            Self::Unread => "charged what was expected; what was used is not known",
        }
    }
}

/// Calls and dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) calls: u64,
    /// What was charged.
    pub(super) then: NanoUsd,
    /// What the new table charges.
    pub(super) now: NanoUsd,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.then = self.then.saturating_add(other.then);
        self.now = self.now.saturating_add(other.now);
    }

    /// By how much the new table is dearer.
    pub(super) fn difference(self) -> NanoUsd {
        self.now.saturating_sub(self.then)
    }

    /// The same in per cent with two decimals; nothing where nothing was charged.
    pub(super) fn percent(self) -> Option<String> {
        let then = i128::from(self.then.get()).checked_mul(2).filter(|twice| *twice > 0)?;
        let twice = i128::from(self.difference().get()).checked_mul(20_000)?;
        let hundredths = twice.checked_add(then / 2)?.checked_div_euclid(then)?;
        let sign = if hundredths < 0 { "-" } else { "" };
        let size = hundredths.unsigned_abs();
        Some(format!("{sign}{}.{:02}", size / 100, size % 100))
    }
}

/// Calls priced again.
pub(super) struct Repricing<'t> {
    old: &'t PriceTable,
    new: &'t PriceTable,
    /// What was priced again.
    pub(super) rows: BTreeMap<Name, Sum>,
    /// What keeps its charge.
    pub(super) kept: BTreeMap<(Kept, Name), Sum>,
    /// Calls that cost nothing under any table: they failed, or their route is free.
    pub(super) free: u64,
    /// Calls in the rows whose usage is an estimate.
    pub(super) estimated: u64,
    /// Calls in the rows that another table than `old` charged, by its version.
    pub(super) unchecked: BTreeMap<String, u64>,
    /// When the newest and the oldest call were settled.
    pub(super) span: Option<(String, String)>,
}

impl<'t> Repricing<'t> {
    /// No calls yet. Where `old` charged a call, it tells whether the event carries all that the
    /// charge goes by.
    pub(super) fn new(old: &'t PriceTable, new: &'t PriceTable) -> Self {
        Self {
            old,
            new,
            rows: BTreeMap::new(),
            kept: BTreeMap::new(),
            free: 0,
            estimated: 0,
            unchecked: BTreeMap::new(),
            span: None,
        }
    }

    /// Takes a call as `/api/v1/requests` shows it. False when there are too many models.
    #[must_use]
    pub(super) fn add(&mut self, event: &Value) -> bool {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let settled = text("settled");
        match &mut self.span {
            Some((_, oldest)) => *oldest = settled,
            None => self.span = Some((settled.clone(), settled)),
        }
        let usage = Usage::from_json(&event["usage"]);
        let then = NanoUsd::new(event["cost_nanousd"].as_i64().unwrap_or(0));
        let version = text("price_version");
        if then == NanoUsd::ZERO && (usage.is_empty() || version.is_empty()) {
            self.free = self.free.saturating_add(1);
            return true;
        }
        let name = (text("provider"), text("model"));
        match self.priced(event, &name, &usage, then) {
            Ok(now) => {
                if event["estimated"] == true {
                    self.estimated = self.estimated.saturating_add(1);
                }
                if version != self.old.version() {
                    let calls = self.unchecked.entry(version).or_default();
                    *calls = calls.saturating_add(1);
                }
                self.rows.entry(name).or_default().add(Sum { calls: 1, then, now });
            }
            Err(why) => {
                self.kept.entry((why, name)).or_default().add(Sum { calls: 1, then, now: then });
            }
        }
        let sizes = [self.rows.len(), self.kept.len(), self.unchecked.len()];
        sizes.into_iter().all(|size| size <= MOST_ROWS)
    }

    /// What the new table charges for a call, or why that cannot be said.
    fn priced(
        &self,
        event: &Value,
        (provider, model): &Name,
        usage: &Usage,
        then: NanoUsd,
    ) -> Result<NanoUsd, Kept> {
        if usage.is_empty() {
            return Err(Kept::Unread);
        }
        let at = event["started"].as_str().and_then(parse_time).unwrap_or(0);
        let terms = Terms { service_tier: event["service_tier"].as_str(), at, ..Terms::default() };
        let by = |table: &PriceTable| {
            let found = table.find(Some(provider), model)?;
            found.covers(usage, &terms).then(|| found.cost(usage, &terms))
        };
        if event["price_version"] == self.old.version() && by(self.old).unwrap_or_default() != then
        {
            return Err(Kept::Beyond);
        }
        by(self.new).ok_or(Kept::Unpriced)
    }

    /// The sum of all rows.
    pub(super) fn total(&self) -> Sum {
        let mut total = Sum::default();
        for row in self.rows.values() {
            total.add(*row);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(input: &str) -> PriceTable {
        let model = |id: &str, rest: &str| {
            format!(
                "[[model]]\nid = '{id}'\nprovider = 'p'\n[[model.price]]\ninput = '{input}'\n\
                 output = '10'\n{rest}"
            )
        };
        PriceTable::parse(&model("m", "[model.tier.flex]\ninput = '0.5'\n")).unwrap()
    }

    /// A call with 1,000 tokens in and 100 out.
    fn event(table: &PriceTable, cost: i64) -> Value {
        json!({
            "provider": "p", "model": "m", "started": "2026-11-24T21:13:36Z",
            "settled": "2026-11-24T21:13:37Z", "service_tier": null, "estimated": false,
            "usage": {"input_tokens_total": 1000, "output_tokens_total": 100},
            "cost_nanousd": cost, "price_version": table.version(),
        })
    }

    #[test]
    fn calls_are_priced_again_by_what_their_events_carry() {
        let (old, new) = (table("1"), table("2"));
        let mut repricing = Repricing::new(&old, &new);
        // $1 × 1000 + $10 × 100 a million are 2,000,000 nano-dollars; then $2 × 1000 + the same.
        assert!(repricing.add(&event(&old, 2_000_000)));
        // The tier has a price of its own in both.
        let mut flex = event(&old, 1_500_000);
        flex["service_tier"] = "flex".into();
        flex["estimated"] = true.into();
        assert!(repricing.add(&flex));
        let total = repricing.total();
        assert_eq!(total.calls, 2);
        assert_eq!((total.then.get(), total.now.get()), (3_500_000, 4_500_000));
        assert_eq!(total.percent().unwrap(), "28.57");
        assert_eq!((repricing.estimated, repricing.unchecked.len()), (1, 0));
    }

    #[test]
    fn what_cannot_be_priced_again_keeps_its_charge_and_is_named() {
        let (old, new) = (table("1"), table("2"));
        let mut repricing = Repricing::new(&old, &new);
        let mut all = vec![event(&old, 2_200_000)];
        let mut unknown = event(&new, 7);
        unknown["model"] = "gone".into();
        all.push(unknown);
        let mut orphan = event(&old, 9);
        orphan["usage"] = json!({});
        all.push(orphan);
        for event in &all {
            assert!(repricing.add(event));
        }
        let kept: Vec<_> = repricing.kept.iter().map(|((why, _), sum)| (*why, sum.then)).collect();
        let nanos = NanoUsd::new;
        assert_eq!(
            kept,
            [
                (Kept::Unpriced, nanos(7)),
                (Kept::Beyond, nanos(2_200_000)),
                (Kept::Unread, nanos(9))
            ]
        );
        assert_eq!(repricing.total(), Sum::default());
        assert_eq!(repricing.total().percent(), None);
    }

    #[test]
    fn what_another_table_charged_cannot_be_checked_and_what_is_free_stays_free() {
        let (old, new) = (table("1"), table("2"));
        let mut repricing = Repricing::new(&old, &new);
        assert!(repricing.add(&event(&table("4"), 5_000_000)));
        let mut failed = event(&old, 0);
        failed["usage"] = json!({});
        assert!(repricing.add(&failed));
        assert_eq!(repricing.unchecked.values().sum::<u64>(), 1);
        assert_eq!(repricing.free, 1);
        assert_eq!(repricing.total().difference().get(), -2_000_000);
        assert_eq!(repricing.total().percent().unwrap(), "-40.00");
    }
}

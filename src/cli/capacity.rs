//! What pools can do together, for each meter and window. Different ones are never added up.

use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table};
use crate::money::NanoUsd;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What is added up of each entry.
const FIELDS: [&str; 3] = ["limit", "used", "remaining"];

/// Sums by meter and window.
pub(super) type Sums = BTreeMap<String, [i64; 3]>;

/// The sums of the capacities of providers, as the API shows them.
pub(super) fn of(providers: &[Value]) -> Sums {
    let mut sums = Sums::new();
    let entries = providers.iter().filter_map(|provider| provider["capacity"].as_object());
    for (name, entry) in entries.flatten() {
        let sum = sums.entry(name.clone()).or_default();
        for (sum, field) in sum.iter_mut().zip(FIELDS) {
            *sum = sum.saturating_add(number(&entry[field]));
        }
    }
    sums
}

/// Dollars are texts, and become nano-dollars here.
fn number(value: &Value) -> i64 {
    match value {
        Value::String(text) => text.parse().map_or(0, NanoUsd::get),
        value => value.as_i64().unwrap_or(0),
    }
}

fn shown(name: &str, n: i64) -> Value {
    match name.starts_with("usd/") {
        true => NanoUsd::new(n).to_string().into(),
        false => n.into(),
    }
}

/// Prints sums: a table, or an object with an entry for each meter and window.
pub(super) fn print(console: &mut Console, sums: &Sums) -> Result<(), Failure> {
    if console.flags.json {
        let entry = |(name, sum): (&String, &[i64; 3])| {
            let fields = FIELDS.iter().zip(sum);
            let fields = fields.map(|(field, n)| ((*field).to_owned(), shown(name, *n)));
            (name.clone(), Value::Object(fields.collect()))
        };
        return console.json(&Value::Object(sums.iter().map(entry).collect::<Map<_, _>>()));
    }
    let mut table = Table::new(&["CAPACITY", "LIMIT", "USED", "REMAINING", "UTILISATION"]);
    for (name, [limit, used, remaining]) in sums {
        let figure = |n: &i64| Cell::figure(shown(name, *n).to_string().trim_matches('"'));
        table.row([
            Cell::text(name),
            figure(limit),
            figure(used),
            figure(remaining),
            Cell::bar(&percent(*used, *limit)),
        ]);
    }
    if sums.is_empty() {
        console.hint("no credential has a limit: farebox limits set credential:NAME LIMIT");
    }
    console.table(&table)
}

/// Whole per cent, rounded down; 100 of nothing.
fn percent(used: i64, limit: i64) -> Value {
    match limit {
        0 => json!(100),
        limit => {
            let percent = i128::from(used).saturating_mul(100).div_euclid(i128::from(limit));
            json!(i64::try_from(percent).unwrap_or(i64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r064_units_are_never_mixed() {
        let pool = |capacity: Value| json!({"id": "p", "capacity": capacity});
        let day = |n: i64| json!({"limit": n, "used": 100, "remaining": n - 100});
        let sums = of(&[
            pool(json!({"characters/day": day(43_200), "usd/day":
                {"limit": "0.5", "used": "0.25", "remaining": "0.25"}})),
            pool(json!({"characters/day": day(60_000), "requests/day": day(500)})),
            pool(json!({})),
        ]);
        assert_eq!(sums["characters/day"], [103_200, 200, 103_000]);
        assert_eq!(sums["requests/day"], [500, 100, 400]);
        assert_eq!(shown("usd/day", sums["usd/day"][0]), json!("0.5"));
        assert_eq!(percent(50, 0), json!(100));
        assert_eq!(percent(999, 1_000), json!(99));
    }
}

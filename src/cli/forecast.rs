//! `farebox forecast`: what accounts will have spent when their period ends, when limits are reached,
//! and how well such forecasts would have done.

use super::args;
use super::client::{Client, Remote};
use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use crate::ids::AccountId;
use crate::money::NANOS_PER_USD;
use serde_json::Value;

/// What accounts will have spent when their period ends, and when limits are reached.
#[derive(Debug, clap::Args)]
pub struct ForecastVerb {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// user:ID, key:ID, workspace:ID or credential:ID; absent: all users
    #[arg(value_name = "ACCOUNT", value_parser = args::account)]
    pub account: Option<AccountId>,
    /// All accounts of this kind, without ACCOUNT: user, key, workspace or credential
    #[arg(long, value_name = "KIND", conflicts_with = "account", default_value = "user",
        value_parser = ["user", "key", "workspace", "credential"])]
    pub kind: String,
    /// Make the forecasts of the past again, and compare them with what came
    #[arg(long)]
    pub backtest: bool,
    /// Since when, for --backtest: 56d, or a date
    #[arg(long, value_name = "WHEN", requires = "backtest", allow_hyphen_values = true)]
    pub since: Option<String>,
}

const PATH: &str = "/api/v1/forecast";

impl ForecastVerb {
    /// Runs the verb.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        if self.backtest {
            return self.review(&client, console).await;
        }
        if let Some(account) = &self.account {
            let account = account.to_string();
            let told = client.get(PATH, &[("account", Some(account.as_str()))]).await?;
            return match console.flags.json {
                true => console.json(&told),
                false => table(console, &[told]),
            };
        }
        let all = client.all(PATH, &[("kind", Some(self.kind.as_str()))]).await?;
        match console.flags.json {
            true => console.json(&all.into()),
            false => table(console, &all),
        }
    }

    async fn review(self, client: &Client, console: &mut Console) -> Result<(), Failure> {
        let accounts = match self.account {
            Some(account) => vec![account.to_string()],
            None => {
                let all = client.all(PATH, &[("kind", Some(self.kind.as_str()))]).await?;
                all.iter().map(|told| field(told, "account")).collect()
            }
        };
        let since = self.since.as_deref().map(str::trim);
        let mut told = Vec::new();
        for account in &accounts {
            let query = [("account", Some(account.as_str())), ("since", since)];
            told.push(client.get(&format!("{PATH}/backtest"), &query).await?);
        }
        if console.flags.json {
            return console.json(&told.into());
        }
        reviews(console, &told)
    }
}

fn table(console: &mut Console, all: &[Value]) -> Result<(), Failure> {
    let heads =
        ["ACCOUNT", "LIMIT", "USED", "PROJECTED", "LOW", "HIGH", "EXHAUSTED", "ENDS", "METHOD"];
    let mut table = Table::new(&heads);
    for told in all {
        let limit = match told["limit"].is_null() {
            true => format!("none/{}", field(told, "period")),
            false => field(told, "limit"),
        };
        table.row([
            Cell::text(field(told, "account")),
            Cell::text(limit),
            Cell::figure(dollars(&told["used_nanousd"])),
            Cell::figure(dollars(&told["projected_nanousd"])),
            Cell::figure(dollars(&told["low_nanousd"])),
            Cell::figure(dollars(&told["high_nanousd"])),
            Cell::text(field(told, "exhausts_at")),
            Cell::text(field(told, "resets_at")),
            Cell::text(field(told, "method")),
        ]);
    }
    console.table(&table)?;
    match all.iter().any(|told| told["method"] != "no_data") {
        true => console.hint("in four of five cases it ends between LOW and HIGH"),
        false => console.hint("nothing was spent in the last eight weeks"),
    }
    Ok(())
}

fn reviews(console: &mut Console, all: &[Value]) -> Result<(), Failure> {
    let heads = [
        "ACCOUNT",
        "LIMIT",
        "AHEAD",
        "FORECASTS",
        "ERROR",
        "INSIDE",
        "EXHAUSTED",
        "OFF",
        "WITHIN 10%",
        "MISSED",
        "FALSE",
    ];
    let mut table = Table::new(&heads);
    for told in all.iter().filter(|told| told["predictions"] != 0) {
        let horizons = told["horizons"].as_array().into_iter().flatten();
        for one in horizons.chain([told]) {
            let ahead = match one["days"].as_i64() {
                Some(366) => "longer".to_owned(),
                Some(days) => format!("to {days}d"),
                None => "all".to_owned(),
            };
            table.row([
                Cell::text(field(told, "account")),
                Cell::text(field(told, "limit")),
                Cell::text(ahead),
                Cell::figure(field(one, "predictions")),
                Cell::figure(percent(&one["error_percent"])),
                Cell::figure(percent(&one["inside_percent"])),
                Cell::figure(field(one, "exhaustions")),
                Cell::figure(percent(&one["exhaustion_error_percent"])),
                Cell::figure(percent(&one["exhaustion_within_10_percent"])),
                Cell::figure(field(one, "missed")),
                Cell::figure(field(one, "false_alarms")),
            ]);
        }
    }
    console.table(&table)?;
    if all.iter().all(|told| told["predictions"] == 0) {
        console
            .hint("no period that ended is known well enough: it takes a week of spending first");
    }
    Ok(())
}

fn percent(figure: &Value) -> String {
    figure.as_f64().map_or_else(|| "-".to_owned(), |figure| format!("{figure:.1}%"))
}

/// Dollars in cents, as a forecast is no more exact; below a dollar in hundredths of a cent.
fn dollars(nanos: &Value) -> String {
    let Some(nanos) = nanos.as_i64() else { return "-".to_owned() };
    let (unit, decimals) = if nanos.abs() < NANOS_PER_USD { (100_000, 4) } else { (10_000_000, 2) };
    let rounded = nanos.saturating_add(unit / 2).div_euclid(unit);
    let whole = 10_i64.pow(decimals);
    let width = usize::try_from(decimals).unwrap_or_default();
    format!("${}.{:0width$}", rounded.div_euclid(whole), rounded.rem_euclid(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_rounded_for_people() {
        for (nanos, text) in [
            (0_i64, "$0.0000"),
            (12_345_678, "$0.0123"),
            (1_000_000_000, "$1.00"),
            (12_345_678_901_i64, "$12.35"),
        ] {
            assert_eq!(dollars(&nanos.into()), text);
        }
        assert_eq!(dollars(&Value::Null), "-");
    }
}

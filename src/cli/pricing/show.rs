//! `farebox pricing show`: the prices of a model, and why a name means it.

use super::{Prices, Source};
use crate::cli::table::{Cell, Table};
use crate::cli::{Console, Failure};
use crate::clock::rfc3339_seconds;
use crate::pricing::{Class, Condition, Match, Rule, Sheet};
use clap::Args;
use serde_json::{Map, Value, json};

/// Show all prices of a model.
#[derive(Debug, Args)]
pub struct Show {
    /// The model, as calls and answers name it; a prefix such as openai/ says whose
    pub model: String,
    /// The provider that serves the call
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
}

impl Show {
    /// Prints them.
    pub fn run(self, source: &Source, console: &mut Console) -> Result<(), Failure> {
        let prices = source.prices()?;
        let found = prices.find(self.provider.as_deref(), &self.model)?;
        let rivals = prices.table.rivals(self.provider.as_deref(), &self.model);
        if console.flags.json {
            return console.json(&self.object(&prices, &found, &rivals));
        }
        console.line(&self.text(&prices, &found, &rivals))?;
        let sheets = found.model.sheets();
        match sheets.is_empty() {
            true => console.line("it costs nothing"),
            false => console.table(&table(&sheets)),
        }
    }

    fn text(&self, prices: &Prices, found: &Match<'_, '_>, rivals: &[Match<'_, '_>]) -> String {
        let model = found.model;
        let count = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
        let regions: Vec<String> = model
            .region_factors()
            .map(|(name, factor)| format!("{name}: tokens cost {factor} times as much"))
            .collect();
        let mut text = format!(
            "model        {}\nprovider     {}\nwhy          {}\n",
            model.id,
            model.provider,
            self.why(prices, found)
        );
        for rival in rivals {
            let name = format!("{} at {}", rival.model.id, rival.model.provider);
            text.push_str(&format!("not          {name}: {}\n", lost(found, rival)));
        }
        text.push_str(&format!(
            "context      {}\nmax output   {}\n",
            count(model.context),
            count(model.max_output)
        ));
        if !regions.is_empty() {
            text.push_str(&format!("regions      {}\n", regions.join(", ")));
        }
        text.push_str(&format!("price table  {}\n", prices.table.version()));
        text
    }

    fn why(&self, prices: &Prices, found: &Match<'_, '_>) -> String {
        match found.rule {
            Rule::Deployment { provider, target } => {
                let of = |d: &&crate::pricing::Deployment| {
                    d.provider == provider && d.name == found.name
                };
                let place = prices.config.deployments.iter().find(of).map(|d| d.place.as_str());
                let place = place.and_then(|place| place.split_once(": ")).map(|(said, _)| said);
                let place = place.map(|said| format!(" ({said})")).unwrap_or_default();
                let name = found.name;
                format!("`{name}` is a deployment of `{provider}`, mapped to `{target}`{place}")
            }
            _ => why(found),
        }
    }

    fn object(&self, prices: &Prices, found: &Match<'_, '_>, rivals: &[Match<'_, '_>]) -> Value {
        let model = found.model;
        let rival = |rival: &Match<'_, '_>| {
            json!({
                "model": rival.model.id,
                "provider": rival.model.provider,
                "rule": rule(rival),
                "why": why(rival),
                "lost": lost(found, rival),
            })
        };
        let regions: Map<String, Value> =
            model.region_factors().map(|(name, times)| (name.to_owned(), json!(times))).collect();
        json!({
            "model": self.model,
            "matched": model.id,
            "provider": model.provider,
            "rule": rule(found),
            "why": self.why(prices, found),
            "others": rivals.iter().map(rival).collect::<Vec<_>>(),
            "context": model.context,
            "max_output": model.max_output,
            "regions": regions,
            "price_version": prices.table.version(),
            "prices": model.sheets().iter().map(Sheet::object).collect::<Vec<_>>(),
        })
    }
}

/// The rule's word for scripts, with what it went by.
fn rule(found: &Match<'_, '_>) -> Value {
    let mut rule = match found.rule {
        Rule::Deployment { provider, target } => {
            json!({"kind": "deployment", "provider": provider, "target": target})
        }
        Rule::Id => json!({"kind": "id"}),
        Rule::Alias => json!({"kind": "alias"}),
        Rule::Pattern(pattern) => json!({"kind": "pattern", "pattern": pattern}),
        Rule::FreeProvider => json!({"kind": "free_provider"}),
    };
    rule["name"] = json!(found.name);
    if let Some(prefix) = found.prefix {
        rule["prefix"] = json!(prefix);
    }
    if let Some(date) = found.date {
        rule["date"] = json!(date);
    }
    if found.from_arn {
        rule["arn"] = json!(true);
    }
    rule
}

/// One sentence on how a name was found.
fn why(found: &Match<'_, '_>) -> String {
    let name = found.name;
    let mut before = String::new();
    if let Some(prefix) = found.prefix {
        before.push_str(&format!("without the provider's prefix `{prefix}/`, "));
    }
    if found.from_arn {
        before.push_str("the model in the ARN, ");
    }
    if let Some(date) = found.date {
        before.push_str(&format!("without the date {date} of a snapshot, "));
    }
    let rule = match found.rule {
        Rule::Deployment { provider, target } => {
            format!("`{name}` is a deployment of `{provider}`, mapped to `{target}`")
        }
        Rule::Id => format!("`{name}` is the model's id"),
        Rule::Alias => format!("`{name}` is another name of the model"),
        Rule::Pattern(pattern) => format!("`{name}` fits the pattern `{pattern}`"),
        Rule::FreeProvider => format!("models of `{}` cost nothing", found.model.provider),
    };
    format!("{before}{rule}")
}

/// Why something else that fits was not taken.
fn lost(found: &Match<'_, '_>, rival: &Match<'_, '_>) -> String {
    let fits = match rival.rule {
        Rule::Pattern(pattern) => format!("it has the pattern `{pattern}`, but "),
        _ => String::new(),
    };
    let why = match (found.rule, rival.rule) {
        (Rule::Deployment { .. }, _) => "the name of a deployment goes first".to_owned(),
        _ if found.prefix.is_some() && rival.prefix.is_none() => {
            "the prefix says which provider".to_owned()
        }
        _ if found.model.provider != rival.model.provider => {
            format!("--provider {} would take it", rival.model.provider)
        }
        (Rule::Pattern(_), Rule::Pattern(_)) => "a longer pattern goes first".to_owned(),
        (_, Rule::Pattern(_)) => "an exact name goes before a pattern".to_owned(),
        _ if rival.date.is_some() => "a name with its date goes before one without".to_owned(),
        _ => "a whole name goes first".to_owned(),
    };
    format!("{fits}{why}")
}

fn table(sheets: &[Sheet<'_>]) -> Table {
    let mut table =
        Table::new(&["CONDITION", "FROM", "PROMPT", "USD A MILLION TOKENS, OR FOR ONE"]);
    for sheet in sheets {
        let condition = match sheet.condition {
            Condition::Standard => "standard".to_owned(),
            Condition::Tier(tier) => format!("tier {tier}"),
            Condition::Hours(hours) => format!("{hours} UTC"),
        };
        let from = sheet.from.map_or_else(|| "-".to_owned(), rfc3339_seconds);
        let (short, long) = match &sheet.long {
            None => ("any".to_owned(), None),
            Some(long) if long.inclusive => {
                (format!("below {}", long.tokens), Some(format!("from {}", long.tokens)))
            }
            Some(long) => {
                (format!("up to {}", long.tokens), Some(format!("above {}", long.tokens)))
            }
        };
        let mut row = |prompt: String, prices: &[(Class, String)]| {
            let prices = prices.iter().map(|(class, price)| format!("{} {price}", class.name()));
            let prices = prices.collect::<Vec<_>>().join(", ");
            let cells = [&condition, &from, &prompt, &prices].map(|text| Cell::text(text.as_str()));
            table.row(cells);
        };
        row(short, &sheet.prices);
        if let (Some(prompt), Some(long)) = (long, &sheet.long) {
            row(prompt, &long.prices);
        }
    }
    table
}

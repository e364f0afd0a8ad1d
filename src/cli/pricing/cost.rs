//! `farebox pricing cost`: what a call costs, line by line.
//!
//! Invariant: the sum is what a proxy with the same table would charge for the same figures and
//! conditions; where a proxy would take the standard price for want of another, it says so instead.

use super::quantities::Quantities;
use super::{Prices, Source, listed};
use crate::cli::table::{Cell, Table};
use crate::cli::{Console, Exit, Failure};
use crate::clock::{Clock, UnixMs, parse_time, rfc3339_seconds};
use crate::money::{self, NanoUsd};
use crate::pricing::{Condition, Line, Match, ModelPrice, Terms, is_standard_tier, total};
use crate::usage::{Figure, Usage};
use clap::Args;
use serde_json::{Value, json};

/// Say what a call costs.
#[derive(Debug, Args)]
pub struct Cost {
    /// The model, as calls name it; a prefix such as openai/ says whose
    pub model: String,
    /// What was used.
    #[command(flatten)]
    pub used: Quantities,
    /// Under which conditions.
    #[command(flatten)]
    pub conditions: Conditions,
}

/// What a price depends on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Conditions")]
pub struct Conditions {
    /// The served tier: flex, priority, batch, …
    #[arg(long, value_name = "TIER")]
    pub service_tier: Option<String>,
    /// Anthropic's speed: fast
    #[arg(long, value_name = "SPEED")]
    pub speed: Option<String>,
    /// Perplexity's size of the search context: low, medium or high
    #[arg(long, value_name = "SIZE")]
    pub search_context: Option<String>,
    /// Where it was computed, such as us
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The provider that serves the call
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// When the call arrives: a date (00:00 UTC) or a time (default: now)
    #[arg(long, value_name = "DATE|TIME", value_parser = moment, allow_hyphen_values = true)]
    pub at: Option<UnixMs>,
}

fn moment(text: &str) -> Result<UnixMs, String> {
    parse_time(text.trim())
        .ok_or_else(|| format!("`{text}` is not a time: write 2026-09-01 or 2026-09-01T08:00:00Z"))
}

impl Cost {
    /// Prints the bill.
    pub fn run(self, source: &Source, console: &mut Console) -> Result<(), Failure> {
        let tokens = self.used.tokens()?;
        let prices = source.prices()?;
        let found = prices.find(self.conditions.provider.as_deref(), &self.model)?;
        let terms = self.conditions.terms();
        check_tiers(found.model, &terms)?;
        let (usage, unpriced) = self.with_units(tokens, found.model, &terms);
        let lines = found.model.explain_calls(&usage, self.used.requests, &terms);
        let cost = total(&lines);
        if cost >= money::MAX {
            let message = format!("it costs {} dollars or more, which is not counted", money::MAX);
            return Err(Failure::new(Exit::Usage, message));
        }
        let priced = |line: &Line| line.class.name() == "request";
        if self.used.requests > 0 && found.model.is_charged() && !lines.iter().any(priced) {
            console.warn("note: --requests costs nothing: the model has no price for it");
        }
        for flag in unpriced {
            console.warn(&format!("note: --{flag} costs nothing: the model has no price for it"));
        }
        if console.flags.json {
            return console.json(&self.object(&prices, &found, &lines, cost));
        }
        let head = head(&prices, &found, &terms);
        console.line(&head)?;
        console.table(&bill(&lines, cost))
    }

    /// The usage with what is not tokens, and the flags of what has no price.
    fn with_units(
        &self,
        tokens: Usage,
        model: &ModelPrice,
        terms: &Terms<'_>,
    ) -> (Usage, Vec<&'static str>) {
        let mut usage = tokens;
        let mut unpriced = Vec::new();
        for (flag, figures, count) in self.used.units() {
            if count == 0 {
                continue;
            }
            let priced =
                |figure: &&Figure| model.covers(&Usage::default().with(**figure, count), terms);
            match figures.iter().find(priced) {
                Some(figure) => usage.set(*figure, count),
                None => unpriced.push(flag),
            }
        }
        (usage, unpriced)
    }

    fn object(
        &self,
        prices: &Prices,
        found: &Match<'_, '_>,
        lines: &[Line],
        cost: NanoUsd,
    ) -> Value {
        let line = |line: &Line| {
            let price = if line.is_each() { "usd_each" } else { "usd_per_million" };
            let mut object = json!({
                "class": line.class.name(),
                "quantity": line.quantity_number(),
                price: line.price_text(),
                "cost_usd": line.cost.to_string(),
            });
            if let Some(of) = line.fallback {
                object["fallback"] = json!(of.name());
            }
            object
        };
        json!({
            "model": self.model,
            "matched": found.model.id,
            "price_version": prices.table.version(),
            "cost_usd": cost.to_string(),
            "cost_nanousd": cost.get(),
            "lines": lines.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

impl Conditions {
    fn terms(&self) -> Terms<'_> {
        Terms {
            service_tier: self.service_tier.as_deref(),
            speed: self.speed.as_deref(),
            traffic_type: None,
            search_context: self.search_context.as_deref(),
            region: self.region.as_deref(),
            at: self.at.unwrap_or_else(|| Clock::system().now()),
        }
    }
}

/// Refuses a tier that has no price at that time: the standard one would be a guess.
fn check_tiers(model: &ModelPrice, terms: &Terms<'_>) -> Result<(), Failure> {
    let search = terms.search_context.map(|size| format!("search_{size}"));
    for (flag, tier) in [
        ("service-tier", terms.service_tier),
        ("speed", terms.speed),
        ("search-context", search.as_deref()),
    ] {
        let Some(tier) = tier.filter(|tier| !is_standard_tier(tier)) else { continue };
        let sheets = model.sheets();
        let of_tier = sheets.iter().filter(|sheet| sheet.condition == Condition::Tier(tier));
        let begin = of_tier.map(|sheet| sheet.from.unwrap_or(UnixMs::MIN)).min();
        let id = &model.id;
        let message = match begin {
            Some(begin) if begin <= terms.at => continue,
            Some(begin) => {
                let begin = rfc3339_seconds(begin);
                format!("--{flag}: `{id}` has a price for the tier `{tier}` from {begin} on only")
            }
            None => format!("--{flag}: `{id}` has no price for the tier `{tier}`"),
        };
        let known: Vec<String> = model.tiers().map(str::to_owned).collect();
        let failure = Failure::new(Exit::Usage, message);
        return Err(match known.is_empty() {
            true => failure.hint("it has the standard price only"),
            false => failure.hint(format!("it has prices for {}", listed(&known))),
        });
    }
    Ok(())
}

/// `gpt-5 at openai, 2026-11-28T15:40:00Z, price table 0123456789ab`.
fn head(prices: &Prices, found: &Match<'_, '_>, terms: &Terms<'_>) -> String {
    let at = rfc3339_seconds(terms.at);
    let ModelPrice { id, provider, .. } = found.model.as_ref();
    format!("{id} at {provider}, {at}, price table {}\n", prices.table.version())
}

fn bill(lines: &[Line], cost: NanoUsd) -> Table {
    let mut table = Table::new(&["CLASS", "QUANTITY", "PRICE", "FOR", "COST (USD)", ""]);
    for line in lines {
        let note = line.fallback.map(|of| format!("at the price of {}", of.name()));
        table.row([
            Cell::text(line.class.name()),
            Cell::figure(line.quantity_text().to_string()),
            Cell::figure(line.price_text()),
            Cell::text(if line.is_each() { "one" } else { "a million" }),
            Cell::figure(line.cost.to_string()),
            Cell::text(note.unwrap_or_default()),
        ]);
    }
    table.row([
        Cell::text("total"),
        Cell::figure(""),
        Cell::figure(""),
        Cell::text(""),
        Cell::figure(cost.to_string()),
        Cell::text(format!("= {} nano-dollars", cost.get())),
    ]);
    table
}

//! What `farebox pricing import` says: what changes, where the lists disagree, how many of each.

use crate::cli::table::{Cell, Table};
use crate::cli::{Console, Exit, Failure};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::pricing::import::{Accepted, Disagreement, Plan};
use crate::pricing::{Change, Class, Exact, written};
use serde_json::{Value, json};

/// Prints a plan. `refused`: how many changes are larger than what is accepted.
pub fn print(console: &mut Console, plan: &Plan, refused: usize) -> Result<(), Failure> {
    if console.flags.json {
        return console.json(&value(plan, refused));
    }
    let mut changes = Table::new(&["PROVIDER", "MODEL", "WHEN", "PRICE", "OLD", "NEW", "CHANGE"]);
    for model in &plan.changed {
        for change in &model.prices {
            changes.row(row(&model.provider, &model.id, change));
        }
    }
    console.table(&changes)?;
    for model in &plan.changed {
        let name = format!("{}/{}", model.provider, model.id);
        for note in &model.notes {
            console.line(&format!("{name}: {note}"))?;
        }
        for (what, figure) in [("context", model.context), ("max_output", model.max_output)] {
            if let Some(figure) = figure {
                console.line(&format!("{name}: {what} is {figure}"))?;
            }
        }
    }
    for offer in &plan.added {
        let nothing = if offer.costs_nothing() { " (costs nothing)" } else { "" };
        console.line(&format!("new: {}/{}{nothing}", offer.provider, offer.id))?;
    }
    for (provider, id) in &plan.gone {
        console.line(&format!("no longer listed, kept: {provider}/{id}"))?;
    }
    let mut differ = Table::new(&["PROVIDER", "MODEL", "WHEN", "PRICE", "TABLE", "LITELLM"]);
    for found in &plan.disagreements {
        let Disagreement { provider, id, condition, long, class, table, litellm } = found;
        differ.row([
            Cell::text(provider),
            Cell::text(id),
            Cell::text(when(&condition.to_string(), UnixMs::MIN, *long)),
            Cell::text(class.name()),
            Cell::figure(written(*class, *table)),
            Cell::figure(written(*class, *litellm)),
        ]);
    }
    console.table(&differ)?;
    console.line(&counts(plan, refused))
}

fn row(provider: &str, id: &str, change: &Change) -> [Cell; 7] {
    [
        Cell::text(provider),
        Cell::text(id),
        Cell::text(when(&change.condition.to_string(), change.from, change.long)),
        Cell::text(change.class.name()),
        Cell::figure(change.written(change.old)),
        Cell::figure(change.written(change.new)),
        Cell::figure(change.percent().to_string()),
    ]
}

/// `standard`, `batch long`, `priority from 2026-10-12`.
fn when(condition: &str, from: UnixMs, long: bool) -> String {
    let long = if long { " long" } else { "" };
    match date(from) {
        Some(from) => format!("{condition}{long} from {from}"),
        None => format!("{condition}{long}"),
    }
}

fn date(from: UnixMs) -> Option<String> {
    let text = (from != UnixMs::MIN).then(|| rfc3339_seconds(from))?;
    Some(text.strip_suffix("T00:00:00Z").map_or_else(|| text.clone(), str::to_owned))
}

fn counts(plan: &Plan, refused: usize) -> String {
    let prices: usize = plan.changed.iter().map(|model| model.prices.len()).sum();
    format!(
        "{} models compared: {} new, {} changed with {prices} prices ({refused} above what is \
         accepted), {} no longer listed; LiteLLM disagrees on {} prices",
        plan.compared,
        plan.added.len(),
        plan.changed.len(),
        plan.gone.len(),
        plan.disagreements.len()
    )
}

/// Why nothing is written, with the first few reasons.
pub fn refusal(refused: &[(&str, &str, Change)], accepted: Accepted) -> Failure {
    let limit = match accepted {
        Accepted::Percent(percent) => format!("{percent} %"),
        Accepted::All => "nothing".to_owned(),
    };
    let shown = refused.iter().take(5).map(|(provider, id, change)| {
        let when = when(&change.condition.to_string(), change.from, change.long);
        let (old, new) = (change.written(change.old), change.written(change.new));
        format!("{provider}/{id} {when} {}: {old} -> {new}", change.class.name())
    });
    let shown: Vec<String> = shown.collect();
    let more = match refused.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    let message = format!(
        "{} prices change by more than {limit}; nothing was written\n  {}{more}",
        refused.len(),
        shown.join("\n  ")
    );
    Failure::new(Exit::Broken, message)
        .hint("look at them, then say --accept with a higher percentage, or --accept all")
}

fn value(plan: &Plan, refused: usize) -> Value {
    let price = |class: Class, price: Option<Exact>| price.map(|price| written(class, price));
    let change = |change: &Change| {
        json!({
            "condition": change.condition.to_string(),
            "from": date(change.from),
            "long": change.long,
            "class": change.class.name(),
            "old": price(change.class, change.old),
            "new": price(change.class, change.new),
            "change": change.percent().to_string(),
        })
    };
    let changed = plan.changed.iter().map(|model| {
        json!({
            "provider": model.provider,
            "id": model.id,
            "prices": model.prices.iter().map(change).collect::<Vec<_>>(),
            "notes": model.notes,
            "context": model.context,
            "max_output": model.max_output,
        })
    });
    let named = |provider: &str, id: &str| json!({ "provider": provider, "id": id });
    let disagreements = plan.disagreements.iter().map(|found| {
        json!({
            "provider": found.provider,
            "id": found.id,
            "condition": found.condition.to_string(),
            "long": found.long,
            "class": found.class.name(),
            "table": written(found.class, found.table),
            "litellm": written(found.class, found.litellm),
        })
    });
    json!({
        "compared": plan.compared,
        "refused": refused,
        "added": plan.added.iter().map(|o| named(&o.provider, &o.id)).collect::<Vec<_>>(),
        "changed": changed.collect::<Vec<_>>(),
        "gone": plan.gone.iter().map(|(p, id)| named(p, id)).collect::<Vec<_>>(),
        "disagreements": disagreements.collect::<Vec<_>>(),
    })
}

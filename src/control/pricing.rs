//! `/api/v1/pricing`: the price table in force, and which of its models a name means, at what prices.

use super::config::PricesInForce;
use super::desk::Desk;
use super::fields::Params;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::value;
use crate::clock::rfc3339;
use crate::pricing::{ModelPrice, Sheet};
use axum::Json;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/pricing", Scope::Read(Resource::Pricing), show)
        .says("Shows the price table in force, and which model a name means", 200, "Prices")
        .asks(&["model", "provider"])
}

async fn show(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let asked = fields.read("model", value::text);
    let provider = fields.read("provider", value::text);
    if asked.is_none() && provider.is_some() {
        fields.fault("provider", "it is asked together with `model` only".to_owned());
    }
    fields.finish(Some(()))?;
    let PricesInForce { table, source, since } = desk.in_force.prices();
    let mut shown = json!({
        "price_version": table.version(),
        "source": source,
        "since": rfc3339(since),
        "models": table.models().len(),
    });
    if let Some(name) = asked {
        let found = table.find(provider.as_deref(), &name).ok_or_else(|| {
            let near = table.nearest(provider.as_deref(), &name);
            let near = if near.is_empty() {
                String::new()
            } else {
                format!("; did you mean {}?", near.join(", "))
            };
            Problem::new(StatusCode::NOT_FOUND, format!("`{name}` has no price{near}"))
        })?;
        shown["model"] = model(&name, found);
    }
    Ok(Json(shown))
}

/// The model that a name means.
fn model(asked: &str, found: &ModelPrice) -> Value {
    let factors: Map<String, Value> =
        found.region_factors().map(|(region, times)| (region.to_owned(), times.into())).collect();
    json!({
        "asked": asked,
        "matched": found.id,
        "provider": found.provider,
        "context": found.context,
        "max_output": found.max_output,
        "tiers": found.tiers().collect::<Vec<_>>(),
        "regions": found.regions().collect::<Vec<_>>(),
        "region_factors": factors,
        "prices": found.sheets().iter().map(Sheet::object).collect::<Vec<_>>(),
    })
}

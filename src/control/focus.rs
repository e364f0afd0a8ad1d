//! Settled calls in the columns of FOCUS 1.2, the FinOps Open Cost and Usage Specification, so that
//! what reads cloud bills reads the ledger. Pure.
//!
//! A row is a call. The ledger keeps what a call was charged, not what its parts cost; so a row has
//! all tokens of the call and no unit price, and its four costs are the charge. Columns whose names
//! begin with `x_` are ours, as the specification has it.
//!
//! Invariant: the sum of `BilledCost` is that of the ledger, to the nano-dollar.

use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ledger::UsageEvent;
use crate::limit::{Calendar, Window};
use crate::usage::Figure;
use serde_json::{Map, Value, json};

/// The columns, in their order: those that every data set must have, others, and ours.
pub const COLUMNS: [&str; 46] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "BillingAccountType",
    "ChargeFrequency",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCategory",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "x_RequestId",
    "x_InputTokens",
    "x_CachedInputTokens",
    "x_OutputTokens",
    "x_Estimated",
    "x_ProviderCost",
    "x_BilledNanoUsd",
];

/// What a call used most plainly: how much, of what.
fn quantity(event: &UsageEvent) -> (u64, &'static str) {
    let count = |figure| event.usage.count(figure);
    let whole = [
        (event.usage.total_tokens(), "Tokens"),
        (count(Figure::Characters), "Characters"),
        (count(Figure::Images), "Images"),
        (count(Figure::Pages), "Pages"),
        (count(Figure::SearchUnits), "Searches"),
        (count(Figure::DurationMs).div_ceil(1_000), "Seconds"),
    ];
    let used = whole.into_iter().find(|(quantity, _)| *quantity > 0);
    used.unwrap_or((event.requests.unsigned_abs(), "Requests"))
}

/// The month that a call was charged in, from its first moment to that of the next.
fn billing_period(calendar: &Calendar, settled: UnixMs) -> [String; 2] {
    let begins = calendar.begins(Window::Month, settled).unwrap_or(settled);
    let ends = calendar.ends(Window::Month, settled).unwrap_or(settled);
    [rfc3339_seconds(begins), rfc3339_seconds(ends)]
}

/// A name where there is one, else ours: of what was consumed elsewhere, little may be known.
fn named(name: &str) -> &str {
    if name.is_empty() { "farebox" } else { name }
}

/// The row of a call, by the names of the columns.
pub(super) fn row(event: &UsageEvent, calendar: &Calendar) -> Map<String, Value> {
    let (payers, facts) = (&event.payers, &event.facts);
    let (quantity, unit) = quantity(event);
    let [month, next_month] = billing_period(calendar, event.settled);
    let (provider, account) = (named(&facts.provider), named(&facts.credential));
    let cost = event.cost.to_string();
    // Periods end before their last moment, and are of whole seconds.
    let (started, ended) = (facts.started.min(event.settled), event.settled.saturating_add(1_000));
    let tags =
        json!({"user": payers.user, "key": payers.used_key(), "workspace": payers.workspace});
    let values: [Value; COLUMNS.len()] = [
        cost.as_str().into(),
        account.into(),
        account.into(),
        "USD".into(),
        next_month.into(),
        month.into(),
        "Usage".into(),
        Value::Null,
        format!("{} of {}", named(&facts.dialect), named(&facts.model)).into(),
        rfc3339_seconds(ended).into(),
        rfc3339_seconds(started).into(),
        cost.as_str().into(),
        cost.as_str().into(),
        provider.into(),
        cost.into(),
        quantity.into(),
        unit.into(),
        provider.into(),
        provider.into(),
        "AI and Machine Learning".into(),
        named(&facts.dialect).into(),
        "Credential".into(),
        "Usage-Based".into(),
        quantity.into(),
        unit.into(),
        Value::Null,
        Value::Null,
        "Standard".into(),
        json!(payers.used_key()),
        payers.user.as_str().into(),
        "API key".into(),
        "Generative AI".into(),
        named(&facts.model).into(),
        unit.into(),
        facts.price_version.as_str().into(),
        payers.workspace.as_str().into(),
        payers.workspace.as_str().into(),
        "Workspace".into(),
        tags.to_string().into(),
        event.id.to_string().into(),
        event.usage.count(Figure::InputTotal).into(),
        event.usage.count(Figure::CachedRead).into(),
        event.usage.count(Figure::OutputTotal).into(),
        event.estimated.into(),
        event.provider_cost.map(|cost| cost.to_string()).into(),
        event.cost.get().into(),
    ];
    COLUMNS.map(str::to_owned).into_iter().zip(values).collect()
}

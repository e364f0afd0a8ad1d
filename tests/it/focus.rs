//! R126: settled calls in the columns of FOCUS, over the API and from the built program.

use crate::control_desk::{Desk, TOKEN, raw};
use crate::quota_rig::Town;
use serde_json::{Value, json};

/// What every data set of FOCUS 1.2 has.
const MANDATORY: [&str; 21] = [
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
];

/// Whole nano-dollars of a decimal number of dollars.
fn nanos(dollars: &str) -> i64 {
    let (whole, rest) = dollars.split_once('.').unwrap_or((dollars, ""));
    format!("{whole}{rest:0<9}").parse().unwrap()
}

#[tokio::test]
async fn r126_a_row_of_focus_tells_what_a_call_was_charged() {
    let desk = Desk::start().await;
    let alice = desk.user_with_key("alice").await;
    desk.call(&alice, "=cmd|'/c calc'!A1", 3_347_500).await;
    let rows = desk.get("/api/v1/requests?columns=focus").await.of(200);
    let row = &rows["data"][0];
    for (name, value) in [
        ("BilledCost", json!("0.0033475")),
        ("EffectiveCost", json!("0.0033475")),
        ("BillingAccountId", json!("openai-main")),
        ("BillingPeriodStart", json!("2026-11-01T00:00:00Z")),
        ("BillingPeriodEnd", json!("2026-12-01T00:00:00Z")),
        ("ChargePeriodStart", json!("2026-11-24T21:13:36Z")),
        ("ChargePeriodEnd", json!("2026-11-24T21:13:37Z")),
        ("ChargeCategory", json!("Usage")),
        ("ChargeClass", Value::Null),
        ("PricingQuantity", json!(2306)),
        ("PricingUnit", json!("Tokens")),
        ("ProviderName", json!("openai")),
        ("ServiceCategory", json!("AI and Machine Learning")),
        ("SubAccountId", json!("default")),
        ("ResourceId", alice["id"].clone()),
        ("x_CachedInputTokens", json!(1920)),
        ("x_BilledNanoUsd", json!(3_347_500)),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("accept", "text/csv")];
    let sheet = raw(desk.at, "GET", "/api/v1/requests?columns=focus", &headers, "").await.text;
    let head: Vec<&str> = sheet.lines().next().unwrap().split(',').collect();
    for name in MANDATORY {
        assert!(head.contains(&name), "{name} is missing");
        assert!(name == "ChargeClass" || !row[name].is_null(), "{name} is null");
    }
    assert!(sheet.contains(",'=cmd|'/c calc'!A1,"), "{sheet}");
    let refused = desk.get("/api/v1/requests?columns=cur").await.of(422);
    assert!(refused["detail"].as_str().unwrap().contains("`cur`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r126_the_billed_cost_of_an_export_is_that_of_the_ledger() {
    let town = Town::build().await;
    for user in ["alice", "bob"] {
        let key = town.user(user, &["9usd/day"]).await;
        for _ in 0..3 {
            assert_eq!(town.call(&key).await, 200);
        }
    }
    let sheet = town.verb(&["ledger", "export", "--focus"]);
    let mut lines = sheet.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert!(MANDATORY.iter().all(|name| head.contains(name)));
    assert_eq!(head[0], "BilledCost");
    let billed: Vec<i64> = lines.map(|line| nanos(line.split(',').next().unwrap())).collect();
    let mut spent = 0;
    for user in ["alice", "bob"] {
        let user = town.get(&format!("/api/v1/users/{user}")).await.of(200);
        spent += user["spent_nanousd"].as_i64().unwrap();
    }
    assert_eq!((billed.len(), billed.iter().sum::<i64>()), (6, spent));
    assert_eq!(spent, 6 * 3_347_500);
    let rows = town.verb(&["ledger", "export", "--focus", "--json", "--user", "bob"]);
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.len() == 3 && rows.iter().all(|row| row["ResourceName"] == "bob"), "{rows:?}");
}

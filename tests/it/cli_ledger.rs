//! `farebox ledger export`: every settled call once, as JSON lines and as CSV.

use crate::cli::run;
use crate::control_desk::Desk;
use serde_json::Value;
use std::collections::BTreeSet;

#[tokio::test]
async fn all_calls_are_exported_page_after_page() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    // More than two pages of the list.
    for cost in 1..=450 {
        desk.call(&key, "gpt-5", cost).await;
    }
    let text = run(&desk, "ledger export", None).await.ok();
    let calls: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: BTreeSet<&str> = calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
    assert_eq!((calls.len(), ids.len()), (450, 450));
    let sum: i64 = calls.iter().map(|call| call["cost_nanousd"].as_i64().unwrap()).sum();
    assert_eq!(sum, 450 * 451 / 2);
    let id = calls[7]["id"].as_str().unwrap();
    assert_eq!(calls[7], desk.get(&format!("/api/v1/requests/{id}")).await.of(200));
    assert_eq!(run(&desk, "ledger export --json", None).await.ok(), text);

    let csv = run(&desk, "ledger export --csv", None).await.ok();
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!((csv.lines().count(), head.len()), (451, first.len()));
    let cell = |name: &str| first[head.iter().position(|column| *column == name).unwrap()];
    assert_eq!(
        (cell("id"), cell("user"), cell("model")),
        (calls[0]["id"].as_str().unwrap(), "alice", "gpt-5")
    );
    assert_eq!(cell("cost_nanousd"), calls[0]["cost_nanousd"].to_string());
    let tokens = &calls[0]["usage"]["input_tokens_total"];
    assert_eq!(cell("usage.input_tokens_total"), tokens.to_string());
}

#[tokio::test]
async fn an_export_is_filtered_and_an_empty_one_is_no_failure() {
    let desk = Desk::start().await;
    let (alice, bob) = (desk.user_with_key("alice").await, desk.user_with_key("bob").await);
    desk.call(&alice, "gpt-5", 1).await;
    desk.call(&bob, "o3", 2).await;
    for (line, count) in [
        ("ledger export --user alice", 1),
        ("ledger export --model o3 --since 1h", 1),
        ("ledger export --user alice --model o3", 0),
        ("ledger export --until 2020-01-01", 0),
    ] {
        let text = run(&desk, line, None).await.ok();
        assert_eq!(text.lines().count(), count, "{line}: {text}");
    }
    let csv = run(&desk, "ledger export --user nobody --csv", None).await.ok();
    assert!(csv.starts_with("id,started,") && csv.lines().count() == 1, "{csv}");
    run(&desk, "ledger export --since soon", None).await.failed(2, "soon");
    run(&desk, "ledger export --since -5d", None).await.failed(2, "-5d");
    run(&desk, "ledger export --csv --json", None).await.failed(2, "--json");
}

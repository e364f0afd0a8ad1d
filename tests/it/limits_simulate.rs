//! `limits simulate` against a real admin plane and ledger: past calls under other limits.

use crate::cli::run;
use crate::control_desk::Desk;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Two users with calls on three days. Alice makes 1, 4 and 2 calls of $0.003, Bob one on each day.
async fn three_days() -> Desk {
    let desk = Desk::start().await;
    let alice = desk.user_with_key("alice").await;
    let bob = desk.user_with_key("bob").await;
    desk.user_with_key("idle").await;
    for calls in [1, 4, 2] {
        for n in 0..calls {
            let model = if n % 2 == 0 { "gpt-5" } else { "o3" };
            desk.call(&alice, model, 3_000_000).await;
            desk.clock.advance(1_000);
        }
        desk.call(&bob, "gpt-5", 1_000_000).await;
        desk.clock.advance(DAY);
    }
    desk
}

fn row<'v>(rows: &'v Value, account: &str) -> &'v Value {
    let rows = rows.as_array().unwrap();
    rows.iter().find(|row| row["account"] == account).unwrap_or_else(|| panic!("{rows:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_who_would_have_been_refused_how_often_and_since_when() {
    let desk = three_days().await;
    let line = "limits simulate --limit 0.01usd/day --since 2026-11-24 --json";
    let found = run(&desk, line, None).await.json();
    assert_eq!(
        found[0],
        json!({
            "account": "user:alice",
            "calls": 7,
            "refused": 1,
            "refused_percent": 14.29,
            "first_refused": "2026-11-25T21:13:40.123Z",
            "cost_usd": "0.021",
            "cost_nanousd": 21_000_000,
            "refused_cost_usd": "0.003",
            "refused_cost_nanousd": 3_000_000,
            "peak_percent": 90,
            "tightest": "0.01 usd/day",
            "limits": [{
                "limit": "0.01 usd/day",
                "refused": 1,
                "peak_used": "0.009",
                "peak_allowed": "0.01",
                "peak_percent": 90,
            }],
        })
    );
    let bob = row(&found, "user:bob");
    assert_eq!(
        (&bob["calls"], &bob["refused"], &bob["peak_percent"]),
        (&json!(3), &json!(0), &json!(10))
    );
    assert_eq!(bob["first_refused"], Value::Null);
    // Who made no calls has no row.
    assert_eq!(found.as_array().unwrap().len(), 2);
    let text = run(&desk, line.trim_end_matches(" --json"), None).await.ok();
    assert_eq!(
        text,
        "ACCOUNT     CALLS  REFUSED      %  FIRST REFUSED               COST  OF REFUSED  TIGHTEST      AT MOST USED\n\
         user:alice      7        1  14.29  2026-11-25T21:13:40.123Z  $0.021      $0.003  0.01 usd/day  █████████░  90%\n\
         user:bob        3        0      0  -                         $0.003          $0  0.01 usd/day  █░░░░░░░░░  10%\n"
    );
    let csv = run(&desk, &line.replace("--json", "--csv"), None).await.ok();
    assert_eq!(
        csv.lines().nth(1).unwrap(),
        "user:alice,7,1,14.29,2026-11-25T21:13:40.123Z,0.021,0.003,90,0.01 usd/day"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_counts_from_its_beginning_though_only_the_end_of_it_is_asked_for() {
    let desk = three_days().await;
    // The month has used four fifths of the limit when the last day begins.
    let line = "limits simulate user:alice --limit 0.0175usd/month --since 2026-11-26 --json";
    let found = run(&desk, line, None).await.json();
    let alice = row(&found, "user:alice");
    assert_eq!((&alice["calls"], &alice["refused"]), (&json!(2), &json!(2)));
    assert_eq!(alice["cost_usd"], "0.006");
    let line = line.replace("0.0175usd/month", "0.0175usd/rolling-5h");
    let found = run(&desk, &line, None).await.json();
    assert_eq!(row(&found, "user:alice")["refused"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_limits_and_accounts_of_any_kind_are_tried_and_models_count() {
    let desk = three_days().await;
    let keys = desk.get("/api/v1/keys?user=alice").await.of(200);
    let key = format!("key:{}", keys["data"][0]["id"].as_str().unwrap());
    let line = format!(
        "limits simulate {key} workspace:default --user idle --user alice --since 2026-11-24 \
         --limit 2requests/day@gpt-5 --limit 2requests/hour --mode postpaid --json"
    );
    let found = run(&desk, &line, None).await.json();
    assert_eq!(found.as_array().unwrap().len(), 4);
    for account in [key.as_str(), "user:alice"] {
        let alice = row(&found, account);
        // The third and the fourth call of one hour.
        assert_eq!((&alice["refused"], &alice["tightest"]), (&json!(2), &json!("2 requests/hour")));
        let models = &alice["limits"][1];
        assert_eq!(
            (&models["limit"], &models["peak_used"]),
            (&json!("2 requests/day @gpt-5"), &json!(1))
        );
    }
    let all = row(&found, "workspace:default");
    assert_eq!((&all["calls"], &all["refused"]), (&json!(10), &json!(4)));
    let idle = row(&found, "user:idle");
    assert_eq!((&idle["calls"], &idle["refused_percent"]), (&json!(0), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_limit_is_tried_as_if_it_refused() {
    let desk = three_days().await;
    run(&desk, "limits set user:alice 0.005usd/day!observe", None).await.ok();
    let line = "limits simulate --enforce-observed --since 2026-11-24 --json";
    let found = run(&desk, line, None).await.json();
    let alice = row(&found, "user:alice");
    assert_eq!((&alice["refused"], &alice["tightest"]), (&json!(4), &json!("0.005 usd/day")));
    assert_eq!(row(&found, "user:bob")["limits"], json!([]));
    // What is given takes the place of the own one; a given one refuses only where that is asked.
    for (limits, refused) in
        [("--enforce-observed --limit 0.01usd/day!observe", 1), ("--limit 0.01usd/day!observe", 0)]
    {
        let line = format!("limits simulate user:alice {limits} --since 2026-11-24 --json");
        let found = run(&desk, &line, None).await.json();
        assert_eq!(found[0]["refused"], refused, "{limits}");
        assert_eq!(found[0]["limits"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_calls_than_a_page_holds_are_replayed_in_their_order() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    for n in 1..=450 {
        desk.call(&key, "gpt-5", n).await;
        desk.clock.advance(1);
    }
    let line = "limits simulate --limit 0.00001usd/day --since 2026-11-24 --json";
    let found = run(&desk, line, None).await.json();
    // 1 + … + 140 are 9,870 nano-dollars; 141 more do not fit, and no later call is smaller.
    assert_eq!((&found[0]["calls"], &found[0]["refused"]), (&json!(450), &json!(310)));
    assert_eq!(found[0]["first_refused"], "2026-11-24T21:13:36.263Z");
    assert_eq!(found[0]["limits"][0]["peak_used"], "0.00000987");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_tried_is_refused_with_the_value() {
    let desk = Desk::start().await;
    desk.user_with_key("alice").await;
    for (line, status, text) in [
        ("limits simulate", 2, "add --limit 20usd/day, or --enforce-observed"),
        ("limits simulate --limit -1usd/day", 2, "`-1usd/day` is not a limit"),
        ("limits simulate --limit 5usd/day --limit 6usd/day", 2, "`6 usd/day` are two limits for"),
        ("limits simulate --limit 5usd/day@a* --limit 6usd/day@a*", 2, "two limits for usd/day@a*"),
        ("limits simulate --limit 5chars/day", 2, "`5 characters/day` cannot be replayed"),
        ("limits simulate --limit 5usd/day --since yesterday", 2, "yesterday"),
        ("limits simulate user:nobody --limit 5usd/day", 5, "user:nobody"),
        ("limits simulate bob --limit 5usd/day", 2, "`bob` is not an account"),
        ("limits simulate --limit 5usd/day --mode strikt", 2, "strikt"),
    ] {
        run(&desk, line, None).await.failed(status, text);
    }
}

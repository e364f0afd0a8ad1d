//! Limits as operators set them: what is carried over, and what makes no sense, by command line and
//! API on a real ledger.

use crate::cli::run;
use crate::control_desk::Desk;
use farebox::ledger::{Admission, Denial, Ledger};
use serde_json::{Value, json};

const DAY: i64 = 24 * 3_600_000;

async fn limits(desk: &Desk, account: &str) -> Value {
    desk.get(&format!("/api/v1/limits/{account}")).await.of(200)["limits"].take()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_carried_over_is_set_shown_and_round_trips() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    let line = "limits set user:alice --only 0.01usd/day!carry 0.1usd/month!carry=0.05usd 9req/day";
    let printed = run(&desk, line, None).await.ok();
    assert_eq!(
        printed,
        "user:alice  25 usd/month → 0.1 usd/month !carry=0.05usd\n\
         user:alice  none → 0.01 usd/day !carry\n\
         user:alice  none → 9 requests/day\n"
    );
    let table = run(&desk, "limits show user:alice", None).await.ok();
    assert!(table.contains("0.01 usd/day !carry    ") && !table.contains("carried"), "{table}");
    desk.call(&key, "gpt-5", 4_000_000).await;
    desk.clock.advance(DAY);
    let shown = limits(&desk, "user:alice").await;
    let day = &shown[1];
    assert_eq!(day["text"], "0.01 usd/day !carry");
    let figures = ["limit", "carried", "used", "remaining", "usage_percent"].map(|name| &day[name]);
    assert_eq!(
        figures,
        [&json!("0.016"), &json!("0.006"), &json!("0"), &json!("0.016"), &json!(0)]
    );
    assert_eq!((&shown[0]["carried"], &shown[2]["carried"]), (&json!("0"), &Value::Null));
    let table = run(&desk, "limits show user:alice", None).await.ok();
    assert!(table.contains("0.01 usd/day !carry +0.006 carried  "), "{table}");
    // What is shown can be sent back as it is, and nothing is lost by it.
    let texts: Vec<&Value> = shown.as_array().unwrap().iter().map(|l| &l["text"]).collect();
    let put = desk.ask("PUT", "/api/v1/limits/user:alice", json!({"limits": texts})).await;
    assert_eq!(put.of(200)["limits"], shown);
    // `limits set` of something else leaves it as it is.
    run(&desk, "limits set user:alice 8req/day", None).await.ok();
    assert_eq!(limits(&desk, "user:alice").await[1], *day);
    let user = desk.get("/api/v1/users/alice").await.of(200);
    assert_eq!(user["llm_quota"]["dollars_per_period"], "0.1");
    desk.call(&key, "gpt-5", 15_000_000).await;
    let day = &limits(&desk, "user:alice").await[1];
    assert_eq!((&day["usage_percent"], &day["status"]), (&json!(93.75), &json!("critical")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carry_that_makes_no_sense_is_refused_with_its_text() {
    let desk = Desk::start().await;
    desk.user_with_key("alice").await;
    for (text, why) in [
        ("5usd/rolling-24h!carry", "needs a window of minute, hour, day, week, month"),
        ("5usd/total!carry", "needs a window of"),
        ("5concurrent!carry", "needs a window of"),
        ("5usd/day!carry=6usd", "`!carry=6usd` is more than the limit itself"),
        ("5usd/day!carry=5tokens", "write it like !carry=10usd"),
        ("0usd/day!carry", "would carry nothing"),
        ("5usd/day!carry!carry", "`!carry` is not !observe or !carry, each once"),
        ("5usd/day!rollover", "`!rollover` is not !observe or !carry"),
    ] {
        let line = format!("limits set user:alice {text}");
        run(&desk, &line, None).await.failed(2, why);
        let body = json!({"limits": ["9req/day", text]});
        let problem = desk.ask("PUT", "/api/v1/limits/user:alice", body).await.of(422);
        assert_eq!(problem["errors"][0]["pointer"], "/limits/1", "{text}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(why) && detail.contains(&format!("`{text}`")), "{detail}");
    }
    assert_eq!(limits(&desk, "user:alice").await[0]["text"], "25 usd/month");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_below_what_is_used_is_taken_refuses_at_once_and_is_shown_beyond_100() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    desk.call(&key, "gpt-5", 3_000_000).await;
    for (limit, percent, remaining) in
        [("0.001usd/month", json!(300), "0"), ("0.002usd/month", json!(150), "0")]
    {
        run(&desk, &format!("limits set user:alice {limit}"), None).await.ok();
        let shown = limits(&desk, "user:alice").await;
        assert_eq!(
            (&shown[0]["usage_percent"], &shown[0]["remaining"]),
            (&percent, &json!(remaining))
        );
        assert_eq!(shown[0]["status"], "quota_exceeded");
    }
    assert_eq!(desk.get("/api/v1/users/alice").await.of(200)["status"], "quota_exceeded");
    // The next call is refused, however small; a limit that has room admits again.
    run(&desk, "limits set user:alice 0.0050usd/month", None).await.ok();
    let call = desk.hold(&key, 1_000_000).await;
    run(&desk, "limits set user:alice 0.002usd/month", None).await.ok();
    let next = farebox::ledger::HoldOrder { id: farebox::ids::CallId::new(), ..call };
    match desk.ledger.hold(&next).await.unwrap() {
        Admission::Denied(Denial::Limit(denial)) => {
            let standing = &denial.standing;
            assert_eq!(
                (standing.used, standing.held, standing.remaining()),
                (3_000_000, 1_000_000, 0)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_limits_for_the_same_are_refused_by_name_wherever_they_are_given() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    let key = key["id"].as_str().unwrap();
    for (one, two, name) in [
        ("5usd/day", "6usd/day", "usd/day"),
        ("5usd/month", "5usd/month", "usd/month"),
        ("5usd/day", "5usd/day!observe", "usd/day"),
        ("5usd/day!carry", "5usd/day", "usd/day"),
        ("2concurrent", "3concurrent", "concurrent"),
        ("5usd/day@gpt-5*", "4usd/day @gpt-5*", "usd/day@gpt-5*"),
    ] {
        let pair = json!({"limits": [one, two]});
        for (method, path, body) in [
            ("POST", "/api/v1/users".to_owned(), json!({"id": "bob", "limits": [one, two]})),
            ("POST", "/api/v1/keys".to_owned(), json!({"user": "alice", "limits": [one, two]})),
            ("POST", "/api/v1/workspaces".to_owned(), json!({"id": "eng", "limits": [one, two]})),
            ("PATCH", "/api/v1/users/alice".to_owned(), pair.clone()),
            ("PATCH", format!("/api/v1/keys/{key}"), pair.clone()),
            ("PUT", "/api/v1/limits/user:alice".to_owned(), pair.clone()),
        ] {
            let problem = desk.ask(method, &path, body).await.of(422);
            assert_eq!(problem["errors"][0]["pointer"], "/limits/1", "{path} {two}");
            let detail = problem["errors"][0]["detail"].as_str().unwrap();
            let known = format!("`{two}`: there is a limit for {name} already");
            assert_eq!(detail, known, "{path}");
        }
        let two = two.replace(' ', "");
        let why = format!("are two limits for {name}");
        for line in [
            format!("limits set user:alice {one} {two}"),
            format!("limits set user:alice {one} --limit {two}"),
            format!("limits set user:alice --only {one} {two}"),
        ] {
            run(&desk, &line, None).await.failed(2, &why);
        }
    }
    assert_eq!(limits(&desk, "user:alice").await[0]["text"], "25 usd/month");
    desk.get("/api/v1/users/bob").await.of(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_may_overlap_and_may_match_nothing() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    let line =
        "limits set user:alice --only 0.009usd/day@gpt-5* 0.004usd/day@*-mini 1usd/day@no-such-*";
    run(&desk, line, None).await.ok();
    desk.call(&key, "gpt-5", 3_000_000).await;
    let shown = limits(&desk, "user:alice").await;
    let used: Vec<_> =
        shown.as_array().unwrap().iter().map(|l| (&l["models"], &l["used"])).collect();
    let rows = [("no-such-*", "0"), ("gpt-5*", "0.003"), ("*-mini", "0")];
    for (models, figure) in rows {
        assert!(used.contains(&(&json!(models), &json!(figure))), "{used:?}");
    }
}

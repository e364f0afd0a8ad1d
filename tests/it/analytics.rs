//! R122, R125: rankings, series and latency of settled calls, over HTTP.

use crate::control_desk::{Answer, Desk, TOKEN, raw};
use farebox::clock::rfc3339;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

/// Alice made three calls within three hours, bob of `eng` one, which was the dearest.
async fn desk() -> Desk {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let alice = desk.user_with_key("alice").await;
    desk.ask("POST", "/api/v1/users", json!({"id": "bob", "workspace": "eng"})).await.of(201);
    let bob = desk.ask("POST", "/api/v1/keys", json!({"user": "bob"})).await.of(201);
    for model in ["gpt-5", "gpt-5", "=1+1"] {
        desk.call(&alice, model, 3_347_500).await;
        desk.clock.advance(HOUR);
    }
    desk.call(&bob, "gpt-5", 20_000_001).await;
    desk
}

async fn top(desk: &Desk, query: &str) -> Value {
    desk.get(&format!("/api/v1/analytics/top?{query}")).await.of(200)
}

fn names(ranking: &Value, by: &str) -> Vec<String> {
    let rows = ranking["data"].as_array().unwrap();
    rows.iter().map(|row| row[by].as_str().unwrap().to_owned()).collect()
}

async fn csv(desk: &Desk, path: &str) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    raw(desk.at, "GET", path, &[("authorization", &bearer), ("accept", "text/csv")], "").await
}

#[tokio::test]
async fn r125_the_first_by_any_metric() {
    let desk = desk().await;
    let by_cost = top(&desk, "by=user").await;
    assert_eq!(names(&by_cost, "user"), ["bob", "alice"]);
    assert_eq!(
        by_cost["data"][1],
        json!({"user": "alice", "requests": 3, "tokens": 6918, "cost_usd": "0.0100425",
            "cost_nanousd": 10_042_500})
    );
    let total = json!({"requests": 4, "tokens": 9224, "cost_usd": "0.030042501",
        "cost_nanousd": 30_042_501});
    assert_eq!((&by_cost["total"], &by_cost["groups"]), (&total, &json!(2)));
    let most = top(&desk, "by=user&metric=requests&limit=1").await;
    assert_eq!((names(&most, "user"), &most["groups"]), (vec!["alice".to_owned()], &json!(2)));
    let models = top(&desk, "by=model&metric=tokens&user=alice").await;
    assert_eq!(names(&models, "model"), ["gpt-5", "=1+1"]);
    let since = rfc3339(desk.clock.now() - 30 * 60_000);
    assert_eq!(
        names(&top(&desk, &format!("by=workspace&since={since}")).await, "workspace"),
        ["eng"]
    );
    assert_eq!(names(&top(&desk, "by=credential").await, "credential"), ["openai-main"]);
    for (query, named) in [
        ("", "?by"),
        ("by=colour", "`colour` is not one of user, key"),
        ("by=user&metric=fame", "`fame`"),
        ("by=user&limit=0", "`0`"),
        ("by=user&limit=1001", "`1001`"),
        ("by=user&since=soon", "`soon`"),
        ("by=user&hour=1", "?hour"),
    ] {
        let refused = desk.get(&format!("/api/v1/analytics/top?{query}")).await.of(422);
        assert!(refused["detail"].as_str().unwrap().contains(named), "{query}: {refused}");
    }
}

#[tokio::test]
async fn r125_cache_hits_and_what_they_saved() {
    let desk = desk().await;
    let rows = top(&desk, "by=model&metric=cache_saved").await;
    // 1920 cached tokens of three calls, at 1.25 and 0.125 dollars a million. The other model has
    // no price.
    let row = &rows["data"][0];
    assert_eq!((&row["model"], &row["cache_saved_nanousd"]), (&json!("gpt-5"), &json!(6_480_000)));
    assert_eq!((&row["input_tokens"], &row["cached_input_tokens"]), (&json!(6018), &json!(5760)));
    assert_eq!(row["cache_hit_ratio"], 0.9571);
    assert_eq!(rows["data"][1]["cache_saved_usd"], "0");
    let all = top(&desk, "by=user&metric=cache_hit_ratio&user=alice").await;
    assert_eq!(all["data"][0]["cache_saved_usd"], "0.00432");
    let each = top(&desk, "by=user&metric=cost_per_1k_tokens").await;
    // 20000001 / 2.306 = 8673027.3…
    assert_eq!(each["data"][0]["cost_per_1k_tokens_nanousd"], 8_673_027);
    let failed = top(&desk, "by=user&metric=failed_share").await;
    assert_eq!(
        (&failed["data"][0]["failed_requests"], &failed["data"][0]["failed_share"]),
        (&json!(0), &json!(0.0))
    );
}

#[tokio::test]
async fn r122_a_series_has_every_bucket() {
    let desk = desk().await;
    let path = "/api/v1/analytics/series";
    let series =
        desk.get(&format!("{path}?bucket=hour&start_time=4h&group_by=user,model")).await.of(200);
    assert_eq!((&series["metric"], &series["bucket"]), (&json!("cost"), &json!("hour")));
    let buckets = series["data"].as_array().unwrap();
    let shown: Vec<String> = buckets
        .iter()
        .map(|bucket| {
            let results = bucket["results"].as_array().unwrap().iter();
            let of =
                |row: &Value| format!(" {} {} {}", row["user"], row["model"], row["cost_nanousd"]);
            let results: String = results.map(of).collect();
            format!("{}{results}", bucket["start_time"].as_str().unwrap()).replace('"', "")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "2026-11-24T20:00:00Z",
            "2026-11-24T21:00:00Z alice gpt-5 3347500",
            "2026-11-24T22:00:00Z alice gpt-5 3347500",
            "2026-11-24T23:00:00Z alice =1+1 3347500",
            "2026-11-25T00:00:00Z bob gpt-5 20000001",
        ]
    );
    let plain = desk.get(&format!("{path}?bucket=day&start_time=2026-11-22&metric=requests")).await;
    let plain = plain.of(200);
    let requests: Vec<&Value> = plain["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| &bucket["results"][0]["requests"])
        .collect();
    assert_eq!(requests, [0, 0, 3, 1]);
    // Unix seconds, and an end that cuts the last bucket.
    let (from, to) = (1_795_554_000, 1_795_554_817);
    let cut = format!("{path}?bucket=minute&start_time={from}&end_time={to}&metric=tokens");
    let cut = desk.get(&cut).await.of(200);
    assert_eq!(cut["data"].as_array().unwrap().len(), 14);
    assert_eq!(cut["data"][13]["results"][0]["tokens"], 2306);
    for (query, named) in [
        ("bucket=minute&start_time=30d", "more than 3000 buckets"),
        ("bucket=week", "`week`"),
        ("group_by=user,model,key", "at most 2"),
        ("group_by=day", "`day`"),
        ("start_time=yesterday", "`yesterday`"),
        ("since=7d", "?since"),
    ] {
        let refused = desk.get(&format!("{path}?{query}")).await.of(422);
        assert!(refused["detail"].as_str().unwrap().contains(named), "{query}: {refused}");
    }
}

#[tokio::test]
async fn r125_csv_holds_no_formula() {
    let desk = desk().await;
    let sheet = csv(&desk, "/api/v1/analytics/top?by=model&metric=requests").await;
    assert_eq!(sheet.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        sheet.text,
        "model,requests,tokens,cost_usd,cost_nanousd\r\n\
         gpt-5,3,6918,0.026695001,26695001\r\n\
         '=1+1,1,2306,0.0033475,3347500\r\n"
    );
    let path = "/api/v1/analytics/series?bucket=hour&start_time=2h&group_by=model";
    let sheet = csv(&desk, path).await.text;
    assert!(sheet.starts_with("start_time,end_time,model,requests,"), "{sheet}");
    assert!(sheet.contains("\r\n2026-11-24T23:00:00Z,2026-11-25T00:00:00Z,'=1+1,1,"), "{sheet}");
    let usage = csv(&desk, "/api/v1/analytics/usage?group_by=model,day").await.text;
    assert!(usage.contains("\r\n'=1+1,2026-11-24,1,2306,"), "{usage}");
    let calls = csv(&desk, "/api/v1/requests?limit=2").await;
    assert_eq!(calls.text.lines().count(), 3);
    assert!(calls.text.contains(",'=1+1,"), "{}", calls.text);
    let link = calls.headers["link"].to_str().unwrap();
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    assert!(link.ends_with(r#"; rel="next""#) && next.contains("limit=2&after="), "{link}");
    let rest = csv(&desk, next).await;
    assert_eq!((rest.text.lines().count(), rest.headers.get("link")), (3, None));
}

#[tokio::test]
async fn r125_how_long_calls_took() {
    let desk = desk().await;
    let rows = desk.get("/api/v1/analytics/latency?group_by=provider").await.of(200);
    assert_eq!(
        rows["data"],
        json!([{"provider": "openai", "requests": 4, "ttft_ms_p50": 5, "ttft_ms_p90": 5,
            "ttft_ms_p99": 5, "duration_ms_p50": 12, "duration_ms_p90": 12, "duration_ms_p99": 12}])
    );
    let one = desk.get("/api/v1/analytics/latency?user=bob&since=1h").await.of(200);
    assert_eq!(
        (&one["data"][0]["model"], &one["data"][0]["requests"]),
        (&json!("gpt-5"), &json!(1))
    );
}

#[tokio::test]
async fn r122_a_token_of_a_workspace_sees_its_calls_only() {
    let desk = desk().await;
    let new = json!({"name": "eng", "scopes": ["usage:read"], "workspace": "eng"});
    let token = desk.ask("POST", "/api/v1/admin-tokens", new).await.of(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let ask = async |path: &str| raw(desk.at, "GET", path, &[("authorization", &bearer)], "").await;
    let seen = ask("/api/v1/analytics/top?by=user").await.of(200);
    assert_eq!(
        (names(&seen, "user"), &seen["total"]["requests"]),
        (vec!["bob".to_owned()], &json!(1))
    );
    let series = ask("/api/v1/analytics/series?metric=requests").await.of(200);
    let days = series["data"].as_array().unwrap();
    let requests: i64 = days.iter().map(|d| d["results"][0]["requests"].as_i64().unwrap()).sum();
    assert_eq!(requests, 1);
    assert_eq!(ask("/api/v1/analytics/latency").await.of(200)["data"][0]["requests"], 1);
    for query in ["top?by=user&workspace=default", "series?user=alice", "latency?user=alice"] {
        ask(&format!("/api/v1/analytics/{query}")).await.of(404);
    }
}

//! R097: forecasts over the real ledger, whose calls were settled hour by hour as the clock was moved:
//! over the API and by the built program.

use crate::control_desk::{Desk, NOW, TOKEN, raw};
use crate::forecast_shapes::{spending, weekly};
use crate::program::binary;
use farebox::clock::{UnixMs, parse_time};
use farebox::ledger::Ledger;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

/// Settles a call in each hour, as the shape says, until a time or until so much is spent; when that
/// was. The clock is left there.
async fn spend(desk: &Desk, key: &Value, until: UnixMs, most: Option<i64>) -> Option<UnixMs> {
    let hours = spending(weekly, 7, (NOW, until + HOUR), (0.05, 0.2));
    let mut spent = 0;
    for hour in hours.iter().filter(|hour| hour.begins > desk.clock.now()) {
        let at = hour.begins + HOUR / 2;
        if at > until {
            break;
        }
        desk.clock.advance(at - desk.clock.now());
        desk.call(key, "gpt-5", hour.nanos).await;
        desk.ledger.caught_up().await;
        spent += hour.nanos;
        if most.is_some_and(|most| spent >= most) {
            return Some(at);
        }
    }
    desk.clock.advance(until - desk.clock.now());
    None
}

fn nanos(told: &Value, name: &str) -> i64 {
    told[format!("{name}_nanousd")].as_i64().unwrap()
}

fn verb(desk: &Desk, arguments: &[&str]) -> (i32, String, String) {
    let dir = desk.dir.path().to_str().unwrap();
    let url = format!("http://{}", desk.at);
    let done = binary()
        .args(arguments)
        .args(["--admin-url", &url, "--data-dir", dir])
        .env_remove("FAREBOX_ADMIN_TOKEN")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r097_a_ledger_foresees_when_a_limit_is_reached() {
    let desk = Desk::start().await;
    let limits = json!({"id": "alice", "limits": ["130usd/month!observe", "9000usd/week"]});
    desk.ask("POST", "/api/v1/users", limits).await.of(201);
    let key = desk.ask("POST", "/api/v1/keys", json!({"user": "alice"})).await.of(201);
    desk.ask("POST", "/api/v1/users", json!({"id": "idle"})).await.of(201);
    let now = parse_time("2027-02-05T10:00:00Z").unwrap();
    assert_eq!(spend(&desk, &key, now, None).await, None);

    let told = desk.get("/api/v1/forecast?account=user:alice").await.of(200);
    assert_eq!(told["limit"], "130 usd/month !observe");
    assert_eq!((&told["period"], &told["method"]), (&json!("month"), &json!("seasonal")));
    assert_eq!(told["resets_at"], "2027-03-01T00:00:00Z");
    let user = desk.get("/api/v1/users/alice").await.of(200);
    assert_eq!(told["used_usd"], user["limits"][0]["used"]);
    assert!(nanos(&told, "used") <= nanos(&told, "low"));
    assert!(nanos(&told, "low") < nanos(&told, "projected"));
    assert!(nanos(&told, "projected") < nanos(&told, "high"));
    let foreseen = parse_time(told["exhausts_at"].as_str().unwrap()).unwrap();

    let (status, table, _) = verb(&desk, &["forecast"]);
    assert!(status == 0 && table.contains("130 usd/month !observe"), "{table}");
    assert!(table.contains("user:idle") && table.contains("no_data"), "{table}");
    println!("{table}");
    let (_, one, _) = verb(&desk, &["forecast", "user:alice", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&one).unwrap(), told);
    let (_, tested, _) = verb(&desk, &["forecast", "user:alice", "--backtest"]);
    println!("{tested}");
    let (_, tested, _) = verb(&desk, &["forecast", "user:alice", "--backtest", "--json"]);
    let tested: Value = serde_json::from_str(&tested).unwrap();
    assert!(tested[0]["predictions"].as_i64().unwrap() > 20, "{tested}");
    assert!(tested[0]["error_percent"].as_f64().unwrap() < 10.0, "{tested}");
    let inside = tested[0]["inside_percent"].as_f64().unwrap();
    assert!((50.0..=100.0).contains(&inside), "{tested}");
    let all = desk.get("/api/v1/forecast").await.of(200);
    let of_alice = all["data"].as_array().unwrap().iter().find(|f| f["account"] == "user:alice");
    assert_eq!(of_alice, Some(&told), "one by one or together");
    let workspace = desk.get("/api/v1/forecast?account=workspace:default").await.of(200);
    assert_eq!((&workspace["limit"], &workspace["period"]), (&Value::Null, &json!("month")));
    assert_eq!(workspace["exhausts_at"], Value::Null);

    let left = 130_000_000_000 - nanos(&told, "used");
    let end = parse_time("2027-03-01").unwrap();
    let truth = spend(&desk, &key, end, Some(left)).await.unwrap();
    let error = (foreseen - truth).abs() as f64 / (truth - now) as f64;
    println!("foreseen {foreseen}, reached {truth}: off by {:.1}% of the way", 100.0 * error);
    assert!(error <= 0.1, "{error}");
    let reached = desk.get("/api/v1/forecast?account=user:alice").await.of(200);
    let at = parse_time(reached["exhausts_at"].as_str().unwrap()).unwrap();
    assert_eq!(at, desk.clock.now().div_euclid(1000) * 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r097_what_cannot_be_foreseen_and_what_is_asked_wrongly() {
    let desk = Desk::start().await;
    let none = json!({"id": "zero", "limits": ["0usd/day", "9req/minute", "5usd/month@gpt-5*"]});
    desk.ask("POST", "/api/v1/users", none).await.of(201);
    desk.ask("POST", "/api/v1/users", json!({"id": "free", "limits": []})).await.of(201);
    let zero = desk.get("/api/v1/forecast?account=user:zero").await.of(200);
    assert_eq!((&zero["limit"], &zero["method"]), (&json!("0 usd/day"), &json!("no_data")));
    assert_eq!((&zero["used_usd"], &zero["projected_usd"]), (&json!("0"), &json!("0")));
    assert!(zero["exhausts_at"].is_string(), "{zero}");
    let free = desk.get("/api/v1/forecast?account=user:free").await.of(200);
    assert_eq!((&free["limit"], &free["allowed_usd"]), (&Value::Null, &Value::Null));
    for (path, status, why) in [
        ("/api/v1/forecast?account=user:nobody", 404, "user:nobody"),
        ("/api/v1/forecast?account=nobody", 422, "user:ID"),
        ("/api/v1/forecast?kind=team", 422, "workspace"),
        ("/api/v1/forecast/backtest", 422, "account"),
        ("/api/v1/forecast/backtest?account=user:free&since=never", 422, "since"),
    ] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(answer.text.contains(why), "{path}: {}", answer.text);
    }
    let tested = desk.get("/api/v1/forecast/backtest?account=user:free").await.of(200);
    assert_eq!((&tested["predictions"], &tested["error_percent"]), (&json!(0), &Value::Null));
    let (status, _, why) = verb(&desk, &["forecast", "user:nobody"]);
    assert!(status == 5 && why.contains("user:nobody"), "{status}: {why}");
}

#[tokio::test]
async fn r097_a_workspace_sees_its_own_forecasts_only() {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    for (user, workspace) in [("ann", "eng"), ("bob", "default")] {
        let user = json!({"id": user, "workspace": workspace});
        desk.ask("POST", "/api/v1/users", user).await.of(201);
    }
    let token = json!({"name": "eng", "scopes": ["usage:read"], "workspace": "eng"});
    let token = desk.ask("POST", "/api/v1/admin-tokens", token).await.of(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let ask = async |path: &str| raw(desk.at, "GET", path, &[("authorization", &bearer)], "").await;
    let accounts = |page: Value| -> Vec<Value> {
        page["data"].as_array().unwrap().iter().map(|told| told["account"].clone()).collect()
    };
    assert_eq!(accounts(ask("/api/v1/forecast").await.of(200)), ["user:ann"]);
    let workspaces = ask("/api/v1/forecast?kind=workspace").await.of(200);
    assert_eq!(accounts(workspaces), ["workspace:eng"]);
    for path in ["/api/v1/forecast?account=user:bob", "/api/v1/forecast/backtest?account=user:bob"]
    {
        assert_eq!(ask(path).await.status, 404, "{path}");
    }
    assert_ne!(bearer, TOKEN);
}

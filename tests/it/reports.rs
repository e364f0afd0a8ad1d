//! R098: reports of days and weeks, over the API, by the built program, and sent to channels on
//! schedule, once over all proxies.

use crate::alert_sinks::{HttpSink, answer};
use crate::alerts::{SECRET, got};
use crate::control_desk::{Desk, raw};
use crate::program::binary;
use crate::world::LIMIT;
use farebox::alert::{Alerting, Allowed, Own, Settings, Sources};
use farebox::app::Mailing;
use farebox::config::{Config, Environment, Overrides};
use farebox::ledger::{Kept, Ledger};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const DAY: i64 = 86_400_000;

/// Two users and a model that means harm, on the 24th, 25th and 26th of November 2026.
async fn spent() -> Desk {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let bob = json!({"id": "bob", "workspace": "eng", "limits": ["1usd/month!observe"]});
    desk.ask("POST", "/api/v1/users", bob).await.of(201);
    let bob = desk.ask("POST", "/api/v1/keys", json!({"user": "bob"})).await.of(201);
    let alice = desk.user_with_key("alice").await;
    for (day, dollars) in [(0, 1), (1, 3), (2, 2)] {
        for (key, model) in [(&alice, "gpt-5"), (&bob, "=1+1<script>")] {
            desk.call(key, model, dollars * 100_000_007).await;
            desk.ledger.caught_up().await;
        }
        if day < 2 {
            desk.clock.advance(DAY);
        }
    }
    desk
}

async fn accepting(desk: &Desk, path: &str, accept: &str) -> String {
    let bearer = format!("Bearer {}", crate::control_desk::TOKEN);
    let headers = [("authorization", bearer.as_str()), ("accept", accept)];
    let answer = raw(desk.at, "GET", path, &headers, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let kind = answer.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with(accept), "{kind}");
    answer.text
}

fn nanos(list: &Value) -> i64 {
    let all = list.as_array().unwrap().iter();
    all.map(|part| part["cost_nanousd"].as_i64().unwrap()).sum()
}

#[tokio::test]
async fn r098_a_day_and_a_week_add_up_to_the_nano_dollar() {
    let desk = spent().await;
    let day = desk.get("/api/v1/reports/daily").await.of(200);
    assert_eq!(
        (&day["from"], &day["to"]),
        (&json!("2026-11-25T00:00:00Z"), &json!("2026-11-26T00:00:00Z"),)
    );
    assert_eq!(day["total_cost_nanousd"], 600_000_042);
    assert_eq!((&day["total_requests"], &day["before"]["total_requests"]), (&json!(2), &json!(2)));
    assert_eq!(day["change_percent"], 200.0);
    for list in ["by_user", "by_model", "by_provider"] {
        assert_eq!(nanos(&day[list]), 600_000_042, "{list}");
    }
    assert_eq!(day["movers"][0]["change_nanousd"], 200_000_014);
    // 0.6 of 1 dollar are not near.
    assert_eq!(day["near_limit"], json!([]));
    let week = desk.get("/api/v1/reports/weekly?date=2026-11-29").await.of(200);
    assert_eq!(week["total_cost_nanousd"], 1_200_000_084);
    assert_eq!(week["from"], "2026-11-23T00:00:00Z");
    let of_day = desk.get("/api/v1/reports/daily?date=2026-11-24").await.of(200);
    assert_eq!(of_day["total_cost_nanousd"], 200_000_014);
    assert_eq!(of_day["change_percent"], Value::Null);
    for (path, why) in [
        ("/api/v1/reports/daily?date=2026-12-24", "has not come yet"),
        ("/api/v1/reports/daily?date=24.12.", "not a day"),
        ("/api/v1/reports/daily?date=2024-11-25", "from 2024-11-26T22:13:36Z on"),
        ("/api/v1/reports/weekly?date=2024-11-26", "day_sums_days"),
        ("/api/v1/reports/daily?format=pdf", "json, csv, html, text"),
    ] {
        let refused = desk.get(path).await;
        assert_eq!(refused.status, 422, "{path}");
        assert!(refused.text.contains(why), "{path}: {}", refused.text);
    }
    let document = desk.get("/openapi.json").await.of(200);
    let described = &document["components"]["schemas"]["Report"]["properties"];
    for field in day.as_object().unwrap().keys() {
        assert!(described.get(field).is_some(), "{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r098_who_is_near_a_limit_in_dollars_is_not_hidden_by_other_limits() {
    let desk = Desk::start().await;
    for n in 0..12 {
        let limits = json!({"id": format!("busy-{n:02}"), "limits": ["1req/day", "100usd/month"]});
        desk.ask("POST", "/api/v1/users", limits).await.of(201);
        let user = json!({"user": format!("busy-{n:02}")});
        let key = desk.ask("POST", "/api/v1/keys", user).await.of(201);
        desk.call(&key, "gpt-5", 1_000).await;
    }
    for (id, limits) in [
        ("near", json!(["1usd/month"])),
        // The forecast is of all models, so it says nothing of this limit.
        ("some", json!(["1usd/month@gpt-5*", "100usd/month"])),
    ] {
        desk.ask("POST", "/api/v1/users", json!({"id": id, "limits": limits})).await.of(201);
        let key = desk.ask("POST", "/api/v1/keys", json!({"user": id})).await.of(201);
        desk.call(&key, "gpt-5", 900_000_000).await;
    }
    desk.ledger.caught_up().await;
    let report = desk.get("/api/v1/reports/daily").await.of(200);
    let near = report["near_limit"].as_array().unwrap();
    let accounts: Vec<_> = near.iter().map(|one| one["account"].as_str().unwrap()).collect();
    assert_eq!(accounts, ["user:near"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r098_a_report_is_written_for_people_and_sheets() {
    let desk = spent().await;
    let path = "/api/v1/reports/daily?date=2026-11-25";
    let text = accepting(&desk, path, "text/plain").await;
    assert!(text.contains("Farebox daily report: 2026-11-25 (UTC)"), "{text}");
    assert!(text.contains("$0.600000042 (+200.0% against $0.200000014 before)"), "{text}");
    let html = accepting(&desk, path, "text/html").await;
    assert!(html.contains("=1+1&lt;script&gt;") && !html.contains("<script"), "{html}");
    assert!(!html.contains("http"), "it stands for itself: {html}");
    let csv = accepting(&desk, path, "text/csv").await;
    assert!(csv.contains(",model,'=1+1<script>,1,"), "{csv}");
    assert!(csv.contains(",total,,2,"), "{csv}");

    let url = format!("http://{}", desk.at);
    let verb = |arguments: &[&str]| {
        let dir = desk.dir.path().to_str().unwrap();
        let flags = ["--admin-url", &url, "--data-dir", dir];
        let mut command = binary();
        command.arg("report").args(arguments).args(flags).env_remove("FAREBOX_ADMIN_TOKEN");
        let done = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
    };
    let date = ["--daily", "--date", "2026-11-25"];
    let (status, printed, _) = verb(&date);
    assert_eq!((status, printed.trim_end()), (0, text.trim_end()));
    println!("{printed}");
    let (_, page, _) = verb(&["--date", "2026-11-25", "--html"]);
    assert_eq!(page.trim_end(), html.trim_end());
    let (_, object, _) = verb(&["--weekly", "--date", "2026-11-25", "--json"]);
    let object: Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["kind"], "weekly");
    let (status, _, why) = verb(&["--daily", "--send"]);
    assert!(status == 6 && why.contains("no channel asks for daily reports"), "{status} {why}");
    let (status, _, _) = verb(&["--date", "tomorrow"]);
    assert_eq!(status, 2);
}

#[tokio::test]
async fn r098_a_workspace_gets_its_own_report() {
    let desk = spent().await;
    let token = json!({"name": "eng", "scopes": ["usage:read"], "workspace": "eng"});
    let token = desk.ask("POST", "/api/v1/admin-tokens", token).await.of(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let path = "/api/v1/reports/daily?date=2026-11-25";
    let answer = raw(desk.at, "GET", path, &headers, "").await;
    assert!(!answer.text.contains("alice"), "{}", answer.text);
    let own = answer.of(200);
    assert_eq!(
        (&own["total_cost_nanousd"], &own["workspace"]),
        (&json!(300_000_021), &json!("eng"))
    );
    let foreign = format!("{path}&workspace=default");
    assert_eq!(raw(desk.at, "GET", &foreign, &headers, "").await.status, 404);
}

/// What sends, over the desk's ledger, to channels of a configuration.
fn mailing(desk: &Desk, file: &str) -> (Mailing, Arc<Alerting>) {
    let path = desk.dir.path().join("farebox.toml");
    std::fs::write(&path, file).unwrap();
    let config = Config::load(Some(&path), &Environment::default(), &Overrides::default()).unwrap();
    let sources = Sources {
        registry: desk.ledger.clone(),
        outbox: desk.ledger.clone(),
        records: desk.ledger.clone(),
        clock: desk.clock.clone(),
        calendar: config.calendar.clone(),
        token: crate::control_desk::TOKEN.into(),
        provider: Arc::new(|_| None),
        projections: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
        own: Arc::new(Own::default),
        told: Arc::new(|_| ()),
    };
    let settings = Settings {
        check_every: Duration::from_secs(60),
        renotify_after: Duration::from_secs(3600),
        allowed: Allowed::new(vec!["127.0.0.0/8".parse().unwrap()]),
        channels: config.alerts.channels.clone(),
        rules: Vec::new(),
        kept: Kept::default(),
        thresholds: config.thresholds.clone(),
        dashboard: None,
    };
    let alerting = Arc::new(Alerting::new(sources, settings).unwrap());
    let clock = desk.clock.clone();
    (Mailing::new(desk.ledger.clone(), &config, alerting.clone(), clock), alerting)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r098_a_report_is_sent_once_at_its_time_and_again_when_asked() {
    let desk = spent().await;
    let hook = HttpSink::start(&[&answer("503 Away", ""), &answer("200 OK", "")]).await;
    let slack = HttpSink::start(&[&answer("200 OK", "")]).await;
    let file = format!(
        "[history]\nreports = [\"daily\"]\nreport_at = \"08:00\"\n\
         [alerts]\nallow_private = [\"127.0.0.0/8\"]\n\
         [[alerts.channels]]\ntype = \"webhook\"\nname = \"hook\"\nurl = \"{}\"\n\
         secret = \"{SECRET}\"\nreports = [\"daily\"]\n\
         [[alerts.channels]]\ntype = \"slack\"\nname = \"chat\"\nurl = \"{}\"\n\
         reports = [\"daily\"]\nworkspace = \"eng\"\n",
        hook.url("/hook"),
        slack.url("/chat")
    );
    let (one, alerting) = mailing(&desk, &file);
    let (other, _) = mailing(&desk, &file);
    // It is 21:13 of the 26th: after eight, as for a proxy that was down then.
    let (first, second) = tokio::join!(one.look(), other.look());
    assert_eq!(first.unwrap() + second.unwrap(), 2, "one of all, one of eng");
    assert_eq!(one.look().await.unwrap(), 0);
    desk.clock.advance(DAY / 4);
    assert_eq!(one.look().await.unwrap(), 0, "03:13 is too early");

    let (_sender, hints) = tokio::sync::broadcast::channel(1);
    let _running = farebox::alert::start(&alerting, hints);
    let chat = got(&slack, 1, LIMIT).await;
    let said: Value = serde_json::from_str(&chat[0].body).unwrap();
    assert!(said["text"].as_str().unwrap().contains("Farebox daily report: 2026-11-25, eng"));
    assert!(said.to_string().contains("$0.300000021") && !said.to_string().contains("alice"));
    let failed = got(&hook, 1, LIMIT).await;
    desk.clock.advance(60_000);
    let tried = got(&hook, 2, LIMIT).await;
    assert_eq!(failed[0].headers["webhook-id"], tried[1].headers["webhook-id"]);
    let body: Value = serde_json::from_str(&tried[1].body).unwrap();
    assert_eq!(body["alert_type"], "report");
    assert_eq!(body["report"]["total_cost_nanousd"], 600_000_042);

    let listed = desk.get("/api/v1/alerts?level=report").await.of(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed["data"][0]["level"], "report");
    assert_eq!(desk.get("/api/v1/alerts").await.of(200)["data"], json!([]));
    // The next morning.
    desk.clock.advance(DAY / 4);
    assert_eq!(one.look().await.unwrap(), 2);
    assert_eq!(other.look().await.unwrap(), 0);
    let next = got(&hook, 3, LIMIT).await;
    let body: Value = serde_json::from_str(&next[2].body).unwrap();
    assert_eq!(body["report"]["date"], "2026-11-26");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r098_a_report_is_sent_now_when_it_is_asked_for() {
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let dir = tempfile::tempdir().unwrap();
    let channel = crate::alerts::webhook("hook", &hook) + "reports = [\"weekly\"]\n";
    crate::alerts::file(dir.path(), "1h", &channel);
    let program = crate::alerts::start(dir.path(), &[]);
    let sent = crate::alerts::admin(&program, "/api/v1/reports/weekly", json!({})).await;
    assert_eq!(sent.status(), 200, "{}", sent.text());
    assert_eq!(sent.json()["channels"], json!(["hook"]));
    let told = got(&hook, 1, LIMIT).await;
    let body: Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!(
        (&body["alert_type"], &body["report"]["kind"]),
        (&json!("report"), &json!("weekly"))
    );
    let none = crate::alerts::admin(&program, "/api/v1/reports/daily", json!({})).await;
    assert_eq!(none.status(), 409, "{}", none.text());
}

/// R124: a time-series database scrapes what it needs: every line parses, each family has its type,
/// and the series that analytics need are there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r124_a_time_series_database_reads_the_metrics() {
    let dir = tempfile::tempdir().unwrap();
    crate::alerts::file(dir.path(), "1h", "");
    let program = crate::alerts::start(dir.path(), &[]);
    let user = json!({"id": "alice", "limits": ["100 usd/month"]});
    assert_eq!(crate::alerts::admin(&program, "/api/v1/users", user).await.status(), 201);
    crate::alerts::spend(&program, "e1", "alice", 5).await;
    let scraped = crate::alerts::admin(&program, "/metrics", Value::Null).await;
    let text = scraped.text();
    let mut families = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# ") {
            let words: Vec<&str> = rest.splitn(3, ' ').collect();
            assert!(matches!(words[0], "HELP" | "TYPE"), "{line}");
            if words[0] == "TYPE" {
                assert!(
                    matches!(words[2], "counter" | "gauge" | "histogram" | "summary"),
                    "{line}"
                );
                assert!(families.insert(words[1].to_owned()), "{line}: a second time");
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = series.split('{').next().unwrap();
        let known = |suffix: &str| name.strip_suffix(suffix).is_some_and(|n| families.contains(n));
        let of_family =
            families.contains(name) || ["_bucket", "_sum", "_count"].into_iter().any(known);
        assert!(of_family, "{line}: its family has no type");
    }
    for needed in [
        "farebox_requests_total",
        "farebox_cost_usd_total",
        "farebox_tokens_total",
        "farebox_refusals_total",
        "farebox_alerts_total",
    ] {
        assert!(families.contains(needed), "{needed} is missing in {families:?}");
    }
}

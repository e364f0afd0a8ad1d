//! Alerts under faults, over a ledger whose clock is moved by hand: hints that are lost, channels that
//! hang or fail for an hour, clocks that jump, periods that turn, a million crossings at once.

use crate::alert_sinks::{Got, HttpSink, allowed, answer, channel};
use crate::ledger_rig::{Rig, contract};
use farebox::alert::{Alerting, Channel, Own, Running, Settings, Sources, start};
use farebox::ledger::{Crossing, Kept, KeptAlert, NewAlert};
use farebox::limit::{Calendar, Level, Thresholds};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const PATIENCE: Duration = Duration::from_secs(30);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// As many hints as may wait in the program.
const HINTS: usize = 8_192;
const MILLION: usize = 1_000_000;

contract! {
    r083_thresholds_are_80_90_100_or_any_list,
    r085_higher_thresholds_are_told_although_a_lower_one_was_just_told,
    r086_channels_that_hang_or_fail_for_an_hour_delay_no_other,
    r094_the_sweep_finds_what_no_hint_told,
    a_clock_that_jumps_tells_nothing_twice,
    a_period_that_turns_while_an_alert_is_under_way_has_its_own,
    r092_an_alert_is_resolved_although_its_record_is_gone,
    a_text_of_another_version_is_tried_for_hours_and_given_up,
}

/// Alerts over the rig's ledger. Sweeps are the test's.
struct Desk {
    alerting: Arc<Alerting>,
    hints: broadcast::Sender<Crossing>,
    _running: Running,
}

impl Desk {
    fn over(rig: &Rig, renotify: Duration, channels: Vec<Channel>) -> Self {
        let sources = Sources {
            registry: rig.ledger.clone(),
            outbox: rig.ledger.clone(),
            records: rig.ledger.clone(),
            clock: rig.clock.clone(),
            calendar: Calendar::default(),
            token: "a-token-for-tests-only".to_owned().into(),
            provider: Arc::new(|_| None),
            projections: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
            own: Arc::new(Own::default),
            told: Arc::new(|_| ()),
        };
        let settings = Settings {
            check_every: Duration::from_secs(86_400),
            renotify_after: renotify,
            allowed: allowed(&["127.0.0.0/8"]),
            channels,
            rules: Vec::new(),
            kept: Kept::default(),
            thresholds: Thresholds::default(),
            dashboard: None,
        };
        let alerting = Arc::new(Alerting::new(sources, settings).unwrap());
        let (hints, crossings) = broadcast::channel(HINTS);
        let _running = start(&alerting, crossings);
        Self { alerting, hints, _running }
    }

    /// Passes on what the ledger reported.
    fn hint(&self, rig: &Rig) {
        for crossing in rig.crossings() {
            self.hints.send(crossing).unwrap();
        }
    }

    /// All alerts, oldest first.
    async fn alerts(&self) -> Vec<KeptAlert> {
        let mut all = self.alerting.alerts(None, 200).await.unwrap().entries;
        all.reverse();
        all
    }

    /// Waits until the alerts are as they should be.
    async fn until(&self, fits: impl Fn(&[KeptAlert]) -> bool) -> Vec<KeptAlert> {
        let until = Instant::now() + PATIENCE;
        loop {
            let alerts = self.alerts().await;
            if fits(&alerts) {
                return alerts;
            }
            assert!(Instant::now() < until, "{alerts:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn webhook(name: &str, url: &str) -> Channel {
    channel(json!({"type": "webhook", "name": name, "url": url, "secret": SECRET}))
}

fn body(got: &Got) -> Value {
    serde_json::from_str(&got.body).unwrap()
}

fn thresholds(sink: &HttpSink) -> Vec<u64> {
    sink.got.lock().iter().map(|got| body(got)["threshold"].as_u64().unwrap()).collect()
}

/// Waits until a sink has so many.
async fn got(sink: &HttpSink, many: usize) {
    let until = Instant::now() + PATIENCE;
    while sink.got.lock().len() < many {
        assert!(Instant::now() < until, "{} of {many}", sink.got.lock().len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn r083_thresholds_are_80_90_100_or_any_list(rig: &Rig) {
    let sink = HttpSink::start(&[&answer("200 OK", "")]).await;
    let desk = Desk::over(rig, Duration::ZERO, vec![webhook("hook", &sink.url("/"))]);
    let usual = rig.user("usual", &["100 usd/month"]).await;
    let mut new = rig.new_user("own", &["100 usd/month"]);
    new.thresholds = Some(Thresholds::try_from(vec![5, 50, 75]).unwrap());
    rig.ledger.create(&new).await.unwrap();
    rig.call(&usual, 100).await;
    desk.hint(rig);
    got(&sink, 3).await;
    assert_eq!(thresholds(&sink), [80, 90, 100]);
    desk.alerting.sweep().await.unwrap();
    assert_eq!(desk.alerts().await.len(), 3, "the sweep has nothing to add");
    let own = rig.ledger.account(&new.id).await.unwrap().unwrap();
    assert_eq!(own.thresholds.unwrap().as_slice(), [5, 50, 75]);
    let lower = farebox::ledger::Change {
        thresholds: Some(Some(Thresholds::try_from(vec![60, 95]).unwrap())),
        ..farebox::ledger::Change::default()
    };
    rig.ledger.change(&"user:usual".parse().unwrap(), &lower).await.unwrap();
    desk.alerting.sweep().await.unwrap();
    got(&sink, 5).await;
    assert_eq!(thresholds(&sink)[3..], [60, 95], "a new list is looked at by the next check");
}

async fn r085_higher_thresholds_are_told_although_a_lower_one_was_just_told(rig: &Rig) {
    let sink = HttpSink::start(&[&answer("200 OK", "")]).await;
    let hook = webhook("hook", &sink.url("/"));
    let desk = Desk::over(rig, Duration::from_secs(3600), vec![hook]);
    let payers = rig.user("alice", &["100 usd/month"]).await;
    for (dollars, many) in [(80, 1), (10, 2), (10, 3)] {
        rig.call(&payers, dollars).await;
        rig.clock.advance(1_000);
        desk.hint(rig);
        got(&sink, many).await;
    }
    assert_eq!(thresholds(&sink), [80, 90, 100]);
    assert!(desk.alerts().await.iter().all(|alert| !alert.suppressed));
}

/// Of three channels one never answers, one answers 500 for an hour, one is well.
async fn r086_channels_that_hang_or_fail_for_an_hour_delay_no_other(rig: &Rig) {
    let oops = answer("500 Oops", "");
    let ill = HttpSink::start(&[&oops, &oops, &oops, &oops, &oops, &answer("200 OK", "")]).await;
    let well = HttpSink::start(&[&answer("200 OK", "")]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((tcp, _)) = silent.accept().await {
            kept.push(tcp);
        }
    });
    let channels = vec![
        webhook("silent", &format!("http://{address}/")),
        webhook("ill", &ill.url("/")),
        webhook("well", &well.url("/")),
    ];
    let desk = Desk::over(rig, Duration::ZERO, channels);
    let payers = rig.user("alice", &["100 usd/month"]).await;
    let begun = Instant::now();
    rig.call(&payers, 80).await;
    desk.hint(rig);
    got(&well, 1).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // Tries after 5 s, 30 s, 2 min, 10 min and 1 h.
    for (tries, wait) in [(1, 5), (2, 30), (3, 120), (4, 600), (5, 3600)] {
        let ill = "ill".parse().unwrap();
        desk.until(|alerts| alerts[0].deliveries[&ill].attempts == tries).await;
        rig.clock.advance(wait * 1_000);
    }
    let ill_name = "ill".parse().unwrap();
    let delivered = farebox::ledger::DeliveryStatus::Delivered;
    let alerts = desk.until(|alerts| alerts[0].deliveries[&ill_name].status == delivered).await;
    assert_eq!(alerts[0].deliveries[&ill_name].attempts, 6);
    let got = ill.got.lock().clone();
    assert!(got.iter().all(|one| one.headers["webhook-id"] == got[0].headers["webhook-id"]));
    assert_eq!(well.got.lock().len(), 1);
}

async fn r094_the_sweep_finds_what_no_hint_told(rig: &Rig) {
    let sink = HttpSink::start(&[&answer("200 OK", "")]).await;
    let desk = Desk::over(rig, Duration::ZERO, vec![webhook("hook", &sink.url("/"))]);
    let payers = rig.user("alice", &["100 usd/month", "1000000 tokens/day"]).await;
    rig.call(&payers, 95).await;
    // The proxy died with its hints.
    assert_eq!(rig.crossings().len(), 2);
    assert!(desk.alerts().await.is_empty());
    for _ in 0..2 {
        desk.alerting.sweep().await.unwrap();
    }
    got(&sink, 2).await;
    assert_eq!(thresholds(&sink), [80, 90]);
    let account = "user:alice".parse().unwrap();
    rig.ledger.reset(&account, None).await.unwrap();
    desk.alerting.sweep().await.unwrap();
    rig.call(&payers, 85).await;
    desk.alerting.sweep().await.unwrap();
    got(&sink, 3).await;
    assert_eq!(thresholds(&sink), [80, 90, 80], "a reset armed it again");
}

async fn a_clock_that_jumps_tells_nothing_twice(rig: &Rig) {
    let sink = HttpSink::start(&[&answer("200 OK", "")]).await;
    let hook = webhook("hook", &sink.url("/"));
    let desk = Desk::over(rig, Duration::from_secs(3600), vec![hook]);
    let payers = rig.user("alice", &["100 usd/month"]).await;
    rig.call(&payers, 85).await;
    desk.hint(rig);
    got(&sink, 1).await;
    for jump in [HOUR, -2 * HOUR, HOUR] {
        rig.clock.advance(jump);
        desk.alerting.sweep().await.unwrap();
    }
    assert_eq!(desk.alerts().await.len(), 1, "within a period nothing changes");
    // Into the next month, where the alert is over, and back.
    rig.clock.advance(10 * DAY);
    desk.alerting.sweep().await.unwrap();
    rig.clock.advance(-10 * DAY);
    desk.alerting.sweep().await.unwrap();
    let alerts = desk.alerts().await;
    assert!(alerts[1..].iter().all(|alert| alert.suppressed), "{alerts:#?}");
    assert_eq!(sink.got.lock().len(), 1);
}

async fn a_period_that_turns_while_an_alert_is_under_way_has_its_own(rig: &Rig) {
    let sink = HttpSink::start(&[&answer("503 Busy", ""), &answer("200 OK", "")]).await;
    let hook = webhook("hook", &sink.url("/"));
    let desk = Desk::over(rig, Duration::ZERO, vec![hook]);
    let payers = rig.user("alice", &["100 usd/day"]).await;
    rig.call(&payers, 80).await;
    desk.hint(rig);
    let name = "hook".parse().unwrap();
    desk.until(|alerts| alerts.first().is_some_and(|a| a.deliveries[&name].attempts == 1)).await;
    // Midnight passes before it is tried again.
    rig.clock.advance(3 * HOUR);
    rig.call(&payers, 80).await;
    desk.hint(rig);
    got(&sink, 3).await;
    let periods: Vec<String> = sink
        .got
        .lock()
        .iter()
        .map(|got| body(got)["period"].as_str().unwrap().to_owned())
        .collect();
    let last: std::collections::BTreeSet<&String> = periods[1..].iter().collect();
    assert_eq!(periods[0], "20261124");
    assert_eq!(last.into_iter().collect::<Vec<_>>(), ["20261124", "20261125"], "{periods:?}");
    for _ in 0..2 {
        desk.alerting.sweep().await.unwrap();
    }
    assert_eq!(desk.alerts().await.len(), 2, "one of each day");
}

async fn r092_an_alert_is_resolved_although_its_record_is_gone(rig: &Rig) {
    let sink = HttpSink::start(&[&answer("202 Accepted", "")]).await;
    let pager = json!({"type": "pagerduty", "routing_key": "R0UTE", "url": sink.url("")});
    let desk = Desk::over(rig, Duration::ZERO, vec![channel(pager)]);
    let payers = rig.user("alice", &["100 usd/month"]).await;
    let other = rig.user("bob", &["100 usd/month"]).await;
    // To the first of December, which has a day more than alerts are kept.
    rig.clock.advance(7 * DAY);
    rig.call(&payers, 80).await;
    desk.hint(rig);
    got(&sink, 1).await;
    rig.clock.advance(30 * DAY + HOUR);
    rig.call(&other, 80).await;
    desk.hint(rig);
    got(&sink, 2).await;
    assert_eq!(desk.alerts().await.len(), 1, "that of alice is gone");
    rig.clock.advance(DAY);
    desk.alerting.sweep().await.unwrap();
    got(&sink, 4).await;
    let all: Vec<Value> = sink.got.lock().iter().map(body).collect();
    let resolved = all.iter().filter(|event| event["event_action"] == "resolve");
    let mut keys: Vec<&str> = resolved.map(|event| event["dedup_key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["farebox/user:alice/202612", "farebox/user:bob/202612"]);
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r095_a_million_crossings_at_once_wait_for_nobody_and_take_no_memory() {
    let rig = Rig::embedded();
    let sink = HttpSink::start(&[&answer("200 OK", "")]).await;
    let hook = webhook("hook", &sink.url("/"));
    let desk = Desk::over(&rig, Duration::ZERO, vec![hook]);
    let payers = rig.user("alice", &["100 usd/month"]).await;
    rig.call(&payers, 100).await;
    let crossing = rig.crossings().remove(0);
    let (before, begun) = (resident(), Instant::now());
    let mut longest = 0;
    for n in 0..MILLION {
        let account = format!("user:nobody-{n}").parse().unwrap();
        let level = Level::Warning;
        desk.hints.send(Crossing { account, level, ..crossing.clone() }).unwrap();
        longest = longest.max(desk.hints.len());
    }
    let (took, grown) = (begun.elapsed(), resident().saturating_sub(before));
    println!(
        "{MILLION} crossings told in {took:?}, {longest} waited at most, memory grew by {} KiB",
        grown / 1024
    );
    assert!(longest <= HINTS, "{longest}");
    assert!(grown < 64 << 20, "{grown} bytes");
    // What made room is found all the same.
    desk.alerting.sweep().await.unwrap();
    got(&sink, 3).await;
    assert_eq!(thresholds(&sink), [80, 90, 100]);
}

/// A newer version may have it until then; it must not be claimed for ever.
async fn a_text_of_another_version_is_tried_for_hours_and_given_up(rig: &Rig) {
    let sink = HttpSink::start(&[&answer("200 OK", "")]).await;
    let hook = webhook("hook", &sink.url("/"));
    let name = hook.name().clone();
    let desk = Desk::over(rig, Duration::ZERO, vec![hook]);
    let alert = NewAlert {
        id: "of-a-newer-version".parse().unwrap(),
        mark: "user:alice|usd/month|80".to_owned(),
        period: 202_611,
        arm: 0,
        ends: false,
        renotify_ms: 0,
        text: r#"{"of": "a newer version"}"#.to_owned(),
        channels: vec![name.clone()],
    };
    rig.ledger.raise(&alert).await.unwrap();
    for tries in 1..=6 {
        desk.until(|alerts| alerts[0].deliveries[&name].attempts == tries).await;
        rig.clock.advance(HOUR);
    }
    let alerts = desk.alerts().await;
    let delivery = &alerts[0].deliveries[&name];
    assert_eq!(delivery.status, farebox::ledger::DeliveryStatus::Failed);
    assert!(delivery.last_error.as_ref().unwrap().contains("cannot read it"));
    assert_eq!(sink.got.lock().len(), 0);
}

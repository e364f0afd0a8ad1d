//! Kinds of rules over both ledgers, by a clock that is moved: what needs days, and what only one
//! proxy knows.

use crate::ledger_rig::{Rig, contract};
use farebox::alert::{Alerting, Allowed, Notice, Own, Settings, Sources};
use farebox::ledger::{Kept, Outbox, RecordKind, When};
use farebox::limit::{Calendar, Thresholds};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

contract! {
    r096_a_spike_is_more_than_the_usual_of_this_hour,
    r096_what_only_one_proxy_knows_fires_once_a_period_over_all_of_them,
    r096_many_accounts_fire_at_once_each_once,
    a_clock_that_is_behind_at_the_full_hour_ends_nothing,
    a_rule_of_another_version_ends_nothing,
}

/// A proxy's alerts, and what only it knows.
struct Proxy {
    alerting: Alerting,
    own: Arc<Mutex<Own>>,
}

fn proxy(rig: &Rig) -> Proxy {
    let own: Arc<Mutex<Own>> = Arc::default();
    let known = own.clone();
    let sources = Sources {
        registry: rig.ledger.clone(),
        outbox: rig.ledger.clone(),
        records: rig.ledger.clone(),
        clock: rig.clock.clone(),
        calendar: Calendar::default(),
        token: "a-token-for-tests-only".into(),
        provider: Arc::new(|_| Some("openai".to_owned())),
        projections: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
        own: Arc::new(move || known.lock().clone()),
        told: Arc::new(|_| ()),
    };
    let settings = Settings {
        check_every: Duration::from_secs(60),
        renotify_after: Duration::ZERO,
        allowed: Allowed::default(),
        channels: Vec::new(),
        rules: Vec::new(),
        kept: Kept::default(),
        thresholds: Thresholds::default(),
        dashboard: None,
    };
    Proxy { alerting: Alerting::new(sources, settings).unwrap(), own }
}

async fn rule(proxy: &Proxy, rule: Value) {
    proxy.alerting.make_rule(rule.as_object().unwrap()).await.unwrap();
}

/// What rules fired, oldest first.
async fn fired(rig: &Rig) -> Vec<(String, String)> {
    let page = Outbox::alerts(&*rig.ledger, None, 200).await.unwrap();
    let notices = page.entries.iter().map(|kept| serde_json::from_str(&kept.text).unwrap());
    let mut fired: Vec<_> = notices
        .filter_map(|notice: Notice| {
            let about = notice.account().map_or_else(String::new, ToString::to_string);
            Some((notice.rule()?.to_owned(), format!("{about} {}", notice.headline())))
        })
        .collect();
    fired.reverse();
    fired
}

async fn r096_a_spike_is_more_than_the_usual_of_this_hour(rig: &Rig) {
    let proxy = proxy(rig);
    rule(&proxy, json!({"name": "spike", "kind": "spike", "account": "user:*"})).await;
    let (alice, bob) =
        (rig.user("alice", &["900usd/month"]).await, rig.user("bob", &["900usd/month"]).await);
    for _ in 0..4 {
        rig.call(&alice, 2).await;
        rig.call(&bob, 6).await;
        proxy.alerting.sweep().await.unwrap();
        rig.clock.advance(DAY);
    }
    assert_eq!(fired(rig).await, []);
    rig.call(&alice, 5).await;
    rig.call(&bob, 7).await;
    proxy.alerting.sweep().await.unwrap();
    assert_eq!(fired(rig).await, []);
    rig.call(&alice, 1).await;
    proxy.alerting.sweep().await.unwrap();
    let told = fired(rig).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].1.starts_with("user:alice COST SPIKE: user:alice spent $6 within 1h, usual"),
        "{told:?}"
    );
    // In the next hour it is still on; in the one after it is over, and may come again.
    rig.clock.advance(HOUR);
    proxy.alerting.sweep().await.unwrap();
    rig.clock.advance(HOUR);
    proxy.alerting.sweep().await.unwrap();
    assert_eq!(fired(rig).await.len(), 1);
    rig.clock.advance(22 * HOUR);
    rig.call(&alice, 8).await;
    proxy.alerting.sweep().await.unwrap();
    assert_eq!(fired(rig).await.len(), 2);
}

async fn r096_what_only_one_proxy_knows_fires_once_a_period_over_all_of_them(rig: &Rig) {
    let (one, two) = (proxy(rig), proxy(rig));
    rule(&one, json!({"name": "unpriced", "kind": "unpriced_model"})).await;
    rule(&one, json!({"name": "journal", "kind": "journal_backlog", "pending": 100})).await;
    rule(&one, json!({"name": "keys", "kind": "quarantined", "account": "credential:m*"})).await;
    for proxy in [&one, &two] {
        *proxy.own.lock() = Own {
            pending: 100,
            unpriced: vec!["gpt-none".to_owned()],
            quarantined: vec!["main".parse().unwrap(), "other".parse().unwrap()],
        };
    }
    let check = async || {
        for proxy in [&one, &two] {
            proxy.alerting.check_own().await.unwrap();
            proxy.alerting.sweep().await.unwrap();
        }
    };
    check().await;
    check().await;
    let mut told = fired(rig).await;
    told.sort();
    let rules: Vec<&str> = told.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(rules, ["journal", "keys", "unpriced"], "{told:?}");
    assert!(told[1].1.starts_with("credential:main QUARANTINED: "), "{told:?}");
    assert!(told[2].1.contains("model:gpt-none was asked for"), "{told:?}");
    for proxy in [&one, &two] {
        *proxy.own.lock() = Own::default();
    }
    rig.clock.advance(DAY);
    check().await;
    assert_eq!(fired(rig).await.len(), 3, "what is over is silent");
    one.own.lock().pending = 5000;
    check().await;
    rig.clock.advance(HOUR);
    check().await;
    assert_eq!(fired(rig).await.len(), 5, "a backlog is told again every hour");
}

async fn r096_many_accounts_fire_at_once_each_once(rig: &Rig) {
    let (one, two) = (proxy(rig), proxy(rig));
    rule(&one, json!({"name": "each", "kind": "absolute_usd", "amount": 1, "account": "user:*"}))
        .await;
    for n in 0..60 {
        let payers = rig.user(&format!("u{n}"), &["900usd/month"]).await;
        rig.call(&payers, 2).await;
    }
    let (a, b) = tokio::join!(one.alerting.sweep(), two.alerting.sweep());
    a.and(b).unwrap();
    two.alerting.sweep().await.unwrap();
    let mut told = fired(rig).await;
    told.dedup();
    assert_eq!(told.len(), 60);
    rig.clock.advance(DAY);
    one.alerting.sweep().await.unwrap();
    assert_eq!(fired(rig).await.len(), 60, "nothing was spent on this day");
}

/// Proxies check what only they know for themselves, and their clocks differ a little.
async fn a_clock_that_is_behind_at_the_full_hour_ends_nothing(rig: &Rig) {
    let proxy = proxy(rig);
    rule(&proxy, json!({"name": "journal", "kind": "journal_backlog", "pending": 100})).await;
    proxy.own.lock().pending = 100;
    let to_the_hour = HOUR - rig.clock.now().rem_euclid(HOUR);
    rig.clock.advance(to_the_hour);
    for _ in 0..3 {
        proxy.alerting.check_own().await.unwrap();
        proxy.alerting.sweep().await.unwrap();
        rig.clock.advance(-1_000);
        proxy.alerting.check_own().await.unwrap();
        proxy.alerting.sweep().await.unwrap();
        rig.clock.advance(1_000);
    }
    assert_eq!(fired(rig).await.len(), 1);
}

async fn a_rule_of_another_version_ends_nothing(rig: &Rig) {
    let proxy = proxy(rig);
    rule(&proxy, json!({"name": "spendy", "kind": "absolute_usd", "amount": "5usd"})).await;
    let alice = rig.user("alice", &["900usd/month"]).await;
    rig.call(&alice, 6).await;
    proxy.alerting.sweep().await.unwrap();
    assert_eq!(fired(rig).await.len(), 1);
    let (kind, name) = (RecordKind::AlertRule, "spendy".parse().unwrap());
    let text = rig.ledger.get(kind, &name).await.unwrap().unwrap();
    for text in [r#"{"rule": "of a newer version"}"#, &text] {
        rig.ledger.put(kind, &name, text, None, When::Always).await.unwrap();
        proxy.alerting.sweep().await.unwrap();
        assert_eq!(fired(rig).await.len(), 1, "{text}");
    }
}

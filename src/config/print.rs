//! The configuration in force, in the shape of the file, without secrets.

use super::{Config, OnDisconnect, OnExhausted, UnpricedModel, alerts, snapshots};
use crate::ledger::{Enforcement, LostHold};
use crate::limit::{Limit, Thresholds};
use crate::provider::{Credential, Fallback, ModelRoute, Policy, Provider};
use serde::Serialize;
use toml::{Table, Value};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

const HIDDEN: &str = "***";

pub(super) fn table(config: &Config) -> Table {
    let mut all = Table::new();
    put(&mut all, "listen", config.listen.to_string());
    put(&mut all, "admin_listen", config.admin_listen.to_string());
    if let Some(path) = &config.pricing {
        put(&mut all, "pricing", path.display().to_string());
    }
    if let Some((cert, key)) = &config.tls {
        let mut tls = Table::new();
        put(&mut tls, "cert", cert.display().to_string());
        put(&mut tls, "key", key.display().to_string());
        put(&mut all, "tls", tls);
    }
    put(&mut all, "ledger", ledger(config));
    put(&mut all, "enforcement", enforcement(config));
    put(&mut all, "prices", prices(config));
    put(&mut all, "defaults", defaults(config));
    let providers: Table =
        config.providers.iter().map(|p| (p.name.clone(), provider(config, p).into())).collect();
    put(&mut all, "providers", providers);
    put(&mut all, "routes", config.providers.routes().iter().map(route).collect::<Vec<_>>());
    put(&mut all, "alerts", alerts::printed(&config.alerts));
    let mut admin = Table::new();
    if config.admin_token.is_some() {
        put(&mut admin, "token", HIDDEN);
    }
    let protection = &config.protection;
    put(&mut admin, "requests_per_minute", i64::from(protection.requests_per_minute));
    put(&mut admin, "auth_failures_per_minute", i64::from(protection.auth_failures_per_minute));
    put(&mut admin, "allowed_origins", protection.allowed_origins.clone());
    put(&mut all, "admin", admin);
    let mut history = Table::new();
    put(&mut history, "retention_days", config.retention_days);
    put(&mut history, "minute_sums_hours", config.sums.minutes / HOUR_MS);
    put(&mut history, "hour_sums_days", config.sums.hours / DAY_MS);
    put(&mut history, "day_sums_days", config.sums.days / DAY_MS);
    put(&mut history, "snapshot_every", snapshots::written(config.snapshots.every));
    put(&mut history, "persistence", config.snapshots.persistence);
    put(&mut history, "reports", config.reports.kinds.clone());
    put(&mut history, "report_at", config.reports.written());
    put(&mut all, "history", history);
    let mut metrics = Table::new();
    put(&mut metrics, "per_user", i64::try_from(config.metrics_per_user).unwrap_or(i64::MAX));
    put(&mut all, "metrics", metrics);
    put(&mut all, "server", server(config));
    all
}

pub(super) fn put(table: &mut Table, name: &str, value: impl Into<Value>) {
    table.insert(name.to_owned(), value.into());
}

/// A key as it is written: in quotes, where it has more than letters, digits, `_` and `-`.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn ledger(config: &Config) -> Table {
    let mut ledger = Table::new();
    if config.redis_url.is_some() {
        put(&mut ledger, "redis_url", HIDDEN);
    }
    put(&mut ledger, "data_dir", config.data_dir.display().to_string());
    put(&mut ledger, "lease_seconds", seconds(config.lease));
    let lost = match config.on_lost_hold {
        LostHold::Expected => "expected",
        LostHold::Held => "held",
        LostHold::Nothing => "nothing",
    };
    put(&mut ledger, "on_lost_hold", lost);
    put(&mut ledger, "timezone", config.timezone.clone());
    ledger
}

fn enforcement(config: &Config) -> Table {
    let mut rules = Table::new();
    let mode = match config.mode {
        Enforcement::Strict => "strict",
        Enforcement::Balanced => "balanced",
        Enforcement::Postpaid => "postpaid",
        Enforcement::Observe => "observe",
    };
    put(&mut rules, "mode", mode);
    let exhausted = match config.on_exhausted {
        OnExhausted::Finish => "finish",
        OnExhausted::Stop => "stop",
    };
    put(&mut rules, "on_exhausted", exhausted);
    let left = match config.on_disconnect {
        OnDisconnect::Auto => "auto",
        OnDisconnect::Drain => "drain",
        OnDisconnect::Cancel => "cancel",
    };
    put(&mut rules, "on_disconnect", left);
    put(&mut rules, "drain_seconds", seconds(config.drain));
    let unpriced = match config.unpriced_model {
        UnpricedModel::Reject => "reject",
        UnpricedModel::Ceiling => "ceiling",
        UnpricedModel::Free => "free",
    };
    put(&mut rules, "unpriced_model", unpriced);
    let unmetered = if config.forward_unmetered { "forward" } else { "reject" };
    put(&mut rules, "unmetered_route", unmetered);
    rules
}

fn prices(config: &Config) -> Table {
    let agreed = &config.prices;
    let mut prices = Table::new();
    put(&mut prices, "provider_cost", agreed.provider_cost.as_str());
    put(&mut prices, "anomaly_percent", i64::from(agreed.anomaly_percent));
    put(&mut prices, "overrides", each(&agreed.overrides));
    put(&mut prices, "markups", each(&agreed.markups));
    prices
}

/// What was written, as it would be written again.
fn each(written: &[impl Serialize]) -> Vec<Value> {
    written.iter().filter_map(|entry| Value::try_from(entry).ok()).collect()
}

fn defaults(config: &Config) -> Table {
    let mut user = Table::new();
    put(&mut user, "limits", texts(&config.user_limits));
    put(&mut user, "thresholds", numbers(&config.thresholds));
    let mut defaults = Table::new();
    put(&mut defaults, "user", user);
    defaults
}

/// A credential, with what is said of it beside its key.
fn credential(of: &Credential, config: &Config) -> Value {
    let mut shown = Table::new();
    put(&mut shown, "name", of.name.as_str());
    put(&mut shown, "api_key", HIDDEN);
    put(&mut shown, "weight", i64::from(of.weight));
    let mut all = config.credentials.iter().map(|terms| &terms.setup);
    let Some(setup) = all.find(|setup| setup.id.as_str() == of.name) else {
        return Value::Table(shown);
    };
    if !setup.limits.is_empty() {
        put(&mut shown, "limits", texts(&setup.limits));
    }
    if let Some(thresholds) = &setup.thresholds {
        put(&mut shown, "thresholds", numbers(thresholds));
    }
    if !setup.metadata.is_empty() {
        let metadata: Table =
            setup.metadata.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
        put(&mut shown, "metadata", metadata);
    }
    Value::Table(shown)
}

fn texts(limits: &[Limit]) -> Vec<Value> {
    limits.iter().map(Limit::to_string).map(Value::String).collect()
}

fn numbers(thresholds: &Thresholds) -> Vec<Value> {
    thresholds.as_slice().iter().map(|t| Value::Integer(i64::from(*t))).collect()
}

fn provider(config: &Config, provider: &Provider) -> Table {
    let mut shown = Table::new();
    put(&mut shown, "dialect", provider.dialect.name());
    put(&mut shown, "base_url", provider.base_url.clone());
    put(&mut shown, "cancel_stops_billing", provider.cancel_stops_billing);
    let cost = config.prices.provider_cost(&provider.name);
    put(&mut shown, "provider_cost", cost.as_str());
    let own = config.deployments.iter().filter(|deployment| deployment.provider == provider.name);
    let models: Table = own.map(|of| (of.name.clone(), of.target.clone().into())).collect();
    if !models.is_empty() {
        put(&mut shown, "models", models);
    }
    policy(&mut shown, &provider.policy);
    let credentials: Vec<Value> =
        provider.credentials.iter().map(|c| credential(c, config)).collect();
    put(&mut shown, "credentials", credentials);
    shown
}

fn policy(shown: &mut Table, policy: &Policy) {
    put(shown, "choose", policy.choose.as_str());
    put(shown, "sticky", policy.sticky);
    put(shown, "breaker_failures", i64::from(policy.breaker.failures));
    put(shown, "breaker_seconds", policy.breaker.pause_ms / 1000);
    put(shown, "retries", i64::from(policy.retries));
    put(shown, "retry_budget_percent", i64::from(policy.retry_budget_percent));
    put(shown, "retry_billed", policy.retry_billed);
}

fn route(route: &ModelRoute) -> Value {
    let mut shown = Table::new();
    put(&mut shown, "models", route.models.clone());
    put(&mut shown, "provider", route.provider.clone());
    let fallbacks = route.fallbacks.iter().map(Fallback::to_string);
    put(&mut shown, "fallbacks", fallbacks.collect::<Vec<_>>());
    Value::Table(shown)
}

fn server(config: &Config) -> Table {
    let bounds = &config.server;
    let mut server = Table::new();
    put(&mut server, "max_json_bytes", count(bounds.json_bytes));
    put(&mut server, "max_upload_bytes", count(bounds.upload_bytes));
    for (name, bound) in [
        ("handshake_seconds", bounds.handshake),
        ("header_seconds", bounds.header),
        ("body_seconds", bounds.body),
        ("write_seconds", bounds.write_stall),
        ("connect_seconds", bounds.connect),
        ("first_byte_seconds", bounds.first_byte),
        ("answer_seconds", bounds.answer),
        ("stop_seconds", bounds.stop),
    ] {
        put(&mut server, name, seconds(bound));
    }
    put(&mut server, "max_connections", count(bounds.connections as u64));
    server
}

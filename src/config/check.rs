//! From what is written to what is meant.

use super::origin::Origin;
use super::raw::{
    Raw, RawAdmin, RawHistory, RawPrices, RawProvider, RawRoute, RawServer, UnmeteredRoute,
};
use super::{
    BadConfig, Config, Environment, Overrides, ServerBounds, alerts, credentials, deployments,
    pools, protection, reports, snapshots,
};
use crate::ledger::Kept;
use crate::limit::{Calendar, Limit, Meter, Window};
use crate::pricing::Adjustments;
use crate::provider::{Credential, Dialect, KNOWN, Known, Provider, Providers, known};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Tokens that stand in documents. Whoever uses one has no token.
const KNOWN_TOKENS: [&str; 4] =
    ["dev_reset_2025", "dev_reset_2025_dev_reset_2025", "changeme_changeme", "0123456789abcdef"];

/// Stands for a secret where none is needed.
const NOT_READ: &str = "a secret that was not read";

/// The shortest admin token.
const TOKEN_LENGTH: usize = 16;

/// The variables that may hold the admin token.
pub(super) const TOKEN_VARIABLES: [&str; 3] =
    ["FAREBOX_ADMIN_TOKEN", "QUOTA_ADMIN_KEY", "QUOTA_ADMIN_RESET_KEY"];

/// The variables of older deployments, each with the default limit that it replaces.
pub(super) const OLDER_LIMITS: [(&str, Meter, Window); 3] = [
    ("OPENAI_RATE_LIMIT_PER_MINUTE", Meter::Requests, Window::Minute),
    ("OPENAI_RATE_LIMIT_PER_DAY", Meter::Requests, Window::Day),
    ("OPENAI_TOKEN_LIMIT_PER_MINUTE", Meter::Tokens, Window::Minute),
];

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// The variable of older deployments that says how long the history is kept.
pub(super) const OLDER_RETENTION: &str = "QUOTA_HISTORY_RETENTION_DAYS";

pub(super) fn bad(text: impl Into<String>) -> BadConfig {
    BadConfig(text.into())
}

pub(super) fn check(
    raw: Raw,
    environment: &Environment,
    overrides: &Overrides,
) -> Result<Config, BadConfig> {
    let listen = address("listen", overrides.listen, raw.listen.as_deref(), 8080)?;
    let admin_listen =
        address("admin_listen", overrides.admin_listen, raw.admin_listen.as_deref(), 8081)?;
    let admin_token = admin_token(&raw.admin, environment)?;
    if admin_token.is_none() && environment.has_secrets() {
        on_loopback("listen", listen)?;
        on_loopback("admin_listen", admin_listen)?;
    }
    let ledger = raw.ledger;
    let lease = lease(ledger.lease_seconds.unwrap_or(60))?;
    let timezone = ledger.timezone.unwrap_or_else(|| "UTC".to_owned());
    let calendar = calendar(&timezone)?;
    let redis_url = overrides.redis.clone().or(ledger.redis_url);
    let redis_url = redis_url.map(|url| redis(&url, environment)).transpose()?;
    let rules = raw.enforcement;
    let data_dir = overrides
        .data_dir
        .clone()
        .or_else(|| environment.get("FAREBOX_DATA_DIR").map(Into::into))
        .or(ledger.data_dir)
        .unwrap_or_else(|| "farebox-data".into());
    let deployments = deployments::read(&raw.providers)?;
    let said = credentials::said(&raw.providers)?;
    let prices = prices(raw.prices, &raw.providers)?;
    let retention_days = retention(&raw.history, environment)?;
    let providers = providers(raw.providers, raw.routes, environment, overrides)?;
    let kept = sums(&raw.history)?;
    Ok(Config {
        listen,
        admin_listen,
        tls: raw.tls.map(|tls| (tls.cert, tls.key)),
        pricing: overrides.pricing.clone().or(raw.pricing),
        redis_url,
        data_dir,
        lease,
        on_lost_hold: ledger.on_lost_hold.unwrap_or_default(),
        timezone,
        calendar,
        mode: rules.mode.unwrap_or_default(),
        on_exhausted: rules.on_exhausted.unwrap_or_default(),
        on_disconnect: rules.on_disconnect.unwrap_or_default(),
        drain: drain(rules.drain_seconds.unwrap_or(30))?,
        unpriced_model: rules.unpriced_model.unwrap_or_default(),
        prices,
        forward_unmetered: rules.unmetered_route == Some(UnmeteredRoute::Forward),
        user_limits: user_limits(raw.defaults.user.limits, environment)?,
        thresholds: raw.defaults.user.thresholds.unwrap_or_default(),
        credentials: credentials::terms(&providers, said)?,
        providers,
        deployments,
        alerts: alerts::read(raw.alerts, environment, &kept)?,
        admin_token,
        protection: protection::protection(&raw.admin)?,
        retention_days,
        snapshots: snapshots::read(&raw.history, environment, (retention_days, &kept))?,
        reports: reports::read(&raw.history)?,
        sums: kept,
        metrics_per_user: per_user(raw.metrics.per_user.unwrap_or(0))?,
        server: server(&raw.server)?,
        record: overrides.record.clone(),
        origin: Origin::default(),
    })
}

fn calendar(timezone: &str) -> Result<Calendar, BadConfig> {
    Calendar::named(timezone).ok_or_else(|| {
        bad(format!("ledger.timezone = \"{timezone}\": no such zone; write it like Europe/Berlin"))
    })
}

fn drain(seconds: u64) -> Result<Duration, BadConfig> {
    if seconds > 3600 {
        return Err(bad(format!("enforcement.drain_seconds = {seconds}: at most 3600")));
    }
    Ok(Duration::from_secs(seconds))
}

/// How long a hold outlives its proxy.
fn lease(seconds: u64) -> Result<Duration, BadConfig> {
    let fits = (5..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds));
    fits.ok_or_else(|| bad(format!("ledger.lease_seconds = {seconds}: from 5 to 86400")))
}

/// Refuses an address that other machines reach.
fn on_loopback(name: &str, address: SocketAddr) -> Result<(), BadConfig> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(bad(format!(
        "{name} = \"{address}\" is reachable from other machines, so an admin token must be \
         configured: set FAREBOX_ADMIN_TOKEN (16 characters or more)"
    )))
}

/// What is agreed beside the price table. Whether it fits the table shows when that is read.
fn prices(
    written: RawPrices,
    providers: &BTreeMap<String, RawProvider>,
) -> Result<Adjustments, BadConfig> {
    let usual = Adjustments::default();
    let percent = written.anomaly_percent.unwrap_or(usual.anomaly_percent.into());
    let anomaly_percent = u32::try_from(percent).ok().filter(|percent| *percent <= 1000);
    let own = |(name, raw): (&String, &RawProvider)| Some((name.clone(), raw.provider_cost?));
    Ok(Adjustments {
        provider_cost: written.provider_cost,
        provider_costs: providers.iter().filter_map(own).collect(),
        anomaly_percent: anomaly_percent.ok_or_else(|| {
            bad(format!("prices.anomaly_percent = {percent}: from 0 to 1000 per cent"))
        })?,
        overrides: written.overrides,
        markups: written.markups,
    })
}

fn address(
    name: &str,
    flag: Option<SocketAddr>,
    written: Option<&str>,
    port: u16,
) -> Result<SocketAddr, BadConfig> {
    if let Some(address) = flag {
        return Ok(address);
    }
    let Some(text) = written else { return Ok(SocketAddr::from(([127, 0, 0, 1], port))) };
    text.parse().map_err(|_| {
        bad(format!("{name} = \"{text}\" is not an address; write it like 127.0.0.1:{port}"))
    })
}

/// The URL is not shown: it may hold a password.
fn redis(url: &str, environment: &Environment) -> Result<SecretString, BadConfig> {
    let url = expand("ledger.redis_url", url, environment)?;
    let schemes = ["redis://", "rediss://"];
    let fits = schemes.iter().any(|scheme| url.expose_secret().starts_with(scheme));
    match fits || !environment.has_secrets() {
        true => Ok(url),
        false => Err(bad("ledger.redis_url does not begin with redis:// or rediss://")),
    }
}

/// Replaces a whole-value `${NAME}` by the variable.
pub(super) fn expand(
    place: &str,
    text: &str,
    environment: &Environment,
) -> Result<SecretString, BadConfig> {
    let Some(variable) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return Ok(SecretString::from(text));
    };
    if !environment.has_secrets() {
        return Ok(SecretString::from(NOT_READ));
    }
    environment
        .get(variable)
        .map(SecretString::from)
        .ok_or_else(|| bad(format!("{place}: the environment variable {variable} is not set")))
}

pub(super) fn secret_file(
    place: &str,
    path: &Path,
    environment: &Environment,
) -> Result<SecretString, BadConfig> {
    if !environment.has_secrets() {
        return Ok(SecretString::from(NOT_READ));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| bad(format!("{place}: cannot read {}: {e}", path.display())))?;
    match text.trim() {
        "" => Err(bad(format!("{place}: {} is empty", path.display()))),
        text => Ok(SecretString::from(text)),
    }
}

fn admin_token(
    raw: &RawAdmin,
    environment: &Environment,
) -> Result<Option<SecretString>, BadConfig> {
    let set: Vec<(&str, &str)> = TOKEN_VARIABLES
        .iter()
        .filter_map(|variable| Some((*variable, environment.get(variable)?)))
        .collect();
    if let [(first, one), rest @ ..] = set.as_slice()
        && let Some((second, _)) = rest.iter().find(|(_, other)| other != one)
    {
        return Err(bad(format!("{first} and {second} have different values; set one of them")));
    }
    let (place, token) = match (set.first(), &raw.token, &raw.token_file) {
        (Some((variable, token)), _, _) => (*variable, SecretString::from(*token)),
        (None, Some(_), Some(_)) => {
            return Err(bad("admin.token and admin.token_file: set one of them"));
        }
        (None, Some(token), None) if token.is_empty() => return Ok(None),
        (None, Some(token), None) => ("admin.token", expand("admin.token", token, environment)?),
        (None, None, Some(path)) => {
            ("admin.token_file", secret_file("admin.token_file", path, environment)?)
        }
        (None, None, None) => return Ok(None),
    };
    let text = token.expose_secret();
    if KNOWN_TOKENS.contains(&text) {
        return Err(bad(format!("{place} is a token from a document; choose one of your own")));
    }
    if text.chars().count() < TOKEN_LENGTH {
        return Err(bad(format!("{place} is shorter than {TOKEN_LENGTH} characters")));
    }
    Ok(Some(token))
}

/// The default limits of users; variables of older deployments replace single ones.
fn user_limits(
    written: Option<Vec<Limit>>,
    environment: &Environment,
) -> Result<Vec<Limit>, BadConfig> {
    let mut limits = match written {
        Some(limits) => limits,
        None => ["25usd/month", "500req/minute", "10000req/day", "150000tok/minute"]
            .iter()
            .map(|text| text.parse().map_err(|e| bad(format!("{e}"))))
            .collect::<Result<_, _>>()?,
    };
    for (variable, meter, window) in OLDER_LIMITS {
        let Some(text) = environment.get(variable) else { continue };
        let written = format!("{text} {}/{}", meter.as_str(), window.as_str());
        let limit: Limit = written.parse().map_err(|e| bad(format!("{variable}: {e}")))?;
        limits.retain(|l| (l.meter, l.window, l.models) != (meter, Some(window), None));
        limits.push(limit);
    }
    let mut names: Vec<String> = limits.iter().map(Limit::name).collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(bad(format!("defaults.user.limits: two limits for {}", twice[0])));
    }
    Ok(limits)
}

fn providers(
    mut written: BTreeMap<String, RawProvider>,
    routes: Vec<RawRoute>,
    environment: &Environment,
    overrides: &Overrides,
) -> Result<Providers, BadConfig> {
    if written.is_empty() {
        let set = |known: &&Known| environment.get(known.variable).is_some();
        for known in KNOWN.iter().filter(set) {
            written.insert(known.name.to_owned(), RawProvider::default());
        }
    }
    for (name, _) in &overrides.upstreams {
        if known(name).is_none() && !written.contains_key(name) {
            return Err(unknown_upstream(name, &written));
        }
        written.entry(name.clone()).or_default();
    }
    let mut providers: Vec<Provider> = Vec::new();
    for (name, raw) in written {
        let upstream = overrides.upstreams.iter().rfind(|(n, _)| *n == name).map(|(_, url)| url);
        providers.push(provider(name, raw, upstream, environment)?);
    }
    credentials::each_once(&providers)?;
    let routes = pools::routes(routes, &providers)?;
    Ok(Providers::new(providers, routes))
}

fn unknown_upstream(name: &str, written: &BTreeMap<String, RawProvider>) -> BadConfig {
    let names = KNOWN.iter().map(|known| known.name).chain(written.keys().map(String::as_str));
    let near = names
        .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    bad(format!(
        "--upstream {name}: there is no provider `{name}`; did you mean `{}`? A provider of your \
         own is written as [providers.{name}] in the file",
        near.unwrap_or("openai")
    ))
}

fn provider(
    name: String,
    raw: RawProvider,
    upstream: Option<&String>,
    environment: &Environment,
) -> Result<Provider, BadConfig> {
    if name.parse::<crate::ids::Id>().is_err() || name == "v1" {
        return Err(bad(format!("providers.{name}: not usable as a name")));
    }
    let known = known(&name);
    let dialect = match &raw.dialect {
        None => known.map(|k| k.dialect).unwrap_or_default(),
        Some(text) => Dialect::of_name(text).ok_or_else(|| {
            let names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
            let names = names.join(", ");
            bad(format!("providers.{name}.dialect = \"{text}\": not one of {names}"))
        })?,
    };
    let base_url = upstream
        .cloned()
        .or(raw.base_url.clone())
        .or_else(|| known.map(|k| k.base_url.to_owned()))
        .ok_or_else(|| bad(format!("providers.{name}: base_url is missing")))?;
    let credentials = if raw.credentials.is_empty() {
        let set = known.and_then(|k| environment.get(k.variable));
        let named = |key: &str| Credential::new(format!("{name}-main"), key.into());
        set.map(named).into_iter().collect()
    } else {
        let read = |raw| credentials::key(&name, raw, environment);
        raw.credentials.iter().map(read).collect::<Result<Vec<_>, _>>()?
    };
    let base_url = usable_url(&name, &base_url)?;
    let policy = pools::policy(&name, &raw, dialect)?;
    let cancel_stops_billing = raw.cancel_stops_billing.or(known.map(|k| k.cancel_stops_billing));
    let provider = Provider::new(name, dialect, base_url, credentials);
    Ok(Provider {
        policy,
        cancel_stops_billing: cancel_stops_billing.unwrap_or(provider.cancel_stops_billing),
        ..provider
    })
}

fn usable_url(name: &str, url: &str) -> Result<String, BadConfig> {
    let parsed: Option<http::Uri> = url.parse().ok();
    let fits = parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    });
    if !fits || url.contains('@') {
        return Err(bad(format!(
            "providers.{name}.base_url is not an http:// or https:// address without user and query"
        )));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// How many users have series of their own.
fn per_user(users: u64) -> Result<usize, BadConfig> {
    let fits = usize::try_from(users).ok().filter(|users| *users <= 100);
    fits.ok_or_else(|| bad(format!("metrics.per_user = {users}: at most 100")))
}

/// For how many days the history is kept; the variable of older deployments goes before the file.
fn retention(raw: &RawHistory, environment: &Environment) -> Result<i64, BadConfig> {
    let (place, written) = match environment.get(OLDER_RETENTION) {
        Some(text) => (OLDER_RETENTION, text.to_owned()),
        None => ("history.retention_days", raw.retention_days.unwrap_or(30).to_string()),
    };
    let days = written.parse().ok().filter(|days| (1..=3650).contains(days));
    days.ok_or_else(|| bad(format!("{place} = {written}: from 1 to 3650 days")))
}

/// For how long sums are kept: each for at least one of its periods, and none of the finer ones for
/// longer than the coarser ones.
fn sums(raw: &RawHistory) -> Result<Kept, BadConfig> {
    let read = |name: &str, written: Option<u64>, default: i64, unit: &str, ms: i64, most: i64| {
        let n = written.map_or(default, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let fits = (1..=most).contains(&n).then(|| n.saturating_mul(ms));
        fits.ok_or_else(|| bad(format!("history.{name} = {n}: from 1 to {most} {unit}")))
    };
    let kept = Kept {
        minutes: read("minute_sums_hours", raw.minute_sums_hours, 48, "hours", HOUR_MS, 240)?,
        hours: read("hour_sums_days", raw.hour_sums_days, 90, "days", DAY_MS, 800)?,
        days: read("day_sums_days", raw.day_sums_days, 730, "days", DAY_MS, 3650)?,
    };
    let longer = |finer: &str, coarser: &str| {
        let way = "keep the longer periods for at least as long";
        Err(bad(format!("history.{finer} is longer than history.{coarser}; {way}")))
    };
    if kept.minutes > kept.hours {
        return longer("minute_sums_hours", "hour_sums_days");
    }
    if kept.hours > kept.days {
        return longer("hour_sums_days", "day_sums_days");
    }
    Ok(kept)
}

fn server(raw: &RawServer) -> Result<ServerBounds, BadConfig> {
    let seconds = |name: &str, written: Option<u64>, default: u64| {
        let n = written.unwrap_or(default);
        match (1..=86_400).contains(&n) {
            true => Ok(Duration::from_secs(n)),
            false => Err(bad(format!("server.{name} = {n}: from 1 to 86400 seconds"))),
        }
    };
    let bytes = |name: &str, written: Option<u64>, default: u64| {
        let n = written.unwrap_or(default);
        match (1024..=(16 << 30)).contains(&n) {
            true => Ok(n),
            false => Err(bad(format!("server.{name} = {n}: from 1024 bytes to 16 GiB"))),
        }
    };
    let connections = raw.max_connections.unwrap_or(20_000);
    if !(1..=1_000_000).contains(&connections) {
        return Err(bad(format!("server.max_connections = {connections}: from 1 to 1000000")));
    }
    Ok(ServerBounds {
        json_bytes: bytes("max_json_bytes", raw.max_json_bytes, 32 << 20)?,
        upload_bytes: bytes("max_upload_bytes", raw.max_upload_bytes, 512 << 20)?,
        handshake: seconds("handshake_seconds", raw.handshake_seconds, 10)?,
        header: seconds("header_seconds", raw.header_seconds, 30)?,
        body: seconds("body_seconds", raw.body_seconds, 30)?,
        write_stall: seconds("write_seconds", raw.write_seconds, 60)?,
        connect: seconds("connect_seconds", raw.connect_seconds, 10)?,
        first_byte: seconds("first_byte_seconds", raw.first_byte_seconds, 600)?,
        answer: seconds("answer_seconds", raw.answer_seconds, 300)?,
        stop: seconds("stop_seconds", raw.stop_seconds, 300)?,
        connections: usize::try_from(connections).unwrap_or(usize::MAX),
    })
}

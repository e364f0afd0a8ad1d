//! The proxy that runs with this configuration: is there one, is it ready, does it take the token,
//! and what do its metrics complain of.

use super::finding::{Finding, Group};
use super::{admin, alerts};
use crate::cli::client::Client;
use crate::cli::failure::{Exit, Failure};
use crate::cli::scrape::{label, samples, sum};
use crate::clock::Clock;
use crate::config::Config;
use crate::telemetry::names;
use http::StatusCode;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const GROUP: Group = Group::Proxy;
const NO_PROXY: &str = "start it with `farebox serve`, or say where it is: --admin-url";
/// Settlements that are not confirmed; more are a backlog.
const BACKLOG: f64 = 10_000.0;

/// Where the configuration lets operators connect.
pub(super) fn address(config: &Config) -> String {
    let at = config.admin_listen;
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", std::net::SocketAddr::new(ip, at.port()))
}

/// Asks it.
pub(super) async fn check(config: &Config, url: String) -> Result<Vec<Finding>, Failure> {
    let token = admin::token(config);
    let known = token.is_some();
    let client = Client::at(url, token.unwrap_or_default())?;
    let running = match client.text("/livez").await {
        Ok((StatusCode::OK, _)) => GROUP.ok("running", format!("it answers at {}", client.base())),
        Ok((status, _)) => {
            let detail = format!("{} answers {status}: no proxy's admin listener", client.base());
            return Ok(vec![GROUP.failed("running", detail, NO_PROXY)]);
        }
        Err(away) => return Ok(vec![GROUP.warning("running", away.message, NO_PROXY)]),
    };
    let mut findings = vec![running];
    if let Ok((status, text)) = client.text("/readyz?verbose").await {
        findings.push(ready(status, &text));
    }
    if known {
        findings.extend(takes_token(&client).await);
    }
    if let Ok((StatusCode::OK, text)) = client.text("/metrics").await {
        findings.extend(complaints(&text));
        findings.extend(alerts::checked(&text, config, Clock::system().now()));
    }
    if known {
        findings.extend(alerts::watched(&client, config).await);
    }
    Ok(findings)
}

fn ready(status: StatusCode, text: &str) -> Finding {
    if status.is_success() {
        return GROUP.ok("ready", "it is ready");
    }
    let faults: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("[-]")).collect();
    GROUP.failed("ready", format!("it takes no calls: {}", faults.join("; ")), "see its log")
}

async fn takes_token(client: &Client) -> Option<Finding> {
    match client.get("/api/v1/ledger", &[]).await {
        Ok(_) => Some(GROUP.ok("token", "it takes the admin token")),
        Err(failure) if failure.exit == Exit::Auth => {
            let hint = "it was started with another token or data directory";
            Some(GROUP.failed("token", "it does not take this admin token", hint))
        }
        Err(_) => None,
    }
}

/// What its metrics say that somebody should know.
fn complaints(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if sum(text, names::RELOAD_SUCCESS) == Some(0.0) {
        let hint = "`farebox check` says why; it runs with the configuration before";
        findings.push(GROUP.warning("reload", "its last reload failed", hint));
    }
    let unpriced: Vec<&str> = samples(text, names::UNPRICED)
        .filter(|(_, count)| *count > 0.0)
        .filter_map(|(labels, _)| label(labels, "model"))
        .collect();
    if !unpriced.is_empty() {
        let detail = format!("models without a price were called: {}", unpriced.join(", "));
        let hint = "add them to the price table; see `farebox pricing show MODEL`";
        findings.push(GROUP.warning("unpriced", detail, hint));
    }
    if let Some(pending) = sum(text, names::JOURNAL_PENDING).filter(|count| *count > BACKLOG) {
        let detail = format!("{pending} settlements wait for redis");
        findings.push(GROUP.warning("journal", detail, "is redis slow, or away?"));
    }
    if findings.is_empty() {
        findings.push(GROUP.ok("metrics", "its metrics complain of nothing"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn metrics_are_read_for_complaints() {
        let fine = "farebox_config_reload_success 1\nfarebox_journal_pending 3\n";
        assert_eq!(complaints(fine)[0].status, Status::Ok);
        let bad = "farebox_config_reload_success 0\nfarebox_journal_pending 10001\n\
                   farebox_unpriced_requests_total{model=\"gpt-9\"} 2\n";
        let found = complaints(bad);
        let names: Vec<_> = found.iter().map(|one| one.name).collect();
        assert_eq!(names, ["reload", "unpriced", "journal"]);
        assert!(found[1].detail.ends_with("gpt-9"));
        let text = "[+]ledger ok\n[-]providers failed: none\nnot ready\n";
        let found = ready(StatusCode::SERVICE_UNAVAILABLE, text);
        assert!(found.detail.contains("providers failed: none"), "{found:?}");
    }

    #[test]
    fn an_address_that_means_all_is_asked_on_this_machine() {
        let mut config = Config::defaults().unwrap();
        config.admin_listen = "0.0.0.0:9".parse().unwrap();
        assert_eq!(address(&config), "http://127.0.0.1:9");
        config.admin_listen = "[::]:9".parse().unwrap();
        assert_eq!(address(&config), "http://[::1]:9");
    }
}

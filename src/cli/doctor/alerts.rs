//! Alerts of the running proxy: are accounts checked, is there a limit to watch, is there anybody to
//! tell.

use super::finding::{Finding, Group};
use crate::cli::client::Client;
use crate::cli::scrape::sum;
use crate::clock::UnixMs;
use crate::config::Config;
use crate::telemetry::names;
use serde_json::Value;

const GROUP: Group = Group::Alerts;
/// Lists of accounts in which a limit is looked for.
const LISTS: [&str; 3] = ["/api/v1/workspaces", "/api/v1/users", "/api/v1/keys"];
/// So many checks may be missed; a sweep of many accounts takes its time.
const MISSED: f64 = 5.0;

/// Whether accounts are checked, by what `/metrics` says.
pub(super) fn checked(metrics: &str, config: &Config, now: UnixMs) -> Option<Finding> {
    let last = sum(metrics, names::ALERT_CHECK)?;
    let every = config.alerts.check_every.as_secs_f64();
    if last <= 0.0 {
        let hint = "it is begun when the proxy starts; ask again in a moment";
        return Some(GROUP.warning("monitoring", "accounts were not checked yet", hint));
    }
    let now = u32::try_from(now.div_euclid(1000)).map_or(0.0, f64::from);
    let ago = (now - last).max(0.0);
    if ago > every * MISSED + 10.0 {
        let detail = format!("accounts were last checked {ago:.0} s ago, not every {every:.0} s");
        let hint = "its log says why: `alerts were not checked`";
        return Some(GROUP.failed("monitoring", detail, hint));
    }
    Some(GROUP.ok("monitoring", format!("accounts are checked every {every:.0} s")))
}

/// Asks for limits and channels, with the operator's token.
pub(super) async fn watched(client: &Client, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(finding) = limits(client, config).await {
        findings.push(finding);
    }
    if let Ok(listed) = client.get("/api/v1/alert-channels", &[]).await {
        findings.push(channels(entries(&listed).len()));
    }
    findings
}

async fn limits(client: &Client, config: &Config) -> Option<Finding> {
    let limited = |credential: &crate::config::CredentialTerms| !credential.setup.limits.is_empty();
    let mut found = !config.user_limits.is_empty() || config.credentials.iter().any(limited);
    for list in LISTS {
        if !found {
            let listed = client.get(list, &[("limit", Some("200"))]).await.ok()?;
            found = entries(&listed).iter().any(has_limit);
        }
    }
    Some(match found {
        true => GROUP.ok("limits", "there is a limit to watch"),
        false => {
            let hint = "`farebox limits set user:ID 25usd/month`, or [defaults.user] in the file";
            GROUP.warning("limits", "no account has a limit: nothing is refused or told", hint)
        }
    })
}

fn channels(many: usize) -> Finding {
    match many {
        0 => {
            let hint = "`farebox alerts channels create`, or [[alerts.channels]] in the file";
            GROUP.warning("channels", "no channel: alerts are kept and sent to nobody", hint)
        }
        1 => GROUP.ok("channels", "1 channel is told"),
        _ => GROUP.ok("channels", format!("{many} channels are told")),
    }
}

fn entries(listed: &Value) -> &[Value] {
    listed["data"].as_array().map_or(&[], Vec::as_slice)
}

fn has_limit(account: &Value) -> bool {
    account["limits"].as_array().is_some_and(|limits| !limits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_check_that_is_long_ago_is_a_fault() {
        let config = Config::defaults().unwrap();
        let status = |text: &str, now| checked(text, &config, now).map(|found| found.status);
        let text = "farebox_alert_check_time_seconds 1000\n";
        assert_eq!(status(text, 1_060_000), Some(Status::Ok));
        assert_eq!(status(text, 2_000_000), Some(Status::Failed));
        let never = "farebox_alert_check_time_seconds 0\n";
        assert_eq!(status(never, 2_000_000), Some(Status::Warning));
        assert_eq!(status("other 1\n", 2_000_000), None);
    }
}

//! Asks providers whether they accept our credentials, on a route that costs nothing: the list of
//! their models. Only with `--ask`.
//!
//! Invariants: the key stands in a header and nowhere else; every wait has a limit; what the
//! provider writes is not shown, because it may repeat the key.

use super::finding::{Finding, Group};
use super::providers::keyless;
use crate::cli::client::{Http, http_client};
use crate::cli::failure::Failure;
use crate::config::Config;
use crate::dialect::{Dialect, credential};
use crate::provider::{Credential, Provider};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use secrecy::ExposeSecret;
use std::time::Duration;

const GROUP: Group = Group::Providers;
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Anthropic's version of its API.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// One finding for each credential.
pub(super) async fn check(config: &Config) -> Result<Vec<Finding>, Failure> {
    let http = http_client()?;
    let mut findings = Vec::new();
    for provider in config.providers.iter() {
        let Some(path) = list_of_models(provider.dialect) else {
            let detail = format!("{} has no free route to ask on", provider.name);
            findings.push(GROUP.ok("asked", detail));
            continue;
        };
        let nobody = Credential::new("", String::new().into());
        if provider.credentials.is_empty() && keyless(&provider.name) {
            findings.push(one(&http, provider, &nobody, path).await);
        }
        for credential in &provider.credentials {
            findings.push(one(&http, provider, credential, path).await);
        }
    }
    Ok(findings)
}

/// Below the base URL of the provider's SDK.
fn list_of_models(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::OpenAi => Some("/models"),
        Dialect::Anthropic | Dialect::Cohere => Some("/v1/models"),
        Dialect::Gemini => Some("/v1beta/models"),
        Dialect::Ollama => Some("/api/tags"),
        _ => None,
    }
}

async fn one(http: &Http, provider: &Provider, ours: &Credential, path: &str) -> Finding {
    let name = match ours.name.as_str() {
        "" => provider.name.clone(),
        name => format!("{} ({name})", provider.name),
    };
    let Some(request) = request(provider, ours, path) else {
        let detail = format!("{name}: its key or base_url cannot be sent");
        return GROUP.failed("asked", detail, "is there a line break in it?");
    };
    match tokio::time::timeout(TIME_LIMIT, http.request(request)).await {
        Ok(Ok(answer)) => judged(&name, answer.status()),
        Ok(Err(_)) => {
            let detail = format!("{name} cannot be reached at {}", provider.base_url());
            GROUP.failed("asked", detail, "is base_url right, and the network open?")
        }
        Err(_) => {
            let detail = format!("{name} did not answer within {} s", TIME_LIMIT.as_secs());
            GROUP.failed("asked", detail, "is base_url right, and the network open?")
        }
    }
}

fn request(provider: &Provider, ours: &Credential, path: &str) -> Option<Request<Full<Bytes>>> {
    let url = format!("{}{path}", provider.base_url().trim_end_matches('/'));
    let mut request = Request::get(url);
    let secret = ours.secret.expose_secret();
    if !secret.is_empty() {
        let (header, text) = credential(provider.dialect, secret);
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        request = request.header(header, value);
    }
    if provider.dialect == Dialect::Anthropic {
        request = request.header("anthropic-version", ANTHROPIC_VERSION);
    }
    request.body(Full::default()).ok()
}

fn judged(name: &str, status: StatusCode) -> Finding {
    match status.as_u16() {
        200..=299 => GROUP.ok("asked", format!("{name} accepts the credential")),
        401 | 403 => {
            let hint = "is the key right, and not revoked? Providers > keys in its console";
            GROUP.failed("asked", format!("{name} refuses the credential ({status})"), hint)
        }
        429 => {
            let detail = format!("{name} accepts the credential, and limits it now ({status})");
            GROUP.warning("asked", detail, "wait, or look at its quota")
        }
        _ => {
            let detail = format!("{name} answers {status} to a list of its models");
            GROUP.warning("asked", detail, "is base_url what its own SDK would be given?")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_refused_credential_is_a_fault_and_a_limited_one_is_not() {
        let status = |code: u16| judged("p", StatusCode::from_u16(code).unwrap()).status;
        assert_eq!(
            (status(200), status(401), status(403)),
            (Status::Ok, Status::Failed, Status::Failed)
        );
        assert_eq!((status(429), status(404)), (Status::Warning, Status::Warning));
    }
}

//! `[admin]` beside its token: how often principals may ask, how often somebody may be wrong, and
//! which web pages may ask at all.
//!
//! Invariant: there is no wildcard, and `null` is no origin.

use super::BadConfig;
use super::check::bad;
use super::raw::RawAdmin;

/// How the admin plane is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// Requests of a principal in a minute.
    pub requests_per_minute: u32,
    /// Wrong tokens from an address in a minute, and as many failed logins.
    pub auth_failures_per_minute: u32,
    /// Origins of web pages that may ask, such as `https://ops.example.com`, beside its own.
    pub allowed_origins: Vec<String>,
}

impl Default for Protection {
    fn default() -> Self {
        Self { requests_per_minute: 600, auth_failures_per_minute: 10, allowed_origins: Vec::new() }
    }
}

const MOST_ORIGINS: usize = 100;

pub(super) fn protection(raw: &RawAdmin) -> Result<Protection, BadConfig> {
    let default = Protection::default();
    let rate = |name: &str, written: Option<u64>, default: u32| match written.map(u32::try_from) {
        None => Ok(default),
        Some(Ok(n @ 1..=1_000_000)) => Ok(n),
        Some(_) => {
            let n = written.unwrap_or_default();
            Err(bad(format!("admin.{name} = {n}: from 1 to 1000000")))
        }
    };
    let origins = raw.allowed_origins.clone().unwrap_or_default();
    if origins.len() > MOST_ORIGINS {
        let n = origins.len();
        return Err(bad(format!(
            "admin.allowed_origins: {n} are too many: at most {MOST_ORIGINS}"
        )));
    }
    if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
        return Err(bad(format!(
            "admin.allowed_origins: \"{wrong}\" is not an origin: write what browsers send, such as \
             https://ops.example.com or http://localhost:3000, without a path; there is no wildcard"
        )));
    }
    Ok(Protection {
        requests_per_minute: rate(
            "requests_per_minute",
            raw.requests_per_minute,
            default.requests_per_minute,
        )?,
        auth_failures_per_minute: rate(
            "auth_failures_per_minute",
            raw.auth_failures_per_minute,
            default.auth_failures_per_minute,
        )?,
        allowed_origins: origins,
    })
}

/// A scheme, a host and perhaps a port, in the form in which browsers send it.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let (Some(scheme), Some(place)) = (uri.scheme_str(), uri.authority()) else { return false };
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let lower = !text.bytes().any(|b| b.is_ascii_uppercase() || matches!(b, b'*' | b'@'));
    let named = !place.host().is_empty() && place.port_u16() != Some(usual);
    lower && named && text == format!("{scheme}://{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(origins: &[&str], requests: Option<u64>) -> Result<Protection, String> {
        let raw = RawAdmin {
            allowed_origins: Some(origins.iter().map(|&text| text.to_owned()).collect()),
            requests_per_minute: requests,
            ..RawAdmin::default()
        };
        protection(&raw).map_err(|bad| bad.to_string())
    }

    #[test]
    fn r056_only_what_browsers_send_is_an_origin() {
        for good in ["https://ops.example.com", "http://localhost:3000", "http://[::1]:8081"] {
            assert_eq!(read(&[good], None).unwrap().allowed_origins, [good]);
        }
        for wrong in [
            "*",
            "null",
            "",
            "ops.example.com",
            "https://",
            "https://ops.example.com/",
            "https://Ops.example.com",
            "https://*.example.com",
            "file:///x",
            "https://a@b.example",
            "https://ops.example.com:443",
            "http://a.example/path",
        ] {
            let said = read(&["https://ops.example.com", wrong], None).unwrap_err();
            assert!(said.contains(&format!("\"{wrong}\"")), "{said}");
        }
    }

    #[test]
    fn rates_have_bounds() {
        assert_eq!(read(&[], Some(1)).unwrap().requests_per_minute, 1);
        for wrong in [0, 1_000_001, u64::MAX] {
            let said = read(&[], Some(wrong)).unwrap_err();
            assert!(said.contains(&format!("requests_per_minute = {wrong}")), "{said}");
        }
    }
}

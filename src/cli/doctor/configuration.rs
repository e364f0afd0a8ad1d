//! The configuration's file, its price table and its certificate.

use super::finding::{Finding, Group};
use crate::app;
use crate::clock::{Clock, UnixMs, rfc3339_seconds};
use crate::config::Config;
use crate::pricing::PriceTable;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use x509_parser::prelude::{FromDer, X509Certificate};

const GROUP: Group = Group::Configuration;
/// The file that is read where none is named.
const DEFAULT_FILE: &str = "farebox.toml";
const DAY_MS: i64 = 86_400_000;
/// How early an end is told of; what renews certificates does so at thirty days.
const SOON_DAYS: i64 = 21;
/// Keys of the file whose values are secrets.
const SECRETS: [&str; 5] = ["api_key", "token", "password", "secret", "auth_token"];

/// The file that was read: the named one, else the default one if it is there.
pub(super) fn file(named: Option<&PathBuf>) -> Finding {
    let path = named.map_or(Path::new(DEFAULT_FILE), PathBuf::as_path);
    let Ok(text) = std::fs::read_to_string(path) else {
        return GROUP.ok("file", "there is no file; defaults, environment and flags are in force");
    };
    let name = path.display();
    let mode = std::fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    let holds = toml::from_str::<toml::Table>(&text).is_ok_and(|table| holds_secret(&table));
    if holds && mode & 0o077 != 0 {
        let detail =
            format!("{name} holds a secret, and others may read it (mode {:o})", mode & 0o777);
        let hint = format!("chmod 600 {name}, or write ${{VARIABLE}} or a file in place of it");
        return GROUP.warning("file", detail, hint);
    }
    GROUP.ok("file", format!("{name} can be used"))
}

/// Whether a secret stands in it as text, and not as `${VARIABLE}`.
fn holds_secret(table: &toml::Table) -> bool {
    table.iter().any(|(key, value)| match value {
        toml::Value::String(text) => {
            let secret =
                SECRETS.contains(&key.as_str()) || (key == "redis_url" && text.contains('@'));
            secret && !text.contains("${") && !text.is_empty()
        }
        toml::Value::Table(inner) => holds_secret(inner),
        toml::Value::Array(list) => list.iter().filter_map(toml::Value::as_table).any(holds_secret),
        _ => false,
    })
}

/// The price table, and whether it knows the models that routes name in full.
pub(super) fn prices(config: &Config) -> Vec<Finding> {
    let table = match app::price_table(config) {
        Ok(table) => table,
        Err(why) => {
            return vec![GROUP.failed("prices", why.to_string(), "see `farebox pricing check`")];
        }
    };
    let (models, version) = (table.models().len(), table.version());
    let mut findings =
        vec![GROUP.ok("prices", format!("{models} models have a price ({version})"))];
    let missing = unpriced(config, &table);
    if !missing.is_empty() {
        let detail = format!("routes name models without a price: {}", missing.join(", "));
        let hint = "their calls are treated as enforcement.unpriced_model says; add prices, see \
                    `farebox pricing show MODEL`";
        findings.push(GROUP.warning("coverage", detail, hint));
    }
    findings
}

fn unpriced(config: &Config, table: &PriceTable) -> Vec<String> {
    let routes = config.providers.routes().iter();
    let named = routes.flat_map(|route| route.models.iter().map(|model| (&route.provider, model)));
    let whole = named.filter(|(_, model)| !model.contains(['*', '?', '[', '{']));
    let missing = whole.filter(|(provider, model)| table.find(Some(provider), model).is_none());
    missing.map(|(_, model)| model.clone()).collect()
}

/// The certificate, and when it ends.
pub(super) fn tls(config: &Config) -> Option<Finding> {
    let (cert, _) = config.tls.as_ref()?;
    if let Err(why) = app::tls(config) {
        return Some(GROUP.failed("tls", why.to_string(), "see [tls] cert and key"));
    }
    let ends = CertificateDer::from_pem_file(cert).ok().and_then(|der| end(&der));
    Some(match ends {
        Some(ends) => lasting(cert, ends, Clock::system().now()),
        None => {
            let detail = format!("{} does not say when it ends", cert.display());
            GROUP.warning("tls", detail, "is it a certificate of X.509 version 3?")
        }
    })
}

/// When a certificate ends.
fn end(der: &[u8]) -> Option<UnixMs> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    certificate.validity().not_after.timestamp().checked_mul(1_000)
}

fn lasting(cert: &Path, ends: UnixMs, now: UnixMs) -> Finding {
    let (name, at) = (cert.display(), rfc3339_seconds(ends));
    let days = ends.saturating_sub(now).div_euclid(DAY_MS);
    let hint = "renew it: the files are read again when they change, without a restart";
    match days {
        ..0 => GROUP.failed("tls", format!("{name} ended at {at}"), hint),
        0..SOON_DAYS => GROUP.warning("tls", format!("{name} ends in {days} days, at {at}"), hint),
        _ => GROUP.ok("tls", format!("{name} is good for {days} days")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn secrets_in_a_file_are_seen_and_references_are_not() {
        let holds = |text: &str| holds_secret(&toml::from_str(text).unwrap());
        assert!(holds("[admin]\ntoken = 'abc'"));
        assert!(holds("[[providers.openai.credentials]]\nname = 'a'\napi_key = 'sk-1'"));
        assert!(holds("[ledger]\nredis_url = 'redis://u:p@h'"));
        for text in ["[admin]\ntoken = '${T}'", "[ledger]\nredis_url = 'redis://h'", "listen = 'x'"]
        {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_told_in_time() {
        let at = |ends: i64| lasting(Path::new("c.pem"), ends * DAY_MS, 100 * DAY_MS).status;
        assert_eq!((at(99), at(100), at(120)), (Status::Failed, Status::Warning, Status::Warning));
        assert_eq!(at(121), Status::Ok);
        let made = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).unwrap();
        assert!(end(made.cert.der()).unwrap() > Clock::system().now());
    }
}

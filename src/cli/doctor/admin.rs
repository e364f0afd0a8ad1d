//! The operator's token, and who can reach the listeners.

use super::finding::{Finding, Group};
use crate::app;
use crate::config::Config;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

const GROUP: Group = Group::Admin;
/// A token of fewer characters, or of fewer different ones, is weak.
const LENGTH: usize = 24;
const DIFFERENT: usize = 10;

/// The token in force: the configured one, else the one in the data directory.
pub(super) fn token(config: &Config) -> Option<SecretString> {
    config.admin_token.clone().or_else(|| {
        let text = std::fs::read_to_string(app::token_file(&config.data_dir)).ok()?;
        Some(text.trim().to_owned().into()).filter(|_| !text.trim().is_empty())
    })
}

/// Whether the token is strong and its file closed, and whether listeners are open to others.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![strength(config)];
    if config.admin_token.is_none() {
        findings.extend(file(config));
    }
    let listeners = [("listen", config.listen), ("admin_listen", config.admin_listen)];
    findings.extend(listeners.map(|(name, at)| reach(name, at, config.tls.is_some())));
    findings
}

fn strength(config: &Config) -> Finding {
    let Some(token) = token(config) else {
        return GROUP.ok("token", "there is no admin token yet; the first start makes one");
    };
    let text = token.expose_secret();
    let different: BTreeSet<char> = text.chars().collect();
    if text.chars().count() < LENGTH || different.len() < DIFFERENT {
        let hint = "choose one at random: openssl rand -base64 32";
        return GROUP.warning("token", "the admin token is easy to guess", hint);
    }
    GROUP.ok("token", "the admin token is strong")
}

/// The mode of the token's file.
fn file(config: &Config) -> Option<Finding> {
    let path = app::token_file(&config.data_dir);
    let mode = std::fs::metadata(&path).ok()?.permissions().mode() & 0o777;
    let name = path.display();
    if mode & 0o077 != 0 {
        let detail = format!("others may read {name} (mode {mode:o})");
        let hint = format!("chmod 600 {name}, then delete it and restart to get a new token");
        return Some(GROUP.failed("token_file", detail, hint));
    }
    Some(GROUP.ok("token_file", format!("only its owner may read {name}")))
}

fn reach(name: &'static str, at: SocketAddr, tls: bool) -> Finding {
    if at.ip().is_loopback() {
        return GROUP.ok(name, format!("{name} {at} is open to this machine only"));
    }
    if tls {
        return GROUP.ok(name, format!("{name} {at} speaks TLS"));
    }
    let hint = "set [tls], or let a proxy that ends TLS stand in front of it";
    GROUP.warning(name, format!("{name} {at} is open to others, and keys travel unencrypted"), hint)
}

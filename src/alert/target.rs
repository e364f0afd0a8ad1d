//! The address of a hook, as it was written. Its path is a secret: whoever knows a Slack hook can
//! post to it.
//!
//! Invariant: host and port are what is connected to; no second reader of the text can understand
//! it otherwise. So a host has plain characters only, and one that looks like a number is an
//! address in its usual form or refused (`0x7f.1`, `2130706433`).

use super::address::Allowed;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest URL and the longest host.
const URL_BYTES: usize = 2048;
const HOST_BYTES: usize = 253;

/// Where something is posted: `https://HOST[:PORT]/PATH?QUERY`.
#[derive(Clone)]
pub struct Target {
    secure: bool,
    host: String,
    port: u16,
    path: SecretString,
}

/// Without the path.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.origin() == other.origin() && self.path() == other.path()
    }
}

impl Eq for Target {}

impl Target {
    /// Reads a URL. An error says what is wrong and does not repeat the text.
    pub(super) fn read(text: &str, allowed: &Allowed) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_graphic() && !b"\\#\"<>^`{|}".contains(&b);
        if text.is_empty() || text.len() > URL_BYTES || !text.bytes().all(plain) {
            return Err(format!(
                "it is not a URL: 1 to {URL_BYTES} characters without spaces, such as \
                 https://hooks.example.com/path"
            ));
        }
        let (secure, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return Err("it does not begin with https:// or http://".to_owned()),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err("it has a user name or password before its host; leave that out".to_owned());
        }
        let (name, port) = split(authority)?;
        let port = match port {
            None => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| "its port is not a number from 1 to 65535".to_owned())?,
        };
        let name = host(name, allowed)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if path.parse::<http::uri::PathAndQuery>().is_err() {
            return Err("its path has characters that no path has".to_owned());
        }
        Ok(Self { secure, host: name, port, path: path.into() })
    }

    /// Whether it is `https`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// A name or an address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query.
    pub(super) fn path(&self) -> &str {
        self.path.expose_secret()
    }

    /// The same host with another path.
    #[must_use]
    pub(super) fn at(&self, path: String) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    /// The host as it stands in a URL and in the `Host` header.
    pub(super) fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// `https://hooks.slack.com`.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// What may be shown: `https://hooks.slack.com/***`.
    pub(super) fn shown(&self) -> String {
        let hidden = if self.path() == "/" { "/" } else { "/***" };
        format!("{}{hidden}", self.origin())
    }
}

/// Host and port of an authority.
fn split(authority: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (six, port) = rest.split_once(']').ok_or("its host lacks a `]`")?;
        six.parse::<Ipv6Addr>().map_err(|_| "its host is not an address of IPv6".to_owned())?;
        return match port {
            "" => Ok((six, None)),
            port => Ok((six, Some(port.strip_prefix(':').ok_or("its port lacks a `:`")?))),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            Err("an address of IPv6 stands in brackets: https://[2001:db8::1]/".to_owned())
        }
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

/// A host's name or its address, if it may be connected to; of a name that shows later.
pub(super) fn host(text: &str, allowed: &Allowed) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if let Ok(address) = name.parse::<IpAddr>() {
        return match allowed.permits(address) {
            true => Ok(address.to_string()),
            false => Err(Allowed::refusal(address)),
        };
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let labels = |name: &str| name.split('.').all(|label| (1..=63).contains(&label.len()));
    if name.len() > HOST_BYTES || !name.bytes().all(plain) || !labels(name) {
        return Err("its host is neither a name such as hooks.example.com nor an address; names \
                    with other letters are written in their xn-- form"
            .to_owned());
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.starts_with(|c: char| c.is_ascii_digit())
        && (last.bytes().all(|b| b.is_ascii_digit())
            || last.strip_prefix("0x").or(last.strip_prefix("0X")).is_some());
    if numeric && name.parse::<Ipv4Addr>().is_err() {
        return Err("its host looks like an address and is none: write four numbers, such as \
                    192.0.2.7"
            .to_owned());
    }
    Ok(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Target, String> {
        Target::read(text, &Allowed::default())
    }

    #[test]
    fn a_url_is_read_as_it_is_written() {
        let target = read("https://Hooks.Slack.com/services/T0/B0/x?y=1").unwrap();
        assert!(target.is_secure());
        assert_eq!((target.host(), target.port()), ("hooks.slack.com", 443));
        assert_eq!(target.path(), "/services/T0/B0/x?y=1");
        assert_eq!(target.shown(), "https://hooks.slack.com/***");
        assert!(!format!("{target:?}").contains("services"));
        let target = read("http://[2606:4700::1111]:8080?q").unwrap();
        assert_eq!((target.host(), target.port()), ("2606:4700::1111", 8080));
        assert_eq!(target.authority(), "[2606:4700::1111]:8080");
        assert_eq!(target.path(), "/?q");
        assert_eq!(read("https://example.com.").unwrap().host(), "example.com");
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (text, why) in [
            ("", "not a URL"),
            ("ftp://example.com/", "https://"),
            ("https:/example.com/", "https://"),
            ("https://user:pass@example.com/", "user name"),
            ("https://example.com\\@127.0.0.1/", "not a URL"),
            ("https://example.com#@127.0.0.1/", "not a URL"),
            ("https://example.com /", "not a URL"),
            ("https://ex\u{e4}mple.com/", "not a URL"),
            ("https://example.com:0/", "port"),
            ("https://example.com:65536/", "port"),
            ("https://example.com:80:80/", "brackets"),
            ("https://[::1/", "]"),
            ("https://[fe80::1%25lo]/", "IPv6"),
            ("https:///path", "host"),
            ("https://a..b/", "host"),
            ("https://%31%32%37.0.0.1/", "host"),
            ("https://2130706433/", "looks like an address"),
            ("https://0x7f000001/", "looks like an address"),
            ("https://127.1/", "looks like an address"),
            ("https://0177.0.0.1/", "looks like an address"),
            ("https://127.0.0.0x1/", "looks like an address"),
            ("https://127.0.0.1/secret", "allow_private"),
            ("https://127.0.0.1./secret", "allow_private"),
            ("https://[::1]/secret", "allow_private"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("secret") && !error.contains("pass@"), "{error}");
        }
    }
}

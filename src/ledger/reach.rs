//! From where a key may be used, and on which routes. Pure.
//!
//! Invariant: a text that makes no sense is refused with its own words; nothing is guessed.

use crate::limit::glob_matches;
use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest route.
const ROUTE_BYTES: usize = 200;

/// IPv4 addresses as IPv6 writes them share so many bits.
const MAPPED_BITS: u8 = 96;

/// From where a key may be used, and on which routes. By default from anywhere on all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reach {
    /// Networks of its callers; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Network>,
    /// Paths that it may call; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// Addresses with the same beginning, or a single one: `10.0.0.0/8`, `2001:db8::7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// A glob of paths: `/v1/chat/*`. `*` is any text, slashes included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Route(String);

/// A text that is no network, or no route; it says which text and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadReach(String);

impl fmt::Display for BadReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadReach {}

impl Reach {
    /// Whether a caller at this address may use the key. One whose address is not known may only
    /// where anybody may.
    pub fn includes(&self, address: Option<IpAddr>) -> bool {
        self.addresses.is_empty() || address.is_some_and(|at| self.has(at))
    }

    /// Whether the key may call a path.
    pub fn allows(&self, path: &str) -> bool {
        self.routes.is_empty() || self.routes.iter().any(|route| glob_matches(&route.0, path))
    }

    fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|network| network.contains(address))
    }
}

impl Network {
    /// Whether an address lies in it; one of IPv4 that IPv6 writes counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = BadReach;

    fn from_str(text: &str) -> Result<Self, BadReach> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => Some(IpNet::from(address)),
            Err(_) => text.parse::<IpNet>().ok(),
        };
        let network = network.ok_or_else(|| {
            BadReach(format!(
                "`{}` is no address: write one such as 192.0.2.7, or a network such as 10.0.0.0/8 \
                 or 2001:db8::/32",
                shown(text)
            ))
        })?;
        if network.addr() != network.network() {
            let (bits, meant) = (network.prefix_len(), network.trunc());
            let why = format!("`{}` has bits beyond its /{bits}; write {meant}", shown(text));
            return Err(BadReach(why));
        }
        Ok(Self(unmapped(network)))
    }
}

/// IPv4 as IPv4: callers are compared so.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let four = six.addr().to_ipv4_mapped();
    let bits = six.prefix_len().checked_sub(MAPPED_BITS);
    let four = four.zip(bits).and_then(|(four, bits)| Ipv4Net::new(four, bits).ok());
    four.map_or(network, IpNet::V4)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

impl FromStr for Route {
    type Err = BadReach;

    fn from_str(text: &str) -> Result<Self, BadReach> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~:@+=%*".contains(&b);
        let begins = text.starts_with(['/', '*']);
        if begins && text.len() <= ROUTE_BYTES && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(BadReach(format!(
            "`{}` is no route: write a path such as /v1/chat/completions, or a glob such as \
             /v1/chat/*, at most {ROUTE_BYTES} characters and without a query",
            shown(text)
        )))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Network {
    type Error = BadReach;

    fn try_from(text: String) -> Result<Self, BadReach> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl TryFrom<String> for Route {
    type Error = BadReach;

    fn try_from(text: String) -> Result<Self, BadReach> {
        text.parse()
    }
}

impl From<Route> for String {
    fn from(route: Route) -> Self {
        route.0
    }
}

/// A text as it may be shown.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_are_written() {
        for text in ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        for (text, meant) in [("192.0.2.7/32", "192.0.2.7"), ("::ffff:10.0.0.0/104", "10.0.0.0/8")]
        {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), meant);
        }
        for bad in ["", " 10.0.0.1", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8", "::/129", "a", "1"]
        {
            let why = bad.parse::<Network>().unwrap_err().to_string();
            assert!(why.contains(&format!("`{bad}`")), "{why}");
        }
    }

    #[test]
    fn a_caller_is_compared_by_its_address_whatever_family_carries_it() {
        let reach = |texts: &[&str]| Reach {
            addresses: texts.iter().map(|text| text.parse().unwrap()).collect(),
            routes: Vec::new(),
        };
        for (texts, address, fits) in [
            (&["10.0.0.0/8"][..], "10.255.0.1", true),
            (&["10.0.0.0/8"], "11.0.0.1", false),
            (&["10.0.0.0/8"], "::ffff:10.1.1.1", true),
            (&["::ffff:10.0.0.0/104"], "10.1.1.1", true),
            (&["10.0.0.0/8", "2001:db8::/32"], "2001:db8:1::1", true),
            (&["::/0"], "10.0.0.1", false),
            (&[], "10.0.0.1", true),
        ] {
            let address = Some(address.parse().unwrap());
            assert_eq!(reach(texts).includes(address), fits, "{texts:?} {address:?}");
        }
        assert!(reach(&[]).includes(None) && !reach(&["0.0.0.0/0"]).includes(None));
    }

    #[test]
    fn routes_match_whole_paths() {
        let reach =
            |route: &str| Reach { addresses: Vec::new(), routes: vec![route.parse().unwrap()] };
        for (route, path, fits) in [
            ("/v1/chat/*", "/v1/chat/completions", true),
            ("/v1/chat/*", "/groq/v1/chat/completions", false),
            ("*/chat/completions", "/groq/v1/chat/completions", true),
            ("/v1/embeddings", "/v1/embeddings", true),
            ("/v1/embeddings", "/v1/embeddings/x", false),
            ("/v1/models/*:generateContent", "/v1/models/gemini:generateContent", true),
        ] {
            assert_eq!(reach(route).allows(path), fits, "{route} {path}");
        }
        for bad in ["", "v1", "/a b", "/a,b", "/a?b", "/ä", &"/".repeat(201)] {
            assert!(bad.parse::<Route>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_stored_without_them_reaches_everywhere() {
        let reach: Reach = serde_json::from_str("{}").unwrap();
        assert_eq!(reach, Reach::default());
        assert_eq!(serde_json::to_string(&reach).unwrap(), "{}");
        let text = r#"{"addresses":["10.0.0.0/8"],"routes":["/v1/*"]}"#;
        let reach: Reach = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&reach).unwrap(), text);
        assert!(serde_json::from_str::<Reach>(r#"{"addresses":["10.0.0.0/33"]}"#).is_err());
    }
}

//! The keys of a channel as they were written, in TOML or in JSON: read by the same code.
//!
//! Invariant: an error names the key and says what is wrong; a value is shown where it cannot be a
//! secret, and nowhere else.

use super::address::Allowed;
use super::target::{Target, host};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// The longest text of a key.
const TEXT_BYTES: usize = 2048;

/// What is wrong with a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadChannel {
    /// The key; empty: the channel as a whole.
    pub key: String,
    /// What is wrong with it, and the way out.
    pub detail: String,
}

impl fmt::Display for BadChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.detail),
            key => write!(f, "{key}: {}", self.detail),
        }
    }
}

impl std::error::Error for BadChannel {}

pub(super) fn bad(key: &str, detail: impl Into<String>) -> BadChannel {
    BadChannel { key: key.to_owned(), detail: detail.into() }
}

/// The keys of one channel.
pub(super) struct Keys<'a> {
    map: &'a Map<String, Value>,
    allowed: &'a Allowed,
}

impl<'a> Keys<'a> {
    /// The keys, none of which may be unknown.
    pub(super) fn of(
        map: &'a Map<String, Value>,
        kind: &str,
        known: &[&str],
        allowed: &'a Allowed,
    ) -> Result<Self, BadChannel> {
        let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(Self { map, allowed });
        };
        let near = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
            .filter(|(distance, _)| *distance <= 3)
            .min();
        let shown: String = unknown.chars().filter(|c| !c.is_control()).take(40).collect();
        let detail = match near {
            Some((_, near)) => format!("unknown key `{shown}`; did you mean `{near}`?"),
            None => format!("unknown key `{shown}`; a {kind} channel has {}", known.join(", ")),
        };
        Err(bad("", detail))
    }

    /// A text; an empty one is none. Not shown where it is something else.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, BadChannel> {
        let text = match self.map.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return Err(bad(key, "it is not a text")),
        };
        if text.len() > TEXT_BYTES || text.contains(char::is_control) {
            let detail = format!("it is not one line of at most {TEXT_BYTES} characters");
            return Err(bad(key, detail));
        }
        Ok(Some(text.as_str()).filter(|text| !text.is_empty()))
    }

    /// A text that must be there.
    pub(super) fn needed(&self, key: &str) -> Result<&'a str, BadChannel> {
        self.text(key)?.ok_or_else(|| bad(key, "it is missing"))
    }

    /// A secret that goes into a header, a form or a body: printable ASCII.
    pub(super) fn secret(&self, key: &str) -> Result<SecretString, BadChannel> {
        let text = self.needed(key)?;
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(bad(key, "it has spaces or characters that no such secret has"));
        }
        Ok(SecretString::from(text))
    }

    /// What a text stands for; one that stands for nothing is shown.
    pub(super) fn parsed<T: FromStr>(&self, key: &str) -> Result<Option<T>, BadChannel>
    where
        T::Err: fmt::Display,
    {
        let read = |text: &str| text.parse().map_err(|why| bad(key, format!("{why}")));
        self.text(key)?.map(read).transpose()
    }

    /// A URL, whose host may be connected to as far as that shows.
    pub(super) fn url(&self, key: &str) -> Result<Option<Target>, BadChannel> {
        let read = |text: &str| Target::read(text, self.allowed).map_err(|why| bad(key, why));
        self.text(key)?.map(read).transpose()
    }

    /// A URL, or the usual one.
    pub(super) fn url_or(&self, key: &str, usual: &str) -> Result<Target, BadChannel> {
        match self.url(key)? {
            Some(url) => Ok(url),
            None => Target::read(usual, self.allowed).map_err(|why| bad(key, why)),
        }
    }

    /// A host, which may be connected to as far as that shows.
    pub(super) fn host(&self, key: &str) -> Result<String, BadChannel> {
        host(self.needed(key)?, self.allowed).map_err(|why| bad(key, why))
    }

    /// A whole number from 0 to `most`; from a variable it comes as text.
    pub(super) fn number(&self, key: &str, most: u32) -> Result<Option<u32>, BadChannel> {
        let number = match self.map.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()),
        };
        let fits = number.filter(|n| *n <= most).map(Some);
        fits.ok_or_else(|| bad(key, format!("it is not a whole number from 0 to {most}")))
    }

    /// A list of texts; `None` where the key is absent.
    pub(super) fn list(&self, key: &str, most: usize) -> Result<Option<Vec<&'a str>>, BadChannel> {
        let list = match self.map.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect::<Option<Vec<_>>>(),
            Some(_) => None,
        };
        let list = list.ok_or_else(|| bad(key, "it is not a list of texts, such as [\"a\"]"))?;
        if list.iter().any(|text| text.len() > TEXT_BYTES || text.contains(char::is_control)) {
            let detail = format!("an entry is not one line of at most {TEXT_BYTES} characters");
            return Err(bad(key, detail));
        }
        match (1..=most).contains(&list.len()) {
            true => Ok(Some(list)),
            false => Err(bad(key, format!("it has {} entries: 1 to {most}", list.len()))),
        }
    }
}

//! The keys of a channel or a rule as they were written, in TOML or in JSON: read by the same code.
//!
//! Invariant: an error names the key and says what is wrong; a value is shown where it cannot be a
//! secret, and nowhere else.

use super::address::Allowed;
use super::channel::HIDDEN;
use super::target::{Target, host};
use crate::limit::Level;
use crate::money::NanoUsd;
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// The longest text of a key.
const TEXT_BYTES: usize = 2048;

/// All levels.
pub(super) const LEVELS: [Level; 3] = [Level::Warning, Level::Critical, Level::Exceeded];

/// What is wrong with a channel or a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadKey {
    /// The key; empty: all of it.
    pub key: String,
    /// What is wrong with it, and the way out.
    pub detail: String,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.detail),
            key => write!(f, "{key}: {}", self.detail),
        }
    }
}

impl std::error::Error for BadKey {}

pub(super) fn bad(key: &str, detail: impl Into<String>) -> BadKey {
    BadKey { key: key.to_owned(), detail: detail.into() }
}

/// The word that was probably meant.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let far = |known: &&'a str| (strsim::damerau_levenshtein(written, known), *known);
    let near = known.iter().map(far).filter(|(distance, _)| *distance <= 3).min();
    near.map(|(_, known)| known)
}

/// The keys of one channel or rule.
pub(super) struct Keys<'a> {
    map: &'a Map<String, Value>,
    allowed: &'a Allowed,
}

impl<'a> Keys<'a> {
    /// The keys of `what`, a `slack channel`; none of them may be unknown.
    pub(super) fn of(
        map: &'a Map<String, Value>,
        what: &str,
        known: &[&str],
        allowed: &'a Allowed,
    ) -> Result<Self, BadKey> {
        let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(Self { map, allowed });
        };
        let shown: String = unknown.chars().filter(|c| !c.is_control()).take(40).collect();
        let detail = match nearest(unknown, known) {
            Some(near) => format!("unknown key `{shown}`; did you mean `{near}`?"),
            None => format!("unknown key `{shown}`; a {what} has {}", known.join(", ")),
        };
        Err(bad("", detail))
    }

    /// A text; an empty one is none. Not shown where it is something else.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, BadKey> {
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
    pub(super) fn needed(&self, key: &str) -> Result<&'a str, BadKey> {
        self.text(key)?.ok_or_else(|| bad(key, "it is missing"))
    }

    /// A secret that goes into a header, a form or a body: printable ASCII.
    pub(super) fn secret(&self, key: &str) -> Result<SecretString, BadKey> {
        let text = self.needed(key)?;
        if text == HIDDEN {
            return Err(bad(key, "`***` stands for the secret; leave it out to keep that"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(bad(key, "it has spaces or characters that no such secret has"));
        }
        Ok(SecretString::from(text))
    }

    /// What a text stands for; one that stands for nothing is shown.
    pub(super) fn parsed<T: FromStr>(&self, key: &str) -> Result<Option<T>, BadKey>
    where
        T::Err: fmt::Display,
    {
        let read = |text: &str| text.parse().map_err(|why| bad(key, format!("{why}")));
        self.text(key)?.map(read).transpose()
    }

    /// A URL, whose host may be connected to as far as that shows.
    pub(super) fn url(&self, key: &str) -> Result<Option<Target>, BadKey> {
        let read = |text: &str| Target::read(text, self.allowed).map_err(|why| bad(key, why));
        self.text(key)?.map(read).transpose()
    }

    /// A URL, or the usual one.
    pub(super) fn url_or(&self, key: &str, usual: &str) -> Result<Target, BadKey> {
        match self.url(key)? {
            Some(url) => Ok(url),
            None => Target::read(usual, self.allowed).map_err(|why| bad(key, why)),
        }
    }

    /// A host, which may be connected to as far as that shows.
    pub(super) fn host(&self, key: &str) -> Result<String, BadKey> {
        host(self.needed(key)?, self.allowed).map_err(|why| bad(key, why))
    }

    /// A whole number from 0 to `most`; from a variable it comes as text.
    pub(super) fn number(&self, key: &str, most: u32) -> Result<Option<u32>, BadKey> {
        let number = match self.map.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()),
        };
        let fits = number.filter(|n| *n <= most).map(Some);
        fits.ok_or_else(|| bad(key, format!("it is not a whole number from 0 to {most}")))
    }

    /// A list of texts; `None` where the key is absent.
    pub(super) fn list(&self, key: &str, most: usize) -> Result<Option<Vec<&'a str>>, BadKey> {
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

    /// Dollars above zero: `100usd`, `0.5`, or a whole number.
    pub(super) fn dollars(&self, key: &str) -> Result<Option<NanoUsd>, BadKey> {
        let text = match self.map.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        let plain = text.strip_suffix("usd").unwrap_or(&text).trim();
        match plain.parse::<NanoUsd>() {
            Ok(amount) if amount > NanoUsd::ZERO => Ok(Some(amount)),
            _ => {
                let shown: String = text.escape_debug().take(40).collect();
                let detail = format!("`{shown}` is not an amount above 0: write 100usd or 0.5usd");
                Err(bad(key, detail))
            }
        }
    }

    /// Per cent from 1 to a million; `%` may follow.
    pub(super) fn percent(&self, key: &str) -> Result<Option<u32>, BadKey> {
        let number = match self.map.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim_end_matches('%').parse().ok(),
            Some(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()),
        };
        let fits = number.filter(|n| (1..=1_000_000).contains(n)).map(Some);
        fits.ok_or_else(|| bad(key, "it is not a whole number of per cent from 1 to 1000000"))
    }

    /// The level that a word names.
    pub(super) fn level(&self, key: &str, word: &str) -> Result<Level, BadKey> {
        let found = LEVELS.into_iter().find(|level| level.as_str() == word);
        found.ok_or_else(|| {
            let shown: String = word.escape_debug().take(40).collect();
            bad(key, format!("`{shown}` is not one of warning, critical, exceeded"))
        })
    }
}

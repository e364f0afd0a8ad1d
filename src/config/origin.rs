//! Where a setting was said: at a line of the file, in a variable, or on the command line.
//!
//! A complaint about a setting begins with its place, such as `ledger.lease_seconds`. Entries of a
//! list go by their name or their number, from 1.

use super::{BadConfig, Overrides};
use toml::de::{DeTable, DeValue};

/// The file's name and text, and the settings that variables laid over it.
#[derive(Clone, Default)]
pub(super) struct Origin {
    pub(super) name: String,
    pub(super) text: String,
    /// Places, each with its variable.
    pub(super) variables: Vec<(String, String)>,
}

/// Without the text, which may hold secrets.
impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Origin {
    /// The complaint, with where its place was set.
    pub(super) fn locate(&self, bad: BadConfig, overrides: &Overrides) -> BadConfig {
        let BadConfig(message) = bad;
        let is_place = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = message.find(|c| !is_place(c)).unwrap_or(message.len());
        let place = message.get(..end).unwrap_or_default().trim_end_matches('.');
        if let Some(flag) = Self::flag(place, overrides) {
            return BadConfig(format!("{flag}: {message}"));
        }
        if let Some(variable) = self.variable(place) {
            return BadConfig(format!("{variable}: {message}"));
        }
        match self.line(place.split('.')) {
            Some((line, _)) => BadConfig(format!("{}:{line}: {message}", self.name)),
            None => BadConfig(message),
        }
    }

    /// The variable or the line of the file that says what stands at a place.
    pub(super) fn said<'a>(&self, place: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
        let variable = self.variable(&place.clone().collect::<Vec<_>>().join("."));
        let line = || {
            let (line, exact) = self.line(place)?;
            exact.then(|| format!("{}:{line}", self.name))
        };
        variable.map(str::to_owned).or_else(line)
    }

    fn variable(&self, place: &str) -> Option<&str> {
        let (_, variable) = self.variables.iter().rfind(|(p, _)| is_within(place, p))?;
        Some(variable)
    }

    /// The line of a place, or of the innermost table around it that stands in the file; and
    /// whether it is the place itself.
    fn line<'a>(&self, place: impl Iterator<Item = &'a str> + Clone) -> Option<(usize, bool)> {
        let document = DeTable::parse(&self.text).ok()?;
        let mut table = document.get_ref();
        let mut found = None;
        let mut exact = false;
        let mut segments = place;
        while let Some(segment) = segments.next() {
            let Some((key, value)) = table.get_key_value(segment) else {
                exact = false;
                break;
            };
            found = Some(key.span().start);
            exact = segments.clone().next().is_none();
            let inner = match value.get_ref() {
                DeValue::Table(inner) => Some(inner),
                DeValue::Array(list) => {
                    let wanted = segments.next().unwrap_or_default();
                    let numbered =
                        wanted.parse::<usize>().ok().and_then(|n| list.get(n.checked_sub(1)?));
                    let mut tables = list.iter().filter_map(|entry| entry.get_ref().as_table());
                    let named = tables.find(|entry| is_named(entry, wanted));
                    if let (Some(entry), None) = (numbered, named) {
                        found = Some(entry.span().start);
                    }
                    named.or_else(|| numbered?.get_ref().as_table())
                }
                _ => None,
            };
            let Some(inner) = inner else { break };
            table = inner;
        }
        let before = self.text.get(..found?)?;
        Some((before.bytes().filter(|byte| *byte == b'\n').count() + 1, exact))
    }

    /// The flag that decides a setting, if it was given.
    pub(super) fn flag(place: &str, overrides: &Overrides) -> Option<String> {
        let given = match place {
            "listen" => overrides.listen.is_some(),
            "admin_listen" => overrides.admin_listen.is_some(),
            "pricing" => overrides.pricing.is_some(),
            "ledger.redis_url" => overrides.redis.is_some(),
            "ledger.data_dir" => overrides.data_dir.is_some(),
            _ => false,
        };
        let name = place.rsplit('.').next()?.trim_end_matches("_url").replace('_', "-");
        if given {
            return Some(format!("--{name}"));
        }
        let pointed =
            |(provider, _): &&(String, String)| place == format!("providers.{provider}.base_url");
        let upstream = overrides.upstreams.iter().find(pointed);
        upstream.map(|(provider, _)| format!("--upstream {provider}"))
    }
}

fn is_named(entry: &DeTable<'_>, wanted: &str) -> bool {
    entry.get("name").and_then(|name| name.get_ref().as_str()) == Some(wanted)
}

fn is_within(place: &str, outer: &str) -> bool {
    place == outer || place.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}

//! The configuration in force with the origin of each value: a flag, a variable, a line of the
//! file, or the default. Secrets are `***` here as everywhere.
//!
//! Invariant: what is said here to come from somewhere is what `check` took from there.

use super::check::{OLDER_LIMITS, OLDER_RETENTION, TOKEN_VARIABLES};
use super::origin::Origin;
use super::print::key;
use super::snapshots::{OLDER_INTERVAL, OLDER_PERSISTENCE};
use super::{BadConfig, Config, Environment, Overrides};
use crate::provider::known;
use toml::{Table, Value};

/// What a value comes from that nobody set.
const DEFAULT: &str = "default";

/// A configuration whose values know where they come from.
#[derive(Debug, Clone)]
pub struct Annotated(Vec<Setting>);

/// One value of the configuration; a list is one value.
#[derive(Debug, Clone)]
struct Setting {
    place: Vec<String>,
    value: Value,
    origin: String,
}

/// Where values can come from.
pub(super) struct Sources<'a> {
    pub(super) origin: &'a Origin,
    pub(super) environment: &'a Environment,
    pub(super) overrides: &'a Overrides,
}

impl Annotated {
    /// The configuration where nothing is set.
    pub fn defaults() -> Result<Self, BadConfig> {
        let (origin, environment) = (Origin::default(), Environment::default());
        let overrides = Overrides::default();
        let sources = Sources { origin: &origin, environment: &environment, overrides: &overrides };
        Ok(Self::new(Config::defaults()?.printed(), &sources))
    }

    pub(super) fn new(printed: Table, sources: &Sources<'_>) -> Self {
        let mut settings = Vec::new();
        flatten(printed, &[], &mut |place, value| {
            let origin = sources.of(&place);
            settings.push(Setting { place, value, origin });
        });
        Self(settings)
    }

    /// A file that says the same, one value a line, each with its origin as a comment.
    pub fn text(&self) -> String {
        let line = |setting: &Setting| {
            let place: Vec<_> = setting.place.iter().map(|name| key(name)).collect();
            let (place, value) = (place.join("."), &setting.value);
            format!("{place} = {value}  # {}", setting.origin)
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Nested as the file, each value a table of `value` and `origin`.
    pub fn table(&self) -> Table {
        let mut all = Table::new();
        for setting in &self.0 {
            let leaf = Table::from_iter([
                ("value".to_owned(), setting.value.clone()),
                ("origin".to_owned(), setting.origin.as_str().into()),
            ]);
            insert(&mut all, &setting.place, leaf);
        }
        all
    }
}

fn flatten(table: Table, above: &[String], take: &mut impl FnMut(Vec<String>, Value)) {
    for (name, value) in table {
        let place = [above, &[name]].concat();
        match value {
            Value::Table(inner) => flatten(inner, &place, take),
            value => take(place, value),
        }
    }
}

fn insert(table: &mut Table, place: &[String], leaf: Table) {
    match place {
        [] => {}
        [last] => {
            table.insert(last.clone(), leaf.into());
        }
        [first, rest @ ..] => {
            let inner = table.entry(first.clone()).or_insert_with(|| Table::new().into());
            if let Value::Table(inner) = inner {
                insert(inner, rest, leaf);
            }
        }
    }
}

impl Sources<'_> {
    fn of(&self, segments: &[String]) -> String {
        let place = segments.join(".");
        let said = Origin::flag(&place, self.overrides)
            .or_else(|| self.variable(&place))
            .or_else(|| self.origin.said(segments.iter().map(String::as_str)))
            .or_else(|| self.provider_key(&place));
        let said = said.unwrap_or_else(|| DEFAULT.to_owned());
        if place != "defaults.user.limits" {
            return said;
        }
        let set = OLDER_LIMITS.iter().map(|(variable, _, _)| *variable);
        let set = set.filter(|variable| self.environment.get(variable).is_some());
        std::iter::once(said.as_str()).chain(set).collect::<Vec<_>>().join(", ")
    }

    /// Variables with names of their own that go before the file.
    fn variable(&self, place: &str) -> Option<String> {
        let names: &[&str] = match place {
            "admin.token" => &TOKEN_VARIABLES,
            "ledger.data_dir" => &["FAREBOX_DATA_DIR"],
            "history.retention_days" => &[OLDER_RETENTION],
            "history.snapshot_every" => &[OLDER_INTERVAL],
            "history.persistence" => &[OLDER_PERSISTENCE],
            _ => return None,
        };
        let set = names.iter().find(|name| self.environment.get(name).is_some());
        set.map(|name| (*name).to_owned())
    }

    /// The variable that holds a known provider's key, where the file names no credential.
    fn provider_key(&self, place: &str) -> Option<String> {
        let name = place.strip_prefix("providers.")?.strip_suffix(".credentials")?;
        let variable = known(name)?.variable;
        self.environment.get(variable).map(|_| variable.to_owned())
    }
}

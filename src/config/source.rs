//! Where settings come from: the file, then `FAREBOX_*` variables laid over it.

use super::BadConfig;
use super::origin::Origin;
use super::raw::Raw;
use std::collections::BTreeMap;
use std::path::Path;

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "farebox.toml";

/// The largest file that is read.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Variables of ours that are not settings.
const NOT_SETTINGS: [&str; 5] = [
    "FAREBOX_CONFIG",
    "FAREBOX_LOG",
    "FAREBOX_ADMIN_URL",
    "FAREBOX_ADMIN_TOKEN",
    "FAREBOX_DATA_DIR",
];

/// A set of environment variables.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    without_secrets: bool,
}

impl Environment {
    /// The variables of this process; those that are not UTF-8 are passed over.
    pub fn of_process() -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(utf8).collect(), without_secrets: false }
    }

    /// The same for whoever needs no secret: what a configuration refers to (a variable, a file of a
    /// key) may be missing, and is not read.
    #[must_use]
    pub fn without_secrets(self) -> Self {
        Self { without_secrets: true, ..self }
    }

    pub(super) fn has_secrets(&self) -> bool {
        !self.without_secrets
    }

    /// A variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let variables = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { variables, without_secrets: false }
    }
}

/// The file with the environment laid over it, and where each setting was said.
pub(super) fn read(
    path: Option<&Path>,
    environment: &Environment,
) -> Result<(Raw, Origin), BadConfig> {
    let (name, text) = read_file(path)?;
    let raw: Raw = toml::from_str(&text).map_err(|e| in_file(&name, &text, &e))?;
    let is_laid_over = |(name, value): &(&String, &String)| is_setting(name) && !value.is_empty();
    let laid_over: Vec<_> = environment.variables.iter().filter(is_laid_over).collect();
    let variables = laid_over.iter().map(|(name, _)| (place(name), (*name).clone())).collect();
    if laid_over.is_empty() {
        return Ok((raw, Origin { name, text, variables }));
    }
    let mut table: toml::Table = toml::from_str(&text).map_err(|e| in_file(&name, &text, &e))?;
    for (variable, value) in laid_over {
        lay_over(&mut table, variable, value);
        Raw::try_from_table(table.clone())
            .map_err(|e| BadConfig(format!("{variable}: {}", with_suggestion(e.message()))))?;
    }
    let raw = Raw::try_from_table(table).map_err(|e| BadConfig(with_suggestion(e.message())))?;
    Ok((raw, Origin { name, text, variables }))
}

impl Raw {
    fn try_from_table(table: toml::Table) -> Result<Self, toml::de::Error> {
        serde::Deserialize::deserialize(table)
    }
}

fn read_file(path: Option<&Path>) -> Result<(String, String), BadConfig> {
    let named = path.is_some();
    let path = path.unwrap_or(Path::new(DEFAULT_FILE));
    let name = path.display().to_string();
    let bad = |why: String| BadConfig(format!("cannot read {name}: {why}"));
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return Err(bad("it is not a file".to_owned())),
        Ok(meta) if meta.len() > FILE_BYTES => {
            return Err(bad(format!("it has more than {FILE_BYTES} bytes")));
        }
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !named => {
            return Ok((name, String::new()));
        }
        Err(e) => return Err(bad(e.to_string())),
    }
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    Ok((name, text))
}

fn is_setting(variable: &str) -> bool {
    let Some(name) = variable.strip_prefix("FAREBOX_") else { return false };
    // Kubernetes makes such variables of a service that is named farebox.
    let of_service = name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_");
    !of_service && !NOT_SETTINGS.contains(&variable)
}

/// `FAREBOX_LEDGER__REDIS_URL` is `ledger.redis_url`.
fn place(variable: &str) -> String {
    variable.trim_start_matches("FAREBOX_").to_ascii_lowercase().replace("__", ".")
}

/// Sets what a variable says; lists are written as in TOML.
fn lay_over(table: &mut toml::Table, variable: &str, value: &str) {
    let name = place(variable);
    let mut levels: Vec<&str> = name.split('.').collect();
    let Some(last) = levels.pop() else { return };
    let mut at = table;
    for level in levels {
        let entry = at.entry(level).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        match entry {
            toml::Value::Table(inner) => at = inner,
            _ => return,
        }
    }
    at.insert(last.to_owned(), written(value));
}

fn written(value: &str) -> toml::Value {
    if value.starts_with('[')
        && let Ok(mut list) = toml::from_str::<toml::Table>(&format!("v = {value}"))
        && let Some(list) = list.remove("v")
    {
        return list;
    }
    toml::Value::String(value.to_owned())
}

/// `farebox.toml:3: unknown field …`, with the line itself.
fn in_file(name: &str, text: &str, error: &toml::de::Error) -> BadConfig {
    let line = error.span().map_or(1, |span| {
        text.get(..span.start).unwrap_or(text).bytes().filter(|b| *b == b'\n').count() + 1
    });
    let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
    // A line may hold a secret; what is shown of it ends at its value.
    let shown = shown.split('=').next().unwrap_or_default().trim();
    BadConfig(format!("{name}:{line}: {} (at `{shown}`)", with_suggestion(error.message())))
}

/// An unknown name gets the nearest known one. A text where none belongs is not shown: it may be a
/// secret that was written in a wrong place.
fn with_suggestion(message: &str) -> String {
    if let Some((_, expected)) = message.split_once("\", expected ")
        && message.starts_with("invalid type: string")
    {
        return format!("invalid type: a text, expected {expected}");
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let nearest = message.starts_with("unknown ").then(|| {
        let wrong = quoted.next()?;
        quoted
            .map(|known| (strsim::damerau_levenshtein(wrong, known), known))
            .filter(|(distance, _)| *distance <= 3)
            .min()
            .map(|(_, known)| known)
    });
    match nearest.flatten() {
        Some(known) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

//! Patterns of names, as an operator writes them.
//!
//! `*` is any text, slashes too, and `?` is one character. Invariant: a list has at least one.

use globset::{GlobBuilder, GlobSet};
use serde::{Deserialize, Serialize};

/// A list of patterns; a name fits where one of them does.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Globs {
    written: Vec<String>,
    set: GlobSet,
}

impl Globs {
    /// Whether a name fits.
    pub fn fit(&self, name: &str) -> bool {
        self.set.is_match(name)
    }

    /// The patterns.
    pub fn written(&self) -> &[String] {
        &self.written
    }
}

impl TryFrom<Vec<String>> for Globs {
    type Error = String;

    fn try_from(written: Vec<String>) -> Result<Self, String> {
        if written.is_empty() {
            return Err("an empty list fits nothing: leave it out, or write [\"*\"]".to_owned());
        }
        let mut set = GlobSet::builder();
        for text in &written {
            let glob = GlobBuilder::new(text).literal_separator(false).build();
            set.add(glob.map_err(|e| format!("`{text}` is not a pattern: {e}"))?);
        }
        let set = set.build().map_err(|e| format!("not usable as patterns: {e}"))?;
        Ok(Self { written, set })
    }
}

impl From<Globs> for Vec<String> {
    fn from(globs: Globs) -> Self {
        globs.written
    }
}

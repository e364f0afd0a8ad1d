//! The models that a limit counts: a glob after an `@`, as in `5 usd/day @gpt-5*`. Pure.
//!
//! Invariant: the text can stand in the name of a Redis field and in a list of names.

use super::glob::glob_matches;
use std::fmt;
use std::str::FromStr;

const LONGEST: usize = 64;

/// A glob of model names. Its text is kept in place, so that limits stay values that are copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Models {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Models {
    /// The glob.
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// Whether calls of a model count, by the name that the caller gave it.
    pub fn match_model(&self, model: &str) -> bool {
        glob_matches(self.as_str(), model)
    }
}

impl FromStr for Models {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._:/*?@+~-".contains(&b);
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(format!(
                "`@{text}` names no models; write it like @gpt-5* with letters, digits, . _ : / @ + ~ \
                 - and the wildcards * and ?"
            ));
        }
        let mut bytes = [0; LONGEST];
        let Some(place) = bytes.get_mut(..text.len()) else {
            return Err(format!("`@{text}` is longer than {LONGEST} characters"));
        };
        place.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length: text.len() })
    }
}

impl fmt::Display for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_read_as_they_are_written_and_ordered_as_texts() {
        let models = |text: &str| text.parse::<Models>().unwrap();
        let longest = "x".repeat(64);
        for text in ["gpt-5*", "@cf/meta/llama-?", "us.anthropic.claude-4-v1:0", "*", &longest] {
            assert_eq!(models(text).to_string(), text);
        }
        assert!(models("gpt-5*").match_model("gpt-5-mini"));
        assert!(!models("gpt-5*").match_model("gpt-4.1"));
        assert!(models("a") < models("ab") && models("ab") < models("b"));
        for text in ["", "gpt 5", "a,b", "a=b", "ä", "a!b", &"x".repeat(65)] {
            assert!(text.parse::<Models>().unwrap_err().contains(&format!("@{text}")));
        }
    }
}

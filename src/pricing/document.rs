//! A TOML text read into a type, with a complaint that people can act on.
//!
//! A [`Fault`] has a line and one sentence. It never quotes the line itself: the text may hold
//! secrets. An unknown key comes with the key that was probably meant.

use serde::de::DeserializeOwned;
use std::fmt;

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1; `None` where it is not known.
    pub line: Option<usize>,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Fault {}

/// Reads a whole text.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    toml::from_str(text).map_err(|error| fault(&error, Some(text)))
}

/// What a TOML error says, with a suggestion for an unknown key. `text` gives it a line.
pub fn fault(error: &toml::de::Error, text: Option<&str>) -> Fault {
    let line = error.span().and_then(|span| Some(Lines::of(text?).at(span.start)));
    let message = error.message();
    let unknown = message.contains("unknown field") || message.contains("unknown variant");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let meant = match quoted.next() {
        Some(name) if unknown => nearest(name, quoted, 1).pop(),
        _ => None,
    };
    let message = match meant {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message.to_owned(),
    };
    Fault { line, message }
}

/// Where the lines of a text end. Found once, so that a table of many thousand lines is read in
/// time that is linear in its length.
pub struct Lines(Vec<usize>);

impl Lines {
    /// The lines of a text.
    pub fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(offset, _)| offset).collect())
    }

    /// The line, from 1, on which the byte at `offset` stands.
    pub fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|&end| end < offset).saturating_add(1)
    }
}

/// The candidates that look most like `name`, best first, at most `most` of them; none where
/// nothing comes near.
pub fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let mut near: Vec<(f64, &str)> = candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .collect();
    near.sort_by(|(a, x), (b, y)| b.total_cmp(a).then(x.cmp(y)));
    near.dedup_by(|(_, x), (_, y)| x == y);
    near.into_iter().take(most).map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Form {
        listen: String,
        port: Option<u16>,
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read::<Form>(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_fault_has_a_line_and_the_way_out() {
        check(
            "listen = 'x'\nporte = 1",
            "line 2: unknown field `porte`, expected `listen` or `port`; did you mean `port`?",
        );
        check("listen = 'x'\nzzz = 1", "line 2: unknown field `zzz`, expected `listen` or `port`");
        check("listen = 'x'\n\nport = -1", "line 3: invalid value: integer `-1`, expected u16");
        check("listen = 'x'\nport = 1\nport = 2", "line 3: duplicate key");
    }

    #[test]
    fn a_line_ends_with_its_break() {
        let lines = Lines::of("a\n\nbc\n");
        let found: Vec<usize> = (0..7).map(|offset| lines.at(offset)).collect();
        assert_eq!(found, [1, 1, 2, 3, 3, 3, 4]);
    }

    #[test]
    fn a_fault_never_shows_the_line() {
        for text in ["listen = 'sk-secret", "listen = sk-secret", "listen = \"sk-secret"] {
            let fault = read::<Form>(text).unwrap_err().to_string();
            assert!(!fault.contains("secret"), "{fault}");
        }
    }

    #[test]
    fn the_nearest_come_first_and_the_far_not_at_all() {
        let models = ["gpt-5", "gpt-5-mini", "o3", "text-embedding-3-small"];
        assert_eq!(nearest("gpt-5-min", models.into_iter(), 2), ["gpt-5-mini", "gpt-5"]);
        assert!(nearest("claude", models.into_iter(), 3).is_empty());
    }
}

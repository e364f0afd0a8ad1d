//! A pattern of model names: `*` is any text, `?` is one character.
//!
//! Invariant: whether a name fits is decided by the pattern alone; the literal text in it only saves
//! the trouble of trying where it cannot fit.

use globset::{GlobBuilder, GlobMatcher};
use memchr::memmem::Finder;

/// A pattern of a model's names.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    provider: String,
    matcher: GlobMatcher,
    literal: Finder<'static>,
    /// The place of the model in the table.
    pub model: usize,
}

impl Pattern {
    /// A pattern of the model at that place of the table.
    pub fn new(text: String, provider: &str, model: usize) -> Result<Self, String> {
        let glob = GlobBuilder::new(&text).literal_separator(false).build();
        let matcher = glob.map_err(|e| format!("`{text}`: {e}"))?.compile_matcher();
        let literal = Finder::new(literal(&text)).into_owned();
        Ok(Self { provider: provider.to_owned(), matcher, literal, model, text })
    }

    /// The pattern as it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The provider of its model.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Whether it fits the whole name. An ARN is fitted only by a pattern of ARNs: it may name the
    /// model that something customised was made from.
    pub fn fits(&self, name: &str) -> bool {
        let of_arns = name.starts_with("arn:") && !self.text.starts_with("arn:");
        !of_arns && self.literal.find(name.as_bytes()).is_some() && self.matcher.is_match(name)
    }
}

/// The longest text that every fitting name contains.
fn literal(pattern: &str) -> &str {
    if pattern.contains(['[', '{', '\\']) {
        return "";
    }
    pattern.split(['*', '?']).max_by_key(|text| text.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expected: bool) {
        let pattern = Pattern::new(pattern.to_owned(), "p", 0).unwrap();
        assert_eq!(pattern.fits(name), expected, "{} {name}", pattern.text());
    }

    #[test]
    fn fits_whole_names() {
        check("ft:gpt-4o:*", "ft:gpt-4o:acme::1", true);
        check("ft:gpt-4o:*", "ft:gpt-4o-mini:acme::1", false);
        check("*anthropic.claude-3*", "us.anthropic.claude-3-haiku", true);
        check("x/*", "x/y/z", true);
        check("q?", "q7", true);
        check("q?", "q77", false);
        check("*", "", true);
        check("gpt-[45]", "gpt-5", true);
        check("{a,b}-c", "b-c", true);
    }

    #[test]
    fn an_arn_is_fitted_by_a_pattern_of_arns_only() {
        let custom = "arn:aws:bedrock:us-east-1:1:custom-model/anthropic.claude-3-haiku/abc";
        check("*anthropic.claude-3*", custom, false);
        check("arn:*:custom-model/anthropic.claude-3-haiku/*", custom, true);
    }
}

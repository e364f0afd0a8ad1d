//! The true token counts of one simulated answer. Small enough to keep by the million; not what a
//! usage block may claim.

use crate::usage::{Figure, Usage};

/// Token counts; `cached` and `cache_write` are parts of `input`, `reasoning` is part of `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Prompt tokens.
    pub input: u64,
    /// Prompt tokens read from the cache.
    pub cached: u64,
    /// Prompt tokens written to the cache.
    pub cache_write: u64,
    /// Answer tokens.
    pub output: u64,
    /// Answer tokens that were thought and not said.
    pub reasoning: u64,
}

impl Tokens {
    /// The normalised form.
    pub fn usage(self) -> Usage {
        Usage::default()
            .with(Figure::InputTotal, self.input)
            .with(Figure::CachedRead, self.cached)
            .with(Figure::CacheWrite, self.cache_write)
            .with(Figure::OutputTotal, self.output)
            .with(Figure::Reasoning, self.reasoning)
    }

    /// Prompt and answer together.
    pub fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// What was used when `generated` of the answer's `parts` exist. Thought comes before the
    /// first word.
    #[must_use]
    pub fn so_far(self, generated: u64, parts: u64) -> Self {
        if generated == 0 {
            return Self { output: 0, reasoning: 0, ..self };
        }
        if generated >= parts {
            return self;
        }
        let said = self.output.saturating_sub(self.reasoning);
        let said = u128::from(said) * u128::from(generated) / u128::from(parts);
        let said = u64::try_from(said).unwrap_or(u64::MAX);
        Self { output: self.reasoning.saturating_add(said), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_generated_so_far_is_thought_and_a_share_of_the_words() {
        let all = Tokens { input: 7, output: 100, reasoning: 20, ..Tokens::default() };
        for (generated, parts, output, reasoning) in
            [(0, 4, 0, 0), (1, 4, 40, 20), (3, 4, 80, 20), (4, 4, 100, 20), (0, 0, 0, 0)]
        {
            let so_far = all.so_far(generated, parts);
            assert_eq!((so_far.input, so_far.output, so_far.reasoning), (7, output, reasoning));
        }
    }
}

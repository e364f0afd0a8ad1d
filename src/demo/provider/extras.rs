//! The figures of an answer that are not plain token counts: shares of the tokens, and what is
//! billed by another unit. Few answers have any, so a bill keeps them apart from the tokens.

use crate::usage::{Figure, Usage};

/// The figures, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extras(Box<[(Figure, u64)]>);

impl Extras {
    /// Those of the list that are not 0.
    pub(super) fn of(figures: impl IntoIterator<Item = (Figure, u64)>) -> Self {
        Self(figures.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    /// A figure, 0 where there is none.
    pub fn get(&self, figure: Figure) -> u64 {
        self.0.iter().find_map(|(name, count)| (*name == figure).then_some(*count)).unwrap_or(0)
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets them in `usage`.
    pub(super) fn add_to(&self, usage: &mut Usage) {
        for (figure, count) in &self.0 {
            usage.set(*figure, *count);
        }
    }

    /// What was used when `generated` of the answer's `parts` exist: a share of what is part of the
    /// answer, and all of what came before it.
    #[must_use]
    pub(super) fn so_far(&self, generated: u64, parts: u64) -> Self {
        if generated >= parts && generated > 0 {
            return self.clone();
        }
        let share = |count: u64| {
            let share = u128::from(count) * u128::from(generated) / u128::from(parts.max(1));
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        Self::of(self.0.iter().map(|(figure, count)| match figure {
            Figure::AudioOutput | Figure::ImageOutput | Figure::RawOutput => {
                (*figure, share(*count))
            }
            Figure::Images => (*figure, 0),
            _ => (*figure, *count),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_far_is_a_share_of_the_answer_and_all_of_the_question() {
        let figures = [
            (Figure::AudioInput, 8),
            (Figure::AudioOutput, 100),
            (Figure::Images, 1),
            (Figure::Pages, 0),
        ];
        let extras = Extras::of(figures);
        for (generated, parts, audio, images) in
            [(0, 4, 0, 0), (1, 4, 25, 0), (4, 4, 100, 1), (0, 0, 0, 0)]
        {
            let so_far = extras.so_far(generated, parts);
            let found = [Figure::AudioInput, Figure::AudioOutput, Figure::Images, Figure::Pages]
                .map(|figure| so_far.get(figure));
            assert_eq!(found, [8, audio, images, 0], "{generated} of {parts}");
        }
    }
}

//! The text of answers, in the pieces in which a stream sends it. Follows from the seed alone.

/// Words of answers. Some look like what a meter looks for, to show that it reads by path.
const WORDS: [&str; 16] = [
    " budget",
    " meter",
    " Straße",
    " token",
    " 日本語",
    " \"usage\":null,",
    " relay",
    " naïve",
    "\nnew line",
    " [DONE]",
    " ledger",
    " 🚋",
    " data: {\"usage\":{\"prompt_tokens\":999999}}",
    " exact",
    " fare",
    " tab\tstop",
];

/// What pads a text to a wanted length.
const FILLER: &str = "tick tock ";

/// The pieces. `pad`: how many bytes all of them have together.
pub(super) fn text(seed: u32, chunks: u32, pad: Option<usize>) -> Vec<String> {
    let count = usize::try_from(chunks).unwrap_or(0);
    let Some(pad) = pad else {
        return (0..count).map(|i| word(seed, i).to_owned()).collect();
    };
    let share = pad.checked_div(count).unwrap_or(0);
    let rest = pad.checked_rem(count).unwrap_or(0);
    (0..count).map(|i| filler(share + usize::from(i < rest))).collect()
}

/// A number that follows from `i` and looks like chance.
pub(super) fn mix(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX).wrapping_mul(0x9e37_79b1)
}

fn word(seed: u32, i: usize) -> &'static str {
    let at = (seed ^ mix(i)) >> 16;
    WORDS.get(usize::try_from(at).unwrap_or(0) % WORDS.len()).copied().unwrap_or(" ")
}

fn filler(bytes: usize) -> String {
    let mut text = FILLER.repeat(bytes / FILLER.len() + 1);
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_has_the_wanted_length_and_words_repeat_by_seed() {
        assert_eq!(text(1, 7, Some(100)).concat().len(), 100);
        assert_eq!(text(1, 0, Some(100)).len(), 0);
        assert_eq!(text(5, 9, None), text(5, 9, None));
        assert_ne!(text(5, 9, None), text(6 << 16, 9, None));
    }
}

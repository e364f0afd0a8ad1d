//! What the usage block of OpenAI's format amounts to, from whichever provider.

use crate::dialect::answer::{Block, Count, Said, add_writes, sound};
use crate::usage::{Figure, Usage};

/// Whether a block must report an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Output {
    Expected,
    /// Embeddings have none.
    None,
}

/// Puts the figures together.
pub(in crate::dialect) fn read(block: &Block, wanted: Output) -> Said {
    if !block.is_touched() {
        return Said::Nothing;
    }
    if block.flaws() > 0 {
        return Said::Nonsense(block.flaws());
    }
    let cached = block.get(Count::TimingsCached);
    let evaluated = block.get(Count::TimingsInput);
    let all = || Some(evaluated?.saturating_add(cached.unwrap_or(0)));
    let input = block.get(Count::Input).or_else(all);
    let output = block.get(Count::Output).or(block.get(Count::TimingsOutput));
    if input.is_none() && output.is_none() && block.get(Count::Total).is_none() {
        return Said::Nothing;
    }
    let Some((input, output, hidden)) = totals(block, input, output, wanted) else {
        return Said::Nonsense(1);
    };
    let mut usage = block.parts;
    usage.set(Figure::InputTotal, input);
    usage.set(Figure::OutputTotal, output);
    if let Some(hidden) = hidden {
        usage.set(Figure::Reasoning, hidden);
    }
    if let (Some(cached), None) = (cached, usage.get(Figure::CachedRead)) {
        usage.set(Figure::CachedRead, cached);
    }
    add_writes(&mut usage);
    match sound(usage) {
        Said::Usage(usage) => Said::Usage(Box::new(with_painted(block, *usage))),
        nonsense => nonsense,
    }
}

/// Input, output, and reasoning that only the total knows of.
///
/// xAI leaves reasoning out of the output, Gemini's compatible answers leave it out of everything
/// but the total; in both cases the total tells.
fn totals(
    block: &Block,
    input: Option<u64>,
    output: Option<u64>,
    wanted: Output,
) -> Option<(u64, u64, Option<u64>)> {
    let total = block.get(Count::Total);
    if wanted == Output::None {
        return Some((input.or(total)?, output.unwrap_or(0), None));
    }
    let output = output.or_else(|| total?.checked_sub(input?))?;
    let input = input.or_else(|| total?.checked_sub(output))?;
    let reasoning = block.parts.count(Figure::Reasoning);
    let beyond = total.and_then(|total| total.checked_sub(input)?.checked_sub(output));
    Some(match beyond {
        Some(beyond) if beyond > 0 && reasoning == beyond => (input, output + beyond, None),
        Some(beyond) if beyond > 0 && reasoning == 0 => (input, output + beyond, Some(beyond)),
        _ => (input, output, None),
    })
}

/// Image generation by a tool is billed beside the totals, so it is added to them; the image shares
/// keep their own price.
fn with_painted(block: &Block, mut usage: Usage) -> Usage {
    let shares = [
        (Count::PaintedInput, Figure::InputTotal, Figure::ImageInput),
        (Count::PaintedOutput, Figure::OutputTotal, Figure::ImageOutput),
    ];
    for (painted, total, share) in shares {
        if let Some(painted) = block.get(painted).filter(|&n| n > 0) {
            usage.set(total, usage.count(total).saturating_add(painted));
            usage.set(share, usage.count(share).saturating_add(painted));
        }
    }
    usage
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::answer::Item;
    use crate::framing::json::Scalar;

    fn check(items: &[(Item, &str)], expected: Option<(u64, u64, u64)>) {
        let mut block = Block::default();
        for &(item, n) in items {
            block.take(item, Scalar::Number(n.as_bytes()));
        }
        let found = match read(&block, Output::Expected) {
            Said::Usage(usage) => Some((
                usage.count(Figure::InputTotal),
                usage.count(Figure::OutputTotal),
                usage.count(Figure::Reasoning),
            )),
            Said::Nothing | Said::Nonsense(_) => None,
        };
        assert_eq!(found, expected, "{items:?}");
    }

    #[test]
    fn the_total_decides_whether_reasoning_is_included() {
        let [input, output, total] = [Count::Input, Count::Output, Count::Total].map(Item::Count);
        let reasoning = Item::Part(Figure::Reasoning);
        check(
            &[(input, "10"), (output, "20"), (reasoning, "15"), (total, "30")],
            Some((10, 20, 15)),
        );
        check(&[(input, "10"), (output, "20"), (reasoning, "15")], Some((10, 20, 15)));
        check(
            &[(input, "10"), (output, "20"), (reasoning, "15"), (total, "45")],
            Some((10, 35, 15)),
        );
        check(&[(input, "10"), (output, "20"), (total, "45")], Some((10, 35, 15)));
        check(&[(input, "10"), (output, "20"), (total, "5")], Some((10, 20, 0)));
        check(&[(input, "10"), (total, "45")], Some((10, 35, 0)));
        check(&[(output, "35"), (total, "45")], Some((10, 35, 0)));
        check(&[(input, "10")], None);
        check(&[(input, "10"), (output, "20"), (reasoning, "21")], None);
    }

    #[test]
    fn parts_above_their_total_make_no_sense() {
        let [input, output] = [Count::Input, Count::Output].map(Item::Count);
        for (part, n) in [
            (Figure::CachedRead, "11"),
            (Figure::CacheWrite, "11"),
            (Figure::AudioInput, "11"),
            (Figure::ImageInput, "11"),
            (Figure::CachedAudio, "1"),
            (Figure::CacheWrite5m, "11"),
            (Figure::AudioOutput, "21"),
            (Figure::PredictionRejected, "21"),
        ] {
            check(&[(input, "10"), (output, "20"), (Item::Part(part), n)], None);
        }
    }
}

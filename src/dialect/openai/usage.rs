//! What the usage block of OpenAI's format amounts to, from whichever provider.

use crate::dialect::answer::{Block, Count, Row, Said, add_writes, default_lifetime, sound};
use crate::usage::{Figure, SubUsage};

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
    if let (Some(created), None) = (block.get(Count::Created), usage.get(Figure::CacheWrite)) {
        usage.set(Figure::CacheWrite, created);
        default_lifetime(&mut usage, Figure::CacheWrite5m);
    }
    add_writes(&mut usage);
    sound(usage)
}

/// What a row of figures at another model's price amounts to, if it is anything.
pub(in crate::dialect) fn apart(kind: &str, row: &Row, included_in_top: bool) -> Option<SubUsage> {
    let Said::Usage(usage) = read(&row.block, Output::Expected) else { return None };
    let model = Some(row.model.clone()).filter(|model| !model.is_empty());
    let kind = kind.to_owned();
    let sub = SubUsage { kind, model, included_in_top, billable: true, usage: *usage };
    (usage.total_tokens() > 0).then_some(sub)
}

/// Input, output, and reasoning that only the total knows of.
///
/// xAI leaves reasoning out of the output, Gemini's compatible answers leave it out of everything
/// but the total; in both cases the total tells. Perplexity leaves it out of the total too. More
/// reasoning than output can only be beside it. Some leave the cache out of the prompt, and Mistral
/// leaves sound out of it, which is billed by its length.
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
    let parts = &block.parts;
    let reasoning = parts.count(Figure::Reasoning);
    let written = parts.get(Figure::CacheWrite).or(block.get(Count::Created)).unwrap_or(0);
    let cache = parts.count(Figure::CachedRead).saturating_add(written);
    let beyond = total.and_then(|total| total.checked_sub(input)?.checked_sub(output));
    let beyond = beyond.filter(|&n| n > 0 && parts.get(Figure::DurationMs).is_none());
    let beside = reasoning > output;
    Some(match beyond {
        _ if block.get(Count::Cited).is_some() => (input, output.saturating_add(reasoning), None),
        Some(beyond) if beyond == cache && beyond != reasoning => (input + beyond, output, None),
        Some(beyond) if reasoning == 0 => (input, output + beyond, Some(beyond)),
        Some(beyond) => (input, output + beyond, None),
        None if beside => (input, output.saturating_add(reasoning), None),
        None => (input, output, None),
    })
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
        check(&[(input, "10"), (output, "20"), (reasoning, "21")], Some((10, 41, 21)));
        check(
            &[(input, "10"), (output, "20"), (reasoning, "15"), (total, "50")],
            Some((10, 40, 15)),
        );
        let cited = Item::Count(Count::Cited);
        check(
            &[(input, "10"), (output, "20"), (reasoning, "15"), (total, "30"), (cited, "9")],
            Some((10, 35, 15)),
        );
        let cached = Item::Part(Figure::CachedRead);
        check(&[(input, "10"), (output, "20"), (cached, "5"), (total, "35")], Some((15, 20, 0)));
        check(&[(input, "4"), (output, "6"), (Item::Seconds, "2"), (total, "32")], Some((4, 6, 0)));
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

//! The usage block of chat, completions, responses and embeddings, from whichever provider.
//!
//! Figures are read by path, the larger where a block names one figure twice. A block that makes no
//! sense (a figure that is negative, fractional, textual or beyond 2⁵³, a part above its total) is
//! not used at all: it counts as anomalies, and the answer as one without usage.

mod numbers;
mod places;

pub(super) use places::{BESIDE, BLOCK, Count, Item};

use crate::framing::json::Scalar;
use crate::money::NanoUsd;
use crate::usage::{Figure, Usage};
use numbers::{dollars, whole};

/// Whether a block must report an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Expected,
    /// Embeddings have none.
    None,
}

/// What a block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// It makes no sense, for so many reasons.
    Nonsense(u32),
    Usage(Box<Usage>, Option<NanoUsd>),
}

/// Collects one usage block.
#[derive(Debug, Default)]
pub(super) struct Block {
    touched: bool,
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    parts: Usage,
    timings: [Option<u64>; 3],
    painted: [Option<u64>; 2],
    cost: Option<NanoUsd>,
    flaws: u32,
}

impl Block {
    pub(super) fn clear(&mut self) {
        if self.touched {
            *self = Self::default();
        }
    }

    pub(super) fn is_touched(&self) -> bool {
        self.touched
    }

    /// Something stands where it cannot.
    pub(super) fn flaw(&mut self) {
        self.touched = true;
        self.flaws = self.flaws.saturating_add(1);
    }

    pub(super) fn take(&mut self, item: Item, value: Scalar<'_>) {
        let number = match value {
            Scalar::Null => return,
            Scalar::Number(number) => number,
            Scalar::Text(_) | Scalar::Counted | Scalar::Bool(_) => return self.flaw(),
        };
        self.touched = true;
        let taken = match item {
            Item::Count(count) => whole(number).map(|n| self.count(count, n)),
            Item::Cost => dollars(number).map(|cost| self.cost = Some(cost)),
            Item::CostTicks => whole(number).map(|ticks| {
                self.cost = i64::try_from(ticks.div_ceil(10)).ok().map(NanoUsd::new);
            }),
        };
        if taken.is_none() {
            self.flaw();
        }
    }

    fn count(&mut self, count: Count, n: u64) {
        let slot = match count {
            Count::Input => &mut self.input,
            Count::Output => &mut self.output,
            Count::Total => &mut self.total,
            Count::TimingsCached => &mut self.timings[0],
            Count::TimingsInput => &mut self.timings[1],
            Count::TimingsOutput => &mut self.timings[2],
            Count::PaintedInput => &mut self.painted[0],
            Count::PaintedOutput => &mut self.painted[1],
            Count::Part(figure) => {
                return self.parts.set(figure, n.max(self.parts.count(figure)));
            }
        };
        *slot = Some(slot.map_or(n, |other| other.max(n)));
    }

    /// Puts the figures together.
    pub(super) fn read(&self, wanted: Output) -> Said {
        if !self.touched {
            return Said::Nothing;
        }
        if self.flaws > 0 {
            return Said::Nonsense(self.flaws);
        }
        let [cached, evaluated, generated] = self.timings;
        let input = self.input.or_else(|| Some(evaluated?.saturating_add(cached.unwrap_or(0))));
        let output = self.output.or(generated);
        if input.is_none() && output.is_none() && self.total.is_none() {
            return Said::Nothing;
        }
        let Some((input, output, hidden)) = self.totals(input, output, wanted) else {
            return Said::Nonsense(1);
        };
        let mut usage = self.parts;
        usage.set(Figure::InputTotal, input);
        if wanted == Output::Expected || output > 0 {
            usage.set(Figure::OutputTotal, output);
        }
        if let Some(hidden) = hidden {
            usage.set(Figure::Reasoning, hidden);
        }
        if let (Some(cached), None) = (cached, usage.get(Figure::CachedRead)) {
            usage.set(Figure::CachedRead, cached);
        }
        add_writes(&mut usage);
        match contradictions(&usage) {
            0 => Said::Usage(Box::new(self.with_painted(usage)), self.cost),
            flaws => Said::Nonsense(flaws),
        }
    }

    /// Input, output, and reasoning that only the total knows of.
    ///
    /// xAI leaves reasoning out of the output, Gemini's compatible answers leave it out of
    /// everything but the total; in both cases the total tells.
    fn totals(
        &self,
        input: Option<u64>,
        output: Option<u64>,
        wanted: Output,
    ) -> Option<(u64, u64, Option<u64>)> {
        if wanted == Output::None {
            return Some((input.or(self.total)?, output.unwrap_or(0), None));
        }
        let output = output.or_else(|| self.total?.checked_sub(input?))?;
        let input = input.or_else(|| self.total?.checked_sub(output))?;
        let reasoning = self.parts.count(Figure::Reasoning);
        let beyond = self.total.and_then(|total| total.checked_sub(input)?.checked_sub(output));
        Some(match beyond {
            Some(beyond) if beyond > 0 && reasoning == beyond => (input, output + beyond, None),
            Some(beyond) if beyond > 0 && reasoning == 0 => (input, output + beyond, Some(beyond)),
            _ => (input, output, None),
        })
    }

    /// Image generation by a tool is billed beside the totals, so it is added to them; the image
    /// shares keep their own price.
    fn with_painted(&self, mut usage: Usage) -> Usage {
        let shares = [
            (self.painted[0], Figure::InputTotal, Figure::ImageInput),
            (self.painted[1], Figure::OutputTotal, Figure::ImageOutput),
        ];
        for (painted, total, share) in shares {
            if let Some(painted) = painted.filter(|&n| n > 0) {
                usage.set(total, usage.count(total).saturating_add(painted));
                usage.set(share, usage.count(share).saturating_add(painted));
            }
        }
        usage
    }
}

const WRITES: [Figure; 4] =
    [Figure::CacheWrite5m, Figure::CacheWrite30m, Figure::CacheWrite1h, Figure::CacheWrite12h];

fn sum(usage: &Usage, figures: &[Figure]) -> u64 {
    figures.iter().fold(0, |sum, &figure| usage.count(figure).saturating_add(sum))
}

/// Where only the lifetimes are given, the writes are their sum.
fn add_writes(usage: &mut Usage) {
    let writes = sum(usage, &WRITES);
    if writes > 0 && usage.get(Figure::CacheWrite).is_none() {
        usage.set(Figure::CacheWrite, writes);
    }
}

/// How many parts are above their total.
fn contradictions(usage: &Usage) -> u32 {
    use Figure::*;
    let parts: [(&[Figure], Figure); 8] = [
        (&[CachedRead, CacheWrite], InputTotal),
        (&WRITES, CacheWrite),
        (&[AudioInput, ImageInput], InputTotal),
        (&[CachedAudio], AudioInput),
        (&[CachedAudio], CachedRead),
        (&[Reasoning], OutputTotal),
        (&[AudioOutput, ImageOutput], OutputTotal),
        (&[PredictionAccepted, PredictionRejected], OutputTotal),
    ];
    let above = |(parts, total): &(&[Figure], Figure)| sum(usage, parts) > usage.count(*total);
    parts.iter().filter(|part| above(part)).fold(0, |count, _| count + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: &[(Count, &str)], expected: Option<(u64, u64, u64)>) {
        let mut block = Block::default();
        for &(count, n) in items {
            block.take(Item::Count(count), Scalar::Number(n.as_bytes()));
        }
        let found = match block.read(Output::Expected) {
            Said::Usage(usage, _) => Some((
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
        use Count::*;
        let reasoning = Part(Figure::Reasoning);
        check(
            &[(Input, "10"), (Output, "20"), (reasoning, "15"), (Total, "30")],
            Some((10, 20, 15)),
        );
        check(&[(Input, "10"), (Output, "20"), (reasoning, "15")], Some((10, 20, 15)));
        check(
            &[(Input, "10"), (Output, "20"), (reasoning, "15"), (Total, "45")],
            Some((10, 35, 15)),
        );
        check(&[(Input, "10"), (Output, "20"), (Total, "45")], Some((10, 35, 15)));
        check(&[(Input, "10"), (Output, "20"), (Total, "5")], Some((10, 20, 0)));
        check(&[(Input, "10"), (Total, "45")], Some((10, 35, 0)));
        check(&[(Output, "35"), (Total, "45")], Some((10, 35, 0)));
        check(&[(Input, "10")], None);
        check(&[(Input, "10"), (Output, "20"), (reasoning, "21")], None);
    }

    #[test]
    fn parts_above_their_total_make_no_sense() {
        use Count::*;
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
            check(&[(Input, "10"), (Output, "20"), (Part(part), n)], None);
        }
    }
}

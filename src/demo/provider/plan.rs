//! The answer to an order, decided before its first byte: figures, text, tier. Everything follows
//! from the order's seed and the script; the same request gets the same answer.

use super::order::{Endpoint, Order};
use super::script::Script;
use super::tokens::Tokens;

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

/// An answer, decided.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) order: Order,
    pub(super) tokens: Tokens,
    /// The text, in the pieces in which a stream sends it.
    pub(super) chunks: Vec<String>,
    /// The output ceiling ended the answer.
    pub(super) cut_short: bool,
    pub(super) model: String,
    pub(super) tier: String,
    /// The usage block: as it should be, verbatim from the script, or left out.
    pub(super) block: Block,
}

/// What stands where the usage block belongs.
#[derive(Debug)]
pub(super) enum Block {
    True,
    Verbatim(String),
    Absent,
}

impl Plan {
    /// Decides the answer.
    pub(super) fn new(order: Order, script: &Script) -> Self {
        let (tokens, cut_short) = tokens(&order, script);
        let said = tokens.output.saturating_sub(tokens.reasoning);
        let chunks = match script.chunks {
            Some(chunks) => chunks,
            None => u32::try_from((said / 4).clamp(1, 16)).unwrap_or(16),
        };
        let block = match &script.usage {
            _ if script.no_usage => Block::Absent,
            Some(raw) => Block::Verbatim(raw.get().to_owned()),
            None => Block::True,
        };
        Self {
            chunks: text(order.seed, chunks, script.pad),
            model: script.model.clone().unwrap_or_else(|| order.model.clone()),
            tier: script.tier.clone().unwrap_or_else(|| served_tier(&order).to_owned()),
            tokens,
            cut_short,
            block,
            order,
        }
    }

    /// How many parts the text of all answers has.
    pub(super) fn parts(&self) -> u64 {
        u64::try_from(self.chunks.len()).unwrap_or(u64::MAX).saturating_mul(self.order.answers)
    }

    /// The id's last part: sixteen hexadecimal digits.
    pub(super) fn serial(&self) -> String {
        format!("{:08x}{:08x}", self.order.seed, self.order.seed.wrapping_mul(0x9e37_79b1))
    }

    /// The obfuscation of event `i`: a few characters of no meaning.
    pub(super) fn noise(&self, i: usize) -> &'static str {
        const NOISE: &str = "aXq9sKdZpLmWv3Tb";
        let length = self.order.seed.wrapping_add(mix(i)) % 16;
        NOISE.get(..usize::try_from(length).unwrap_or(0)).unwrap_or_default()
    }
}

fn tokens(order: &Order, script: &Script) -> (Tokens, bool) {
    let seed = u64::from(order.seed);
    let input = match script.input {
        Some(input) => input,
        None => (order.prompt_bytes / 4 + 8)
            .max(script.cached.unwrap_or(0).saturating_add(script.cache_write.unwrap_or(0))),
    };
    if order.endpoint == Endpoint::Embeddings {
        return (Tokens { input, ..Tokens::default() }, false);
    }
    let natural = 16 + seed % 200;
    let capped = order.ceiling.map_or(natural, |ceiling| natural.min(ceiling));
    let output = script.output.unwrap_or_else(|| capped.saturating_mul(order.answers));
    let cut_short = script.output.is_none() && capped < natural;
    if order.endpoint == Endpoint::Completions {
        return (Tokens { input, output, ..Tokens::default() }, cut_short);
    }
    let cached = match script.cached {
        Some(cached) => cached,
        None if script.cache_write.is_none() && input >= 1024 && seed % 2 == 0 => {
            (input - input / 4) / 128 * 128
        }
        None => 0,
    };
    let cache_write = script.cache_write.unwrap_or(0);
    let thinks = ["gpt-5", "o1", "o3", "o4"].iter().any(|name| order.model.starts_with(name));
    let thought = if thinks { output / 128 * 64 } else { 0 };
    let reasoning = script.reasoning.unwrap_or(thought);
    (Tokens { input, cached, cache_write, output, reasoning }, cut_short)
}

fn served_tier(order: &Order) -> &str {
    match order.tier.as_deref() {
        Some("flex") => "flex",
        Some("priority" | "fast") => "priority",
        Some("scale") => "scale",
        _ => "default",
    }
}

fn text(seed: u32, chunks: u32, pad: Option<usize>) -> Vec<String> {
    let count = usize::try_from(chunks).unwrap_or(0);
    let Some(pad) = pad else {
        return (0..count).map(|i| word(seed, i).to_owned()).collect();
    };
    let share = pad.checked_div(count).unwrap_or(0);
    let rest = pad.checked_rem(count).unwrap_or(0);
    (0..count).map(|i| filler(share + usize::from(i < rest))).collect()
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

fn mix(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX).wrapping_mul(0x9e37_79b1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(body: &str, script: &str) -> Plan {
        let order = Order::read(Endpoint::Chat, body.as_bytes()).unwrap();
        Plan::new(order, &serde_json::from_str(script).unwrap())
    }

    #[test]
    fn the_same_request_gets_the_same_answer() {
        let body = r#"{"model":"gpt-5","messages":[]}"#;
        let (a, b) = (plan(body, "{}"), plan(body, "{}"));
        assert_eq!((a.tokens, &a.chunks, a.serial()), (b.tokens, &b.chunks, b.serial()));
        assert_ne!(a.serial(), plan(r#"{"model":"gpt-5","messages":[0]}"#, "{}").serial());
    }

    #[test]
    fn the_output_ceiling_is_honoured_unless_the_script_says_otherwise() {
        let body = r#"{"model":"gpt-4o","messages":[],"max_completion_tokens":3,"n":2}"#;
        let plan_of = |script| plan(body, script);
        assert_eq!((plan_of("{}").tokens.output, plan_of("{}").cut_short), (6, true));
        assert_eq!(plan_of(r#"{"output":300}"#).tokens.output, 300);
    }

    #[test]
    fn scripts_set_figures_and_length() {
        let script =
            r#"{"input":2006,"cached":1920,"output":300,"reasoning":10,"chunks":7,"pad":100}"#;
        let plan = plan(r#"{"model":"m","messages":[]}"#, script);
        let wanted =
            Tokens { input: 2006, cached: 1920, cache_write: 0, output: 300, reasoning: 10 };
        assert_eq!(plan.tokens, wanted);
        assert_eq!(plan.chunks.len(), 7);
        assert_eq!(plan.chunks.concat().len(), 100);
    }

    #[test]
    fn the_tier_is_the_one_asked_for_where_it_exists() {
        for (asked, served) in [("auto", "default"), ("flex", "flex"), ("fast", "priority")] {
            let body = format!(r#"{{"model":"m","messages":[],"service_tier":"{asked}"}}"#);
            assert_eq!(plan(&body, "{}").tier, served);
            assert_eq!(plan(&body, r#"{"tier":"default"}"#).tier, "default");
        }
    }
}

//! The answer to an order, decided before its first byte: figures, text, tier. Everything follows
//! from the order's seed and the script; the same request gets the same answer.

use super::extras::Extras;
use super::order::Order;
use super::portion::Portion;
use super::route::Endpoint;
use super::script::Script;
use super::tokens::Tokens;
use super::vendor::Vendor;
use super::words::{mix, text};

/// An answer, decided.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) order: Order,
    pub(super) tokens: Tokens,
    pub(super) extras: Extras,
    /// The text, in the pieces in which a stream sends it.
    pub(super) chunks: Vec<String>,
    /// Part of the input: what results of the provider's own tools took.
    pub(super) tool_input: u64,
    /// The output ceiling ended the answer.
    pub(super) cut_short: bool,
    pub(super) model: String,
    pub(super) tier: String,
    /// Makes the id another one each time, where an answer is fetched by it.
    pub(super) nonce: Option<u64>,
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
        let Portion { tokens, extras, cut_short } = Portion::of(&order, script);
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
            extras,
            tool_input: script.tool_input.unwrap_or(0),
            cut_short,
            nonce: None,
            block,
            order,
        }
    }

    /// How many parts the text of all answers has.
    pub(super) fn parts(&self) -> u64 {
        u64::try_from(self.chunks.len()).unwrap_or(u64::MAX).saturating_mul(self.order.answers)
    }

    /// The whole text.
    pub(super) fn text(&self) -> String {
        self.chunks.concat()
    }

    /// The usage block: what `truth` makes of the figures, unless the script has it otherwise.
    pub(super) fn usage(&self, truth: impl FnOnce() -> String) -> Option<String> {
        match &self.block {
            Block::True => Some(truth()),
            Block::Verbatim(text) => Some(text.clone()),
            Block::Absent => None,
        }
    }

    /// The id's last part: sixteen hexadecimal digits, and those of the nonce.
    pub(super) fn serial(&self) -> String {
        let nonce = self.nonce.map(|nonce| format!("{nonce:016x}")).unwrap_or_default();
        format!("{:08x}{:08x}{nonce}", self.order.seed, self.order.seed.wrapping_mul(0x9e37_79b1))
    }

    /// The obfuscation of event `i`: a few characters of no meaning.
    pub(super) fn noise(&self, i: usize) -> &'static str {
        const NOISE: &str = "aXq9sKdZpLmWv3Tb";
        let length = self.order.seed.wrapping_add(mix(i)) % 16;
        NOISE.get(..usize::try_from(length).unwrap_or(0)).unwrap_or_default()
    }
}

fn served_tier(order: &Order) -> &str {
    match (order.vendor, order.tier.as_deref()) {
        _ if order.endpoint == Endpoint::Batch => "batch",
        (Vendor::Anthropic | Vendor::Mistral, _) => "standard",
        (_, Some("flex")) => "flex",
        (_, Some("priority" | "fast")) => "priority",
        (_, Some("scale")) => "scale",
        _ => "default",
    }
}

#[cfg(test)]
mod tests {
    use super::super::route::Route;
    use super::*;

    fn plan(body: &str, script: &str) -> Plan {
        let route = Route::of(&http::Method::POST, "/v1/chat/completions", None);
        let order = Order::read(Endpoint::Chat, &route, body.as_bytes()).unwrap();
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
        assert_eq!(plan.text().len(), 100);
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

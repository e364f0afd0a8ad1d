//! Providers that need no address in the configuration: their public base URLs and the usual
//! variables of their keys.
//!
//! Only providers whose dialect can be metered are here. Whether hanging up stops the bill is as
//! OpenRouter's page on stream cancellation states it (read November 2026).

use crate::dialect::Dialect;

/// A provider with a public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// The wire format that it speaks.
    pub dialect: Dialect,
    /// What its SDK uses.
    pub base_url: &'static str,
    /// The environment variable that its SDK reads the key from.
    pub variable: &'static str,
    /// Whether hanging up stops the bill.
    pub cancel_stops_billing: bool,
}

const fn entry(
    name: &'static str,
    dialect: Dialect,
    base_url: &'static str,
    variable: &'static str,
    cancel_stops_billing: bool,
) -> Known {
    Known { name, dialect, base_url, variable, cancel_stops_billing }
}

/// All of them.
pub const KNOWN: &[Known] = {
    use Dialect::*;
    &[
        entry("openai", OpenAi, "https://api.openai.com/v1", "OPENAI_API_KEY", true),
        entry("anthropic", Anthropic, "https://api.anthropic.com", "ANTHROPIC_API_KEY", true),
        entry("cohere", Cohere, "https://api.cohere.com", "CO_API_KEY", true),
        entry("deepseek", OpenAi, "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", true),
        entry(
            "fireworks",
            OpenAi,
            "https://api.fireworks.ai/inference/v1",
            "FIREWORKS_API_KEY",
            true,
        ),
        entry(
            "gemini",
            Gemini,
            "https://generativelanguage.googleapis.com",
            "GEMINI_API_KEY",
            false,
        ),
        entry("groq", OpenAi, "https://api.groq.com/openai/v1", "GROQ_API_KEY", false),
        entry("mistral", OpenAi, "https://api.mistral.ai/v1", "MISTRAL_API_KEY", false),
        entry("ollama", Ollama, "http://127.0.0.1:11434", "OLLAMA_API_KEY", true),
        entry("openrouter", OpenAi, "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", true),
        entry("perplexity", OpenAi, "https://api.perplexity.ai", "PERPLEXITY_API_KEY", false),
        entry("together", OpenAi, "https://api.together.xyz/v1", "TOGETHER_API_KEY", true),
        entry("xai", OpenAi, "https://api.x.ai/v1", "XAI_API_KEY", true),
    ]
};

/// Whether a provider reads a prompt that it has seen before for less, so that calls of one key for
/// one model profit from staying with one credential. Caches belong to the account of a credential.
pub fn caches_prompts(name: &str, dialect: Dialect) -> bool {
    const BY_ITSELF: [&str; 5] = ["openai", "deepseek", "fireworks", "groq", "xai"];
    matches!(dialect, Dialect::Anthropic | Dialect::Gemini) || BY_ITSELF.contains(&name)
}

/// The known provider of this name.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

//! The shipped table, provider by provider: which names lead to which prices. What calls cost is in
//! `pricing_hand.rs`.

use farebox::clock::parse_time;
use farebox::pricing::{PriceTable, Terms};
use farebox::usage::{Figure, Usage};
use std::sync::LazyLock;

static BUILTIN: LazyLock<PriceTable> = LazyLock::new(|| PriceTable::builtin().unwrap());

fn usage(figures: &[(Figure, u64)]) -> Usage {
    figures.iter().fold(Usage::default(), |usage, &(figure, n)| usage.with(figure, n))
}

fn plain(input: u64, output: u64) -> Usage {
    usage(&[(Figure::InputTotal, input), (Figure::OutputTotal, output)])
}

/// Tuesday, outside of anybody's peak hours.
fn now() -> Terms<'static> {
    Terms { at: parse_time("2026-11-24T12:00:00Z").unwrap(), ..Terms::default() }
}

/// What a usage costs in nano-dollars at a provider, in November 2026.
#[track_caller]
fn check(provider: &str, model: &str, terms: Terms<'_>, usage: Usage, nanos: i64) {
    let found = BUILTIN.find(Some(provider), model);
    let found = found.unwrap_or_else(|| panic!("{provider} has no {model}"));
    assert_eq!(found.provider, provider, "{model}");
    assert_eq!(found.cost(&usage, &terms).get(), nanos, "{provider} {model}");
}

#[test]
fn a_name_leads_to_its_vendor() {
    for (name, provider) in [
        ("claude-sonnet-4-5-20250929", "anthropic"),
        ("claude-sonnet-4-5@20250929", "anthropic"),
        ("claude-opus-4-8", "anthropic"),
        ("claude-fable-5", "anthropic"),
        ("gemini-2.5-flash", "gemini"),
        ("gemini-2.5-pro", "gemini"),
        ("gemini-embedding-001", "gemini"),
        ("command-a-03-2025", "cohere"),
        ("rerank-v3.5", "cohere"),
        ("mistral-large-latest", "mistral"),
        ("mistral-ocr-latest", "mistral"),
        ("deepseek-chat", "deepseek"),
        ("deepseek-reasoner", "deepseek"),
        ("grok-4.5", "xai"),
        ("sonar-pro", "perplexity"),
        ("kimi-k3", "moonshot"),
        ("llama-3.3-70b-versatile", "groq"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock"),
        ("amazon.nova-lite-v1:0", "bedrock"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "together"),
        ("accounts/fireworks/models/deepseek-v3p1", "fireworks"),
        ("anthropic/claude-sonnet-4.5", "openrouter"),
        ("openai/gpt-5.4", "openrouter"),
        ("@cf/meta/llama-3.1-8b-instruct-fp8", "cloudflare"),
        ("gpt-4o-transcribe", "openai"),
        ("whisper-1", "openai"),
        ("tts-1", "openai"),
        ("dall-e-3", "openai"),
    ] {
        assert_eq!(BUILTIN.provider_of(name), Some(provider), "{name}");
    }
}

#[test]
fn providers_that_have_two_names_are_found_by_both() {
    for (other, name, model) in [
        ("google", "gemini", "gemini-2.5-flash"),
        ("x-ai", "xai", "grok-4.5"),
        ("aws", "bedrock", "amazon.nova-pro-v1:0"),
    ] {
        let found = BUILTIN.find(Some(other), model).map(|found| found.provider.as_str());
        assert_eq!(found, Some(name), "{other}");
    }
    // Azure and Vertex have no entries of their own: they take the vendors' prices.
    for (provider, model, vendor) in [
        ("azure", "gpt-4o-2024-11-20", "openai"),
        ("vertex", "gemini-2.5-flash", "gemini"),
        ("vertex", "claude-sonnet-4-5@20250929", "anthropic"),
    ] {
        let found = BUILTIN.find(Some(provider), model).map(|found| found.provider.as_str());
        assert_eq!(found, Some(vendor), "{provider} {model}");
    }
}

#[test]
fn the_same_name_at_two_providers_has_two_prices() {
    // gpt-oss-120b at 0.15 and 0.6 a million, but Groq's cached input costs 0.075 and Together's
    // as much as any other.
    let cached = usage(&[(Figure::InputTotal, 1_000), (Figure::CachedRead, 1_000)]);
    check("groq", "openai/gpt-oss-120b", now(), cached, 75_000);
    check("together", "openai/gpt-oss-120b", now(), cached, 150_000);
}

#[test]
fn local_models_cost_nothing() {
    for (provider, model) in [
        ("ollama", "llama3.2"),
        ("llamacpp", "qwen3-8b.gguf"),
        ("lmstudio", "openai/gpt-oss-20b"),
        ("vllm", "Qwen/Qwen3-8B"),
    ] {
        check(provider, model, now(), plain(1_000_000, 1_000_000), 0);
    }
    assert!(BUILTIN.find(None, "qwen3-8b.gguf").is_none());
}

#[test]
fn bedrock_charges_a_tenth_more_within_a_region() {
    let used = plain(1_000, 100);
    for prefix in ["", "us.", "eu.", "apac.", "jp."] {
        let model = format!("{prefix}anthropic.claude-sonnet-4-5-20250929-v1:0");
        check("bedrock", &model, now(), used, 4_950_000);
    }
    let global = "global.anthropic.claude-sonnet-4-5-20250929-v1:0";
    check("bedrock", global, now(), used, 4_500_000);
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{global}");
    check("bedrock", &arn, now(), used, 4_500_000);
    check("bedrock", "us.amazon.nova-lite-v1:0", now(), used, 60_000 + 24_000);
    check("bedrock", "us.meta.llama3-3-70b-instruct-v1:0", now(), used, 792_000);
    // An unknown successor is not taken for the model before it.
    assert!(BUILTIN.find(Some("bedrock"), "anthropic.claude-opus-5-9-v1:0").is_none());
}

#[test]
fn every_model_has_a_provider_and_a_price() {
    for model in BUILTIN.models() {
        assert!(!model.provider.is_empty(), "{}", model.id);
        let found = BUILTIN.find(Some(&model.provider), &model.id).unwrap();
        assert_eq!(found.id, model.id);
        let all = Figure::ALL.iter().fold(Usage::default(), |usage, &f| usage.with(f, 1_000));
        // Only what says so costs nothing.
        let free = model.provider == "openrouter" && model.id.ends_with(":free");
        assert_eq!(model.cost(&all, &now()).get() == 0, free, "{} {}", model.provider, model.id);
    }
}

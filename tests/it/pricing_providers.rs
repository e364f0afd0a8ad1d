//! The shipped table, provider by provider: names, and prices to the nano-dollar.

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
fn r003_anthropic_charges_writes_by_their_lifetime() {
    // claude-sonnet-4-5: 3 in, 0.3 read, 3.75 and 6 written, 15 out; a search 0.01.
    // 1,000 × 3 + 2,000 × 0.3 + 500 × 3.75 + 300 × 6 + 100 × 15 = 8,775 millionths.
    let cached = usage(&[
        (Figure::InputTotal, 3_800),
        (Figure::CachedRead, 2_000),
        (Figure::CacheWrite, 800),
        (Figure::CacheWrite5m, 500),
        (Figure::CacheWrite1h, 300),
        (Figure::OutputTotal, 100),
        (Figure::WebSearchRequests, 2),
        (Figure::WebFetchRequests, 1),
    ]);
    check("anthropic", "claude-sonnet-4-5-20250929", now(), cached, 8_775_000 + 20_000_000);
    // Above 200,000 tokens, cached ones included: 6 and 22.5.
    let model = "claude-sonnet-4-5";
    check("anthropic", model, now(), plain(200_000, 10), 600_000_000 + 150_000);
    check("anthropic", model, now(), plain(200_001, 10), 1_200_006_000 + 225_000);
}

#[test]
fn anthropics_speed_region_and_batch_have_their_prices() {
    // claude-opus-4-8: 5 and 25; fast twice, batch half; in the US a tenth more.
    let model = "claude-opus-4-8";
    let used = plain(1_000, 100);
    check("anthropic", model, now(), used, 7_500_000);
    check("anthropic", model, Terms { speed: Some("fast"), ..now() }, used, 15_000_000);
    check("anthropic", model, Terms { service_tier: Some("batch"), ..now() }, used, 3_750_000);
    check("anthropic", model, Terms { region: Some("us"), ..now() }, used, 8_250_000);
    let both = Terms { region: Some("us"), speed: Some("fast"), ..now() };
    check("anthropic", model, both, used, 16_500_000);
    check("anthropic", model, Terms { region: Some("not_available"), ..now() }, used, 7_500_000);
    // Models before Opus 4.6 cost the same everywhere.
    let older = Terms { region: Some("us"), ..now() };
    check("anthropic", "claude-opus-4-5", older, used, 7_500_000);
}

#[test]
fn gemini_charges_audio_searches_and_long_prompts() {
    // gemini-2.5-flash: 0.3 text, 1 audio, 0.03 and 0.1 cached, 2.5 out with its thoughts.
    // 600 × 0.3 + 300 × 1 + 70 × 0.03 + 30 × 0.1 + 100 × 2.5 = 735.1 millionths; a grounded call
    // 0.035, however many queries it took.
    let used = usage(&[
        (Figure::InputTotal, 1_000),
        (Figure::AudioInput, 330),
        (Figure::CachedRead, 100),
        (Figure::CachedAudio, 30),
        (Figure::OutputTotal, 100),
        (Figure::Reasoning, 60),
        (Figure::WebSearchQueries, 3),
    ]);
    check("gemini", "gemini-2.5-flash", now(), used, 735_100 + 35_000_000);
    // From Gemini 3 on each query costs 0.014: 1,000 × 2 + 3 × 14,000 millionths.
    let queries = usage(&[(Figure::InputTotal, 1_000), (Figure::WebSearchQueries, 3)]);
    check("gemini", "gemini-3.1-pro-preview", now(), queries, 2_000_000 + 42_000_000);
    check("gemini", "gemini-2.5-pro", now(), plain(200_000, 10), 250_000_000 + 100_000);
    check("gemini", "gemini-2.5-pro", now(), plain(200_001, 10), 500_002_500 + 150_000);
    // An image of 1,290 tokens at 30 a million.
    let image = usage(&[(Figure::OutputTotal, 1_300), (Figure::ImageOutput, 1_290)]);
    check("gemini", "gemini-2.5-flash-image", now(), image, 25_000 + 38_700_000);
    let characters = usage(&[(Figure::InputTotal, 10), (Figure::Characters, 40)]);
    check("gemini", "text-embedding-005", now(), characters, 1_000);
}

#[test]
fn vertex_traffic_is_a_tier() {
    // gemini-3.8-flash: 0.75 and 3.75; priority 1.8 times that.
    let terms = Terms { traffic_type: Some("ON_DEMAND_PRIORITY"), ..now() };
    check("gemini", "gemini-3.8-flash", terms, plain(1_000, 100), 2_025_000);
    check("gemini", "gemini-3.8-flash", now(), plain(1_000, 100), 1_125_000);
    // Of others no such price is known.
    check("gemini", "gemini-3.1-flash-live-preview", terms, plain(1_000, 100), 1_200_000);
}

#[test]
fn cohere_charges_tokens_images_and_searches() {
    check("cohere", "command-a-03-2025", now(), plain(1_000, 100), 3_500_000);
    check("cohere", "rerank-v3.5", now(), usage(&[(Figure::SearchUnits, 1)]), 2_000_000);
    let images = usage(&[(Figure::InputTotal, 1_000), (Figure::ImageInput, 600)]);
    check("cohere", "embed-v4.0", now(), images, 400 * 120 + 600 * 470);
    check("cohere", "embed-english-v3.0", now(), usage(&[(Figure::ImagesIn, 2)]), 200_000);
}

#[test]
fn mistral_charges_tokens_pages_and_seconds() {
    check("mistral", "mistral-small-latest", now(), plain(1_000, 100), 150_000 + 60_000);
    check("mistral", "mistral-ocr-latest", now(), usage(&[(Figure::Pages, 3)]), 12_000_000);
    // 0.24 an hour, 27 seconds: 0.0018; tokens at 0.1 and 0.4.
    let heard = usage(&[
        (Figure::InputTotal, 300),
        (Figure::OutputTotal, 20),
        (Figure::DurationMs, 27_000),
    ]);
    check("mistral", "voxtral-small-latest", now(), heard, 30_000 + 8_000 + 1_800_000);
}

#[test]
fn deepseek_has_peak_hours_on_working_days() {
    // deepseek-v4-pro: 0.66 and 1.98, twice that from 01:00 to 04:00 and from 06:00 to 10:00 UTC.
    let at = |time| Terms { at: parse_time(time).unwrap(), ..Terms::default() };
    for (time, nanos) in [
        ("2026-11-24T00:59:59Z", 858_000),
        ("2026-11-24T01:00:00Z", 1_716_000),
        ("2026-11-24T09:59:59Z", 1_716_000),
        ("2026-11-24T10:00:00Z", 858_000),
        ("2026-11-28T01:00:00Z", 858_000),
        // One flat price before August.
        ("2026-08-11T01:00:00Z", 522_000),
    ] {
        check("deepseek", "deepseek-v4-pro", at(time), plain(1_000, 100), nanos);
    }
    check("deepseek", "deepseek-chat", now(), plain(1_000, 100), 280_000 + 42_000);
}

#[test]
fn xai_is_long_from_its_threshold_on() {
    // grok-4.5: 2 and 6, from 200,000 tokens on 4 and 12.
    check("xai", "grok-4.5", now(), plain(199_999, 10), 399_998_000 + 60_000);
    check("xai", "grok-4.5", now(), plain(200_000, 10), 800_000_000 + 120_000);
    check("xai", "grok-imagine-image", now(), usage(&[(Figure::Images, 2)]), 40_000_000);
}

#[test]
fn perplexity_charges_the_call_by_the_size_of_its_search() {
    // sonar-pro: 3 and 15, and 0.006, 0.01 or 0.014 a call; the dearest where the size is unknown.
    for (size, fee) in [
        (Some("low"), 6_000_000),
        (Some("medium"), 10_000_000),
        (Some("high"), 14_000_000),
        (None, 14_000_000),
    ] {
        let terms = Terms { search_context: size, ..now() };
        check("perplexity", "sonar-pro", terms, plain(1_000, 100), 4_500_000 + fee);
    }
}

#[test]
fn hosts_charge_their_own_prices() {
    check("moonshot", "kimi-k3", now(), plain(1_000, 100), 3_000_000 + 1_500_000);
    check("groq", "llama-3.3-70b-versatile", now(), plain(1_000, 100), 590_000 + 79_000);
    // 0.111 an hour.
    let hour = usage(&[(Figure::DurationMs, 3_600_000)]);
    check("groq", "whisper-large-v3", now(), hour, 111_000_000);
    let llama = "meta-llama/Llama-3.3-70B-Instruct-Turbo";
    check("together", llama, now(), plain(1_000, 100), 968_000);
    let kimi = "accounts/fireworks/models/kimi-k2p6";
    check("fireworks", kimi, now(), plain(1_000, 100), 950_000 + 400_000);
    check("openrouter", "openai/gpt-5.4", now(), plain(1_000, 100), 2_500_000 + 1_500_000);
    let llama = "@cf/meta/llama-3.1-8b-instruct-fp8";
    check("cloudflare", llama, now(), plain(1_000, 100), 152_000 + 28_700);
    let llama = "databricks-meta-llama-3-3-70b-instruct";
    check("databricks", llama, now(), plain(1_000, 100), 500_000 + 150_000);
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
fn openai_charges_sound_and_images_by_what_they_are() {
    check("openai", "whisper-1", now(), usage(&[(Figure::DurationMs, 9_000)]), 900_000);
    check("openai", "tts-1", now(), usage(&[(Figure::Characters, 20)]), 300_000);
    check("openai", "tts-1-hd", now(), usage(&[(Figure::Characters, 20)]), 600_000);
    check("openai", "dall-e-3", now(), usage(&[(Figure::Images, 1)]), 40_000_000);
    // gpt-4o-transcribe: text 2.5, audio 6, out 10.
    let heard =
        usage(&[(Figure::InputTotal, 110), (Figure::AudioInput, 100), (Figure::OutputTotal, 20)]);
    check("openai", "gpt-4o-transcribe", now(), heard, 25_000 + 600_000 + 200_000);
    // gpt-image-1: text 5, images 10, cached images 2.5, out 40; the count of images costs nothing.
    let drawn = usage(&[
        (Figure::InputTotal, 1_000),
        (Figure::ImageInput, 900),
        (Figure::CachedRead, 300),
        (Figure::CachedImage, 300),
        (Figure::OutputTotal, 1_056),
        (Figure::Images, 1),
    ]);
    let nanos = 100 * 5_000 + 600 * 10_000 + 300 * 2_500 + 1_056 * 40_000;
    check("openai", "gpt-image-1", now(), drawn, nanos);
}

#[test]
fn every_model_has_a_provider_and_a_price() {
    for model in BUILTIN.models() {
        assert!(!model.provider.is_empty(), "{}", model.id);
        let found = BUILTIN.find(Some(&model.provider), &model.id).unwrap();
        assert_eq!(found.id, model.id);
        let all = Figure::ALL.iter().fold(Usage::default(), |usage, &f| usage.with(f, 1_000));
        assert!(model.cost(&all, &now()).get() > 0, "{} {}", model.provider, model.id);
    }
}

//! What names mean, rule by rule. Compiled under `#[cfg(test)]` only.

use super::*;

fn model(id: &str, provider: &str, names: &str) -> String {
    format!(
        "[[model]]\nid = '{id}'\nprovider = '{provider}'\n{names}\n\
         [[model.price]]\ninput = '1'\noutput = '2'\n"
    )
}

fn table() -> PriceTable {
    let models = [
        model("m", "a", "aliases = ['m-latest']"),
        model("m-mini", "a", "match = ['ft:m-mini:*', 'x/*']"),
        model("m-2024-05-13", "a", ""),
        model("x-long", "a", "match = ['x/y*', 'q?']"),
        model("m", "b", ""),
    ];
    PriceTable::parse(&models.concat()).unwrap()
}

#[track_caller]
fn check(provider: Option<&str>, name: &str, expected: Option<(&str, &str)>) {
    let table = table();
    let found = table.find(provider, name).map(|m| (m.provider.as_str(), m.id.as_str()));
    assert_eq!(found, expected);
}

#[test]
fn finds_by_name_pattern_and_snapshot() {
    check(None, "m", Some(("a", "m")));
    check(Some("b"), "m", Some(("b", "m")));
    check(Some("b"), "m-latest", None);
    check(Some("unknown"), "m-latest", Some(("a", "m")));
    check(None, "m-2026-03-05", Some(("a", "m")));
    check(None, "m-2024-05-13", Some(("a", "m-2024-05-13")));
    check(None, "m-latest-2026-03-05", Some(("a", "m")));
    check(None, "m-20260305", Some(("a", "m")));
    check(None, "m@20260305", Some(("a", "m")));
    check(None, "ft:m-mini:org::id", Some(("a", "m-mini")));
    check(None, "x/abc", Some(("a", "m-mini")));
    check(None, "x/yellow/1", Some(("a", "x-long")));
    check(None, "q7", Some(("a", "x-long")));
}

#[test]
fn guesses_nothing() {
    for name in ["", "M", "m-", "m-20261305", "m-2026-3-05", "-2026-03-05", "ft:m:org", "q", "mé"]
    {
        check(None, name, None);
    }
    assert_eq!(table().provider_of("m-mini"), Some("a"));
}

fn hosts() -> PriceTable {
    let models = [
        "free_providers = ['ollama']\n".to_owned(),
        model("gpt-5", "openai", ""),
        model("ft:gpt-5", "openai", "match = ['ft:gpt-5:*', 'ft:gpt-5-????-??-??:*']"),
        model("grok-4", "xai", ""),
        model("gemini-3", "gemini", ""),
        model("anthropic.claude-1-v1:0", "bedrock", "match = ['*anthropic.claude-1*']"),
        model(
            "global.anthropic.claude-1-v1:0",
            "bedrock",
            "match = ['*global.anthropic.claude-1*']",
        ),
        model("openai/gpt-oss", "groq", ""),
        model("openai/gpt-5", "openrouter", ""),
        model("x-ai/grok-4", "openrouter", ""),
    ];
    PriceTable::parse(&models.concat()).unwrap()
}

/// Whom a call to a provider is charged for, as `provider id`.
#[track_caller]
fn call(provider: Option<&str>, name: &str, expected: Option<&str>) {
    let table = hosts();
    let found = table.find(provider, name).map(|m| format!("{} {}", m.provider, m.id));
    assert_eq!(found.as_deref(), expected, "{provider:?} {name}");
}

#[test]
fn the_prefix_of_the_calls_own_provider_is_taken_off() {
    call(Some("openai"), "openai/gpt-5", Some("openai gpt-5"));
    call(Some("openai"), "openai/gpt-5-2025-08-07", Some("openai gpt-5"));
    call(Some("xai"), "x-ai/grok-4", Some("xai grok-4"));
    call(Some("google"), "gemini/gemini-3", Some("gemini gemini-3"));
    call(Some("gemini"), "models/gemini-3", Some("gemini gemini-3"));
    call(Some("groq"), "groq/openai/gpt-oss", Some("groq openai/gpt-oss"));
    call(Some("azure"), "azure/gpt-5", Some("openai gpt-5"));
    call(
        Some("aws"),
        "bedrock/us.anthropic.claude-1-v1:0",
        Some("bedrock anthropic.claude-1-v1:0"),
    );
    call(Some("ollama"), "anything/at-all", Some("ollama *"));
    // Whose calls cost what the vendor's cost, but who is not the vendor, has the name as it is.
    call(Some("openrouter"), "openai/gpt-5", Some("openrouter openai/gpt-5"));
    call(Some("openrouter"), "groq/openai/gpt-oss", None);
    call(Some("openai"), "groq/gpt-5", None);
    call(Some("groq"), "openai/gpt-5", None);
}

#[test]
fn without_a_provider_an_exact_name_goes_before_a_prefix() {
    for provider in [None, Some("a-gateway")] {
        call(provider, "openai/gpt-5", Some("openrouter openai/gpt-5"));
        call(provider, "groq/openai/gpt-oss", Some("groq openai/gpt-oss"));
        call(provider, "xai/grok-4", Some("xai grok-4"));
        call(provider, "nobody/gpt-5", None);
    }
    call(None, "ollama/llama", Some("ollama *"));
    call(Some("a-gateway"), "ollama/llama", None);
}

#[test]
fn a_person_means_the_provider_of_the_prefix() {
    let table = hosts();
    let meant = |provider, name| {
        table.lookup_named(provider, name).map(|m| (m.model.provider.as_str(), m.prefix))
    };
    assert_eq!(meant(None, "openai/gpt-5"), Some(("openai", Some("openai"))));
    assert_eq!(meant(None, "x-ai/grok-4"), Some(("xai", Some("x-ai"))));
    assert_eq!(meant(Some("azure"), "openai/gpt-5"), Some(("openai", Some("openai"))));
    assert_eq!(meant(None, "openrouter/openai/gpt-5"), Some(("openrouter", Some("openrouter"))));
    assert_eq!(meant(Some("openrouter"), "openai/gpt-5"), Some(("openrouter", None)));
    assert_eq!(meant(None, "openai/gpt-oss"), Some(("groq", None)));
}

#[test]
fn arns_of_what_bedrock_made_have_their_models_price_and_no_others_do() {
    let arn = |resource: &str| format!("arn:aws:bedrock:us-east-1:123456789012:{resource}");
    let one = Some("bedrock anthropic.claude-1-v1:0");
    let global = Some("bedrock global.anthropic.claude-1-v1:0");
    for provider in [Some("bedrock"), Some("my-bedrock"), None] {
        call(provider, &arn("foundation-model/anthropic.claude-1-v1:0"), one);
        call(provider, "arn:aws-us-gov:bedrock:r::foundation-model/anthropic.claude-1-v1:0", one);
        call(provider, &arn("inference-profile/eu.anthropic.claude-1-v1:0"), one);
        call(provider, &arn("inference-profile/global.anthropic.claude-1-v1:0"), global);
        for resource in [
            "application-inference-profile/anthropic.claude-1",
            "provisioned-model/anthropic.claude-1",
            "custom-model/anthropic.claude-1-v1:0/abc",
            "foundation-model/unheard-of",
            "foundation-model",
        ] {
            call(provider, &arn(resource), None);
        }
    }
    call(Some("openai"), &arn("foundation-model/anthropic.claude-1-v1:0"), None);
    call(None, "arn:aws:sagemaker:r:1:foundation-model/anthropic.claude-1-v1:0", None);
}

#[test]
fn a_fine_tuned_model_never_has_the_price_of_the_one_below() {
    call(Some("openai"), "ft:gpt-5-2025-08-07:acme::1", Some("openai ft:gpt-5"));
    call(Some("openai"), "openai/ft:gpt-5:acme::1", Some("openai ft:gpt-5"));
    for name in ["ft:gpt-5x:acme::1", "gpt-5.ft-1", "ft:gpt-6:acme::gpt-5", "acme/gpt-5"] {
        call(Some("openai"), name, None);
    }
}

#[test]
fn the_rule_is_told_and_what_lost_against_it() {
    let table = table();
    let told = |name: &'static str| {
        let found = table.lookup(None, name).unwrap();
        (found.rule, found.name, found.date)
    };
    assert_eq!(told("m"), (Rule::Id, "m", None));
    assert_eq!(told("m-latest-2026-03-05"), (Rule::Alias, "m-latest", Some("2026-03-05")));
    assert_eq!(told("x/yellow"), (Rule::Pattern("x/y*"), "x/yellow", None));
    let rivals = |name: &'static str| -> Vec<_> {
        let rivals = table.rivals(None, name);
        rivals.iter().map(|m| (m.model.provider.clone(), m.model.id.clone(), m.rule)).collect()
    };
    assert_eq!(rivals("x/yellow"), [("a".into(), "m-mini".into(), Rule::Pattern("x/*"))]);
    assert_eq!(rivals("m"), [("b".into(), "m".into(), Rule::Id)]);
    let dated = [("a".into(), "m".into(), Rule::Id), ("b".into(), "m".into(), Rule::Id)];
    assert_eq!(rivals("m-2024-05-13"), dated);
    assert!(table.rivals(None, "nobody").is_empty());
    let rival = hosts().rivals(None, "openai/gpt-5").first().map(|m| m.model.id.clone());
    assert_eq!(rival.as_deref(), Some("openai/gpt-5"));
}

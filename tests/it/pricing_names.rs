//! Names of the shipped table: every rule on real names, and what a look-up costs.

use farebox::pricing::{Deployment, PriceTable, Rule};
use std::sync::LazyLock;

static BUILTIN: LazyLock<PriceTable> = LazyLock::new(|| PriceTable::builtin().unwrap());

#[track_caller]
fn check(provider: &str, name: &str, expected: Option<(&str, &str)>) {
    let provider = Some(provider).filter(|provider| !provider.is_empty());
    let found = BUILTIN.find(provider, name);
    assert_eq!(
        found.map(|m| (m.provider.as_str(), m.id.as_str())),
        expected,
        "{provider:?} {name}"
    );
}

#[test]
fn every_model_is_found_by_its_own_names_at_its_own_provider() {
    for model in BUILTIN.models() {
        let found = BUILTIN.lookup(Some(&model.provider), &model.id).unwrap();
        assert_eq!((found.model.id.as_str(), found.rule), (model.id.as_str(), Rule::Id));
        let prefixed = format!("{}/{}", model.provider, model.id);
        let found = BUILTIN.lookup_named(None, &prefixed).unwrap();
        assert_eq!((&found.model.provider, &found.model.id), (&model.provider, &model.id));
    }
}

#[test]
fn every_bedrock_model_is_found_behind_a_region_and_in_an_arn() {
    let models = BUILTIN.models().iter().filter(|model| model.provider == "bedrock");
    let mut checked = 0;
    for model in models {
        let regional = model.id.strip_prefix("global.").is_none();
        let forms =
            ["us.", "eu.", "apac.", "us-gov."].map(|region| format!("{region}{}", model.id));
        let forms = forms.iter().filter(|_| regional).chain([&model.id]);
        for id in forms {
            check("bedrock", id, Some(("bedrock", &model.id)));
            let profile = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{id}");
            check("bedrock", &profile, Some(("bedrock", &model.id)));
            let custom = format!("arn:aws:bedrock:us-east-1:123456789012:custom-model/{id}/abc");
            check("bedrock", &custom, None);
            checked += 1;
        }
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn a_look_up_that_succeeds_allocates_nothing() {
    let deployment = Deployment {
        provider: "azure".to_owned(),
        name: "prod-chat".to_owned(),
        target: "gpt-5".to_owned(),
        place: String::new(),
    };
    let table = PriceTable::builtin().unwrap().with_deployments(&[deployment]).unwrap();
    let names = [
        (Some("openai"), "gpt-5"),
        (Some("openai"), "gpt-5-2025-08-07"),
        (Some("openai"), "ft:gpt-4o-mini-2024-07-18:acme::1"),
        (Some("openai"), "openai/gpt-5"),
        (Some("azure"), "prod-chat"),
        (Some("azure"), "gpt-4o-2024-11-20"),
        (Some("bedrock"), "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (
            Some("bedrock"),
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (Some("openrouter"), "openai/gpt-5"),
        (Some("ollama"), "llama3"),
        (None, "gpt-5"),
    ];
    for (provider, name) in names {
        // The first use of a pattern makes what all later ones share.
        assert!(table.find(provider, name).is_some(), "{name}");
        let found = allocation_counter::measure(|| {
            assert!(table.find(provider, name).is_some());
        });
        assert_eq!(found.count_total, 0, "{name}");
    }
}

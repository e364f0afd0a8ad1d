//! Agreements and the names that calls and answers use: a prefix, a deployment, any name at a
//! provider, and what a reload must notice.

use crate::canned::table;
use farebox::pricing::{Per, PriceTable};
use std::sync::Arc;

const LOCAL: &str = "[providers.local]\nbase_url = 'http://127.0.0.1:9/v1'\n\
                     [[prices.overrides]]\nprovider = 'local'\n\
                     price = [{ input = '5', output = '10' }]\n";
const AZURE: &str = "[providers.azure]\nbase_url = 'http://127.0.0.1:9/openai/v1'\n";
const BOTH: &str = "[[prices.overrides]]\nprovider = 'openai'\nmultiplier = '0.5'\n\
                    [[prices.overrides]]\nprovider = 'azure'\nmultiplier = '0.8'\n";

/// What a million input tokens cost, in dollars.
fn input(table: &PriceTable, model: &farebox::pricing::ModelPrice) -> String {
    let usage = farebox::usage::Usage::default().with(farebox::usage::Figure::InputTotal, 1);
    let terms = farebox::pricing::Terms::default();
    let lines = table.charge(model, &usage, &[], &terms).lines;
    lines.first().map_or_else(|| "0".to_owned(), |line| line.price.per(Per::Million))
}

fn found(table: &PriceTable, provider: Option<&str>, name: &str) -> Option<String> {
    table.find(provider, name).map(|model| input(table, model))
}

#[test]
fn a_prefix_in_a_name_does_not_undo_an_agreement() {
    let local = table(LOCAL).unwrap();
    for name in ["anything", "ollama/anything", "vllm/x", "openai/nothing"] {
        assert_eq!(found(&local, Some("local"), name).as_deref(), Some("5"), "{name}");
    }
    let plain = table("[providers.local]\nbase_url = 'http://127.0.0.1:9/v1'\n").unwrap();
    assert_eq!(found(&plain, Some("local"), "ollama/anything"), None);
    assert_eq!(found(&plain, Some("ollama"), "ollama/anything").as_deref(), Some("0"));
}

#[test]
fn a_person_asks_for_the_price_that_a_call_pays() {
    let table = table(&format!("{AZURE}{BOTH}")).unwrap();
    let named = |provider: Option<&str>, name: &str| {
        table.lookup_named(provider, name).map(|found| input(&table, found.model))
    };
    assert_eq!(found(&table, Some("azure"), "gpt-5").as_deref(), Some("1"));
    for (provider, name, price) in [
        (None, "azure/gpt-5", "1"),
        (Some("azure"), "gpt-5", "1"),
        (Some("azure"), "openai/gpt-5", "1"),
        (None, "openai/gpt-5", "0.625"),
        (None, "gpt-5", "0.625"),
    ] {
        assert_eq!(named(provider, name).as_deref(), Some(price), "{provider:?} {name}");
    }
}

#[test]
fn an_answer_that_names_its_deployment_has_the_price_of_the_hold() {
    let text = format!("{AZURE}[providers.azure.models]\n'gpt-5' = 'openai/gpt-5'\n{BOTH}");
    let table = table(&text).unwrap();
    let held = table.find(Some("azure"), "gpt-5").unwrap();
    let charged = table.find_answered("azure", held, "gpt-5").unwrap();
    assert!(Arc::ptr_eq(held, charged));
    assert_eq!(input(&table, held), "1");
}

#[test]
fn that_others_are_free_there_takes_no_agreed_price_away() {
    let agreed = "[[prices.overrides]]\nprovider = 'vllm'\nmodels = ['big']\n\
                  price = [{ input = '3', output = '3' }]\n";
    let table = table(agreed).unwrap();
    let held = table.find(Some("vllm"), "big").unwrap();
    assert!(table.find_answered("vllm", held, "qwen3").is_none());
    let free = table.find(Some("vllm"), "qwen3").unwrap();
    assert!(Arc::ptr_eq(free, table.find_answered("vllm", free, "llama3").unwrap()));
}

#[test]
fn no_model_of_a_provider_is_dearer_than_its_ceiling() {
    let own = "[[prices.overrides]]\nprovider = 'azure'\nmodels = ['my-ft']\n\
               price = [{ input = '0.1', output = '0.1' }]\n";
    let table = table(&format!("{AZURE}{own}")).unwrap();
    let price = |model| input(&table, model).parse::<f64>().unwrap();
    let ceiling = price(table.dearest("azure").unwrap());
    for name in ["my-ft", "gpt-5", "o1-pro"] {
        assert!(price(table.find(Some("azure"), name).unwrap()) <= ceiling, "{name}");
    }
}

/// Whose models are priced apart depends on which providers there are.
#[test]
fn another_provider_is_another_version_where_prices_are_agreed() {
    let half = "[[prices.overrides]]\nprovider = 'openai'\nmultiplier = '0.5'\n";
    let version = |text: &str| table(text).unwrap().version().to_owned();
    assert_ne!(version(half), version(&format!("{AZURE}{half}")));
    assert_eq!(version(""), version(AZURE));
}

//! The section `[prices]` as an operator writes it: what is refused, with its line and the way out, and
//! what is shown of it.

use crate::canned::table;
use crate::program::{Program, farebox};
use crate::world::{Answer, CHAT, chat, send};

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = table(text).map(|table| table.version().to_owned()).unwrap_err();
    assert!(error.starts_with(expected), "{error}\n{expected}");
}

#[track_caller]
fn refused_override(text: &str, expected: &str) {
    refused(&format!("[prices]\n[[prices.overrides]]\n{text}"), expected);
}

#[track_caller]
fn refused_markup(text: &str, expected: &str) {
    refused(&format!("[prices]\n[[prices.markups]]\n{text}"), expected);
}

#[test]
fn a_factor_that_is_none_is_named_with_its_line() {
    for (text, shown) in [
        ("'-0.85'", "`-0.85`"),
        ("'NaN'", "`NaN`"),
        ("'8.5e-1'", "`8.5e-1`"),
        ("'1/0'", "`1/0`"),
        ("'0,85'", "`0,85`"),
        ("'1000.000001'", "`1000.000001`"),
        ("'0.1234567'", "`0.1234567`"),
    ] {
        let expected =
            format!("farebox.toml:3: {shown} is not a factor: write digits from 0 to 1000");
        refused_override(&format!("multiplier = {text}"), &expected);
        refused_markup(&format!("multiplier = {text}"), &expected);
    }
    refused_override(
        "multiplier = 0.85",
        "farebox.toml:3: invalid type: floating point `0.85`, expected a factor in quotes, such as",
    );
}

#[test]
fn an_override_that_makes_no_sense_is_refused() {
    let either = "farebox.toml:2: prices.overrides.1: give one of `multiplier` and `price`";
    refused_override("models = ['gpt-5']", either);
    let price = "price = [{ input = '1', output = '2' }]";
    refused_override(&format!("models = ['gpt-5']\nmultiplier = '1'\n{price}"), either);
    refused_override(price, "farebox.toml:2: prices.overrides.1: one `price` for all models");
    refused_override("models = []\nmultiplier = '1'", "farebox.toml:3: an empty list fits nothing");
    refused_override("models = ['gpt-5[']\nmultiplier = '1'", "farebox.toml:3: `gpt-5[` is not a");
    refused_override("model = ['gpt-5']", "farebox.toml:3: unknown field `model`");
    let own = |block: &str| format!("models = ['gpt-5']\nprice = [{block}]");
    refused_override(&own("{ input = '-1', output = '2' }"), "farebox.toml:4: `-1` is not a price");
    refused_override(
        &own("{ input = '1' }"),
        "farebox.toml:4: prices.overrides.1.price: there is no `output` price",
    );
    refused_override(
        &own("{ input = '1', outptu = '2' }"),
        "farebox.toml:4: unknown field `outptu`",
    );
    let hours = "{ input = '1', output = '2' }, { hours = ['9-17'], input = '3' }";
    refused_override(&own(hours), "farebox.toml:4: prices.overrides.1.price: `9-17` are no hours");
}

#[test]
fn an_override_that_matches_nothing_is_refused_with_what_was_probably_meant() {
    refused_override(
        "provider = 'opnai'\nmultiplier = '0.9'",
        "farebox.toml:3: prices.overrides.1.provider: there is no provider `opnai`; did you mean `openai`?",
    );
    refused_override(
        "provider = 'openai'\nmodels = ['gpt5-mini*']\nmultiplier = '0.9'",
        "farebox.toml:4: prices.overrides.1.models: no listed model of `openai` fits `gpt5-mini*`; the nearest is `gpt-5-mini`",
    );
    refused_override(
        "models = ['nobody']\nprice = [{ input = '0', output = '0' }]",
        "farebox.toml:3: prices.overrides.1.models: no listed model fits `nobody`",
    );
    refused_override(
        "provider = 'ollama'\nmultiplier = '0.9'",
        "farebox.toml:2: prices.overrides.1: the table lists no model of `ollama` to multiply the price of; give a `price`",
    );
    let two = "models = ['gpt-*']\nmultiplier = '0.9'\n\n[[prices.overrides]]\nmodels = ['gpt-5']\nmultiplier = '0.8'";
    refused_override(
        two,
        "farebox.toml:6: prices.overrides.2: every model that it fits has an earlier override; put it before that",
    );
}

#[test]
fn a_mark_up_that_makes_no_sense_is_refused() {
    refused_markup(
        "users = ['a']",
        "farebox.toml:2: prices.markups.1: it changes nothing; give a `multiplier`",
    );
    refused_markup("per_request = '-0.001'", "farebox.toml:3: `-0.001` is not a price");
    refused_markup("per_request = '1e-3'", "farebox.toml:3: `1e-3` is not a price");
    refused_markup("user = ['a']", "farebox.toml:3: unknown field `user`, expected one of");
}

#[test]
fn what_a_providers_own_figure_is_for_is_one_of_two_words() {
    refused(
        "[prices]\nprovider_cost = 'chrage'",
        "farebox.toml:2: unknown variant `chrage`, expected `record` or `charge`",
    );
    refused("[providers.openrouter]\nprovider_cost = true", "farebox.toml:2: ");
    refused(
        "[prices]\nanomaly_percent = 1001",
        "farebox.toml:2: prices.anomaly_percent = 1001: from 0",
    );
    refused(
        "[prices]\nanomaly_percent = -5",
        "farebox.toml:2: expected a whole number of at least 0",
    );
}

#[test]
fn the_section_is_shown_as_it_was_written() {
    let text = "[prices]
provider_cost = \"charge\"
anomaly_percent = 7

[[prices.overrides]]
provider = \"openai\"
models = [\"gpt-5*\"]
multiplier = \"0.85\"

[[prices.overrides]]
models = [\"o3\"]

[[prices.overrides.price]]
input = \"1\"
output = \"2\"
web_search = \"0.01\"
audio_second = \"0.0001\"

[prices.overrides.price.long]
above = 200000
output = \"3\"

[[prices.overrides.price]]
tiers = [\"flex\"]
from = \"2026-10-12T00:00:00.000Z\"
output = \"1.5\"

[[prices.markups]]
workspaces = [\"eng\"]
multiplier = \"1.1\"
per_request = \"0.001\"
";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, text).unwrap();
    let print = |more: &[&str]| {
        let file = ["config", "print", "--config", path.to_str().unwrap()];
        let output = farebox(&[&file[..], more].concat(), &[]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let printed: toml::Table = toml::from_str(&print(&[])).unwrap();
    let written: toml::Table = toml::from_str(text).unwrap();
    assert_eq!(printed["prices"], written["prices"]);
    let annotated = print(&["--annotated"]);
    assert!(annotated.contains("prices.anomaly_percent = 7"), "{annotated}");
    assert!(annotated.contains("farebox.toml:3"), "{annotated}");
    // What is shown is read as the same.
    let again = print(&[]);
    assert_eq!(table(&again).unwrap().version(), table(text).unwrap().version());
}

#[test]
fn a_variable_counts_too() {
    let output = farebox(&["config", "print"], &[("FAREBOX_PRICES__PROVIDER_COST", "charge")]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("provider_cost = \"charge\""));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    let text = "[[prices.overrides]]\nmodels = ['gpt-5']\nprice = [{ input = '1', output = '2' }]";
    std::fs::write(&path, text).unwrap();
    let output = farebox(
        &["config", "print", "--config", path.to_str().unwrap()],
        &[("FAREBOX_PRICES__ANOMALY_PERCENT", "9")],
    );
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("anomaly_percent = 9") && printed.contains("gpt-5"), "{printed}");
}

#[test]
fn a_server_does_not_start_with_an_override_that_matches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    let text = "[[prices.overrides]]\nprovider = 'openai'\nmodels = ['gtp-5']\nmultiplier = '0.9'";
    std::fs::write(&path, text).unwrap();
    let data = dir.path().join("data");
    let output = farebox(
        &[
            "serve",
            "--config",
            path.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ],
        &[],
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("farebox.toml:3: prices.overrides.1.models: no listed model"), "{said}");
    assert!(said.contains("the nearest is `gpt-5`"), "{said}");
}

/// The built program against a provider whose figures are other ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_figure_that_is_far_from_ours_is_counted_and_logged() {
    let model = "anthropic/claude-sonnet-4.5";
    let body = |cost: &str| {
        format!(
            r#"{{"id":"c1","object":"chat.completion","model":"{model}","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi."}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1000,"completion_tokens":0,"total_tokens":1000,"cost":{cost}}}}}"#
        )
    };
    // Ours is 1,000 × 3 millionths.
    for (cost, counted) in [("0.003149", 0.0), ("0.0034", 1.0), ("0", 1.0)] {
        let addr = crate::canned::canned(body(cost)).await;
        let dir = tempfile::tempdir().unwrap();
        let upstream = format!("openrouter=http://{addr}/v1");
        let environment = [("OPENROUTER_API_KEY", "sk-x")];
        let program = Program::serve(dir.path(), &["--upstream", &upstream], &environment);
        let answer = program.call(&program.first_key(), CHAT, "", &chat(model, "")).await;
        assert_eq!(answer.header("x-farebox-cost-usd").as_deref(), Some("0.003"));
        let scrape = Answer::read(send(program.admin, "/metrics", "", "").await).await;
        let series = format!(
            "farebox_provider_cost_anomalies_total{{provider=\"openrouter\",model=\"{model}\"}} "
        );
        let line = scrape.text().lines().find_map(|line| line.strip_prefix(&series));
        assert_eq!(line.map_or(0.0, |n| n.parse().unwrap()), counted, "{cost}");
        let log = program.log_text();
        assert_eq!(
            log.contains("says that this call costs something else"),
            counted > 0.0,
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_without_a_price_is_counted_and_logged_once_for_each_model() {
    let simulated = farebox::demo::provider::Simulated::start(None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let environment = [("OPENAI_API_KEY", "sk-x"), ("FAREBOX_ENFORCEMENT__UNPRICED_MODEL", "free")];
    let program = Program::serve(dir.path(), &["--upstream", &upstream], &environment);
    let key = program.first_key();
    let path = "/openai/v1/chat/completions";
    for _ in 0..3 {
        let answer = program.call(&key, path, "", &chat("new-one", "")).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.header("x-farebox-cost-usd").as_deref(), Some("0"));
    }
    let scrape = Answer::read(send(program.admin, "/metrics", "", "").await).await;
    let counted = "farebox_unpriced_requests_total{model=\"new-one\"} 3";
    assert!(scrape.text().contains(counted), "{}", scrape.text());
    // Clients choose the name; no other metric has it.
    assert_eq!(scrape.text().matches("new-one").count(), 1, "{}", scrape.text());
    assert_eq!(program.log_text().matches("this model has no price").count(), 1);
}

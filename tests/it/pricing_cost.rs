//! `farebox pricing cost` as a stranger runs it: sums to the nano-dollar, conditions, refusals.

use crate::program::farebox;
use serde_json::{Value, json};
use std::process::Output;

/// Standard and tier prices, dates, a long prompt, a region, and what is not tokens.
const TABLE: &str = r#"
free_providers = ["ollama"]

[[model]]
id = "plain"
provider = "openai"
aliases = ["plain-latest"]
regions = { us = "1.1" }
[[model.price]]
input = "2.5"
cached_input = "0.25"
output = "15"
web_search = "0.01"
long = { above = 1000, input = "5", output = "22.5" }
[[model.price]]
from = "2026-09-01"
input = "2"
output = "10"
[[model.price]]
tiers = ["priority", "fast"]
from = "2026-08-01"
input = "4"
output = "20"

[[model]]
id = "ft:plain"
provider = "openai"
match = ["ft:plain:*"]
[[model.price]]
input = "30"
output = "60"

[[model]]
id = "voice"
provider = "openai"
[[model.price]]
input = "4"
cached_input = "0.4"
audio_input = "32"
cached_audio = "0.4"
image_input = "5"
output = "16"
audio_output = "64"
audio_second = "0.0001"
request = "0.5"

[[model]]
id = "grounded"
provider = "gemini"
[[model.price]]
input = "1"
cache_write = "1.25"
cache_write_1h = "2"
output = "2"
web_search_query = "0.014"

[[model]]
id = "plain"
provider = "groq"
[[model.price]]
input = "1"
output = "1"

[[model]]
id = "openai/plain"
provider = "openrouter"
[[model.price]]
input = "100"
output = "100"
"#;

/// A directory with the table and a configuration that names it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("prices.toml"), TABLE).unwrap();
        Self(dir)
    }

    fn run(&self, line: &str) -> Output {
        let table = self.0.path().join("prices.toml");
        let mut words = vec!["pricing", "cost"];
        words.extend(line.split_whitespace());
        words.extend(["--pricing", table.to_str().unwrap()]);
        farebox(&words, &[])
    }

    fn json(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --json"));
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a line costs in nano-dollars.
    #[track_caller]
    fn costs(&self, line: &str, nanos: i64) {
        assert_eq!(self.json(line)["cost_nanousd"], nanos, "{line}");
    }

    /// A line is refused with a status and a message that has all of the parts; nothing is printed.
    #[track_caller]
    fn refused(&self, line: &str, status: i32, parts: &[&str]) {
        let output = self.run(line);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{line}: {error}");
        assert!(output.stdout.is_empty(), "{line}");
        for part in parts {
            assert!(error.contains(part), "{line}: `{part}` is missing in {error}");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn r003_the_lines_are_exact_and_the_sum_is_rounded_up_once() {
    let desk = Desk::new();
    // 500 × 2.5 + 300 × 0.25 + 7 × 15 = 1,250 + 75 + 105 = 1,430 millionths.
    let line = "plain --input 800 --cached-input 300 --output 7 --at 2026-08-31";
    let object = desk.json(line);
    let version = object["price_version"].as_str().unwrap();
    assert_eq!(version.len(), 12);
    assert_eq!(
        object,
        json!({
            "model": "plain",
            "matched": "plain",
            "price_version": version,
            "cost_usd": "0.00143",
            "cost_nanousd": 1_430_000,
            "lines": [
                {"class": "input", "quantity": 500, "usd_per_million": "2.5", "cost_usd": "0.00125"},
                {"class": "cached_input", "quantity": 300, "usd_per_million": "0.25",
                 "cost_usd": "0.000075"},
                {"class": "output", "quantity": 7, "usd_per_million": "15", "cost_usd": "0.000105"},
            ],
        })
    );
    let output = desk.run(line);
    assert_eq!(
        text(&output.stdout),
        format!(
            "plain at openai, 2026-08-31T00:00:00Z, price table {version}\n\n\
             CLASS         QUANTITY  PRICE  FOR        COST (USD)\n\
             input              500    2.5  a million     0.00125\n\
             cached_input       300   0.25  a million    0.000075\n\
             output               7     15  a million    0.000105\n\
             total                                        0.00143  = 1430000 nano-dollars\n"
        )
    );
    // 1 × 0.25 = 0.25 millionths are 250 nano-dollars; nothing is rounded up to one.
    desk.costs("plain --input 1 --cached-input 1 --at 2026-08-31", 250);
    desk.costs("plain", 0);
    assert_eq!(desk.json("plain")["lines"], json!([]));
}

#[test]
fn a_class_without_a_price_says_whose_it_takes() {
    let desk = Desk::new();
    let object = desk
        .json("grounded --input 10 --cached-input 4 --cache-write-30m 3 --output 5 --reasoning 5");
    let lines: Vec<_> = object["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["class"].as_str().unwrap(), line["fallback"].as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            ("input", None),
            ("cached_input", Some("input")),
            ("cache_write_30m", Some("cache_write")),
            ("reasoning", Some("output")),
        ]
    );
    let shown = text(&desk.run("grounded --input 4 --cached-input 4").stdout);
    assert!(shown.contains("at the price of input"), "{shown}");
}

#[test]
fn every_part_and_unit_has_its_price() {
    let desk = Desk::new();
    // 1 write of each: 1.25 + 1.25 (5m) + 1.25 (30m) + 2 + 1.25 (12h), 5 rest: 5 → 12 millionths.
    desk.costs(
        "grounded --input 10 --cache-write 1 --cache-write-5m 1 --cache-write-30m 1 \
         --cache-write-1h 1 --cache-write-12h 1",
        12_000,
    );
    // 400 audio × 32 + 200 cached audio × 0.4 + 100 cached text × 0.4 + 50 images × 5 + 250 × 4
    // = 12,800 + 80 + 40 + 250 + 1,000 = 14,170; 20 audio × 64 + 10 reasoning and 10 text × 16 =
    // 1,600: 15,770 millionths.
    desk.costs(
        "voice --input 1000 --audio-input 600 --cached-input 300 --cached-audio 200 \
         --image-input 50 --output 40 --audio-output 20 --reasoning 10",
        15_770_000,
    );
    // What is said to be cached audio is cached, and audio: 800 × 4 + 200 × 0.4.
    desk.costs("voice --input 1000 --cached-audio 200", 3_280_000);
    // 24.25 seconds × 0.0001 + 3 calls × 0.5.
    desk.costs("voice --audio-seconds 24.25 --requests 3", 2_425_000 + 1_500_000_000);
    // A call is not charged for before it is counted.
    desk.costs("voice --input 1", 4_000);
    desk.costs("plain --web-searches 3 --at 2026-08-31", 30_000_000);
    // Where queries are billed, searches are queries.
    desk.costs("grounded --web-searches 3", 42_000_000);
    let object = desk.json("voice --audio-seconds 24.25");
    assert_eq!(
        object["lines"],
        json!([{"class": "audio_second", "quantity": 24.25, "usd_each": "0.0001",
                "cost_usd": "0.002425"}])
    );
    let output = desk.run("plain --pages 4 --requests 2");
    assert!(output.status.success());
    for flag in ["--pages", "--requests"] {
        assert!(text(&output.stderr).contains(&format!("{flag} costs nothing")), "{flag}");
    }
}

#[test]
fn tier_speed_region_date_and_length_decide() {
    let desk = Desk::new();
    let one = "plain --input 1000 --output 100";
    for (conditions, nanos) in [
        ("--at 2026-08-31T23:59:59Z", 2_500_000 + 1_500_000),
        ("--at 2026-09-01", 2_000_000 + 1_000_000),
        ("--at 2026-09-01 --service-tier default", 3_000_000),
        ("--at 2026-09-01 --service-tier standard --speed standard", 3_000_000),
        ("--at 2026-09-01 --service-tier priority", 4_000_000 + 2_000_000),
        ("--at 2026-09-01 --speed fast", 6_000_000),
        ("--at 2026-09-01 --region us", 3_300_000),
        ("--at 2026-09-01 --region us --service-tier priority", 6_600_000),
        ("--at 2026-09-01 --region mars", 3_000_000),
    ] {
        desk.costs(&format!("{one} {conditions}"), nanos);
    }
    // 1,000 tokens are no long prompt, 1,001 are one: 5 instead of 2.5, 22.5 instead of 15.
    desk.costs("plain --input 1001 --output 100 --at 2026-08-01", 5_005_000 + 2_250_000);
    desk.costs("plain --input 1001 --cached-input 1001 --at 2026-08-01", 250_250);
}

#[test]
fn a_prefix_says_whose_model_it_is() {
    let desk = Desk::new();
    let input = "--input 1000 --at 2026-09-01";
    for (model, nanos) in [
        ("plain", 2_000_000),
        ("plain-latest", 2_000_000),
        ("plain-2026-03-05", 2_000_000),
        ("openai/plain", 2_000_000),
        ("azure/plain", 2_000_000),
        ("groq/plain", 1_000_000),
        ("openrouter/openai/plain", 100_000_000),
        ("gemini/grounded", 1_000_000),
        ("google/grounded", 1_000_000),
        ("ft:plain:acme::1", 30_000_000),
        ("openai/ft:plain:acme::1", 30_000_000),
        ("ollama/anything", 0),
    ] {
        desk.costs(&format!("{model} {input}"), nanos);
    }
    desk.costs(&format!("openai/plain --provider openrouter {input}"), 100_000_000);
    desk.costs(&format!("plain --provider groq {input}"), 1_000_000);
    desk.costs(&format!("plain --provider azure {input}"), 2_000_000);
    desk.refused("plian --input 1", 5, &["`plian`", "did you mean `plain`"]);
    desk.refused("groq/plian --input 1", 5, &["did you mean `groq/plain`"]);
    desk.refused("grounded --provider openai", 5, &["no price for `grounded` at `openai`"]);
    desk.refused("plain --provider opnai", 5, &["no provider `opnai`", "openai"]);
    desk.refused("ft:other:acme::1", 5, &["ft:other:acme::1"]);
}

#[test]
fn what_contradicts_itself_or_has_no_price_is_refused_and_named() {
    let desk = Desk::new();
    for (line, parts) in [
        ("--cached-input 10 --input 5", &["--cached-input 10", "--input 5"][..]),
        ("--cached-input 10", &["--cached-input 10", "--input 0"]),
        ("--input 5 --cached-input 3 --cache-write 3", &["--cache-write 3", "together are 6"]),
        ("--input 5 --cache-write-1h 6", &["--cache-write-1h 6"]),
        ("--input 5 --audio-input 6", &["--audio-input 6"]),
        ("--input 9 --audio-input 5 --image-input 5", &["together are 10"]),
        ("--input 9 --cached-input 1 --cached-audio 2", &["--cached-audio 2", "--cached-input 1"]),
        ("--input 9 --cached-input 9 --audio-input 1 --cached-audio 2", &["--audio-input 1"]),
        ("--output 5 --reasoning 6", &["--reasoning 6", "--output 5"]),
        ("--output 5 --reasoning 3 --audio-output 3", &["together are 6"]),
        (
            "--input 18446744073709551615 --cached-input 18446744073709551615 --cache-write 1",
            &["together are 18446744073709551616"],
        ),
        ("--service-tier nope", &["`plain`", "`nope`", "`fast` or `priority`"]),
        ("--service-tier flex --at 2026-09-01", &["--service-tier", "`flex`"]),
        ("--service-tier priority --at 2026-07-31", &["from 2026-08-01T00:00:00Z on only"]),
        ("--speed turbo", &["--speed", "`turbo`"]),
        ("--search-context low", &["`search_low`"]),
        ("--input -5", &["`-5`", "must not be negative"]),
        ("--input 1.5", &["`1.5`"]),
        ("--input 1e3", &["`1e3`"]),
        ("--input 1,000", &["`1,000`"]),
        ("--input NaN", &["`NaN`"]),
        ("--input 18446744073709551616", &["`18446744073709551616`", "at most"]),
        ("--input 18446744073709551615", &["9007199.254740991"]),
        ("--audio-seconds -1", &["`-1`"]),
        ("--audio-seconds 1.2345", &["`1.2345`"]),
        ("--audio-seconds 99999999999999999999", &["99999999999999999999"]),
        ("--at yesterday", &["`yesterday`"]),
        ("--at 2026-13-01", &["`2026-13-01`"]),
        ("--unheard-of 1", &["--unheard-of"]),
    ] {
        desk.refused(&format!("plain {line}"), 2, parts);
    }
    desk.refused("voice --service-tier flex", 2, &["it has the standard price only"]);
}

#[test]
fn the_table_is_that_of_the_flag_the_variable_the_file_or_the_program() {
    let desk = Desk::new();
    let table = desk.0.path().join("prices.toml").to_str().unwrap().to_owned();
    let config = desk.0.path().join("farebox.toml");
    // Secrets of the file are not needed.
    let file = format!(
        "listen = \"0.0.0.0:80\"\npricing = \"{table}\"\n[ledger]\nredis_url = \"${{NO_SUCH}}\"\n[admin]\ntoken_file = \
         \"/no/such\"\n[[providers.openai.credentials]]\nname = \"a\"\napi_key = \"${{NO_SUCH}}\""
    );
    std::fs::write(&config, file).unwrap();
    let config = config.to_str().unwrap();
    let words = ["pricing", "cost", "grounded", "--input", "1000000", "--json"];
    let cost = |more: &[&str], environment: &[(&str, &str)]| {
        let output = farebox(&[&words[..], more].concat(), environment);
        let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), object["cost_usd"].as_str().unwrap_or_default().to_owned())
    };
    let found = (Some(0), "1".to_owned());
    assert_eq!(cost(&["--config", config], &[]), found);
    assert_eq!(cost(&[], &[("FAREBOX_CONFIG", config)]), found);
    assert_eq!(cost(&[], &[("FAREBOX_PRICING", &table)]), found);
    assert_eq!(cost(&["--pricing", &table], &[]), found);
    assert_eq!(cost(&[], &[]).0, Some(5));
    std::fs::write(&table, "[[model]]\nid = 'm'\nprovider = 'p'\n[[model.price]]\ninput = '-1'")
        .unwrap();
    let output = farebox(&["pricing", "cost", "m", "--pricing", &table], &[]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("line 5: `-1` is not a price"), "{output:?}");
    let output = farebox(&["pricing", "--pricing", "/no/such", "cost", "m"], &[]);
    assert_eq!(output.status.code(), Some(78));
}

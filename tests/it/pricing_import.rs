//! `farebox pricing import` as an operator runs it: what it says, what it refuses, what it writes.
//!
//! The lists are small ones of ours in the sources' forms; the real ones are imported by
//! `make prices`.

use crate::program::farebox;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

const TABLE: &str = r#"# Ours.
leave_out = ["openai/retired*"]

[[source]]
name = "genai-prices"
file = "older.py"
sha256 = "00"
read = "2026-01-01"

# ---- openai ----

[[model]]
id = "m" # the one
provider = "openai"
aliases = ["m-latest"]
keep = ["cache_write_12h", "flex"]
context = 1000

[[model.price]] # standard
input = "2" # checked by hand
cache_write_12h = "9"
output = "10"

[[model.price]]
tiers = ["flex"]
input = "1"
output = "5"

[[model]]
id = "own"
provider = "openai"
source = "own"

[[model.price]]
input = "7"
output = "7"

[[model]]
id = "second"
provider = "openai"
source = "litellm"

[[model.price]]
input = "1"
output = "1"
"#;

const GENAI: &str = "\"\"\"HEAD\"\"\"\nfrom .types import *\nproviders: list[Provider] = [\n    Provider(\n        \
    id='openai',\n        name='OpenAI',\n        models=[\n            ModelInfo(\n                id='m',\n                \
    match=ClauseEquals(equals='m'),\n                prices=ModelPrice(input_mtok=Decimal('2.10'), \
    output_mtok=Decimal('10')),\n            ),\n            ModelInfo(\n                id='n',\n                \
    match=ClauseOr(or_=[ClauseEquals(equals='n-name'), ClauseStartsWith(starts_with='n')]),\n                \
    prices=[\n                    ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('0.1234567890123456'))),\n                    \
    ConditionalPrice(constraint=StartDateConstraint(start_date=datetime.date(2027, 1, 2)), \
    prices=ModelPrice(input_mtok=TieredPrices(base=Decimal('0.2'), tiers=[Tier(start=199999, price=Decimal('0.4'))]))),\n                \
    ],\n            ),\n            ModelInfo(id='retired-1', match=ClauseEquals(equals='r'), prices=ModelPrice(x_mtok=Decimal('1'))),\n        \
    ],\n    ),\n    Provider(id='other', models=[ModelInfo(id='o', match=ClauseEquals(equals='o'), \
    prices=ModelPrice(x_mtok=Decimal('1')))]),\n]\n";

const LITELLM: &str = "{\n  \"m\": {\"input_cost_per_token\": 2e-06, \"output_cost_per_token\": 1e-05, \"max_output_tokens\": 500},\n  \
    \"second\": {\"input_cost_per_token\": 1.1e-06, \"output_cost_per_token\": 1.0000000000000002e-06}\n}\n";

/// A folder with the three files.
struct Desk {
    dir: TempDir,
}

/// How a run ended.
#[derive(Debug)]
struct Ended {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new(genai: &str, litellm: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("table.toml"), TABLE).unwrap();
        fs::write(dir.path().join("data.py"), genai).unwrap();
        fs::write(dir.path().join("map.json"), litellm).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs an import of `list` over `table`.
    fn import(&self, table: &str, list: &str, more: &[&str]) -> Ended {
        let (table, list, map) = (self.path(table), self.path(list), self.path("map.json"));
        let mut arguments = vec!["pricing", "import", "--pricing", table.to_str().unwrap()];
        arguments.extend(["--from", "genai-prices", list.to_str().unwrap()]);
        arguments.extend(["--cross-check", "litellm", map.to_str().unwrap()]);
        arguments.extend(more);
        let output = farebox(&arguments, &[]);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[test]
fn what_the_source_says_counts_and_everything_else_stays() {
    let desk = Desk::new(GENAI, LITELLM);
    let new = desk.path("new.toml");
    let ended = desk.import("table.toml", "data.py", &["--output", new.to_str().unwrap()]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.out.contains("new: openai/n\n"), "{}", ended.out);
    assert!(
        ended.out.contains("openai    m       standard  input    2  2.1    +5 %"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("openai/m: max_output is 500"), "{}", ended.out);
    assert!(
        ended.out.contains("3 models compared: 1 new, 2 changed with 2 prices"),
        "{}",
        ended.out
    );
    let text = desk.text("new.toml");
    for kept in [
        "# Ours.\n",
        "id = \"m\" # the one\nprovider = \"openai\"\naliases = [\"m-latest\"]\n",
        "context = 1000\nmax_output = 500\n",
        "[[model.price]] # standard\ninput = \"2.1\"\ncache_write_12h = \"9\"\noutput = \"10\"\n",
        "tiers = [\"flex\"]\ninput = \"1\"\noutput = \"5\"\n",
        "id = \"own\"\nprovider = \"openai\"\nsource = \"own\"\n\n[[model.price]]\ninput = \"7\"\n",
        "id = \"second\"\nprovider = \"openai\"\nsource = \"litellm\"\n\n[[model.price]]\ninput = \"1.1\"\noutput = \"1\"\n",
        "id = \"n\"\nprovider = \"openai\"\naliases = [\"n-name\"]\n\n[[model.price]]\n\
         input = \"0.1234567890123456\"\noutput = \"0\"\n\n[[model.price]]\nfrom = \"2027-01-02\"\n\
         input = \"0.2\"\noutput = \"0\"\nlong = { at_least = 200000, input = \"0.4\" }\n",
        "name = \"litellm\"\nfile = \"map.json\"\nsha256 = \"",
    ] {
        assert!(text.contains(kept), "{kept}\n---\n{text}");
    }
    assert!(!text.contains("older.py"), "{text}");
    assert!(!text.contains("retired-1"), "{text}");
}

#[test]
fn the_same_data_twice_changes_nothing() {
    let desk = Desk::new(GENAI, LITELLM);
    let (new, again) = (desk.path("new.toml"), desk.path("again.toml"));
    desk.import("table.toml", "data.py", &["--output", new.to_str().unwrap()]);
    let more = ["--accept", "0", "--output", again.to_str().unwrap(), "--json"];
    let ended = desk.import("new.toml", "data.py", &more);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["added"], serde_json::json!([]));
    assert_eq!(told["changed"], serde_json::json!([]));
    assert_eq!(told["disagreements"][0]["table"], "2.1");
    assert_eq!(told["disagreements"][0]["litellm"], "2");
    assert_eq!(desk.text("again.toml"), desk.text("new.toml"));
}

#[test]
fn the_shipped_table_is_what_its_sources_make_of_it() {
    let text = include_str!("../../pricing.toml");
    assert_eq!(farebox(&["pricing", "check"], &[]).status.code(), Some(0));
    for (name, digest) in [("genai-prices", "56976ce2"), ("litellm", "9d94d1c7")] {
        let at = text.find(&format!("name = \"{name}\"\n")).unwrap();
        let source = text[at..].split("\n\n").next().unwrap();
        assert!(source.contains("version = ") && source.contains(digest), "{source}");
    }
}

#[test]
fn a_large_change_is_asked_for() {
    let dear = GENAI.replace("'2.10'", "'2000'");
    let desk = Desk::new(&dear, LITELLM);
    let new = desk.path("new.toml");
    let output = ["--output", new.to_str().unwrap()];
    for accept in ["20", "99899"] {
        let ended =
            desk.import("table.toml", "data.py", &[&output[..], &["--accept", accept]].concat());
        assert_eq!(ended.status, Some(3), "{ended:?}");
        assert!(ended.err.contains("openai/m standard input: 2 -> 2000"), "{}", ended.err);
        assert!(ended.err.contains("nothing was written"), "{}", ended.err);
        assert!(ended.err.contains("--accept all"), "{}", ended.err);
        assert!(!new.exists());
    }
    for accept in ["99900", "all"] {
        let ended =
            desk.import("table.toml", "data.py", &[&output[..], &["--accept", accept]].concat());
        assert_eq!(ended.status, Some(0), "{ended:?}");
        fs::remove_file(&new).unwrap();
    }
    let ended = desk.import("table.toml", "data.py", &["--accept", "-5"]);
    assert_eq!(ended.status, Some(2), "{ended:?}");
}

#[test]
fn a_new_model_that_leaps_is_asked_for() {
    let leap = GENAI.replace("base=Decimal('0.2')", "base=Decimal('200')");
    let ended = Desk::new(&leap, LITELLM).import("table.toml", "data.py", &[]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(
        ended.err.contains("openai/n standard from 2027-01-02 input: 0.1234567890123456 -> 200")
    );
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    for (from, to, expected) in [
        (
            "input_mtok=Decimal('2.10')",
            "quark_mtok=Decimal('1')",
            "line 11: provider `openai`: model `m`: field `quark_mtok` is not understood",
        ),
        (
            "Decimal('2.10')",
            "Decimal('-1')",
            "line 11: provider `openai`: model `m`: `input_mtok`: `-1` is not a price",
        ),
        (
            "Decimal('2.10')",
            "Decimal('NaN')",
            "line 11: provider `openai`: model `m`: `input_mtok`: `NaN` is not a price",
        ),
        ("Decimal('2.10')", "price()", "a price stands where"),
        (
            "match=ClauseEquals(equals='m')",
            "match=ClauseSounds(like='m')",
            "field `like` is not understood",
        ),
        ("name='OpenAI'", "nick='O'", "line 6: provider `openai`: field `nick` is not understood"),
        ("'OpenAI'", "'Open' + 'AI'", "line 6: `+` stands where `,` or `)` is expected"),
        ("[Tier(start=199999, price=Decimal('0.4'))]", "[]", "more than one threshold"),
    ] {
        let desk = Desk::new(&GENAI.replace(from, to), LITELLM);
        let ended = desk.import("table.toml", "data.py", &["--accept", "all"]);
        assert_eq!(ended.status, Some(3), "{to}: {ended:?}");
        assert!(ended.err.contains(expected), "{expected}\n{}", ended.err);
        assert!(ended.err.contains("data.py"), "{}", ended.err);
    }
    let map = LITELLM.replace("input_cost_per_token\": 2e-06", "input_cost_per_quark\": 1");
    let ended = Desk::new(GENAI, &map).import("table.toml", "data.py", &[]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(
        ended.err.contains("map.json: LiteLLM: line 2: model `m`: field `input_cost_per_quark`")
    );
    assert!(ended.err.contains("--providers"), "{}", ended.err);
}

#[test]
fn providers_narrow_what_is_looked_at() {
    let desk = Desk::new(GENAI, LITELLM);
    let ended = desk.import("table.toml", "data.py", &["--providers", "other"]);
    assert!(ended.err.contains("provider `other`: model `o`: field `x_mtok`"), "{ended:?}");
    let ended = desk.import("table.toml", "data.py", &["--providers", "nobody"]);
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.err.contains("`nobody` is a provider of neither"), "{ended:?}");
}

#[test]
fn a_wheel_tells_its_version_and_json_says_the_same() {
    let desk = Desk::new(GENAI, LITELLM);
    let mut wheel = zip::ZipWriter::new(fs::File::create(desk.path("g.whl")).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in
        [("genai_prices/data.py", GENAI), ("genai_prices-9.8.7.dist-info/METADATA", "x")]
    {
        wheel.start_file(name, options).unwrap();
        wheel.write_all(text.as_bytes()).unwrap();
    }
    wheel.finish().unwrap();
    let (new, json) = (desk.path("new.toml"), desk.path("json.toml"));
    let ended = desk.import("table.toml", "g.whl", &["--output", new.to_str().unwrap()]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(desk.text("new.toml").contains("version = \"9.8.7\"\nfile = \"g.whl\"\n"));
    let list = r#"{"units": {}, "providers": [{"id": "openai", "models": [
        {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 2.10, "output_mtok": 10}},
        {"id": "n", "match": {"or": [{"equals": "n-name"}]}, "prices": [
            {"prices": {"input_mtok": 0.1234567890123456}},
            {"constraint": {"start_date": "2027-01-02"}, "prices": {"input_mtok":
                {"base": 0.2, "tiers": [{"start": 199999, "price": 0.4}]}}}]}]}]}"#;
    fs::write(desk.path("data.json"), list).unwrap();
    let ended = desk.import("table.toml", "data.json", &["--output", json.to_str().unwrap()]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let models = |name: &str| desk.text(name).split("# ---- openai").nth(1).unwrap().to_owned();
    assert_eq!(models("json.toml"), models("new.toml"));
}

#[test]
fn files_that_are_missing_torn_or_too_large_are_refused() {
    let desk = Desk::new(GENAI, LITELLM);
    let ended = desk.import("table.toml", "nothing.whl", &[]);
    assert_eq!(ended.status, Some(5), "{ended:?}");
    fs::write(desk.path("torn.whl"), b"PK\x03\x04 and so on").unwrap();
    let ended = desk.import("table.toml", "torn.whl", &[]);
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.err.contains("is no whole wheel"), "{ended:?}");
    // A hole in a file takes no room on the disk, and none in memory.
    fs::File::create(desk.path("large.toml")).unwrap().set_len(100 << 20).unwrap();
    let ended = desk.import("large.toml", "data.py", &[]);
    assert_eq!(ended.status, Some(78), "{ended:?}");
    assert!(ended.err.contains("at most 8388608 bytes are read"), "{ended:?}");
}

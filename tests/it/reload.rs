//! Prices and configuration that change while calls are in flight: the built program on real
//! sockets, its files rewritten under it.

use crate::program::Program;
use crate::world::{Answer, CHAT, LIMIT, chat, send};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;
use tokio::io::AsyncReadExt;

const PLAY: &str = r#"{"input":1000,"output":100}"#;

/// What a call of [`PLAY`] costs with input at $1 and output at $10 a million, in nano-dollars.
const CHEAP: i64 = 1_000 * 1_000 + 100 * 10_000;

/// With input at $3.
const DEAR: i64 = 1_000 * 3_000 + 100 * 10_000;

/// A program whose prices are in a file of its directory.
struct Shop {
    program: Program,
    key: String,
    upstream: String,
    dir: tempfile::TempDir,
    simulated: Simulated,
}

fn prices(input: &str) -> String {
    format!(
        "[[model]]\nid = 'm'\nprovider = 'openai'\nmax_output = 1000\ncontext = 100000\n\
         [[model.price]]\ninput = '{input}'\noutput = '10'\n"
    )
}

fn configuration(upstream: &str, rest: &str) -> String {
    format!(
        "pricing = 'prices.toml'\n{rest}\n[ledger]\nlease_seconds = 5\n[defaults.user]\nlimits = []\n\
         [providers.openai]\nbase_url = '{upstream}'\n\
         [[providers.openai.credentials]]\nname = 'main'\napi_key = 'sk-x'\n"
    )
}

impl Shop {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let upstream = simulated.base_url();
        std::fs::write(dir.path().join("farebox.toml"), configuration(&upstream, "")).unwrap();
        std::fs::write(dir.path().join("prices.toml"), prices("1")).unwrap();
        let program = Program::serve(dir.path(), &[], &[]);
        let mut shop = Self { program, key: String::new(), upstream, dir, simulated };
        shop.json("users create alice --limit 100usd/day");
        shop.key = shop.json("keys create --user alice")["key"].as_str().unwrap().to_owned();
        shop
    }

    fn write(&self, name: &str, text: &str) {
        // As editors and deployments do it: a reader never sees half a file.
        let next = self.dir.path().join("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, self.dir.path().join(name)).unwrap();
    }

    fn verb(&self, line: &str) -> Output {
        self.program.verb(self.dir.path(), &line.split(' ').collect::<Vec<_>>())
    }

    fn json(&self, line: &str) -> Value {
        self.program.json(self.dir.path(), &line.split(' ').collect::<Vec<_>>())
    }

    async fn call(&self) -> Answer {
        let headers = format!("x-simulate: {PLAY}\r\n");
        self.program.call(&self.key, CHAT, &headers, &chat("m", "")).await
    }

    /// Asks the admin API.
    async fn admin(&self, path: &str, body: &str) -> Answer {
        let headers = format!("authorization: Bearer {}\r\n", token(self.dir.path()));
        Answer::read(send(self.program.admin, path, &headers, body).await).await
    }

    /// All settled calls, newest first, once there are so many.
    async fn calls(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let mut all: Vec<Value> = Vec::new();
            let mut after = String::new();
            loop {
                let page =
                    self.admin(&format!("/api/v1/requests?limit=200{after}"), "").await.json();
                all.extend(page["data"].as_array().unwrap().iter().cloned());
                let Some(next) = page["next_cursor"].as_str() else { break };
                after = format!("&after={next}");
            }
            if all.len() >= count {
                assert_eq!(all.len(), count);
                return all;
            }
            assert!(begun.elapsed() < LIMIT * 2, "{} of {count}", all.len());
        }
    }

    async fn metric(&self) -> String {
        let text = self.admin("/metrics", "").await;
        let line = text.text().lines().find(|l| l.starts_with("farebox_config_reload_success "));
        line.unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    async fn version(&self) -> String {
        let prices = self.admin("/api/v1/pricing", "").await.json();
        prices["price_version"].as_str().unwrap().to_owned()
    }

    /// What all accounts of Alice were charged.
    fn spent(&self) -> Value {
        self.json("users show alice")["spent_nanousd"].clone()
    }
}

fn token(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("farebox-data/admin-token")).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_flight_keeps_its_prices_and_the_next_has_the_new_ones() {
    let shop = Shop::open().await;
    let old = shop.version().await;
    // The first event of the stream is here, so its money is held; the rest takes a second.
    let headers = format!(
        "authorization: Bearer {}\r\nx-simulate: {}\r\n",
        shop.key, r#"{"input":1000,"output":100,"chunks":10,"delay_ms":100}"#
    );
    let body = chat("m", r#","stream":true,"max_completion_tokens":100"#);
    let mut stream = send(shop.program.data, CHAT, &headers, &body).await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    shop.write("prices.toml", &prices("3"));
    assert_eq!(
        shop.admin("/api/v1/config/reload", "{}").await.json(),
        json!({"reloaded": true, "changed": ["pricing"], "ignored": []})
    );
    let new = shop.version().await;
    assert_ne!(old, new);
    assert_eq!(shop.call().await.header("x-farebox-cost-usd").unwrap(), "0.004");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("[DONE]"));
    let calls = shop.calls(2).await;
    let of = |version: &str| {
        let found: Vec<_> = calls.iter().filter(|call| call["price_version"] == version).collect();
        assert_eq!(found.len(), 1, "{calls:#?}");
        (found[0]["cost_nanousd"].as_i64().unwrap(), found[0]["held_nanousd"].as_i64().unwrap())
    };
    assert_eq!((of(&old).0, of(&new).0), (CHEAP, DEAR));
    // A request of the same size holds more by the new table.
    assert!(of(&old).1 > 0 && of(&old).1 != of(&new).1);
    assert_eq!(shop.spent(), CHEAP + DEAR);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_says_why() {
    let shop = Shop::open().await;
    let old = shop.version().await;
    assert_eq!(shop.metric().await, "1");
    for (bad, said) in [
        (prices("-1"), "line 7"),
        (prices("1,5"), "`1,5`"),
        (prices("1").replace("output =", "outptu ="), "outpt"),
        ("x".repeat(9 << 20), "too large"),
    ] {
        shop.write("prices.toml", &bad);
        let answer = shop.admin("/api/v1/config/reload", "{}").await;
        assert_eq!(answer.status(), 422, "{}", answer.text());
        assert!(answer.head.contains("application/problem+json"));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("prices.toml") && detail.contains(said), "{detail}");
        assert_eq!((shop.metric().await.as_str(), shop.version().await), ("0", old.clone()));
        assert_eq!(shop.call().await.header("x-farebox-cost-usd").unwrap(), "0.002");
    }
    let output = shop.verb("reload");
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("prices.toml"), "{output:?}");
    // A good table does not help while the configuration is bad: it is all or nothing.
    shop.write("prices.toml", &prices("3"));
    shop.write("farebox.toml", &configuration(&shop.upstream, "lisen = '127.0.0.1:1'"));
    let detail = shop.admin("/api/v1/config/reload", "{}").await.json()["detail"].to_string();
    assert!(detail.contains("farebox.toml:2") && detail.contains("`listen`"), "{detail}");
    assert_eq!(shop.version().await, old);
    shop.write("farebox.toml", &configuration(&shop.upstream, ""));
    let output = shop.verb("reload");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "reloaded: pricing\n");
    assert_eq!(shop.metric().await, "1");
    assert_eq!(shop.call().await.header("x-farebox-cost-usd").unwrap(), "0.004");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reloads_and_what_needs_a_restart_is_named() {
    let shop = Shop::open().await;
    let next = Simulated::start(None).await.unwrap();
    shop.write("prices.toml", &prices("3"));
    let text = configuration(&next.base_url(), "listen = '127.0.0.1:1'");
    let text = text.replace("lease_seconds = 5", "lease_seconds = 50");
    shop.write("farebox.toml", &text);
    let old = shop.version().await;
    let id = shop.program.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    let begun = Instant::now();
    while shop.version().await == old {
        assert!(begun.elapsed() < LIMIT, "{}", shop.program.log_text());
    }
    assert_eq!(shop.call().await.status(), 200);
    // The call went to the new address.
    assert_eq!((shop.simulated.bill().calls(), next.bill().calls()), (0, 1));
    // The same again: nothing is new, and what waits for a restart still waits. The flag wins over
    // the file, so the address is not among it.
    assert_eq!(
        shop.json("reload"),
        json!({"reloaded": true, "changed": [], "ignored": ["ledger.lease_seconds"]})
    );
    assert!(shop.program.log_text().contains("ledger.lease_seconds"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_reloads_loses_no_call_and_mixes_no_prices() {
    const CALLS: usize = 1_000;
    let shop = Shop::open().await;
    let (done, mut over) = tokio::sync::watch::channel(false);
    let storm = async {
        let (mut reloads, mut versions) = (0, std::collections::BTreeMap::new());
        while !*over.borrow_and_update() {
            let (input, cost) = if reloads % 2 == 0 { ("3", DEAR) } else { ("1", CHEAP) };
            shop.write("prices.toml", &prices(input));
            assert_eq!(shop.admin("/api/v1/config/reload", "{}").await.status(), 200);
            versions.insert(shop.version().await, cost);
            reloads += 1;
        }
        (reloads, versions)
    };
    let calls = async {
        for _ in 0..CALLS / 20 {
            let twenty = (0..20).map(|_| async { assert_eq!(shop.call().await.status(), 200) });
            futures(twenty.collect()).await;
        }
        done.send_replace(true);
    };
    let ((reloads, versions), ()) = tokio::join!(storm, calls);
    let settled = shop.calls(CALLS).await;
    let mut sum = 0;
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for call in &settled {
        let version = call["price_version"].as_str().unwrap();
        assert_eq!(call["cost_nanousd"], versions[version], "{call}");
        sum += versions[version];
        *seen.entry(version).or_default() += 1;
    }
    println!("{CALLS} calls, {reloads} reloads, by table: {seen:?}");
    assert!(reloads >= 10 && seen.len() == 2, "{reloads} reloads, {seen:?}");
    assert_eq!(shop.spent(), sum);
    assert_eq!(shop.json("ledger verify")["ok"], true);
}

/// Waits for all of them at the same time.
async fn futures<F: Future<Output = ()>>(all: Vec<F>) {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_is_charged_by_the_table_of_its_hold_whatever_the_table_of_today() {
    let mut shop = Shop::open().await;
    let old = shop.version().await;
    let headers = format!(
        "authorization: Bearer {}\r\nx-simulate: {}\r\n",
        shop.key, r#"{"input":1000,"output":100,"first_delay_ms":600000}"#
    );
    let body = chat("m", r#","max_completion_tokens":100"#);
    let stream = send(shop.program.data, CHAT, &headers, &body).await;
    let begun = Instant::now();
    let held = loop {
        let user = shop.json("users show alice");
        match user["llm_quota"]["dollars_held"].as_str() {
            Some("0") | None => assert!(begun.elapsed() < LIMIT, "{user}"),
            Some(held) => break held.to_owned(),
        }
    };
    shop.program.kill();
    drop(stream);
    shop.write("prices.toml", &prices("3"));
    shop.program = Program::serve(shop.dir.path(), &[], &[]);
    assert_ne!(shop.version().await, old);
    let orphan = shop.calls(1).await.remove(0);
    assert_eq!(orphan["ending"], "orphaned");
    assert_eq!(orphan["price_version"], old);
    assert_eq!(orphan["cost_usd"], held);
}

#[tokio::test(flavor = "multi_thread")]
async fn diff_says_what_a_new_file_would_have_cost() {
    let shop = Shop::open().await;
    for _ in 0..3 {
        assert_eq!(shop.call().await.status(), 200);
    }
    shop.calls(3).await;
    shop.write("new.toml", &prices("3"));
    let found = shop.json("pricing diff new.toml");
    assert_eq!(found["cost_nanousd"], 3 * CHEAP);
    assert_eq!(found["new_cost_nanousd"], 3 * DEAR);
    assert_eq!(found["difference_usd"], "0.006");
    assert_eq!(found["difference_percent"], 100.0);
    assert_eq!(found["models"][0]["calls"], 3);
    for none in ["unpriced", "beyond_the_event", "without_usage"] {
        assert_eq!(found[none], json!([]), "{none}");
    }
    assert_eq!((&found["estimated"], &found["unchecked"]), (&json!(0), &json!({})));
    let text = String::from_utf8(shop.verb("pricing diff new.toml").stdout).unwrap();
    println!("{text}");
    assert!(
        text.contains("openai    m          3   $0.006     $0.012     +$0.006  +100.00"),
        "{text}"
    );
    // Nothing of the model's name in the new table: named, not free.
    shop.write("other.toml", &prices("3").replace("'m'", "'n'"));
    let found = shop.json("pricing diff other.toml --since 1h");
    assert_eq!(found["unpriced"][0]["cost_nanousd"], 3 * CHEAP);
    assert_eq!(found["calls"], 0);
    // The table at hand is not the one that charged.
    let found = shop.json("pricing diff other.toml --pricing new.toml");
    assert_eq!(found["unpriced"][0]["calls"], 3);
    let found = shop.json("pricing diff prices.toml --pricing new.toml");
    assert_eq!(found["unchecked"].as_object().unwrap().len(), 1);
    for (line, code) in [
        ("pricing diff nowhere.toml", 78),
        ("pricing diff new.toml --since yesterday", 2),
        ("pricing diff new.toml --admin-url http://127.0.0.1:1", 7),
    ] {
        assert_eq!(shop.verb(line).status.code(), Some(code), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reload_did_to_prices_is_told_model_by_model() {
    let shop = Shop::open().await;
    let first = shop.version().await;
    let changes = |query: &'static str| shop.admin(query, "");
    let none = changes("/api/v1/pricing/changes").await.json();
    assert_eq!((&none["against"], &none["data"]), (&Value::Null, &json!([])));
    let other = prices("5").replace("id = 'm'", "id = 'n'");
    shop.write("prices.toml", &format!("{}{other}", prices("3")));
    shop.admin("/api/v1/config/reload", "{}").await.json();
    // Another reload, that changes no price, forgets nothing.
    assert_eq!(shop.admin("/api/v1/config/reload", "{}").await.json()["changed"], json!([]));
    let found = changes("/api/v1/pricing/changes").await.json();
    assert_eq!(found["against"]["price_version"], first.as_str());
    assert_eq!(found["against"]["source"], "prices.toml");
    assert_eq!(
        (&found["added"], &found["changed"], &found["removed"]),
        (&1.into(), &1.into(), &0.into())
    );
    let input = &found["data"][0]["prices"];
    assert_eq!((&found["data"][0]["model"], &input[0]["class"]), (&json!("m"), &json!("input")));
    assert_eq!(
        (&input[0]["old"], &input[0]["new"], &input[0]["percent"]),
        (&json!("1"), &json!("3"), &json!(200))
    );
    assert_eq!(input.as_array().unwrap().len(), 1, "the output costs what it did: {input}");
    assert_eq!(found["data"][1]["difference"], "added");
    // Beside the table that is built in, every model of that one is gone; page by page.
    let built_in = changes("/api/v1/pricing/changes?against=built_in&limit=200").await.json();
    assert_eq!((&built_in["added"], &built_in["has_more"]), (&2.into(), &true.into()));
    assert_eq!(built_in["against"]["source"], "built in");
    let next = built_in["next_cursor"].as_str().unwrap();
    let path = format!("/api/v1/pricing/changes?against=built_in&limit=200&after={next}");
    let page = shop.admin(&path, "").await.json();
    assert_ne!(page["data"][0]["model"], built_in["data"][0]["model"]);
    let bad = changes("/api/v1/pricing/changes?against=yesterday").await;
    assert_eq!(bad.status(), 422, "{}", bad.text());
    assert!(bad.text().contains("previous, built_in"), "{}", bad.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_shown_with_all_its_prices_and_the_process_with_its_ledger() {
    let shop = Shop::open().await;
    let text = format!("{}long = {{ above = 200, input = '2' }}\n", prices("1"));
    shop.write("prices.toml", &text);
    shop.admin("/api/v1/config/reload", "{}").await.json();
    let model = shop.admin("/api/v1/pricing?model=m", "").await.json()["model"].clone();
    let sheet = json!({
        "tier": null, "hours": null, "from": null, "prices": {"input": "1", "output": "10"},
        "long": {"above": 200, "prices": {"input": "2", "output": "10"}},
    });
    assert_eq!((&model["prices"], &model["region_factors"]), (&json!([sheet]), &json!({})));
    let system = shop.admin("/api/v1/system", "").await.json();
    assert_eq!((&system["ledger"], &system["timezone"]), (&json!("embedded"), &json!("UTC")));
    assert_eq!(system["version"], env!("CARGO_PKG_VERSION"));
}

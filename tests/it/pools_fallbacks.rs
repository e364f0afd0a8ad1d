//! Who stands in for a provider: where a call goes then, and what it costs there.

use crate::canned;
use crate::pool_rig::{FAILING, LIMITED, Pool, credentials, order};
use crate::world::{CHAT, chat, rules};
use farebox::config::{Config, Environment, Overrides};
use farebox::demo::provider::Simulated;
use farebox::ledger::{Change, Enforcement};
use farebox::pricing::{PriceTable, Terms};
use farebox::provider::{Choose, Fallback, ModelRoute, Provider};
use tokio::net::TcpListener;

fn route(models: &str, provider: &str, fallbacks: &[&str]) -> ModelRoute {
    ModelRoute {
        models: vec![models.to_owned()],
        provider: provider.to_owned(),
        fallbacks: fallbacks.iter().map(|text| Fallback::parse(text)).collect(),
    }
}

/// `openai` with a key, and `groq` with one, at one simulated provider.
async fn two(fallbacks: &[&str]) -> Pool {
    let simulated = Simulated::start(None).await.unwrap();
    let named = |name: &str, keys: &[&str]| Provider {
        credentials: credentials(keys),
        policy: order(Choose::Priority),
        ..canned::provider(name, simulated.base_url())
    };
    let (openai, groq) = (named("openai", &["o"]), named("groq", &["g"]));
    let routes = vec![route("gpt-*", "openai", fallbacks)];
    Pool::beside(simulated, openai, vec![groq], routes, rules()).await
}

#[tokio::test]
async fn a_fallback_serves_and_is_metered_at_what_it_is() {
    let pool = two(&["groq/llama-3.3-70b-versatile"]).await;
    pool.play("o", FAILING);
    let body = chat("gpt-4o-mini", r#","max_tokens":50,"stream":true"#);
    let script = "x-simulate: {\"input\":1000,\"output\":100}\r\n";
    let answer = pool.world.call(CHAT, script, &body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert!(answer.text().contains("llama-3.3-70b-versatile"), "{answer:?}");
    assert!(!answer.text().contains("\"usage\""), "it did not ask for that: {answer:?}");
    let event = pool.world.only_event().await;
    assert_eq!(event.facts.provider, "groq");
    assert_eq!(event.facts.credential, "g");
    let attempts = event.attempts.as_slice().iter();
    assert_eq!(attempts.map(|one| &*one.provider).collect::<Vec<_>>(), ["openai", "groq"]);
    assert_eq!(event.facts.model, "llama-3.3-70b-versatile");
    let table = PriceTable::builtin().unwrap();
    let price = table.find(Some("groq"), "llama-3.3-70b-versatile").unwrap();
    let terms = Terms { at: event.facts.started, ..Terms::default() };
    assert_eq!(event.cost, price.cost(&event.usage, &terms));
    assert_eq!(pool.counted("o").await, (1, 1));
    assert_eq!(pool.counted("g").await, (1, 0));
}

/// A stand-in that names no model gets the one that the call named, whoever was asked between.
#[tokio::test]
async fn the_model_of_one_stand_in_is_not_that_of_the_next() {
    let simulated = Simulated::start(None).await.unwrap();
    let named = |name: &str, key: &str| Provider {
        credentials: credentials(&[key]),
        policy: order(Choose::Priority),
        ..canned::provider(name, simulated.base_url())
    };
    let (openai, groq, spare) = (named("openai", "o"), named("groq", "g"), named("spare", "s"));
    let routes = vec![route("gpt-*", "openai", &["groq/llama-3.3-70b-versatile", "spare"])];
    let pool = Pool::beside(simulated, openai, vec![groq, spare], routes, rules()).await;
    pool.play("o", LIMITED);
    pool.play("g", LIMITED);
    let answer = pool.chat().await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    pool.play("s", FAILING);
    assert_eq!(pool.chat().await.status(), 500);
    for event in pool.world.events().await {
        let facts = &event.facts;
        assert_eq!((facts.provider.as_str(), facts.credential.as_str()), ("spare", "s"));
        assert_eq!(facts.model, "gpt-4o-mini", "{event:?}");
    }
}

/// The dearest of those who may serve is held for, so that `strict` stays true.
#[tokio::test]
async fn strict_holds_for_the_dearest_that_may_serve() {
    let held = |fallbacks: &'static [&'static str]| async move {
        let pool = two(fallbacks).await;
        let strict = Change { enforcement: Some(Some(Enforcement::Strict)), ..Change::default() };
        pool.world.change("user:alice", strict).await;
        let body = chat("gpt-4.1-nano", r#","max_tokens":50"#);
        assert_eq!(pool.world.call(CHAT, "", &body).await.status(), 200);
        pool.world.only_event().await.held
    };
    let alone = held(&[]).await;
    let with_dearer = held(&["openai/gpt-4o"]).await;
    assert!(with_dearer > alone, "{with_dearer:?} {alone:?}");
}

/// A provider that cannot be reached has not seen the call.
#[tokio::test]
async fn a_provider_that_is_gone_is_stood_in_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let simulated = Simulated::start(None).await.unwrap();
    let openai =
        Provider { credentials: credentials(&["a", "b"]), ..canned::provider("openai", gone) };
    let other = canned::provider("groq", simulated.base_url());
    let other = Provider { credentials: Vec::new(), ..other };
    let fallbacks = ["groq/llama-3.3-70b-versatile"];
    let routes = vec![route("gpt-*", "openai", &fallbacks)];
    let pool = Pool::beside(simulated, openai, vec![other], routes, rules()).await;
    for _ in 0..3 {
        assert_eq!(pool.served(1).await, [""], "the stand-in needs no credential");
    }
    // Whoever names the provider wants that one.
    let body = chat("gpt-4o-mini", "");
    let answer = pool.world.call("/openai/v1/chat/completions", "", &body).await;
    assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream_unreachable"));
    pool.world.nothing_held().await;
}

/// A key may use what it may use, also where another model stands in.
#[tokio::test]
async fn a_stand_in_that_the_key_may_not_use_does_not_serve() {
    let pool = two(&["groq/llama-3.3-70b-versatile"]).await;
    pool.play("o", FAILING);
    let key = pool.world.user("bob", &["1usd/day"], None, &["gpt-*"]).await;
    let answer = pool.world.call_as(&key, CHAT, "", &chat("gpt-4o-mini", "")).await;
    assert_eq!(answer.status(), 500, "{answer:?}");
}

fn refused(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, text).unwrap();
    let read = Config::load(Some(&path), &Environment::default(), &Overrides::default());
    read.map(|_| String::new()).unwrap_or_else(|bad| bad.to_string())
}

#[test]
fn what_makes_no_sense_is_refused_with_its_name() {
    let providers = "[providers.openai]\n[providers.groq]\n[providers.anthropic]\n\
                     [providers.gemini]\n[[routes]]\nmodels = ['gpt-*']\n";
    for (text, names) in [
        ("provider = 'openai'\nfallbacks = ['groq/llama', 'groq']", ""),
        ("provider = 'openai'\nfallbacks = ['openai']", "leads back"),
        ("provider = 'openai'\nfallbacks = ['nobody']", "no provider `nobody`"),
        ("provider = 'openai'\nfallbacks = ['groq', 'groq']", "there twice"),
        ("provider = 'openai'\nfallbacks = ['anthropic']", "speaks anthropic"),
        ("provider = 'openai'\nfallbacks = ['groq/']", "names no model"),
        ("provider = 'gemini'\nfallbacks = ['gemini/gemini-2.5-pro']", "in the path"),
    ] {
        let said = refused(&format!("{providers}{text}\n"));
        assert!(said.contains(names) && said.is_empty() == names.is_empty(), "{text}: {said}");
    }
    for (text, names) in [
        ("choose = 'fastest'", "fastest"),
        ("breaker_failures = 0", "breaker_failures = 0: from 1 to 1000"),
        ("breaker_seconds = 601", "breaker_seconds = 601: from 1 to 600"),
        ("retries = 11", "retries = 11: from 0 to 10"),
        ("retry_budget_percent = 101", "retry_budget_percent = 101: from 0 to 100"),
        ("[[providers.openai.credentials]]\nname = 'a'\napi_key = 'k'\nweight = -1", "weight"),
    ] {
        let said = refused(&format!("[providers.openai]\n{text}\n"));
        assert!(said.contains(names), "{text}: {said}");
    }
}

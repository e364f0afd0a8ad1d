//! `strict`, seen from outside: what it refuses says what would help, and what it admits is never
//! charged more than was held.

use crate::canned::answering;
use crate::world::{Answer, CHAT, PROVIDER_KEY, World, chat, rules};
use farebox::demo::provider::Simulated;
use farebox::ledger::{Change, Enforcement};
use farebox::pricing::PriceTable;
use farebox::proxy::{Rules, Unpriced};
use farebox::usage::Figure;
use serde_json::Value;

/// A world of these providers, whose Alice is under `strict`.
async fn strict(table: PriceTable, limits: &[&str], rules: Rules, names: &[&str]) -> World {
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let addr = simulated.addr();
    let at = |name: &&str| {
        let version = if matches!(*name, "openai" | "groq") { "/v1" } else { "" };
        crate::canned::provider(name, format!("http://{addr}{version}"))
    };
    let providers = names.iter().map(at).collect();
    let world = World::priced(table, simulated, providers, limits, rules).await;
    enforce(&world).await;
    world
}

async fn enforce(world: &World) {
    let change = Change { enforcement: Some(Some(Enforcement::Strict)), ..Change::default() };
    world.change("user:alice", change).await;
}

async fn builtin(limits: &[&str], names: &[&str]) -> World {
    strict(PriceTable::builtin().unwrap(), limits, rules(), names).await
}

fn message(answer: &Answer) -> String {
    let json = answer.json();
    let told = [&json["error"]["message"], &json["message"], &json["error"]];
    told.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned()
}

/// The number in "The largest `FIELD` that fits is NUMBER."
fn largest(answer: &Answer, field: &str) -> u64 {
    let message = message(answer);
    let (_, rest) = message
        .split_once(&format!("The largest `{field}` that fits is "))
        .unwrap_or_else(|| panic!("{message}"));
    rest.trim_end_matches('.').parse().unwrap()
}

/// Asks for too much, then for one token more than fits, then for what fits. All bodies are of one
/// length.
async fn fits(world: &World, path: &str, body: impl Fn(u64) -> String, field: &str) -> u64 {
    let refused = world.call(path, "", &body(9_000_000)).await;
    assert_eq!(refused.status(), 429, "{path}: {refused:?}");
    let most = largest(&refused, field);
    let over = world.call(path, "", &body(most + 1)).await;
    assert_eq!(over.status(), 429, "{path}: one more than {most} is admitted");
    assert_eq!(largest(&over, field), most, "{path}");
    let calls = world.provider_calls();
    let admitted = world.call(path, "", &body(most)).await;
    assert_eq!(admitted.status(), 200, "{path}: {}", admitted.text());
    assert_eq!(world.provider_calls(), calls + 1);
    most
}

#[tokio::test]
async fn r031_a_refusal_names_the_largest_ceiling_that_fits_in_the_requests_own_words() {
    let names = ["openai", "anthropic", "gemini", "bedrock", "cohere"];
    let told = r#""messages":[{"role":"user","content":"Say hello."}]"#;
    let sorts = [
        (CHAT, "max_completion_tokens", chat("gpt-5", r#","max_completion_tokens":NUMBER"#)),
        (CHAT, "max_tokens", chat("gpt-4o", r#","max_tokens":NUMBER,"n":3"#)),
        (
            "/v1/responses",
            "max_output_tokens",
            r#"{"model":"gpt-5","input":"Hi","max_output_tokens":NUMBER}"#.to_owned(),
        ),
        (
            "/v1/messages",
            "max_tokens",
            format!(r#"{{"model":"claude-sonnet-4-5","max_tokens":NUMBER,{told}}}"#),
        ),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            "maxOutputTokens",
            r#"{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":NUMBER}}"#.to_owned(),
        ),
        (
            "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
            "maxTokens",
            r#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":NUMBER}}"#.to_owned(),
        ),
        (
            "/v2/chat",
            "max_tokens",
            format!(r#"{{"model":"command-a-03-2025","max_tokens":NUMBER,{told}}}"#),
        ),
    ];
    for (path, field, body) in sorts {
        let body = |n: u64| body.replace("NUMBER", &format!("{n:>8}"));
        for limit in ["0.05usd/day", "2500tokens/day", "9000characters/day"] {
            let world = builtin(&[limit], &names).await;
            let most = fits(&world, path, body, field).await;
            assert!((100..20_000).contains(&most), "{path} {limit}: {most}");
            world.nothing_held().await;
            let alice = world.account("user:alice").await;
            assert!(alice.standings[0].used <= alice.standings[0].limit.amount, "{path} {limit}");
        }
    }
}

#[tokio::test]
async fn a_request_without_a_ceiling_is_told_one_that_fits() {
    for limit in ["0.01usd/day", "900tokens/day"] {
        let world = builtin(&[limit], &["openai", "gemini"]).await;
        let refused = world.call(CHAT, "", &chat("gpt-5", "")).await;
        assert_eq!(refused.status(), 429, "{limit}");
        let most = largest(&refused, "max_completion_tokens");
        let body = chat("gpt-5", &format!(r#", "max_completion_tokens": {most}"#));
        assert_eq!(world.call(CHAT, "", &body).await.status(), 200, "{limit} {most}");
    }
}

#[tokio::test]
async fn no_ceiling_is_named_where_none_fits_or_another_limit_refuses() {
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    for limit in ["0usd/day", "0.0001usd/day", "20tokens/day", "0requests/day"] {
        let world = builtin(&[limit], &["openai"]).await;
        let refused = world.call(CHAT, "", &body).await;
        assert_eq!(refused.status(), 429, "{limit}");
        assert!(!message(&refused).contains("largest"), "{limit}: {}", message(&refused));
    }
    // What is held in `balanced` is no ceiling.
    let world = World::new(&["0.0005usd/day"]).await;
    let refused = world.call(CHAT, "", &chat("gpt-5", r#","max_completion_tokens":9000"#)).await;
    assert!(refused.status() == 429 && !message(&refused).contains("largest"), "{refused:?}");
}

#[tokio::test]
async fn a_mark_up_counts_in_what_fits() {
    let text = "[[prices.markups]]\nmultiplier = '1.5'\nper_request = '0.001'";
    let table = crate::canned::table(text).unwrap();
    let world = strict(table, &["0.01usd/day"], rules(), &["openai"]).await;
    let body = |n| chat("gpt-5", &format!(r#","max_completion_tokens":{n:>8}"#));
    let most = fits(&world, CHAT, body, "max_completion_tokens").await;
    // $9 thousandths without the fee, at $1.25 and $10 a million (under `priority` $2.5 and $20)
    // times 1.5: 200,000 × 1.5 nano-dollars for ten tokens.
    assert!((250..300).contains(&most), "{most}");
}

#[tokio::test]
async fn what_has_no_ceiling_is_refused_with_what_would_help() {
    let world = builtin(&["100usd/day"], &["openai", "groq"]).await;
    let handshake = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let input = |rest: &str| format!(r#"{{"model":"gpt-5","input":"Hi"{rest}}}"#);
    let embedding =
        r#"{"model":"text-embedding-3-small","input":[{"content":[{"image_url":"u"}]}]}"#;
    let image = r#"{"model":"gemma2-9b-it","max_tokens":9,"messages":[{"content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#;
    let hosted = input(r#","max_output_tokens":9,"tools":[{"type":"web_search"}]"#);
    for (path, headers, body, helps) in [
        ("/groq/v1/chat/completions", "", chat("gemma2-9b-it", ""), "`max_completion_tokens`"),
        ("/groq/v1/chat/completions", "", chat("gemma2-9b-it", ""), "`max_output` in the model's"),
        ("/v1/responses", "", hosted, "search, run tools"),
        ("/v1/responses", "", input(r#","background":true"#), "not in the background"),
        ("/v1/batches", "", r#"{"input_file_id":"file-1"}"#.to_owned(), "make each call by itself"),
        ("/v1/realtime?model=gpt-realtime", handshake, String::new(), "make a call for each"),
        (
            "/v1/images/generations",
            "",
            r#"{"model":"gpt-image-2","prompt":"a cat"}"#.to_owned(),
            "billed by what the request does not tell",
        ),
        ("/v1/embeddings", "", embedding.to_owned(), "billed by what the request does not tell"),
        ("/groq/v1/chat/completions", "", image.to_owned(), "`context` in the model's price entry"),
    ] {
        let answer = world.call(path, headers, &body).await;
        assert_eq!((answer.status(), answer.code()), (400, "unbounded_cost".to_owned()), "{path}");
        let message = message(&answer);
        assert!(message.contains(helps), "{path}: {message}");
        assert!(message.contains("user:alice is under strict enforcement"), "{message}");
        assert!(message.contains("`enforcement = \"balanced\"`"), "{message}");
    }
    assert_eq!(world.provider_calls(), 0);
    world.untouched().await;
    // In the other modes all of them go on.
    let change = Change { enforcement: Some(None), ..Change::default() };
    world.change("user:alice", change).await;
    let batch = world.call("/v1/batches", "", r#"{"input_file_id":"file-1"}"#).await;
    assert_eq!(batch.status(), 200, "{}", batch.text());
}

/// What is held for a call, by the event of it.
async fn held(world: &World, path: &str, body: &str) -> i64 {
    let answer = world.call(path, "", body).await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    let event = world.events().await.remove(0);
    assert!(event.cost <= event.held, "{event:?}");
    event.held.get()
}

#[tokio::test]
async fn what_the_request_bounds_is_held_and_not_refused() {
    const TABLE: &str = "
        [[model]]\nid = 'gpt-4o'\nprovider = 'openai'\ncontext = 400000
        [[model.price]]\ninput = '1'\noutput = '0'\nweb_search = '0.01'
        [[model]]\nid = 'gpt-4o-search-preview'\nprovider = 'openai'\ncontext = 400000
        [[model.price]]\ninput = '0'\noutput = '0'\nweb_search = '0.01'
        [[model]]\nid = 'tts-1'\nprovider = 'openai'
        [[model.price]]\ninput = '0'\noutput = '0'\ncharacter = '0.00001'
        [[model]]\nid = 'dall-e-3'\nprovider = 'openai'
        [[model.price]]\ninput = '0'\noutput = '0'\nimage = '0.04'";
    let table = PriceTable::parse(TABLE).unwrap();
    let world = strict(table, &["100usd/day"], rules(), &["openai"]).await;
    let size = |body: &str| i64::try_from(body.len()).unwrap();
    // A token costs 1,000 nano-dollars.
    let plain = chat("gpt-4o", r#","max_tokens":5"#);
    assert_eq!(held(&world, CHAT, &plain).await, (size(&plain) + 64) * 1_000);
    let url = format!("data:image/png;base64,{}", "A".repeat(90_000));
    let image = format!(
        r#"{{"model":"gpt-4o","max_tokens":5,"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
    );
    let expected = (size(&image) - size(&url) - 2 + 64 + 24_600) * 1_000;
    assert_eq!(held(&world, CHAT, &image).await, expected);
    let tools = r#"[{"type":"function","function":{"name":"f","parameters":{}}}]"#;
    let with_tools = chat("gpt-4o", &format!(r#","max_tokens":5,"tools":{tools}"#));
    let expected = (size(&with_tools) + 2 * size(tools) + 64 + 1_024) * 1_000;
    assert_eq!(held(&world, CHAT, &with_tools).await, expected);
    let stored =
        r#"{"model":"gpt-4o","input":"Hi","max_output_tokens":5,"previous_response_id":"resp_1"}"#;
    assert_eq!(held(&world, "/v1/responses", stored).await, 400_000 * 1_000);
    // It searches for every answer.
    let searching = chat("gpt-4o-search-preview", r#","max_tokens":5,"n":2"#);
    assert_eq!(held(&world, CHAT, &searching).await, 2 * 10_000_000);
    let speech = r#"{"model":"tts-1","input":"Hello","voice":"alloy"}"#;
    assert_eq!(held(&world, "/v1/audio/speech", speech).await, size(speech) * 10_000);
    let images = r#"{"model":"dall-e-3","prompt":"a cat","n":2}"#;
    assert_eq!(held(&world, "/v1/images/generations", images).await, 2 * 40_000_000);
    world.nothing_held().await;
}

#[tokio::test]
async fn an_estimate_is_never_above_what_was_held() {
    // The answer has far more bytes than its ceiling has tokens, and no figures.
    let text = " ".repeat(40_000);
    let body = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n\
         data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n\
         data: [DONE]\n\n"
    );
    let world = answering("openai", &body, "", &["100usd/day"], rules()).await;
    enforce(&world).await;
    let asked = chat("gpt-5", r#","max_completion_tokens":20,"stream":true"#);
    assert_eq!(world.call(CHAT, "", &asked).await.status(), 200);
    let event = world.only_event().await;
    assert!(event.estimated && event.cost <= event.held, "{event:?}");
    assert_eq!(event.usage.count(Figure::OutputTotal), 20);
}

#[tokio::test]
async fn what_was_admitted_as_free_is_free_whatever_its_answer_is_named() {
    let table = PriceTable::builtin().unwrap();
    let rules = Rules { unpriced: Unpriced::Free, ..rules() };
    let world = strict(table, &["0.001usd/day"], rules, &["openai"]).await;
    let play = "x-simulate: {\"input\":9000,\"output\":9000,\"model\":\"gpt-5\"}\r\n";
    assert_eq!(world.call(CHAT, play, &chat("never-priced", "")).await.status(), 200);
    let event = world.only_event().await;
    assert_eq!((event.cost.get(), event.facts.model.as_str()), (0, "gpt-5"));
}

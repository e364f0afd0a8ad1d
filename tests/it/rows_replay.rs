//! Real answers through the proxy: a provider that answers with captures, and what is charged.

use crate::world::{CHAT, World, rules};
use farebox::clock::UnixMs;
use farebox::demo::provider::Simulated;
use farebox::pricing::{PriceTable, Terms};
use farebox::usage::Figure;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Captures = BTreeMap<String, Value>;

/// The dialects that are spoken here.
const REPLAYED: [&str; 4] =
    ["openai.chat", "openai.completions", "openai.responses", "openai.embeddings"];

/// The answers to POSTs that can be replayed as text.
fn captures() -> Captures {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let capture: Value = serde_json::from_str(&text).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let fits = REPLAYED.contains(&capture["dialect"].as_str().unwrap())
            && capture["method"] == "POST"
            && capture["body"].is_string()
            && capture["wire_encoding"].is_null()
            && capture["body_b64"].is_null()
            && capture["request"]["background"] != true
            && capture["status"] != 401;
        fits.then_some((name, capture))
    };
    folder.read_dir().unwrap().filter_map(read).collect()
}

/// A stream whose first usage makes no sense and whose last one does: it cannot be believed.
fn contradictory() -> Value {
    let chunk = |rest: &str| format!("data: {{\"model\":\"gpt-5\",{rest}}}\n\n");
    let choice = |finish: &str| {
        format!(r#""choices":[{{"index":0,"delta":{{"content":"hi"}},"finish_reason":{finish}}}]"#)
    };
    let nonsense = r#""prompt_tokens":10,"completion_tokens":-2,"total_tokens":8"#;
    let good = r#""prompt_tokens":10,"completion_tokens":2,"total_tokens":12"#;
    let body = [
        chunk(&format!(r#"{},"usage":{{{nonsense}}}"#, choice("null"))),
        chunk(&choice("\"stop\"")),
        chunk(&format!(r#""choices":[],"usage":{{{good}}}"#)),
        "data: [DONE]\n\n".to_owned(),
    ];
    json!({
        "dialect": "openai.chat", "transport": "sse", "status": 200,
        "content_type": "text/event-stream", "request": {}, "body": body.concat(),
        "expect": {"usage_present": false},
    })
}

/// Answers each request with the capture that its header `x-capture` names, and closes.
async fn replayed(captures: Arc<Captures>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(replay(stream, captures.clone()));
        }
    });
    addr
}

async fn replay(mut stream: TcpStream, captures: Arc<Captures>) {
    let mut seen = Vec::new();
    let (head, length) = loop {
        if stream.read_buf(&mut seen).await.unwrap() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = value(head, "content-length").parse::<usize>().unwrap();
            break (head.to_owned(), length);
        }
    };
    while seen.len() < head.len() + 4 + length {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "the request broke off");
    }
    let capture = &captures[value(&head, "x-capture")];
    let answer = format!(
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\nconnection: close\r\n\r\n{}",
        capture["status"],
        capture["content_type"].as_str().unwrap(),
        capture["body"].as_str().unwrap()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

fn value<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap();
    line.split_once(": ").unwrap().1
}

/// A request that may get such an answer, and asks for usage itself.
fn request(capture: &Value) -> (&'static str, String) {
    let dialect = capture["dialect"].as_str().unwrap();
    let (path, mut body) = match dialect {
        "openai.chat" => (CHAT, json!({"messages": []})),
        "openai.completions" => ("/v1/completions", json!({"prompt": "Hello"})),
        "openai.responses" => ("/v1/responses", json!({"input": "Hello"})),
        "openai.embeddings" => ("/v1/embeddings", json!({"input": "Hello"})),
        other => panic!("{other} has no route here"),
    };
    body["model"] = "gpt-5".into();
    if let Some(n) = capture["request"]["n"].as_u64() {
        body["n"] = n.into();
    }
    if capture["transport"] == "sse" {
        body["stream"] = true.into();
        if dialect != "openai.responses" {
            body["stream_options"] = json!({"include_usage": true});
        }
    }
    (path, body.to_string())
}

fn cost(table: &PriceTable, model: &str, usage: &farebox::usage::Usage, tier: Option<&str>) -> i64 {
    const AT: UnixMs = 1_795_554_816_123;
    let model = table.find(Some("openai"), model).or_else(|| table.find(Some("openai"), "gpt-5"));
    model.unwrap().cost(usage, &Terms { service_tier: tier, at: AT, ..Terms::default() }).get()
}

#[tokio::test]
async fn r001_r002_r005_real_answers_pass_unchanged_and_are_charged_what_they_report() {
    let mut captures = captures();
    captures.insert("contradictory".to_owned(), contradictory());
    let captures = Arc::new(captures);
    let base_url = format!("http://{}/v1", replayed(captures.clone()).await);
    let unused = Simulated::start(None).await.unwrap();
    let world = World::against(unused, base_url, "k", &["1000usd/day"], rules()).await;
    let table = PriceTable::builtin().unwrap();
    let (mut exact, mut estimated, mut free, mut sum) = (0, 0, 0, 0);
    for (name, capture) in captures.iter() {
        let (path, body) = request(capture);
        let answer = world.call(path, &format!("x-capture: {name}\r\n"), &body).await;
        assert_eq!(answer.text(), capture["body"].as_str().unwrap(), "{name}");
        world.enable_all();
        let event = world.events().await.remove(0);
        let expect = &capture["expect"];
        if expect["billable"] == false || capture["status"] != 200 && expect["billable"] == true {
            assert_eq!((event.cost.get(), event.estimated), (0, false), "{name}: {event:?}");
            free += 1;
        } else if expect["usage_present"] == true && expect["usage_final"] == true {
            for &figure in Figure::ALL {
                let wanted = figure.parse(&expect[figure.name()].to_string()).unwrap_or(0);
                let known = !expect[figure.name()].is_null();
                assert!(!known || event.usage.count(figure) == wanted, "{name}: {event:?}");
            }
            let uncached = expect["input_uncached"].as_u64();
            assert!(uncached.is_none_or(|n| n == event.usage.input_uncached()), "{name}");
            assert!(!event.estimated, "{name}: {event:?}");
            let tier = event.service_tier.as_deref();
            let own = cost(&table, &event.facts.model, &event.usage, tier);
            let beside = event.cost.get() - own;
            let has_more = !expect["sub_usage"].is_null();
            assert!(beside == 0 || has_more && beside > 0, "{name}: {beside} beside {own}");
            exact += 1;
        } else {
            assert!(event.estimated && event.cost.get() > 0, "{name}: {event:?}");
            estimated += 1;
        }
        sum += event.cost.get();
    }
    assert!(exact >= 75 && estimated >= 5 && free >= 5, "{exact} {estimated} {free}");
    assert_eq!(world.account("user:alice").await.total_usd.get(), sum);
    world.nothing_held().await;
}

//! The simulated provider's realtime conversations, with a WebSocket client written here.

use crate::simulated_wire::{LIMIT, script};
use farebox::demo::provider::{Simulated, Tokens};
use farebox::usage::Figure;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Client(TcpStream);

impl Client {
    async fn open(simulated: &Simulated, query: &str, play: &str) -> (String, Self) {
        let mut stream = TcpStream::connect(simulated.addr()).await.unwrap();
        let request = format!(
            "GET /v1/realtime{query} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
            script(play)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), Self(stream))
    }

    async fn begin(simulated: &Simulated, play: &str) -> Self {
        let (head, mut client) = Self::open(simulated, "?model=gpt-realtime", play).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        let begun = client.event().await;
        assert_eq!(
            (&begun["type"], &begun["session"]["model"]),
            (&"session.created".into(), &"gpt-realtime".into())
        );
        client
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mask = [7, 77, 177, 17];
        let mut frame = vec![0x80 | opcode, 0x80 | 126];
        frame.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(&mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        self.0.write_all(&frame).await.unwrap();
    }

    async fn say(&mut self, event: Value) {
        self.send(1, event.to_string().as_bytes()).await;
    }

    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let read = async {
            let first = self.0.read_u8().await.ok()?;
            let length = match self.0.read_u8().await.ok()? {
                126 => usize::from(self.0.read_u16().await.ok()?),
                127 => self.0.read_u64().await.ok()? as usize,
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.ok()?;
            Some((first & 0x0f, payload))
        };
        tokio::time::timeout(LIMIT, read).await.unwrap()
    }

    async fn event(&mut self) -> Value {
        let (opcode, payload) = self.frame().await.unwrap();
        assert_eq!(opcode, 1);
        serde_json::from_slice(&payload).unwrap()
    }

    /// All events up to and with the one of this type.
    async fn until(&mut self, last: &str) -> Vec<Value> {
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Value| event["type"] != last) {
            events.push(self.event().await);
        }
        events
    }
}

fn ask() -> Value {
    json!({"type": "response.create"})
}

#[tokio::test]
async fn each_response_reports_its_figures_and_is_billed_by_itself() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = r#"{"input":132,"cached":64,"output":121,"audio_input":13,"chunks":2}"#;
    let mut client = Client::begin(&simulated, play).await;
    client.say(ask()).await;
    let events = client.until("response.done").await;
    let names: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(names[0], "response.created");
    assert_eq!(names.iter().filter(|name| **name == "response.output_audio.delta").count(), 2);
    let response = &events.last().unwrap()["response"];
    assert_eq!(
        response["usage"],
        json!({
            "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
            "input_token_details": {
                "text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
                "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}
            },
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91}
        })
    );
    client.say(json!({"type": "session.update", "session": {"output_modalities": ["text"]}})).await;
    assert_eq!(client.event().await["session"]["output_modalities"], json!(["text"]));
    client.say(json!({"type": "conversation.item.create", "item": {"type": "message"}})).await;
    assert_eq!(client.event().await["type"], "conversation.item.added");
    client.say(ask()).await;
    let events = client.until("response.done").await;
    assert!(events.iter().any(|event| event["type"] == "response.output_text.delta"));
    let second = &events.last().unwrap()["response"];
    assert_ne!(second["id"], response["id"]);
    assert_eq!(second["usage"]["output_token_details"]["audio_tokens"], 0);
    let entries = simulated.bill().entries();
    let audio: Vec<_> = entries.iter().map(|e| e.usage().count(Figure::AudioOutput)).collect();
    assert_eq!((audio, entries.iter().all(|entry| entry.finished)), (vec![91, 0], true));
    assert_eq!(&*entries[0].model, "gpt-realtime");
}

#[tokio::test]
async fn pings_are_answered_and_a_close_is_returned() {
    let simulated = Simulated::start(None).await.unwrap();
    let mut client = Client::begin(&simulated, "{}").await;
    client.send(9, b"are you there").await;
    assert_eq!(client.frame().await, Some((10, b"are you there".to_vec())));
    client.say(json!({"type": "nonsense"})).await;
    assert_eq!(client.event().await["error"]["code"], "unknown_event");
    client.send(8, &1000_u16.to_be_bytes()).await;
    assert_eq!(client.frame().await, Some((8, 1000_u16.to_be_bytes().to_vec())));
    assert_eq!(client.frame().await, None);
    assert!(simulated.bill().entries().is_empty());
}

#[tokio::test]
async fn a_cancelled_response_reports_and_costs_what_was_made() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = r#"{"input":10,"output":1000,"chunks":1000,"delay_ms":3}"#;
    let mut client = Client::begin(&simulated, play).await;
    client.say(ask()).await;
    client.until("response.output_audio.delta").await;
    client.say(ask()).await;
    client.until("error").await;
    client.say(json!({"type": "response.cancel"})).await;
    let done = client.until("response.done").await.pop().unwrap();
    assert_eq!(done["response"]["status"], "cancelled");
    let output = done["response"]["usage"]["output_tokens"].as_u64().unwrap();
    assert!((1..1000).contains(&output), "{output}");
    let entry = &simulated.bill().entries()[0];
    assert_eq!(
        (entry.tokens, entry.finished),
        (Tokens { input: 10, output, ..Tokens::default() }, false)
    );
    client.say(ask()).await;
    client.until("response.output_audio.delta").await;
    drop(client);
    assert!(simulated.bill().quiet(LIMIT).await);
    assert!(simulated.bill().entries()[1].tokens.output < 1000);
}

#[tokio::test]
async fn a_conversation_breaks_off_as_the_script_says() {
    let simulated = Simulated::start(None).await.unwrap();
    let mut client = Client::begin(&simulated, r#"{"chunks":9,"cut_after":6}"#).await;
    client.say(ask()).await;
    for _ in 0..6 {
        client.event().await;
    }
    assert_eq!(client.frame().await, None);
    let mut client = Client::begin(&simulated, r#"{"chunks":9,"error_after":6}"#).await;
    client.say(ask()).await;
    let done = client.until("response.done").await.pop().unwrap();
    assert_eq!(
        (&done["response"]["status"], &done["response"]["usage"]),
        (&json!("failed"), &Value::Null)
    );
    assert!(simulated.bill().quiet(LIMIT).await);
    assert!(simulated.bill().entries().iter().all(|entry| !entry.finished));
    assert_eq!(simulated.bill().entries().len(), 2);
}

#[tokio::test]
async fn a_handshake_without_model_or_upgrade_is_refused() {
    let simulated = Simulated::start(None).await.unwrap();
    let (head, _) = Client::open(&simulated, "", "{}").await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    let (head, _) = Client::open(&simulated, "?model=m", r#"{"status":429}"#).await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    let plain = crate::simulated_wire::call(&simulated, "/v1/realtime?model=m", "", "").await;
    assert_eq!(plain.status(), 426);
}

#[tokio::test]
async fn a_provider_that_ends_ends_its_conversations() {
    let simulated = Simulated::start(None).await.unwrap();
    let mut client = Client::begin(&simulated, "{}").await;
    drop(simulated);
    assert_eq!(client.frame().await, None);
}

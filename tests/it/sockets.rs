//! Sessions over WebSockets: frames pass byte for byte, every answer is charged once, and a session
//! ends with a reason when its money does. The provider is played by hand, on a real socket.

use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, LIMIT, PROVIDER_KEY, World, rules};
use farebox::demo::provider::Simulated;
use farebox::framing::websocket::{close_frame, text_frame};
use farebox::ledger::{AccountStatus, Change, Ending, UsageEvent};
use farebox::provider::{Credential, Dialect, Provider};
use farebox::proxy::{Disconnect, Rules, UpstreamBounds};
use farebox::usage::Figure;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATH: &str = "/v1/realtime?model=gpt-realtime";
const MASK: Option<[u8; 4]> = Some([0x37, 0xFA, 0x21, 0x3D]);
/// The sample of RFC 6455.
const HANDSHAKE: &str = "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     sec-websocket-extensions: permessage-deflate\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
     upgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
     openai-organization: ours\r\n";

/// A world whose provider is this test.
struct Stage {
    world: World,
    listener: TcpListener,
}

/// One end of a connection, behind the head of its handshake.
struct End {
    head: String,
    stream: TcpStream,
}

/// Reads a head and nothing behind it.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(LIMIT, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Begins a handshake.
async fn knock(addr: SocketAddr, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The proxy's connection to the provider, answered with this head.
async fn accepted(listener: &TcpListener, agreed: &str) -> End {
    let (mut stream, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    let head = head(&mut stream).await;
    stream.write_all(format!("{agreed}\r\n").as_bytes()).await.unwrap();
    End { head, stream }
}

impl End {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn say(&mut self, text: &str) {
        self.send(&text_frame(text, None)).await;
    }

    /// What comes next is this.
    async fn expect(&mut self, bytes: &[u8]) {
        let mut got = vec![0; bytes.len()];
        timeout(LIMIT, self.stream.read_exact(&mut got)).await.unwrap().unwrap();
        assert!(got == bytes, "{}", String::from_utf8_lossy(&got));
    }

    async fn expect_text(&mut self, text: &str) {
        self.expect(&text_frame(text, None)).await;
    }

    /// All that still comes.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        timeout(LIMIT, self.stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        rest
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Stage {
    async fn new(limits: &[&str]) -> Self {
        Self::with(limits, rules()).await
    }

    async fn with(limits: &[&str], rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let simulated = Simulated::start(None).await.unwrap();
        let world = World::against(simulated, url, PROVIDER_KEY, limits, rules).await;
        Self { world, listener }
    }

    async fn provider(&self, agreed: &str) -> End {
        accepted(&self.listener, agreed).await
    }

    fn authorised(&self) -> String {
        format!("authorization: Bearer {}\r\n", self.world.key)
    }

    async fn knock(&self, path: &str, headers: &str) -> TcpStream {
        knock(self.world.addr, path, headers).await
    }

    /// A session: the client's end and the provider's.
    async fn session(&self) -> (End, End) {
        self.opened(PATH, &format!("{HANDSHAKE}{}", self.authorised()), AGREED).await
    }

    async fn opened(&self, path: &str, headers: &str, agreed: &str) -> (End, End) {
        let mut stream = self.knock(path, headers).await;
        let provider = self.provider(agreed).await;
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        (End { head, stream }, provider)
    }

    /// The answer to a handshake that is refused.
    async fn refused(&self, path: &str, headers: &str) -> Answer {
        let headers = format!("connection: close\r\n{headers}{}", self.authorised());
        Answer::read(self.knock(path, &headers).await).await
    }

    async fn events(&self) -> Vec<UsageEvent> {
        let events = self.world.events().await;
        self.world.nothing_held().await;
        events
    }
}

fn created(id: &str) -> String {
    format!(r#"{{"type":"response.created","response":{{"id":"{id}","usage":null}}}}"#)
}

fn delta(text: &str) -> String {
    format!(r#"{{"type":"response.output_text.delta","delta":"{text}"}}"#)
}

/// An answer with cached text and sound on both sides.
fn done(id: &str, input: u64, output: u64) -> String {
    format!(
        r#"{{"type":"response.done","response":{{"id":"{id}","status":"completed","usage":{{"total_tokens":{},"input_tokens":{input},"output_tokens":{output},"input_token_details":{{"text_tokens":{},"audio_tokens":10,"cached_tokens":20,"cached_tokens_details":{{"text_tokens":20,"audio_tokens":0}}}},"output_token_details":{{"text_tokens":{},"audio_tokens":30}}}}}}}}"#,
        input + output,
        input - 10,
        output - 30
    )
}

/// What that costs at gpt-realtime, in nano-dollars.
fn cost(input: i64, output: i64) -> i64 {
    (input - 30) * 4_000 + 20 * 400 + 10 * 32_000 + (output - 30) * 16_000 + 30 * 64_000
}

/// The code and reason of a close at the end.
fn closing(frames: &[u8], code: u16, reason: &str) {
    let close = close_frame(code, reason, None);
    assert!(frames.ends_with(&close), "{}", String::from_utf8_lossy(frames));
}

#[tokio::test]
async fn frames_pass_byte_for_byte_in_both_directions() {
    let stage = Stage::new(&["1usd/day"]).await;
    let (mut client, mut provider) = stage.session().await;
    assert_eq!(provider.header("authorization"), Some(&*format!("Bearer {PROVIDER_KEY}")));
    assert_eq!(provider.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(provider.header("sec-websocket-extensions"), None);
    assert!(provider.head.starts_with("GET /v1/realtime?model=gpt-realtime HTTP/1.1"));
    assert_eq!(client.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(client.header("openai-organization"), None);
    assert_eq!(client.header("x-farebox-budget-limit-usd"), Some("1"));

    let long = "x".repeat(300_000);
    let masked = [
        text_frame("hello", MASK),
        text_frame(&long, MASK),
        b"\x82\x83\x01\x02\x03\x04\xff\xfe\xfd".to_vec(),
        // A text in two fragments with a ping between.
        b"\x01\x82\x01\x02\x03\x04\x61\x62".to_vec(),
        b"\x89\x84\x01\x02\x03\x04ping".to_vec(),
        b"\x80\x82\x01\x02\x03\x04\x63\x64".to_vec(),
        b"\x8a\x80\x01\x02\x03\x04".to_vec(),
    ];
    let plain = [
        text_frame("hello", None),
        text_frame(&long, None),
        b"\x82\x03\xff\xfe\xfd".to_vec(),
        b"\x01\x02ab\x89\x04ping\x80\x02cd\x8a\x00".to_vec(),
        close_frame(4001, "as you like", None),
    ];
    for frame in &masked {
        client.send(frame).await;
        provider.expect(frame).await;
    }
    for frame in &plain {
        provider.send(frame).await;
        client.expect(frame).await;
    }
    let echo = close_frame(4001, "", MASK);
    client.send(&echo).await;
    provider.expect(&echo).await;
    drop(provider);
    assert_eq!(client.rest().await, b"");
    drop(client);
    stage.world.untouched().await;
}

#[tokio::test]
async fn every_answer_is_charged_exactly_and_once() {
    // One place is enough: an answer gives it back before the next one takes it.
    let stage = Stage::new(&["1usd/day", "1concurrent"]).await;
    let (mut client, mut provider) = stage.session().await;
    for (id, input, output) in [("resp_1", 160, 100), ("resp_2", 410, 115)] {
        for text in [created(id), delta("hi"), done(id, input, output)] {
            provider.say(&text).await;
            client.expect_text(&text).await;
        }
    }
    provider.send(&close_frame(1000, "", None)).await;
    client.expect(&close_frame(1000, "", None)).await;
    client.send(&close_frame(1000, "", MASK)).await;
    provider.expect(&close_frame(1000, "", MASK)).await;
    drop((client.stream, provider));
    let events = stage.events().await;
    let seen = events.iter().rev().map(|e| (e.cost.get(), e.estimated, e.ending, e.status));
    let charged = [(160, 100), (410, 115)].map(|(input, output)| cost(input, output));
    let exact = charged.map(|cost| (cost, false, Ending::Finished, 101));
    assert_eq!(seen.collect::<Vec<_>>(), exact);
    let first = events.last().unwrap();
    assert_eq!(first.usage.get(Figure::AudioOutput), Some(30));
    assert_eq!(first.facts.dialect, "openai.realtime");
    let id = client.head.lines().find_map(|l| l.strip_prefix("x-farebox-request-id: "));
    assert_eq!(id, Some(&*first.id.to_string()));
    let alice = stage.world.account("user:alice").await;
    assert_eq!(alice.total_usd.get(), charged.iter().sum::<i64>());
}

#[tokio::test]
async fn over_budget_nothing_is_upgraded() {
    let stage = Stage::new(&["0.01usd/day"]).await;
    let answer = stage.refused(PATH, HANDSHAKE).await;
    assert_eq!((answer.status(), answer.code()), (429, "insufficient_quota".to_owned()));
    assert_eq!(answer.header("x-should-retry").as_deref(), Some("false"));
    let nobody = timeout(Duration::from_millis(50), stage.listener.accept()).await;
    assert!(nobody.is_err(), "the provider was called");
    stage.world.untouched().await;
}

#[tokio::test]
async fn when_the_money_runs_out_the_session_ends_with_a_reason() {
    let stage = Stage::new(&["0.05usd/day"]).await;
    let (mut client, mut provider) = stage.session().await;
    let answer = done("resp_1", 5_000, 1_000);
    provider.say(&answer).await;
    client.expect_text(&answer).await;
    let rest = client.rest().await;
    let text = String::from_utf8_lossy(&rest);
    assert!(text.contains(r#""type":"insufficient_quota""#), "{text}");
    assert!(text.contains(r#""type":"error""#), "{text}");
    let reason = "insufficient_quota: the limit of 0.05 usd/day for user:alice is reached";
    closing(&rest, 1008, reason);
    // The second answer can no longer be asked for.
    client.send(&text_frame(r#"{"type":"response.create"}"#, MASK)).await;
    let heard = provider.rest().await;
    assert_eq!(&heard[..2], b"\x88\x82", "{heard:x?}");
    let code = [heard[6] ^ heard[2], heard[7] ^ heard[3]];
    assert_eq!((u16::from_be_bytes(code), heard.len()), (1000, 8));
    let events = stage.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].cost.get(), events[0].estimated), (cost(5_000, 1_000), false));
}

/// What is held for is charged by the table of the hold; the answer after it by the one in force.
#[tokio::test]
async fn each_answer_has_the_prices_of_when_its_money_was_held() {
    let stage = Stage::new(&["1usd/day"]).await;
    let (mut client, mut provider) = stage.session().await;
    let double = "[[prices.overrides]]\nmodels = ['gpt-realtime']\nmultiplier = '2'\n";
    let prices = Arc::new(crate::canned::table(double).unwrap());
    let version = prices.version().to_owned();
    let next = stage.world.proxy.under(prices, Arc::default(), Arc::new(rules())).unwrap();
    next.announce();
    for id in ["resp_1", "resp_2"] {
        for message in [created(id), done(id, 160, 100)] {
            provider.say(&message).await;
            client.expect_text(&message).await;
        }
    }
    drop((client, provider));
    let mut events = stage.events().await;
    events.sort_by_key(|event| event.cost);
    assert_eq!(events.len(), 2);
    let costs: Vec<i64> = events.iter().map(|event| event.cost.get()).collect();
    assert_eq!(costs, [cost(160, 100), 2 * cost(160, 100)]);
    assert_ne!(events[0].facts.price_version, version);
    assert_eq!(events[1].facts.price_version, version);
    let alice = stage.world.account("user:alice").await;
    assert_eq!(alice.total_usd.get(), costs.iter().sum::<i64>());
}

#[tokio::test]
async fn last_words_wait_for_the_end_of_a_message() {
    let stage = Stage::new(&["0.05usd/day"]).await;
    let (mut client, mut provider) = stage.session().await;
    let answer = text_frame(&done("resp_1", 5_000, 1_000), None);
    let begun = [&answer[..], b"\x01\x02ab"].concat();
    provider.send(&begun).await;
    client.expect(&begun).await;
    // The hold was refused by now, or is before the message ends; the ping is no place for a word.
    provider.send(b"\x89\x00\x00\x02c").await;
    client.expect(b"\x89\x00\x00\x02c").await;
    let next = text_frame("never seen", None);
    provider.send(&[b"d\x80\x01e", &next[..]].concat()).await;
    client.expect(b"d\x80\x01e").await;
    let rest = client.rest().await;
    let text = String::from_utf8_lossy(&rest);
    assert!(!text.contains("never seen") && text.contains("insufficient_quota"), "{text}");
    assert_eq!(stage.events().await.len(), 1);
}

#[tokio::test]
async fn a_client_that_drops_in_an_answer_is_charged_an_estimate() {
    let stage = Stage::new(&["1usd/day"]).await;
    let (mut client, mut provider) = stage.session().await;
    for text in [created("resp_1"), delta("some words of it")] {
        provider.say(&text).await;
        client.expect_text(&text).await;
    }
    drop(client);
    let event = stage.world.only_event().await;
    assert_eq!((event.ending, event.estimated), (Ending::Left, true));
    assert!(event.cost.get() > 0);
    // The provider is told, so that it stops.
    assert_eq!(&provider.rest().await[..2], b"\x88\x82");
}

#[tokio::test]
async fn where_hanging_up_saves_nothing_the_answer_is_read_on() {
    let rules = Rules { on_disconnect: Disconnect::Drain, ..rules() };
    let stage = Stage::with(&["1usd/day"], rules).await;
    let (mut client, mut provider) = stage.session().await;
    provider.say(&created("resp_1")).await;
    client.expect_text(&created("resp_1")).await;
    drop(client);
    provider.say(&delta("unheard")).await;
    provider.say(&done("resp_1", 160, 100)).await;
    let event = stage.world.only_event().await;
    assert_eq!((event.ending, event.estimated), (Ending::Finished, false));
    assert_eq!(event.cost.get(), cost(160, 100));
}

#[tokio::test]
async fn a_provider_that_drops_in_an_answer_is_told_of_and_charged() {
    let stage = Stage::new(&["1usd/day"]).await;
    let (mut client, mut provider) = stage.session().await;
    for text in [created("resp_1"), delta("some words of it")] {
        provider.say(&text).await;
        client.expect_text(&text).await;
    }
    drop(provider);
    let rest = client.rest().await;
    assert!(String::from_utf8_lossy(&rest).contains("upstream_closed"));
    closing(&rest, 1014, "upstream_closed: the provider broke off the session.");
    let event = stage.world.only_event().await;
    assert_eq!((event.ending, event.estimated), (Ending::Cut, true));
    assert!(event.cost.get() > 0);
}

#[tokio::test]
async fn a_session_without_an_answer_costs_nothing_however_it_ends() {
    for drops_first in ["client", "provider"] {
        let stage = Stage::new(&["1usd/day"]).await;
        let (client, mut provider) = stage.session().await;
        provider.say(r#"{"type":"session.created","session":{"model":"gpt-realtime"}}"#).await;
        if drops_first == "client" {
            drop(client)
        } else {
            drop(provider)
        }
        stage.world.untouched().await;
    }
}

#[tokio::test]
async fn browsers_offer_their_key_as_a_subprotocol() {
    let stage = Stage::new(&["1usd/day"]).await;
    let offered = format!(
        "{HANDSHAKE}sec-websocket-protocol: realtime, openai-insecure-api-key.{}\r\n",
        stage.world.key
    );
    let agreed = format!("{AGREED}sec-websocket-protocol: realtime\r\n");
    let (client, provider) = stage.opened(PATH, &offered, &agreed).await;
    assert_eq!(provider.header("sec-websocket-protocol"), Some("realtime"));
    assert_eq!(provider.header("authorization"), Some(&*format!("Bearer {PROVIDER_KEY}")));
    assert!(!provider.head.contains(&stage.world.key));
    assert_eq!(client.header("sec-websocket-protocol"), Some("realtime"));
}

#[tokio::test]
async fn what_a_provider_says_instead_of_upgrading() {
    let stage = Stage::new(&["1usd/day"]).await;
    let body = format!(r#"{{"error":"Incorrect key {PROVIDER_KEY}"}}"#);
    for (said, seen) in [("401 Unauthorized", 502), ("403 Forbidden", 502), ("404 Nope", 404)] {
        let agreed = format!("HTTP/1.1 {said}\r\ncontent-length: {}\r\n", body.len());
        let headers = format!("connection: Upgrade, close\r\n{HANDSHAKE}");
        let refused = stage.refused(PATH, &headers);
        let says = async {
            let mut provider = stage.provider(&agreed).await;
            provider.send(body.as_bytes()).await;
            provider
        };
        let (answer, _provider) = tokio::join!(refused, says);
        assert_eq!(answer.status(), seen, "{said}");
        assert_eq!(answer.text() == body, seen == 404, "{said}");
        assert_eq!(answer.text().contains(PROVIDER_KEY), seen == 404, "{said}");
        stage.world.enable_all();
    }
    let events = stage.events().await;
    assert!(events.len() == 3 && events.iter().all(|event| event.cost.get() == 0));
}

#[tokio::test]
async fn a_handshake_that_breaks_off_costs_nothing() {
    let bound = Duration::from_millis(300);
    let patience = UpstreamBounds { first_byte: bound, ..UpstreamBounds::default() };
    let stage = Stage::with(&["1usd/day"], Rules { upstream: patience, ..rules() }).await;
    let headers = format!("connection: Upgrade, close\r\n{HANDSHAKE}");
    for (hangs_up, status) in [(true, 502), (false, 504)] {
        let says = async {
            let (mut provider, _) = timeout(LIMIT, stage.listener.accept()).await.unwrap().unwrap();
            head(&mut provider).await;
            (!hangs_up).then_some(provider)
        };
        let (answer, _provider) = tokio::join!(stage.refused(PATH, &headers), says);
        assert_eq!(answer.status(), status);
    }
    // A client that leaves in the middle of it.
    let client = stage.knock(PATH, &format!("{HANDSHAKE}{}", stage.authorised())).await;
    let (mut provider, _) = timeout(LIMIT, stage.listener.accept()).await.unwrap().unwrap();
    head(&mut provider).await;
    drop(client);
    let mut rest = Vec::new();
    timeout(LIMIT, provider.read_to_end(&mut rest)).await.unwrap().unwrap();
    let events = stage.events().await;
    assert_eq!(events.len(), 3, "{events:#?}");
    assert!(events.iter().all(|e| (e.cost.get(), e.estimated) == (0, false)), "{events:#?}");
    assert_eq!(stage.world.account("user:alice").await.total_usd.get(), 0);
}

#[tokio::test]
async fn what_was_only_written_down_costs_what_that_costs() {
    let stage = Stage::new(&["1usd/day"]).await;
    let (mut client, mut provider) = stage.session().await;
    let session = r#"{"type":"session.created","session":{"model":"gpt-realtime","audio":{"input":{"transcription":{"model":"gpt-4o-mini-transcribe"}}}}}"#;
    let heard = r#"{"type":"conversation.item.input_audio_transcription.completed","usage":{"type":"tokens","total_tokens":48,"input_tokens":38,"output_tokens":10,"input_token_details":{"text_tokens":10,"audio_tokens":28}}}"#;
    for text in [session, heard] {
        provider.say(text).await;
        client.expect_text(text).await;
    }
    drop((client, provider));
    let event = stage.world.only_event().await;
    // 28 tokens of sound at $3, 10 of text at $1.25, and 10 out at $5 a million.
    assert_eq!((event.cost.get(), event.estimated), (28 * 3_000 + 10 * 1_250 + 10 * 5_000, false));
    let alice = stage.world.account("user:alice").await;
    assert_eq!((alice.total_usd, alice.total_tokens), (event.cost, 48));
}

#[tokio::test]
async fn handshakes_that_cannot_be_metered_are_refused() {
    let stage = Stage::new(&["1usd/day"]).await;
    let plain = stage.refused(PATH, "").await;
    assert_eq!((plain.status(), plain.code()), (426, "upgrade_required".to_owned()));
    assert_eq!(plain.header("upgrade").as_deref(), Some("websocket"));
    for (path, code) in [
        ("/v1/realtime", "invalid_body"),
        ("/v1/live", "invalid_body"),
        ("/v1/realtime?model=a&model=b", "invalid_body"),
        ("/v1/realtime?model=nobody-knows", "model_not_priced"),
    ] {
        let answer = stage.refused(path, HANDSHAKE).await;
        assert_eq!((answer.status(), answer.code()), (400, code.to_owned()), "{path}");
    }
    stage.world.untouched().await;
}

#[tokio::test]
async fn a_proxy_that_stops_ends_sessions_between_answers() {
    let stage = Stage::new(&["1usd/day"]).await;
    let (mut idle, mut other) = stage.session().await;
    let (mut busy, mut provider) = stage.session().await;
    provider.say(&created("resp_1")).await;
    busy.expect_text(&created("resp_1")).await;
    let reason = "overloaded: this proxy is stopping; connect again.";
    let clients = async {
        closing(&idle.rest().await, 1001, reason);
        drop(idle);
        assert_eq!(&other.rest().await[..2], b"\x88\x82");
        let answer = done("resp_1", 160, 100);
        provider.say(&answer).await;
        busy.expect_text(&answer).await;
        closing(&busy.rest().await, 1001, reason);
        drop(busy);
    };
    let (all, ()) = tokio::join!(stage.world.stop(), clients);
    assert!(all, "connections were left over");
    let event = stage.world.only_event().await;
    assert_eq!((event.cost.get(), event.estimated), (cost(160, 100), false));
}

#[tokio::test]
async fn silence_on_both_sides_ends_a_session() {
    let rules = Rules { answer_pause: Duration::from_millis(150), ..rules() };
    let stage = Stage::with(&["1usd/day"], rules).await;
    let (mut client, _provider) = stage.session().await;
    closing(&client.rest().await, 1001, "idle: nothing was sent for too long.");
    drop(client);
    stage.world.untouched().await;
}

#[tokio::test]
async fn a_client_that_sends_no_frames_is_told_so() {
    let stage = Stage::new(&["1usd/day"]).await;
    let (mut client, _provider) = stage.session().await;
    client.send(&text_frame("not masked", None)).await;
    closing(&client.rest().await, 1002, "invalid_frame: what was sent is no WebSocket frame.");
}

#[tokio::test]
async fn a_key_that_is_revoked_gets_no_next_answer() {
    let stage = Stage::new(&["1usd/day"]).await;
    let (mut client, mut provider) = stage.session().await;
    let change = Change { status: Some(AccountStatus::Suspended), ..Change::default() };
    stage.world.change("user:alice", change).await;
    provider.say(&done("resp_1", 160, 100)).await;
    let rest = client.rest().await;
    closing(
        &rest,
        1008,
        "account_suspended: this account is suspended; ask its operator to resume it.",
    );
    assert_eq!(stage.events().await[0].cost.get(), cost(160, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_a_charge_is_seen_by_the_hold_that_follows_it() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("openai=http://{}/v1", listener.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--redis", &redis.url(), "--upstream", &upstream];
    let mut program = Program::serve(dir.path(), &arguments, &[("OPENAI_API_KEY", PROVIDER_KEY)]);
    // One place only, which each answer gives back; and money for six answers.
    let limits = ["--limit", "1concurrent", "--limit", "0.1usd/day"];
    program.json(dir.path(), &[&["users", "create", "alice"][..], &limits].concat());
    let made = program.json(dir.path(), &["keys", "create", "--user", "alice"]);
    let headers = format!("{HANDSHAKE}authorization: Bearer {}\r\n", made["key"].as_str().unwrap());
    let mut stream = knock(program.data, PATH, &headers).await;
    let mut provider = accepted(&listener, AGREED).await;
    let mut client = End { head: head(&mut stream).await, stream };
    assert!(client.head.starts_with("HTTP/1.1 101"), "{}", client.head);
    let field = |name: &str| redis.cli(&["HGET", "farebox:{0}:user:alice", name]);
    let mut charged = 0;
    for n in 1..=5 {
        let answer = done("resp", 200, 100 + n);
        provider.say(&answer).await;
        client.expect_text(&answer).await;
        charged += cost(200, 100 + i64::try_from(n).unwrap());
        let begun = std::time::Instant::now();
        while field("usd.total") != charged.to_string() || field("usd.held") == "0" {
            assert!(begun.elapsed() < LIMIT, "{n}: {}", field("usd.total"));
        }
    }
    let dear = done("resp", 5_000, 5_000);
    provider.say(&dear).await;
    client.expect_text(&dear).await;
    let reason = "insufficient_quota: the limit of 0.1 usd/day for user:alice is reached";
    closing(&client.rest().await, 1008, reason);
    drop(client);
    assert_eq!(program.terminate().0, Some(0));
    charged += cost(5_000, 5_000);
    assert_eq!(field("usd.total"), charged.to_string());
    assert_eq!(field("usd.held"), "0");
}

/// Google's sessions name their model in the first message.
async fn google(stage_limits: &[&str]) -> Stage {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let credential = Credential::new("gemini-main", PROVIDER_KEY.to_owned().into());
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let provider = Provider::new("gemini", Dialect::Gemini, base_url, vec![credential]);
    let simulated = Simulated::start(None).await.unwrap();
    let world = World::served_by(simulated, provider, stage_limits, rules()).await;
    Stage { world, listener }
}

const BIDI: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

#[tokio::test]
async fn a_model_that_is_named_in_a_message_is_admitted_then() {
    let stage = google(&["1usd/day"]).await;
    let path = format!("{BIDI}?key={}", stage.world.key);
    let (mut client, mut provider) = stage.opened(&path, HANDSHAKE, AGREED).await;
    assert_eq!(provider.header("x-goog-api-key"), Some(PROVIDER_KEY));
    assert!(!provider.head.contains(&stage.world.key));
    let setup = text_frame(r#"{"setup":{"model":"models/gemini-2.5-flash"}}"#, MASK);
    client.send(&setup).await;
    provider.expect(&setup).await;
    let turn = r#"{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":1000,"responseTokenCount":100,"totalTokenCount":1100}}"#;
    for _ in 0..2 {
        provider.say(turn).await;
        client.expect_text(turn).await;
    }
    client.send(&close_frame(1000, "", MASK)).await;
    drop((client, provider));
    let events = stage.events().await;
    // $0.3 and $2.5 a million.
    assert!(events.iter().all(|e| (e.cost.get(), e.estimated) == (550_000, false)), "{events:#?}");
    assert_eq!((events.len(), &*events[0].facts.model), (2, "gemini-2.5-flash"));
}

#[tokio::test]
async fn a_model_that_cannot_be_admitted_is_not_heard_by_the_provider() {
    let spent = "insufficient_quota: the limit of 0.0001 usd/day for user:alice is reached";
    for (limit, setup, reason) in [
        (
            "1usd/day",
            r#"{"setup":{"model":"models/none"}}"#,
            "model_not_priced: the model `none` has no price here, so it is refused.",
        ),
        (
            "1usd/day",
            r#"{"setup":{}}"#,
            "invalid_body: `model` is missing; name the model that is to answer.",
        ),
        ("0.0001usd/day", r#"{"setup":{"model":"models/gemini-2.5-flash"}}"#, spent),
    ] {
        let stage = google(&[limit]).await;
        let headers = format!("{HANDSHAKE}{}", stage.authorised());
        let (mut client, mut provider) = stage.opened(BIDI, &headers, AGREED).await;
        client.send(&text_frame(setup, MASK)).await;
        let rest = client.rest().await;
        assert_eq!(rest, close_frame(1008, reason, None), "{}", String::from_utf8_lossy(&rest));
        drop(client);
        assert_eq!(provider.rest().await, b"", "{setup}");
        stage.world.untouched().await;
    }
}

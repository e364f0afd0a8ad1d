//! The calls of clients that hang up: every dialect, plain and streamed, and of each client how it
//! leaves, all from one seed. Sends; judges nothing.

use crate::dice::Dice;
use crate::world::{LIMIT, PROVIDER_KEY};
use farebox::provider::{Credential, Dialect, Provider};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One sort of call. `PROMPT` stands where its text comes.
#[derive(Debug)]
pub struct Sort {
    pub name: &'static str,
    pub provider: &'static str,
    path: &'static str,
    body: &'static str,
    /// It is answered with text, as long as its figures say.
    text: bool,
}

const fn sort(
    name: &'static str,
    provider: &'static str,
    path: &'static str,
    body: &'static str,
    text: bool,
) -> Sort {
    Sort { name, provider, path, body, text }
}

const BEDROCK: &str = r#"{"messages":[{"role":"user","content":[{"text":"PROMPT"}]}]}"#;
const GEMINI: &str = r#"{"contents":[{"role":"user","parts":[{"text":"PROMPT"}]}]}"#;

#[rustfmt::skip]
pub const SORTS: &[Sort] = &[
    sort("chat stream", "openai", "/v1/chat/completions", r#"{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("chat stream of gpt-4o", "openai", "/v1/chat/completions", r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("chat", "openai", "/v1/chat/completions", r#"{"model":"gpt-5","messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("responses stream", "openai", "/v1/responses", r#"{"model":"gpt-5-mini","stream":true,"input":"PROMPT"}"#, true),
    sort("responses", "openai", "/v1/responses", r#"{"model":"gpt-5-mini","input":"PROMPT"}"#, true),
    sort("completions stream", "openai", "/v1/completions", r#"{"model":"gpt-3.5-turbo-instruct","stream":true,"prompt":"PROMPT"}"#, true),
    sort("embeddings", "openai", "/v1/embeddings", r#"{"model":"text-embedding-3-small","input":"PROMPT"}"#, false),
    sort("speech", "openai", "/v1/audio/speech", r#"{"model":"tts-1","voice":"alloy","input":"PROMPT"}"#, false),
    sort("speech stream", "openai", "/v1/audio/speech", r#"{"model":"gpt-4o-mini-tts","voice":"alloy","stream_format":"sse","input":"PROMPT"}"#, false),
    sort("messages stream", "anthropic", "/v1/messages", r#"{"model":"claude-sonnet-4-5","max_tokens":900,"stream":true,"messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("messages", "anthropic", "/v1/messages", r#"{"model":"claude-sonnet-4-5","max_tokens":900,"messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("generate stream", "gemini", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", GEMINI, true),
    sort("generate array", "gemini", "/v1beta/models/gemini-2.5-flash:streamGenerateContent", GEMINI, true),
    sort("generate", "gemini", "/v1beta/models/gemini-2.5-flash:generateContent", GEMINI, true),
    sort("embed content", "gemini", "/v1beta/models/gemini-embedding-001:embedContent", r#"{"content":{"parts":[{"text":"PROMPT"}]}}"#, false),
    sort("cohere chat stream", "cohere", "/v2/chat", r#"{"model":"command-a-03-2025","stream":true,"messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("cohere chat", "cohere", "/v2/chat", r#"{"model":"command-a-03-2025","messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("cohere embed", "cohere", "/v2/embed", r#"{"model":"embed-v4.0","texts":["PROMPT"],"embedding_types":["float"],"input_type":"search_query"}"#, false),
    sort("cohere rerank", "cohere", "/v2/rerank", r#"{"model":"rerank-v3.5","query":"q","documents":["PROMPT","a","b"]}"#, false),
    sort("mistral stream", "mistral", "/v1/chat/completions", r#"{"model":"mistral-large-latest","stream":true,"messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("mistral", "mistral", "/v1/chat/completions", r#"{"model":"mistral-large-latest","messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("ollama chat stream", "ollama", "/api/chat", r#"{"model":"llama-3.3-70b-versatile","messages":[{"role":"user","content":"PROMPT"}]}"#, true),
    sort("ollama generate", "ollama", "/api/generate", r#"{"model":"llama-3.3-70b-versatile","stream":false,"prompt":"PROMPT"}"#, true),
    sort("converse stream", "bedrock", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream", BEDROCK, true),
    sort("converse", "bedrock", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse", BEDROCK, true),
];

/// A provider of every dialect twice: hanging up stops the bill of the one, not that of the other.
/// None has a name that the price table knows, for there Ollama is free.
pub fn providers(upstream: SocketAddr) -> Vec<Provider> {
    let dialects = [
        ("openai", Dialect::OpenAi, "/v1"),
        ("anthropic", Dialect::Anthropic, ""),
        ("gemini", Dialect::Gemini, ""),
        ("cohere", Dialect::Cohere, ""),
        ("mistral", Dialect::OpenAi, "/mistral/v1"),
        ("ollama", Dialect::Ollama, ""),
        ("bedrock", Dialect::Bedrock, ""),
    ];
    let named = |(name, dialect, base): (&str, Dialect, &str), stops| {
        let credential = Credential::new("main", PROVIDER_KEY.to_owned().into());
        let base_url = format!("http://{upstream}{base}");
        let name = provider_name(name, stops);
        let provider = Provider::new(name, dialect, base_url, vec![credential]);
        Provider { cancel_stops_billing: stops, ..provider }
    };
    [true, false].iter().flat_map(|stops| dialects.map(|dialect| named(dialect, *stops))).collect()
}

fn provider_name(name: &str, stops: bool) -> String {
    format!("{name}-{}", if stops { "stops" } else { "runs" })
}

/// One client: its call, and how it leaves.
#[derive(Debug, Clone)]
pub struct Client {
    pub sort: &'static Sort,
    pub name: String,
    request: Vec<u8>,
    /// Bytes of the request that it sends.
    sends: usize,
    /// Bytes of the answer that it reads.
    reads: usize,
    /// It leaves with a reset.
    resets: bool,
}

impl Client {
    /// The client of this number. `lengths` are those of whole answers, by sort.
    pub fn new(number: usize, lengths: &[usize], key: &str) -> Self {
        let mut dice = Dice(number as u64);
        let place = dice.below(SORTS.len());
        let sort = &SORTS[place];
        let mut client = Self::whole(sort, format!("hang-{number}"), &mut dice, key);
        let all = lengths.get(place).copied().unwrap_or(0);
        match dice.below(20) {
            0 => client.sends = dice.below(client.request.len()),
            1 | 2 => client.reads = 0,
            3 | 4 => {}
            _ => client.reads = dice.below(all + all / 10 + 1),
        }
        client.resets = dice.below(2) == 0;
        client
    }

    /// A client that stays to the end.
    pub fn patient(place: usize, key: &str) -> Self {
        let mut dice = Dice(!(place as u64));
        Self::whole(&SORTS[place], format!("patient-{place}"), &mut dice, key)
    }

    fn whole(sort: &'static Sort, name: String, dice: &mut Dice, key: &str) -> Self {
        let prompt = "Farebox is a meter. ".repeat(1 + dice.below(200));
        let body = sort.body.replace("PROMPT", &prompt);
        let provider = provider_name(sort.provider, dice.below(2) == 0);
        let request = format!(
            "POST /{provider}{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: {name}\r\n\
             authorization: Bearer {key}\r\ncontent-type: application/json\r\n\
             x-simulate: {}\r\ncontent-length: {}\r\n\r\n{body}",
            sort.path,
            script(sort, dice),
            body.len()
        );
        let sends = request.len();
        Self { sort, name, request: request.into_bytes(), sends, reads: usize::MAX, resets: false }
    }

    /// Calls, reads as far as it likes, and leaves; what it read.
    pub async fn call(&self, addr: SocketAddr) -> Read {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(&self.request[..self.sends]).await.unwrap();
        let reads = if self.sends < self.request.len() { 0 } else { self.reads };
        let mut read = Read::default();
        let mut piece = [0; 4096];
        while read.bytes.len() < reads {
            let most = piece.len().min(reads - read.bytes.len());
            let got = tokio::time::timeout(LIMIT, stream.read(&mut piece[..most])).await.unwrap();
            match got.unwrap() {
                0 => {
                    read.whole = true;
                    break;
                }
                got => read.bytes.extend_from_slice(&piece[..got]),
            }
        }
        if self.resets && !read.whole {
            stream.set_zero_linger().unwrap();
        }
        read
    }
}

/// What a client read of its answer.
#[derive(Debug, Default)]
pub struct Read {
    pub bytes: Vec<u8>,
    /// It came to the end.
    pub whole: bool,
}

impl Read {
    /// The head came, and it is that of a success.
    pub fn succeeded(&self) -> bool {
        self.bytes.starts_with(b"HTTP/1.1 200 ")
    }
}

/// Text in proportion to its tokens, at several paces.
fn script(sort: &Sort, dice: &mut Dice) -> String {
    let output = 8 + dice.below(400);
    let (delay, first) = ([0, 0, 1, 3][dice.below(4)], [0, 0, 2, 9][dice.below(4)]);
    let pad = if sort.text { format!(",\"pad\":{}", 4 * output) } else { String::new() };
    let chunks = 1 + dice.below(16);
    format!(
        "{{\"output\":{output},\"chunks\":{chunks},\"delay_ms\":{delay},\"first_delay_ms\":{first}{pad}}}"
    )
}

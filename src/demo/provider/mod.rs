//! A simulated provider: it speaks the API of every vendor that Farebox meters, answers
//! deterministically, plays what a request's `x-simulate` header asks for, and keeps a bill of what
//! it served.
//!
//! It is not a mock of Farebox's expectations: it knows nothing of Farebox, and its bill is made
//! from what it generated, not from what a usage block said.
//!
//! | vendor | paths, after any prefix |
//! | --- | --- |
//! | OpenAI | `/v1/chat/completions`, `completions`, `responses`, `embeddings`, `audio/transcriptions`, `audio/speech`, `images/generations`, `batches`; free: `models`, `moderations`, `files`, `responses/input_tokens`, and what is fetched by its id; `/v1/realtime` is a WebSocket |
//! | Anthropic | `/v1/messages`, `/v1/messages/count_tokens` |
//! | Gemini | `/v1beta/models/M:VERB` or `/v1/…`: `generateContent`, `streamGenerateContent`, `countTokens`, `embedContent`, `batchEmbedContents` |
//! | Cohere | `/v2/chat`, `/v2/embed`, `/v2/rerank` |
//! | Mistral | OpenAI's paths after the prefix `/mistral`; `/v1/ocr` |
//! | Ollama | `/api/chat`, `/api/generate`, `/api/embed`, `/api/tags` |
//! | Bedrock | `/model/M/converse`, `/model/M/converse-stream` |
//! | OpenRouter | OpenAI's paths after the prefix `/openrouter/api` |
//! | for administrators | `/v1/organization/usage/KIND`, `/v1/organization/costs`; `/v1/organizations/usage_report/messages`, `/v1/organizations/cost_report`; `/v1/activity` |
//! | itself | `GET /sim/bill`: the bill as JSON; `POST /sim/reset`: forgets it |
//!
//! Fields of a script: `input cached cache_write cache_write_1h tool_input audio_input output
//! reasoning` (token counts; `input` includes what follows it), `web_searches web_fetches seconds
//! pages search_units` (other units), `chunks`, `delay_ms`, `first_delay_ms`, `status`, `error`,
//! `retry_after`, `cut_after`, `reset_after`, `stall_after`, `error_after` (a number of events),
//! `no_usage`, `usage` (verbatim), `pad` (bytes of text), `split` (frames of 1 to so many bytes),
//! `encoding` (gzip, deflate, br, zstd), `encode_anyway` (whatever the client accepts), `tier`,
//! `model`, `polls` (how often what was put off is seen unfinished). A JSON body counts as `chunks`
//! events where it is to be broken off. A script on a realtime handshake is played by each response.

mod anthropic;
mod audio;
mod aws_frames;
mod base64;
mod batches;
mod bedrock;
mod bill;
mod cohere;
mod complaint;
mod completions;
mod counting;
mod deferred;
mod delivery;
mod draft;
mod embeddings;
mod encoding;
mod extras;
mod failure;
mod fields;
mod free;
mod gemini;
mod images;
mod mistral;
mod models;
mod multipart;
mod ollama;
mod order;
mod plan;
mod plays;
mod portion;
mod realtime;
mod realtime_events;
mod reports;
mod responses;
mod route;
mod script;
mod serve;
mod shelf;
mod tokens;
mod transmission;
mod upgrade;
mod vendor;
mod websocket;
mod wire;
mod wishes;
mod words;

pub use bill::{Bill, BillEntry};
pub use extras::Extras;
pub use script::SCRIPT_HEADER;
pub use tokens::Tokens;

use crate::clock::Clock;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use plays::Plays;
use serve::Shop;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use wire::Wire;

/// `created` of every answer.
const CREATED: u64 = 1_794_000_000;

/// Connections at the same time; one more is closed at once.
const MAX_CONNECTIONS: usize = 20_000;

const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// What a simulated provider is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where it listens; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The one credential that it accepts; absent, it accepts every caller.
    pub credential: Option<String>,
    /// The one credential that reads reports; absent, any but `credential` does.
    pub admin_credential: Option<String>,
    /// What dates its bill.
    pub clock: Clock,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            credential: None,
            admin_credential: None,
            clock: Clock::system(),
        }
    }
}

/// A running simulated provider. Dropping it ends its connections.
#[derive(Debug)]
pub struct Simulated {
    addr: SocketAddr,
    bill: Bill,
    plays: Plays,
    serving: JoinHandle<()>,
    closing: watch::Sender<()>,
}

impl Simulated {
    /// Starts one on a free port of the loopback. It asks for `credential`, where there is one.
    pub async fn start(credential: Option<&str>) -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), credential).await
    }

    /// Starts one on `addr`.
    pub async fn listen(addr: SocketAddr, credential: Option<&str>) -> io::Result<Self> {
        let setup = Setup { addr, credential: credential.map(str::to_owned), ..Setup::default() };
        Self::set_up(setup).await
    }

    /// Starts one as `setup` says.
    pub async fn set_up(setup: Setup) -> io::Result<Self> {
        let listener = TcpListener::bind(setup.addr).await?;
        let addr = listener.local_addr()?;
        let shop = Shop {
            bill: Bill::dated(setup.clock),
            credential: setup.credential,
            admin_credential: setup.admin_credential,
            ..Shop::default()
        };
        let (bill, closing) = (shop.bill.clone(), shop.closing.clone());
        let plays = shop.plays.clone();
        let serving = tokio::spawn(accept(listener, Arc::new(shop)));
        Ok(Self { addr, bill, plays, serving, closing })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What an SDK would be given: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Plays this script to everybody who calls with a credential, instead of what the request asks
    /// for; or ends that.
    pub fn play(&self, credential: &str, script: Option<&'static str>) {
        self.plays.set(credential, script);
    }

    /// Its bill.
    pub fn bill(&self) -> &Bill {
        &self.bill
    }

    /// Serves until the listener ends, which is never unless it is dropped.
    pub async fn serve(mut self) {
        // A panic of the accepting task has been reported by the runtime.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.serving.abort();
        // Nobody converses where nobody hears it.
        let _ = self.closing.send(());
    }
}

async fn accept(listener: TcpListener, shop: Arc<Shop>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: those of finished connections come back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() < MAX_CONNECTIONS {
            connections.spawn(converse(stream, Arc::clone(&shop)));
        }
    }
}

async fn converse(stream: TcpStream, shop: Arc<Shop>) {
    // Without it events would wait for each other; where it fails they do.
    let _ = stream.set_nodelay(true);
    let wire = Wire::new(stream);
    let reset = wire.reset_flag();
    let service = service_fn(move |request| {
        let (shop, reset) = (Arc::clone(&shop), Arc::clone(&reset));
        async move { Ok::<_, Infallible>(shop.answer(request, reset).await) }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    server.http2().timer(TokioTimer::new()).max_concurrent_streams(1000);
    // How a connection ends is the client's business, or the script's.
    let _ = server.serve_connection_with_upgrades(TokioIo::new(wire), service).await;
}

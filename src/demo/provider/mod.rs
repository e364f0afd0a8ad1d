//! A simulated provider: it speaks the OpenAI API, answers deterministically, plays what a request's
//! `x-simulate` header asks for, and keeps a bill of what it served.
//!
//! It is not a mock of Farebox's expectations: it knows nothing of Farebox, and its bill is made
//! from what it generated, not from what a usage block said.
//!
//! | path | gives |
//! | --- | --- |
//! | `POST …/v1/chat/completions`, `…/completions`, `…/responses`, `…/embeddings` | an answer |
//! | `GET …/v1/models`, `…/v1/models/ID` | the models |
//! | `GET /sim/bill` | the bill as JSON |
//! | `POST /sim/reset` | forgets the bill |
//!
//! Fields of a script: `input cached cache_write output reasoning` (token counts), `chunks`,
//! `delay_ms`, `first_delay_ms`, `status`, `error`, `retry_after`, `cut_after`, `reset_after`,
//! `stall_after`, `error_after` (a number of events), `no_usage`, `usage` (verbatim), `pad` (bytes
//! of text), `split` (frames of 1 to so many bytes), `encoding` (gzip, deflate, br, zstd),
//! `encode_anyway` (whatever the client accepts), `tier`, `model`. A JSON body counts as `chunks`
//! events where it is to be broken off.

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
mod portion;
mod responses;
mod route;
mod script;
mod serve;
mod shelf;
mod tokens;
mod transmission;
mod vendor;
mod wire;
mod words;

pub use bill::{Bill, BillEntry};
pub use extras::Extras;
pub use script::SCRIPT_HEADER;
pub use tokens::Tokens;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use serve::Shop;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use wire::Wire;

/// `created` of every answer.
const CREATED: u64 = 1_794_000_000;

/// Connections at the same time; one more is closed at once.
const MAX_CONNECTIONS: usize = 20_000;

const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// A running simulated provider. Dropping it ends its connections.
#[derive(Debug)]
pub struct Simulated {
    addr: SocketAddr,
    bill: Bill,
    serving: JoinHandle<()>,
}

impl Simulated {
    /// Starts one on a free port of the loopback. It asks for `credential`, where there is one.
    pub async fn start(credential: Option<&str>) -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), credential).await
    }

    /// Starts one on `addr`.
    pub async fn listen(addr: SocketAddr, credential: Option<&str>) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let shop = Shop { credential: credential.map(str::to_owned), ..Shop::default() };
        let bill = shop.bill.clone();
        let serving = tokio::spawn(accept(listener, Arc::new(shop)));
        Ok(Self { addr, bill, serving })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What an SDK would be given: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
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
    let _ = server.serve_connection(TokioIo::new(wire), service).await;
}

//! Listeners: accept, shake hands, speak HTTP/1.1 or HTTP/2, stop gently.
//!
//! Knows nothing of metering: it is given a service and a set of timeouts. Every wait has a limit:
//! the first byte of a connection, the TLS handshake, the header, an idle keep-alive, a client that
//! does not read.

mod connection;
mod drain;
mod tls;
mod workers;

pub use drain::{Drain, DrainWatch};
pub use tls::{BadCertificate, Tls};
pub use workers::Workers;

use crate::telemetry::names::{self, Present};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a listener serves.
pub trait Serves<B>:
    Service<
        Request<Incoming>,
        Response = Response<B>,
        Error = Infallible,
        Future: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    > + Clone
    + Send
    + 'static
{
}

impl<S, B> Serves<B> for S where
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Error = Infallible,
            Future: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
        > + Clone
        + Send
        + 'static
{
}

/// A body that a listener can send.
pub trait Sends: Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static {}

impl<B: Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static> Sends for B {}

/// Any error that may cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The limits of a listener.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// From accept to the first byte, and for the TLS handshake.
    pub handshake: Duration,
    /// From a request's first byte to the end of its header; also how long an idle connection is
    /// kept.
    pub header: Duration,
    /// How long a client may refuse to take bytes.
    pub write_stall: Duration,
    /// Bytes of header at most. Of an answer to a client that does not read, about as many wait.
    pub header_bytes: usize,
    /// Connections at the same time.
    pub connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(30),
            write_stall: Duration::from_secs(60),
            header_bytes: 32 * 1024,
            connections: 20_000,
        }
    }
}

/// Binds a listener; the error names the address.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}")))
}

/// Where connections are served.
pub enum Hands<S> {
    /// On the runtime that accepts them.
    Here(S),
    /// On threads of their own, each with its own copy of the service.
    Workers(Arc<Workers>, Vec<S>),
}

/// Accepts connections until the drain begins. Connections that are open then are told to finish
/// and go on by themselves; [`Drain::finish`] waits for them.
pub async fn run<S, B>(
    listener: TcpListener,
    hands: Hands<S>,
    tls: Option<Tls>,
    bounds: Arc<Bounds>,
    drain: DrainWatch,
) where
    S: Serves<B>,
    B: Sends,
{
    let room = Arc::new(Semaphore::new(bounds.connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.begun() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                wait_for_descriptors(&error).await;
                continue;
            }
        };
        let Ok(place) = room.clone().try_acquire_owned() else {
            tracing::warn!(limit = bounds.connections, "too many connections; one was closed");
            continue;
        };
        hands.take(stream, place, tls.clone(), bounds.clone(), drain.connection());
    }
}

impl<S> Hands<S> {
    fn take<B>(
        &self,
        stream: TcpStream,
        place: OwnedSemaphorePermit,
        tls: Option<Tls>,
        bounds: Arc<Bounds>,
        watch: drain::ConnectionWatch,
    ) where
        S: Serves<B>,
        B: Sends,
    {
        match self {
            Self::Here(service) => {
                tokio::spawn(serve(stream, service.clone(), tls, bounds, watch, place));
            }
            Self::Workers(workers, services) => {
                let Some((number, runtime)) = workers.next() else { return };
                let Some(service) = services.get(number).cloned() else { return };
                let Ok(stream) = stream.into_std() else { return };
                runtime.spawn(async move {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        serve(stream, service, tls, bounds, watch, place).await;
                    }
                });
            }
        }
    }
}

/// When the process is out of descriptors, accepting again at once would spin.
async fn wait_for_descriptors(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn serve<S, B>(
    stream: TcpStream,
    service: S,
    tls: Option<Tls>,
    bounds: Arc<Bounds>,
    watch: drain::ConnectionWatch,
    place: OwnedSemaphorePermit,
) where
    S: Serves<B>,
    B: Sends,
{
    let open = Present::on(names::CONNECTIONS);
    if let Err(error) = connection::serve(stream, service, tls, &bounds, watch).await {
        tracing::debug!(error, "a connection ended early");
    }
    drop((open, place));
}

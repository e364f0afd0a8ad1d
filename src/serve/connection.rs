//! One connection: TLS if configured, then HTTP/1.1 or HTTP/2, by ALPN or by its first bytes. Its
//! requests carry the address of the other end, a [`SocketAddr`], in their extensions.

use super::drain::ConnectionWatch;
use super::{Bounds, BoxError, Sends, Serves, Tls};
use http::header::UPGRADE;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

/// What an HTTP/2 client sends first when it knows beforehand that the server speaks it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a connection to its end. The error is for the log.
pub(super) async fn serve<S, B>(
    stream: TcpStream,
    service: S,
    tls: Option<Tls>,
    bounds: &Bounds,
    watch: ConnectionWatch,
) -> Result<(), String>
where
    S: Serves<B>,
    B: Sends,
{
    stream.set_nodelay(true).map_err(text)?;
    let peer: SocketAddr = stream.peer_addr().map_err(text)?;
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        service.call(request)
    });
    match tls {
        None => {
            let http2 = speaks_http2(&stream, bounds).await?;
            speak(patient(stream, bounds), http2, service, bounds, watch).await
        }
        Some(tls) => {
            let handshake = tls.acceptor().accept(patient(stream, bounds));
            let stream = timeout(bounds.handshake, Box::pin(handshake))
                .await
                .map_err(|_| "no TLS handshake in time".to_owned())?
                .map_err(text)?;
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            speak(Box::pin(stream), http2, service, bounds, watch).await
        }
    }
}

/// A stream whose client has to take bytes within the bound.
fn patient(stream: TcpStream, bounds: &Bounds) -> std::pin::Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(bounds.write_stall));
    Box::pin(stream)
}

/// Looks at the first bytes without taking them. A client that sends nothing is let go.
async fn speaks_http2(stream: &TcpStream, bounds: &Bounds) -> Result<bool, String> {
    let mut first = [0_u8; PREFACE.len()];
    let look = async {
        loop {
            // Asked before the look, so that what is seen then is all that will ever come.
            let over = stream.ready(Interest::READABLE).await?.is_read_closed();
            let seen = stream.peek(&mut first).await?;
            let seen = first.get(..seen).unwrap_or_default();
            let in_part = seen != PREFACE && PREFACE.starts_with(seen);
            if seen.is_empty() || (over && in_part) {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            if !in_part {
                return Ok(seen == PREFACE);
            }
            // A part of the preface stays readable, so readiness would not wait for the rest.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    match timeout(bounds.handshake, look).await {
        Ok(seen) => seen.map_err(text),
        Err(_) => Err("no first byte in time".to_owned()),
    }
}

async fn speak<I, S, B>(
    io: I,
    http2: bool,
    service: S,
    bounds: &Bounds,
    watch: ConnectionWatch,
) -> Result<(), String>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serves<B>,
    B: Sends,
{
    let io = TokioIo::new(io);
    if http2 {
        let mut server = http2::Builder::new(TokioExecutor::new());
        server
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(bounds.header))
            .keep_alive_timeout(bounds.handshake)
            .max_header_list_size(u32::try_from(bounds.header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(1024);
        // It is larger than that of HTTP/1.1, which most clients speak.
        let mut connection = Box::pin(server.serve_connection(io, service));
        finish(connection.as_mut(), watch, |c| c.graceful_shutdown()).await
    } else {
        speak_http1(io, service, bounds, watch).await
    }
}

/// A connection that was upgraded lasts as long as the request's extensions are kept.
async fn speak_http1<I, S, B>(
    io: TokioIo<I>,
    service: S,
    bounds: &Bounds,
    watch: ConnectionWatch,
) -> Result<(), String>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serves<B>,
    B: Sends,
{
    let (lasting, mut over) = mpsc::channel::<Infallible>(1);
    let service = service_fn(move |mut request: Request<Incoming>| {
        if request.headers().contains_key(UPGRADE) {
            request.extensions_mut().insert(lasting.clone());
        }
        service.call(request)
    });
    let ended = {
        let mut server = http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.header)
            .max_buf_size(bounds.header_bytes.max(8192));
        let connection = pin!(server.serve_connection(io, service).with_upgrades());
        finish(connection, watch, |c| c.graceful_shutdown()).await
    };
    let _nobody_sends = over.recv().await;
    ended
}

/// Polls a connection to its end; when the drain begins, asks it once to finish.
async fn finish<C, E>(
    mut connection: std::pin::Pin<&mut C>,
    mut watch: ConnectionWatch,
    shut_down: impl Fn(std::pin::Pin<&mut C>),
) -> Result<(), String>
where
    C: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = watch.begun() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            shut_down(connection.as_mut());
            connection.await
        }
    };
    ended.map_err(|e| text(e.into()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! Sends a call to its provider and waits for the head of the answer.

use super::request::Outgoing;
use http::header::UPGRADE;
use http::{HeaderMap, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;
use tokio::time::timeout;

/// Most bytes of an answer that are taken from a connection at once, and of its head. More would make
/// long answers a little cheaper, and every stream that its client does not read dearer in memory.
const READ_AT_ONCE: usize = 32 * 1024;

type Connections = Client<HttpsConnector<HttpConnector>, Outgoing>;

/// Pooled connections to the providers: HTTP/2 where a provider offers it over TLS, else HTTP/1.1.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    client: Connections,
    /// For upgrades: HTTP/1.1 only, and every connection for one of them.
    upgrading: Connections,
    first_byte: Duration,
}

/// How long to wait for a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamBounds {
    /// For a connection and its TLS handshake.
    pub connect: Duration,
    /// From sending the call to the head of the answer.
    pub first_byte: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

impl Default for UpstreamBounds {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(60),
        }
    }
}

impl Upstream {
    pub(super) fn new(bounds: &UpstreamBounds) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(bounds.connect));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let secured = || {
            HttpsConnectorBuilder::new()
                .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
                .map_err(|e| e.to_string())
        };
        let connector = secured()?.https_or_http().enable_http1();
        let upgrading = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector.wrap_connector(tcp.clone()));
        let connector = secured()?.https_or_http().enable_http1().enable_http2();
        let client = Client::builder(TokioExecutor::new())
            .http1_max_buf_size(READ_AT_ONCE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(bounds.idle)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build(connector.wrap_connector(tcp));
        Ok(Self { client, upgrading, first_byte: bounds.first_byte })
    }

    /// Sends the call. Until this is polled the provider has seen nothing.
    pub(super) async fn send(
        &self,
        (method, uri, headers): (Method, Uri, HeaderMap),
        body: Outgoing,
    ) -> Result<Response<Incoming>, Broke> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let upgrades = request.headers().contains_key(UPGRADE);
        let client = if upgrades { &self.upgrading } else { &self.client };
        match timeout(self.first_byte, client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(Broke::TimedOut),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broke {
    /// There was no connection, so the provider has not seen the call.
    NeverSent,
    /// The connection ended before the answer began.
    BrokenOff,
    /// The answer did not begin in time.
    TimedOut,
}

fn failed(error: &Error) -> Broke {
    tracing::warn!(error = %chain(error), "the provider could not be reached");
    match error.is_connect() {
        true => Broke::NeverSent,
        false => Broke::BrokenOff,
    }
}

/// An error with its causes. Neither the URL nor a header is part of it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

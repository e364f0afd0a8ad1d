//! A post over HTTP/1.1, on a connection of its own.

use super::super::message::Post;
use super::super::outcome::Outcome;
use super::{CONNECT_LIMIT, Outgoing, later};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// So much of an answer is read, and of its head. Nothing of it is used but the status.
const ANSWER_BYTES: usize = 64 * 1024;

/// How long the rest of an answer may take once its status is known.
const REST_LIMIT: Duration = Duration::from_secs(1);

const AGENT: &str = concat!("farebox/", env!("CARGO_PKG_VERSION"));

/// Connects to the first address that answers.
async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for address in addresses {
        match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

impl Outgoing {
    pub(super) async fn post(&self, post: &Post) -> Result<Outcome, Outcome> {
        let host = post.to.host();
        let addresses = self.addresses(host, post.to.port()).await?;
        let tcp = connect(&addresses).await.map_err(|e| later(host, e))?;
        if !post.to.is_secure() {
            return self.exchange(post, tcp).await;
        }
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| later(host, "no certificate can have this name"))?;
        let connector = TlsConnector::from(self.tls.clone());
        let tls = connector.connect(name, tcp).await.map_err(|e| later(host, e))?;
        self.exchange(post, tls).await
    }

    async fn exchange<S>(&self, post: &Post, stream: S) -> Result<Outcome, Outcome>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let host = post.to.host();
        let mut request = Request::post(post.to.path())
            .header(header::HOST, post.to.authority())
            .header(header::USER_AGENT, AGENT)
            .header(header::CONNECTION, "close");
        for (name, value) in &post.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::<Bytes>::from(post.body.clone()));
        let request = request.map_err(|_| Outcome::Failed {
            why: format!("{host}: the request cannot be written"),
        })?;
        let handshake = http1::Builder::new()
            .max_buf_size(ANSWER_BYTES)
            .handshake::<_, Full<Bytes>>(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|e| later(host, e))?;
        let asked = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            // Read so that the other side can finish; the status has decided already.
            let _ = timeout(REST_LIMIT, Limited::new(body, ANSWER_BYTES).collect()).await;
            Ok::<_, hyper::Error>(head)
        };
        // The connection is driven here, so that nothing of it outlives the time limit.
        let driven = async {
            let _ = connection.await;
            std::future::pending::<Infallible>().await
        };
        let head = tokio::select! {
            head = asked => head.map_err(|e| later(host, e))?,
            never = driven => match never {},
        };
        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
        let status = head.status.as_u16();
        Ok(Outcome::of_status(host, status, retry_after, self.clock.now()))
    }
}

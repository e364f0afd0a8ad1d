//! Listeners with real sockets: both protocols, every timer, and the gentle stop.

use bytes::Bytes;
use farebox::serve::{Bounds, Drain, Hands, Tls, bind, run};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn quick() -> Bounds {
    Bounds {
        handshake: Duration::from_millis(200),
        header: Duration::from_millis(300),
        write_stall: Duration::from_millis(300),
        ..Bounds::default()
    }
}

/// Answers `/slow` after half a second, `/large` with 64 MiB, all else at once.
async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = match request.uri().path() {
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Bytes::from_static(b"slow")
        }
        "/large" => Bytes::from(vec![b'x'; 64 << 20]),
        _ => Bytes::from(format!("{:?}", request.version())),
    };
    Ok(Response::new(Full::new(body)))
}

async fn start(bounds: Bounds, tls: Option<Tls>, drain: &Drain) -> SocketAddr {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(run(
        listener,
        Hands::Here(service_fn(hello)),
        tls,
        Arc::new(bounds),
        drain.watch(),
    ));
    address
}

/// Reads until the server closes; how long that took.
async fn closed_after(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the connection was never closed");
    begun.elapsed()
}

#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let drain = Drain::default();
    let address = start(quick(), None, &drain).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert!(closed_after(&mut silent).await >= Duration::from_millis(150));
    let mut half_a_preface = TcpStream::connect(address).await.unwrap();
    half_a_preface.write_all(b"PRI * HT").await.unwrap();
    assert!(closed_after(&mut half_a_preface).await >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_client_that_hangs_up_within_its_first_word_is_not_waited_for() {
    let drain = Drain::default();
    let bounds = Bounds { handshake: Duration::from_secs(60), ..Bounds::default() };
    let address = start(bounds, None, &drain).await;
    for word in ["P", "PRI * HT"] {
        let mut gone = TcpStream::connect(address).await.unwrap();
        gone.write_all(word.as_bytes()).await.unwrap();
        gone.shutdown().await.unwrap();
        closed_after(&mut gone).await;
    }
}

#[tokio::test]
async fn a_header_that_does_not_end_is_let_go() {
    let drain = Drain::default();
    let address = start(quick(), None, &drain).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    assert!(closed_after(&mut slow).await >= Duration::from_millis(250));
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_a_while_and_then_closed() {
    let drain = Drain::default();
    let address = start(quick(), None, &drain).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1024];
        let read = idle.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200 OK"));
    }
    let idle_for = closed_after(&mut idle).await;
    assert!(idle_for >= Duration::from_millis(250), "closed after {idle_for:?}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let drain = Drain::default();
    let address = start(quick(), None, &drain).await;
    let mut stalled = TcpStream::connect(address).await.unwrap();
    stalled.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    drain.begin();
    assert!(drain.finish(Duration::from_secs(5)).await, "the connection was kept");
}

#[tokio::test]
async fn speaks_http2_to_a_client_that_knows_it_beforehand() {
    let drain = Drain::default();
    let address = start(quick(), None, &drain).await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let answer = client.get(format!("http://{address}/").parse().unwrap()).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "HTTP/2.0");
}

#[tokio::test]
async fn the_drain_lets_answers_finish_and_refuses_new_connections() {
    let drain = Drain::default();
    let address = start(quick(), None, &drain).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 1];
    let started =
        tokio::time::timeout(Duration::from_millis(100), busy.read_exact(&mut first)).await;
    assert!(started.is_err(), "the answer came too early");
    drain.begin();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("slow"), "{answer}");
    assert!(drain.finish(Duration::from_secs(1)).await);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn tls_offers_both_protocols_and_reads_its_certificate_again() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let root = write_certificate(&cert, &key);
    let tls = Tls::load(&cert, &key).unwrap();
    let drain = Drain::default();
    let address = start(quick(), Some(tls.clone()), &drain).await;
    for (alpn, protocol) in [("h2", "HTTP/2.0"), ("http/1.1", "HTTP/1.1")] {
        assert_eq!(over_tls(address, &root, alpn).await.unwrap(), protocol);
    }
    let renewed = write_certificate(&cert, &key);
    tls.reload().unwrap();
    assert!(over_tls(address, &root, "h2").await.is_err());
    assert_eq!(over_tls(address, &renewed, "h2").await.unwrap(), "HTTP/2.0");
    std::fs::write(&cert, "nonsense").unwrap();
    assert!(tls.reload().unwrap_err().to_string().contains("cert.pem"));
    assert_eq!(over_tls(address, &renewed, "h2").await.unwrap(), "HTTP/2.0");
}

fn write_certificate(
    cert: &std::path::Path,
    key: &std::path::Path,
) -> rustls::pki_types::CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(cert, made.cert.pem()).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

async fn over_tls(
    address: SocketAddr,
    root: &rustls::pki_types::CertificateDer<'static>,
    alpn: &str,
) -> Result<String, Box<dyn std::error::Error>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await?;
    let stream = connector.connect("localhost".try_into()?, stream).await?;
    let io = TokioIo::new(stream);
    let request = Request::get("https://localhost/").body(Full::<Bytes>::default())?;
    let answer = if alpn == "h2" {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    };
    Ok(String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?)
}

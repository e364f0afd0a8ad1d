//! Where the alerts of tests go: HTTP and SMTP servers that write down what they get, with and
//! without TLS, and answer as they are told.

use farebox::alert::{Allowed, Channel, Message, Names, Notice, Outgoing, State, Subject};
use farebox::clock::{Clock, UnixMs};
use farebox::ledger::{BoxFuture, Crossing};
use farebox::limit::{Level, Limit};
use farebox::money::NanoUsd;
use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A connection, encrypted or not.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}
pub type Stream = Box<dyn Io>;

/// A request that a sink got.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// An HTTP server.
pub struct HttpSink {
    pub address: SocketAddr,
    pub got: Arc<Mutex<Vec<Got>>>,
}

impl HttpSink {
    /// One on loopback that gives these answers in turn, the last one for ever.
    pub async fn start(answers: &[&str]) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), answers, None).await
    }

    pub async fn on(address: SocketAddr, answers: &[&str], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let written = got.clone();
        tokio::spawn(async move {
            let mut turn = 0;
            while let Ok((tcp, _)) = listener.accept().await {
                let answer = answers[turn.min(answers.len() - 1)].clone();
                turn += 1;
                let (tls, written) = (tls.clone(), written.clone());
                tokio::spawn(async move {
                    let stream: Stream = match tls {
                        Some(tls) => Box::new(tls.accept(tcp).await?),
                        None => Box::new(tcp),
                    };
                    serve(stream, &answer, &written).await
                });
            }
        });
        Self { address, got }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The only request that it got.
    pub fn only(&self) -> Got {
        let got = self.got.lock();
        assert_eq!(got.len(), 1, "{got:?}");
        got[0].clone()
    }
}

/// `204 No Content`, as it goes over the wire.
pub const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// An answer without a body.
pub fn answer(status: &str, header: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{header}content-length: 0\r\n\r\n")
}

async fn serve(stream: Stream, answer: &str, got: &Mutex<Vec<Got>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    assert!(line.starts_with("POST ") && line.ends_with(" HTTP/1.1\r\n"), "{line}");
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    got.lock().push(Got { path, headers, body: String::from_utf8(body).unwrap() });
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await?;
    // Until the other side goes.
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// What an SMTP server was told.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Every command, `TLS` where the connection was encrypted, and the lines of mails.
    pub lines: Vec<String>,
}

/// An SMTP server: what it offers, and what it says to commands that begin so.
#[derive(Clone, Default)]
pub struct SmtpSink {
    pub offers: Vec<&'static str>,
    pub says: Vec<(&'static str, &'static str)>,
    pub tls: Option<TlsAcceptor>,
    /// Encrypted from the first byte.
    pub implicit: bool,
    pub heard: Arc<Mutex<Heard>>,
}

impl SmtpSink {
    /// Listens, and returns its port.
    pub async fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sink = self.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let sink = sink.clone();
                tokio::spawn(async move { sink.talk(Box::new(tcp)).await });
            }
        });
        port
    }

    pub fn lines(&self) -> Vec<String> {
        self.heard.lock().lines.clone()
    }

    fn hear(&self, line: &str) {
        self.heard.lock().lines.push(line.to_owned());
    }

    async fn talk(&self, stream: Stream) -> std::io::Result<()> {
        let mut encrypted = self.implicit;
        let stream = if encrypted { self.encrypt(stream).await? } else { stream };
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 sink.test ESMTP\r\n").await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            self.hear(line);
            if let Some((_, answer)) = self.says.iter().find(|(head, _)| line.starts_with(head)) {
                stream.write_all(answer.as_bytes()).await?;
                continue;
            }
            let word = line.split(' ').next().unwrap_or_default();
            let answer = match word {
                "EHLO" => self.greeting(encrypted),
                "STARTTLS" => "220 go ahead\r\n".to_owned(),
                "AUTH" => "235 welcome\r\n".to_owned(),
                "DATA" => "354 go ahead\r\n".to_owned(),
                "QUIT" => "221 bye\r\n".to_owned(),
                _ => "250 ok\r\n".to_owned(),
            };
            stream.write_all(answer.as_bytes()).await?;
            match word {
                "STARTTLS" => {
                    stream = BufReader::new(self.encrypt(stream.into_inner()).await?);
                    encrypted = true;
                }
                "DATA" => self.mail(&mut stream).await?,
                _ => {}
            }
        }
    }

    fn greeting(&self, encrypted: bool) -> String {
        let offers = self.offers.iter().filter(|offer| !encrypted || **offer != "STARTTLS");
        let mut lines: Vec<String> = offers.map(|offer| format!("250-{offer}\r\n")).collect();
        lines.insert(0, "250-sink.test\r\n".to_owned());
        lines.push("250 8BITMIME\r\n".to_owned());
        lines.concat()
    }

    async fn encrypt(&self, stream: Stream) -> std::io::Result<Stream> {
        let stream = self.tls.as_ref().unwrap().accept(stream).await?;
        self.hear("TLS");
        Ok(Box::new(stream))
    }

    async fn mail(&self, stream: &mut BufReader<Stream>) -> std::io::Result<()> {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let line = line.trim_end_matches(['\r', '\n']);
            if line == "." {
                return stream.write_all(b"250 queued\r\n").await;
            }
            self.hear(line);
        }
    }
}

/// A certificate for a name, and what shows it.
pub fn certificate(name: &str) -> (CertificateDer<'static>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (made.cert.der().clone(), TlsAcceptor::from(Arc::new(config)))
}

/// Names that stand for fixed addresses, each time for the next ones.
#[derive(Clone)]
pub struct FixedNames {
    pub answers: Vec<Vec<IpAddr>>,
    pub asked: Arc<AtomicUsize>,
}

impl FixedNames {
    pub fn new(answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Self { answers: answers.iter().map(parse).collect(), asked: Arc::default() }
    }
}

impl Names for FixedNames {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[turn.min(self.answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    }
}

/// What sends to the public internet and to these networks.
pub fn outgoing(networks: &[&str]) -> Outgoing {
    Outgoing::new(allowed(networks), Clock::system()).unwrap()
}

pub fn allowed(networks: &[&str]) -> Allowed {
    Allowed::new(networks.iter().map(|text| text.parse().unwrap()).collect())
}

/// A channel on loopback.
pub fn channel(json: Value) -> Channel {
    Channel::read(json.as_object().unwrap(), &allowed(&["127.0.0.0/8"])).unwrap()
}

/// What a channel makes of a notice now.
pub fn message(channel: &Channel, notice: &Notice) -> Message {
    channel.message(notice, "al_42", now()).unwrap()
}

pub fn now() -> UnixMs {
    Clock::system().now()
}

/// A credential that has used all of its characters.
pub fn groq() -> Notice {
    let limit: Limit = "14400 characters/day".parse().unwrap();
    let crossing = Crossing {
        account: "credential:groq_1".parse().unwrap(),
        limit,
        period: 20_261_128,
        threshold: 100,
        level: Level::Exceeded,
        used: 14_400,
        allowed: 14_400,
    };
    Notice {
        state: State::Triggered,
        subject: Subject::Threshold(crossing),
        time: now(),
        workspace: None,
        provider: Some("groq".to_owned()),
        total_tokens: 3_600,
        cost: NanoUsd::new(1_250_000),
        resets_at: Some(1_795_910_400_000),
        link: None,
    }
}

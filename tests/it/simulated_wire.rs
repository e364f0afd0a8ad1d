//! A client of the simulated provider on a raw socket, so that what is tested is what was sent.
//! One call a connection.

use farebox::demo::provider::Simulated;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const LIMIT: Duration = Duration::from_secs(10);

/// What came back.
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
    /// The body came to its proper end.
    pub whole: bool,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn events(&self) -> Vec<&str> {
        self.text().split_terminator("\n\n").collect()
    }
}

pub async fn open(simulated: &Simulated, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(simulated.addr()).await.unwrap();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

pub async fn call(simulated: &Simulated, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = open(simulated, path, headers, body).await;
    let mut bytes = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    parse(&bytes)
}

pub fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let rest = &bytes[end + 4..];
    if head.contains("transfer-encoding: chunked") {
        let (body, whole) = dechunk(rest);
        return Answer { head, body, whole };
    }
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    let whole = rest.len() == length.parse::<usize>().unwrap();
    Answer { head, body: rest.to_vec(), whole }
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    (body, false)
}

pub fn script(text: &str) -> String {
    format!("x-simulate: {text}\r\n")
}

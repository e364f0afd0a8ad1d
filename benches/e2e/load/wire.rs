//! A client connection that does as little as possible: writes ready bytes, reads to the end of the
//! answer. Trusts its peer; not a client for anything else.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);
const END: &[u8] = b"\r\n0\r\n\r\n";

/// A connection.
pub struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// What is worth knowing of an answer.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The connection ends with it.
    pub closes: bool,
}

impl Wire {
    /// Connects.
    pub async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, bytes: Vec::with_capacity(64 << 10) })
    }

    /// Writes the request and reads the whole answer.
    pub async fn call(&mut self, request: &[u8]) -> io::Result<Answer> {
        timeout(LIMIT, self.read_whole(request)).await?
    }

    /// Writes the request and reads the first bytes of the answer's body.
    pub async fn begin(&mut self, request: &[u8]) -> io::Result<()> {
        timeout(LIMIT, async {
            self.bytes.clear();
            self.stream.write_all(request).await?;
            while !self.bytes.windows(7).any(|w| w == b"data: {") {
                self.read_more().await?;
            }
            Ok(())
        })
        .await?
    }

    async fn read_whole(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.bytes.clear();
        self.stream.write_all(request).await?;
        let end = loop {
            if let Some(at) = self.bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8_lossy(&self.bytes[..end]).to_ascii_lowercase();
        let status = head.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0);
        let closes = head.contains("connection: close");
        match head.split("content-length: ").nth(1) {
            Some(rest) => {
                let length: usize =
                    rest.lines().next().and_then(|n| n.parse().ok()).unwrap_or_default();
                while self.bytes.len() < end + length {
                    self.read_more().await?;
                }
            }
            None => {
                while !self.bytes.ends_with(END) {
                    self.read_more().await?;
                }
            }
        }
        Ok(Answer { status, closes })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.bytes).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer broke off")),
            _ => Ok(()),
        }
    }
}

//! The server's side of RFC 6455 as far as the realtime API uses it: text frames in pieces, ping,
//! pong, close. No extensions. Written by itself, so that a relay is tested against another reader.

use super::base64::base64;
use bytes::{Buf, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest message.
const MAX_MESSAGE: usize = 16 << 20;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What answers a client's `sec-websocket-key`.
pub(super) fn accept(key: &str) -> String {
    const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    base64(&sha1_smol::Sha1::from(format!("{key}{GUID}")).digest().bytes())
}

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Text(String),
    Ping(Vec<u8>),
    Close,
}

/// One connection after its handshake.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    read: BytesMut,
    /// The pieces of a message so far.
    pieces: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Wraps the connection.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, read: BytesMut::new(), pieces: Vec::new() }
    }

    /// The next message; `None` when the client is gone. Nothing is lost where the wait is given up.
    pub(super) async fn receive(&mut self) -> io::Result<Option<Message>> {
        loop {
            while let Some(frame) = Frame::take(&mut self.read)? {
                if let Some(message) = self.gather(frame)? {
                    return Ok(Some(message));
                }
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Sends a text.
    pub(super) async fn text(&mut self, text: &str) -> io::Result<()> {
        self.send(TEXT, text.as_bytes()).await
    }

    /// Answers a ping.
    pub(super) async fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        self.send(PONG, payload).await
    }

    /// Says that it is over.
    pub(super) async fn close(&mut self, code: u16, reason: &str) -> io::Result<()> {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        self.send(CLOSE, &payload).await?;
        self.stream.shutdown().await
    }

    fn gather(&mut self, frame: Frame) -> io::Result<Option<Message>> {
        match frame.opcode {
            PING => return Ok(Some(Message::Ping(frame.payload))),
            PONG => return Ok(None),
            CLOSE => return Ok(Some(Message::Close)),
            0 | TEXT | BINARY => {}
            _ => return Err(io::Error::other("a frame of no known kind")),
        }
        if self.pieces.len() + frame.payload.len() > MAX_MESSAGE {
            return Err(io::Error::other("a message is too long"));
        }
        self.pieces.extend_from_slice(&frame.payload);
        if !frame.last {
            return Ok(None);
        }
        let text = String::from_utf8(std::mem::take(&mut self.pieces));
        text.map(|text| Some(Message::Text(text))).map_err(io::Error::other)
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&written(opcode, payload)).await?;
        self.stream.flush().await
    }
}

fn written(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// A frame, unmasked.
#[derive(Debug)]
struct Frame {
    last: bool,
    opcode: u8,
    payload: Vec<u8>,
}

impl Frame {
    /// Takes one off the front, if all of it is there.
    fn take(read: &mut BytesMut) -> io::Result<Option<Self>> {
        let (Some(first), Some(second)) = (read.first().copied(), read.get(1).copied()) else {
            return Ok(None);
        };
        if second & 0x80 == 0 {
            return Err(io::Error::other("a client's frame is not masked"));
        }
        let (length, at) = match second & 0x7f {
            126 => (number(read.get(2..4)), 4),
            127 => (number(read.get(2..10)), 10),
            short => (Some(usize::from(short)), 2),
        };
        let Some(length) = length else { return Ok(None) };
        if length > MAX_MESSAGE {
            return Err(io::Error::other("a frame is too long"));
        }
        let Some(masked) = read.get(at + 4..at + 4 + length) else { return Ok(None) };
        let mask = read.get(at..at + 4).unwrap_or_default();
        let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
        let payload = payload.collect();
        read.advance(at + 4 + length);
        Ok(Some(Self { last: first & 0x80 != 0, opcode: first & 0x0f, payload }))
    }
}

fn number(bytes: Option<&[u8]>) -> Option<usize> {
    let number = bytes?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    Some(usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[tokio::test]
    async fn messages_are_put_together_and_pings_come_in_between() {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut socket = Socket::new(server);
        for frame in
            [&[0x01, 0x82, 0, 0, 0, 0, b'h', b'e'][..], &[0x89, 0x81, 1, 1, 1, 1, b'a' ^ 1]]
        {
            client.write_all(frame).await.unwrap();
        }
        assert_eq!(socket.receive().await.unwrap(), Some(Message::Ping(b"a".to_vec())));
        client.write_all(&[0x80, 0x81, 0, 0, 0, 0, b'y', 0x88, 0x80, 0, 0, 0, 0]).await.unwrap();
        assert_eq!(socket.receive().await.unwrap(), Some(Message::Text("hey".to_owned())));
        assert_eq!(socket.receive().await.unwrap(), Some(Message::Close));
        drop(client);
        assert_eq!(socket.receive().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_breaks_the_rules_is_an_error() {
        for bytes in [
            &[0x81, 0x01, b'x'][..],
            &[0x83, 0x80, 0, 0, 0, 0],
            &[0x81, 0xff, 1, 0, 0, 0, 0, 0, 0, 0],
        ] {
            let (mut client, server) = tokio::io::duplex(1024);
            client.write_all(bytes).await.unwrap();
            assert!(Socket::new(server).receive().await.is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        for (length, head) in [(125, 2), (126, 4), (65535, 4), (65536, 10)] {
            assert_eq!(written(TEXT, &vec![b'x'; length]).len(), head + length);
        }
    }
}

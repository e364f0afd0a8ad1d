//! One WebSocket of a live client: the answer to its handshake, messages in and out, the close.
//!
//! Invariants: a message that is shared by many is sent piece by piece and never copied as a whole,
//! so a client that does not read costs one piece. Every write has an end. What the protocol forbids
//! is answered by the close code that it names.

use axum::http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// The largest message, and the largest frame, of a client.
const MOST_IN: usize = 64 * 1024;
/// Messages leave in frames of at most so many bytes.
const PIECE: usize = 4 * 1024;
const BUFFER: usize = 2 * 1024;
/// How long a client may refuse to take a frame.
const STALL: Duration = Duration::from_secs(40);
/// How long it may take to answer a close, and to see why its frame was refused.
const FAREWELL: Duration = Duration::from_secs(2);
/// So much of what was refused is read away, so that the close arrives.
const REFUSED: usize = 8 << 20;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Farewell {
    /// It is gone already, or was closed by the client.
    Gone,
    /// This is closed with a code and a reason.
    Close(u16, &'static str),
}

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A message of text.
    Text(String),
    /// A sign of life, or a question for one that was answered.
    Alive,
}

/// The header of the answer that agrees to a handshake; `None` where the request is none.
pub(super) fn agreement(headers: &HeaderMap) -> Option<[(HeaderName, HeaderValue); 3]> {
    let names = |list: HeaderName, word: &str| {
        let values = headers.get_all(list).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|name| name.trim().eq_ignore_ascii_case(word))
    };
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    let version = headers.get(SEC_WEBSOCKET_VERSION)?;
    if !names(CONNECTION, "upgrade") || !names(UPGRADE, "websocket") || version != "13" {
        return None;
    }
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
    Some([
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ])
}

/// See the module.
pub(super) struct Socket<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Speaks on a connection whose handshake was agreed to.
    pub(super) async fn new(stream: S) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(4 * PIECE)
            .max_message_size(Some(MOST_IN))
            .max_frame_size(Some(MOST_IN));
        Self(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    }

    /// The next message. May be dropped without losing one.
    pub(super) async fn read(&mut self) -> Result<Received, Farewell> {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Ok(Received::Text(text.as_str().to_owned())),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                Ok(Received::Alive)
            }
            Some(Ok(Message::Binary(_))) => Err(Farewell::Close(1003, "send text")),
            Some(Err(Error::Capacity(_))) => {
                Err(Farewell::Close(1009, "a message has at most 65536 bytes"))
            }
            Some(Err(Error::Utf8(_))) => Err(Farewell::Close(1007, "that is not UTF-8")),
            Some(Err(Error::Protocol(_))) => Err(Farewell::Close(1002, "protocol violated")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Farewell::Gone),
        }
    }

    /// Sends a message of text that consists of these parts.
    pub(super) async fn send(&mut self, parts: [Bytes; 3]) -> Result<(), Farewell> {
        let [head, data, tail] = parts;
        let length = head.len().saturating_add(data.len()).saturating_add(tail.len());
        if length <= PIECE {
            let mut whole = BytesMut::with_capacity(length);
            [&head, &data, &tail].iter().for_each(|part| whole.extend_from_slice(part));
            return self.frame(whole.freeze(), Data::Text, true).await;
        }
        self.frame(head, Data::Text, false).await?;
        let mut left = data;
        while !left.is_empty() {
            let piece = left.split_to(left.len().min(PIECE));
            self.frame(piece, Data::Continue, false).await?;
        }
        self.frame(tail, Data::Continue, true).await
    }

    async fn frame(&mut self, payload: Bytes, data: Data, last: bool) -> Result<(), Farewell> {
        let frame = Frame::message(payload, OpCode::Data(data), last);
        self.write(Message::Frame(frame)).await
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), Farewell> {
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Farewell> {
        match timeout(STALL, self.0.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Farewell::Gone),
        }
    }

    /// Ends the connection.
    pub(super) async fn end(mut self, farewell: Farewell) {
        let Farewell::Close(code, reason) = farewell else { return };
        let reason = Utf8Bytes::from_static(reason);
        let close = CloseFrame { code: CloseCode::from(code), reason };
        let farewell = async {
            if self.0.close(Some(close)).await.is_err() {
                return;
            }
            // What was refused is still under way; to hang up on it would destroy the close.
            while let Some(read) = self.0.next().await {
                if read.is_err() {
                    return self.read_away().await;
                }
            }
        };
        // Whoever does not answer is hung up on.
        let _late = timeout(FAREWELL, farewell).await;
    }

    async fn read_away(&mut self) {
        let (mut buffer, mut left) = ([0_u8; BUFFER], REFUSED);
        while let Ok(read @ 1..) = self.0.get_mut().read(&mut buffer).await
            && left > 0
        {
            left = left.saturating_sub(read);
        }
    }
}

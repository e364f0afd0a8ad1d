//! A live client of the tests: a WebSocket as any library speaks it.

use crate::world::LIMIT;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// A connected client.
pub struct LiveClient {
    pub socket: WebSocketStream<TcpStream>,
    /// The number of the last message.
    pub seq: u64,
}

/// Asks to connect; the status of a refusal, with its body.
pub async fn connect(
    at: SocketAddr,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<LiveClient, (u16, Value)> {
    connect_over(TcpStream::connect(at).await.unwrap(), at, query, headers).await
}

/// The same over this connection.
pub async fn connect_over(
    stream: TcpStream,
    at: SocketAddr,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<LiveClient, (u16, Value)> {
    let mut request = format!("ws://{at}/api/quota/ws{query}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match timeout(LIMIT, client_async(request, stream)).await.unwrap() {
        Ok((socket, _)) => Ok(LiveClient { socket, seq: 0 }),
        Err(Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            Err((answer.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default()))
        }
        Err(other) => panic!("{other}"),
    }
}

impl LiveClient {
    /// The next message, whose number follows on the last one.
    pub async fn next(&mut self) -> Value {
        let text = loop {
            match timeout(LIMIT, self.socket.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => break text,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no message but {other:?}"),
            }
        };
        let message: Value = serde_json::from_str(text.as_str()).unwrap();
        self.seq += 1;
        assert_eq!(message["seq"], self.seq, "{message}");
        assert!(message["timestamp"].as_str().unwrap().ends_with('Z'), "{message}");
        message
    }

    /// The `data` of the next message, which is of this type.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        let mut message = self.next().await;
        assert_eq!(message["type"], kind, "{message}");
        message["data"].take()
    }

    /// The `data` of the first message of this type that passes, others left aside.
    pub async fn until(&mut self, kind: &str, passes: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut message = self.next().await;
            if message["type"] == kind && passes(&message["data"]) {
                return message["data"].take();
            }
        }
    }

    pub async fn say(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    pub async fn subscribe(&mut self, accounts: &[&str]) {
        self.say(json!({"type": "subscribe", "accounts": accounts})).await;
    }

    /// The code with which the connection is closed; 0 where it just ends.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match timeout(LIMIT, self.socket.next()).await.expect("a close in time") {
                Some(Ok(Message::Close(Some(close)))) => return close.code.into(),
                Some(Ok(Message::Close(None)) | Err(_)) | None => return 0,
                Some(Ok(_)) => {}
            }
        }
    }
}

//! One client that does not read among a hundred that do.

use crate::control_desk::Desk;
use crate::live_rig::{LiveClient, connect_over};
use farebox::control::Pace;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;

/// A client that lets so many bytes wait at its end, or as many as the system likes.
async fn client(desk: &Desk, room: Option<u32>) -> LiveClient {
    let made = desk.ask("POST", "/api/v1/ws-tickets", json!({})).await.of(201);
    let query = format!("?ticket={}", made["ticket"].as_str().unwrap());
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(room) = room {
        socket.set_recv_buffer_size(room).unwrap();
    }
    let stream = socket.connect(desk.at).await.unwrap();
    let connected = connect_over(stream, desk.at, &query, &[]).await;
    connected.unwrap_or_else(|refused| panic!("{refused:?}"))
}

fn spent(data: &Value) -> String {
    data["llm_quota"]["dollars_used"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn r051_one_that_does_not_read_delays_nobody_and_gets_the_latest() {
    const CALLS: u32 = 20;
    let pace = Pace { gather: Duration::from_millis(20), ..Pace::default() };
    let desk = Desk::at_pace("", pace).await;
    let alice = desk.user_with_key("alice").await;
    for n in 0..200 {
        desk.ask("POST", "/api/v1/users", json!({"id": format!("b{n}")})).await.of(201);
    }
    let mut stalled = client(&desk, Some(8 * 1024)).await;
    // So much to read that no buffer takes it.
    for _ in 0..90 {
        stalled.say(json!({"type": "status_request"})).await;
    }
    let mut others = Vec::new();
    for _ in 0..99 {
        let mut client = client(&desk, None).await;
        client.next_of("quota_snapshot").await;
        others.push(client);
    }
    let mut slowest = Duration::ZERO;
    for n in 1..=CALLS {
        let begun = Instant::now();
        desk.call(&alice, "gpt-5", 1_000_000_000).await;
        for client in &mut others {
            client.until("quota_update", |data| spent(data) == n.to_string()).await;
        }
        slowest = slowest.max(begun.elapsed());
    }
    println!("99 clients had each of {CALLS} updates within {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // When it reads at last, it finds what was under way, then the latest, and no backlog.
    let (mut updates, mut bytes) = (0, 0);
    loop {
        let message = stalled.next().await;
        bytes += message.to_string().len();
        if message["type"] == "quota_update" && message["data"]["account"] == "user:alice" {
            updates += 1;
            if spent(&message["data"]) == CALLS.to_string() {
                break;
            }
        }
    }
    println!("it read {bytes} bytes, and {updates} of {CALLS} updates");
    assert!(bytes > 8 << 20, "{bytes} bytes do not stall anybody");
    assert!(updates <= 2, "{updates} updates are a backlog");
}

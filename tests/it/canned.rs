//! A provider whose answers are written down, and worlds that call it at prices of their own.

use crate::world::{PROVIDER_KEY, World, rules};
use farebox::app;
use farebox::config::{Config, Environment, Overrides};
use farebox::demo::provider::Simulated;
use farebox::pricing::PriceTable;
use farebox::provider::{Credential, Dialect, Provider, known};
use farebox::proxy::Rules;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The built-in prices with what a configuration says beside them; or what is wrong with it.
pub fn table(configuration: &str) -> Result<PriceTable, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, configuration).unwrap();
    // The folder is another one each time.
    let short = |why: String| why.replace(&format!("{}/", dir.path().display()), "");
    let config = Config::load(Some(&path), &Environment::default(), &Overrides::default());
    let config = config.map_err(|e| short(e.to_string()))?;
    app::price_table(&config).map_err(|e| short(e.to_string()))
}

/// A provider of this name at an address.
pub fn provider(name: &str, base_url: String) -> Provider {
    let secret = PROVIDER_KEY.to_owned().into();
    let credential = Credential::new(format!("{name}-main"), secret);
    let provider = Provider::new(name, dialect(name), base_url, vec![credential]);
    Provider { cancel_stops_billing: true, ..provider }
}

fn dialect(provider: &str) -> Dialect {
    let known = known(provider).map(|known| known.dialect);
    known.or_else(|| Dialect::of_name(provider)).unwrap_or_default()
}

/// A world whose only provider answers every POST with `body`.
pub async fn answering(
    name: &str,
    body: &str,
    configuration: &str,
    limits: &[&str],
    rules: Rules,
) -> World {
    let addr = canned(body.to_owned()).await;
    let version = if dialect(name) == Dialect::OpenAi { "/v1" } else { "" };
    let provider = provider(name, format!("http://{addr}{version}"));
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    World::priced(table(configuration).unwrap(), simulated, vec![provider], limits, rules).await
}

/// What one call costs that a provider answers like this, after which the ledger agrees.
pub async fn cost(name: &str, path: &str, request: &str, body: &str, configuration: &str) -> i64 {
    let world = answering(name, body, configuration, &["100usd/day"], rules()).await;
    let answer = world.call(path, "", request).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let event = world.only_event().await;
    assert!(!event.estimated, "{event:?}");
    for account in ["user:alice", "workspace:default"] {
        assert_eq!(world.account(account).await.total_usd, event.cost, "{account}");
    }
    event.cost.get()
}

/// A provider that answers every request like this.
pub async fn canned(body: String) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let body: Arc<str> = body.into();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, body.clone()));
        }
    });
    addr
}

async fn answer(mut stream: TcpStream, body: Arc<str>) {
    let mut seen = Vec::new();
    loop {
        if stream.read_buf(&mut seen).await.unwrap() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&seen);
        let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        if rest.len() >= length.unwrap_or(0) {
            break;
        }
    }
    let is_stream = body.starts_with("event:") || body.starts_with("data:");
    let kind = if is_stream { "text/event-stream" } else { "application/json" };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
}

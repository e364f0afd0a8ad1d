//! Connections to Redis: for holds one on each runtime that asks, so that a hold wakes no other
//! thread; one for settlements, one for reading, so that a large reply never delays a hold; one that
//! hears hints. Also what is checked before the first of them is used.
//!
//! Invariant: no Nagle, and every wait has an end.

use super::super::{OpenError, Options};
use super::script::Scripts;
use super::{keys, migrate};
use parking_lot::RwLock;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisResult};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Handle, Id};
use tokio::sync::OnceCell;

/// The schema of the ledger that this version reads and writes.
pub const SCHEMA: &str = "1";
const CONNECT: Duration = Duration::from_secs(2);
/// For how many runtimes connections are kept.
const RUNTIMES: usize = 256;

/// How long a hold may take; then it is as good as refused.
pub const HOLD: Duration = Duration::from_millis(250);

/// The connections.
pub struct Connections {
    holds: PerRuntime,
    pub settlements: ConnectionManager,
    pub reading: ConnectionManager,
}

impl Connections {
    /// Connects and checks.
    pub async fn open(url: &str, scripts: &Scripts) -> Result<Self, OpenError> {
        let client = client(url)?;
        let fail = |why: redis::RedisError| unreachable_at(url, &why);
        let mut connections = Self {
            holds: PerRuntime { client: client.clone(), made: RwLock::default() },
            settlements: connect(&client, Some(Duration::from_secs(2))).await.map_err(fail)?,
            reading: connect(&client, Some(Duration::from_secs(10))).await.map_err(fail)?,
        };
        check_server(&mut connections.reading).await?;
        check_schema(&mut connections.reading, scripts).await?;
        scripts.load(&mut connections.settlements).await.map_err(fail)?;
        Ok(connections)
    }

    /// The connection for holds of the runtime that asks; the first who asks makes it. Its answers
    /// have no deadline of their own: whoever holds has one.
    pub async fn holds(&self) -> RedisResult<ConnectionManager> {
        let own = self.holds.own();
        let made = own.get_or_try_init(|| connect(&self.holds.client, None)).await;
        made.cloned()
    }

    /// A connection of its own that hears the hints of all proxies.
    pub async fn subscribe(&self) -> RedisResult<PubSub> {
        let mut subscription = self.holds.client.get_async_pubsub().await?;
        subscription.subscribe(keys::HINTS).await?;
        Ok(subscription)
    }
}

/// A connection for each runtime.
struct PerRuntime {
    client: Client,
    made: RwLock<Vec<(Id, Arc<OnceCell<ConnectionManager>>)>>,
}

impl PerRuntime {
    fn own(&self) -> Arc<OnceCell<ConnectionManager>> {
        let id = Handle::current().id();
        let find = |made: &[(Id, Arc<OnceCell<ConnectionManager>>)]| {
            made.iter().find(|(of, _)| *of == id).map(|(_, own)| own.clone())
        };
        if let Some(own) = find(&self.made.read()) {
            return own;
        }
        let mut made = self.made.write();
        if let Some(own) = find(&made) {
            return own;
        }
        // Runtimes come and go in tests only; serving threads stay.
        if made.len() >= RUNTIMES {
            made.remove(0);
        }
        let own = Arc::new(OnceCell::new());
        made.push((id, own.clone()));
        own
    }
}

/// What tells one life of a Redis server from the next: its run and its replication history.
pub async fn identity(on: &ConnectionManager) -> RedisResult<String> {
    let mut on = on.clone();
    let info: String = redis::cmd("INFO").query_async(&mut on).await?;
    let facts = info
        .lines()
        .filter(|line| line.starts_with("run_id:") || line.starts_with("master_replid:"));
    Ok(facts.collect::<Vec<_>>().join(" "))
}

/// One connection that reads.
pub async fn reader(url: &str, answer: Duration) -> Result<ConnectionManager, OpenError> {
    connect(&client(url)?, Some(answer)).await.map_err(|why| unreachable_at(url, &why))
}

fn unreachable_at(url: &str, why: &redis::RedisError) -> OpenError {
    OpenError(format!("redis cannot be reached at {}: {why}; is it running?", shown(url)))
}

/// A URL without its password.
pub fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

fn client(url: &str) -> Result<Client, OpenError> {
    let bad = |why: redis::RedisError| {
        OpenError(format!("`{}` is not the URL of a redis: {why}", shown(url)))
    };
    let info = url.into_connection_info().map_err(bad)?;
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    Client::open(info).map_err(bad)
}

async fn connect(client: &Client, answer: Option<Duration>) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(answer)
        .set_number_of_retries(1)
        .set_max_delay(Duration::from_millis(200));
    ConnectionManager::new_with_config(client.clone(), config).await
}

/// Refuses a server that may evict what is spent; warns of one that forgets at a restart.
async fn check_server(on: &mut ConnectionManager) -> Result<(), OpenError> {
    let asked: RedisResult<HashMap<String, String>> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory-policy")
        .arg("appendonly")
        .query_async(on)
        .await;
    let Ok(settings) = asked else {
        tracing::warn!("redis does not say whether it keeps its data (CONFIG GET is refused)");
        return Ok(());
    };
    let setting = |name: &str| settings.get(name).map_or("", String::as_str);
    let policy = setting("maxmemory-policy");
    if policy.starts_with("allkeys-") {
        return Err(OpenError(format!(
            "redis has maxmemory-policy {policy}, under which it may evict budgets; set it to \
             noeviction"
        )));
    }
    if policy != "noeviction" && !policy.is_empty() {
        tracing::warn!("redis has maxmemory-policy {policy}; set it to noeviction");
    }
    if setting("appendonly") == "no" {
        tracing::warn!("redis has appendonly no: a restart forgets what was spent; set it to yes");
    }
    Ok(())
}

async fn check_schema(on: &mut ConnectionManager, scripts: &Scripts) -> Result<(), OpenError> {
    let fail = |why: redis::RedisError| OpenError(format!("redis cannot be used: {why}"));
    let meta = |name: &str| {
        let mut get = redis::cmd("HGET");
        get.arg(keys::META).arg(name);
        get
    };
    let schema: Option<String> = meta("schema").query_async(on).await.map_err(fail)?;
    if let Some(fault) = schema.as_deref().and_then(schema_fault) {
        return Err(fault);
    }
    let mut set = redis::cmd("HSET");
    set.arg(keys::META).arg("schema").arg(SCHEMA).arg("shards").arg("1");
    set.arg("scripts").arg(scripts.version());
    set.query_async::<()>(on).await.map_err(fail)?;
    migrate::up(on).await.map_err(fail)
}

/// Why a ledger of a schema cannot be used.
pub fn schema_fault(schema: &str) -> Option<OpenError> {
    let fault = format!(
        "redis holds a ledger of schema {schema}, this version knows {SCHEMA}; use the version that \
         wrote it"
    );
    (schema != SCHEMA).then_some(OpenError(fault))
}

/// The background's pace: three renewals in a lease, a sweep every few seconds.
pub fn pace(options: &Options) -> (Duration, Duration) {
    let lease = Duration::from_millis(u64::try_from(options.lease_ms).unwrap_or(0));
    let least = Duration::from_millis(100);
    let third = lease.checked_div(3).unwrap_or(lease).max(least);
    (third, lease.clamp(least, Duration::from_secs(5)))
}

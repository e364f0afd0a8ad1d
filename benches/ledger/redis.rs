//! What holds and posts take of the CPU of Redis, by its own account (`INFO commandstats`), beside
//! scripts that do nothing and that only write, in the same rounds: the machine may be busy.
//!
//! The server is the bench's own: free port, temporary directory, killed at the end.

use crate::calls;
use farebox::ledger::{Admission, Ledger, Options, Payers, RedisLedger};
use redis::aio::MultiplexedConnection;
use std::error::Error;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Calls that are open at once, and of which a round is made.
const AT_ONCE: usize = 16;
/// Rounds before those that count.
const WARM: usize = 5;
const EMPTY: &str = "return 1";
/// So many writes as the loop makes.
const WRITES: f64 = 20.0;
const WRITING: &str = "for i = 1, 20 do redis.call('HINCRBY', KEYS[1], 'n', '1') end return 1";

struct Server {
    child: Child,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn server() -> Result<(Server, String, MultiplexedConnection), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(dir.path())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|why| format!("redis-server: {why}; install it, or `make tools`"))?;
    let server = Server { child, _dir: dir };
    let url = format!("redis://127.0.0.1:{port}");
    let client = redis::Client::open(url.as_str())?;
    for _ in 0..200 {
        if let Ok(on) = client.get_multiplexed_async_connection().await {
            return Ok((server, url, on));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("redis-server does not answer".into())
}

/// Microseconds of the server's CPU that scripts took since the last reset, and how many ran.
async fn taken(on: &mut MultiplexedConnection) -> Result<(f64, f64), Box<dyn Error>> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(on).await?;
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:"));
    let field = |name: &str| {
        let found = line?.split(',').find_map(|field| field.strip_prefix(name));
        found?.strip_prefix('=')?.parse::<f64>().ok()
    };
    let calls = field("calls").ok_or("no script ran")?;
    let usec = field("usec").ok_or("commandstats names no time")?;
    redis::cmd("CONFIG").arg("RESETSTAT").query_async::<()>(on).await?;
    Ok((usec, calls))
}

/// The mean of a round, of which every call must be one script.
async fn mean(on: &mut MultiplexedConnection) -> Result<f64, Box<dyn Error>> {
    let (usec, calls) = taken(on).await?;
    let expected = AT_ONCE as f64;
    if calls != expected {
        return Err(format!("{calls} scripts ran for {expected} calls").into());
    }
    Ok(usec / calls)
}

/// A script of which nothing but its cost matters.
async fn reference(on: &mut MultiplexedConnection, script: &str) -> Result<f64, Box<dyn Error>> {
    let digest: String = redis::cmd("SCRIPT").arg("LOAD").arg(script).query_async(on).await?;
    for _ in 0..AT_ONCE {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&digest).arg(1).arg("bench").query_async::<()>(on).await?;
    }
    mean(on).await
}

/// Microseconds of a hold, a post, an empty script and one that writes.
async fn round(
    ledger: &Arc<RedisLedger>,
    payers: &Payers,
    on: &mut MultiplexedConnection,
) -> Result<[f64; 4], Box<dyn Error>> {
    redis::cmd("CONFIG").arg("RESETSTAT").query_async::<()>(on).await?;
    let empty = reference(on, EMPTY).await?;
    let writing = reference(on, WRITING).await?;
    let mut holds = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (ledger, order) = (ledger.clone(), calls::order(payers));
        holds.spawn(async move {
            let admission = ledger.hold(&order).await;
            (order, admission)
        });
    }
    let mut open = Vec::new();
    while let Some(held) = holds.join_next().await {
        let (order, admission) = held?;
        let Admission::Held { held, .. } = admission? else {
            return Err("the call was refused".into());
        };
        open.push((order, held));
    }
    let hold = mean(on).await?;
    for (order, held) in open {
        let permit = ledger.permit().ok_or("no permit")?;
        ledger.settle(permit, calls::post(&order, held));
    }
    ledger.drain(Duration::from_secs(10)).await?;
    Ok([hold, mean(on).await?, empty, writing])
}

fn median(rounds: &[[f64; 4]], pick: impl Fn(&[f64; 4]) -> f64) -> f64 {
    let mut all: Vec<f64> = rounds.iter().map(pick).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

pub async fn run(rounds: usize) -> Result<(), Box<dyn Error>> {
    let (_server, url, mut on) = server().await?;
    let journal = tempfile::tempdir()?;
    let options =
        Options { background: false, journal_dir: journal.path().to_owned(), ..Options::default() };
    let ledger = RedisLedger::open(&url, options).await?;
    let payers = calls::accounts(&*ledger).await?;
    for _ in 0..WARM {
        round(&ledger, &payers, &mut on).await?;
    }
    let mut all = Vec::new();
    for _ in 0..rounds.max(1) {
        all.push(round(&ledger, &payers, &mut on).await?);
    }
    println!("microseconds of Redis CPU, median of {} rounds of {AT_ONCE} calls", all.len());
    let show = |name: &str, usec: f64| println!("{name:<28} {usec:8.2}");
    show("hold", median(&all, |r| r[0]));
    show("post", median(&all, |r| r[1]));
    show("hold and post", median(&all, |r| r[0] + r[1]));
    show("an empty script", median(&all, |r| r[2]));
    show("a write in a script", median(&all, |r| (r[3] - r[2]) / WRITES));
    let writes = |r: &[f64; 4]| (r[0] + r[1]) * WRITES / (r[3] - r[2]);
    show("hold and post, in writes", median(&all, writes));
    Ok(())
}

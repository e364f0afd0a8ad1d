//! What a call costs the ledger.
//!
//! `ledger embedded N` holds and settles N calls on the embedded ledger, for an instruction counter
//! (`instructions.sh`). `ledger redis ROUNDS` does so on a Redis of its own, and prints what of its
//! CPU they took (`make redis-cpu`). Without arguments, a little of both.

mod calls;
mod embedded;
mod redis;

use std::error::Error;

async fn run(what: &str, times: usize) -> Result<(), Box<dyn Error>> {
    match what {
        "embedded" => embedded::run(times).await,
        "redis" => redis::run(times).await,
        other => Err(format!("`{other}` is not a case: embedded, redis").into()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match words.next() {
        Some(what) => {
            let times = words.next().map_or(Ok(1), |times| times.parse())?;
            runtime.block_on(run(&what, times))
        }
        None => runtime.block_on(async {
            run("embedded", 1).await?;
            run("redis", 1).await
        }),
    }
}

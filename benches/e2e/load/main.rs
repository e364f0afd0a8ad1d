//! Load for the end to end benchmark: plays one case against a proxy over keep-alive connections
//! and prints what it cost the proxy's process. It measures; `run.sh` starts what is measured.
#![allow(missing_docs)]

mod cases;
mod process;
mod wire;

use cases::Case;
use clap::{Parser, Subcommand};
use farebox::clock::Stopwatch;
use farebox::demo::provider::Simulated;
use process::Process;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wire::Wire;

#[derive(Debug, Parser)]
struct Load {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the simulated provider and print its URL.
    Simulate,
    /// Print a port that is free now.
    Port,
    /// Play a case and print: calls, failures, seconds, CPU microseconds a unit, peak memory in KiB.
    Play(Play),
    /// Keep streams open and print the memory of the process.
    Hold(Hold),
}

#[derive(Debug, clap::Args)]
struct Target {
    /// Where the proxy listens.
    #[arg(long)]
    addr: SocketAddr,
    /// The key to present.
    #[arg(long, default_value = "none")]
    key: String,
    /// The proxy's process; its children are counted too.
    #[arg(long)]
    pid: u32,
}

#[derive(Debug, clap::Args)]
struct Play {
    #[command(flatten)]
    target: Target,
    #[arg(long, value_enum)]
    case: Case,
    /// Measured calls.
    #[arg(long)]
    calls: u64,
    /// Calls before the measurement.
    #[arg(long, default_value_t = 200)]
    warmup: u64,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Ask on a route that is relayed and not metered.
    #[arg(long)]
    unmetered: bool,
    /// The status that is no failure.
    #[arg(long, default_value_t = 200)]
    status: u16,
}

#[derive(Debug, clap::Args)]
struct Hold {
    #[command(flatten)]
    target: Target,
    /// What is held open.
    #[arg(long, value_enum, default_value_t = Case::Stall)]
    case: Case,
    #[arg(long, default_value_t = 1000)]
    streams: usize,
}

/// How long a case that settles is left alone.
const SETTLES: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Load::parse().verb {
        Verb::Simulate => simulate().await,
        Verb::Port => port().await,
        Verb::Play(play) => play.run().await,
        Verb::Hold(hold) => hold.run().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn simulate() -> io::Result<()> {
    let simulated = Simulated::start(None).await?;
    println!("{}", simulated.addr());
    simulated.serve().await;
    Ok(())
}

async fn port() -> io::Result<()> {
    println!("{}", TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port());
    Ok(())
}

impl Play {
    async fn run(self) -> io::Result<()> {
        let process = Process::new(self.target.pid);
        self.calls(self.warmup).await?;
        let (before, since) = (process.cpu()?, Stopwatch::start());
        let failures = self.calls(self.calls).await?;
        let seconds = since.elapsed().as_secs_f64();
        let cpu = process.cpu()?.saturating_sub(before).as_secs_f64() * 1e6;
        let units = (self.calls * self.case.units()) as f64;
        let calls = self.calls;
        println!(
            "{calls}\t{failures}\t{seconds:.2}\t{:.2}\t{}",
            cpu / units,
            process.memory()?.peak
        );
        Ok(())
    }

    /// Makes so many calls over all connections; how many failed.
    async fn calls(&self, calls: u64) -> io::Result<u64> {
        let left = Arc::new(AtomicU64::new(calls));
        let request: Arc<[u8]> = self.case.request(&self.target.key, !self.unmetered).into();
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let (left, request, addr) = (Arc::clone(&left), Arc::clone(&request), self.target.addr);
            let status = self.status;
            connections.spawn(async move { one_connection(addr, &request, &left, status).await });
        }
        let mut failures = 0;
        while let Some(ended) = connections.join_next().await {
            failures += ended.map_err(io::Error::other)??;
        }
        Ok(failures)
    }
}

async fn one_connection(
    addr: SocketAddr,
    request: &[u8],
    left: &AtomicU64,
    status: u16,
) -> io::Result<u64> {
    let mut wire = Wire::connect(addr).await?;
    let mut failures = 0;
    let one_less = |left: u64| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
        let answer = wire.call(request).await?;
        failures += u64::from(answer.status != status);
        if answer.closes {
            wire = Wire::connect(addr).await?;
        }
    }
    Ok(failures)
}

impl Hold {
    async fn run(self) -> io::Result<()> {
        let process = Process::new(self.target.pid);
        let request = self.case.request(&self.target.key, true);
        let mut open = Vec::with_capacity(self.streams);
        for _ in 0..self.streams {
            let mut wire = Wire::connect(self.target.addr).await?;
            wire.begin(&request).await?;
            open.push(wire);
        }
        if self.case.settles() {
            tokio::time::sleep(SETTLES).await;
        }
        let memory = process.memory()?;
        println!("{}\t{}\t{}", open.len(), memory.now, memory.peak);
        Ok(())
    }
}

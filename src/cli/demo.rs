//! `farebox demo`: everything on one machine, offline. Says what came of it and decides the exit
//! status; starting the proxy is the business of `app`.

use crate::demo::{Parts, Verdict, run};
use crate::ledger::RegistryError;
use crate::money::NanoUsd;
use crate::usage::Usage;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

/// See Farebox at work: a simulated provider, users with budgets, traffic.
#[derive(Debug, Args)]
pub struct Demo {
    /// Stop after so many seconds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: Option<u64>,
    /// Stop after so many calls.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub calls: Option<u64>,
}

impl Demo {
    /// Where the greeting belongs: stdout is for JSON alone.
    pub fn greet(json: bool) -> fn(&str) {
        if json { |text| eprintln!("{text}") } else { |text| println!("{text}") }
    }

    /// Plays until the time is over or until it is interrupted, and prints the verdict: exit 0 only
    /// if the ledger equals the bill and a user was refused.
    pub async fn play<P>(&self, parts: Parts<P>, json: bool) -> ExitCode
    where
        P: Fn(&str, &Usage, &str) -> NanoUsd,
    {
        match run(parts, stop(self.seconds)).await {
            Ok(verdict) => say(&verdict, json),
            Err(why) => fail(&why),
        }
    }
}

async fn stop(seconds: Option<u64>) {
    let over = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn say(verdict: &Verdict, json: bool) -> ExitCode {
    match json {
        true => println!("{}", verdict.to_json()),
        false => println!("\n{:<28} {:>16}   ledger usd\n{verdict}", "model", "bill usd"),
    }
    if !verdict.equal() {
        return ExitCode::from(3);
    }
    if !verdict.passed() {
        eprintln!("error: the run was too short to refuse anyone, or calls failed; run it longer");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn fail(why: &RegistryError) -> ExitCode {
    eprintln!("error: {why}");
    match why {
        RegistryError::Unavailable(_) => ExitCode::from(7),
        _ => ExitCode::FAILURE,
    }
}

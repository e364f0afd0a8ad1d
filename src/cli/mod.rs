//! The command line: one file per verb.
//!
//! `remotely` and `accounts` hold what verbs share, `args` reads values that several take, `client`
//! speaks to the admin API, `console` prints, `failure` holds the exit statuses. A verb prints data
//! on standard output and everything else on standard error, and returns a [`Failure`] instead of
//! ending the process.

pub mod accounts;
pub mod alert_rules;
mod alerts;
pub mod args;
pub mod calls;
mod capacity;
pub mod check;
pub mod client;
pub mod completions;
pub mod config;
pub mod console;
pub mod dashboard;
pub mod demo;
pub mod doctor;
pub mod failure;
pub mod forecast;
pub mod history;
pub mod init;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod manual;
pub mod meter;
pub mod migrate;
pub mod pricing;
pub mod providers;
pub mod reconcile;
pub mod reload;
pub mod remotely;
pub mod report;
mod scrape;
pub mod serve;
mod show;
pub mod simulate;
pub mod table;
pub mod tail;
pub mod tokens;
pub mod top;
pub mod usage;
pub mod users;
pub mod workspaces;

pub use console::{Console, Flags};
pub use failure::{Exit, Failure};

use clap::{Parser, Subcommand};
use remotely::Remotely;
use std::ffi::OsString;
use std::process::ExitCode;

/// An exact, transparent metering reverse proxy for LLM APIs
#[derive(Debug, Parser)]
#[command(name = "farebox", version, arg_required_else_help = true)]
pub struct Cli {
    /// The flags that every verb takes.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs. Those that run a proxy bring a runtime of their own.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the proxy
    Serve(serve::ServeArgs),
    /// Write a commented farebox.toml and .env.example; nothing is overwritten
    Init(init::Init),
    /// Everything on one machine, offline: a simulated provider, users with budgets, traffic
    Demo(demo::Demo),
    /// Print a link that opens the dashboard, once
    Dashboard(dashboard::Dashboard),
    /// Run the simulated provider alone
    #[command(hide = true)]
    Simulate(simulate::Simulate),
    /// Users and their budgets
    Users(Remotely<users::Action>),
    /// API keys of users
    Keys(Remotely<keys::Action>),
    /// Teams or tenants
    Workspaces(Remotely<workspaces::Action>),
    /// Admin tokens: who may use the admin API, and for what
    Tokens(Remotely<tokens::Action>),
    /// Limits of users, keys, workspaces and credentials
    Limits(Remotely<limits::Action>),
    /// Credentials at providers: their quotas and their state
    Providers(Remotely<providers::Action>),
    /// Alerts: the channels they go to, and what was raised
    Alerts(Remotely<alerts::Action>),
    /// What was used, and what it cost
    Usage(usage::Usage),
    /// What accounts will have spent when their period ends, and when limits are reached
    Forecast(forecast::ForecastVerb),
    /// What was spent on a day or in a week
    Report(report::ReportVerb),
    /// Follow settled calls
    Tail(tail::Tail),
    /// Show who spends right now
    Top(top::Top),
    /// Check the ledger, and export it
    Ledger(Remotely<ledger::Action>),
    /// How workspaces stood, and export of the history to a database or a file
    History(Remotely<history::Action>),
    /// What versions added to the ledger, and the way back
    Migrate(migrate::Migrate),
    /// Compare the ledger with the provider's own usage and costs; exit status 3 if they differ
    Reconcile(reconcile::Reconcile),
    /// What models cost
    Pricing(pricing::Pricing),
    /// Read one captured answer without a network
    Meter(meter::Meter),
    /// Let a running proxy read its configuration and prices again
    Reload(reload::Reload),
    /// Show the configuration in force
    Config(config::ConfigVerb),
    /// Say whether a proxy would start with this configuration, without a network
    Check(check::Check),
    /// Check what a proxy runs on: files, Redis, tokens, prices, the proxy itself
    Doctor(doctor::Doctor),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print the manual page of the program, or of a verb
    Man(manual::Manual),
}

/// The whole program: reads the process's command line and runs one verb.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Reads a command line and runs one verb.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args::negative_as_value(args)) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    let mut console = Console::standard(cli.flags);
    let runtime = match cli.verb {
        Verb::Serve(_) | Verb::Demo(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    }
    .enable_all()
    .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(perform(cli.verb, &mut console)),
        Err(error) => Err(Failure::new(Exit::Failed, format!("no runtime: {error}"))),
    };
    ExitCode::from(report(&mut console, ended).code())
}

/// Runs one verb.
pub async fn perform(verb: Verb, console: &mut Console) -> Result<(), Failure> {
    match verb {
        Verb::Serve(serve) => serve.run(console).await,
        Verb::Demo(demo) => demo.run(console).await,
        Verb::Dashboard(dashboard) => dashboard.run(console).await,
        Verb::Simulate(simulate) => simulate.run().await,
        Verb::Meter(meter) => meter.run(console),
        Verb::Config(config) => config.run(console),
        Verb::Init(init) => init.run(console),
        Verb::Check(check) => check.run(console),
        Verb::Doctor(doctor) => doctor.run(console).await,
        Verb::Completions(completions) => completions.run(console),
        Verb::Man(manual) => manual.run(console),
        Verb::Pricing(pricing) => pricing.run(console).await,
        Verb::Users(verb) => verb.run(console, users::run).await,
        Verb::Keys(verb) => verb.run(console, keys::run).await,
        Verb::Workspaces(verb) => verb.run(console, workspaces::run).await,
        Verb::Tokens(verb) => verb.run(console, tokens::run).await,
        Verb::Alerts(verb) => verb.run(console, alerts::run).await,
        Verb::Limits(verb) => verb.run(console, limits::run).await,
        Verb::Providers(verb) => verb.run(console, providers::run).await,
        Verb::Usage(usage) => usage.run(console).await,
        Verb::Forecast(forecast) => forecast.run(console).await,
        Verb::Report(report) => report.run(console).await,
        Verb::Tail(tail) => tail.run(console).await,
        Verb::Top(top) => top.run(console).await,
        Verb::Reconcile(reconcile) => reconcile.run(console).await,
        Verb::Ledger(verb) => verb.run(console, ledger::run).await,
        Verb::History(verb) => verb.run(console, history::run).await,
        Verb::Migrate(migrate) => migrate.run(console).await,
        Verb::Reload(reload) => reload.run(console).await,
    }
}

/// Says why a verb failed; the exit status.
pub fn report(console: &mut Console, ended: Result<(), Failure>) -> Exit {
    match ended {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            if !failure.message.is_empty() {
                console.warn(&format!("error: {failure}"));
            }
            failure.exit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn r021_a_negative_limit_is_a_value_that_is_refused() {
        for line in [
            "farebox users create a --limit -1usd/month",
            "farebox limits set user:a -1usd/month --json",
            "farebox limits set user:a --limit -1usd/month",
            "farebox keys create --user a --limit=-1usd/month",
        ] {
            let args = args::negative_as_value(line.split(' ').map(OsString::from));
            let error = Cli::try_parse_from(args).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let text = error.to_string();
            assert!(text.contains("`-1usd/month` is not a limit"), "{text}");
            assert!(text.contains("must not be negative"), "{text}");
        }
    }
}

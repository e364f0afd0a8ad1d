//! `farebox demo`: everything on one machine, offline. Exit 0 only if the ledger equals what the
//! simulated provider billed and a user was refused.

use super::serve::stop_asked_for;
use super::{Console, Exit, Failure};
use crate::app::{App, StartError, admin_token};
use crate::clock::Clock;
use crate::config::{Config, Environment, Overrides};
use crate::demo::provider::Simulated;
use crate::demo::{Parts, Verdict, run};
use crate::ids::CallId;
use crate::ledger::RegistryError;
use crate::money::NanoUsd;
use crate::pricing::{PriceTable, Terms};
use crate::telemetry::{self, LogFormat};
use crate::usage::Usage;
use clap::Args;
use secrecy::ExposeSecret;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// For how long the link to the dashboard may be used: its ledger is gone with the demonstration.
const LONGEST: Duration = Duration::from_secs(86_400);

/// See Farebox at work.
#[derive(Debug, Args)]
pub struct Demo {
    /// Stop after so many seconds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: Option<u64>,
    /// Stop after so many calls.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub calls: Option<u64>,
    /// Where apps connect
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where operators connect
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub admin_listen: SocketAddr,
}

impl Demo {
    /// Plays until the time is over or until it is asked to stop, and prints the verdict.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        // Its own lines say how far each user is.
        telemetry::start_log(LogFormat::fitting(), "error,farebox::ledger::crossing=off");
        let verdict = self.play(console.flags.json).await?;
        match console.flags.json {
            true => console.json(&verdict.to_json())?,
            false => console
                .line(&format!("\n{:<28} {:>16}   ledger usd\n{verdict}", "model", "bill usd"))?,
        }
        if !verdict.equal() {
            return Err(Failure::silent(Exit::Broken));
        }
        if !verdict.passed() {
            let message = "the run was too short to refuse anyone, or calls failed";
            return Err(Failure::new(Exit::Failed, message).hint("run it longer"));
        }
        Ok(())
    }

    async fn play(&self, json: bool) -> Result<Verdict, Failure> {
        let simulated = Simulated::start(None).await?;
        let scratch = Scratch::new()?;
        let config = self.config(&simulated, &scratch.0)?;
        let metrics = telemetry::start_metrics().map_err(StartError::Other)?;
        let token = admin_token(&config)?;
        let same = config.clone();
        let source = Arc::new(move || Ok(same.clone()));
        let app = App::start(&config, source, &token, metrics).await?;
        let link = app.sign_in_link(LONGEST).await?;
        let prices = app.reloader().prices();
        let parts = Parts {
            data_url: format!("http://{}", app.data()),
            dashboard_url: link.expose_secret().to_owned(),
            registry: app.books().registry.clone(),
            simulated,
            price: move |model: &str, usage: &Usage, tier: &str| cost(&prices, model, usage, tier),
            calls: self.calls,
            no_colour: std::env::var_os("NO_COLOR").is_some(),
            greet: if json { |text| eprintln!("{text}") } else { |text| println!("{text}") },
        };
        let verdict = run(parts, over(self.seconds)).await.map_err(unreadable)?;
        app.stop().await;
        Ok(verdict)
    }

    /// A configuration that nothing outside has a part in.
    fn config(&self, simulated: &Simulated, data_dir: &Path) -> Result<Config, StartError> {
        let overrides = Overrides {
            listen: Some(self.listen),
            admin_listen: Some(self.admin_listen),
            data_dir: Some(data_dir.to_owned()),
            upstreams: vec![
                ("openai".to_owned(), simulated.base_url()),
                ("anthropic".to_owned(), format!("http://{}", simulated.addr())),
            ],
            ..Overrides::default()
        };
        // The simulated provider takes any key; with one, its use is seen.
        let keys = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"].map(|name| (name, "simulated"));
        Config::without_file(&Environment::from(keys), &overrides)
            .map_err(|e| StartError::Config(e.to_string()))
    }
}

fn unreadable(error: RegistryError) -> Failure {
    Failure::new(Exit::Unavailable, error.to_string())
}

/// What the bill is priced with: the same table, the usage that the provider itself counted.
fn cost(prices: &PriceTable, model: &str, usage: &Usage, tier: &str) -> NanoUsd {
    let terms = Terms { service_tier: Some(tier), at: Clock::system().now(), ..Terms::default() };
    let provider = if model.starts_with("claude") { "anthropic" } else { "openai" };
    prices.find(Some(provider), model).map(|m| m.cost(usage, &terms)).unwrap_or_default()
}

/// Resolves after so many seconds, or when asked to stop.
async fn over(seconds: Option<u64>) {
    let time = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => {}
        _ = stop_asked_for() => {}
    }
}

/// A directory that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("farebox-demo-{}", CallId::new()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} was left behind: {error}", self.0.display());
        }
    }
}

//! `farebox simulate`: the simulated provider in a process of its own, for tests and benchmarks.
//! Not listed in the help; `farebox demo` is what people run.

use super::{Exit, Failure};
use crate::demo::provider::{Setup, Simulated};
use clap::Args;
use std::net::SocketAddr;

/// Run the simulated provider.
#[derive(Debug, Args)]
pub struct Simulate {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The one credential that it accepts; absent, it accepts every caller.
    #[arg(long, env = "FAREBOX_SIMULATE_CREDENTIAL", hide_env_values = true)]
    pub credential: Option<String>,
    /// The one credential that reads usage and costs; absent, any but the other one does.
    #[arg(long, env = "FAREBOX_SIMULATE_ADMIN_CREDENTIAL", hide_env_values = true)]
    pub admin_credential: Option<String>,
}

impl Simulate {
    /// Prints `http://ADDR/v1` on stdout and serves until it is interrupted.
    pub async fn run(self) -> Result<(), Failure> {
        let simulated = Simulated::set_up(Setup {
            addr: self.listen,
            credential: self.credential,
            admin_credential: self.admin_credential,
            ..Setup::default()
        })
        .await;
        let simulated = simulated.map_err(|why| {
            let address = self.listen;
            Failure::new(
                Exit::Failed,
                format!("cannot listen on {address}: {why}; try --listen 127.0.0.1:0"),
            )
        })?;
        println!("{}", simulated.base_url());
        tokio::select! {
            () = simulated.serve() => Ok(()),
            _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, String::new())),
        }
    }
}

//! `farebox simulate`: the simulated provider in a process of its own, for tests and benchmarks.
//! Not listed in the help; `farebox demo` is what people run.

use crate::demo::provider::Simulated;
use clap::Args;
use std::net::SocketAddr;
use std::process::ExitCode;

/// Run the simulated provider.
#[derive(Debug, Args)]
pub struct Simulate {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The one credential that it accepts; absent, it accepts every caller.
    #[arg(long, env = "FAREBOX_SIMULATE_CREDENTIAL", hide_env_values = true)]
    pub credential: Option<String>,
}

impl Simulate {
    /// Prints `http://ADDR/v1` on stdout and serves until it is interrupted.
    pub async fn run(self) -> ExitCode {
        let simulated = match Simulated::listen(self.listen, self.credential.as_deref()).await {
            Ok(simulated) => simulated,
            Err(why) => {
                eprintln!(
                    "error: cannot listen on {}: {why}; try --listen 127.0.0.1:0",
                    self.listen
                );
                return ExitCode::FAILURE;
            }
        };
        println!("{}", simulated.base_url());
        tokio::select! {
            () = simulated.serve() => ExitCode::SUCCESS,
            _ = tokio::signal::ctrl_c() => ExitCode::from(130),
        }
    }
}

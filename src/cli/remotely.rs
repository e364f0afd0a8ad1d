//! What the verbs about a running server have in common: where its admin API is, and which action.

use super::client::{Client, Remote};
use super::console::Console;
use super::failure::Failure;
use clap::Subcommand;

/// A verb with actions, each of which asks the admin API.
#[derive(Debug, clap::Args)]
pub struct Remotely<A: Subcommand> {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// What to do.
    #[command(subcommand)]
    pub action: A,
}

impl<A: Subcommand> Remotely<A> {
    /// Runs the action with `run`.
    pub async fn run(
        self,
        console: &mut Console,
        run: impl AsyncFnOnce(A, &Client, &mut Console) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        run(self.action, &client, console).await
    }
}

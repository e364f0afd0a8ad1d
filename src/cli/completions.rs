//! `farebox completions SHELL`: what a shell reads to complete verbs and flags.

use super::{Cli, Console, Failure};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print completions for a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// For which shell
    pub shell: Shell,
}

impl Completions {
    /// Prints them.
    pub fn run(self, console: &mut Console) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "farebox", &mut script);
        console.out.write_all(&script)?;
        Ok(console.out.flush()?)
    }
}

//! `farebox config print`: the configuration in force, without secrets.

use super::serve::ServeArgs;
use super::{Console, Exit, Failure};
use clap::{Args, Subcommand};

/// The configuration.
#[derive(Debug, Args)]
pub struct ConfigVerb {
    /// What to do with it.
    #[command(subcommand)]
    pub verb: ConfigCommand,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print what file, environment and flags result in, secrets as ***
    Print(ServeArgs),
}

impl ConfigVerb {
    /// Prints it, as in the file or as JSON.
    pub fn run(self, console: &mut Console) -> Result<(), Failure> {
        let ConfigCommand::Print(args) = self.verb;
        let config = args.load().map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
        let printed = config.printed();
        if console.flags.json {
            let value = serde_json::to_value(&printed);
            let value = value.map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
            return console.json(&value);
        }
        console.line(printed.to_string().trim_end())
    }
}

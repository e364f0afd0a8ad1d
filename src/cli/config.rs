//! `farebox config print`: the configuration in force, without secrets.

use super::serve::ServeArgs;
use super::{Console, Exit, Failure};
use crate::config::{Annotated, BadConfig, Config};
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
    Print(Print),
}

/// What to print of the configuration.
#[derive(Debug, Args)]
pub struct Print {
    /// Print the defaults, whatever file, environment and flags say
    #[arg(long)]
    pub defaults: bool,
    /// Say of each value where it comes from
    #[arg(long)]
    pub annotated: bool,
    /// Where the configuration comes from
    #[command(flatten)]
    pub from: ServeArgs,
}

impl ConfigVerb {
    /// Prints it, as in the file or as JSON.
    pub fn run(self, console: &mut Console) -> Result<(), Failure> {
        let ConfigCommand::Print(print) = self.verb;
        let (table, text) = print.read().map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
        if console.flags.json {
            let value = serde_json::to_value(&table);
            let value = value.map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
            return console.json(&value);
        }
        console.line(text.trim_end())
    }
}

impl Print {
    /// The configuration as a table and as a file.
    fn read(&self) -> Result<(toml::Table, String), BadConfig> {
        if self.annotated {
            let annotated = match self.defaults {
                true => Annotated::defaults()?,
                false => self.from.load_annotated()?,
            };
            return Ok((annotated.table(), annotated.text()));
        }
        let config = match self.defaults {
            true => Config::defaults()?,
            false => self.from.load()?,
        };
        let printed = config.printed();
        let text = printed.to_string();
        Ok((printed, text))
    }
}

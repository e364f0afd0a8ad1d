//! `farebox man [VERB…]`: manual pages, made of the same descriptions as `--help`.

use super::{Cli, Console, Exit, Failure};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

/// Print the manual page of the program, or of a verb.
#[derive(Debug, Args)]
pub struct Manual {
    /// The verb, such as `limits bump`; without one, the page of the program
    pub verb: Vec<String>,
}

impl Manual {
    /// Prints the page, for `man -l -` or a file.
    pub fn run(self, console: &mut Console) -> Result<(), Failure> {
        let mut command = Cli::command();
        command.build();
        let mut name = "farebox".to_owned();
        for verb in &self.verb {
            command = below(&command, verb).ok_or_else(|| unknown(&name, verb, &command))?;
            name = format!("{name}-{verb}");
        }
        let mut page = Vec::new();
        Man::new(command).title(name).render(&mut page)?;
        console.out.write_all(&page)?;
        Ok(console.out.flush()?)
    }
}

fn below(command: &Command, verb: &str) -> Option<Command> {
    command.find_subcommand(verb).cloned()
}

fn unknown(name: &str, verb: &str, command: &Command) -> Failure {
    let known: Vec<&str> =
        command.get_subcommands().filter(|c| !c.is_hide_set()).map(Command::get_name).collect();
    let message = format!("{name} has no verb `{verb}`");
    match known.as_slice() {
        [] => Failure::new(Exit::Usage, message),
        known => Failure::new(Exit::Usage, message).hint(format!("one of {}", known.join(", "))),
    }
}

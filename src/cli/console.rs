//! Where a verb prints: data on standard output, everything else on standard error.
//!
//! Hints and colour only where a person looks on; `NO_COLOR`, `CLICOLOR` and `--color` are obeyed.

use super::failure::{Exit, Failure};
use super::table::Table;
use serde_json::Value;
use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};

/// Whether output is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` says otherwise
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// Whether to colour; `variable` reads the environment.
    fn wanted(self, terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if set("NO_COLOR").is_some() => false,
            Self::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Self::Auto => terminal && set("CLICOLOR").is_none_or(|value| value != "0"),
        }
    }
}

/// The flags that every verb takes.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools)]
pub struct Flags {
    /// Print JSON for scripts
    #[arg(long, global = true)]
    pub json: bool,
    /// Do not ask before destroying something
    #[arg(long, global = true)]
    pub yes: bool,
    /// Print no hints
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print what is asked of the server
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Whether to colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Colour,
}

/// The streams of a verb.
pub struct Console {
    /// The flags.
    pub flags: Flags,
    /// Data.
    pub out: Box<dyn Write + Send>,
    /// Everything else.
    pub err: Box<dyn Write + Send>,
    /// Answers to questions; `None` where nobody can answer.
    pub input: Option<Box<dyn BufRead + Send>>,
    /// Hints are read by a person.
    pub hints: bool,
    /// Output may be coloured.
    pub colour: bool,
}

impl Console {
    /// The streams of this process.
    pub fn standard(flags: Flags) -> Self {
        let person = io::stdin().is_terminal() && io::stderr().is_terminal();
        Self {
            flags,
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: person.then(|| Box::new(io::BufReader::new(io::stdin())) as Box<_>),
            hints: io::stderr().is_terminal() && !flags.quiet,
            colour: flags.color.wanted(io::stdout().is_terminal(), |name| std::env::var_os(name)),
        }
    }

    /// A line of data.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    /// JSON for scripts.
    pub fn json(&mut self, value: &Value) -> Result<(), Failure> {
        self.line(&format!("{value:#}"))
    }

    /// `value` for scripts, or `text` for people.
    pub fn either(
        &mut self,
        value: &Value,
        text: impl FnOnce(&Value) -> String,
    ) -> Result<(), Failure> {
        if self.flags.json { self.json(value) } else { self.line(&text(value)) }
    }

    /// A table for people.
    pub fn table(&mut self, table: &Table) -> Result<(), Failure> {
        write!(self.out, "{}", table.written(self.colour))?;
        Ok(self.out.flush()?)
    }

    /// A hint, for a person at a terminal only.
    pub fn hint(&mut self, text: &str) {
        if self.hints {
            self.warn(text);
        }
    }

    /// A line on standard error. That it cannot be written is nobody's concern.
    pub fn warn(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Lets a person type `name` before something is destroyed.
    pub fn confirm(&mut self, deed: &str, name: &str) -> Result<(), Failure> {
        if self.flags.yes {
            return Ok(());
        }
        let Some(input) = &mut self.input else {
            let message =
                format!("{deed} needs a confirmation, and there is no terminal to ask on");
            return Err(Failure::new(Exit::Usage, message).hint("add --yes"));
        };
        write!(self.err, "{deed}. Type {name} to go on: ")?;
        self.err.flush()?;
        let mut answer = String::new();
        input.read_line(&mut answer)?;
        if answer.trim() == name {
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, "cancelled; nothing was changed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_unless_somebody_says_otherwise() {
        let on = |colour: Colour, terminal: bool, variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
            colour.wanted(terminal, |name| find(name).map(|(_, value)| OsString::from(value)))
        };
        assert!(on(Colour::Auto, true, &[]) && !on(Colour::Auto, false, &[]));
        assert!(!on(Colour::Auto, true, &[("NO_COLOR", "1")]));
        assert!(on(Colour::Auto, true, &[("NO_COLOR", "")]));
        assert!(!on(Colour::Auto, true, &[("CLICOLOR", "0")]));
        assert!(on(Colour::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!on(Colour::Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!on(Colour::Auto, true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(on(Colour::Always, false, &[("NO_COLOR", "1")]));
        assert!(!on(Colour::Never, true, &[("CLICOLOR_FORCE", "1")]));
    }
}

//! A command of one's own: it gets the JSON of a webhook, and its exit status says what became of it.
//!
//! Invariant: no shell reads anything, and nothing of an alert is an argument.

use super::channel::HIDDEN;
use super::message::Run;
use super::notice::Notice;
use super::webhook;
use super::written::{BadKey, Keys, bad};
use serde_json::{Value, json};

/// How many parts a command may have.
const MOST_PARTS: usize = 20;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exec {
    command: Vec<String>,
}

impl Exec {
    pub(super) const KEYS: &[&str] = &["command"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        let missing = || bad("command", "it is missing: [\"/usr/local/bin/page\", \"ops\"]");
        let command = keys.list("command", MOST_PARTS)?.ok_or_else(missing)?;
        if !command.first().is_some_and(|program| program.starts_with('/')) {
            return Err(bad(
                "command",
                "its first part is not a whole path, such as /usr/bin/page",
            ));
        }
        Ok(Self { command: command.into_iter().map(str::to_owned).collect() })
    }

    /// The program; its arguments may be secret.
    pub(super) fn shown(&self) -> Value {
        let program = self.command.first().map(String::as_str).into_iter();
        let rest = self.command.iter().skip(1).map(|_| HIDDEN);
        json!({"command": program.chain(rest).collect::<Vec<_>>()})
    }

    pub(super) fn run(&self, notice: &Notice) -> Run {
        Run { command: self.command.clone(), input: webhook::body(notice).to_string().into() }
    }
}

//! Why a verb failed, with the exit status that scripts go by.

use std::fmt;
use std::io;

/// The exit statuses of CONTRACT section 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It worked.
    Ok = 0,
    /// It failed.
    Failed = 1,
    /// The command line is wrong, or a value was refused, or the user cancelled.
    Usage = 2,
    /// A check or an invariant failed.
    Broken = 3,
    /// The token is missing, wrong or not enough.
    Auth = 4,
    /// There is no such thing.
    NotFound = 5,
    /// It exists already, or is in use.
    Conflict = 6,
    /// The server or Redis cannot be reached.
    Unavailable = 7,
    /// A quota is used up.
    OverQuota = 8,
    /// The configuration is wrong.
    Config = 78,
    /// Stopped by SIGINT.
    Interrupted = 130,
}

impl Exit {
    /// The status for the process.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a verb failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub exit: Exit,
    /// What is wrong; empty where nothing is to be said.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// The same with the way out.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// An end without a word, such as that of a reader who has seen enough.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    /// Output that cannot be written. A closed pipe is no failure: `farebox users list | head`.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(Exit::Ok),
            _ => Self::new(Exit::Failed, format!("the output cannot be written: {error}")),
        }
    }
}

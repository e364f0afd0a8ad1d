//! What is sent: a post to a hook, a mail, or what a command reads. Made by a channel, sent by `outgoing`.

use super::target::Target;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use secrecy::SecretString;

/// What a channel makes of a notice.
#[derive(Debug)]
pub enum Message {
    /// A `POST` over HTTP.
    Post(Post),
    /// A mail.
    Mail(Box<Mail>),
    /// A command that is run.
    Run(Run),
}

/// A command and what it reads.
#[derive(Debug)]
pub struct Run {
    /// The program, by its whole path, and its arguments.
    pub command: Vec<String>,
    /// What stands on its standard input.
    pub input: Bytes,
}

/// A `POST` and where it goes.
#[derive(Debug)]
pub struct Post {
    /// Where to.
    pub to: Target,
    /// Its headers; those that hold a secret are marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Bytes,
}

/// How a mail server is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// In the clear.
    None,
    /// In the clear until `STARTTLS`, which the server must offer.
    StartTls,
    /// Encrypted from the first byte.
    Implicit,
}

/// A mail and its server.
#[derive(Debug)]
pub struct Mail {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is talked to.
    pub tls: Tls,
    /// User name and password.
    pub credentials: Option<(String, SecretString)>,
    /// The mail.
    pub mail: lettre::Message,
}

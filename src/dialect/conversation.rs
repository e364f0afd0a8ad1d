//! Reads a conversation over a WebSocket: messages in, and out one reading for each answer.

use super::Call;
use super::answer::Document;
use crate::framing::Events;
use crate::framing::json::{Scalar, Scanner, Sink, Tree, Want};
use crate::usage::Reading;
use http::StatusCode;
use std::ops::Range;
use std::sync::LazyLock;

/// One answer of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What it used.
    pub reading: Reading,
    /// Its model is the one that the client set up.
    pub from_setup: bool,
}

/// Watches both directions of a conversation.
pub struct Conversation {
    server: Document,
    client: Client,
    at: u64,
}

/// What the client says that matters: the model, once.
struct Client {
    scanner: Scanner<()>,
    model: Model,
    broken: bool,
}

#[derive(Default)]
struct Model(Option<String>);

impl Sink<()> for Model {
    fn scalar(&mut self, (): (), value: Scalar<'_>, _: Range<u64>) {
        if let Scalar::Text(text) = value {
            let name = String::from_utf8_lossy(text);
            self.0 = Some(name.strip_prefix("models/").unwrap_or(&name).to_owned());
        }
    }
}

static SETUP: LazyLock<Tree<()>> = LazyLock::new(|| {
    Tree::new().with("setup.model", (), Want::Value).with("session.model", (), Want::Value)
});

impl Conversation {
    /// A session that was opened by a call.
    pub fn new(call: &Call) -> Self {
        Self {
            server: Document::new(call, StatusCode::OK),
            client: Client {
                scanner: Scanner::new(&SETUP),
                model: Model::default(),
                broken: false,
            },
            at: 0,
        }
    }

    /// A piece of a message of the client.
    pub fn client(&mut self, bytes: &[u8]) {
        let client = &mut self.client;
        if !client.broken && !client.scanner.is_done() {
            client.broken = client.scanner.push(bytes, 0, &mut client.model).is_err();
        }
    }

    /// That message ended.
    pub fn client_end(&mut self) {
        self.client.scanner.reset();
        self.client.broken = false;
    }

    /// A piece of a message of the server.
    pub fn server(&mut self, bytes: &[u8]) {
        self.server.data(bytes, self.at);
        self.at = self.at.saturating_add(bytes.len() as u64);
    }

    /// That message ended; the answer that it ended, if it did.
    pub fn server_end(&mut self) -> Option<Turn> {
        self.server.dispatch();
        self.server.is_over().then(|| self.turn(false))
    }

    /// Whether the provider has begun an answer that has not ended.
    pub fn is_answering(&self) -> bool {
        self.server.reading().begun
    }

    /// The model that the session uses, as far as somebody named it.
    pub fn model(&self) -> Option<&str> {
        self.server.reading().model.as_deref().or(self.client.model.0.as_deref())
    }

    /// The session ended; what is left of an answer that had begun, or was used beside answers.
    pub fn finish(&mut self, cut: bool) -> Option<Turn> {
        let left = self.server.reading();
        let told = left.begun || left.usage_present;
        let used = told || !left.sub_usage.is_empty();
        if used && !told {
            self.server.end_beside();
        }
        used.then(|| self.turn(cut))
    }

    fn turn(&mut self, cut: bool) -> Turn {
        self.server.end_conversation(cut);
        let mut reading = self.server.next_answer();
        let from_setup = reading.model.is_none() && self.client.model.0.is_some();
        if from_setup {
            reading.model.clone_from(&self.client.model.0);
        }
        Turn { reading, from_setup }
    }
}

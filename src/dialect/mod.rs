//! Wire formats: where an operation lives, what its request says, and how its answer reports usage.
//!
//! One file per wire format. A dialect never performs I/O, never holds a body, and never decides
//! what happens to a call; it reads.

pub mod capture;
mod openai;

use crate::usage::Reading;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::fmt;
use std::ops::Range;

/// What a method and a path name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// An operation that is charged.
    Metered(Operation),
    /// A known route that costs nothing.
    Free,
    /// A known route that costs money which is not metered here yet; refused by default.
    Unmetered,
    /// A known route that lists what all keys of a credential have stored; refused, because
    /// nothing crosses workspaces.
    Shared,
}

/// An operation that is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /v1/chat/completions`.
    OpenAiChat,
    /// `POST /v1/completions`.
    OpenAiCompletions,
    /// `POST /v1/responses` and `/v1/responses/compact`.
    OpenAiResponses,
    /// `POST /v1/embeddings`.
    OpenAiEmbeddings,
}

impl Operation {
    /// The name in captures and events, such as `openai.chat`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai.chat",
            Self::OpenAiCompletions => "openai.completions",
            Self::OpenAiResponses => "openai.responses",
            Self::OpenAiEmbeddings => "openai.embeddings",
        }
    }

    /// All operations.
    pub const ALL: &'static [Self] =
        &[Self::OpenAiChat, Self::OpenAiCompletions, Self::OpenAiResponses, Self::OpenAiEmbeddings];
}

/// What a request says, as far as metering needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The operation.
    pub operation: Operation,
    /// The model; empty where the path or the provider decides it (Azure deployments).
    pub model: String,
    /// A stream was asked for.
    pub stream: bool,
    /// The most output tokens that one answer may have, as the request says.
    pub output_ceiling: Option<u64>,
    /// How many answers are generated and billed (`n`, `best_of`), at least 1.
    pub answers: u64,
    /// The tier that was asked for.
    pub service_tier: Option<String>,
    /// Length of the body in bytes.
    pub body_bytes: u64,
    /// The input's tokens are not bounded by the body's length (images by URL, files, stored
    /// conversations, hosted tools).
    pub input_elsewhere: bool,
    /// The one edit of the body, if any.
    pub edit: Option<Splice>,
}

/// The one edit of a request body: the bytes of `range` are replaced by `with`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Offsets in the original body.
    pub range: Range<usize>,
    /// The new bytes.
    pub with: Bytes,
}

/// A body that is not readable as its route's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The offending field, where there is one.
    pub param: Option<&'static str>,
    /// What is wrong with it, and the way out.
    pub message: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unreadable {}

/// Reads a request body as it arrives.
pub trait ReadRequest: Send {
    /// The next bytes. An error is final; the rest need not be shown.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Unreadable>;

    /// The body ended.
    fn finish(self: Box<Self>) -> Result<Call, Unreadable>;
}

/// The head of an answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerHead<'a> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers; content type and content encoding decide how the body is read.
    pub headers: &'a HeaderMap,
}

/// Watches the body of an answer. Its memory does not grow with the body.
pub trait ReadAnswer: Send {
    /// Shows the next frame; gives back what the client is to see of it, which is the same bytes
    /// except where Farebox asked for usage that the client did not ask for. May be empty, and may
    /// begin with bytes withheld from an earlier frame.
    fn push(&mut self, frame: Bytes) -> Bytes;

    /// The body ended (`cut`: before its end). Gives back the bytes still withheld and the final
    /// reading.
    fn finish(&mut self, cut: bool) -> (Bytes, Reading);

    /// What is known so far.
    fn reading(&self) -> &Reading;
}

/// What a method and a path name, in whichever dialect.
pub fn route(method: &Method, path: &str) -> Option<Route> {
    openai::route(method, path)
}

/// A reader for the request body of an operation.
pub fn read_request(operation: Operation) -> Box<dyn ReadRequest> {
    match operation {
        Operation::OpenAiChat
        | Operation::OpenAiCompletions
        | Operation::OpenAiResponses
        | Operation::OpenAiEmbeddings => Box::new(openai::Request::new(operation)),
    }
}

/// A reader for the answer to a call. Where `call.edit` is set, what the client did not ask for is
/// taken out of the answer.
pub fn read_answer(call: &Call, head: AnswerHead<'_>) -> Box<dyn ReadAnswer> {
    match call.operation {
        Operation::OpenAiChat
        | Operation::OpenAiCompletions
        | Operation::OpenAiResponses
        | Operation::OpenAiEmbeddings => Box::new(openai::Answer::new(call, head)),
    }
}

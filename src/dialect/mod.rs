//! Wire formats: where an operation lives, what its request says, and how its answer reports usage.
//!
//! One file per wire format: its `route` knows the paths, its `ASKED` where a request says what, its
//! [`format::Format`] what an answer amounts to. What they share (scanning, framing, the judgement at
//! the end) is in `request/` and `answer/`. A dialect never performs I/O, never holds a body, and
//! never decides what happens to a call; it reads.

mod address;
mod answer;
mod anthropic;
mod bedrock;
mod call;
pub mod capture;
mod cloudflare;
mod cohere;
mod conversation;
pub mod filler;
mod format;
mod gemini;
mod llamacpp;
mod lmstudio;
mod mistral;
mod ollama;
mod openai;
mod operation;
mod refused;
mod request;
mod route;

pub use address::{below_base, credential, shown_as};
pub use call::{Call, Contents, Splice, Unreadable};
pub use conversation::{Conversation, Turn};
pub use operation::{Dialect, Operation, Yields};
pub use refused::{Framing, Refused, last_event};
pub use request::Named;
pub use route::{Found, Route, route, speaks, unescaped};

use crate::usage::Reading;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

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

/// A reader for the request body of an operation; where it takes files, a form is read too.
pub fn read_request(
    operation: Operation,
    named: Named,
    content_type: Option<&str>,
) -> Result<Box<dyn ReadRequest>, Unreadable> {
    let form = content_type
        .filter(|kind| kind.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/")));
    let takes_files = matches!(operation, Operation::OpenAiTranscription | Operation::OpenAiImages);
    Ok(match form.filter(|_| takes_files) {
        Some(kind) => Box::new(request::Form::new(operation, named, kind)?),
        None => Box::new(request::Request::new(operation, format::asked(operation), named)),
    })
}

/// A reader for the answer to a call. Where `call.edit` is set, what the client did not ask for is
/// taken out of the answer.
pub fn read_answer(call: &Call, head: AnswerHead<'_>) -> Box<dyn ReadAnswer> {
    Box::new(answer::Answer::new(call, head))
}

/// Judges an answer that was fetched again. What can be reported repeatedly is charged by it, once;
/// the answer to anything else was charged when it was given.
pub fn retrieved(reading: &mut Reading) {
    let billed = reading.billable != Some(false);
    if reading.dedupe_key.is_some() {
        reading.charge_once = reading.usage_present && reading.usage_final && billed;
    } else {
        reading.billable = Some(false);
    }
}

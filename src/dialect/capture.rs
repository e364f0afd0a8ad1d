//! Captures: one recorded answer with what is needed to meter it, and the reading of it.
//!
//! A capture is an object with the keys `dialect, provider, method, path, request, transport,
//! status, content_type, body` or `body_b64`, and perhaps `wire_splits` and `wire_encoding`; other
//! keys are passed over. Nothing here touches a network.

mod print;
mod recording;

pub use recording::Recording;

use super::conversation::{Conversation, Turn};
use super::{
    AnswerHead, Call, Found, Named, Operation, Route, read_answer, read_request, retrieved, route,
};
use crate::framing::base64;
use crate::usage::Reading;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::io::Write;

/// A recorded answer.
#[derive(Debug, Clone)]
pub struct Capture {
    operation: Operation,
    method: Method,
    /// What the path names, where it is a path of the dialect.
    found: Option<Found>,
    socket: bool,
    client_frames: Vec<String>,
    request: Value,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    cuts: Vec<usize>,
}

/// Why a text is not a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCapture(String);

impl fmt::Display for BadCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a capture: {}", self.0)
    }
}

impl std::error::Error for BadCapture {}

#[derive(Deserialize)]
struct Raw {
    dialect: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    transport: String,
    #[serde(default)]
    request: Value,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    response_headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    ws_client_frames: Vec<String>,
    content_type: Option<String>,
    #[serde(default)]
    body: String,
    body_b64: Option<String>,
    #[serde(default)]
    wire_splits: Splits,
    wire_encoding: Option<String>,
}

fn post() -> String {
    "POST".to_owned()
}

fn ok() -> u16 {
    200
}

/// Where one write of the body ends and the next begins.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Splits {
    #[default]
    None,
    At(Vec<usize>),
    Every(String),
}

impl Capture {
    /// Reads a capture from its JSON.
    pub fn parse(text: &str) -> Result<Self, BadCapture> {
        let raw: Raw = serde_json::from_str(text).map_err(|e| BadCapture(e.to_string()))?;
        let named = Operation::ALL.iter().find(|operation| operation.name() == raw.dialect);
        let Some(&operation) = named else {
            let known: Vec<_> = Operation::ALL.iter().map(|o| o.name()).collect();
            let (dialect, known) = (raw.dialect, known.join(", "));
            return Err(BadCapture(format!(
                "dialect `{dialect}` is not read yet; those that are: {known}"
            )));
        };
        let bad = |what: &str, found: &dyn fmt::Display| BadCapture(format!("{what} `{found}`"));
        let method = raw.method.parse().map_err(|_| bad("no method", &raw.method))?;
        let status =
            StatusCode::from_u16(raw.status).map_err(|_| bad("no HTTP status", &raw.status))?;
        let mut headers = HeaderMap::new();
        if let Some(kind) = &raw.content_type {
            let value = HeaderValue::from_str(kind).map_err(|_| bad("no content type", kind))?;
            headers.insert(CONTENT_TYPE, value);
        }
        for (name, value) in &raw.response_headers {
            let name: HeaderName = name.parse().map_err(|_| bad("no header name", name))?;
            let value = HeaderValue::from_str(value).map_err(|_| bad("no header value", value))?;
            headers.insert(name, value);
        }
        let path = raw.path.split('?').next().unwrap_or_default();
        let found = route(&method, path, &HeaderMap::new()).map(|(_, found)| found);
        let body = match &raw.body_b64 {
            Some(text) => base64::decode(text)
                .ok_or_else(|| BadCapture("body_b64 is not base64".to_owned()))?,
            None => raw.body.into_bytes(),
        };
        let cuts = match &raw.wire_splits {
            Splits::None => Vec::new(),
            Splits::At(cuts) => cuts.clone(),
            Splits::Every(unit) => match unit.as_str() {
                "every_byte" => (1..body.len()).collect(),
                "every_line" => memchr::memchr_iter(b'\n', &body).map(|at| at + 1).collect(),
                _ => {
                    return Err(bad(
                        "wire_splits must be offsets, every_byte or every_line, not",
                        unit,
                    ));
                }
            },
        };
        let body = Bytes::from(body);
        let capture = Self {
            operation,
            method,
            found,
            socket: raw.transport == "ws",
            client_frames: raw.ws_client_frames,
            request: raw.request,
            status,
            headers,
            body,
            cuts,
        };
        match raw.wire_encoding.as_deref() {
            None | Some("identity") => Ok(capture),
            Some("gzip") => Ok(capture.gzipped()),
            Some(other) => Err(bad("wire_encoding must be gzip or identity, not", &other)),
        }
    }

    /// The body as it goes over the wire.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The same answer, compressed.
    #[must_use]
    pub fn gzipped(mut self) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        // Writing to memory does not fail; were it to, the body would be empty and so the reading.
        let packed = encoder.write_all(&self.body).and_then(|()| encoder.finish());
        self.body = Bytes::from(packed.unwrap_or_default());
        self.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        self
    }

    /// The reading, with the body in the pieces in which it was recorded.
    pub fn meter(&self) -> Value {
        self.meter_split(&self.cuts)
    }

    /// The reading, with the body cut at the given offsets.
    pub fn meter_split(&self, cuts: &[usize]) -> Value {
        let call = self.call();
        if self.socket {
            return print::conversation(&call, &self.listen(&call, cuts));
        }
        print::reading(&call, self.path_model().is_some(), &self.read(&call, cuts))
    }

    /// The call, and what each answer to it reads as.
    pub fn readings(&self) -> (Call, Vec<Reading>) {
        let call = self.call();
        let readings = match self.socket {
            true => self.listen(&call, &[]).into_iter().map(|turn| turn.reading).collect(),
            false => vec![self.read(&call, &[])],
        };
        (call, readings)
    }

    fn pieces(&self, cuts: &[usize]) -> impl Iterator<Item = Bytes> {
        let mut from = 0;
        cuts.iter().copied().chain([self.body.len()]).map(move |to| {
            let to = to.clamp(from, self.body.len());
            let piece = self.body.slice(from..to);
            from = to;
            piece
        })
    }

    fn read(&self, call: &Call, cuts: &[usize]) -> Reading {
        let head = AnswerHead { status: self.status, headers: &self.headers };
        let mut reader = read_answer(call, head);
        for piece in self.pieces(cuts) {
            reader.push(piece);
        }
        let (_, mut reading) = reader.finish(false);
        if self.method == Method::GET {
            retrieved(&mut reading);
        }
        reading
    }

    /// The answers of a session, of which each line is one message of the server.
    fn listen(&self, call: &Call, cuts: &[usize]) -> Vec<Turn> {
        let mut conversation = Conversation::new(call);
        for frame in &self.client_frames {
            conversation.client(frame.as_bytes());
            conversation.client_end();
        }
        let mut turns = Vec::new();
        for piece in self.pieces(cuts) {
            for line in piece.split_inclusive(|&byte| byte == b'\n') {
                conversation.server(line.strip_suffix(b"\n").unwrap_or(line));
                if line.ends_with(b"\n") {
                    turns.extend(conversation.server_end());
                }
            }
        }
        turns.extend(conversation.server_end());
        turns.extend(conversation.finish(false));
        turns
    }

    fn path_model(&self) -> Option<&str> {
        self.found.as_ref()?.model.as_deref()
    }

    /// The call as far as reading its answer needs it. Recorded requests may be ones that would be
    /// refused now.
    fn call(&self) -> Call {
        let free = self.found.as_ref().is_some_and(|found| found.route == Route::Free);
        // A count of tokens is no use of them, whatever dialect it is asked in.
        let operation = if free && self.method == Method::POST && !self.counts_as_response() {
            Operation::OpenAiModels
        } else {
            self.operation
        };
        let stream = self.found.as_ref().is_some_and(|found| found.stream);
        let named = Named { model: self.path_model().map(str::to_owned), stream };
        let body = self.request.to_string();
        let read = read_request(operation, named.clone(), None).and_then(|mut reader| {
            reader.push(body.as_bytes())?;
            reader.finish()
        });
        let model = self.request.get("model").and_then(Value::as_str).unwrap_or_default();
        let stream = self.request.get("stream").and_then(Value::as_bool).unwrap_or(stream);
        let plain =
            Call { stream, ..Call::plain(operation, named.model.as_deref().unwrap_or(model)) };
        Call { edit: None, ..read.unwrap_or(plain) }
    }

    fn counts_as_response(&self) -> bool {
        self.operation == Operation::OpenAiResponses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ANSWER: &str = r#"{"dialect":"openai.embeddings","provider":"openai","request":{"model":"m"},
        "body":"{\"usage\":{\"total_tokens\":8}}","more":1}"#;

    #[test]
    fn reads_a_capture() {
        let reading = Capture::parse(ANSWER).unwrap().meter();
        assert_eq!(reading["input_tokens_total"], 8);
        assert_eq!((&reading["model"], &reading["model_source"]), (&json!("m"), &json!("request")));
        let b64 = ANSWER.replace(
            "\"body\":\"{\\\"usage\\\":{\\\"total_tokens\\\":8}}\"",
            "\"body_b64\":\"eyJ1c2FnZSI6eyJ0b3RhbF90b2tlbnMiOjl9fQ==\"",
        );
        assert_eq!(Capture::parse(&b64).unwrap().meter()["input_tokens_total"], 9);
    }

    #[test]
    fn names_what_is_wrong() {
        for (from, to, named) in [
            ("openai.embeddings", "openai.telepathy", "`openai.telepathy`"),
            ("\"more\":1", "\"status\":99", "`99`"),
            ("\"more\":1", "\"method\":\"G T\"", "`G T`"),
            ("\"more\":1", "\"wire_splits\":\"x\"", "`x`"),
            ("\"more\":1", "\"wire_encoding\":\"lzw\"", "`lzw`"),
            ("\"more\":1", "\"body_b64\":\"!\"", "body_b64"),
            ("\"dialect\"", "\"dialekt\"", "`dialect`"),
        ] {
            let error = Capture::parse(&ANSWER.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}

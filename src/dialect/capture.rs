//! Captures: one recorded answer with what is needed to meter it, and the reading of it.
//!
//! A capture is an object with the keys `dialect, provider, method, path, request, transport,
//! status, content_type, body` or `body_b64`, and perhaps `wire_splits` and `wire_encoding`; other
//! keys are passed over. Nothing here touches a network.

use super::{AnswerHead, Call, Operation, read_answer};
use crate::framing::base64;
use crate::usage::Reading;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::Write;

/// A recorded answer.
#[derive(Debug, Clone)]
pub struct Capture {
    operation: Operation,
    method: Method,
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
    request: Value,
    #[serde(default = "ok")]
    status: u16,
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
        let capture = Self { operation, method, request: raw.request, status, headers, body, cuts };
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
        self.print(&self.read(cuts))
    }

    fn read(&self, cuts: &[usize]) -> Reading {
        let head = AnswerHead { status: self.status, headers: &self.headers };
        let mut reader = read_answer(&self.call(), head);
        let mut from = 0;
        for to in cuts.iter().copied().chain([self.body.len()]) {
            let to = to.clamp(from, self.body.len());
            reader.push(self.body.slice(from..to));
            from = to;
        }
        let (_, mut reading) = reader.finish(false);
        if self.method == Method::GET {
            retrieved(&mut reading);
        }
        reading
    }

    /// The call as far as reading its answer needs it. Recorded requests may be ones that would be
    /// refused now.
    fn call(&self) -> Call {
        let field = |name: &str| self.request.get(name);
        let count = |name: &str| field(name).and_then(Value::as_u64).unwrap_or(1).max(1);
        Call {
            operation: self.operation,
            model: self.requested_model().unwrap_or_default().to_owned(),
            stream: field("stream").and_then(Value::as_bool).unwrap_or(false),
            output_ceiling: None,
            answers: count("n").max(count("best_of")),
            service_tier: None,
            body_bytes: 0,
            characters: 0,
            input_elsewhere: false,
            hosted_tools: false,
            searches: false,
            edit: None,
        }
    }

    fn requested_model(&self) -> Option<&str> {
        self.request.get("model").and_then(Value::as_str)
    }

    fn print(&self, reading: &Reading) -> Value {
        let mut out = match reading.usage.to_json() {
            Value::Object(out) => out,
            _ => Map::new(),
        };
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                out.insert(key.to_owned(), value);
            }
        };
        let asked = self.requested_model().filter(|_| reading.model.is_none());
        put("model", reading.model.as_deref().or(asked).into());
        put("model_source", asked.map(|_| "request").into());
        put("service_tier", reading.service_tier.as_deref().into());
        put("complete", reading.complete.into());
        put("usage_present", reading.usage_present.into());
        put("usage_final", reading.usage_final.into());
        put("billable", reading.billable.map_or_else(|| json!("unknown"), Value::from));
        put("error", reading.error.into());
        put("truncated", reading.truncated.into());
        put("done_marker", reading.done_marker.into());
        put("deferred", reading.deferred.into());
        put("dedupe_key", reading.dedupe_key.as_deref().into());
        put("charge_once", reading.charge_once.into());
        put("incomplete_reason", reading.incomplete_reason.as_deref().into());
        let cost = reading.provider_cost.map(|cost| cost.to_string());
        put("provider_cost_usd", cost.and_then(|c| serde_json::from_str::<Value>(&c).ok()).into());
        put("anomalies", reading.anomalies.into());
        put("output_bytes", reading.output_bytes.into());
        put("output_characters", reading.output_characters.into());
        Value::Object(out)
    }
}

/// An answer that was fetched again. Only a background response is charged by it, and once; the
/// answer to anything else was charged when it was given.
fn retrieved(reading: &mut Reading) {
    if reading.dedupe_key.is_some() {
        reading.charge_once = reading.usage_present;
    } else {
        reading.billable = Some(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

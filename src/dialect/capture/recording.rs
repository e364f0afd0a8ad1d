//! A capture as it is written: the form that [`super::Capture::parse`] reads.
//!
//! It holds what a recorder left of an answer, and fills nothing itself.

use crate::dialect::Operation;
use crate::dialect::answer::Kind;
use crate::framing::base64;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One answer, to be written.
#[derive(Debug)]
pub struct Recording {
    /// What was asked for.
    pub operation: Operation,
    /// The name of the provider.
    pub provider: String,
    /// How it was asked for.
    pub method: Method,
    /// Where it was asked for.
    pub path: String,
    /// The request.
    pub request: Value,
    /// The status of the answer.
    pub status: StatusCode,
    /// What the answer says it is.
    pub content_type: Option<String>,
    /// Headers that hold figures.
    pub figures: BTreeMap<String, u64>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// Where one write of it ended and the next began.
    pub splits: Vec<usize>,
    /// The body went on.
    pub truncated: bool,
}

impl Recording {
    /// The capture.
    pub fn to_json(&self) -> Value {
        let transport = match Kind::of(self.content_type.as_deref()) {
            Kind::Events => "sse",
            Kind::Lines => "ndjson",
            Kind::Frames => "eventstream",
            Kind::Json | Kind::Other => "json",
        };
        let figures: BTreeMap<_, _> =
            self.figures.iter().map(|(name, figure)| (name, figure.to_string())).collect();
        let mut capture = json!({
            "dialect": self.operation.name(),
            "provider": self.provider,
            "method": self.method.as_str(),
            "path": self.path,
            "request": self.request,
            "transport": transport,
            "status": self.status.as_u16(),
            "content_type": self.content_type,
            "response_headers": figures,
            "wire_splits": self.splits,
            "truncated": self.truncated,
        });
        match std::str::from_utf8(&self.body) {
            Ok(text) => capture["body"] = text.into(),
            Err(_) => capture["body_b64"] = base64::encode(&self.body).into(),
        }
        capture
    }
}

//! Reading a JSON body or a query, field by field.
//!
//! Every fault is collected, so that one answer names them all. What was not asked for is a fault
//! too: a field that is unknown, or that only the ledger may write.

use super::json::{self, Document};
use super::problem::{Fault, Problem};
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use serde_json::{Map, Value};

const MOST_BYTES: usize = 256 * 1024;

/// Fields that objects show and nobody writes.
const READ_ONLY: &[&str] = &[
    "id",
    "status",
    "limit",
    "used",
    "held",
    "remaining",
    "usage_percent",
    "resets_at",
    "llm_quota",
    "created",
    "last_seen",
    "last_used",
    "prefix",
    "label",
    "key",
    "user",
    "workspace",
    "spent_usd",
    "spent_nanousd",
    "follows_defaults",
];

/// What a reader of one value says: the value, or where inside it (`/0`) something is wrong.
pub(super) type Read<T> = Result<T, Fault>;

impl From<String> for Fault {
    fn from(detail: String) -> Self {
        Self { pointer: String::new(), detail }
    }
}

/// The fields of a body or a query that were not read yet.
#[derive(Debug)]
pub(super) struct Fields {
    left: Map<String, Value>,
    prefix: &'static str,
    faults: Vec<Fault>,
}

impl Fields {
    fn new(left: Map<String, Value>, prefix: &'static str) -> Self {
        Self { left, prefix, faults: Vec::new() }
    }

    /// A field that may be absent or null.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<T> {
        self.nullable(name, read).flatten()
    }

    /// A field that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<T> {
        if self.left.get(name).is_none_or(Value::is_null) {
            self.left.remove(name);
            self.fault(name, "it is missing".to_owned());
            return None;
        }
        self.read(name, read)
    }

    /// A field for which null says something else than absent.
    pub(super) fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<Option<T>> {
        let value = self.left.remove(name)?;
        if value.is_null() {
            return Some(None);
        }
        match read(&value) {
            Ok(read) => Some(Some(read)),
            Err(Fault { pointer, detail }) => {
                self.fault(&format!("{name}{pointer}"), detail);
                None
            }
        }
    }

    /// All that was not read yet, as one text: the same for the same fields in any order.
    pub(super) fn text(&self) -> String {
        Value::Object(self.left.clone()).to_string()
    }

    /// All that was not read yet.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.left
    }

    /// Adds a fault of the field `name`.
    pub(super) fn fault(&mut self, name: &str, detail: String) {
        self.faults.push(Fault { pointer: format!("{}{name}", self.prefix), detail });
    }

    /// `value`, unless there was a fault or something is left over.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        let left: Vec<String> =
            std::mem::take(&mut self.left).into_iter().map(|(n, _)| n).collect();
        for name in left {
            let shown: String = name.chars().take(80).collect();
            let known = READ_ONLY.contains(&name.as_str()) && self.prefix == "/";
            let why = if known { "cannot be written" } else { "is not known" };
            self.fault(&shown, format!("`{shown}` {why} here"));
        }
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Problem::faults(self.faults)),
        }
    }
}

/// A body up to the most that is read.
pub(super) async fn whole(body: axum::body::Body) -> Result<Bytes, Problem> {
    to_bytes(body, MOST_BYTES).await.map_err(|_| {
        let detail = format!("the body is cut, or longer than {MOST_BYTES} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })
}

/// The fields of a JSON body; an empty body has none.
pub(super) struct Body(pub(super) Fields);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = whole(request.into_body()).await?;
        if bytes.is_empty() {
            return Ok(Self(Fields::new(Map::new(), "/")));
        }
        match json::read(&bytes) {
            Ok(Document::Object(map)) => Ok(Self(Fields::new(map, "/"))),
            Ok(Document::Twice(name)) => {
                let shown: String = name.chars().take(80).collect();
                Err(Problem::field(&format!("/{shown}"), format!("`{shown}` is given twice")))
            }
            Ok(Document::Other) => Err(Problem::field("", "the body must be a JSON object")),
            Err(error) => {
                let detail = format!("the body is not readable as JSON: {error}");
                Err(Problem::new(StatusCode::BAD_REQUEST, detail))
            }
        }
    }
}

/// The parameters of a query.
pub(super) struct Params(pub(super) Fields);

impl Params {
    /// Those of an address.
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            return Err(Problem::field("?", "the query is not readable"));
        };
        let mut fields = Fields::new(Map::new(), "?");
        for (name, text) in pairs {
            if fields.left.insert(name.clone(), Value::String(text)).is_some() {
                fields.fault(&name, "it is given twice".to_owned());
            }
        }
        Ok(Self(fields))
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

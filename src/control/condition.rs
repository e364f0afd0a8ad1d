//! `ETag` and `If-Match` of single objects: a change only where the object is as it was read.
//!
//! A tag covers what an operator can change, so it does not move with what is counted.

use super::problem::Problem;
use crate::ledger::Account;
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::fmt::Display;

/// The objects that a request may change, by their tags.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition(Option<Vec<String>>);

impl Condition {
    /// Reads `If-Match`; any object where there is none, or `*`.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            let bad = || {
                let detail = "If-Match takes the ETag of an object, such as \"0123456789abcdef\"";
                Problem::new(StatusCode::BAD_REQUEST, detail)
            };
            for tag in value.to_str().map_err(|_| bad())?.split(',').map(str::trim) {
                if tag == "*" {
                    return Ok(Self::default());
                }
                let strong = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                match strong {
                    Some(tag) => tags.push(tag.to_owned()),
                    // A weak tag is read, and matches nothing.
                    None if tag.starts_with("W/\"") && tag.ends_with('"') => {
                        tags.push(String::new())
                    }
                    None => return Err(bad()),
                }
            }
        }
        let asked = headers.contains_key(header::IF_MATCH);
        Ok(Self(asked.then_some(tags)))
    }

    /// The revision that a change of an account is for, or 412.
    pub(super) fn revision(&self, account: &Account) -> Result<Option<String>, Problem> {
        self.holds(&account.id, &account.revision)?;
        Ok(self.0.as_ref().map(|_| account.revision.clone()))
    }

    /// 412 where a change is for another revision of `what`.
    pub(super) fn holds(&self, what: impl Display, revision: &str) -> Result<(), Problem> {
        match &self.0 {
            Some(tags) if !tags.iter().any(|tag| tag == revision) => {
                let detail = format!(
                    "{what} has the ETag \"{revision}\", which If-Match does not name: it was \
                     changed meanwhile"
                );
                Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail))
            }
            _ => Ok(()),
        }
    }
}

/// An object with its tag.
pub(super) struct Tagged(pub(super) Value, String);

impl Tagged {
    pub(super) fn new(object: Value, account: &Account) -> Self {
        Self::of(object, &account.revision)
    }

    pub(super) fn of(object: Value, revision: &str) -> Self {
        Self(object, format!("\"{revision}\""))
    }
}

impl IntoResponse for Tagged {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        if let Ok(tag) = HeaderValue::from_str(&self.1) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Result<Condition, Problem> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(header::IF_MATCH, HeaderValue::from_str(text).unwrap());
        }
        Condition::of(&headers)
    }

    #[test]
    fn tags_are_read_as_they_are_written() {
        assert!(of(&[]).unwrap().0.is_none() && of(&["*"]).unwrap().0.is_none());
        assert_eq!(of(&["\"a\", \"b\"", "\"c\""]).unwrap().0.unwrap(), ["a", "b", "c"]);
        assert_eq!(of(&["W/\"a\""]).unwrap().0.unwrap(), [""]);
        for bad in ["a", "\"", "", "\"a\" \"b", "W/a"] {
            assert_eq!(of(&[bad]).unwrap_err().status, StatusCode::BAD_REQUEST, "{bad}");
        }
    }
}

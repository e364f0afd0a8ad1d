//! `GET /api/quota/…` on the data listener: a key about itself.
//!
//! The limits of key, user and workspace count; where there is none, and for the usage, the figures
//! are those of the user. Not here: who owns the key, which the data plane finds out.
//!
//! Invariant: keys of users cannot wear the ledger out. Few read the history at the same time, for a
//! bounded time and over a bounded number of events.

use super::super::answer::{envelope, fault};
use super::super::fields::Params;
use super::super::problem::Problem;
use super::super::value;
use super::{About, Quota, availability, is_known, late, tag, totals};
use crate::ledger::{Caller, EventQuery};
use crate::limit::Window;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode, Uri, request};
use serde_json::Value;
use std::time::Duration;

/// What all its paths begin with.
pub const PREFIX: &str = "/api/quota/";

/// So many events are summed.
const MOST_EVENTS: usize = 200_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// A refusal of the data plane: status, code and message.
pub type Refused = (StatusCode, &'static str, String);

impl Quota {
    /// What the owner of a key is answered, or whoever has none.
    pub async fn own(
        &self,
        head: &request::Parts,
        caller: Result<&Caller, Refused>,
    ) -> Response<Bytes> {
        let answered = match caller {
            Ok(caller) => self.answer(head, caller).await,
            Err((status, code, message)) => return self.refused(status, code, &message),
        };
        answered.unwrap_or_else(|problem| {
            let mut response = self.refused(problem.status, &problem.code(), &problem.detail);
            if problem.status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
            }
            if let Some(wait) = problem.retry {
                let seconds = HeaderValue::from(wait.as_secs());
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            response
        })
    }

    async fn answer(
        &self,
        head: &request::Parts,
        caller: &Caller,
    ) -> Result<Response<Bytes>, Problem> {
        let question = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let known = ["status", "notifications", "usage", "check", "availability"];
        if !known.contains(&question) {
            let detail = format!("there is nothing at {}", head.uri.path());
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
        if head.method != Method::GET && head.method != Method::HEAD {
            let detail = format!("{} is only looked at", head.uri.path());
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail));
        }
        if question == "usage" {
            return Ok(self.written(self.own_usage(&head.uri, caller).await?));
        }
        Params::of(&head.uri)?.0.finish(Some(()))?;
        let members = self.members(&About::Key(caller.payers.clone())).await;
        match (question, members) {
            ("status", members) => {
                Ok(self.unless_known(self.status(&members?).await?, &head.headers))
            }
            ("notifications", members) => Ok(self.written(self.notices(&members?))),
            (_, Ok(members)) => Ok(self.written(self.check(&members))),
            (_, Err(error)) => match Problem::from(error) {
                away if away.status == StatusCode::SERVICE_UNAVAILABLE => {
                    Ok(self.written(availability::unknown()))
                }
                problem => Err(problem),
            },
        }
    }

    async fn own_usage(&self, uri: &Uri, caller: &Caller) -> Result<Value, Problem> {
        let Params(mut fields) = Params::of(uri)?;
        let now = self.now();
        let since = fields.read("since", value::past(now));
        fields.finish(Some(()))?;
        let month = self.calendar.begins(Window::Month, now);
        let user = Some(caller.payers.user.clone());
        let query = EventQuery { since: since.or(month), user, ..EventQuery::default() };
        let summed = async {
            let _place = self.room.acquire().await;
            totals::usage(&*self.registry, query, MOST_EVENTS).await
        };
        tokio::time::timeout(PATIENCE, summed).await.unwrap_or_else(|_| Err(late()))
    }

    fn unless_known(&self, data: Value, headers: &HeaderMap) -> Response<Bytes> {
        let tag = tag(&data);
        let asked = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let mut response = if is_known(asked, &tag) {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            self.written(data)
        };
        let no_cache = HeaderValue::from_static("private, no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, no_cache);
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }

    fn written(&self, data: Value) -> Response<Bytes> {
        as_json(self.enveloped(data))
    }

    fn refused(&self, status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
        let envelope = envelope(self.now(), Value::Null, fault(code, message));
        let mut response = as_json(envelope.to_string());
        *response.status_mut() = status;
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

fn as_json(text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

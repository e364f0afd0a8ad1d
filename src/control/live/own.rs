//! Live updates on the data listener: a key hears of its user.
//!
//! Not here: whose the key is, which the data plane finds out. Invariant: the rights of a key are to
//! look at its own user, whatever it asks for.

use super::connect::open;
use super::ticket::{self, Maker};
use super::{PATH, TICKETS};
use crate::control::Parts;
use crate::control::answer::{envelope, fault};
use crate::control::fields::Params;
use crate::control::principal::Principal;
use crate::control::problem::Problem;
use crate::control::scope::{Resource, Scope};
use crate::ids::AccountId;
use crate::ledger::Caller;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode, request};
use serde_json::Value;
use std::sync::Arc;

/// Answers the owners of keys.
pub struct OwnLive(Arc<Parts>);

/// What a request on the data listener asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A ticket, for a key.
    Ticket,
    /// A connection, for a ticket.
    Connection,
}

impl OwnLive {
    /// Answers from the parts of the admin plane.
    pub fn new(parts: Arc<Parts>) -> Self {
        Self(parts)
    }

    /// Whether a request is for this.
    pub fn asked(method: &Method, path: &str) -> Option<Asked> {
        match path {
            TICKETS if method == Method::POST => Some(Asked::Ticket),
            PATH if method == Method::GET => Some(Asked::Connection),
            _ => None,
        }
    }

    /// A ticket for the owner of a key, or why there is none.
    pub async fn ticket(
        &self,
        caller: Result<&Caller, (StatusCode, &'static str, String)>,
    ) -> Response<Bytes> {
        let made = match caller {
            Ok(caller) => ticket::make(&self.0, &maker(caller)).await,
            Err((status, code, message)) => return self.refused(status, code, &message),
        };
        match made {
            Ok(shown) => as_json(StatusCode::CREATED, shown.to_string()),
            Err(problem) => self.problem(&problem),
        }
    }

    /// Opens a connection.
    pub async fn connect(&self, head: request::Parts) -> Response<Bytes> {
        let opened = match Params::of(&head.uri) {
            Ok(Params(fields)) => open(self.0.clone(), fields, head).await,
            Err(problem) => Err(problem),
        };
        opened.unwrap_or_else(|problem| self.problem(&problem))
    }

    fn problem(&self, problem: &Problem) -> Response<Bytes> {
        let mut response = self.refused(problem.status, &problem.code(), &problem.detail);
        if let Some(wait) = problem.retry {
            let seconds = HeaderValue::from(wait.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }

    fn refused(&self, status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
        let body = envelope(self.0.clock.now(), Value::Null, fault(code, message));
        let mut response = as_json(status, body.to_string());
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

fn maker(caller: &Caller) -> Maker {
    let look = [Resource::Usage, Resource::Users, Resource::Alerts].map(Scope::Read);
    let by = Principal {
        name: AccountId::key(&caller.payers.key).to_string(),
        scopes: look.into_iter().collect(),
        workspace: Some(caller.payers.workspace.clone()),
    };
    Maker { by, user: Some(caller.payers.user.clone()) }
}

fn as_json(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

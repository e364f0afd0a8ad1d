//! The table of operations: every method and path of the admin plane, with the scope it asks for.
//!
//! The router is made from it, so that nothing is served without a scope. Whether a principal has
//! it is decided before a path's names or the body are looked at.

use super::Shared;
use super::idempotency;
use super::principal::Principal;
use super::problem::Problem;
use super::scope::Scope;
use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use std::sync::Arc;

/// What an operation is and who may ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `GET`, `POST`, …
    pub method: Method,
    /// The path, with its parameters in braces: `/api/v1/users/{id}`.
    pub path: &'static str,
    /// The scope it asks for.
    pub scope: Scope,
    /// Whether it concerns all workspaces, so that nobody limited to one may ask for it.
    pub global: bool,
    /// Whether it finds out itself who asks: by a ticket.
    pub own_door: bool,
    /// What the description of the API says of it.
    pub said: Said,
}

/// What the description of the API says of an operation. Objects go by their names there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// What it does.
    pub summary: &'static str,
    /// The parameters of its query.
    pub query: &'static [&'static str],
    /// The body that it takes.
    pub takes: Option<&'static str>,
    /// Its status when all is well.
    pub status: u16,
    /// What it answers then: an object, `[of]` them, `text`, or nothing.
    pub gives: &'static str,
    /// Other forms of the same, where they are asked for.
    pub also: &'static [&'static str],
}

/// A list of operations.
#[derive(Default)]
pub(super) struct Operations(Vec<(Entry, MethodRouter<Shared>)>);

macro_rules! method {
    ($($name:ident $filter:ident),*) => {$(
        /// Adds an operation of this method.
        pub(super) fn $name<T: 'static>(
            self,
            path: &'static str,
            scope: Scope,
            handler: impl Handler<T, Shared>,
        ) -> Self {
            self.with(Method::$filter, path, scope, on(MethodFilter::$filter, handler))
        }
    )*};
}

impl Operations {
    method!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

    fn with(
        mut self,
        method: Method,
        path: &'static str,
        scope: Scope,
        handler: MethodRouter<Shared>,
    ) -> Self {
        let said = Said::default();
        self.0.push((Entry { method, path, scope, global: false, own_door: false, said }, handler));
        self
    }

    /// Marks the operation that was added last as one that concerns all workspaces.
    pub(super) fn global(self) -> Self {
        self.last(|entry| entry.global = true)
    }

    /// Leaves it to the operation that was added last to find out who asks.
    pub(super) fn own_door(self) -> Self {
        self.last(|entry| entry.own_door = true)
    }

    /// Says what the operation that was added last does, and what it answers: a status, and an
    /// object, `[of]` them, `text`, or nothing.
    pub(super) fn says(self, summary: &'static str, status: u16, gives: &'static str) -> Self {
        self.last(|entry| {
            entry.said = Said { summary, status, gives, ..entry.said };
        })
    }

    /// Names the other forms in which the operation that was added last answers, such as `text/csv`.
    pub(super) fn also(self, forms: &'static [&'static str]) -> Self {
        self.last(|entry| entry.said.also = forms)
    }

    /// Names the parameters that the operation that was added last has in its query.
    pub(super) fn asks(self, query: &'static [&'static str]) -> Self {
        self.last(|entry| entry.said.query = query)
    }

    /// Names the body of the operation that was added last.
    pub(super) fn takes(self, body: &'static str) -> Self {
        self.last(|entry| entry.said.takes = Some(body))
    }

    fn last(mut self, change: impl FnOnce(&mut Entry)) -> Self {
        if let Some((entry, _)) = self.0.last_mut() {
            change(entry);
        }
        self
    }

    /// These and `others`.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// What each operation is.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.0.iter().map(|(entry, _)| entry.clone()).collect()
    }

    /// The router that serves them.
    pub(super) fn router(self, parts: &Shared) -> Router<Shared> {
        self.0.into_iter().fold(Router::new(), |router, (entry, handler)| {
            let path = entry.path;
            let handler = match entry.method {
                Method::POST => {
                    let parts = parts.clone();
                    handler.layer(from_fn(move |request, next| {
                        idempotency::once(parts.clone(), request, next)
                    }))
                }
                _ => handler,
            };
            let entry = Arc::new(entry);
            let guard = from_fn(move |request: Request, next: Next| {
                let entry = entry.clone();
                async move { authorize(&entry, request, next).await }
            });
            router.route(path, handler.layer(guard))
        })
    }
}

async fn authorize(entry: &Entry, request: Request, next: Next) -> Response {
    if entry.scope == Scope::Public || entry.own_door {
        return next.run(request).await;
    }
    let refused = match request.extensions().get::<Arc<Principal>>() {
        Some(by) => refusal(entry, by),
        None => Some(Problem::new(StatusCode::UNAUTHORIZED, "a token is needed")),
    };
    match refused {
        Some(problem) => problem.into_response(),
        None if request.method().is_safe() => next.run(request).await,
        None => to_its_end(request, next).await,
    }
}

/// A change that has begun runs to its end, also when its sender hangs up: half of one, or one
/// without its entry in the audit, must not stand.
async fn to_its_end(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(why) => {
            tracing::error!("a change did not come to its end: {why}");
            let detail = "it did not come to its end; look what has changed, then try again";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
        }
    }
}

fn refusal(entry: &Entry, by: &Principal) -> Option<Problem> {
    if !by.scopes.allows(entry.scope) {
        let detail = format!(
            "{} needs the scope `{}`, which {} does not have",
            entry.path, entry.scope, by.name
        );
        return Some(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let workspace = by.workspace.as_ref().filter(|_| entry.global)?;
    let detail = format!(
        "{} concerns all workspaces, and {} is for `{workspace}` only",
        entry.path, by.name
    );
    Some(Problem::new(StatusCode::FORBIDDEN, detail))
}

#[cfg(test)]
mod tests {
    use super::super::scope::{Resource, Scopes};
    use super::*;

    #[test]
    fn a_scope_is_needed_and_global_operations_need_all_workspaces() {
        let said = Said::default();
        let entry = |scope, global| {
            let said = said.clone();
            Entry { method: Method::GET, path: "/x", scope, global, own_door: false, said }
        };
        let mut by = Principal::configured();
        by.scopes = Scopes::from_iter([Scope::Read(Resource::Users)]);
        let why = |entry: &Entry, by: &Principal| refusal(entry, by).map(|p| p.detail);
        assert_eq!(why(&entry(Scope::Read(Resource::Users), true), &by), None);
        let refused = why(&entry(Scope::Write(Resource::Users), false), &by).unwrap();
        assert!(refused.contains("`users:write`"), "{refused}");
        by.workspace = Some("eng".parse().unwrap());
        let refused = why(&entry(Scope::Any, true), &by).unwrap();
        assert!(refused.contains("`eng`"), "{refused}");
        assert_eq!(why(&entry(Scope::Any, false), &by), None);
    }
}

//! The data listener: health for machines, figures for the owners of keys, all else for the proxy.

use crate::control::{Check, SelfService, readiness};
use crate::ids::Id;
use crate::ledger::Caller;
use crate::proxy::{AnswerBody, Proxy, Refusal};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Answers a data connection's requests.
#[derive(Clone)]
pub(super) struct Data {
    proxy: Arc<Proxy>,
    own: Arc<SelfService>,
    ready: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
}

impl Data {
    pub(super) fn new(
        proxy: Proxy,
        own: Arc<SelfService>,
        ready: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
    ) -> Self {
        Self { proxy: Arc::new(proxy), own, ready }
    }

    /// The same with connections to providers of its own, for a thread of its own.
    pub(super) fn with_own_connections(&self) -> Result<Self, String> {
        Ok(Self { proxy: Arc::new(self.proxy.with_own_connections()?), ..self.clone() })
    }

    fn health(&self, path: &str, query: Option<&str>) -> Option<Response<AnswerBody>> {
        let (ready, text) = match path {
            "/livez" | "/healthz" => (true, "ok\n".to_owned()),
            "/readyz" => readiness(&(self.ready)(), query == Some("verbose")),
            _ => return None,
        };
        let mut response = Response::new(AnswerBody::whole(Bytes::from(text)));
        if !ready {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Some(response)
    }
}

impl Service<Request<Incoming>> for Data {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if let Some(health) = self.health(request.uri().path(), request.uri().query()) {
            return Box::pin(std::future::ready(Ok(health)));
        }
        let (proxy, own) = (self.proxy.clone(), self.own.clone());
        if request.method() == Method::GET && request.uri().path() == "/v1/key" {
            let (head, _) = request.into_parts();
            let figures = |caller: Arc<Caller>| async move {
                own_figures(&own, &caller.payers.key, &caller.payers.user).await
            };
            return Box::pin(async move { Ok(proxy.show(&head, figures).await) });
        }
        Box::pin(async move { Ok(proxy.answer(request).await) })
    }
}

async fn own_figures(own: &SelfService, key: &Id, user: &Id) -> Result<Bytes, Refusal> {
    match own.key(key, user).await {
        Ok(Some(figures)) => Ok(Bytes::from(figures.to_string())),
        Ok(None) => Err(Refusal::Key("it is unknown")),
        Err(error) => {
            tracing::warn!(%error, %key, "a key cannot be shown its figures");
            Err(Refusal::Ledger)
        }
    }
}

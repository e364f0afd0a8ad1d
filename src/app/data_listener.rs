//! The data listener: health for machines, all else for the proxy.

use crate::control::{Check, readiness};
use crate::proxy::{AnswerBody, Proxy};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
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
    ready: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
}

impl Data {
    pub(super) fn new(proxy: Proxy, ready: Arc<dyn Fn() -> Vec<Check> + Send + Sync>) -> Self {
        Self { proxy: Arc::new(proxy), ready }
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
        let proxy = self.proxy.clone();
        Box::pin(async move { Ok(proxy.answer(request).await) })
    }
}

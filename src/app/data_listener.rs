//! The data listener: health for machines, figures for the owners of keys, all else for the proxy.

use crate::control::{
    Asked, BadParameter, Check, NoPage, ORGANIZATION, OwnLive, QUOTA, Quota, SelfService, own_page,
    readiness,
};
use crate::dialect::Unreadable;
use crate::ids::Id;
use crate::ledger::{Caller, Payers};
use crate::proxy::{AnswerBody, Proxy, Refusal};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, request};
use hyper::body::Incoming;
use hyper::service::Service;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// The proxy that answers the calls of one thread; a reload puts another one in its place.
pub(super) type Lane = Arc<ArcSwap<Proxy>>;

/// Answers a data connection's requests.
#[derive(Clone)]
pub(super) struct Data {
    proxy: Lane,
    own: Arc<SelfService>,
    quota: Arc<Quota>,
    live: Arc<OnceLock<OwnLive>>,
    ready: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
}

/// What keys are shown of themselves.
type Shown = (Arc<SelfService>, Arc<Quota>, Arc<OnceLock<OwnLive>>);

impl Data {
    pub(super) fn new(
        proxy: Lane,
        (own, quota, live): Shown,
        ready: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
    ) -> Self {
        Self { proxy, own, quota, live, ready }
    }

    /// The same with connections to providers of its own, for a thread of its own.
    pub(super) fn with_own_connections(&self) -> Result<Self, String> {
        let proxy = self.proxy.load().with_own_connections()?;
        Ok(Self { proxy: Arc::new(ArcSwap::from_pointee(proxy)), ..self.clone() })
    }

    /// Where a reload puts the next proxy.
    pub(super) fn lane(&self) -> Lane {
        self.proxy.clone()
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
        // The call ends with the proxy that it begins with.
        let (proxy, own) = (self.proxy.load_full(), self.own.clone());
        let path = request.uri().path();
        if let Some(page) = own_page(request.method(), path, request.headers()) {
            return Box::pin(std::future::ready(Ok(page.map(AnswerBody::whole))));
        }
        if let Some(asked) = OwnLive::asked(request.method(), path) {
            let (live, (head, _)) = (self.live.clone(), request.into_parts());
            return Box::pin(async move {
                let response = own_live(&live, asked, &proxy, head).await;
                Ok(response.map(AnswerBody::whole))
            });
        }
        if path.starts_with(QUOTA) {
            let (quota, (head, _)) = (self.quota.clone(), request.into_parts());
            return Box::pin(async move {
                let caller = proxy.owner(&head).await;
                let own = quota.own(&head, caller.as_deref().map_err(Clone::clone)).await;
                Ok(own.map(AnswerBody::whole))
            });
        }
        if request.method() == Method::GET && (path == "/v1/key" || path.starts_with(ORGANIZATION))
        {
            let (head, _) = request.into_parts();
            return Box::pin(async move {
                let uri = &head.uri;
                let figures = |caller: Arc<Caller>| async move {
                    let Payers { key, user, .. } = &caller.payers;
                    match uri.path() {
                        "/v1/key" => own_figures(&own, key, user).await,
                        _ => own_usage(&own, uri, user).await,
                    }
                };
                Ok(proxy.show(&head, figures).await)
            });
        }
        Box::pin(async move { Ok(proxy.answer(request).await) })
    }
}

async fn own_live(
    live: &OnceLock<OwnLive>,
    asked: Asked,
    proxy: &Proxy,
    head: request::Parts,
) -> Response<Bytes> {
    let Some(live) = live.get() else {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return response;
    };
    match asked {
        Asked::Connection => live.connect(head).await,
        Asked::Ticket => {
            let caller = proxy.owner(&head).await;
            live.ticket(caller.as_deref().map_err(Clone::clone)).await
        }
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

async fn own_usage(own: &SelfService, uri: &Uri, user: &Id) -> Result<Bytes, Refusal> {
    match own.organization(uri, user).await {
        Ok(page) => Ok(Bytes::from(page.to_string())),
        Err(NoPage::Unknown) => Err(Refusal::UnknownRoute(format!("GET {}", uri.path()))),
        Err(NoPage::Bad(BadParameter { name, message })) => {
            Err(Refusal::Body(Unreadable { param: name, message }))
        }
        Err(NoPage::Ledger(error)) => {
            tracing::warn!(%error, %user, "a user cannot be shown its usage");
            Err(Refusal::Ledger)
        }
    }
}

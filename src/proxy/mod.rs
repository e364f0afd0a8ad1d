//! The life of a request: authenticate, read the call, route, admit, forward, meter (and settle).
//!
//! Metering watches the bytes; it never delays, reorders or rewrites them. Whatever returns early
//! in here drops the tab, and a dropped tab settles.

mod admit;
mod advice;
mod answer;
mod around;
mod attempt;
mod authenticate;
mod bound;
mod course;
mod denied;
mod errand;
mod estimate;
mod fault;
mod forward;
mod free;
mod headers;
mod learned;
mod open_tabs;
mod parting;
mod poll;
mod price;
mod record;
mod recorder;
mod refusal;
mod request;
mod route;
mod slices;
mod socket;
mod tab;
mod tally;
mod tries;

pub use advice::Fit;
pub use answer::{AnswerBody, OnExhausted};
pub use bound::Gap;
pub use forward::UpstreamBounds;
pub use record::take_unpriced;
pub use recorder::Recorder;
pub use refusal::Refusal;
pub use tally::{Tallied, Tally};

use crate::clock::{Clock, Stopwatch, UnixMs};
use crate::dialect::{Call, Dialect, Operation, Route, Unreadable};
use crate::ids::CallId;
use crate::ledger::{Caller, Ledger};
use crate::pricing::{ModelPrice, PriceTable, Terms};
use crate::provider::Providers;
use admit::Applicant;
use arc_swap::ArcSwap;
use authenticate::Callers;
use bytes::Bytes;
use denied::Denials;
use errand::Errand;
use forward::Upstream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use learned::Learned;
use open_tabs::OpenTabs;
use recorder::{Tape, Told};
use request::{Intake, Left, Outgoing};
use route::{Destination, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// JSON answers up to this size are held until complete, so that their headers can say what they
/// cost.
const HELD_ANSWER: usize = 1024 * 1024;

/// What happens to the provider's side of a stream whose client hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// Hang up too where that stops the provider's bill, else read on.
    Auto,
    /// Read on for the usage block.
    Drain,
    /// Hang up too.
    Cancel,
}

/// What happens to a model without a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpriced {
    /// It is refused.
    Reject,
    /// It costs what is dearest at its provider.
    Ceiling,
    /// It passes, at no charge.
    Free,
}

/// How calls are relayed.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Bytes of a metered request at most.
    pub json_bytes: u64,
    /// Bytes of an upload at most.
    pub upload_bytes: u64,
    /// How long a client may pause while sending its body.
    pub body_pause: Duration,
    /// How long a provider may pause while sending its answer.
    pub answer_pause: Duration,
    /// How providers are waited for.
    pub upstream: UpstreamBounds,
    /// What becomes of a stream that may hold no more.
    pub on_exhausted: OnExhausted,
    /// What happens when a client hangs up.
    pub on_disconnect: Disconnect,
    /// How long to read on for a client that hung up.
    pub drain: Duration,
    /// Let routes pass that cost money and are not metered.
    pub forward_unmetered: bool,
    /// What happens to models without a price.
    pub unpriced: Unpriced,
}

/// The data plane. Clones share everything. Prices, providers and rules never change within one, so
/// a call ends with those that it began with; [`Proxy::under`] makes another with other ones.
#[derive(Clone)]
pub struct Proxy {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    callers: Arc<Callers>,
    denials: Arc<Denials>,
    prices: Arc<PriceTable>,
    /// The table in force, whichever this one began with: for sessions, whose answers have holds
    /// of their own.
    newest: Arc<ArcSwap<PriceTable>>,
    providers: Arc<Providers>,
    rules: Arc<Rules>,
    /// Some calls may cost nothing, so nobody is refused for lack of money before it is known which.
    some_free: bool,
    upstream: Upstream,
    tabs: OpenTabs,
    /// What calls really used.
    learned: Arc<Learned>,
    tally: Arc<Tally>,
    recorder: Option<Recorder>,
    stopping: watch::Sender<bool>,
}

/// A request that was authenticated.
struct Authenticated {
    id: CallId,
    caller: Arc<Caller>,
    watch: Stopwatch,
    started: UnixMs,
    head: Parts,
}

impl Proxy {
    /// A proxy over a ledger. The error says why connections to providers cannot be made.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        clock: Clock,
        prices: Arc<PriceTable>,
        providers: Providers,
        rules: Rules,
    ) -> Result<Self, String> {
        Ok(Self {
            callers: Arc::new(Callers::new(ledger.clone(), clock.clone())),
            denials: Arc::new(Denials::new()),
            some_free: some_free(&prices, &providers, &rules),
            upstream: Upstream::new(&rules.upstream)?,
            ledger,
            clock: clock.clone(),
            newest: Arc::new(ArcSwap::new(prices.clone())),
            prices,
            providers: Arc::new(providers),
            rules: Arc::new(rules),
            tabs: OpenTabs::default(),
            learned: Arc::new(Learned::new()),
            tally: Arc::new(Tally::new(clock)),
            recorder: None,
            stopping: watch::Sender::new(false),
        })
    }

    /// The same proxy with connections to providers of its own, for a thread of its own.
    pub fn with_own_connections(&self) -> Result<Self, String> {
        Ok(Self { upstream: Upstream::new(&self.rules.upstream)?, ..self.clone() })
    }

    /// The same proxy with other prices, providers and rules, for the calls to come. Connections to
    /// providers are kept unless the time to wait for them changes. Its table counts for sessions
    /// that are open once it is [announced](Proxy::announce).
    pub fn under(
        &self,
        prices: Arc<PriceTable>,
        providers: Arc<Providers>,
        rules: Arc<Rules>,
    ) -> Result<Self, String> {
        let upstream = match rules.upstream == self.rules.upstream {
            true => self.upstream.clone(),
            false => Upstream::new(&rules.upstream)?,
        };
        let some_free = some_free(&prices, &providers, &rules);
        Ok(Self { prices, providers, rules, some_free, upstream, ..self.clone() })
    }

    /// Lets the next answers of open sessions take this proxy's table.
    pub fn announce(&self) {
        self.newest.store(self.prices.clone());
    }

    /// The same proxy, which records the answers to metered calls.
    #[must_use]
    pub fn recording(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    /// Resolves when the answers that have ended are recorded, where they are.
    pub async fn recorded(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.written().await;
        }
    }

    /// Refuses new calls from now on; calls in flight go on. Sessions end between two answers.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether there is anywhere to send a call.
    pub fn has_providers(&self) -> bool {
        self.providers.default_provider().is_some()
    }

    /// Resolves when every call has been settled.
    pub async fn settled(&self) {
        self.tabs.none_left().await;
    }

    /// Answers one request.
    pub async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Response<AnswerBody> {
        let id = CallId::new();
        let spoken = route::spoken(request.uri().path(), request.headers(), &self.providers);
        let (head, body) = request.into_parts();
        let left = Left::of(&head);
        let mut who = None;
        match self.enter(id, head, &mut who).await {
            // Boxed, so that a refusal does not pay for the size of a relay.
            Ok((target, request)) => {
                let answer = Box::pin(self.relay(target, request, body)).await;
                self.dressed(id, spoken, who.as_deref(), answer)
            }
            Err(refusal) => {
                let mut response = self.dressed(id, spoken, who.as_deref(), Err(refusal));
                left.behind(body, response.headers_mut()).await;
                response
            }
        }
    }

    /// Answers a request for figures of the caller's own, as JSON. It is not a call: suspended
    /// callers may ask too, nothing is counted, and it goes on while the proxy stops.
    pub async fn show<F>(
        &self,
        head: &Parts,
        figures: impl FnOnce(Arc<Caller>) -> F,
    ) -> Response<AnswerBody>
    where
        F: Future<Output = Result<Bytes, Refusal>>,
    {
        let id = CallId::new();
        let spoken = route::spoken(head.uri.path(), &head.headers, &self.providers);
        let shown = async {
            let figures = figures(self.callers.owner(head).await?).await?;
            let headers = HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ]);
            Ok(respond(StatusCode::OK, headers, AnswerBody::whole(figures)))
        };
        self.dressed(id, spoken, None, shown.await)
    }

    /// Whose key a request presents, for questions whose answers have a form of their own; else the
    /// status, code and message of the refusal. It is not a call.
    pub async fn owner(
        &self,
        head: &Parts,
    ) -> Result<Arc<Caller>, (StatusCode, &'static str, String)> {
        self.callers.owner(head).await.map_err(|refusal| refusal.told())
    }

    /// The providers of its calls.
    pub fn providers(&self) -> Arc<Providers> {
        self.providers.clone()
    }

    /// Who calls, and what for; refuses what would be refused whatever the body says. `who` is told
    /// as soon as it is known, also where that one is refused.
    async fn enter(
        &self,
        id: CallId,
        head: Parts,
        who: &mut Option<Arc<Caller>>,
    ) -> Result<(Target, Authenticated), Refusal> {
        let watch = Stopwatch::start();
        let caller = self.callers.find(&head, who).await?;
        if *self.stopping.borrow() {
            return Err(Refusal::Overloaded);
        }
        let path = head.uri.path();
        if !caller.reach.allows(path) {
            return Err(Refusal::RouteNotAllowed(route::shown(path)));
        }
        let target = route::recognise(&head, &self.providers)?;
        self.refused_at_sight(&caller, &target)?;
        let started = self.clock.now();
        Ok((target, Authenticated { id, caller, watch, started, head }))
    }

    async fn relay(
        self: &Arc<Self>,
        target: Target,
        request: Authenticated,
        body: Incoming,
    ) -> Result<Response<AnswerBody>, Refusal> {
        match target.found.route {
            Route::Metered(operation) => self.metered(operation, target, request, body).await,
            Route::Socket(operation) => self.socket(operation, target, request).await,
            Route::Unmetered if !self.rules.forward_unmetered => {
                let path = route::shown(request.head.uri.path());
                Err(Refusal::UnmeteredRoute(format!("{} {path}", request.head.method)))
            }
            Route::Shared => {
                let path = route::shown(request.head.uri.path());
                Err(Refusal::SharedRoute(format!("{} {path}", request.head.method)))
            }
            Route::Free | Route::Polled(_) | Route::Unmetered => {
                self.free(target, request, body).await
            }
        }
    }

    /// Repeats a denial that is about all that the caller may ask for.
    fn refused_at_sight(&self, caller: &Caller, target: &Target) -> Result<(), Refusal> {
        let charged = match target.found.route {
            Route::Metered(operation) => Some(operation).filter(|_| !self.some_free),
            Route::Free | Route::Polled(_) | Route::Socket(_) => None,
            Route::Unmetered if self.rules.forward_unmetered => None,
            Route::Unmetered | Route::Shared => return Ok(()),
        };
        match self.denials.of_any(&caller.payers, charged, self.ledger.news()) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    async fn metered(
        self: &Arc<Self>,
        operation: Operation,
        target: Target,
        request: Authenticated,
        body: Incoming,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let intake = Intake { bytes: self.rules.json_bytes, pause: self.rules.body_pause };
        let (call, body) =
            request::read_call(operation, &target.found, &request.head.headers, body, intake)
                .await?;
        allowed(&request.caller, &call.model)?;
        let course = self.course(&target, &request, &call)?;
        let tape = self.tape(&target, &request, course.here(), &call, &body);
        let identity_only = call.edit.is_some();
        let metered = course.here().pricing.clone().map(|pricing| (call, pricing));
        let (mut tab, standings) = self.admit(Applicant::new(&request, &course), metered).await?;
        tab.waited(body.waited);
        let errand = Errand {
            proxy: self.clone(),
            tab,
            standings,
            course,
            headers: headers::to_provider(&request.head.headers, identity_only),
            method: request.head.method,
            body: Some(Outgoing::Read(body)),
            tape,
        };
        errand.metered().await
    }

    /// What takes down a call, where calls are recorded.
    fn tape(
        &self,
        target: &Target,
        request: &Authenticated,
        destination: &Destination,
        call: &Call,
        body: &request::Frames,
    ) -> Option<Tape> {
        let kind = request.head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        self.recorder.as_ref()?.tape(|| Told {
            id: request.id,
            operation: call.operation,
            provider: destination.provider.name.clone(),
            method: request.head.method.clone(),
            path: target.path.clone(),
            content_type: kind.map(str::to_owned),
            model: call.model.clone(),
            stream: call.stream,
            request: body.beginning(Tape::MOST),
        })
    }

    /// The price of a call's model at a provider, for what the call makes.
    fn price(
        &self,
        table: &PriceTable,
        provider: Option<&str>,
        call: &Call,
        at: UnixMs,
    ) -> Result<Arc<ModelPrice>, Refusal> {
        let terms = Terms { at, ..Terms::default() };
        let is_priced = |model: &&Arc<ModelPrice>| estimate::is_priced(call, model, &terms);
        let found = table.find(provider, &call.model);
        if let Some(model) = found.filter(is_priced) {
            return Ok(model.clone());
        }
        let stand_in = match self.rules.unpriced {
            Unpriced::Reject => None,
            Unpriced::Ceiling => self.dearest(table, provider).filter(|model| is_priced(&model)),
            Unpriced::Free => Some(found.cloned().unwrap_or_else(|| table.free(provider))),
        };
        match (stand_in, found) {
            (Some(model), _) => {
                record::unpriced(&call.model, self.rules.unpriced);
                Ok(model)
            }
            (None, Some(_)) => Err(Refusal::ModelNotPriced(call.model.clone(), Vec::new())),
            (None, None) => {
                let near = table.nearest(provider, &call.model);
                Err(Refusal::ModelNotPriced(call.model.clone(), near))
            }
        }
    }

    /// What stands in for the price of a model that has none, where a ceiling is asked for.
    fn dearest(&self, table: &PriceTable, provider: Option<&str>) -> Option<Arc<ModelPrice>> {
        let asked_for = self.rules.unpriced == Unpriced::Ceiling;
        table.dearest(provider?).filter(|_| asked_for).cloned()
    }

    /// An answer with its id; a refusal is counted and takes the caller's dialect.
    fn dressed(
        &self,
        id: CallId,
        spoken: Dialect,
        who: Option<&Caller>,
        answer: Result<Response<AnswerBody>, Refusal>,
    ) -> Response<AnswerBody> {
        let mut response = answer.unwrap_or_else(|refusal| {
            self.refused(id, who, &refusal);
            refusal.response(spoken, id)
        });
        headers::add_id(response.headers_mut(), id);
        response
    }
}

/// Whether any call may cost nothing.
fn some_free(prices: &PriceTable, providers: &Providers, rules: &Rules) -> bool {
    let names = providers.iter().map(|provider| provider.name.as_str());
    rules.unpriced == Unpriced::Free || prices.may_be_free(names)
}

fn unpriced_search(model: &str) -> Unreadable {
    let message = format!("web searches of `{model}` have no price here, so they are refused");
    Unreadable { param: Some("tools"), message }
}

/// Whether the caller's key may use a model.
fn allowed(caller: &Caller, model: &str) -> Result<(), Refusal> {
    let fits = |glob: &String| crate::limit::glob_matches(glob, model);
    if caller.models.is_empty() || caller.models.iter().any(fits) {
        Ok(())
    } else {
        Err(Refusal::ModelNotAllowed(model.to_owned()))
    }
}

fn respond(status: StatusCode, headers: HeaderMap, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

//! One request, one answer: route, credential, script, order, plan, delivery.

use super::bill::Bill;
use super::delivery::{accepted, deliver, free};
use super::failure::Failure;
use super::free::{moderation, upload};
use super::multipart::as_json;
use super::order::Order;
use super::plan::Plan;
use super::plays::Plays;
use super::route::{Endpoint, Errand, Route};
use super::script::{SCRIPT_HEADER, Script};
use super::shelf::Shelf;
use super::transmission::Transmission;
use super::wire::ResetFlag;
use super::{counting, deferred, models, ollama, reports, upgrade};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::time::Duration;
use tokio::sync::watch;

/// Longest request body.
const MAX_BODY: usize = 64 << 20;

/// Headers in which a request's id may come, best first.
const REQUEST_IDS: [&str; 3] = ["x-farebox-request-id", "x-request-id", "x-client-request-id"];

/// What serves all requests.
#[derive(Debug, Default)]
pub(super) struct Shop {
    pub(super) bill: Bill,
    pub(super) credential: Option<String>,
    /// The credential that reports ask for.
    pub(super) admin_credential: Option<String>,
    /// What is played to who calls with one of these credentials, whatever the request asks for.
    pub(super) plays: Plays,
    pub(super) shelf: Shelf,
    /// Told when the provider ends.
    pub(super) closing: watch::Sender<()>,
}

type Answer = Result<Response<Transmission>, Failure>;

impl Shop {
    /// Answers a request that came over the connection with this flag.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        reset: ResetFlag,
    ) -> Response<Transmission> {
        let (mut head, body) = request.into_parts();
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/sim/bill") => return free(self.bill.to_json().to_string()),
            (&Method::POST, "/sim/reset") => {
                self.bill.reset();
                return free("{}".to_owned());
            }
            _ => {}
        }
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let route = Route::of(&method, uri.path(), uri.query());
        let play = route.vendor.credential(&head).and_then(|given| self.plays.get(given));
        if let Some(play) = play {
            head.headers.insert(SCRIPT_HEADER, play);
        }
        let answer = match self.admit(&route, &head) {
            Ok(()) => self.run(&route, &head, body, reset).await,
            Err(failure) => Err(failure),
        };
        answer.unwrap_or_else(|failure| failure.answer(route.vendor))
    }

    fn admit(&self, route: &Route<'_>, head: &Parts) -> Result<(), Failure> {
        if let Errand::Report(_) = route.errand {
            return self.admit_administrator(route, head);
        }
        let Some(credential) = &self.credential else { return Ok(()) };
        let bad = |message: &str, code| {
            Err(Failure::invalid(StatusCode::UNAUTHORIZED, message.to_owned(), code))
        };
        match route.vendor.credential(head) {
            Some(given) if given == credential => Ok(()),
            Some(_) => bad("Incorrect API key provided.", Some("invalid_api_key")),
            None => bad("You didn't provide an API key.", None),
        }
    }

    /// Reports are for administrators: an ordinary credential is known and not enough.
    fn admit_administrator(&self, route: &Route<'_>, head: &Parts) -> Result<(), Failure> {
        let refuse = |status, message: &str, code| {
            Err(Failure::invalid(status, message.to_owned(), Some(code)))
        };
        let Some(given) = route.vendor.credential(head) else {
            return refuse(StatusCode::UNAUTHORIZED, "Missing bearer authentication.", "no_key");
        };
        let is = |known: &Option<String>| known.as_deref() == Some(given);
        match &self.admin_credential {
            _ if is(&self.credential) => refuse(
                StatusCode::FORBIDDEN,
                "You have insufficient permissions for this operation.",
                "insufficient_permissions",
            ),
            Some(_) if !is(&self.admin_credential) => {
                refuse(StatusCode::UNAUTHORIZED, "Incorrect API key provided.", "invalid_api_key")
            }
            _ => Ok(()),
        }
    }

    async fn run(
        &self,
        route: &Route<'_>,
        head: &Parts,
        body: Incoming,
        reset: ResetFlag,
    ) -> Answer {
        match route.errand {
            Errand::Sell(endpoint) => {
                let number = self.bill.arrived();
                let answer = self.sell(endpoint, route, number, head, body, reset).await;
                answer.inspect_err(|_| self.bill.turned_away())
            }
            Errand::Count(endpoint) => {
                let plan = plan(endpoint, route, head, &read(body).await?)?;
                Ok(free(counting::json(&plan)))
            }
            Errand::Converse => {
                let script = script(head)?;
                match Failure::scripted(&script) {
                    Some(failure) => Err(failure),
                    None => upgrade::accept(self, script, head, reset),
                }
            }
            Errand::Moderate => {
                let verdict = moderation(&read(body).await?).map_err(Failure::bad_order)?;
                Ok(free(verdict))
            }
            Errand::Upload => Ok(free(upload(&read(body).await?))),
            Errand::Fetch(path) => {
                let kept = self.shelf.fetch(path).map(free);
                kept.ok_or_else(|| unknown(StatusCode::NOT_FOUND, head))
            }
            Errand::Report(report) => {
                reports::answer(report, head.uri.query(), &self.bill).map(free)
            }
            Errand::Models => Ok(free(models::list())),
            Errand::Model(id) => model(id),
            Errand::Tags => Ok(free(ollama::tags())),
            Errand::WrongMethod => Err(unknown(StatusCode::METHOD_NOT_ALLOWED, head)),
            Errand::Unknown => Err(unknown(StatusCode::NOT_FOUND, head)),
        }
    }

    async fn sell(
        &self,
        endpoint: Endpoint,
        route: &Route<'_>,
        number: u64,
        head: &Parts,
        body: Incoming,
        reset: ResetFlag,
    ) -> Answer {
        let body = read(body).await?;
        let script = script(head)?;
        let first_delay = Duration::from_millis(script.first_delay_ms);
        if let Some(failure) = Failure::scripted(&script) {
            tokio::time::sleep(first_delay).await;
            return Err(failure);
        }
        let mut plan = plan(endpoint, route, head, &body)?;
        if plan.order.background || endpoint == Endpoint::Batch {
            plan.nonce = Some(rand::random());
        }
        deferred::keep(&plan, &self.shelf, script.polls);
        let mut serving = Some(self.bill.open(&plan, request_id(&head.headers, number)));
        if deferred::receipt(&plan).is_some()
            && let Some(mut serving) = serving.take()
        {
            serving.finish();
        }
        if !first_delay.is_zero() {
            tokio::time::sleep(first_delay).await;
        }
        Ok(deliver(&plan, &script, serving, accepted(&head.headers, &script), reset))
    }
}

async fn read(body: Incoming) -> Result<Bytes, Failure> {
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|why| invalid(format!("The request body could not be read: {why}")))?;
    Ok(body.to_bytes())
}

fn script(head: &Parts) -> Result<Script, Failure> {
    Script::of(&head.headers).map_err(invalid)
}

fn plan(endpoint: Endpoint, route: &Route<'_>, head: &Parts, body: &[u8]) -> Result<Plan, Failure> {
    let form = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let order = match form.filter(|form| form.starts_with("multipart/form-data")) {
        Some(form) => as_json(form, body).and_then(|body| Order::read(endpoint, route, &body)),
        None => Order::read(endpoint, route, body),
    };
    let order = order.map_err(Failure::bad_order)?;
    Ok(Plan::new(order, &script(head)?))
}

fn invalid(message: String) -> Failure {
    Failure::invalid(StatusCode::BAD_REQUEST, message, None)
}

fn unknown(status: StatusCode, head: &Parts) -> Failure {
    let message = format!("Invalid URL ({} {})", head.method, head.uri.path());
    Failure::invalid(status, message, None)
}

/// The request's id, as its header names it.
pub(super) fn request_id(headers: &HeaderMap, number: u64) -> String {
    let given = REQUEST_IDS.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    given.map_or_else(|| format!("sim-{number}"), str::to_owned)
}

fn model(id: &str) -> Answer {
    models::one(id).map(free).ok_or_else(|| {
        let message = format!("The model `{id}` does not exist or you do not have access to it.");
        Failure::invalid(StatusCode::NOT_FOUND, message, Some("model_not_found"))
    })
}

//! One request, one answer: credential, script, order, plan, transmission.

use super::bill::{Bill, BillEntry, Serving};
use super::draft::{Draft, Pages};
use super::encoding::Encoder;
use super::failure::Failure;
use super::order::{Endpoint, Order};
use super::plan::Plan;
use super::script::{Break, Encoding, Script};
use super::transmission::Transmission;
use super::wire::ResetFlag;
use super::{completions, embeddings, models, responses};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::time::Duration;

/// Longest request body.
const MAX_BODY: usize = 64 << 20;

/// Headers in which a request's id may come, best first.
const REQUEST_IDS: [&str; 3] = ["x-farebox-request-id", "x-request-id", "x-client-request-id"];

/// What the real API adds to every answer.
const OWN_HEADERS: [(&str, &str); 8] = [
    ("openai-organization", "org-simulated"),
    ("openai-project", "proj_simulated"),
    ("openai-processing-ms", "12"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("set-cookie", "__cf_bm=simulated; path=/; HttpOnly; Secure; SameSite=None"),
];

/// What serves all requests.
#[derive(Debug, Default)]
pub(super) struct Shop {
    pub(super) bill: Bill,
    pub(super) credential: Option<String>,
}

impl Shop {
    /// Answers a request that came over the connection with this flag.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        reset: ResetFlag,
    ) -> Response<Transmission> {
        let (head, body) = request.into_parts();
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/sim/bill") => return json(self.bill.to_json().to_string()),
            (&Method::POST, "/sim/reset") => {
                self.bill.reset();
                return json("{}".to_owned());
            }
            _ => {}
        }
        if let Err(failure) = self.admit(&head.headers) {
            return failure.answer();
        }
        let rest = head.uri.path().split_once("/v1/").map_or("", |(_, rest)| rest);
        match (&head.method, rest, Endpoint::of(rest)) {
            (&Method::GET, "models", _) => json(models::list()),
            (&Method::GET, rest, _) if rest.starts_with("models/") => model(rest),
            (&Method::POST, _, Some(endpoint)) => {
                let number = self.bill.arrived();
                let answer = self.sell(endpoint, number, &head.headers, body, reset).await;
                answer.unwrap_or_else(|failure| {
                    self.bill.turned_away();
                    failure.answer()
                })
            }
            (method, _, known) => {
                let status = match known {
                    Some(_) => StatusCode::METHOD_NOT_ALLOWED,
                    None => StatusCode::NOT_FOUND,
                };
                let message = format!("Invalid URL ({method} {})", head.uri.path());
                Failure::invalid(status, message, None).answer()
            }
        }
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let Some(credential) = &self.credential else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bad = |message: &str, code| {
            Err(Failure::invalid(StatusCode::UNAUTHORIZED, message.to_owned(), code))
        };
        match given.map(|given| given.strip_prefix("Bearer ").unwrap_or(given)) {
            Some(given) if given == credential => Ok(()),
            Some(_) => bad("Incorrect API key provided.", Some("invalid_api_key")),
            None => bad("You didn't provide an API key.", None),
        }
    }

    async fn sell(
        &self,
        endpoint: Endpoint,
        number: u64,
        headers: &HeaderMap,
        body: Incoming,
        reset: ResetFlag,
    ) -> Result<Response<Transmission>, Failure> {
        let invalid = |status, message| Failure::invalid(status, message, None);
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|why| {
            invalid(StatusCode::BAD_REQUEST, format!("The request body could not be read: {why}"))
        })?;
        let script = Script::of(headers).map_err(|why| invalid(StatusCode::BAD_REQUEST, why))?;
        let first_delay = Duration::from_millis(script.first_delay_ms);
        if let Some(failure) = Failure::scripted(&script) {
            tokio::time::sleep(first_delay).await;
            return Err(failure);
        }
        let order = Order::read(endpoint, &body.to_bytes()).map_err(Failure::bad_order)?;
        let plan = Plan::new(order, &script);
        let serving = self.open_entry(&plan, request_id(headers, number));
        if !first_delay.is_zero() {
            tokio::time::sleep(first_delay).await;
        }
        let mut answer = deliver(&plan, &script, serving, accepted(headers, &script), reset);
        *answer.status_mut() = status(&script);
        Ok(answer)
    }

    fn open_entry(&self, plan: &Plan, request: String) -> Serving {
        let entry = BillEntry {
            request,
            model: plan.model.as_str().into(),
            tier: plan.tier.as_str().into(),
            tokens: plan.tokens,
            finished: false,
        };
        self.bill.serve(entry).of(plan.parts())
    }
}

fn deliver(
    plan: &Plan,
    script: &Script,
    serving: Serving,
    encoding: Option<Encoding>,
    reset: ResetFlag,
) -> Response<Transmission> {
    let stream = plan.order.stream;
    let breaks = script.breaks().filter(|(_, how)| stream || *how != Break::Error);
    let transmission = Transmission::free(pages(plan, script))
        .billed(serving)
        .encoded(encoding.map(Encoder::new))
        .unsized_if(stream)
        .flushed_if(script.split.is_some())
        .paced(Duration::from_millis(script.delay_ms))
        .broken(breaks, reset);
    let mut answer = Response::new(transmission);
    let headers = answer.headers_mut();
    let kind = if stream { "text/event-stream; charset=utf-8" } else { "application/json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(encoding) = encoding {
        let token = HeaderValue::from_static(encoding.token());
        headers.insert(header::CONTENT_ENCODING, token);
    }
    if let Ok(id) = HeaderValue::from_str(&format!("req_{}", plan.serial())) {
        headers.insert("x-request-id", id);
    }
    for (name, value) in OWN_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn pages(plan: &Plan, script: &Script) -> Pages {
    let draft = draft(plan, script);
    match script.split {
        Some(longest) => draft.split(longest, plan.order.seed).finish(),
        None => draft.finish(),
    }
}

fn draft(plan: &Plan, script: &Script) -> Draft {
    let responses = plan.order.endpoint == Endpoint::Responses;
    if !plan.order.stream {
        let body = match plan.order.endpoint {
            Endpoint::Chat | Endpoint::Completions => completions::json(plan),
            Endpoint::Responses => responses::json(plan),
            Endpoint::Embeddings => embeddings::json(plan),
        };
        let pieces = if script.breaks().is_some() { plan.chunks.len() } else { 1 };
        return Draft::whole(body, plan.parts()).in_pieces(pieces);
    }
    let draft = if responses { responses::stream(plan) } else { completions::stream(plan) };
    match script.breaks() {
        Some((after, Break::Error)) => draft.broken_by(after, &Failure::event(script, responses)),
        _ => draft,
    }
}

fn status(script: &Script) -> StatusCode {
    script.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK)
}

fn accepted(headers: &HeaderMap, script: &Script) -> Option<Encoding> {
    let encoding = script.encoding?;
    if script.encode_anyway {
        return Some(encoding);
    }
    let accepts = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    let mut tokens = accepts.flat_map(|list| list.split(','));
    tokens
        .any(|token| token.split(';').next().map(str::trim) == Some(encoding.token()))
        .then_some(encoding)
}

fn request_id(headers: &HeaderMap, number: u64) -> String {
    let given = REQUEST_IDS.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    given.map_or_else(|| format!("sim-{number}"), str::to_owned)
}

fn model(rest: &str) -> Response<Transmission> {
    let id = rest.strip_prefix("models/").unwrap_or_default();
    match models::one(id) {
        Some(body) => json(body),
        None => {
            let message =
                format!("The model `{id}` does not exist or you do not have access to it.");
            Failure::invalid(StatusCode::NOT_FOUND, message, Some("model_not_found")).answer()
        }
    }
}

fn json(body: String) -> Response<Transmission> {
    let mut answer = Response::new(Transmission::free(Draft::whole(body, 0).finish()));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

//! Every answer that Farebox itself gives to a call it does not relay, in the caller's dialect.
//!
//! The only place that chooses a status code. A refusal never contains a key, a prompt, or what a
//! provider said about our credential.

mod midway;

pub(super) use midway::{broken_off, exhausted};

use super::advice::{self, Fit};
use super::answer::AnswerBody;
use super::bound::Gap;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::dialect::{Dialect, Refused, Unreadable};
use crate::ids::CallId;
use crate::ledger::{Denial, LimitDenial, Standing};
use crate::limit::Meter;
use crate::money::NanoUsd;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, UPGRADE};
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// Seconds to wait where nobody knows when a provider can be used again.
const UNKNOWN_WAIT: i64 = 30;

/// Why a call was not relayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No key, an unknown one, a revoked one, an expired one; the text says which.
    Key(&'static str),
    /// The user or the workspace is suspended.
    Suspended,
    /// The key may not be used from this address.
    AddressNotAllowed(String),
    /// The key may not call this path.
    RouteNotAllowed(String),
    /// The key may not use this model.
    ModelNotAllowed(String),
    /// There is no price for this model; these are near.
    ModelNotPriced(String, Vec<String>),
    /// No configured provider serves this model.
    NoProvider(String),
    /// Neither metered nor free.
    UnknownRoute(String),
    /// Known, costs money, not metered here.
    UnmeteredRoute(String),
    /// Known, lists what belongs to other keys too.
    SharedRoute(String),
    /// A WebSocket, asked for without the handshake of one.
    UpgradeRequired(String),
    /// Stored by somebody in another workspace.
    Foreign(String),
    /// The body is not readable as the route's request.
    Body(Unreadable),
    /// The body is larger than so many bytes.
    TooLarge(u64),
    /// The client took too long to send its body.
    SlowBody,
    /// A limit has no room.
    Limit(Box<LimitDenial>),
    /// A limit has no room for anything; what this call needs was not looked at.
    Spent(Box<LimitDenial>),
    /// A limit has no room, but would have for a shorter answer.
    TooLong(Box<LimitDenial>, Fit),
    /// `strict` holds for this account and nothing bounds what the call can cost, for this reason.
    Unbounded(String, Option<Gap>),
    /// The ledger cannot be reached.
    Ledger,
    /// Too much is unsettled, or the proxy is stopping.
    Overloaded,
    /// The provider could not be reached.
    Unreachable,
    /// The provider did not answer in time.
    Timeout,
    /// The provider did not accept our credential.
    Credential,
    /// No credential of the provider can be used; one can be after so many seconds, if that is
    /// known.
    Exhausted(Option<i64>),
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Limit(limit) => Self::Limit(limit),
            Denial::Unbounded { account } => Self::Unbounded(account.to_string(), None),
            Denial::Status { status, .. } => match status.as_str() {
                "suspended" => Self::Suspended,
                "expired" => Self::Key("this key has expired"),
                _ => Self::Key("this key was revoked"),
            },
        }
    }
}

/// What a refusal says, before it takes the shape of a dialect.
struct Words {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    param: Option<&'static str>,
    message: String,
    retry: Retry,
}

/// What a client should do about it; real SDKs obey these headers.
enum Retry {
    Silent,
    Never(Option<i64>),
    After(i64),
}

impl Words {
    fn refused<'a>(&'a self, request_id: &'a str) -> Refused<'a> {
        Refused {
            status: self.status.as_u16(),
            kind: self.kind,
            code: self.code,
            param: self.param,
            message: &self.message,
            request_id,
        }
    }
}

/// The provider broke off in the middle of its answer.
fn upstream_closed() -> Refused<'static> {
    Refused {
        status: StatusCode::BAD_GATEWAY.as_u16(),
        kind: "server_error",
        code: "upstream_closed",
        param: None,
        message: "The provider broke off the stream.",
        request_id: "",
    }
}

impl Refusal {
    /// The word in metrics and logs: the OpenAI code.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Limit(denial) | Self::Spent(denial) => limit_code(denial.standing.limit.meter),
            _ => self.words().code,
        }
    }

    /// OpenAI's type and code of it, and the message, for where there is no HTTP answer.
    pub(super) fn spoken(&self) -> (&'static str, &'static str, String) {
        let words = self.words();
        (words.kind, words.code, words.message)
    }

    /// Its status, code and message, for answers that have a form of their own.
    pub(super) fn told(&self) -> (StatusCode, &'static str, String) {
        let words = self.words();
        (words.status, words.code, words.message)
    }

    /// The answer in a caller's dialect.
    pub(super) fn response(&self, dialect: Dialect, id: CallId) -> Response<AnswerBody> {
        let words = self.words();
        let id = id.to_string();
        let refused = words.refused(&id);
        let body = refused.body(dialect, self.detail(words.code));
        let bytes = Bytes::from(body.to_string());
        let mut response = Response::new(AnswerBody::whole(bytes));
        *response.status_mut() = words.status;
        if dialect == Dialect::Bedrock {
            let kind = HeaderValue::from_static(refused.amazon_type());
            response.headers_mut().insert("x-amzn-errortype", kind);
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (retry, after) = match words.retry {
            Retry::Silent => (None, None),
            Retry::Never(after) => (Some("false"), after),
            Retry::After(after) => (Some("true"), Some(after)),
        };
        if let Some(retry) = retry.filter(|_| words.status == StatusCode::TOO_MANY_REQUESTS) {
            headers.insert("x-should-retry", HeaderValue::from_static(retry));
        }
        if words.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, HeaderValue::from(after));
        }
        response
    }

    fn words(&self) -> Words {
        match self {
            Self::Key(_)
            | Self::Suspended
            | Self::AddressNotAllowed(_)
            | Self::RouteNotAllowed(_) => self.caller_words(),
            Self::ModelNotAllowed(_) | Self::ModelNotPriced(_, _) | Self::NoProvider(_) => {
                Words { param: Some("model"), ..self.model_words() }
            }
            Self::UnknownRoute(_)
            | Self::UnmeteredRoute(_)
            | Self::SharedRoute(_)
            | Self::UpgradeRequired(_)
            | Self::Foreign(_)
            | Self::Body(_)
            | Self::TooLarge(_)
            | Self::SlowBody
            | Self::Unbounded(..) => self.request_words(),
            Self::Limit(denial) => limit_words(denial, Some(denial.wanted)),
            Self::Spent(denial) => limit_words(denial, None),
            Self::TooLong(denial, Fit { field, tokens }) => {
                let words = limit_words(denial, Some(denial.wanted));
                let message =
                    format!("{} The largest `{field}` that fits is {tokens}.", words.message);
                Words { message, ..words }
            }
            Self::Ledger
            | Self::Overloaded
            | Self::Unreachable
            | Self::Timeout
            | Self::Credential
            | Self::Exhausted(_) => self.server_words(),
        }
    }

    fn caller_words(&self) -> Words {
        match self {
            Self::Key(why) => {
                let message = format!(
                    "Incorrect API key: {why}. Send a key that Farebox issued as `Authorization: \
                     Bearer sk-fb-…`."
                );
                client_words(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
            }
            Self::AddressNotAllowed(address) => {
                let message = format!("This key may not be used from {address}.");
                client_words(StatusCode::FORBIDDEN, "address_not_allowed", message)
            }
            Self::RouteNotAllowed(path) => {
                let message = format!("This key may not call `{path}`.");
                client_words(StatusCode::FORBIDDEN, "route_not_allowed", message)
            }
            _ => {
                let message = "This account is suspended; ask its operator to resume it.";
                client_words(StatusCode::FORBIDDEN, "account_suspended", message.to_owned())
            }
        }
    }

    fn model_words(&self) -> Words {
        match self {
            Self::ModelNotAllowed(model) => {
                let message = format!("This key may not use the model `{model}`.");
                client_words(StatusCode::FORBIDDEN, "model_not_allowed", message)
            }
            Self::NoProvider(model) => {
                let message = format!(
                    "No configured provider serves `{model}`; name it in [[routes]] or configure \
                     its provider."
                );
                client_words(StatusCode::NOT_FOUND, "model_not_found", message)
            }
            Self::ModelNotPriced(model, near) => {
                let message = not_priced(model, near);
                client_words(StatusCode::BAD_REQUEST, "model_not_priced", message)
            }
            _ => self.server_words(),
        }
    }

    fn request_words(&self) -> Words {
        let (status, code, message) = match self {
            Self::UnknownRoute(route) => {
                let message = format!("Unknown route: {route}. Nothing passes here unmetered.");
                (StatusCode::NOT_FOUND, "unknown_route", message)
            }
            Self::UnmeteredRoute(route) => {
                let message = format!(
                    "{route} costs money but is not metered here, so it is refused; \
                     `unmetered_route = \"forward\"` would let it pass uncharged."
                );
                (StatusCode::NOT_FOUND, "unknown_route", message)
            }
            Self::SharedRoute(route) => {
                let message = format!(
                    "{route} lists what every key behind this credential has stored, so it is \
                     refused; ask for an object by its id."
                );
                (StatusCode::NOT_FOUND, "unknown_route", message)
            }
            Self::UpgradeRequired(route) => {
                let message = format!(
                    "{route} is a WebSocket; begin with its handshake: HTTP/1.1, `connection: \
                     upgrade`, `upgrade: websocket`."
                );
                (StatusCode::UPGRADE_REQUIRED, "upgrade_required", message)
            }
            Self::Foreign(id) => {
                (StatusCode::NOT_FOUND, "not_found", format!("There is no `{id}` here."))
            }
            Self::Body(unreadable) => {
                (StatusCode::BAD_REQUEST, "invalid_body", unreadable.message.clone())
            }
            Self::TooLarge(most) => {
                let message = format!("The request body is larger than {most} bytes.");
                (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
            }
            Self::Unbounded(account, gap) => {
                (StatusCode::BAD_REQUEST, "unbounded_cost", advice::unbounded(account, *gap))
            }
            _ => {
                let message = "The request body did not arrive in time.".to_owned();
                (StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
            }
        };
        let param = match self {
            Self::Body(unreadable) => unreadable.param,
            _ => None,
        };
        Words { param, ..client_words(status, code, message) }
    }

    fn server_words(&self) -> Words {
        let (status, code, message, retry) = match self {
            Self::Ledger => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ledger_unavailable",
                "The ledger cannot be reached, so nothing can be charged; try again shortly.",
                Retry::After(2),
            ),
            Self::Unreachable => (
                StatusCode::BAD_GATEWAY,
                "upstream_unreachable",
                "The provider could not be reached.",
                Retry::Silent,
            ),
            Self::Timeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_timeout",
                "The provider did not begin to answer in time.",
                Retry::Silent,
            ),
            Self::Credential => (
                StatusCode::BAD_GATEWAY,
                "upstream_credential_rejected",
                "The provider rejected the credential that the operator configured.",
                Retry::Silent,
            ),
            Self::Exhausted(after) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "provider_quota_exhausted",
                "Every credential of the provider is out of quota, cooling down or disabled; your \
                 own budget is not the reason.",
                Retry::After(after.unwrap_or(UNKNOWN_WAIT)),
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "Too many calls are in flight, or this proxy is stopping; try again shortly.",
                Retry::After(1),
            ),
        };
        let message = message.to_owned();
        Words { status, kind: "server_error", code, param: None, message, retry }
    }

    /// The machine-readable part: which limit, used, held, when it resets.
    fn detail(&self, reason: &str) -> Value {
        let (denial, wanted) = match self {
            Self::Limit(denial) | Self::TooLong(denial, _) => (denial, Some(denial.wanted)),
            Self::Spent(denial) => (denial, None),
            _ => return json!({ "reason": reason }),
        };
        let standing = &denial.standing;
        let amount = |n: i64| match standing.limit.meter {
            Meter::Usd => Value::String(NanoUsd::new(n).to_string()),
            _ => n.into(),
        };
        let mut detail = json!({
            "reason": reason,
            "account": standing.account.to_string(),
            "limit": standing.limit.to_string(),
            "used": amount(standing.used),
            "held": amount(standing.held),
            "resets_at": standing.resets.map(rfc3339_seconds),
        });
        if let Some(wanted) = wanted {
            detail["wanted"] = amount(wanted);
        }
        detail
    }
}

/// Words about what the client sent.
fn client_words(status: StatusCode, code: &'static str, message: String) -> Words {
    let kind = "invalid_request_error";
    Words { status, kind, code, param: None, message, retry: Retry::Silent }
}

fn not_priced(model: &str, near: &[String]) -> String {
    if near.is_empty() {
        return format!("The model `{model}` has no price here, so it is refused.");
    }
    let near = near.join("`, `");
    format!("The model `{model}` has no price here, so it is refused. Near: `{near}`.")
}

fn limit_words(denial: &LimitDenial, wanted: Option<i64>) -> Words {
    let standing = &denial.standing;
    let wait = seconds_to_reset(standing, denial.now);
    let (kind, retry) = match standing.limit.meter {
        Meter::Usd => ("insufficient_quota", Retry::Never(wait)),
        Meter::Concurrent => ("requests", Retry::After(1)),
        meter => match wait {
            Some(wait) => (meter.as_str(), Retry::After(wait)),
            None => (meter.as_str(), Retry::Never(None)),
        },
    };
    Words {
        status: StatusCode::TOO_MANY_REQUESTS,
        kind,
        code: limit_code(standing.limit.meter),
        param: None,
        message: limit_message(standing, wanted),
        retry,
    }
}

/// The code of a refusal by a limit.
pub(super) fn limit_code(meter: Meter) -> &'static str {
    match meter {
        Meter::Usd => "insufficient_quota",
        Meter::Concurrent => "concurrency_limit_exceeded",
        Meter::Tokens | Meter::Requests | Meter::Characters => "rate_limit_exceeded",
    }
}

fn limit_message(standing: &Standing, wanted: Option<i64>) -> String {
    let needs = wanted.map(|n| format!(", and this call needs up to {}", shown(standing, n)));
    format!(
        "The limit of {} for {} is reached: {} used, {} held by calls in flight{}{}.",
        standing.text(),
        standing.account,
        shown(standing, standing.used),
        shown(standing, standing.held),
        needs.unwrap_or_default(),
        reset(standing),
    )
}

/// An amount of a limit's meter, for people.
fn shown(standing: &Standing, n: i64) -> String {
    match standing.limit.meter {
        Meter::Usd => format!("${}", NanoUsd::new(n)),
        meter => format!("{n} {}", meter.as_str()),
    }
}

fn reset(standing: &Standing) -> String {
    let at = standing.resets.map(rfc3339_seconds);
    at.map_or_else(String::new, |at| format!("; it resets at {at}"))
}

/// Whole seconds, rounded up, at least 1.
fn seconds_to_reset(standing: &Standing, now: UnixMs) -> Option<i64> {
    let wait = standing.resets?.saturating_sub(now).max(1);
    Some(wait.saturating_add(999) / 1000)
}

#[cfg(test)]
mod tests;

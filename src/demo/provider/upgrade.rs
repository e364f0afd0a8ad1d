//! From a request for a WebSocket to a realtime conversation in a task of its own, which ends with
//! the provider at the latest.

use super::draft::Draft;
use super::failure::Failure;
use super::plan::Plan;
use super::realtime::Conversation;
use super::route::parameter;
use super::script::Script;
use super::serve::{Shop, request_id};
use super::transmission::Transmission;
use super::websocket;
use super::wire::ResetFlag;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;

/// Accepts the request and starts the conversation.
pub(super) fn accept(
    shop: &Shop,
    script: Script,
    head: &Parts,
    reset: ResetFlag,
) -> Result<Response<Transmission>, Failure> {
    let named = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let bad = |status, message: &str| Failure::invalid(status, message.to_owned(), None);
    let upgrade = named(header::UPGRADE).unwrap_or_default();
    let key = named(header::SEC_WEBSOCKET_KEY);
    let (true, Some(key)) = (upgrade.eq_ignore_ascii_case("websocket"), key) else {
        return Err(bad(StatusCode::UPGRADE_REQUIRED, "This endpoint is a WebSocket."));
    };
    let model = parameter(head.uri.query(), "model");
    let Some(model) = model.filter(|model| !model.is_empty()) else {
        return Err(bad(StatusCode::BAD_REQUEST, "you must provide a model parameter"));
    };
    let mut answer = Response::new(Transmission::free(Draft::default().finish()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accepted) = HeaderValue::from_str(&websocket::accept(key)) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
    }
    let protocols = named(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    if protocols.split(',').any(|protocol| protocol.trim() == "realtime") {
        let protocol = HeaderValue::from_static("realtime");
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    start(shop, script, head, model.to_owned(), reset);
    Ok(answer)
}

fn start(shop: &Shop, script: Script, head: &Parts, model: String, reset: ResetFlag) {
    let upgrade = hyper::upgrade::on(Request::from_parts(head.clone(), ()));
    let mut closing = shop.closing.subscribe();
    let id = request_id(&head.headers, shop.bill.arrived());
    let bill = shop.bill.clone();
    let entry = move |plan: &Plan| bill.open(plan, id.clone());
    tokio::spawn(async move {
        let conversation = async {
            let Ok(stream) = upgrade.await else { return };
            let stream = TokioIo::new(stream);
            // How it ends is the client's business, or the script's.
            let _ = Conversation::new(stream, model, script, entry, reset).run().await;
        };
        tokio::select! {
            () = conversation => {}
            // An error means that the provider is gone, which is what was waited for.
            _ = closing.changed() => {}
        }
    });
}

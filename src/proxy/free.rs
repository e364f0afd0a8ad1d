//! Routes that cost nothing: authenticated, counted as requests, relayed without metering.

use super::admit::Applicant;
use super::answer::{AnswerBody, Endings, Metering, OnLeft, Unread};
use super::errand::Errand;
use super::fault::Answered;
use super::poll::Poll;
use super::refusal::Refusal;
use super::request::Outgoing;
use super::route::{Destination, Target};
use super::{Authenticated, Proxy, headers, respond};
use crate::dialect::{self, AnswerHead, Call, Route};
use crate::ledger::{Caller, Ending};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderValue};
use http::{Method, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use std::sync::Arc;

/// The largest list of models that is read to be filtered.
const MODELS_BYTES: usize = 4 * 1024 * 1024;

impl Proxy {
    pub(super) async fn free(
        self: &Arc<Self>,
        target: Target,
        request: Authenticated,
        body: Incoming,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let destination = self.unpriced_destination(&target, request.head.uri.query())?;
        let course = self.plain_course(destination, &request)?;
        let body = Outgoing::upload(&request.head.headers, body, self.rules.upload_bytes)?;
        let poll = match target.found.route {
            Route::Polled(operation) => Some(operation),
            _ => None,
        };
        let provider = course.here().provider.name.clone();
        self.check_owner(&request, &provider).await?;
        let begins_batch = request.head.method == Method::POST && target.path.ends_with("/batches");
        let applicant =
            Applicant { costs_later: begins_batch, ..Applicant::new(&request, &course) };
        let (mut tab, standings) = self.admit(applicant, None).await?;
        if let Some(operation) = poll {
            let table = self.prices.clone();
            let stand_in = self.dearest(&table, Some(&provider));
            tab.polls(Poll { operation, table, stand_in });
        }
        let lists_models = request.head.method == Method::GET
            && target.path.trim_start_matches("/v1") == "/models";
        let filter = lists_models && !request.caller.models.is_empty();
        let mut sent = headers::to_provider(&request.head.headers, false);
        if filter {
            sent.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let mut errand = Errand {
            proxy: self.clone(),
            tab,
            standings,
            course,
            headers: sent,
            method: request.head.method,
            body: Some(body),
            tape: None,
        };
        let Answered { response, first } = errand.forward().await?;
        let Errand { tab, standings, .. } = errand;
        let (head, upstream) = response.into_parts();
        let mut added = headers::to_client(&head.headers, !filter);
        headers::add_standings(&mut added, &standings, self.clock.now());
        let head_of = AnswerHead { status: head.status, headers: &head.headers };
        let reader = match poll {
            Some(operation) => dialect::read_answer(&Call::plain(operation, ""), head_of),
            None => Unread::boxed(),
        };
        let mut metering = Metering::new(reader, tab);
        if filter && head.status.is_success() {
            let list = usable_models(upstream, &request.caller).await?;
            metering.finish(Ending::Finished);
            added.remove(CONTENT_LENGTH);
            return Ok(respond(head.status, added, AnswerBody::whole(list)));
        }
        let first = metering.push(first);
        let endings = Endings::plain(OnLeft::Cancel, self.rules.answer_pause);
        let body = AnswerBody::relayed(first, upstream, metering, endings);
        Ok(respond(head.status, added, body))
    }

    /// The provider of a route, where no model has to have a price.
    pub(super) fn unpriced_destination(
        &self,
        target: &Target,
        query: Option<&str>,
    ) -> Result<Destination, Refusal> {
        let providers = &self.providers;
        let provider = match &target.provider {
            Some(name) => providers.get(name),
            None => {
                let model = target.found.model.as_deref().unwrap_or_default();
                let priced = self.prices.provider_of(model).map(str::to_owned);
                providers.for_call(target.dialect, model, priced.as_deref())
            }
        };
        let provider = provider.ok_or_else(|| Refusal::NoProvider(target.path.clone()))?;
        Destination::new(provider.clone(), target, query)
    }
}

/// The list of models without those that the key may not use.
async fn usable_models(upstream: Incoming, caller: &Caller) -> Result<Bytes, Refusal> {
    let bytes = Limited::new(upstream, MODELS_BYTES)
        .collect()
        .await
        .map_err(|_| Refusal::Unreachable)?
        .to_bytes();
    let Ok(mut list) = serde_json::from_slice::<Value>(&bytes) else { return Ok(Bytes::new()) };
    if let Some(models) = list.get_mut("data").and_then(Value::as_array_mut) {
        models.retain(|model| {
            let id = model.get("id").and_then(Value::as_str).unwrap_or_default();
            super::allowed(caller, id).is_ok()
        });
    }
    Ok(Bytes::from(list.to_string()))
}

//! Sessions over WebSockets: admitted before the upgrade, then relayed by a task of their own.
//!
//! A session pays for each answer of the model: before an answer is asked for, its expected cost is
//! held; when it ends, it is charged. No frame is changed or delayed for that.

mod farewell;
mod handshake;
mod lane;
mod relay;
mod turns;

use super::admit::Applicant;
use super::answer::{AnswerBody, Endings, Metering, OnLeft, Unread};
use super::course::Course;
use super::errand::Errand;
use super::fault::Answered;
use super::refusal::Refusal;
use super::request::{Outgoing, usable_name};
use super::route::{self, Target};
use super::tab::{Pricing, Tab};
use super::{Authenticated, Proxy, allowed, headers, respond};
use crate::dialect::{Call, Operation, Yields};
use crate::ledger::Standing;
use bytes::Bytes;
use http::{Extensions, HeaderMap, Response, StatusCode};
use hyper::upgrade::{self, OnUpgrade};
use relay::Relay;
use std::sync::Arc;
use turns::{Party, Turns};

/// A session that was admitted, before its provider is asked.
struct Opening {
    call: Call,
    /// Absent where the client has yet to name its model.
    pricing: Option<Pricing>,
    course: Course,
    tab: Tab,
    standings: Vec<Standing>,
}

impl Proxy {
    pub(super) async fn socket(
        self: &Arc<Self>,
        operation: Operation,
        target: Target,
        mut request: Authenticated,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let on_client = handshake::upgrade(&mut request.head).ok_or_else(|| {
            let path = route::shown(request.head.uri.path());
            Refusal::UpgradeRequired(format!("{} {path}", request.head.method))
        })?;
        let mut opening = self.open(operation, &target, &request).await?;
        opening.tab.shakes_hands();
        let mut errand = Errand {
            proxy: self.clone(),
            tab: opening.tab,
            standings: opening.standings,
            course: opening.course,
            method: request.head.method.clone(),
            headers: handshake::to_provider(&request.head.headers),
            body: Some(Outgoing::none()),
            tape: None,
        };
        let mut answered = errand.forward().await?;
        if answered.response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(self.refused_by_provider(answered, errand));
        }
        let response = &mut answered.response;
        let on_provider = upgrade::on(&mut *response);
        let Errand { mut tab, standings, course, .. } = errand;
        // Agreed, and nothing has been asked for.
        tab.never_sent();
        let mut added = handshake::to_client(response.headers(), &request.head.headers);
        headers::add_standings(&mut added, &standings, self.clock.now());
        let party = Party::new(self, &request, course.here(), tab.credential());
        let turns = Turns::new(party, opening.call, opening.pricing, tab);
        let relay = Relay::new(self, course.here(), target.dialect, turns);
        tokio::spawn(run(relay, on_client, on_provider, request.head.extensions));
        Ok(respond(StatusCode::SWITCHING_PROTOCOLS, added, AnswerBody::whole(Bytes::new())))
    }

    /// Admits a session, or refuses it.
    async fn open(
        &self,
        operation: Operation,
        target: &Target,
        request: &Authenticated,
    ) -> Result<Opening, Refusal> {
        let query = request.head.uri.query().unwrap_or_default();
        let named = target.found.model.clone();
        let named = named.map_or_else(|| handshake::model(query), |model| Ok(Some(model)))?;
        let call = one_answer(operation, named.as_deref().unwrap_or_default());
        if operation == Operation::GeminiLive && named.is_none() {
            let destination = self.unpriced_destination(target, Some(query))?;
            let course = self.plain_course(destination, request)?;
            let (tab, standings) = self.admit(Applicant::new(request, &course), None).await?;
            return Ok(Opening { call, pricing: None, course, tab, standings });
        }
        usable_name(&call.model)?;
        allowed(&request.caller, &call.model)?;
        let course = self.course(target, request, &call)?;
        let pricing = course.here().pricing.clone();
        let metered = pricing.clone().map(|pricing| (call.clone(), pricing));
        let (tab, standings) = self.admit(Applicant::new(request, &course), metered).await?;
        Ok(Opening { call, pricing, course, tab, standings })
    }

    /// What a provider says instead of upgrading goes on as it is; nothing is charged for it.
    fn refused_by_provider(&self, answered: Answered, errand: Errand) -> Response<AnswerBody> {
        let (head, upstream) = answered.response.into_parts();
        let mut added: HeaderMap = headers::to_client(&head.headers, true);
        headers::add_standings(&mut added, &errand.standings, self.clock.now());
        let metering = Metering::new(Unread::boxed(), errand.tab);
        let pause = self.rules.answer_pause;
        let endings = Endings::plain(OnLeft::Cancel, pause);
        let body = AnswerBody::relayed(answered.first, upstream, metering, endings);
        respond(head.status, added, body)
    }
}

/// One answer of a session, as far as it can be known before. Its input is the conversation.
fn one_answer(operation: Operation, model: &str) -> Call {
    let input_elsewhere = operation.yields() == Yields::Text;
    Call { stream: true, input_elsewhere, ..Call::plain(operation, model) }
}

/// Relays once both sides have upgraded. What the listener attached to the request is kept for as
/// long, so that it counts this connection.
async fn run(relay: Relay, client: OnUpgrade, provider: OnUpgrade, attached: Extensions) {
    match tokio::try_join!(client, provider) {
        Ok((client, provider)) => relay.run(client, provider).await,
        Err(error) => tracing::debug!(%error, "a session ended before it began"),
    }
    drop(attached);
}

//! What happens to an admitted call: forward, meter. Goes on by itself when the client hangs up and
//! the provider would bill it all the same.

use super::answer::{self, AnswerBody, Course, Held, Metering, OnLeft};
use super::parting::{Parting, media_type};
use super::recorder::Tape;
use super::refusal::Refusal;
use super::request::Outgoing;
use super::route::Destination;
use super::tab::Tab;
use super::{Disconnect, HELD_ANSWER, Proxy, headers, respond};
use crate::dialect::{self, AnswerHead};
use crate::ledger::Standing;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::body::Incoming;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// An admitted call on its way.
pub(super) struct Errand {
    pub(super) proxy: Arc<Proxy>,
    pub(super) tab: Tab,
    pub(super) standings: Vec<Standing>,
    pub(super) destination: Destination,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Outgoing,
    /// What takes the answer down, where calls are recorded.
    pub(super) tape: Option<Tape>,
}

impl Errand {
    /// Forwards a metered call and answers with what the provider says.
    pub(super) async fn metered(self) -> Result<Response<AnswerBody>, Refusal> {
        let on_left = self.on_left();
        Persistent { future: Some(Box::pin(self.run(on_left))), on_left }.await
    }

    async fn run(mut self, on_left: OnLeft) -> Result<Response<AnswerBody>, Refusal> {
        let response = self.forward().await?;
        self.meter(response, on_left).await
    }

    /// Hanging up stops the bill of a stream at some providers; that of a plain call at none.
    fn on_left(&self) -> OnLeft {
        let stops = self.destination.provider.cancel_stops_billing
            && self.tab.call().is_some_and(|call| call.stream);
        let rules = &self.proxy.rules;
        match rules.on_disconnect {
            Disconnect::Cancel => OnLeft::Cancel,
            Disconnect::Auto if stops => OnLeft::Cancel,
            Disconnect::Auto | Disconnect::Drain => OnLeft::Drain(rules.drain),
        }
    }

    /// Sends the call and waits for the head of the answer.
    pub(super) async fn forward(&mut self) -> Result<Response<Incoming>, Refusal> {
        let mut headers = std::mem::take(&mut self.headers);
        self.destination.authorise(&mut headers)?;
        let head = (self.method.clone(), self.destination.uri.clone(), headers);
        let body = std::mem::replace(&mut self.body, Outgoing::none());
        let sent = self.proxy.upstream.send(head, body, &mut self.tab).await;
        let response = sent.inspect_err(|_| self.tab.broke_off())?;
        self.tab.answered(response.status().as_u16());
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                tracing::error!(
                    provider = self.destination.provider.name,
                    credential = self.destination.credential_name(),
                    status = response.status().as_u16(),
                    "the provider rejected our credential"
                );
                Err(Refusal::Credential)
            }
            _ => Ok(response),
        }
    }

    async fn meter(
        self,
        response: Response<Incoming>,
        on_left: OnLeft,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let (head, upstream) = response.into_parts();
        let Some(call) = self.tab.call() else { return Err(Refusal::Overloaded) };
        let parting = Parting::of(call.operation, &head.headers);
        let (edited, whole) = (call.edit.is_some(), !call.stream && is_json(&head.headers));
        let answer = AnswerHead { status: head.status, headers: &head.headers };
        let mut reader = dialect::read_answer(call, answer);
        if let Some(tape) = self.tape {
            reader = tape.over(reader, answer);
        }
        let mut headers = headers::to_client(&head.headers, !edited);
        headers::add_standings(&mut headers, &self.standings, self.proxy.clock.now());
        let pause = self.proxy.rules.answer_pause;
        let mut metering = Metering::new(reader, self.tab);
        let (mut first, mut upstream) = (Bytes::new(), upstream);
        if whole {
            match answer::hold(upstream, metering, HELD_ANSWER, pause).await {
                Held::Complete(bytes, cost) => {
                    if let Some(cost) = cost {
                        headers::add_cost(&mut headers, cost);
                    }
                    return Ok(respond(head.status, headers, AnswerBody::whole(bytes)));
                }
                Held::Cut => return Err(Refusal::Unreachable),
                Held::Large(so_far, rest, still) => {
                    (first, upstream, metering) = (so_far, *rest, still);
                }
            }
        }
        let on_exhausted = self.proxy.rules.on_exhausted;
        let course = Course { on_left, on_exhausted, parting, pause };
        let body = AnswerBody::relayed(first, upstream, metering, course);
        Ok(respond(head.status, headers, body))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers) == "application/json"
}

/// A future that is carried on, for a while, when nobody waits for it any more.
struct Persistent<F: Future + Send + 'static> {
    /// Gone once it is done.
    future: Option<Pin<Box<F>>>,
    on_left: OnLeft,
}

impl<F: Future + Send + 'static> Future for Persistent<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let output = ready!(future.as_mut().poll(cx));
        self.future = None;
        Poll::Ready(output)
    }
}

impl<F: Future + Send + 'static> Drop for Persistent<F> {
    fn drop(&mut self) {
        if let (Some(future), OnLeft::Drain(bound)) = (self.future.take(), self.on_left)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                // What it gives is for a client that is gone; its tab has ended by then.
                let _ = tokio::time::timeout(bound, future).await;
            });
        }
    }
}

//! What happens to an admitted call: forward, meter. Goes on by itself when the client hangs up and
//! the provider would bill it all the same.
//!
//! Before the first byte of an answer a call that failed may be sent again: with another credential,
//! or to whoever stands in for its provider. Not here: what a failure says (`fault`), and where a
//! call can go (`course`).

use super::answer::{self, AnswerBody, Endings, Held, Metering, OnLeft};
use super::attempt::{Attempt, Begun};
use super::course::Course;
use super::fault::{Answered, Fault};
use super::parting::{Parting, media_type};
use super::recorder::Tape;
use super::refusal::Refusal;
use super::request::Outgoing;
use super::tab::Tab;
use super::{Disconnect, HELD_ANSWER, Proxy, headers, record, respond};
use crate::dialect::{self, AnswerHead};
use crate::ledger::{Amounts, AttemptOutcome, Standing};
use crate::provider::Credential;
use http::{HeaderMap, Method, Response};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

/// An admitted call on its way.
pub(super) struct Errand {
    pub(super) proxy: Arc<Proxy>,
    pub(super) tab: Tab,
    pub(super) standings: Vec<Standing>,
    pub(super) course: Course,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// Gone once it cannot be sent again.
    pub(super) body: Option<Outgoing>,
    /// What takes the answer down, where calls are recorded.
    pub(super) tape: Option<Tape>,
}

impl Errand {
    /// Forwards a metered call and answers with what the provider says.
    pub(super) async fn metered(self) -> Result<Response<AnswerBody>, Refusal> {
        let (on_left, left) = (self.on_left(), self.course.left());
        Persistent { future: Some(Box::pin(self.run())), on_left, left }.await
    }

    async fn run(mut self) -> Result<Response<AnswerBody>, Refusal> {
        let answered = self.forward().await?;
        // Whoever stood in may go on billing where the first one would not.
        let on_left = self.on_left();
        self.meter(answered, on_left).await
    }

    /// Hanging up stops the bill of a stream at some providers; that of a plain call at none.
    fn on_left(&self) -> OnLeft {
        let stops = self.course.here().provider.cancel_stops_billing
            && self.tab.call().is_some_and(|call| call.stream);
        let rules = &self.proxy.rules;
        match rules.on_disconnect {
            Disconnect::Cancel => OnLeft::Cancel,
            Disconnect::Auto if stops => OnLeft::Cancel,
            Disconnect::Auto | Disconnect::Drain => OnLeft::Drain(rules.drain),
        }
    }

    /// Sends the call, if need be more than once, and waits for the head of the answer.
    pub(super) async fn forward(&mut self) -> Result<Answered, Refusal> {
        self.course.here().provider.called();
        let mut left = self.course.here().provider.policy.retries;
        let mut fault = self.attempt().await?;
        while let Err(failed) = fault {
            if !self.goes_on(&failed, &mut left) {
                return self.gives_up(failed);
            }
            record::again(&self.course.here().provider.name, failed.reason);
            fault = match self.attempt().await {
                Ok(answered) => answered,
                // There was one more, and it has no room: what was said before counts.
                Err(Refusal::Exhausted(_)) => return self.gives_up(failed),
                Err(refusal) => return Err(refusal),
            };
        }
        self.body = None;
        fault.map_err(|_| Refusal::Unreachable)
    }

    /// One attempt: holds on the account of the credential, sends, judges what comes.
    async fn attempt(&mut self) -> Result<Result<Answered, Fault>, Refusal> {
        let credential = self.begin().await?;
        let (here, call) = (self.course.here(), self.tab.call());
        let last = !self.course.may_go_on();
        let again = self.body.as_ref().filter(|_| !last).and_then(Outgoing::again);
        let body = again.or_else(|| self.body.take()).unwrap_or(Outgoing::none());
        let body = match &here.model {
            Some(model) => body.naming(model, call.and_then(|call| call.model_at.as_ref())),
            None => body,
        };
        let mut headers = self.headers.clone();
        here.authorise(credential.as_ref(), &mut headers)?;
        let head = (self.method.clone(), here.uri.clone(), headers);
        self.tab.forwarded();
        let sent = match self.proxy.upstream.send(head, body).await {
            Ok(response) => {
                self.tab.heard(response.status().as_u16());
                Fault::of(response, self.tab.call(), self.proxy.clock.now()).await
            }
            Err(broke) => Err(Fault::broke(broke)),
        };
        if let Ok(answered) = &sent {
            self.tab.answered(answered.response.status().as_u16());
        }
        Ok(sent)
    }

    /// Begins an attempt with the credential that is next, past those whose quota has no room.
    async fn begin(&mut self) -> Result<Option<Credential>, Refusal> {
        loop {
            let now = self.proxy.clock.now();
            let Some(taken) = self.course.taken() else { return Err(self.course.exhausted(now)) };
            let credential = taken.credential().cloned();
            let here = self.course.here();
            let Some(estimate) = self.tab.estimate(here) else { return Err(Refusal::Overloaded) };
            match Attempt::begin(&self.proxy, taken, estimate).await? {
                Begun::Held(attempt) => {
                    let name = credential.as_ref().map_or("", |credential| &credential.name);
                    self.tab.attempts(here, name, attempt);
                    return Ok(credential);
                }
                Begun::Denied(until) if self.course.denied(until, now) => {}
                Begun::Denied(_) => return Err(self.course.exhausted(now)),
            }
        }
    }

    /// Whether a failed call goes on. If so, its attempt has ended, and the next one is chosen.
    fn goes_on(&mut self, fault: &Fault, left: &mut u32) -> bool {
        let provider = self.course.here().provider.clone();
        let repeatable = !fault.billed || provider.policy.retry_billed;
        // A credential that is out fails no further calls, so passing it over is no retry.
        let passed_over = fault.of_credential;
        if !repeatable || self.body.is_none() || !passed_over && *left == 0 {
            return false;
        }
        self.end_attempt(fault);
        let now = self.proxy.clock.now();
        if !self.course.failed(fault.of_credential, now) {
            return false;
        }
        if !passed_over {
            if !provider.may_retry() {
                return false;
            }
            *left -= 1;
        }
        true
    }

    /// Ends the attempt that failed. Where the provider may have billed it, it used what was
    /// expected; its payers are charged for the answer that they get.
    fn end_attempt(&mut self, fault: &Fault) {
        self.tab.failed(fault);
        let Some(attempt) = self.tab.take_attempt() else { return };
        let used = if fault.billed { attempt.expected() } else { Amounts::default() };
        attempt.end(Some(fault.outcome), AttemptOutcome::Failed, used);
        if !fault.billed {
            self.tab.never_sent();
        }
    }

    /// What the client gets of a call that failed.
    fn gives_up(&mut self, fault: Fault) -> Result<Answered, Refusal> {
        if fault.billed {
            // The attempt is charged with the call.
            self.tab.failed(&fault);
            self.tab.broke_off();
            return fault.last;
        }
        self.end_attempt(&fault);
        if let Some(status) = fault.status {
            self.tab.forwarded();
            self.tab.answered(status.as_u16());
        }
        fault.last
    }

    async fn meter(
        self,
        answered: Answered,
        on_left: OnLeft,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let (head, upstream) = answered.response.into_parts();
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
        let (mut first, mut upstream) = (answered.first, upstream);
        if whole {
            match answer::hold(first, upstream, metering, HELD_ANSWER, pause).await {
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
        } else {
            first = metering.push(first);
        }
        let on_exhausted = self.proxy.rules.on_exhausted;
        let endings = Endings { on_left, on_exhausted, parting, pause };
        let body = AnswerBody::relayed(first, upstream, metering, endings);
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
    /// Is told when nobody waits any more.
    left: Arc<AtomicBool>,
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
        self.left.store(true, Ordering::Relaxed);
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

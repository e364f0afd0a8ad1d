//! The answer's body on its way to the client: passed on as it comes, watched by the usage reader,
//! and the tab ended exactly once.
//!
//! hyper stops polling a body once Content-Length bytes went by and never polls those of HEAD or
//! 204. So the tab ends at the protocol's own end (`[DONE]`), at an early end of the stream, at
//! `None`, at an error, or on drop, whichever comes first; and always before the last bytes are
//! handed on.

use super::parting::Parting;
use super::record;
use super::tab::Tab;
use crate::clock::Stopwatch;
use crate::dialect::ReadAnswer;
use crate::ledger::{Ending, LimitDenial};
use crate::money::NanoUsd;
use crate::telemetry::names::{self, Present};
use crate::usage::Reading;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// How long the figures of a complete answer are waited for when its client has left.
const FIGURES: Duration = Duration::from_secs(5);

/// Why an answer ended early whose client could not be told in the answer itself.
#[derive(Debug)]
pub enum Broken {
    /// The provider broke off.
    Cut(hyper::Error),
    /// The provider was silent for too long.
    Silent,
    /// A limit has no room for more of it.
    Exhausted,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cut(error) => write!(f, "the provider broke off: {error}"),
            Self::Silent => f.write_str("the provider was silent for too long"),
            Self::Exhausted => f.write_str("a limit has no room for more of the answer"),
        }
    }
}

impl std::error::Error for Broken {}

/// A usage reader with the tab that it will end.
pub(super) struct Metering {
    reader: Box<dyn ReadAnswer>,
    tab: Tab,
    cost: Option<NanoUsd>,
    ended: bool,
}

impl Metering {
    pub(super) fn new(reader: Box<dyn ReadAnswer>, tab: Tab) -> Self {
        Self { reader, tab, cost: None, ended: false }
    }

    /// Shows a frame; what the client is to see of it. The tab ends here if the protocol does.
    pub(super) fn push(&mut self, frame: Bytes) -> Bytes {
        let out = self.reader.push(frame);
        let reading = self.reader.reading();
        if reading.complete && reading.usage_final {
            self.cost = self.cost.or(self.tab.post(Ending::Finished, reading));
        }
        out
    }

    /// Holds more where the answer grows beyond what is held for it, and never waits for that. Gives
    /// the limit that has no room.
    fn hold_more(&mut self, cx: &mut Context<'_>) -> Option<Box<LimitDenial>> {
        self.tab.hold_more(self.reader.reading(), cx)
    }

    /// The body ended. Bytes that were withheld, and what the call cost.
    pub(super) fn finish(&mut self, ending: Ending) -> (Bytes, Option<NanoUsd>) {
        if self.ended {
            return (Bytes::new(), self.cost);
        }
        self.ended = true;
        let (rest, reading) = self.reader.finish(ending != Ending::Finished);
        self.cost = self.cost.or(self.tab.post(ending, &reading));
        (rest, self.cost)
    }
}

impl Drop for Metering {
    fn drop(&mut self) {
        self.finish(Ending::Left);
    }
}

/// How a stream goes on when its client has hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnLeft {
    /// Hang up too, and charge an estimate.
    Cancel,
    /// Read on for the usage block, at most so long.
    Drain(Duration),
}

/// What becomes of a stream that may hold no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExhausted {
    /// It runs to its end; what it costs beyond its hold is a debt.
    Finish,
    /// It ends with an error event, and is charged for what it used until then.
    Stop,
}

/// How a body that goes by may end.
pub(super) struct Endings {
    pub(super) on_left: OnLeft,
    pub(super) on_exhausted: OnExhausted,
    /// How the client of a stream is told of an early end, where its form has room for that.
    pub(super) parting: Option<Parting>,
    /// How long the provider may say nothing.
    pub(super) pause: Duration,
}

impl Endings {
    /// For what is no stream, and whose client can only be told by breaking off.
    pub(super) const fn plain(on_left: OnLeft, pause: Duration) -> Self {
        Self { on_left, on_exhausted: OnExhausted::Finish, parting: None, pause }
    }
}

/// A body for the client.
pub struct AnswerBody(Kind);

enum Kind {
    Whole(Full<Bytes>),
    Relayed(Box<Relayed>),
}

impl AnswerBody {
    /// A body that is complete.
    pub fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(Full::new(bytes)))
    }

    /// A body that goes by, after the bytes that were read of it already.
    pub(super) fn relayed(
        first: Bytes,
        upstream: Incoming,
        metering: Metering,
        endings: Endings,
    ) -> Self {
        let silence = Silence::new(endings.pause);
        Self(Kind::Relayed(Box::new(Relayed {
            first: Some(first).filter(|bytes| !bytes.is_empty()),
            upstream: Some(upstream),
            metering: Some(metering),
            endings,
            exhausted: None,
            silence,
            _counted: Present::on(names::STREAMS),
        })))
    }
}

/// A body that goes by.
struct Relayed {
    first: Option<Bytes>,
    /// Gone once the body has ended.
    upstream: Option<Incoming>,
    metering: Option<Metering>,
    endings: Endings,
    /// The limit that has no room for more, where the stream is to be stopped for that.
    exhausted: Option<Box<LimitDenial>>,
    silence: Silence,
    _counted: Present,
}

/// How long nothing has come.
pub(super) struct Silence {
    most: Duration,
    since: Stopwatch,
    /// Made when it is first waited for.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, since: Stopwatch::start(), alarm: None }
    }

    /// Something came.
    pub(super) fn broken(&mut self) {
        self.since = Stopwatch::start();
    }

    /// Ready when it has lasted too long. The alarm is moved only when it rings, not at each frame.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let most = self.most;
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(most)));
            ready!(alarm.as_mut().poll(cx));
            let left = self.most.saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.alarm = Some(Box::pin(tokio::time::sleep(left)));
        }
    }
}

impl Relayed {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(first) = self.first.take() {
            if let Some(parting) = &mut self.endings.parting {
                parting.pass(&first);
            }
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        loop {
            if self.is_to_stop(cx) {
                return Poll::Ready(Some(self.stop(Bytes::new())));
            }
            let Some(upstream) = &mut self.upstream else { return Poll::Ready(None) };
            let polled = match Pin::new(&mut *upstream).poll_frame(cx) {
                Poll::Ready(polled) => polled,
                Poll::Pending => {
                    ready!(self.silence.poll(cx));
                    return self.broken_off(Broken::Silent);
                }
            };
            match polled {
                Some(Ok(frame)) => {
                    self.silence.broken();
                    let Ok(data) = frame.into_data() else { continue };
                    let last = upstream.is_end_stream();
                    let mut out = self.metering.as_mut().map_or(data.clone(), |m| m.push(data));
                    if last {
                        out = joined(out, self.end(Ending::Finished));
                    }
                    if let Some(out) = self.passed(out) {
                        return Poll::Ready(Some(out));
                    }
                }
                Some(Err(error)) => return self.broken_off(Broken::Cut(error)),
                None => {
                    let rest = self.end(Ending::Finished);
                    return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))));
                }
            }
        }
    }

    /// What the client gets of these bytes: all, or, where the stream is to be stopped and they end
    /// an event, no more than that.
    fn passed(&mut self, bytes: Bytes) -> Option<Result<Frame<Bytes>, Broken>> {
        let parting = self.endings.parting.as_mut();
        if let Some(parting) = parting.filter(|_| self.upstream.is_some()) {
            if self.exhausted.is_none() {
                parting.pass(&bytes);
            } else if let Some(rest) = parting.rest_of_event(&bytes) {
                return Some(self.stop(bytes.slice(..rest)));
            }
        }
        (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)))
    }

    /// Whether the stream ends here, because a limit has no room for more of it. Where an event has
    /// begun, the rest of that comes first.
    fn is_to_stop(&mut self, cx: &mut Context<'_>) -> bool {
        if self.upstream.is_none() {
            return false;
        }
        if self.exhausted.is_none() {
            let denied = self.metering.as_mut().and_then(|metering| metering.hold_more(cx));
            self.exhausted = denied.filter(|_| self.endings.on_exhausted == OnExhausted::Stop);
        }
        self.exhausted.is_some() && self.endings.parting.as_ref().is_none_or(Parting::is_between)
    }

    /// Ends a stream for which there is no more money, after these bytes.
    fn stop(&mut self, bytes: Bytes) -> Result<Frame<Bytes>, Broken> {
        if let Some(metering) = &mut self.metering {
            metering.tab.stopped();
        }
        // What was withheld until it is complete never will be.
        let _ = self.end(Ending::Cut);
        let Some(denial) = self.exhausted.take() else { return Err(Broken::Exhausted) };
        record::stopped(&denial);
        match self.endings.parting.take() {
            Some(parting) => Ok(Frame::data(joined(bytes, parting.exhausted(&denial)))),
            None => Err(Broken::Exhausted),
        }
    }

    /// A stream gets an error event, so that its client can tell the break from an end; any other
    /// body breaks off too.
    fn broken_off(&mut self, why: Broken) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let rest = self.end(Ending::Cut);
        let parting = self.endings.parting.take();
        Poll::Ready(Some(match parting.and_then(|parting| parting.broken_off()) {
            Some(event) => Ok(Frame::data(joined(rest, event))),
            None => Err(why),
        }))
    }

    fn end(&mut self, ending: Ending) -> Bytes {
        self.upstream = None;
        match &mut self.metering {
            Some(metering) => metering.finish(ending).0,
            None => Bytes::new(),
        }
    }
}

fn joined(first: Bytes, second: Bytes) -> Bytes {
    match (first.is_empty(), second.is_empty()) {
        (_, true) => first,
        (true, _) => second,
        _ => [first, second].concat().into(),
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        let (Some(upstream), Some(metering)) = (self.upstream.take(), self.metering.take()) else {
            return;
        };
        let on_left = match self.endings.on_left {
            // Hanging up can no longer stop a bill for what is made already.
            OnLeft::Cancel if metering.reader.reading().generated => OnLeft::Drain(FIGURES),
            on_left => on_left,
        };
        if let OnLeft::Drain(bound) = on_left
            && metering.tab.is_open()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(drain(upstream, metering, bound));
        }
    }
}

/// Reads on for a client that has left, until the body or the bound ends.
async fn drain(mut upstream: Incoming, mut metering: Metering, bound: Duration) {
    let read_on = async {
        loop {
            match upstream.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        metering.push(data);
                    }
                }
                Some(Err(_)) => return Ending::Left,
                None => return Ending::Finished,
            }
        }
    };
    let ending = tokio::time::timeout(bound, read_on).await.unwrap_or(Ending::Left);
    metering.finish(ending);
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.0 {
            Kind::Whole(whole) => match ready!(Pin::new(whole).poll_frame(cx)) {
                Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
                Some(Err(never)) => match never {},
                None => Poll::Ready(None),
            },
            Kind::Relayed(relayed) => relayed.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(whole) => whole.is_end_stream(),
            Kind::Relayed(relayed) => relayed.first.is_none() && relayed.upstream.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(whole) => whole.size_hint(),
            Kind::Relayed(_) => SizeHint::default(),
        }
    }
}

/// What became of an answer that was to be held until complete.
pub(super) enum Held {
    /// It is complete; what it cost.
    Complete(Bytes, Option<NanoUsd>),
    /// It grew too large to hold: what has come so far, and the rest.
    Large(Bytes, Box<Incoming>, Metering),
    /// The provider broke off.
    Cut,
}

/// Holds an answer of at most `most` bytes until it is complete, so that its headers can say what
/// it cost. Its first bytes were read already. A client that hangs up meanwhile drops this future, and with it the metering.
pub(super) async fn hold(
    first: Bytes,
    mut upstream: Incoming,
    mut metering: Metering,
    most: usize,
    pause: Duration,
) -> Held {
    let mut length = first.len();
    let mut frames: Vec<Bytes> = vec![metering.push(first)];
    while !upstream.is_end_stream() {
        match tokio::time::timeout(pause, upstream.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                length = length.saturating_add(data.len());
                frames.push(metering.push(data));
            }
            Ok(Some(Err(_))) | Err(_) => {
                metering.finish(Ending::Cut);
                return Held::Cut;
            }
            Ok(None) => break,
        }
        if length > most {
            return Held::Large(one(frames), Box::new(upstream), metering);
        }
    }
    let (rest, cost) = metering.finish(Ending::Finished);
    frames.push(rest);
    Held::Complete(one(frames), cost)
}

fn one(mut frames: Vec<Bytes>) -> Bytes {
    frames.retain(|frame| !frame.is_empty());
    match (frames.len(), frames.pop()) {
        (1, Some(only)) => only,
        (_, None) => Bytes::new(),
        (_, Some(last)) => {
            frames.push(last);
            frames.concat().into()
        }
    }
}

/// A reader for answers that are not charged: passes everything, knows nothing.
pub(super) struct Unread(Reading);

impl Unread {
    pub(super) fn boxed() -> Box<dyn ReadAnswer> {
        Box::new(Self(Reading { billable: Some(false), ..Reading::default() }))
    }
}

impl ReadAnswer for Unread {
    fn push(&mut self, frame: Bytes) -> Bytes {
        frame
    }

    fn finish(&mut self, _cut: bool) -> (Bytes, Reading) {
        (Bytes::new(), self.0.clone())
    }

    fn reading(&self) -> &Reading {
        &self.0
    }
}

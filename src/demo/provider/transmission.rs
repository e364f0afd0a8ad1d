//! The body of an answer on its way: sends event after event at the script's pace, breaks off where
//! the script says so, and tells the bill how far it came.

use super::bill::Serving;
use super::draft::Pages;
use super::encoding::Encoder;
use super::script::Break;
use super::wire::ResetFlag;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How long what was sent gets to leave before the connection is broken.
const LEAVE: Duration = Duration::from_millis(5);

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Transmission {
    pages: Pages,
    serving: Option<Serving>,
    encoder: Option<Encoder>,
    sized: bool,
    /// After each frame the connection gets to write it before the next one is made.
    flushed: bool,
    yielded: bool,
    breaks: Option<(usize, Break)>,
    pace: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    reset: ResetFlag,
}

impl Transmission {
    /// An answer that is sent at once and not billed.
    pub(super) fn free(pages: Pages) -> Self {
        Self {
            pages,
            serving: None,
            encoder: None,
            sized: true,
            flushed: false,
            yielded: false,
            breaks: None,
            pace: Duration::ZERO,
            timer: None,
            reset: ResetFlag::default(),
        }
    }

    /// Bills it, where it was not billed before.
    pub(super) fn billed(mut self, serving: Option<Serving>) -> Self {
        self.serving = serving;
        self
    }

    /// Compresses it.
    pub(super) fn encoded(mut self, encoder: Option<Encoder>) -> Self {
        self.encoder = encoder;
        self
    }

    /// Its length is not told in advance.
    pub(super) fn unsized_if(mut self, stream: bool) -> Self {
        self.sized = !stream;
        self
    }

    /// Each frame is written on its own.
    pub(super) fn flushed_if(mut self, flushed: bool) -> Self {
        self.flushed = flushed;
        self
    }

    /// Pauses before each event but the first.
    pub(super) fn paced(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// Breaks off after so many events.
    pub(super) fn broken(mut self, breaks: Option<(usize, Break)>, reset: ResetFlag) -> Self {
        self.breaks = breaks;
        self.reset = reset;
        self
    }

    fn wait(&mut self, pause: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        Poll::Ready(())
    }

    /// `None`: the time to break off has not come.
    fn break_off(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Error>> {
        let (after, how) = self.breaks?;
        if self.pages.sent() < after && !self.pages.at_end() {
            return None;
        }
        match how {
            Break::Error => return None,
            Break::Stall => return Some(Poll::Pending),
            Break::Cut | Break::Reset => {}
        }
        if self.wait(LEAVE, cx).is_pending() {
            return Some(Poll::Pending);
        }
        if how == Break::Reset {
            self.reset.store(true, Ordering::SeqCst);
        }
        Some(Poll::Ready(io::Error::other("broken off by the script")))
    }

    fn send(&mut self) -> Option<io::Result<Bytes>> {
        let (bytes, generated) = self.pages.next()?;
        let last = self.pages.at_end();
        if let Some(serving) = &mut self.serving {
            serving.generated(generated);
            if last && self.breaks.is_none() {
                serving.finish();
            }
        }
        match &mut self.encoder {
            Some(encoder) => Some(encoder.push(&bytes, last)),
            None => Some(Ok(bytes)),
        }
    }
}

impl Body for Transmission {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(broken) = self.break_off(cx) {
            return broken.map(|why| Some(Err(why)));
        }
        let between = self.pages.sent() > 0 && !self.pages.at_end();
        let pace = self.pace;
        if between && self.flushed && !std::mem::replace(&mut self.yielded, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if between && !pace.is_zero() {
            ready!(self.wait(pace, cx));
        }
        self.yielded = false;
        Poll::Ready(self.send().map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.pages.at_end() && !matches!(self.breaks, Some((_, how)) if how != Break::Error)
    }

    fn size_hint(&self) -> SizeHint {
        match self.encoder {
            None if self.sized => SizeHint::with_exact(self.pages.remaining()),
            _ => SizeHint::default(),
        }
    }
}

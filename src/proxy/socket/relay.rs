//! A session on its way: both directions, and the reasons for which it ends.
//!
//! Whatever ends it, its answers are settled first; then both sides get the end of the stream, and
//! a close where a frame of ours may stand. No phase of that lasts for ever.

use super::farewell::Farewell;
use super::lane::{Lane, Stop};
use super::turns::{Client, Server, Turns};
use crate::dialect::Dialect;
use crate::framing::websocket::close_frame;
use crate::ledger::{BoxFuture, Ending};
use crate::proxy::answer::Silence;
use crate::proxy::route::Destination;
use crate::proxy::{Disconnect, Proxy};
use crate::telemetry::names::{self, Present};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Sleep, sleep, timeout};

/// How long the end of a session may take once it is certain.
const FAREWELL: Duration = Duration::from_secs(5);

/// The code of a close without a complaint.
const NORMAL: u16 = 1000;

type Io = TokioIo<Upgraded>;

/// A session that is not connected yet.
pub(super) struct Relay {
    turns: Turns,
    dialect: Dialect,
    silence: Silence,
    stopping: Stopping,
    /// How long the rest of an answer is read for a client that vanished.
    read_on: Option<Duration>,
}

impl Relay {
    pub(super) fn new(
        proxy: &Proxy,
        destination: &Destination,
        dialect: Dialect,
        turns: Turns,
    ) -> Self {
        let rules = &proxy.rules;
        let hang_up = match rules.on_disconnect {
            Disconnect::Auto => destination.provider.cancel_stops_billing,
            Disconnect::Drain => false,
            Disconnect::Cancel => true,
        };
        Self {
            turns,
            dialect,
            silence: Silence::new(rules.answer_pause),
            stopping: Stopping::new(proxy, rules.drain),
            read_on: (!hang_up).then_some(rules.drain),
        }
    }

    /// Relays to the end.
    pub(super) async fn run(self, client: Upgraded, provider: Upgraded) {
        let _counted = Present::on(names::WS_CONNECTIONS);
        let connected = Connected {
            client: TokioIo::new(client),
            provider: TokioIo::new(provider),
            up: Lane::new(true),
            down: Lane::new(false),
            up_stopped: false,
            leaving: None,
            relay: self,
        };
        connected.run().await;
    }
}

/// Tells when a session has to end because the proxy stops: between two answers at once, else when
/// the answer is there or has taken too long.
struct Stopping {
    begun: BoxFuture<'static, ()>,
    bound: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Stopping {
    fn new(proxy: &Proxy, bound: Duration) -> Self {
        let mut stopping = proxy.stopping.subscribe();
        let begun = async move {
            let _gone = stopping.wait_for(|stopping| *stopping).await;
        };
        Self { begun: Box::pin(begun), bound, alarm: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>, answering: bool) -> Poll<()> {
        let alarm = match &mut self.alarm {
            Some(alarm) => alarm,
            None => {
                ready!(self.begun.as_mut().poll(cx));
                self.alarm.insert(Box::pin(sleep(self.bound)))
            }
        };
        if answering { alarm.as_mut().poll(cx) } else { Poll::Ready(()) }
    }
}

/// A session whose end is certain.
struct Leaving {
    ending: Ending,
    alarm: Pin<Box<Sleep>>,
}

/// How a session ended.
struct End {
    ending: Ending,
    /// The client is gone without a word.
    vanished: bool,
}

impl End {
    const fn of(ending: Ending) -> Self {
        Self { ending, vanished: false }
    }
}

/// A session with both its connections.
struct Connected {
    client: Io,
    provider: Io,
    /// From the client to the provider.
    up: Lane,
    /// From the provider to the client.
    down: Lane,
    up_stopped: bool,
    leaving: Option<Leaving>,
    relay: Relay,
}

impl Connected {
    async fn run(mut self) {
        let end = poll_fn(|cx| self.poll(cx)).await;
        if end.vanished
            && let Some(bound) = self.relay.read_on
        {
            self.read_on(bound).await;
        }
        self.relay.turns.finish(end.ending);
        // Who does not listen is not waited for.
        let _ = timeout(FAREWELL, self.part()).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            if let Some(end) = self.move_up(cx).or_else(|| self.move_down(cx)) {
                return Poll::Ready(end);
            }
            if self.up.take_moved() | self.down.take_moved() {
                self.relay.silence.broken();
            }
            if let Some(leaving) = &mut self.leaving {
                let ending = leaving.ending;
                return leaving.alarm.as_mut().poll(cx).map(|()| End::of(ending));
            }
            if let Some(farewell) = ready!(self.relay.poll(cx)) {
                self.dismiss(&farewell, Ending::Left);
            }
        }
    }

    fn move_up(&mut self, cx: &mut Context<'_>) -> Option<End> {
        if self.up_stopped {
            return None;
        }
        let mut watch = Client(&mut self.relay.turns);
        let Poll::Ready(stop) = self.up.poll(cx, &mut self.client, &mut self.provider, &mut watch)
        else {
            return None;
        };
        self.up_stopped = true;
        match stop {
            // The answer to its close may still come.
            Stop::Ended if self.up.is_closed() => self.leave(Ending::Left),
            Stop::Ended => return Some(End { ending: Ending::Left, vanished: true }),
            Stop::Broken => self.dismiss(&Farewell::unreadable(), Ending::Left),
            // What the provider has said before may still come.
            Stop::Unwritable | Stop::Concluded => {}
        }
        None
    }

    fn move_down(&mut self, cx: &mut Context<'_>) -> Option<End> {
        loop {
            let mut watch = Server(&mut self.relay.turns);
            let Poll::Ready(stop) =
                self.down.poll(cx, &mut self.provider, &mut self.client, &mut watch)
            else {
                return None;
            };
            let closed = self.relay.turns.closed();
            let leaving = self.leaving.as_ref().map(|leaving| leaving.ending);
            let ending = leaving.or(closed);
            match (stop, ending) {
                (Stop::Ended, None) => self.dismiss(&Farewell::cut(), Ending::Cut),
                (Stop::Unwritable, _) => {
                    return Some(End { ending: Ending::Left, vanished: closed.is_none() });
                }
                (_, ending) => return Some(End::of(ending.unwrap_or(Ending::Cut))),
            }
        }
    }

    /// Ends the session from here.
    fn dismiss(&mut self, farewell: &Farewell, ending: Ending) {
        let Relay { turns, dialect, .. } = &self.relay;
        self.down.conclude(farewell.frames(*dialect, turns.id()));
        // The provider is to hear nothing more that would cost.
        self.up_stopped = true;
        self.leave(ending);
    }

    fn leave(&mut self, ending: Ending) {
        let alarm = Box::pin(sleep(FAREWELL));
        self.leaving.get_or_insert(Leaving { ending, alarm });
    }

    /// Reads the rest of an answer, for its figures.
    async fn read_on(&mut self, bound: Duration) {
        let rest = poll_fn(|cx| {
            let mut watch = Server(&mut self.relay.turns);
            let stopped =
                self.down.poll(cx, &mut self.provider, &mut tokio::io::sink(), &mut watch);
            let over = stopped.is_ready() || !self.relay.turns.is_answering();
            if over { Poll::Ready(()) } else { Poll::Pending }
        });
        // What is not there then is estimated.
        let _ = timeout(bound, rest).await;
    }

    /// Gives both sides the end of the stream; the provider a close, if it had none.
    async fn part(&mut self) {
        let _ = self.client.shutdown().await;
        if !self.relay.turns.is_held_back() && !self.up.is_closed() {
            self.up.conclude(close_frame(NORMAL, "", Some(rand::random())));
            let mut watch = Client(&mut self.relay.turns);
            let mut nobody = tokio::io::empty();
            poll_fn(|cx| self.up.poll(cx, &mut nobody, &mut self.provider, &mut watch)).await;
        }
        // Closing with bytes unread would take back what the client was sent last.
        let mut unread = [0; 1024];
        while self.client.read(&mut unread).await.is_ok_and(|read| read > 0) {}
    }
}

impl Relay {
    /// Ready when the next answer was admitted, or with the reason for which the session ends.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Farewell>> {
        if let Poll::Ready(asked) = self.turns.poll(cx) {
            return Poll::Ready(asked.err().map(|refusal| {
                self.turns.refused(&refusal);
                Farewell::refused(&refusal)
            }));
        }
        if self.stopping.poll(cx, self.turns.is_answering()).is_ready() {
            return Poll::Ready(Some(Farewell::stopping()));
        }
        ready!(self.silence.poll(cx));
        Poll::Ready(Some(Farewell::idle()))
    }
}

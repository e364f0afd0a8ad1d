//! One live client: a task that shows it what it has not seen, and answers what it asks.
//!
//! Invariants: it waits for nobody and nobody waits for it. It keeps a position and no backlog: what
//! it is shown is taken from the board when it can take it. A position that was shown is never shown
//! again.

use super::audience::{Audience, Of};
use super::board::Next;
use super::message::{Refused, Wish, around};
use super::snapshot::{Snapshot, snapshot};
use super::socket::{Farewell, Received, Socket};
use super::{Live, Place};
use crate::clock::{UnixMs, rfc3339};
use crate::control::desk::Desk;
use crate::control::principal::Principal;
use crate::control::problem::Problem;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{AccountStatus, KeyFacts};
use axum::http::HeaderValue;
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{MissedTickBehavior, interval};

const SNAPSHOT: &str = "quota_snapshot";
const STATUS: &str = "status_response";
/// So many messages a client may send in a minute.
const MOST_MESSAGES: u32 = 100;
const MINUTE_MS: i64 = 60_000;
/// So many pings may stay unanswered.
const MISSES: u32 = 2;

/// A connection that was let in.
pub(super) struct Opened {
    pub(super) desk: Desk,
    pub(super) audience: Audience,
    /// Keeps its place among all clients.
    pub(super) place: Place,
    /// The login that it came with; `None`: a ticket.
    pub(super) cookie: Option<HeaderValue>,
}

/// See the module.
pub(super) struct Client<S> {
    desk: Desk,
    live: Arc<Live>,
    audience: Audience,
    socket: Socket<S>,
    place: Place,
    cookie: Option<HeaderValue>,
    /// What it has seen of the board.
    position: u64,
    /// The number of its last message.
    seq: u64,
    unanswered: u32,
    /// When the current minute began, and what was received in it.
    received: (UnixMs, u32),
}

/// What a client waits for.
enum Happened {
    Received(Received),
    Moved,
    Ping,
    Recheck,
    Stopping,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) fn new(opened: Opened, socket: Socket<S>) -> Self {
        let Opened { desk, audience, place, cookie } = opened;
        let live = desk.live.clone();
        let (position, received) = (live.position(), (desk.clock.now(), 0));
        let (seq, unanswered) = (0, 0);
        Self { desk, live, audience, socket, place, cookie, position, seq, unanswered, received }
    }

    /// Serves it to its end.
    pub(super) async fn serve(mut self) {
        let farewell = match self.run().await {
            Ok(never) => match never {},
            Err(farewell) => farewell,
        };
        self.socket.end(farewell).await;
        drop(self.place);
    }

    async fn run(&mut self) -> Result<std::convert::Infallible, Farewell> {
        let (mut moved, mut stopping) =
            (self.live.moved.subscribe(), self.live.stopping.subscribe());
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.reset();
            ticks
        };
        let (mut pings, mut rechecks) = (every(self.live.pace.ping), every(self.live.pace.recheck));
        self.show_snapshot(SNAPSHOT).await?;
        self.catch_up().await?;
        loop {
            let happened = tokio::select! {
                biased;
                _stop = stopping.wait_for(|stopping| *stopping) => Happened::Stopping,
                _tick = pings.tick() => Happened::Ping,
                _tick = rechecks.tick() => Happened::Recheck,
                received = self.socket.read() => Happened::Received(received?),
                _moved = moved.changed() => Happened::Moved,
            };
            match happened {
                Happened::Received(received) => self.answer(received).await?,
                Happened::Moved => self.catch_up().await?,
                Happened::Ping => self.ping().await?,
                Happened::Recheck => self.recheck().await?,
                Happened::Stopping => return Err(Farewell::Close(1001, "the proxy stops")),
            }
        }
    }

    /// Shows everything that is new for it, the latest of each account.
    async fn catch_up(&mut self) -> Result<(), Farewell> {
        loop {
            let next = self.live.next(self.position, |update| self.audience.hears(update));
            match next {
                Next::Nothing(position) => {
                    self.position = position;
                    return Ok(());
                }
                Next::Lost => self.show_snapshot(SNAPSHOT).await?,
                Next::Update(position, update) => {
                    self.position = position;
                    self.say(update.kind.as_str(), update.data.clone()).await?;
                }
            }
        }
    }

    async fn answer(&mut self, received: Received) -> Result<(), Farewell> {
        self.unanswered = 0;
        self.count()?;
        let Received::Text(text) = received else { return Ok(()) };
        let answered = match Wish::read(&text) {
            Ok(Wish::Ping) => return self.say("pong", Bytes::from_static(b"{}")).await,
            Ok(Wish::Status) => self.show_status().await?,
            Ok(Wish::Subscribe(accounts)) => self.subscribe(accounts).await?,
            Err(refused) => Err(refused),
        };
        match answered {
            Ok(()) => Ok(()),
            Err(refused) => self.refuse(refused).await,
        }
    }

    /// Counts a message, and ends the connection of whoever sends too many.
    fn count(&mut self) -> Result<(), Farewell> {
        let now = self.desk.clock.now();
        let (since, count) = &mut self.received;
        if now.saturating_sub(*since) >= MINUTE_MS {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > MOST_MESSAGES {
            return Err(Farewell::Close(1008, "at most 100 messages a minute"));
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), Farewell> {
        if self.unanswered >= MISSES {
            return Err(Farewell::Gone);
        }
        self.unanswered += 1;
        self.socket.ping().await
    }

    async fn recheck(&mut self) -> Result<(), Farewell> {
        let (by, cookie) = (&self.audience.by, self.cookie.as_ref());
        let holds = match by.name.parse() {
            Ok(AccountId { kind: AccountKind::Key, id }) => key_works(&self.desk, &id, by).await,
            _ => self.desk.identity.still_holds(by, cookie).await,
        };
        if holds {
            return Ok(());
        }
        Err(Farewell::Close(4401, "the token is no longer valid"))
    }

    async fn subscribe(
        &mut self,
        accounts: Vec<AccountId>,
    ) -> Result<Result<(), Refused>, Farewell> {
        for account in &accounts {
            if let Err(refused) = may_hear_of(&self.desk, &self.audience, account).await {
                return Ok(Err(refused));
            }
        }
        let earlier = std::mem::replace(&mut self.audience.filter, accounts.into_iter().collect());
        match self.read_snapshot().await {
            Ok(snapshot) => {
                self.position = snapshot.position;
                self.say(SNAPSHOT, snapshot.data.clone()).await.map(Ok)
            }
            Err(problem) => {
                self.audience.filter = earlier;
                Ok(Err(refused(&problem)))
            }
        }
    }

    async fn show_status(&mut self) -> Result<Result<(), Refused>, Farewell> {
        match self.read_snapshot().await {
            Ok(snapshot) => self.say(STATUS, snapshot.data.clone()).await.map(Ok),
            Err(problem) => Ok(Err(refused(&problem))),
        }
    }

    async fn read_snapshot(&mut self) -> Result<Arc<Snapshot>, Problem> {
        snapshot(&self.desk, &self.live, &self.audience).await
    }

    /// Without a snapshot, what follows would have nothing to follow on.
    async fn show_snapshot(&mut self, kind: &str) -> Result<(), Farewell> {
        match self.read_snapshot().await {
            Ok(snapshot) => {
                self.position = snapshot.position;
                self.say(kind, snapshot.data.clone()).await
            }
            Err(problem) => {
                self.refuse(refused(&problem)).await?;
                Err(Farewell::Close(1011, "the figures cannot be read"))
            }
        }
    }

    async fn refuse(&mut self, Refused { code, message }: Refused) -> Result<(), Farewell> {
        let data = json!({"code": code, "message": message});
        self.say("error", Bytes::from(data.to_string())).await
    }

    async fn say(&mut self, kind: &str, data: Bytes) -> Result<(), Farewell> {
        self.seq += 1;
        let (head, tail) = around(kind, self.seq, &rfc3339(self.desk.clock.now()));
        self.socket.send([Bytes::from(head), data, Bytes::from_static(tail.as_bytes())]).await
    }
}

/// Whether a key still works, in the workspace that it had. Where the ledger does not say, it does.
async fn key_works(desk: &Desk, id: &Id, by: &Principal) -> bool {
    let Ok(found) = desk.registry.account(&AccountId::key(id)).await else { return true };
    let now = desk.clock.now();
    let expired = |key: &KeyFacts| key.expires.is_some_and(|at| at <= now);
    found.is_some_and(|account| {
        account.status != AccountStatus::Revoked
            && account.workspace == by.workspace
            && !account.key.as_ref().is_some_and(expired)
    })
}

fn refused(problem: &Problem) -> Refused {
    let code = match problem.status.as_u16() {
        404 => "not_found",
        503 => "unavailable",
        _ => "invalid_message",
    };
    Refused { code, message: problem.detail.clone() }
}

/// Whether an account lies within the scope of the connection.
async fn may_hear_of(desk: &Desk, audience: &Audience, account: &AccountId) -> Result<(), Refused> {
    let missing = || refused(&Problem::missing(account));
    let found = match account.kind {
        AccountKind::Key => {
            let message = format!("`{account}` cannot be heard of by itself; name its user");
            return Err(Refused { code: "invalid_message", message });
        }
        AccountKind::Credential if !audience.hears_providers() => return Err(missing()),
        _ => desk.find(account).await.map_err(|problem| refused(&problem))?,
    };
    let within = match (&audience.of, account.kind) {
        (Of::All, _) => true,
        (Of::Workspace(own), AccountKind::User) => found.workspace.as_ref() == Some(own),
        (Of::Workspace(own), AccountKind::Workspace) => found.id.id == *own,
        (Of::User(own), AccountKind::User) => found.id.id == *own,
        _ => false,
    };
    if within { Ok(()) } else { Err(missing()) }
}

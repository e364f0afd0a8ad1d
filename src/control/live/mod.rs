//! Live updates: `GET /api/quota/ws`, and the tickets that open it.
//!
//! `follow` turns hints into what stands on the `board`; each `client` is a task that shows what is
//! new to its `audience` over its `socket`, beginning with a `snapshot`. `ticket` says who may come.
//!
//! Invariants: the data path tells hints and waits for nothing. Clients are limited in number, and a
//! client costs a position on the board, its filter, and the buffers of its socket.

mod audience;
mod board;
mod client;
mod connect;
mod follow;
mod message;
mod own;
mod snapshot;
mod socket;
mod status;
mod ticket;

pub use own::{Asked, OwnLive};

use super::Parts;
use super::operation::Operations;
use super::scope::{Resource, Scope};
use crate::event::Feed;
use crate::ids::Id;
use crate::telemetry::names::{self, Present};
use audience::Of;
use board::{Board, Next, Update};
use moka::sync::Cache;
use parking_lot::Mutex;
use snapshot::Snapshot;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Where live clients connect. Their ticket is looked at there, so no token is asked for before.
pub(super) const PATH: &str = "/api/quota/ws";
/// Where tickets are made.
const TICKETS: &str = "/api/v1/ws-tickets";
/// So many clients at the same time.
const MOST_CLIENTS: usize = 2_000;
/// So many snapshots are read at the same time.
const READINGS: usize = 4;
/// For so long a snapshot is shown to others who come for the same.
const SHARED: Duration = Duration::from_millis(250);
const MOST_SHARED: u64 = 64;

pub(super) fn operations() -> Operations {
    Operations::default()
        .post(TICKETS, Scope::Any, ticket::issue)
        .says("Makes a ticket that opens one live connection", 201, "Ticket")
        .takes("Nothing")
        .get(PATH, Scope::Read(Resource::Usage), connect::connect)
        .own_door()
        .says("Opens a WebSocket with live updates", 101, "")
        .asks(&["ticket", "user", "workspace"])
}

/// How often live connections do what they do by the clock.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How long hints are gathered before accounts are read.
    pub gather: Duration,
    /// How often a client is asked for a sign of life; after two without an answer it is let go.
    pub ping: Duration,
    /// How often it is checked that whoever opened a connection may still come.
    pub recheck: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gather: Duration::from_millis(150),
            ping: Duration::from_secs(20),
            recheck: Duration::from_secs(30),
        }
    }
}

/// What all live clients share.
pub struct Live {
    feed: Arc<Feed>,
    pace: Pace,
    board: Mutex<Board>,
    moved: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
    places: Arc<Semaphore>,
    /// How many connections are about what.
    about: Mutex<HashMap<Of, usize>>,
    snapshots: Cache<String, Arc<Snapshot>>,
    reading: Semaphore,
}

/// A client's place among all, for as long as it is kept.
struct Place {
    live: Arc<Live>,
    of: Of,
    _permit: OwnedSemaphorePermit,
    _counted: Present,
}

impl Live {
    /// Shows live clients what is told to `feed`.
    pub fn new(feed: Arc<Feed>, pace: Pace) -> Arc<Self> {
        Arc::new(Self {
            feed,
            pace,
            board: Mutex::default(),
            moved: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            places: Arc::new(Semaphore::new(MOST_CLIENTS)),
            about: Mutex::default(),
            snapshots: Cache::builder().max_capacity(MOST_SHARED).time_to_live(SHARED).build(),
            reading: Semaphore::new(READINGS),
        })
    }

    /// Hints may have been missed: every client is shown how everything stands.
    pub fn refresh(&self) {
        let position = self.board.lock().forget();
        self.moved.send_replace(position);
    }

    /// Ends all connections, and those that come later.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Follows the feed for as long as there are these parts.
    pub(super) fn start(self: &Arc<Self>, parts: &Arc<Parts>) {
        tokio::spawn(follow::follow(self.clone(), Arc::downgrade(parts)));
    }

    /// A place for one more client; `None` where there are too many.
    fn enter(self: &Arc<Self>, of: &Of) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        *self.about.lock().entry(of.clone()).or_default() += 1;
        let counted = Present::on(names::WS_CONNECTIONS);
        Some(Place { live: self.clone(), of: of.clone(), _permit: permit, _counted: counted })
    }

    fn has_clients(&self) -> bool {
        !self.about.lock().is_empty()
    }

    /// Whether anybody may hear of this user. Where its workspace is not known, perhaps.
    fn wants(&self, user: &Id, workspace: Option<&Id>) -> bool {
        let about = self.about.lock();
        about.keys().any(|of| match of {
            Of::All => true,
            Of::Workspace(own) => workspace.is_none_or(|workspace| workspace == own),
            Of::User(own) => own == user,
        })
    }

    /// Puts an update up; [`Live::tell`] says so.
    fn put(&self, update: Update) {
        self.board.lock().put(update);
    }

    /// Tells all clients that there is something new.
    fn tell(&self) {
        self.moved.send_replace(self.position());
    }

    fn position(&self) -> u64 {
        self.board.lock().position()
    }

    fn next(&self, after: u64, hears: impl Fn(&Update) -> bool) -> Next {
        self.board.lock().next(after, hears)
    }

    /// The snapshot that is being shown to others; not one from before something was forgotten.
    fn shared(&self, name: &str) -> Option<Arc<Snapshot>> {
        let nobody = |_: &Update| false;
        let known = self.snapshots.get(name)?;
        (self.next(known.position, nobody) != Next::Lost).then_some(known)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut about = self.live.about.lock();
        if let Some(count) = about.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                about.remove(&self.of);
            }
        }
    }
}

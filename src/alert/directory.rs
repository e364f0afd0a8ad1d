//! The channels there are: those of the file, and those that were made over the API, which every
//! proxy of a ledger sees within a second.
//!
//! Invariant: a name stands for one channel. Where both have it, that of the file counts.

use super::address::Allowed;
use super::channel::Channel;
use super::sealed::Seal;
use super::written::{BadKey, bad};
use crate::ids::Id;
use crate::ledger::{RecordError, RecordKind, Records, When};
use arc_swap::ArcSwap;
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

const KIND: RecordKind = RecordKind::AlertChannel;

/// A channel, and whence it is.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The channel.
    pub channel: Channel,
    /// It stands in the file, and can only be changed there.
    pub in_file: bool,
}

/// Why a channel was not made.
#[derive(Debug)]
pub enum NotMade {
    /// Something is wrong with it.
    Bad(BadKey),
    /// There is one of that name.
    Exists(Id),
    /// It cannot be kept.
    Ledger(RecordError),
}

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(why) => why.fmt(f),
            Self::Exists(name) => write!(f, "there is a channel `{name}` already; delete it first"),
            Self::Ledger(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for NotMade {}

/// All channels.
pub(super) struct Directory {
    records: Arc<dyn Records>,
    seal: Seal,
    file: ArcSwap<Vec<Channel>>,
    allowed: ArcSwap<Allowed>,
    all: ArcSwap<Vec<Listed>>,
}

impl Directory {
    pub(super) fn new(records: Arc<dyn Records>, token: &SecretString) -> Self {
        let seal = Seal::of(token);
        let (file, allowed, all) = (ArcSwap::default(), ArcSwap::default(), ArcSwap::default());
        Self { records, seal, file, allowed, all }
    }

    /// What the file says now.
    pub(super) fn set_file(&self, channels: Vec<Channel>, allowed: Allowed) {
        let in_file = |channel: &Channel| Listed { channel: channel.clone(), in_file: true };
        let all = self.all.load();
        let made = all.iter().filter(|listed| !listed.in_file).cloned();
        let all = channels.iter().map(in_file).chain(made).collect();
        self.allowed.store(Arc::new(allowed));
        self.file.store(Arc::new(channels));
        self.all.store(Arc::new(all));
    }

    /// Every channel, as it was read last.
    pub(super) fn all(&self) -> Arc<Vec<Listed>> {
        self.all.load_full()
    }

    /// Reads what was made over the API.
    pub(super) async fn refresh(&self) -> Result<(), RecordError> {
        let page = self.records.list(KIND, None, 200).await?;
        let file = self.file.load_full();
        let mut all: Vec<_> = file.iter().map(|channel| (channel.clone(), true)).collect();
        for (name, text) in page.entries {
            if file.iter().any(|channel| *channel.name() == name) {
                continue;
            }
            match self.opened(&name, &text) {
                Some(channel) => all.push((channel, false)),
                None => tracing::warn!(
                    channel = %name,
                    "a channel cannot be read: it was made under another admin token; delete it \
                     and make it again"
                ),
            }
        }
        let all = all.into_iter().map(|(channel, in_file)| Listed { channel, in_file });
        self.all.store(Arc::new(all.collect()));
        Ok(())
    }

    fn opened(&self, name: &Id, sealed: &str) -> Option<Channel> {
        let text = self.seal.open(name.as_str(), sealed)?;
        let map: Map<String, Value> = serde_json::from_str(&text).ok()?;
        Channel::read(&map, &self.allowed.load()).ok()
    }

    /// Makes a channel, of the keys that the file has.
    pub(super) async fn make(&self, map: &Map<String, Value>) -> Result<Channel, NotMade> {
        let channel = Channel::read(map, &self.allowed.load()).map_err(NotMade::Bad)?;
        let name = channel.name();
        if self.file.load().iter().any(|other| other.name() == name) {
            return Err(NotMade::Exists(name.clone()));
        }
        let text = Value::Object(map.clone()).to_string();
        let sealed = self.seal.seal(name.as_str(), &text).ok_or_else(|| {
            NotMade::Bad(bad("", "it cannot be sealed: the machine gives no random numbers"))
        })?;
        let put = self.records.put(KIND, name, &sealed, None, When::Absent).await;
        match put.map_err(NotMade::Ledger)? {
            true => self.refresh().await.map_err(NotMade::Ledger)?,
            false => return Err(NotMade::Exists(name.clone())),
        }
        Ok(channel)
    }

    /// Deletes a channel that was made over the API; whether there was one.
    pub(super) async fn remove(&self, name: &Id) -> Result<bool, RecordError> {
        let there = self.records.remove(KIND, name).await?;
        self.refresh().await?;
        Ok(there)
    }
}

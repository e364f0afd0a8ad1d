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
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// Secrets that are sent, and the keys that say where to and how.
const TIED: &[(&str, &[&str])] =
    &[("password", &["host", "port", "tls"]), ("routing_key", &["url"]), ("auth_token", &["url"])];
const KIND: RecordKind = RecordKind::AlertChannel;
/// How many digits of a hash a revision has.
const DIGITS: usize = 16;

/// A channel, and whence it is.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The channel.
    pub channel: Channel,
    /// It stands in the file, and can only be changed there.
    pub in_file: bool,
    /// Another one after every change, also of a secret, of which it tells nothing.
    pub revision: String,
}

impl Listed {
    fn of_file(channel: &Channel) -> Self {
        let revision = revision(&Value::Object(channel.shown()).to_string());
        Self { channel: channel.clone(), in_file: true, revision }
    }
}

fn revision(text: &str) -> String {
    let hash = Sha256::digest(text);
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chars().take(DIGITS).collect()
}

/// Why a channel was not made or changed.
#[derive(Debug)]
pub enum NotMade {
    /// Something is wrong with it.
    Bad(BadKey),
    /// There is one of that name.
    Exists(Id),
    /// It was changed by somebody else meanwhile.
    Changed(Id),
    /// It cannot be kept.
    Ledger(RecordError),
}

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(why) => why.fmt(f),
            Self::Exists(name) => write!(f, "there is a channel `{name}` already; delete it first"),
            Self::Changed(name) => {
                write!(f, "channel {name} was changed meanwhile; read it again, then change it")
            }
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
        let all = self.all.load();
        let made = all.iter().filter(|listed| !listed.in_file).cloned();
        let all = channels.iter().map(Listed::of_file).chain(made).collect();
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
        let mut all: Vec<_> = file.iter().map(Listed::of_file).collect();
        for (name, text) in page.entries {
            if file.iter().any(|channel| *channel.name() == name) {
                continue;
            }
            match self.opened(&name, &text) {
                Some(channel) => {
                    all.push(Listed { channel, in_file: false, revision: revision(&text) });
                }
                None => tracing::warn!(
                    channel = %name,
                    "a channel cannot be read: it was made under another admin token; delete it \
                     and make it again"
                ),
            }
        }
        self.all.store(Arc::new(all));
        Ok(())
    }

    fn opened(&self, name: &Id, sealed: &str) -> Option<Channel> {
        let text = self.seal.open(name.as_str(), sealed)?;
        let map: Map<String, Value> = serde_json::from_str(&text).ok()?;
        self.read(&map).ok()
    }

    /// Reads a channel of the API. None may run a command: whoever has a token for alerts would have
    /// the machine.
    fn read(&self, map: &Map<String, Value>) -> Result<Channel, BadKey> {
        let channel = Channel::read(map, &self.allowed.load())?;
        match channel.runs_command() {
            true => Err(bad("type", "exec channels stand in the file only, see docs/alerts.md")),
            false => Ok(channel),
        }
    }

    /// Makes a channel, of the keys that the file has.
    pub(super) async fn make(&self, map: &Map<String, Value>) -> Result<Channel, NotMade> {
        let channel = self.read(map).map_err(NotMade::Bad)?;
        let name = channel.name();
        if self.file.load().iter().any(|other| other.name() == name) {
            return Err(NotMade::Exists(name.clone()));
        }
        let sealed = self.sealed(name, map)?;
        let put = self.records.put(KIND, name, &sealed, None, When::Absent).await;
        match put.map_err(NotMade::Ledger)? {
            true => self.refresh().await.map_err(NotMade::Ledger)?,
            false => return Err(NotMade::Exists(name.clone())),
        }
        Ok(channel)
    }

    /// Changes some keys of a channel that was made over the API; what is absent stays, secrets
    /// too, and null takes a key away.
    pub(super) async fn change(
        &self,
        name: &Id,
        changes: Map<String, Value>,
    ) -> Result<Option<Channel>, NotMade> {
        if let Some(key) = ["name", "type"].into_iter().find(|key| changes.contains_key(*key)) {
            let detail = format!("the {key} of a channel stays; make another channel");
            return Err(NotMade::Bad(bad(key, detail)));
        }
        let before = self.records.get(KIND, name).await.map_err(NotMade::Ledger)?;
        let Some(before) = before else { return Ok(None) };
        let text = self.seal.open(name.as_str(), &before);
        let map = text.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
        let Some(mut map) = map else {
            let detail = "it was made under another admin token; delete it and make it again";
            return Err(NotMade::Bad(bad("", detail)));
        };
        stays(&map, &changes).map_err(NotMade::Bad)?;
        for (key, value) in changes {
            match value {
                Value::Null => map.remove(&key),
                value => map.insert(key, value),
            };
        }
        let channel = self.read(&map).map_err(NotMade::Bad)?;
        let after = self.sealed(name, &map)?;
        let put = self.records.put(KIND, name, &after, None, When::Is(&before)).await;
        match put.map_err(NotMade::Ledger)? {
            true => self.refresh().await.map_err(NotMade::Ledger)?,
            false => return Err(NotMade::Changed(name.clone())),
        }
        Ok(Some(channel))
    }

    fn sealed(&self, name: &Id, map: &Map<String, Value>) -> Result<String, NotMade> {
        let text = Value::Object(map.clone()).to_string();
        self.seal.seal(name.as_str(), &text).ok_or_else(|| {
            NotMade::Bad(bad("", "it cannot be sealed: the machine gives no random numbers"))
        })
    }

    /// Deletes a channel that was made over the API; whether there was one.
    pub(super) async fn remove(&self, name: &Id) -> Result<bool, RecordError> {
        let there = self.records.remove(KIND, name).await?;
        self.refresh().await?;
        Ok(there)
    }
}

/// Refuses to send a secret of a channel to another place than it was written for, or in the clear:
/// who may change channels need not know their secrets.
fn stays(map: &Map<String, Value>, changes: &Map<String, Value>) -> Result<(), BadKey> {
    for (secret, places) in TIED {
        if !map.contains_key(*secret) || changes.contains_key(*secret) {
            continue;
        }
        let absent = |value: Option<&Value>| value.is_none_or(Value::is_null);
        let other = |key: &&&str| {
            let (old, new) = (map.get(**key), changes.get(**key));
            new.is_some() && old != new && !(absent(old) && absent(new))
        };
        if let Some(key) = places.iter().find(other) {
            let detail = format!("{secret} was written for another one; write it again with this");
            return Err(bad(key, detail));
        }
    }
    Ok(())
}

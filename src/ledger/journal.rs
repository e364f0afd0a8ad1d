//! The journal in front of Redis: settlements are written here before `settle` returns, and
//! acknowledged when Redis has them.
//!
//! Invariants: a settlement that is not acknowledged is delivered again by the next process. What
//! was written in the last minutes is kept although acknowledged, for a Redis that lost its last
//! writes. Delivering twice does no harm for as long as Redis remembers how a call ended; older
//! ones are put aside for a person to decide.

use super::aside::UNAPPLIED;
use super::log::Log;
use super::order::Settlement;
use super::{OpenError, order::Unavailable};
use crate::clock::UnixMs;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const SEGMENT_BYTES: u64 = 1 << 20;
/// Beside the log: what Redis refused, tried again at the next start.
const REFUSED: &str = "refused.jsonl";
/// For how long acknowledged settlements are kept.
pub const KEEP_MS: i64 = 120_000;

#[derive(Debug, Serialize, Deserialize)]
enum Entry<'a> {
    Settle {
        at: UnixMs,
        settlement: Cow<'a, Settlement>,
    },
    Done {
        seq: u64,
    },
    /// Several at once.
    AllDone {
        seqs: Cow<'a, [u64]>,
    },
}

/// A settlement with its place in the journal; 0 where it could not be written.
#[derive(Debug, Clone)]
pub struct Noted {
    pub seq: u64,
    pub settlement: Settlement,
}

/// The journal of one directory, held by one process.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    log: Log,
    /// Not acknowledged yet, with the time of writing.
    open: BTreeMap<u64, UnixMs>,
    /// Acknowledged in the last minutes.
    kept: VecDeque<(u64, UnixMs)>,
    /// Why nothing can be written.
    broken: Option<String>,
    buffer: Vec<u8>,
    _lock: File,
}

impl Journal {
    /// Opens the journal of a directory; gives what is to be delivered again. What is older than
    /// `mark_ms` is put aside.
    pub fn open(dir: &Path, now: UnixMs, mark_ms: i64) -> Result<(Self, Vec<Noted>), OpenError> {
        let fail = |why: io::Error| OpenError(format!("the journal {}: {why}", dir.display()));
        std::fs::create_dir_all(dir).map_err(fail)?;
        let lock = lock(dir)?;
        let (log, contents) = Log::open(dir, SEGMENT_BYTES, 0).map_err(fail)?;
        for damage in &contents.damage {
            tracing::warn!("the journal: {damage}; all records before that were read");
        }
        let mut journal = Self {
            dir: dir.to_owned(),
            log,
            open: BTreeMap::new(),
            kept: VecDeque::new(),
            broken: None,
            buffer: Vec::with_capacity(2048),
            _lock: lock,
        };
        let mut found = read(contents.records);
        let mut refused = journal.take_refused().map_err(fail)?;
        let calls: HashSet<_> = refused.values().map(|(_, ended, _)| ended.id()).collect();
        found.retain(|_, (_, ended, acknowledged)| !*acknowledged || !calls.contains(&ended.id()));
        found.append(&mut refused);
        let mut again = Vec::new();
        for (seq, (at, settlement, acknowledged)) in found {
            let age = now.saturating_sub(at);
            if acknowledged && age > KEEP_MS {
                continue;
            }
            if age > mark_ms {
                journal.put_aside(&settlement).map_err(fail)?;
                if journal.open.remove(&seq).is_some() {
                    let _ = journal.write(&Entry::Done { seq });
                }
                continue;
            }
            journal.open.insert(seq, at);
            again.push(Noted { seq, settlement });
        }
        journal.tidy();
        Ok((journal, again))
    }

    /// Writes a settlement. Where that fails it is still delivered, but nothing more may be
    /// admitted until writing works again.
    pub fn note(&mut self, settlement: Settlement, at: UnixMs) -> Noted {
        let entry = Entry::Settle { at, settlement: Cow::Borrowed(&settlement) };
        let seq = self.write(&entry).unwrap_or(0);
        if seq != 0 {
            self.open.insert(seq, at);
        }
        Noted { seq, settlement }
    }

    /// Redis has them.
    pub fn done(&mut self, seqs: &[u64], now: UnixMs) {
        let kept = self.kept.len();
        for seq in seqs {
            self.kept.extend(self.open.remove(seq).map(|at| (*seq, at)));
        }
        if self.kept.len() > kept {
            // Were this lost, settlements would be delivered twice, which does no harm.
            let _ = self.write(&Entry::AllDone { seqs: Cow::Borrowed(seqs) });
        }
        while self.kept.front().is_some_and(|(_, at)| now.saturating_sub(*at) > KEEP_MS) {
            self.kept.pop_front();
        }
        self.tidy();
    }

    /// Redis will not take it while its data are as they are: it leaves the log for a file that the
    /// next start reads. Gives the file.
    pub fn refuse(&mut self, noted: &Noted, now: UnixMs) -> io::Result<PathBuf> {
        let at = self.open.get(&noted.seq).copied().unwrap_or(now);
        let path = self.dir.join(REFUSED);
        let entry = Entry::Settle { at, settlement: Cow::Borrowed(&noted.settlement) };
        append_line(&path, &entry)?;
        if self.open.remove(&noted.seq).is_some() {
            // Were this lost, the settlement would be tried twice, which does no harm.
            let _ = self.write(&Entry::Done { seq: noted.seq });
        }
        self.tidy();
        Ok(path)
    }

    /// Moves what was refused back into the log.
    fn take_refused(&mut self) -> io::Result<Read> {
        let path = self.dir.join(REFUSED);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Read::new()),
            Err(why) => return Err(why),
        };
        let mut taken = Read::new();
        for line in text.lines() {
            match serde_json::from_str(line) {
                Ok(Entry::Settle { at, settlement }) => {
                    let Noted { seq, settlement } = self.note(settlement.into_owned(), at);
                    if seq == 0 {
                        return Err(io::Error::other("what was refused cannot be written again"));
                    }
                    taken.insert(seq, (at, settlement, false));
                }
                _ => tracing::error!("a line of {} makes no sense: {line}", path.display()),
            }
        }
        std::fs::remove_file(&path)?;
        Ok(taken)
    }

    /// What was acknowledged in the last minutes, for a Redis that may have lost it.
    pub fn recent(&self) -> io::Result<Vec<Noted>> {
        let all = read(Log::read(&self.dir)?.records);
        let kept = self.kept.iter().map(|(seq, _)| *seq);
        Ok(kept
            .filter_map(|seq| {
                all.get(&seq)
                    .map(|(_, settlement, _)| Noted { seq, settlement: settlement.clone() })
            })
            .collect())
    }

    /// Whether settlements can be written; tries again where they could not.
    pub fn writable(&mut self) -> Result<(), Unavailable> {
        if self.broken.is_some() && self.write(&Entry::Done { seq: 0 }).is_some() {
            self.broken = None;
        }
        self.broken.clone().map_or(Ok(()), |why| Err(Unavailable(why)))
    }

    fn write(&mut self, entry: &Entry<'_>) -> Option<u64> {
        self.buffer.clear();
        let written = serde_json::to_writer(&mut self.buffer, entry)
            .map_err(io::Error::from)
            .and_then(|()| self.log.append(&self.buffer));
        match written {
            Ok(seq) => Some(seq),
            Err(why) => {
                let why = format!("the journal {} cannot be written: {why}", self.dir.display());
                if self.broken.is_none() {
                    tracing::error!("{why}; no call is admitted until it can");
                }
                self.broken = Some(why);
                None
            }
        }
    }

    fn tidy(&mut self) {
        let oldest = self.open.keys().next().copied();
        let kept = self.kept.front().map(|(seq, _)| *seq);
        let needed = oldest.into_iter().chain(kept).min();
        let covered = needed.map_or(self.log.last(), |seq| seq.saturating_sub(1));
        if let Err(why) = self.log.forget(covered) {
            tracing::warn!("the journal cannot be tidied: {why}");
        }
    }

    fn put_aside(&self, settlement: &Settlement) -> io::Result<()> {
        tracing::error!(
            call = %settlement.id(),
            "a settlement in the journal is too old to be delivered safely; it stands in \
             unapplied.jsonl beside the journal"
        );
        append_line(&self.dir.join(UNAPPLIED), settlement)?.sync_all()
    }
}

fn append_line(path: &Path, what: &impl Serialize) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let line = serde_json::to_string(what)?;
    writeln!(file, "{line}")?;
    Ok(file)
}

type Read = BTreeMap<u64, (UnixMs, Settlement, bool)>;

fn read(records: Vec<super::log::Record>) -> Read {
    let mut found = Read::new();
    for (seq, payload) in records {
        match serde_json::from_slice(&payload) {
            Ok(Entry::Settle { at, settlement }) => {
                found.insert(seq, (at, settlement.into_owned(), false));
            }
            Ok(Entry::Done { seq }) => acknowledge(&mut found, &[seq]),
            Ok(Entry::AllDone { seqs }) => acknowledge(&mut found, &seqs),
            Err(why) => tracing::error!("record {seq} of the journal makes no sense: {why}"),
        }
    }
    found
}

fn acknowledge(found: &mut Read, seqs: &[u64]) {
    for seq in seqs {
        if let Some(entry) = found.get_mut(seq) {
            entry.2 = true;
        }
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let fail = |why: String| OpenError(format!("cannot lock {}: {why}", path.display()));
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|why| fail(why.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(fail("another process uses it; give this one another data_dir".to_owned()))
        }
        Err(std::fs::TryLockError::Error(why)) => Err(fail(why.to_string())),
    }
}

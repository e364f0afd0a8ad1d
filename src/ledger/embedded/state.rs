//! The embedded ledger's state behind one lock: book, log, and what the store has yet to write.
//!
//! Invariant: a change is in the log before it is in the book. Where the log cannot be written,
//! holds are refused; settlements still count, and the next commit of the store covers them.

use super::super::OpenError;
use super::super::attempts::DayKey;
use super::super::book::{Book, Verdict};
use super::super::extending::Extension;
use super::super::log::Log;
use super::super::moment::Moment;
use super::super::once::{ONCE_KEYS, ONCE_MS};
use super::super::options::Options;
use super::super::order::{Admission, Amounts, HoldOrder, Settlement, Unavailable, UsageEvent};
use super::super::settling::{Mark, Settled, lost_charge, stamped};
use super::dirty::Dirty;
use super::entry::{Entry, PostEntry, PostText};
use super::store::{Batch, Store};
use crate::clock::UnixMs;
use crate::ids::CallId;
use foldhash::HashSet;
use serde::Serialize;
use serde_json::value::RawValue;
use std::path::Path;

const SEGMENT_BYTES: u64 = 8 << 20;
/// Posts are remembered by their events when this is over.
const POSTED_MS: i64 = 600_000;
const MARKED_MS: i64 = 86_400_000;
const DAY_MS: i64 = 86_400_000;

/// See the module.
pub struct State {
    pub book: Book,
    pub dirty: Dirty,
    log: Log,
    /// Why the log cannot be written.
    pub broken: Option<String>,
    moment: Moment,
    /// How many of the posts that are remembered, oldest first, have their event in the store.
    stored: usize,
    /// How many posts were forgotten ever.
    forgotten: usize,
    /// Open holds of this process, of calls and of attempts.
    pub mine: HashSet<CallId>,
    buffer: Vec<u8>,
}

impl State {
    /// Loads the store and replays the log over it.
    pub fn open(dir: &Path, store: &Store, options: &Options) -> Result<Self, OpenError> {
        let fail = |what: &str, why: String| {
            OpenError(format!("cannot read the {what} in {}: {why}", dir.display()))
        };
        let snapshot = store.snapshot().map_err(|why| fail("store", why))?;
        let meta = snapshot.meta().map_err(|why| fail("store", why))?;
        let mut book = snapshot.book().map_err(|why| fail("store", why))?;
        let (log, contents) = Log::open(&dir.join("log"), SEGMENT_BYTES, meta.seq)
            .map_err(|why| fail("log", why.to_string()))?;
        for damage in contents.damage {
            tracing::warn!("the ledger's log: {damage}; all records before that were read");
        }
        let mut dirty = Dirty::none(&book);
        for (_, payload) in contents.records.into_iter().filter(|(seq, _)| *seq > meta.seq) {
            let entry: Entry =
                serde_json::from_slice(&payload).map_err(|why| fail("log", why.to_string()))?;
            let moment = Moment::at(&options.calendar, entry.now());
            entry.apply(&mut book, &mut dirty, &moment, &options.default_thresholds, None);
        }
        let moment = Moment::at(&options.calendar, options.clock.now());
        let (mine, buffer) = (HashSet::default(), Vec::with_capacity(2048));
        Ok(Self { book, dirty, log, broken: None, moment, stored: 0, forgotten: 0, mine, buffer })
    }

    /// This moment.
    pub fn moment(&mut self, options: &Options) -> Moment {
        let now = options.clock.now();
        self.moment = self.moment.moved(now).unwrap_or_else(|| Moment::at(&options.calendar, now));
        self.moment
    }

    /// See [`super::super::Ledger::hold`].
    pub fn hold(
        &mut self,
        order: &HoldOrder,
        store: &Store,
        options: &Options,
    ) -> Result<Admission, Unavailable> {
        let moment = self.moment(options);
        match self.book.check(order, &moment, options.default_enforcement) {
            Err(denial) => return Ok(Admission::Denied(denial)),
            Ok(Verdict::Known) => {}
            // Its post may be remembered by its event only.
            Ok(Verdict::Fresh(_)) if store.has_event(&order.id).map_err(Unavailable)? => {
                return Ok(Admission::Denied(order.settled()));
            }
            Ok(Verdict::Fresh(hold)) => {
                let lease_end = moment.now.saturating_add(options.lease_ms);
                let entry = Entry::Hold { now: moment.now, lease_end, hold };
                self.write(&entry).map_err(Unavailable)?;
                self.apply(entry, &moment, options, None);
                self.mine.insert(order.id);
            }
        }
        Ok(self.book.admission(order, &moment))
    }

    /// See [`super::super::Ledger::extend`].
    pub fn extend(
        &mut self,
        id: CallId,
        more: Amounts,
        options: &Options,
    ) -> Result<Extension, Unavailable> {
        let moment = self.moment(options);
        match self.book.extension(id, more, &moment, options.default_enforcement) {
            Err(answer) => Ok(answer),
            Ok(more) => {
                let entry = Entry::Extend { now: moment.now, id, more };
                self.write(&entry).map_err(Unavailable)?;
                self.apply(entry, &moment, options, None);
                Ok(Extension::Held)
            }
        }
    }

    /// See [`super::super::Ledger::settle`].
    pub fn settle(&mut self, settlement: Settlement, store: &Store, options: &Options) -> Settled {
        let id = settlement.id();
        self.mine.remove(&id);
        let moment = self.moment(options);
        match settlement {
            attempt @ Settlement::Attempt { .. } => {
                let entry = Entry::Settle { now: moment.now, settlement: attempt };
                self.change(entry, &moment, options)
            }
            _ if self.ended(&id, store) => Settled::default(),
            Settlement::Post { charge, event, once: None } => {
                let charge = charge.sane();
                self.post(charge, stamped(event, charge, &moment), &moment, options)
            }
            other => {
                self.change(Entry::Settle { now: moment.now, settlement: other }, &moment, options)
            }
        }
    }

    /// Ends all holds whose lease has run out.
    pub fn sweep(&mut self, options: &Options) -> Vec<Settled> {
        let moment = self.moment(options);
        let posts = (self.stored, moment.now.saturating_sub(POSTED_MS));
        let others = moment.now.saturating_sub(MARKED_MS);
        let (forgotten, others) = self.book.forget(posts, others);
        self.stored = self.stored.saturating_sub(forgotten);
        self.forgotten = self.forgotten.saturating_add(forgotten);
        for id in others {
            self.dirty.marks.insert(id);
        }
        let keys = self.book.forget_once(moment.now.saturating_sub(ONCE_MS), ONCE_KEYS);
        self.dirty.once.extend(keys);
        let mut settled = Vec::new();
        for id in self.book.overdue(moment.now) {
            let Some(hold) = self.book.holds.get(&id) else { continue };
            let charge = lost_charge(options.lost_hold, hold.expected, hold.user_held());
            tracing::warn!(call = %id, charge = %charge.usd, "a hold expired and was charged");
            let entry = Entry::Expire { now: moment.now, id, charge };
            settled.push(self.change(entry, &moment, options));
        }
        settled
    }

    /// Moves the lease of every open hold of this process.
    pub fn renew(&mut self, options: &Options) {
        let moment = self.moment(options);
        let lease_end = moment.now.saturating_add(options.lease_ms);
        let ids: Vec<_> = self.mine.iter().copied().collect();
        for ids in ids.chunks(1000) {
            let entry = Entry::Renew { now: moment.now, lease_end, ids: ids.to_vec() };
            self.change(entry, &moment, options);
        }
    }

    /// Writes an administrative change; fails where the log does.
    pub fn admit(&mut self, entry: Entry, options: &Options) -> Result<(), Unavailable> {
        let moment = self.moment(options);
        self.write(&entry).map_err(Unavailable)?;
        self.apply(entry, &moment, options, None);
        Ok(())
    }

    /// Everything that is dirty, with the log's position.
    pub fn batch(&mut self, options: &Options) -> Batch {
        let dirty = self.dirty.take(&self.book);
        let book = &self.book;
        let account = |id| (book.accounts.get(&id).cloned(), id);
        let mark = |id: CallId| {
            let kept = book.marks.get(&id).filter(|(_, mark)| *mark != Mark::Posted);
            (id, kept.cloned())
        };
        let attempt = |id: CallId| (id, book.attempts.open.get(&id).cloned());
        let attempt_mark = |id: CallId| (id, book.attempts.ended.get(&id).cloned());
        let day = |key: DayKey| (key.clone(), book.attempts.days.get(&key).cloned());
        let retention = options.retention_days.saturating_mul(DAY_MS);
        Batch {
            accounts: dirty.accounts.into_iter().map(account).map(|(s, id)| (id, s)).collect(),
            holds: dirty.holds.into_iter().map(|id| (id, book.holds.get(&id).cloned())).collect(),
            attempts: dirty.attempts.into_iter().map(attempt).collect(),
            attempt_marks: dirty.attempt_marks.into_iter().map(attempt_mark).collect(),
            days: dirty.days.into_iter().map(day).collect(),
            marks: dirty.marks.into_iter().map(mark).collect(),
            once: dirty.once.into_iter().map(|key| (key, book.once.get(&key).cloned())).collect(),
            events: dirty.events,
            sums: dirty.sums,
            calendar: options.calendar.clone(),
            kept: options.rollups,
            now: self.now(),
            audit: dirty.audit,
            deleted: book.deleted,
            seq: self.log.last(),
            posts: self.forgotten.saturating_add(book.posted.len()),
            drop_before: self.now().saturating_sub(retention),
        }
    }

    /// The store covers the log up to `seq`, and so many posts of all that ever were.
    pub fn covered(&mut self, seq: u64, posts: usize) {
        self.stored = posts.saturating_sub(self.forgotten);
        let tidied = match self.broken {
            Some(_) => self.log.rotate().and_then(|()| self.log.forget(seq)),
            None => self.log.forget(seq),
        };
        match tidied {
            Ok(()) => self.broken = None,
            Err(why) => tracing::warn!("the ledger's log cannot be tidied: {why}"),
        }
    }

    fn now(&self) -> UnixMs {
        self.moment.now
    }

    fn ended(&self, id: &CallId, store: &Store) -> bool {
        match self.book.marks.get(id) {
            Some((_, Mark::Posted | Mark::Voided)) => true,
            Some((_, Mark::Orphaned(_))) => false,
            None if self.book.holds.contains_key(id) => false,
            None => store.has_event(id).unwrap_or(false),
        }
    }

    fn post(
        &mut self,
        charge: Amounts,
        event: Box<UsageEvent>,
        moment: &Moment,
        options: &Options,
    ) -> Settled {
        let text = serde_json::value::to_raw_value(&event).ok();
        let settlement = Settlement::Post { charge, event, once: None };
        let written = match &text {
            Some(event) => {
                let settlement = PostText::Post { charge, event };
                self.write(&PostEntry::Settle { now: moment.now, settlement })
            }
            None => Err("an event cannot be written as JSON".to_owned()),
        };
        unless_written(written);
        self.apply(Entry::Settle { now: moment.now, settlement }, moment, options, text)
    }

    pub fn change(&mut self, entry: Entry, moment: &Moment, options: &Options) -> Settled {
        unless_written(self.write(&entry));
        self.apply(entry, moment, options, None)
    }

    fn apply(
        &mut self,
        entry: Entry,
        moment: &Moment,
        options: &Options,
        text: Option<Box<RawValue>>,
    ) -> Settled {
        let thresholds = &options.default_thresholds;
        entry.apply(&mut self.book, &mut self.dirty, moment, thresholds, text)
    }

    fn write(&mut self, entry: &impl Serialize) -> Result<(), String> {
        self.buffer.clear();
        let written = serde_json::to_writer(&mut self.buffer, entry)
            .map_err(std::io::Error::from)
            .and_then(|()| self.log.append(&self.buffer));
        match written {
            Ok(_) => Ok(()),
            Err(why) => {
                let why = format!("the ledger's log cannot be written: {why}");
                self.broken = Some(why.clone());
                Err(why)
            }
        }
    }
}

fn unless_written(written: Result<(), String>) {
    if let Err(why) = written {
        tracing::error!("{why}; the change counts and is written with the next commit");
    }
}

//! The outbox of alerts in the embedded ledger's store. As for records, each change is a transaction
//! of its own, durable when it returns.
//!
//! Invariant: an entry of what is due stands beside a delivery that says when it is due.

use super::super::BoxFuture;
use super::super::order::Unavailable;
use super::super::outbox::{
    Claimed, Delivery, DeliveryStatus, KEPT_MS, KeptAlert, MOST_ALERTS, Mark, NewAlert, Outbox,
    PRUNED_AT_ONCE, Raised, check, id_at, page_size, place,
};
use super::super::pace::{Pace, Rate};
use super::super::registry::Page;
use super::EmbeddedLedger;
use super::store::{Store, StoreError, text as said};
use crate::clock::UnixMs;
use crate::ids::Id;
use redb::{
    ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Bound;

type Texts = TableDefinition<'static, &'static str, &'static str>;
/// Alerts by id.
const ALERTS: Texts = TableDefinition::new("alerts");
/// Ids of listed alerts, by their place.
const PLACES: TableDefinition<&str, ()> = TableDefinition::new("alert_places");
/// What is due: channel, when, alert.
const DUE: TableDefinition<(&str, UnixMs, &str), ()> = TableDefinition::new("alerts_due");
const MARKS: Texts = TableDefinition::new("alert_marks");
const PACES: Texts = TableDefinition::new("alert_paces");
/// How many marks are read at a time.
const AT_ONCE: usize = 500;

/// An alert as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    raised: UnixMs,
    suppressed: bool,
    text: String,
    to: BTreeMap<Id, To>,
}

/// A delivery, and when it is due.
#[derive(Serialize, Deserialize)]
struct To {
    delivery: Delivery,
    due: Option<UnixMs>,
}

impl Stored {
    fn read(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text).map_err(said)
    }

    fn kept(self, id: Id) -> KeptAlert {
        let Self { raised, suppressed, text, to } = self;
        let deliveries = to.into_iter().map(|(channel, to)| (channel, to.delivery)).collect();
        KeptAlert { id, raised, suppressed, text, deliveries }
    }
}

impl Store {
    /// Makes the tables.
    pub(super) fn prepare_outbox(write: &WriteTransaction) -> Result<(), StoreError> {
        for table in [ALERTS, MARKS, PACES] {
            write.open_table(table).map_err(said)?;
        }
        write.open_table(DUE).map_err(said)?;
        write.open_table(PLACES).map_err(said).map(|_| ())
    }

    fn raise_alert(&self, alert: &NewAlert, now: UnixMs) -> Result<Raised, StoreError> {
        let write = self.db.begin_write().map_err(said)?;
        let raised = {
            let mut alerts = write.open_table(ALERTS).map_err(said)?;
            let mut marks = write.open_table(MARKS).map_err(said)?;
            let old = read(&marks, &alert.mark)?.and_then(|text| Mark::parse(&text));
            if read(&alerts, alert.id.as_str())?.is_some() || !fits(alert, old) {
                return Ok(Raised::Not);
            }
            let told = old.and_then(|mark| mark.told);
            let soon = |at: UnixMs| (0..alert.renotify_ms).contains(&now.saturating_sub(at));
            let suppressed = !alert.ends && told.is_some_and(soon);
            let sent = !suppressed && !alert.channels.is_empty();
            if sent || !alert.ends {
                let to = alert.channels.iter().filter(|_| sent).cloned();
                let to = to.map(|id| (id, To { delivery: Delivery::NEW, due: Some(now) }));
                let text = alert.text.clone();
                let stored = Stored { raised: now, suppressed, text, to: to.collect() };
                put(&mut alerts, alert.id.as_str(), &stored)?;
                let mut due = write.open_table(DUE).map_err(said)?;
                for channel in stored.to.keys() {
                    due.insert((channel.as_str(), now, alert.id.as_str()), ()).map_err(said)?;
                }
            }
            if !alert.ends {
                let mut places = write.open_table(PLACES).map_err(said)?;
                places.insert(place(now, alert.id.as_str()).as_str(), ()).map_err(said)?;
            }
            let told = if sent && !alert.ends { Some(now) } else { told };
            let mark = match alert.ends {
                true => Mark { arm: alert.arm.saturating_add(1), on: false, told, ..of(alert) },
                false => Mark { told, ..of(alert) },
            };
            if old.is_none_or(|old| old.period <= alert.period) {
                marks.insert(alert.mark.as_str(), mark.to_string().as_str()).map_err(said)?;
            }
            Raised::Now { suppressed }
        };
        prune(&write, now)?;
        write.commit().map_err(said).map(|()| raised)
    }

    fn read_alert(&self, id: &Id) -> Result<Option<KeptAlert>, StoreError> {
        let read_only = self.db.begin_read().map_err(said)?;
        let alerts = read_only.open_table(ALERTS).map_err(said)?;
        let found = read(&alerts, id.as_str())?;
        found.map(|text| Ok(Stored::read(&text)?.kept(id.clone()))).transpose()
    }

    fn list_alerts(
        &self,
        after: Option<&str>,
        size: usize,
        now: UnixMs,
    ) -> Result<Vec<KeptAlert>, StoreError> {
        let read_only = self.db.begin_read().map_err(said)?;
        let alerts = read_only.open_table(ALERTS).map_err(said)?;
        let places = read_only.open_table(PLACES).map_err(said)?;
        let oldest = place(now.saturating_sub(KEPT_MS), "");
        if after.is_some_and(|after| after <= oldest.as_str()) {
            return Ok(Vec::new());
        }
        let until = after.map_or(Bound::Unbounded, Bound::Excluded);
        let kept = (Bound::Included(oldest.as_str()), until);
        let mut found = Vec::new();
        for entry in places.range::<&str>(kept).map_err(said)?.rev() {
            let (place, ()) = entry.map(|(place, done)| (place, done.value())).map_err(said)?;
            let Some(id) = id_at(place.value()) else { continue };
            if let Some(text) = read(&alerts, id.as_str())? {
                found.push(Stored::read(&text)?.kept(id));
            }
            if found.len() > size {
                break;
            }
        }
        Ok(found)
    }

    fn claim_due(
        &self,
        channel: &Id,
        (rate, lease_ms, limit): (Rate, i64, usize),
        now: UnixMs,
    ) -> Result<Vec<Claimed>, StoreError> {
        if self.due(channel, now, 1)?.is_empty() {
            return Ok(Vec::new());
        }
        let write = self.db.begin_write().map_err(said)?;
        let mut claimed = Vec::new();
        {
            let mut due = write.open_table(DUE).map_err(said)?;
            let mut alerts = write.open_table(ALERTS).map_err(said)?;
            let mut paces = write.open_table(PACES).map_err(said)?;
            let pace = read(&paces, channel.as_str())?;
            let mut pace: Pace =
                pace.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            for (at, id) in self.due(channel, now, limit)? {
                if pace.take(rate, now).is_err() {
                    break;
                }
                due.remove((channel.as_str(), at, id.as_str())).map_err(said)?;
                let Some(text) = read(&alerts, id.as_str())? else { continue };
                let mut stored = Stored::read(&text)?;
                let Some(to) = stored.to.get_mut(channel) else { continue };
                let lease = now.saturating_add(lease_ms);
                to.due = Some(lease);
                let delivery = to.delivery.clone();
                due.insert((channel.as_str(), lease, id.as_str()), ()).map_err(said)?;
                put(&mut alerts, id.as_str(), &stored)?;
                claimed.push(Claimed { id, text: stored.text, delivery });
            }
            let pace = serde_json::to_string(&pace).map_err(said)?;
            paces.insert(channel.as_str(), pace.as_str()).map_err(said)?;
        }
        write.commit().map_err(said).map(|()| claimed)
    }

    /// What is due of a channel, oldest first.
    fn due(
        &self,
        channel: &Id,
        until: UnixMs,
        limit: usize,
    ) -> Result<Vec<(UnixMs, Id)>, StoreError> {
        let read_only = self.db.begin_read().map_err(said)?;
        let due = read_only.open_table(DUE).map_err(said)?;
        let (channel, end) = (channel.as_str(), until.saturating_add(1));
        let mut found = Vec::new();
        for entry in due.range((channel, UnixMs::MIN, "")..(channel, end, "")).map_err(said)? {
            let (entry, _) = entry.map_err(said)?;
            let (_, at, id) = entry.value();
            found.push((at, id.parse().map_err(said)?));
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    fn settle_delivery(
        &self,
        (id, channel): (&Id, &Id),
        delivery: &Delivery,
        again: Option<UnixMs>,
    ) -> Result<(), StoreError> {
        let write = self.db.begin_write().map_err(said)?;
        {
            let mut alerts = write.open_table(ALERTS).map_err(said)?;
            let Some(text) = read(&alerts, id.as_str())? else { return Ok(()) };
            let mut stored = Stored::read(&text)?;
            let Some(to) = stored.to.get_mut(channel) else { return Ok(()) };
            let mut due = write.open_table(DUE).map_err(said)?;
            let was = to.due.take();
            if let Some(at) = was {
                due.remove((channel.as_str(), at, id.as_str())).map_err(said)?;
            }
            if let Some(at) = again.filter(|_| was.is_some()) {
                due.insert((channel.as_str(), at, id.as_str()), ()).map_err(said)?;
                to.due = Some(at);
            }
            to.delivery = delivery.clone();
            put(&mut alerts, id.as_str(), &stored)?;
        }
        write.commit().map_err(said)
    }

    fn drop_deliveries(&self, channel: &Id, why: &str) -> Result<usize, StoreError> {
        let all = self.due(channel, UnixMs::MAX.saturating_sub(1), usize::MAX)?;
        for (_, id) in &all {
            let found = self.read_alert(id)?;
            let delivery = found.and_then(|mut alert| alert.deliveries.remove(channel));
            let ended = Delivery {
                status: DeliveryStatus::Failed,
                last_error: Some(why.to_owned()),
                ..delivery.unwrap_or(Delivery::NEW)
            };
            self.settle_delivery((id, channel), &ended, None)?;
        }
        Ok(all.len())
    }

    fn read_marks(&self, names: &[String]) -> Result<Vec<Option<Mark>>, StoreError> {
        let read_only = self.db.begin_read().map_err(said)?;
        let marks = read_only.open_table(MARKS).map_err(said)?;
        let one = |name: &String| Ok(read(&marks, name)?.and_then(|text| Mark::parse(&text)));
        names.iter().map(one).collect()
    }

    fn marks_after(&self, after: Option<&str>) -> Result<Page<(String, Mark)>, StoreError> {
        let read_only = self.db.begin_read().map_err(said)?;
        let marks = read_only.open_table(MARKS).map_err(said)?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut entries = Vec::new();
        for entry in marks.range::<&str>((from, Bound::Unbounded)).map_err(said)?.take(AT_ONCE) {
            let (name, text) = entry.map_err(said)?;
            let mark = Mark::parse(text.value());
            entries.extend(mark.map(|mark| (name.value().to_owned(), mark)));
        }
        let full = entries.len() == AT_ONCE;
        let next = entries.last().filter(|_| full).map(|(name, _)| name.clone());
        Ok(Page { entries, next })
    }

    fn forget_one(&self, name: &str, mark: Mark) -> Result<(), StoreError> {
        let write = self.db.begin_write().map_err(said)?;
        {
            let mut marks = write.open_table(MARKS).map_err(said)?;
            if read(&marks, name)? == Some(mark.to_string()) {
                marks.remove(name).map_err(said)?;
            }
        }
        write.commit().map_err(said)
    }
}

/// Whether the mark lets the alert be raised, or its end be told.
fn fits(alert: &NewAlert, old: Option<Mark>) -> bool {
    let same = old.filter(|mark| mark.period == alert.period);
    match (alert.ends, same) {
        (true, same) => same.is_some_and(|mark| mark.on && mark.arm == alert.arm),
        (false, Some(mark)) => !mark.on && mark.arm == alert.arm,
        (false, None) => true,
    }
}

fn of(alert: &NewAlert) -> Mark {
    Mark { period: alert.period, arm: alert.arm, on: true, told: None }
}

fn read(
    table: &impl ReadableTable<&'static str, &'static str>,
    name: &str,
) -> Result<Option<String>, StoreError> {
    Ok(table.get(name).map_err(said)?.map(|text| text.value().to_owned()))
}

fn put(
    table: &mut Table<'_, &'static str, &'static str>,
    id: &str,
    stored: &Stored,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(stored).map_err(said)?;
    table.insert(id, text.as_str()).map_err(said).map(|_| ())
}

/// Pushes out alerts that are too old or too many.
fn prune(write: &WriteTransaction, now: UnixMs) -> Result<(), StoreError> {
    let before = place(now.saturating_sub(KEPT_MS), "");
    let mut places = write.open_table(PLACES).map_err(said)?;
    let mut alerts = write.open_table(ALERTS).map_err(said)?;
    let mut due = write.open_table(DUE).map_err(said)?;
    for _ in 0..PRUNED_AT_ONCE {
        let first = places.first().map_err(said)?.map(|(place, _)| place.value().to_owned());
        let Some(first) = first else { break };
        let most = u64::try_from(MOST_ALERTS).unwrap_or(u64::MAX);
        if first >= before && places.len().map_err(said)? <= most {
            break;
        }
        places.remove(first.as_str()).map_err(said)?;
        let Some(id) = id_at(&first) else { continue };
        let Some(text) = read(&alerts, id.as_str())? else { continue };
        for (channel, to) in Stored::read(&text)?.to {
            if let Some(at) = to.due {
                due.remove((channel.as_str(), at, id.as_str())).map_err(said)?;
            }
        }
        alerts.remove(id.as_str()).map_err(said)?;
    }
    Ok(())
}

impl Outbox for EmbeddedLedger {
    fn marks<'a>(
        &'a self,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Mark>>, Unavailable>> {
        let names = names.to_vec();
        Box::pin(self.on_store(move |store, _| store.read_marks(&names)))
    }

    fn all_marks<'a>(
        &'a self,
        after: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Page<(String, Mark)>, Unavailable>> {
        let after = after.map(str::to_owned);
        Box::pin(self.on_store(move |store, _| store.marks_after(after.as_deref())))
    }

    fn forget_mark<'a>(
        &'a self,
        name: &'a str,
        mark: Mark,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        let name = name.to_owned();
        Box::pin(self.on_store(move |store, _| store.forget_one(&name, mark)))
    }

    fn raise<'a>(&'a self, alert: &'a NewAlert) -> BoxFuture<'a, Result<Raised, Unavailable>> {
        Box::pin(async move {
            check(alert)?;
            let alert = alert.clone();
            self.on_store(move |store, now| store.raise_alert(&alert, now)).await
        })
    }

    fn alert<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<Option<KeptAlert>, Unavailable>> {
        let id = id.clone();
        Box::pin(self.on_store(move |store, _| store.read_alert(&id)))
    }

    fn alerts<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<KeptAlert>, Unavailable>> {
        let (after, size) = (after.map(str::to_owned), page_size(limit));
        Box::pin(async move {
            let listed =
                self.on_store(move |store, now| store.list_alerts(after.as_deref(), size, now));
            let mut entries = listed.await?;
            let more = entries.len() > size;
            entries.truncate(size);
            let last = entries.last().filter(|_| more);
            let next = last.map(|alert| place(alert.raised, alert.id.as_str()));
            Ok(Page { entries, next })
        })
    }

    fn claim<'a>(
        &'a self,
        channel: &'a Id,
        rate: Rate,
        lease_ms: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, Unavailable>> {
        let channel = channel.clone();
        Box::pin(
            self.on_store(move |store, now| {
                store.claim_due(&channel, (rate, lease_ms, limit), now)
            }),
        )
    }

    fn record_delivery<'a>(
        &'a self,
        id: &'a Id,
        channel: &'a Id,
        delivery: &'a Delivery,
        again_ms: Option<i64>,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        let (id, channel, delivery) = (id.clone(), channel.clone(), delivery.clone());
        Box::pin(self.on_store(move |store, now| {
            let again = again_ms.map(|ms| now.saturating_add(ms.max(0)));
            store.settle_delivery((&id, &channel), &delivery, again)
        }))
    }

    fn drop_due<'a>(
        &'a self,
        channel: &'a Id,
        why: &'a str,
    ) -> BoxFuture<'a, Result<usize, Unavailable>> {
        let (channel, why) = (channel.clone(), why.to_owned());
        Box::pin(self.on_store(move |store, _| store.drop_deliveries(&channel, &why)))
    }
}

//! The outbox of alerts in Redis: a hash for each alert, one sorted set that lists them, one for
//! what is due of each channel, and one hash of marks.
//!
//! Invariant: all but the marks expire by themselves; lists and claims leave out what did.

use super::super::BoxFuture;
use super::super::order::Unavailable;
use super::super::outbox::{
    Claimed, Delivery, DeliveryStatus, KEPT_MS, KeptAlert, MOST_ALERTS, Mark, NewAlert, Outbox,
    PRUNED_AT_ONCE, Raised, check, id_at, page_size, place,
};
use super::super::pace::Rate;
use super::super::registry::Page;
use super::{RedisLedger, keys};
use crate::ids::Id;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

/// How many marks or deliveries are read at a time.
const AT_ONCE: usize = 500;
/// One raise of so many pushes out old alerts, each time more than came meanwhile.
const PRUNE_EACH: u32 = 64;
const TO: &str = "to:";

impl RedisLedger {
    async fn write_alert(&self, alert: &NewAlert) -> Result<Raised, Unavailable> {
        check(alert)?;
        let mut names =
            vec![keys::alert(&alert.id), keys::ALERTS.to_owned(), keys::ALERT_MARKS.to_owned()];
        names.extend(alert.channels.iter().map(keys::alerts_due));
        let mut arguments = vec![
            alert.id.to_string(),
            alert.mark.clone(),
            alert.period.to_string(),
            alert.arm.to_string(),
            if alert.ends { "end" } else { "begin" }.to_owned(),
            alert.renotify_ms.to_string(),
            alert.text.clone(),
            KEPT_MS.to_string(),
            Delivery::NEW.text(),
        ];
        arguments.extend(alert.channels.iter().map(Id::to_string));
        let script = &self.scripts.alert_raise;
        let call = script.call(&self.options, &names, &arguments);
        let raised: String = script.run(&self.connections.settlements, &call).await?;
        match raised.as_str() {
            "not" => Ok(Raised::Not),
            word => {
                if self.raised.fetch_add(1, Ordering::Relaxed).is_multiple_of(PRUNE_EACH) {
                    self.prune_alerts().await?;
                }
                Ok(Raised::Now { suppressed: word == "suppressed" })
            }
        }
    }

    /// Pushes out alerts that are too old or too many.
    async fn prune_alerts(&self) -> Result<(), Unavailable> {
        let before = place(self.ledger_time().await?.saturating_sub(KEPT_MS), "");
        let mut both = redis::pipe();
        both.cmd("ZRANGEBYLEX").arg(keys::ALERTS).arg("-").arg(format!("({before}"));
        both.arg("LIMIT").arg(0).arg(PRUNED_AT_ONCE).zcard(keys::ALERTS);
        let (mut gone, kept): (Vec<String>, usize) = self.read_all(&both).await?;
        let beyond = kept.saturating_sub(MOST_ALERTS).min(PRUNED_AT_ONCE);
        if beyond > gone.len() {
            let mut oldest = redis::cmd("ZRANGE");
            gone = self.read(oldest.arg(keys::ALERTS).arg(0).arg(beyond.saturating_sub(1))).await?;
        }
        if gone.is_empty() {
            return Ok(());
        }
        let mut away = redis::pipe();
        for place in &gone {
            if let Some(id) = id_at(place) {
                away.cmd("DEL").arg(keys::alert(&id)).ignore();
            }
            away.cmd("ZREM").arg(keys::ALERTS).arg(place).ignore();
        }
        Ok(self.read_all(&away).await?)
    }

    async fn read_alerts(&self, ids: &[Id]) -> Result<Vec<Option<KeptAlert>>, Unavailable> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = redis::pipe();
        for id in ids {
            read.hgetall(keys::alert(id));
        }
        let found: Vec<HashMap<String, String>> = self.read_all(&read).await?;
        Ok(ids.iter().zip(found).map(|(id, fields)| kept(id, &fields)).collect())
    }

    async fn list_alerts(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<KeptAlert>, Unavailable> {
        let size = page_size(limit);
        let oldest = place(self.ledger_time().await?.saturating_sub(KEPT_MS), "");
        let mut from = after.map_or_else(|| "+".to_owned(), |place| format!("({place}"));
        let mut entries = Vec::new();
        loop {
            let mut list = redis::cmd("ZREVRANGEBYLEX");
            list.arg(keys::ALERTS).arg(&from).arg(format!("[{oldest}")).arg("LIMIT").arg(0);
            let places: Vec<String> = self.read(list.arg(size.saturating_add(1))).await?;
            let Some(last) = places.last() else { break };
            from = format!("({last}");
            let ids: Vec<Id> = places.iter().filter_map(|place| id_at(place)).collect();
            entries.extend(self.read_alerts(&ids).await?.into_iter().flatten());
            if entries.len() > size {
                break;
            }
        }
        let more = entries.len() > size;
        entries.truncate(size);
        let last = entries.last().filter(|_| more);
        Ok(Page { next: last.map(|alert| place(alert.raised, alert.id.as_str())), entries })
    }

    async fn claim_due(
        &self,
        channel: &Id,
        rate: Rate,
        lease_ms: i64,
        limit: usize,
    ) -> Result<Vec<Claimed>, Unavailable> {
        let names = [keys::alerts_due(channel), keys::ALERT_PACES.to_owned()];
        let a_day = rate.per_day.map(|most| most.to_string()).unwrap_or_default();
        let arguments = [
            channel.to_string(),
            lease_ms.to_string(),
            limit.to_string(),
            rate.spacing_ms.to_string(),
            a_day,
        ];
        let script = &self.scripts.alert_claim;
        let call = script.call(&self.options, &names, &arguments);
        let ids: Vec<String> = script.run(&self.connections.settlements, &call).await?;
        let ids: Vec<Id> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let (mut claimed, mut lost) = (Vec::new(), redis::pipe());
        for (id, found) in ids.iter().zip(self.read_alerts(&ids).await?) {
            let found = found.and_then(|mut alert| {
                let delivery = alert.deliveries.remove(channel)?;
                Some(Claimed { id: alert.id, text: alert.text, delivery })
            });
            match found {
                Some(found) => claimed.push(found),
                None => {
                    lost.cmd("ZREM").arg(keys::alerts_due(channel)).arg(id.as_str()).ignore();
                }
            }
        }
        if claimed.len() < ids.len() {
            self.read_all::<()>(&lost).await?;
        }
        Ok(claimed)
    }

    async fn write_delivery(
        &self,
        (id, channel): (&Id, &Id),
        delivery: &Delivery,
        again_ms: Option<i64>,
    ) -> Result<(), Unavailable> {
        let names = [keys::alert(id), keys::alerts_due(channel)];
        let again = again_ms.map(|ms| ms.max(0).to_string()).unwrap_or_default();
        let arguments =
            [id.to_string(), channel.to_string(), delivery.text(), again, KEPT_MS.to_string()];
        let script = &self.scripts.alert_settle;
        let call = script.call(&self.options, &names, &arguments);
        script.run::<()>(&self.connections.settlements, &call).await.map_err(Unavailable::from)
    }

    async fn drop_deliveries(&self, channel: &Id, why: &str) -> Result<usize, Unavailable> {
        let mut dropped = 0_usize;
        loop {
            let mut some = redis::cmd("ZRANGE");
            some.arg(keys::alerts_due(channel)).arg(0).arg(AT_ONCE.saturating_sub(1));
            let ids: Vec<String> = self.read(&some).await?;
            if ids.is_empty() {
                return Ok(dropped);
            }
            let ids: Vec<Id> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            for (id, found) in ids.iter().zip(self.read_alerts(&ids).await?) {
                let delivery = found.and_then(|mut alert| alert.deliveries.remove(channel));
                let ended = Delivery {
                    status: DeliveryStatus::Failed,
                    last_error: Some(why.to_owned()),
                    ..delivery.unwrap_or(Delivery::NEW)
                };
                self.write_delivery((id, channel), &ended, None).await?;
                dropped = dropped.saturating_add(1);
            }
        }
    }

    async fn read_marks(&self, names: &[String]) -> Result<Vec<Option<Mark>>, Unavailable> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = redis::cmd("HMGET");
        let found: Vec<Option<String>> = self.read(get.arg(keys::ALERT_MARKS).arg(names)).await?;
        Ok(found.into_iter().map(|text| Mark::parse(&text?)).collect())
    }

    async fn scan_marks(&self, after: Option<&str>) -> Result<Page<(String, Mark)>, Unavailable> {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(keys::ALERT_MARKS).arg(after.unwrap_or("0")).arg("COUNT").arg(AT_ONCE);
        let (next, found): (String, Vec<(String, String)>) = self.read(&scan).await?;
        let read = |(name, text): (String, String)| Some((name, Mark::parse(&text)?));
        let entries = found.into_iter().filter_map(read).collect();
        Ok(Page { entries, next: Some(next).filter(|next| next != "0") })
    }

    async fn drop_mark(&self, name: &str, mark: Mark) -> Result<(), Unavailable> {
        let script = &self.scripts.mark_forget;
        let arguments = [name.to_owned(), mark.to_string()];
        let call = script.call(&self.options, &[keys::ALERT_MARKS], &arguments);
        script.run::<()>(&self.connections.settlements, &call).await.map_err(Unavailable::from)
    }
}

/// The alert of a hash; `None` where there is none, or it makes no sense.
fn kept(id: &Id, fields: &HashMap<String, String>) -> Option<KeptAlert> {
    let mut deliveries = BTreeMap::new();
    for (name, text) in fields {
        let Some(channel) = name.strip_prefix(TO) else { continue };
        deliveries.insert(channel.parse().ok()?, serde_json::from_str(text).ok()?);
    }
    Some(KeptAlert {
        id: id.clone(),
        raised: fields.get("raised")?.parse().ok()?,
        suppressed: fields.get("suppressed")? == "1",
        text: fields.get("text")?.clone(),
        deliveries,
    })
}

impl Outbox for RedisLedger {
    fn marks<'a>(
        &'a self,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Mark>>, Unavailable>> {
        Box::pin(self.read_marks(names))
    }

    fn all_marks<'a>(
        &'a self,
        after: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Page<(String, Mark)>, Unavailable>> {
        Box::pin(self.scan_marks(after))
    }

    fn forget_mark<'a>(
        &'a self,
        name: &'a str,
        mark: Mark,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(self.drop_mark(name, mark))
    }

    fn raise<'a>(&'a self, alert: &'a NewAlert) -> BoxFuture<'a, Result<Raised, Unavailable>> {
        Box::pin(self.write_alert(alert))
    }

    fn alert<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<Option<KeptAlert>, Unavailable>> {
        Box::pin(async move {
            let found = self.read_alerts(std::slice::from_ref(id)).await?;
            Ok(found.into_iter().flatten().next())
        })
    }

    fn alerts<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<KeptAlert>, Unavailable>> {
        Box::pin(self.list_alerts(after, limit))
    }

    fn claim<'a>(
        &'a self,
        channel: &'a Id,
        rate: Rate,
        lease_ms: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, Unavailable>> {
        Box::pin(self.claim_due(channel, rate, lease_ms, limit))
    }

    fn record_delivery<'a>(
        &'a self,
        id: &'a Id,
        channel: &'a Id,
        delivery: &'a Delivery,
        again_ms: Option<i64>,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(self.write_delivery((id, channel), delivery, again_ms))
    }

    fn drop_due<'a>(
        &'a self,
        channel: &'a Id,
        why: &'a str,
    ) -> BoxFuture<'a, Result<usize, Unavailable>> {
        Box::pin(self.drop_deliveries(channel, why))
    }
}

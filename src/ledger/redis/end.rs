//! Calling the script that ends a hold, and reading what it answers.
//!
//! Invariant: the script is told of every key that it may touch. Where it needs those of a call that
//! this process does not know, it does nothing and names that call.

use super::super::crossing::Crossing;
use super::super::once::{ONCE_MS, OnceKey, uncharged};
use super::super::order::{Amounts, Payers, Settlement, Unavailable, UsageEvent};
use super::super::rollup::{Row, Sum};
use super::attempt::AttemptEnd;
use super::script::Failure;
use super::{MARK_MS, RedisLedger, Reply, fields, keys, texts};
use crate::ids::{AccountId, CallId};
use crate::money::NanoUsd;

/// Where in the script's arguments, counted from 1, the event begins.
const EVENT_AT: usize = 13;

/// What the script that ends a hold is called with.
pub struct End<'a> {
    pub kind: &'static str,
    pub id: CallId,
    pub payers: &'a Payers,
    pub charge: Amounts,
    pub event: Option<&'a UsageEvent>,
    pub once: Option<OnceKey>,
}

/// The call that deferred what another one posts.
pub struct Owner {
    id: CallId,
    payers: Payers,
}

/// What became of a hold.
pub enum Ended {
    /// It was ended.
    Now,
    /// It had been ended.
    Before,
    /// Its lease goes on.
    Alive,
    /// Nothing, until the script is told of this call, which it has to change too.
    Owned(Owner),
}

/// What a settlement asks for.
pub enum Work<'a> {
    Call(End<'a>),
    Attempt(AttemptEnd<'a>),
}

impl<'a> Work<'a> {
    /// What this one asks for.
    pub fn of(settlement: &'a Settlement) -> Self {
        let (kind, charge, event, once) = match settlement {
            Settlement::Post { charge, event, once } => ("post", *charge, event, *once),
            Settlement::Defer { charge, event, once } => ("defer", *charge, event, Some(*once)),
            Settlement::Void { id, payers } => {
                let charge = Amounts::default();
                let end = End { kind: "void", id: *id, payers, charge, event: None, once: None };
                return Self::Call(end);
            }
            Settlement::Attempt { id, credential, charge, outcome, model } => {
                let of = (credential, model.as_str());
                return Self::Attempt(AttemptEnd::of(*id, of, *charge, *outcome));
            }
        };
        let (id, payers, charge) = (event.id, &event.payers, charge.sane());
        Self::Call(End { kind, id, payers, charge, event: Some(event), once })
    }
}

impl Owner {
    fn read(reply: &mut Reply<'_>) -> Result<Self, Unavailable> {
        let strange = |text: &str| Unavailable(format!("redis answered `{text}` for an owner"));
        let id = reply.text()?;
        let id = id.parse().map_err(|_| strange(id))?;
        let mut next = || reply.text().and_then(|text| text.parse().map_err(|_| strange(text)));
        Ok(Self { id, payers: Payers { key: next()?, user: next()?, workspace: next()? } })
    }
}

impl RedisLedger {
    /// A call of the script that ends a hold.
    pub(super) fn end_call(&self, end: &End<'_>, owner: Option<&Owner>) -> redis::Cmd {
        let mut keys = vec![
            keys::mark(&end.id),
            keys::hold(&end.id),
            keys::LEASES.to_owned(),
            keys::EVENTS.to_owned(),
            keys::UTILIZATION.to_owned(),
            keys::DELETED.to_owned(),
            keys::ROLLUP.to_owned(),
        ];
        for account in end.payers.accounts() {
            keys.extend([keys::account(&account), keys::holds(&account)]);
        }
        keys.extend(end.once.as_ref().map(keys::once));
        if let Some(owner) = owner {
            keys.extend(owner.payers.accounts().iter().map(keys::account));
            keys.push(keys::mark(&owner.id));
        }
        let [usd, tokens, characters] = texts(end.charge);
        let (id, kind, mark) = (end.id.to_string(), end.kind.to_owned(), MARK_MS.to_string());
        let arguments = [id, kind, usd, tokens, characters, mark, end.payers.user.to_string()];
        let mut call = self.scripts.settle.call(&self.options, &keys, &arguments);
        let (row, numbers) =
            end.event.map(|event| summed(event, end.charge.usd)).unwrap_or_default();
        call.arg(row).arg(numbers).arg(self.options.rollups.lifetimes());
        let last = add_event(&mut call, end.event, end.charge.usd, EVENT_AT);
        if end.once.is_some() {
            let nothing = end.event.map(uncharged);
            add_event(&mut call, nothing.as_ref(), NanoUsd::ZERO, last);
            call.arg(ONCE_MS).arg(last.saturating_sub(1));
        }
        call.arg(self.post_words(end.payers));
        call
    }

    /// Makes a call of that script, and reports the thresholds that were crossed.
    pub(super) async fn end(&self, end: &End<'_>, owner: Option<&Owner>) -> Result<Ended, Failure> {
        let (on, call) = (&self.connections.settlements, self.end_call(end, owner));
        let reply: String = self.scripts.settle.run(on, &call).await?;
        self.ended(&reply, end, owner)
    }

    /// Reads what the script answered, and reports the thresholds that were crossed.
    pub(super) fn ended(
        &self,
        reply: &str,
        end: &End<'_>,
        owner: Option<&Owner>,
    ) -> Result<Ended, Failure> {
        let strange = |why| Failure { why, alone: true };
        let mut reply = Reply::new(reply);
        match reply.text().map_err(strange)? {
            "done" => {
                self.news.ended(end.payers);
                let users = [Some(end.payers), owner.map(|owner| &owner.payers)];
                users.into_iter().flatten().for_each(|of| self.ranking.changed(&of.user));
            }
            "alive" => return Ok(Ended::Alive),
            "owner" => return Owner::read(&mut reply).map(Ended::Owned).map_err(strange),
            _ => return Ok(Ended::Before),
        }
        match self.read_crossings(&mut reply, end, owner) {
            Ok(crossings) => self.options.report(crossings),
            Err(why) => tracing::error!(call = %end.id, "crossed thresholds are not known: {why}"),
        }
        Ok(Ended::Now)
    }

    fn read_crossings(
        &self,
        reply: &mut Reply<'_>,
        end: &End<'_>,
        owner: Option<&Owner>,
    ) -> Result<Vec<Crossing>, Unavailable> {
        let mut crossings = Vec::new();
        reply.number()?;
        for _ in 0..reply.number()? {
            let fault = reply.text()?;
            tracing::error!(call = %end.id, "charged without what makes no sense: {fault}");
        }
        while !reply.is_over() {
            let account = reply.account(end.payers, owner.map(|owner| &owner.payers))?;
            self.read_crossing(reply, &account, &mut crossings)?;
        }
        Ok(crossings)
    }

    /// Reads how far a limit of an account was used before and is now; adds the thresholds between.
    pub(super) fn read_crossing(
        &self,
        reply: &mut Reply<'_>,
        account: &AccountId,
        crossings: &mut Vec<Crossing>,
    ) -> Result<(), Unavailable> {
        let (limit, _) = reply.limit()?;
        let allowed = reply.number()?;
        let (period, before, used) = (reply.number()?, reply.number()?, reply.number()?);
        let own = fields::thresholds(reply.text()?);
        let thresholds = own.as_ref().unwrap_or(&self.options.default_thresholds);
        for threshold in thresholds.crossed(before, used, allowed) {
            let account = account.clone();
            let level = thresholds.level(threshold);
            crossings.push(Crossing { account, limit, period, threshold, level, used, allowed });
        }
        Ok(())
    }
}

/// The row of an event in the sums, and what it adds there.
fn summed(event: &UsageEvent, cost: NanoUsd) -> (String, Vec<u8>) {
    let mut row = String::new();
    Row::of(event).write(&mut row);
    (row, Sum::of(event, cost).stored().to_vec())
}

/// Adds the names and texts of an event, of which the first is the argument with this number; gives
/// the number after the last.
fn add_event(
    call: &mut redis::Cmd,
    event: Option<&UsageEvent>,
    cost: NanoUsd,
    mut at: usize,
) -> usize {
    if let Some(event) = event {
        event.each_field(cost, |name, text| {
            call.arg(name).arg(text);
            at = at.saturating_add(2);
        });
    }
    at
}

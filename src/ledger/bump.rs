//! Increases of limits for a while: what one asks for, what it becomes, and when it lapses. Pure;
//! both back ends use it.
//!
//! Invariants: a limit has at most one bump; the next one replaces it. A bump counts before its end
//! and not after, so nobody has to take it back.

use super::account::AccountState;
use super::moment::Moment;
use super::registry::RegistryError;
use super::slot::Slot;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::limit::{Increase, Limit};
use serde::{Deserialize, Serialize};

/// By how much a limit is raised, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bump {
    /// Nano-dollars for `usd`, else a count.
    pub amount: i64,
    /// When it lapses.
    pub until: UnixMs,
}

/// The bump of one limit of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bumped {
    pub slot: Slot,
    pub bump: Bump,
}

impl AccountState {
    /// The bump of a limit, where one counts now.
    pub fn bump(&self, slot: Slot, moment: &Moment) -> Option<Bump> {
        let found = self.bumps.iter().find(|bumped| bumped.slot == slot)?;
        Some(found.bump).filter(|bump| bump.until > moment.now)
    }

    /// What a limit allows now.
    pub fn allowed(&self, limit: &Limit, moment: &Moment) -> i64 {
        let more = self.bump(Slot::of(limit), moment).map_or(0, |bump| bump.amount);
        limit.amount.saturating_add(self.carried(limit, moment)).saturating_add(more)
    }

    /// Raises a limit until a time, or to the end of its period; by 0: ends its bump.
    pub fn raise(
        &mut self,
        increase: &Increase,
        until: Option<UnixMs>,
        moment: &Moment,
    ) -> Result<(), RegistryError> {
        let limit = self.meant(increase).map_err(RegistryError::Invalid)?;
        let slot = Slot::of(&limit);
        let until = until.or_else(|| period_end(slot, moment)).filter(|_| increase.amount > 0);
        self.bumps.retain(|bumped| bumped.slot != slot && bumped.bump.until > moment.now);
        let Some(until) = until else {
            let endless = format!("`{limit}` has no period that ends: say until when");
            let ended = increase.amount == 0;
            return if ended { Ok(()) } else { Err(RegistryError::Invalid(endless)) };
        };
        if until <= moment.now {
            let text = format!("`{}` has passed already", rfc3339_seconds(until));
            return Err(RegistryError::Invalid(text));
        }
        let most = limit.amount.checked_add(limit.most_carried());
        let sum = most.and_then(|most| most.checked_add(increase.amount));
        if sum.is_none_or(|sum| sum > crate::money::MAX.get()) {
            let text = format!("`{limit}` cannot be raised by `{increase}`: that is too large");
            return Err(RegistryError::Invalid(text));
        }
        self.bumps.push(Bumped { slot, bump: Bump { amount: increase.amount, until } });
        Ok(())
    }

    /// The one limit that an increase is for.
    fn meant(&self, increase: &Increase) -> Result<Limit, String> {
        let mut fitting: Vec<Limit> =
            self.limits.iter().copied().filter(|limit| increase.fits(limit)).collect();
        // Without models, the limit for all of them is meant where there is one.
        if fitting.iter().filter(|limit| limit.models.is_none()).count() == 1 {
            fitting.retain(|limit| limit.models.is_none());
        }
        if let [limit] = fitting.as_slice() {
            return Ok(*limit);
        }
        let all = if fitting.is_empty() { &self.limits } else { &fitting };
        let names: Vec<String> = all.iter().map(Limit::name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Err(match fitting.len() {
            0 => format!("{} has no limit for `{increase}`; it has: {names}", self.id),
            _ => format!("`{increase}` fits several limits of {}; say which: {names}", self.id),
        })
    }
}

/// When a bump for this period ends: with the period, or when a rolling window is over.
fn period_end(slot: Slot, moment: &Moment) -> Option<UnixMs> {
    match slot.steps() {
        Some(steps) => {
            let span = steps.seconds.saturating_mul(steps.count).saturating_mul(1000);
            Some(moment.now.saturating_add(span))
        }
        None => moment.ends(slot.window?),
    }
}

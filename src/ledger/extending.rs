//! More for an open hold: whether every limit has room for it, and how it joins what is held. Pure.
//!
//! Only accounts under `balanced` hold more: under `strict` the ceiling is held already, and under
//! the other modes nothing is. Rates were counted at admission and are corrected at settlement.
//!
//! Invariants: all accounts that hold for the call hold more, or none does. What ends the hold
//! releases what was added to it, whether or not anybody heard of it.

use super::account::{AccountState, Share};
use super::book::Book;
use super::moment::Moment;
use super::order::{Amounts, Enforcement, LimitDenial};
use super::slot::Slot;
use crate::ids::CallId;
use crate::limit::Limit;

/// What became of the wish to hold more for an open call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// It is held wherever the call's expected cost is.
    Held,
    /// This limit has no room for it; nothing more is held anywhere. Of a rolling window it is not
    /// said when there is room again.
    Exhausted(Box<LimitDenial>),
    /// The call has ended, or was never held: nothing was done.
    Ended,
}

impl Book {
    /// What each share of an open hold would grow by.
    pub fn extension(
        &self,
        id: CallId,
        more: Amounts,
        moment: &Moment,
        default: Enforcement,
    ) -> Result<[Amounts; 3], Extension> {
        let hold = self.holds.get(&id).ok_or(Extension::Ended)?;
        let model = &hold.facts.model;
        let mut shares = [Amounts::default(); 3];
        let payers = hold.payers.accounts();
        for ((id, share), grows) in payers.iter().zip(&hold.shares).zip(&mut shares) {
            let state = self.accounts.get(id).filter(|_| share.joined);
            let state = state.filter(|state| state.mode(default) == Enforcement::Balanced);
            let Some(state) = state else { continue };
            if let Some(denial) = state.lacks(more, model, moment) {
                return Err(Extension::Exhausted(Box::new(denial)));
            }
            *grows = more;
        }
        Ok(shares)
    }

    /// Lets the shares of a hold grow.
    pub fn extend(&mut self, id: CallId, more: &[Amounts; 3], moment: &Moment) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        let payers = hold.payers.accounts();
        for ((id, share), more) in payers.iter().zip(&mut hold.shares).zip(more) {
            let grows = share.joined && *more != Amounts::default();
            if let Some(state) = self.accounts.get_mut(id).filter(|_| grows) {
                state.hold_more(share, *more, &hold.facts.model, moment);
            }
        }
    }
}

impl AccountState {
    /// The first limit that has no room for so much more.
    fn lacks(&self, more: Amounts, model: &str, moment: &Moment) -> Option<LimitDenial> {
        let held = |limit: &&Limit| limit.window.is_some() && !Slot::of(limit).is_rate();
        let counting = self.limits.iter().filter(|limit| !limit.observe && limit.counts(model));
        for &limit in counting.filter(held) {
            let mut standing = self.standing(limit, moment);
            let wanted = more.of(limit.meter);
            let owed = standing.used.saturating_add(standing.held).saturating_add(wanted);
            if wanted > 0 && owed > standing.allowed() {
                standing.resets = limit.window.and_then(|window| moment.ends(window));
                return Some(LimitDenial { standing, wanted, now: moment.now });
            }
        }
        None
    }

    fn hold_more(&mut self, share: &mut Share, more: Amounts, model: &str, moment: &Moment) {
        self.held = self.held.plus(more);
        share.held = share.held.plus(more);
        for counter in self.counters.iter_mut().filter(|c| share.apart.contains(&c.slot)) {
            counter.held = counter.held.saturating_add(more.of(counter.slot.meter));
        }
        self.note_admitted(model, moment);
    }
}

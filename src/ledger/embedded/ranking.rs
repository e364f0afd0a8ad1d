//! Lists of users in other orders than by id: the best of all, sorted when they are asked for.
//!
//! Invariant: the lock is held for some users at a time, so no call waits for a list.

use super::super::book::view;
use super::super::registry::{Account, ListFilter, Page, RegistryError};
use super::super::sorting::{Place, place};
use super::EmbeddedLedger;
use super::registry::of_kind;
use crate::ids::{AccountId, AccountKind, Id};

/// Users that are looked at while the lock is held.
const AT_ONCE: usize = 500;
/// Places that are kept before the worst are dropped.
const KEPT: usize = 4096;

impl EmbeddedLedger {
    /// A page of users in another order than by id.
    pub(super) fn sorted(&self, filter: &ListFilter) -> Result<Page<Account>, RegistryError> {
        let size = filter.page_size();
        let places = self.places(filter, size.saturating_add(1))?;
        let next = (places.len() > size).then(|| places.get(size.saturating_sub(1))).flatten();
        let next = next.map(|place| place.cursor(filter.sort));
        let mut state = self.inner.state.lock();
        let moment = state.moment(&self.inner.options);
        let accounts = places.iter().take(size).filter_map(Place::id);
        let found = accounts.filter_map(|id| state.book.accounts.get(&AccountId::user(&id)));
        Ok(Page { entries: found.map(|found| view(found, &moment)).collect(), next })
    }

    /// The next places, in order.
    fn places(&self, filter: &ListFilter, many: usize) -> Result<Vec<Place>, RegistryError> {
        let sort = filter.sort;
        let from = match filter.place()? {
            Some(Place { score, member }) => {
                let score = score.parse::<i64>();
                let text = filter.after.as_deref().unwrap_or_default();
                Some((score.map_err(|_| super::super::sorting::bad_cursor(text))?, member))
            }
            None => None,
        };
        let (mut best, mut after): (Vec<(i64, Vec<u8>)>, Option<Id>) = (Vec::new(), None);
        let best_of = |best: &mut Vec<(i64, Vec<u8>)>| {
            best.sort_unstable_by(|a, b| sort.compare(a, b));
            best.truncate(many);
        };
        loop {
            let mut state = self.inner.state.lock();
            let moment = state.moment(&self.inner.options);
            let mut last = None;
            for found in of_kind(&state.book, AccountKind::User, after.as_ref()).take(AT_ONCE) {
                last = Some(found.id.id.clone());
                if filter.wants(found.workspace.as_ref(), None) {
                    let place = place(found, sort.by, &moment);
                    if from.as_ref().is_none_or(|from| sort.compare(&place, from).is_gt()) {
                        best.push(place);
                    }
                }
            }
            drop(state);
            if best.len() > KEPT.saturating_add(many) || last.is_none() {
                best_of(&mut best);
            }
            if last.is_none() {
                break;
            }
            after = last;
        }
        Ok(best
            .into_iter()
            .map(|(score, member)| Place { score: score.to_string(), member })
            .collect())
    }
}

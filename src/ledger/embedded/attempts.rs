//! Attempts in the embedded ledger's state: holding for them, and ending those whose lease ran out.
//! Their own ends are settlements like all others.

use super::super::attempt::{AttemptAdmission, AttemptOrder};
use super::super::attempts::{AttemptVerdict, admitted};
use super::super::crossing::Crossing;
use super::super::options::Options;
use super::super::order::Unavailable;
use super::super::settling::{Settled, lost_charge};
use super::entry::Entry;
use super::state::State;
use crate::limit::Window;

/// Ends are remembered for so long; whoever ends twice does so at once.
const DONE_MS: i64 = 600_000;
/// What expired is remembered for as long as a late end may come.
const EXPIRED_MS: i64 = 86_400_000;

impl State {
    /// See [`super::super::Ledger::attempt`]; also the thresholds that were crossed.
    pub fn attempt(
        &mut self,
        order: &AttemptOrder,
        options: &Options,
    ) -> Result<(AttemptAdmission, Vec<Crossing>), Unavailable> {
        let moment = self.moment(options);
        let verdict = self.book.check_attempt(order, &moment, options.default_enforcement);
        let attempt = match verdict {
            Err(denial) => return Ok((AttemptAdmission::Denied(denial), Vec::new())),
            Ok(AttemptVerdict::Known) => {
                return Ok((self.book.attempt_admission(order, &moment), Vec::new()));
            }
            Ok(AttemptVerdict::Fresh(attempt)) => attempt,
        };
        let lease_end = moment.now.saturating_add(options.lease_ms);
        let entry = Entry::Attempt { now: moment.now, lease_end, attempt };
        self.admit(entry, options)?;
        self.mine.insert(order.id);
        let admission = self.book.attempt_admission(order, &moment);
        let crossings = match &admission {
            AttemptAdmission::Held { standings } => {
                let own = self.book.thresholds(&order.credential);
                let thresholds = own.unwrap_or(&options.default_thresholds);
                admitted(standings, thresholds, &moment)
            }
            AttemptAdmission::Denied(_) => Vec::new(),
        };
        Ok((admission, crossings))
    }

    /// Ends all attempts whose lease has run out, and drops the days that are too old.
    pub fn sweep_attempts(&mut self, options: &Options) -> Vec<Settled> {
        let moment = self.moment(options);
        let ago = |ms: i64| moment.now.saturating_sub(ms);
        let gone = self.book.attempts.forget(ago(DONE_MS), ago(EXPIRED_MS));
        self.dirty.attempt_marks.extend(gone);
        let oldest = options.calendar.period(Window::Day, options.days_since());
        let old = self.book.attempts.drop_days(oldest);
        self.dirty.days.extend(old);
        let mut settled = Vec::new();
        for id in self.book.attempts.overdue(moment.now) {
            let Some(open) = self.book.attempts.open.get(&id) else { continue };
            let charge = lost_charge(options.lost_hold, open.expected, open.share.held);
            tracing::warn!(
                attempt = %id, call = %open.call, credential = %open.credential,
                "the hold of an attempt expired and was charged"
            );
            let entry = Entry::ExpireAttempt { now: moment.now, id, charge };
            settled.push(self.change(entry, &moment, options));
        }
        settled
    }
}

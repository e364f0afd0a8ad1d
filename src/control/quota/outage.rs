//! Which providers cannot be called now, whoever asks. Pure.

use crate::clock::UnixMs;
use crate::provider::{Condition, Providers, State};

/// What is out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Outage {
    /// Providers none of whose credentials can be used now, by name.
    pub(super) out: Vec<String>,
    /// All are out: until then, or until an operator does something.
    pub(super) all: Option<Option<UnixMs>>,
}

impl Outage {
    /// What is out now.
    pub(super) fn of(providers: &Providers, now: UnixMs) -> Self {
        let (mut out, mut others, mut soonest) = (Vec::new(), false, None::<UnixMs>);
        for provider in providers.iter() {
            let conditions: Vec<Condition> =
                provider.conditions(now).map(|(_, condition)| condition).collect();
            let usable = |condition: &Condition| condition.state == State::Available;
            if conditions.is_empty() || conditions.iter().any(usable) {
                others = true;
                continue;
            }
            let back = conditions.iter().filter_map(|condition| condition.until).min();
            soonest = soonest.into_iter().chain(back).min();
            out.push(provider.name.clone());
        }
        let all = (!others && !out.is_empty()).then_some(soonest);
        Self { out, all }
    }
}

//! Asking for sums of settled calls: of which periods and whose, and by what they are kept apart.
//! Pure; both back ends use it.
//!
//! Invariant: periods and groups are bounded; above either the answer says how to ask for less.

use super::registry::RegistryError;
use super::rollup::{Kept, Row, Sum, Tier};
use crate::clock::UnixMs;
use crate::limit::{Calendar, Period};
use std::collections::BTreeMap;

/// Periods of one question: 13 days of minutes, two years of hours.
const MOST_PERIODS: usize = 20_000;
const MOST_GROUPS: usize = 20_000;
/// So long before sums go nobody relies on them: clocks differ, and a question takes its time.
const GOING_MS: i64 = 3_600_000;

/// By what sums are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// The user.
    User,
    /// The key.
    Key,
    /// The workspace.
    Workspace,
    /// The provider.
    Provider,
    /// The credential.
    Credential,
    /// The model.
    Model,
    /// The period, by its id: `202611242113`, `2026112421`, `20261124`.
    Period,
}

impl Dimension {
    /// Where it is in the name of a row; `None` for the period.
    const fn place(self) -> Option<usize> {
        match self {
            Self::User => Some(0),
            Self::Key => Some(1),
            Self::Workspace => Some(2),
            Self::Provider => Some(3),
            Self::Credential => Some(4),
            Self::Model => Some(5),
            Self::Period => None,
        }
    }
}

/// Which sums to read.
#[derive(Debug, Clone)]
pub struct SumQuery {
    /// How long the periods are.
    pub tier: Tier,
    /// The first period is the one that this moment is in.
    pub from: UnixMs,
    /// The last period is the one before the one that begins here or later.
    pub until: UnixMs,
    /// Only of these: a dimension and the text that it must have.
    pub only: Vec<(Dimension, String)>,
    /// By what they are kept apart; by nothing: one sum.
    pub by: Vec<Dimension>,
}

/// From when on the sums of each tier are those of all calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SummedSince {
    /// Those of minutes.
    pub minutes: UnixMs,
    /// Those of hours.
    pub hours: UnixMs,
    /// Those of days.
    pub days: UnixMs,
}

impl SummedSince {
    /// Where calls were not added up before `first`. Sums that are about to go count as gone.
    pub(super) fn reckon(kept: &Kept, now: UnixMs, first: UnixMs) -> Self {
        let of = |tier| {
            now.saturating_sub(kept.of(tier)).saturating_add(GOING_MS).clamp(first, UnixMs::MAX)
        };
        Self { minutes: of(Tier::Minute), hours: of(Tier::Hour), days: of(Tier::Day) }
    }

    /// That of a tier.
    pub const fn of(&self, tier: Tier) -> UnixMs {
        match tier {
            Tier::Minute => self.minutes,
            Tier::Hour => self.hours,
            Tier::Day => self.days,
        }
    }
}

/// One sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumRow {
    /// A text for each dimension of [`SumQuery::by`].
    pub names: Vec<String>,
    /// What the calls came to.
    pub sum: Sum,
}

impl SumQuery {
    /// All days that are kept, each for itself.
    pub(super) fn days() -> Self {
        let (from, until) = (UnixMs::MIN, UnixMs::MAX);
        Self { tier: Tier::Day, from, until, only: Vec::new(), by: vec![Dimension::Period] }
    }

    /// The periods that are asked for, those that are kept, oldest first.
    pub(super) fn periods(
        &self,
        calendar: &Calendar,
        kept: &Kept,
        now: UnixMs,
    ) -> Result<Vec<Period>, RegistryError> {
        let window = self.tier.window();
        let mut at = self.from.max(now.saturating_sub(kept.of(self.tier)));
        // A clock may have stepped back by so much.
        let until = self.until.min(now.saturating_add(86_400_000));
        let mut periods = Vec::new();
        while at < until {
            if periods.len() == MOST_PERIODS {
                let tier = self.tier.as_str();
                return Err(RegistryError::Invalid(format!(
                    "more than {MOST_PERIODS} periods of a {tier}: ask for a later beginning, or \
                     for longer periods"
                )));
            }
            periods.push(calendar.period(window, at));
            let Some(end) = calendar.ends(window, at).filter(|end| *end > at) else { break };
            at = end;
        }
        Ok(periods)
    }

    /// Whether a row is asked for.
    fn wants(&self, row: &Row<'_>, period: Period) -> bool {
        self.only.iter().all(|(dimension, text)| match part(*dimension, row) {
            Some(found) => found == text,
            None => *text == period.to_string(),
        })
    }
}

fn part<'a>(dimension: Dimension, row: &Row<'a>) -> Option<&'a str> {
    row.parts.get(dimension.place()?).copied()
}

/// The sums of an answer while it is made.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    groups: BTreeMap<Vec<String>, Sum>,
}

impl Gathered {
    /// Adds a row of a period where it is asked for.
    pub(super) fn add(
        &mut self,
        query: &SumQuery,
        period: Period,
        row: &Row<'_>,
        sum: &Sum,
    ) -> Result<(), RegistryError> {
        if !query.wants(row, period) {
            return Ok(());
        }
        let name = |d: &Dimension| part(*d, row).map_or_else(|| period.to_string(), str::to_owned);
        let group = self.groups.entry(query.by.iter().map(name).collect()).or_default();
        *group = group.plus(sum);
        if self.groups.len() > MOST_GROUPS {
            return Err(RegistryError::Invalid(format!(
                "more than {MOST_GROUPS} groups: ask for a later beginning or fewer groups"
            )));
        }
        Ok(())
    }

    /// The answer, by names.
    pub(super) fn rows(self) -> Vec<SumRow> {
        self.groups.into_iter().map(|(names, sum)| SumRow { names, sum }).collect()
    }
}

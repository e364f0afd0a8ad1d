//! Gathering: sums of the calls of a span, by anything, from the ledger's sums and, where these
//! cannot tell, from pages of events.

use super::super::problem::Problem;
use super::cover::{Piece, Sums};
use super::dimension::{Dimension, grain};
use crate::clock::UnixMs;
use crate::ledger::{self, EventQuery, Registry, RegistryError, Sum, SumQuery, Tier, UsageEvent};
use crate::limit::Calendar;
use std::collections::{BTreeMap, HashMap};

const PAGE: usize = 1_000;
/// Events that one question reads.
pub(super) const MOST_EVENTS: u64 = 2_000_000;
/// Groups of one answer.
pub(super) const MOST_GROUPS: usize = 20_000;

/// What is asked.
#[derive(Debug, Clone)]
pub(in crate::control) struct Question {
    /// From when on.
    pub(in crate::control) since: UnixMs,
    /// Before when; `None`: up to now.
    pub(in crate::control) until: Option<UnixMs>,
    /// Of which calls; times are not looked at.
    pub(in crate::control) only: EventQuery,
    /// By what they are kept apart.
    pub(in crate::control) by: Vec<Dimension>,
}

/// What questions are answered from.
#[derive(Clone, Copy)]
pub(in crate::control) struct Books<'a> {
    pub(in crate::control) registry: &'a dyn Registry,
    pub(in crate::control) calendar: &'a Calendar,
    pub(in crate::control) now: UnixMs,
}

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::control) enum NoAnswer {
    /// More than this was found: the text says what, and how to ask for less.
    TooMuch(&'static str, String),
    /// The ledger does not answer.
    Ledger(RegistryError),
}

impl From<RegistryError> for NoAnswer {
    fn from(error: RegistryError) -> Self {
        Self::Ledger(error)
    }
}

impl From<NoAnswer> for Problem {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::TooMuch(parameter, why) => Self::field(parameter, why),
            NoAnswer::Ledger(error) => error.into(),
        }
    }
}

/// Sums by the names of what they are kept apart by.
pub(in crate::control) type Groups = BTreeMap<Vec<String>, Sum>;

impl Question {
    fn only(&self) -> Vec<(ledger::Dimension, String)> {
        use ledger::Dimension as Of;
        let asked = &self.only;
        let ids =
            [(Of::User, &asked.user), (Of::Key, &asked.key), (Of::Workspace, &asked.workspace)];
        let names = [
            (Of::Provider, &asked.provider),
            (Of::Credential, &asked.credential),
            (Of::Model, &asked.model),
        ];
        let ids = ids.into_iter().filter_map(|(of, id)| Some((of, id.as_ref()?.to_string())));
        ids.chain(names.into_iter().filter_map(|(of, name)| Some((of, name.clone()?)))).collect()
    }

    /// Where the span ends for sums: those of now are read as a whole, since nothing is later.
    fn end(&self, sums: &Sums<'_>, now: UnixMs, grain: Option<Tier>) -> UnixMs {
        let longest = grain.unwrap_or(Tier::Day);
        let open = || sums.calendar.ends(longest.window(), now).unwrap_or(now);
        self.until.filter(|until| *until <= now).unwrap_or_else(open)
    }
}

/// Sums of what is asked.
pub(in crate::control) async fn gather(
    books: Books<'_>,
    asked: &Question,
) -> Result<Groups, NoAnswer> {
    let sums = Sums { calendar: books.calendar, since: books.registry.summed_since().await? };
    let grain = grain(&asked.by);
    let until = asked.end(&sums, books.now, grain);
    let mut groups = Groups::new();
    for piece in sums.cover((asked.since, until), grain) {
        match piece.tier {
            Some(tier) => add_sums(books, asked, (tier, piece), grain, &mut groups).await?,
            None => {
                let span = (piece.from, piece.until);
                each(books, (span, &asked.only), |event| {
                    let names = asked.by.iter().map(|by| by.of(event, books.calendar)).collect();
                    add(&mut groups, names, &Sum::of(event, event.cost))
                })
                .await?;
            }
        }
    }
    Ok(groups)
}

fn add(groups: &mut Groups, names: Vec<String>, sum: &Sum) -> Result<(), NoAnswer> {
    let group = groups.entry(names).or_default();
    *group = group.plus(sum);
    few(groups.len())
}

/// Refuses an answer with too many groups.
pub(super) fn few(groups: usize) -> Result<(), NoAnswer> {
    if groups <= MOST_GROUPS {
        return Ok(());
    }
    let detail =
        format!("more than {MOST_GROUPS} groups: ask for a later beginning or fewer groups");
    Err(NoAnswer::TooMuch("?group_by", detail))
}

async fn add_sums(
    books: Books<'_>,
    asked: &Question,
    (tier, piece): (Tier, Piece),
    grain: Option<Tier>,
    groups: &mut Groups,
) -> Result<(), NoAnswer> {
    let mut by: Vec<_> = asked.by.iter().filter_map(|by| by.summed()).collect();
    let told_apart = grain == Some(tier);
    if told_apart {
        by.push(ledger::Dimension::Period);
    }
    let (from, until) = (piece.from, piece.until);
    let query = SumQuery { tier, from, until, only: asked.only(), by };
    let rows = books.registry.sums(&query).await?;
    let begins = if told_apart { beginnings(books, tier, piece) } else { HashMap::new() };
    for row in rows {
        let mut parts_of_name = row.names.into_iter();
        let mut names: Vec<String> = asked
            .by
            .iter()
            .filter(|by| by.summed().is_some())
            .zip(&mut parts_of_name)
            .map(|(_, n)| n)
            .collect();
        let period = parts_of_name.next();
        let at = period.and_then(|period| begins.get(&period).copied()).unwrap_or(piece.from);
        for (n, by) in asked.by.iter().enumerate().filter(|(_, by)| by.summed().is_none()) {
            names.insert(n.min(names.len()), by.at(at, books.calendar));
        }
        add(groups, names, &row.sum)?;
    }
    Ok(())
}

/// When the periods of a piece begin, by their ids.
fn beginnings(books: Books<'_>, tier: Tier, piece: Piece) -> HashMap<String, UnixMs> {
    let (calendar, window) = (books.calendar, tier.window());
    let mut begins = HashMap::new();
    let mut at = piece.from;
    while at < piece.until {
        begins.insert(calendar.period(window, at).to_string(), at);
        let Some(end) = calendar.ends(window, at).filter(|end| *end > at) else { break };
        at = end;
    }
    begins
}

/// Shows each event of a span to `visit`.
pub(super) async fn each(
    books: Books<'_>,
    ((since, until), only): ((UnixMs, UnixMs), &EventQuery),
    mut visit: impl FnMut(&UsageEvent) -> Result<(), NoAnswer>,
) -> Result<(), NoAnswer> {
    let (since, until) = (Some(since), Some(until));
    let mut query = EventQuery { since, until, limit: PAGE, ..only.clone() };
    let mut seen: u64 = 0;
    loop {
        let page = books.registry.events(&query).await?;
        page.entries.iter().try_for_each(&mut visit)?;
        seen = seen.saturating_add(page.entries.len().try_into().unwrap_or(u64::MAX));
        if seen > MOST_EVENTS {
            let detail = format!("more than {MOST_EVENTS} calls: ask for a later `since`");
            return Err(NoAnswer::TooMuch("?since", detail));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(()),
        }
    }
}

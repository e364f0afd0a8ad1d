//! Gathering: sums of the calls of a span, by anything, from the ledger's sums and, where these
//! cannot tell, from pages of events.

use super::super::Parts;
use super::super::problem::Problem;
use super::cover::{Piece, Sums};
use super::dimension::{Dimension, grain};
use crate::clock::UnixMs;
use crate::ledger::{self, EventQuery, Sum, SumQuery, Tier, UsageEvent};
use std::collections::{BTreeMap, HashMap};

const PAGE: usize = 1_000;
/// Events that one question reads.
pub(super) const MOST_EVENTS: u64 = 2_000_000;
/// Groups of one answer.
pub(super) const MOST_GROUPS: usize = 20_000;

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// From when on.
    pub(super) since: UnixMs,
    /// Before when; `None`: up to now.
    pub(super) until: Option<UnixMs>,
    /// Of which calls; times are not looked at.
    pub(super) only: EventQuery,
    /// By what they are kept apart.
    pub(super) by: Vec<Dimension>,
}

/// Sums by the names of what they are kept apart by.
pub(super) type Groups = BTreeMap<Vec<String>, Sum>;

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
pub(super) async fn gather(parts: &Parts, asked: &Question) -> Result<Groups, Problem> {
    let sums = Sums { calendar: &parts.calendar, since: parts.registry.summed_since().await? };
    let grain = grain(&asked.by);
    let until = asked.end(&sums, parts.clock.now(), grain);
    let mut groups = Groups::new();
    for piece in sums.cover((asked.since, until), grain) {
        match piece.tier {
            Some(tier) => add_sums(parts, asked, (tier, piece), grain, &mut groups).await?,
            None => {
                let span = (piece.from, piece.until);
                each(parts, (span, &asked.only), |event| {
                    let names = asked.by.iter().map(|by| by.of(event, &parts.calendar)).collect();
                    add(&mut groups, names, &Sum::of(event, event.cost))
                })
                .await?;
            }
        }
    }
    Ok(groups)
}

fn add(groups: &mut Groups, names: Vec<String>, sum: &Sum) -> Result<(), Problem> {
    let group = groups.entry(names).or_default();
    *group = group.plus(sum);
    few(groups.len())
}

/// Refuses an answer with too many groups.
pub(super) fn few(groups: usize) -> Result<(), Problem> {
    if groups <= MOST_GROUPS {
        return Ok(());
    }
    let detail =
        format!("more than {MOST_GROUPS} groups: ask for a later beginning or fewer groups");
    Err(Problem::field("?group_by", detail))
}

async fn add_sums(
    parts: &Parts,
    asked: &Question,
    (tier, piece): (Tier, Piece),
    grain: Option<Tier>,
    groups: &mut Groups,
) -> Result<(), Problem> {
    let mut by: Vec<_> = asked.by.iter().filter_map(|by| by.summed()).collect();
    let told_apart = grain == Some(tier);
    if told_apart {
        by.push(ledger::Dimension::Period);
    }
    let (from, until) = (piece.from, piece.until);
    let query = SumQuery { tier, from, until, only: asked.only(), by };
    let rows = parts.registry.sums(&query).await?;
    let begins = if told_apart { beginnings(parts, tier, piece) } else { HashMap::new() };
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
            names.insert(n.min(names.len()), by.at(at, &parts.calendar));
        }
        add(groups, names, &row.sum)?;
    }
    Ok(())
}

/// When the periods of a piece begin, by their ids.
fn beginnings(parts: &Parts, tier: Tier, piece: Piece) -> HashMap<String, UnixMs> {
    let (calendar, window) = (&parts.calendar, tier.window());
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
    parts: &Parts,
    ((since, until), only): ((UnixMs, UnixMs), &EventQuery),
    mut visit: impl FnMut(&UsageEvent) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let (since, until) = (Some(since), Some(until));
    let mut query = EventQuery { since, until, limit: PAGE, ..only.clone() };
    let mut seen: u64 = 0;
    loop {
        let page = parts.registry.events(&query).await?;
        page.entries.iter().try_for_each(&mut visit)?;
        seen = seen.saturating_add(page.entries.len().try_into().unwrap_or(u64::MAX));
        if seen > MOST_EVENTS {
            let detail = format!("more than {MOST_EVENTS} calls: ask for a later `since`");
            return Err(Problem::field("?since", detail));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(()),
        }
    }
}

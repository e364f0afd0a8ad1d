//! What is said of a crossing: the figures of its account at the moment it is told. Pure.

use super::notice::{Notice, State, Subject};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{Account, Crossing, Mark, Standing};
use crate::limit::{Calendar, Level, Meter, Period, Thresholds, Window};
use crate::money::NanoUsd;
use sha2::{Digest, Sha256};

/// How many digits of a hash an alert's id has.
const DIGITS: usize = 32;

/// What fires once in a period: a threshold of a limit of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) account: AccountId,
    /// `usd/month`.
    pub(super) limit: String,
    pub(super) threshold: u32,
}

impl Point {
    pub(super) fn of(crossing: &Crossing) -> Self {
        Self {
            account: crossing.account.clone(),
            limit: crossing.limit.name(),
            threshold: crossing.threshold,
        }
    }

    /// The name of its mark: `user:alice|usd/month|80`.
    pub(super) fn mark(&self) -> String {
        format!("{}|{}|{}", self.account, self.limit, self.threshold)
    }

    /// Reads what [`Point::mark`] writes.
    pub(super) fn parse(mark: &str) -> Option<Self> {
        let (account, rest) = mark.split_once('|')?;
        let (limit, threshold) = rest.rsplit_once('|')?;
        let (account, threshold) = (account.parse().ok()?, threshold.parse().ok()?);
        Some(Self { account, limit: limit.to_owned(), threshold })
    }

    /// The id of its alert. The same for all who raise it; lower thresholds come first.
    pub(super) fn alert(&self, period: Period, arm: u32, created: UnixMs) -> Option<Id> {
        let hash = Sha256::digest(format!("{}|{period}|{arm}|{created}", self.mark()));
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:03}-{}", self.threshold, digits.get(..DIGITS)?).parse().ok()
    }
}

/// The id of what tells that an alert is over.
pub(super) fn end_of(alert: &Id) -> Option<Id> {
    format!("{alert}.end").parse().ok()
}

/// The period in which a limit fires once. Rolling windows have none: they fire again once their use
/// fell below.
pub(super) fn period(calendar: &Calendar, window: Option<Window>, at: UnixMs) -> Option<Period> {
    let window = window?;
    Some(if window.steps().is_some() { 0 } else { calendar.period(window, at) })
}

/// That of a crossing.
pub(super) fn period_of(crossing: &Crossing) -> Period {
    let rolls = crossing.limit.window.is_some_and(|window| window.steps().is_some());
    if rolls { 0 } else { crossing.period }
}

/// Whether a limit's use is at a threshold.
pub(super) fn reaches(standing: &Standing, threshold: u32) -> bool {
    let allowed = i128::from(standing.allowed());
    let part = i128::from(threshold).saturating_mul(allowed);
    allowed > 0 && i128::from(standing.used).saturating_mul(100) >= part
}

/// The limit of an account with a name.
pub(super) fn standing<'a>(account: &'a Account, limit: &str) -> Option<&'a Standing> {
    account.standings.iter().find(|standing| standing.limit.name() == limit)
}

/// The thresholds that a standing is at, as crossings, ascending.
pub(super) fn reached(
    standing: &Standing,
    thresholds: &Thresholds,
    period: Period,
) -> Vec<Crossing> {
    let at = thresholds.as_slice().iter().filter(|threshold| reaches(standing, **threshold));
    at.map(|threshold| crossing(standing, thresholds, (*threshold, period))).collect()
}

/// A threshold of a limit in a period, with the figures of now.
pub(super) fn crossing(
    standing: &Standing,
    thresholds: &Thresholds,
    (threshold, period): (u32, Period),
) -> Crossing {
    Crossing {
        account: standing.account.clone(),
        limit: standing.limit,
        period,
        threshold,
        level: thresholds.level(threshold),
        used: standing.used,
        allowed: standing.allowed(),
    }
}

/// Whether what a mark is on for is over: its period is, or the use fell below. Without a period
/// there is no such limit any more.
pub(super) fn is_over(mark: Mark, current: Option<Period>, reached: bool) -> bool {
    let passed = |current| mark.period < current || (mark.period == current && !reached);
    mark.on && current.is_none_or(passed)
}

/// Whether a mark may be forgotten: its period is over, and so is the time in which it keeps others
/// silent.
pub(super) fn is_spent(mark: Mark, current: Option<Period>, now: UnixMs, renotify: i64) -> bool {
    let passed = current.is_some_and(|current| mark.period < current);
    let silent = mark.told.is_some_and(|told| now.saturating_sub(told) < renotify);
    !mark.on && passed && !silent
}

/// What an alert about a crossing says.
pub(super) fn notice(
    crossing: Crossing,
    account: &Account,
    provider: Option<String>,
    (calendar, now): (&Calendar, UnixMs),
) -> Notice {
    let window = crossing.limit.window;
    let same = |meter: Meter| {
        let mut all = account.standings.iter();
        all.find(|s| s.limit.meter == meter && s.limit.window == window && s.limit.models.is_none())
    };
    let cost = match crossing.limit.meter {
        Meter::Usd => NanoUsd::new(crossing.used),
        _ => same(Meter::Usd).map_or(account.month_usd, |s| NanoUsd::new(s.used)),
    };
    let total_tokens = match crossing.limit.meter {
        Meter::Tokens => crossing.used,
        _ => same(Meter::Tokens).map_or(account.total_tokens, |s| s.used),
    };
    let ends = window.and_then(|window| calendar.ends(window, now));
    let resets_at = ends.or_else(|| standing(account, &crossing.limit.name())?.resets);
    let workspace = match account.id.kind {
        AccountKind::Workspace => Some(account.id.id.clone()),
        _ => account.workspace.clone(),
    };
    Notice {
        state: State::Triggered,
        subject: Subject::Threshold(crossing),
        time: now,
        workspace,
        provider,
        total_tokens,
        cost,
        resets_at,
        link: None,
    }
}

/// What a channel is tested with: an alert that looks like one, of nobody.
pub(super) fn sample(channel: &str, workspace: Option<Id>, now: UnixMs) -> Notice {
    let firing = super::notice::Firing {
        rule: "test".to_owned(),
        kind: "test".to_owned(),
        level: Level::Warning,
        account: None,
        about: "all".to_owned(),
        says: format!("This is a test of the channel {channel}. Nothing happened."),
        action: String::new(),
    };
    Notice {
        state: State::Triggered,
        subject: Subject::Rule(firing),
        time: now,
        workspace,
        provider: None,
        total_tokens: 0,
        cost: NanoUsd::new(0),
        resets_at: None,
        link: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_as_it_was_written() {
        let point = Point {
            account: "user:alice".parse().unwrap(),
            limit: "usd/day@gpt-5*|x".to_owned(),
            threshold: 80,
        };
        assert_eq!(Point::parse(&point.mark()), Some(point));
        assert_eq!(Point::parse("user:alice|usd/month"), None);
    }

    #[test]
    fn ids_differ_by_everything_that_fires_apart() {
        let of = |account: &str, limit: &str, threshold, period, arm, created| {
            let (account, limit) = (account.parse().unwrap(), limit.to_owned());
            let id = Point { account, limit, threshold }.alert(period, arm, created);
            id.unwrap().to_string()
        };
        let first = of("user:a", "usd/month", 80, 202_611, 0, 5);
        assert_eq!(first, of("user:a", "usd/month", 80, 202_611, 0, 5));
        let others = [
            of("user:b", "usd/month", 80, 202_611, 0, 5),
            of("user:a", "usd/day", 80, 202_611, 0, 5),
            of("user:a", "usd/month", 90, 202_611, 0, 5),
            of("user:a", "usd/month", 80, 202_612, 0, 5),
            of("user:a", "usd/month", 80, 202_611, 1, 5),
            of("user:a", "usd/month", 80, 202_611, 0, 6),
        ];
        assert!(!others.contains(&first));
        assert!(first < of("user:a", "usd/month", 100, 202_611, 0, 5), "ascending");
    }
}

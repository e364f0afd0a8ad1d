//! Reports: what was spent on a day or in a week, by whom and on what, beside the period before.
//!
//! `text` and `html` write a report for people. Not here: its JSON and CSV, which are `control`'s, and
//! who sends it.
//!
//! Invariants: figures are those of the sums, to the nano-dollar; users add up to the total. A report
//! of a workspace holds nothing of another.

mod html;
mod text;

pub use html::html;
pub use text::{facts, text};

use super::forecasts::{Forecast, Forecasts};
use crate::clock::{Clock, UnixMs};
use crate::ids::{AccountKind, Id};
use crate::ledger::{
    Account, Dimension, ListFilter, Registry, RegistryError, Sort, SortBy, Standing, Sum, SumQuery,
    Tier,
};
use crate::limit::{Calendar, Limit, Meter, Window};
use jiff::civil::Date;
use jiff::{ToSpan, tz::TimeZone};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many users at a time, and so many times, are looked at for those near their limit.
const LOOKED_AT_ONCE: usize = 100;
const PAGES: usize = 10;
/// How many users a report names whose spending changed most.
const MOVERS: usize = 5;
/// How many users near their limit a report names at most.
const NEAR: usize = 10;
const HALF_A_DAY: i64 = 43_200_000;
/// From which part of a limit on a user is near it, in per cent.
const NEAR_PERCENT: i128 = 80;

/// How long a report's period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportKind {
    /// A day.
    Daily,
    /// A week, from Monday.
    Weekly,
}

impl ReportKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Daily, Self::Weekly];

    /// The word in paths and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    /// Reads what [`ReportKind::as_str`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    const fn window(self) -> Window {
        match self {
            Self::Daily => Window::Day,
            Self::Weekly => Window::Week,
        }
    }
}

/// What one user, model or provider came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The name.
    pub name: String,
    /// In the period.
    pub sum: Sum,
    /// In the period before.
    pub before: Sum,
}

impl Part {
    /// How much more was spent than in the period before, in nano-dollars.
    pub fn change(&self) -> i64 {
        self.sum.cost.get().saturating_sub(self.before.cost.get())
    }
}

/// A report.
#[derive(Debug, Clone)]
pub struct Report {
    /// Of a day or of a week.
    pub kind: ReportKind,
    /// When the period begins.
    pub from: UnixMs,
    /// When it ends.
    pub to: UnixMs,
    /// When the period before begins.
    pub before: UnixMs,
    /// Its first day.
    pub date: Date,
    /// The zone of the ledger's days.
    pub zone: String,
    /// The workspace that it is of; `None`: all.
    pub workspace: Option<Id>,
    /// All together; its name is empty.
    pub total: Part,
    /// The dearest first; together they are the total.
    pub by_user: Vec<Part>,
    /// The same by model.
    pub by_model: Vec<Part>,
    /// The same by provider.
    pub by_provider: Vec<Part>,
    /// Users whose spending changed most.
    pub movers: Vec<Part>,
    /// What is to be expected of users near their limit, the fullest first.
    pub near: Vec<Forecast>,
}

impl Report {
    /// `2026-11-28`, `week of 2026-11-23`.
    pub fn period(&self) -> String {
        match self.kind {
            ReportKind::Daily => self.date.to_string(),
            ReportKind::Weekly => format!("week of {}", self.date),
        }
    }

    /// `Farebox daily report: 2026-11-28`, with the workspace where it is of one.
    pub fn title(&self) -> String {
        let of = self.workspace.as_ref().map(|own| format!(", {own}")).unwrap_or_default();
        format!("Farebox {} report: {}{of}", self.kind.as_str(), self.period())
    }
}

/// Which part of a whole something is, in per cent with one decimal; `None` of nothing.
pub fn percent(part: i64, whole: i64) -> Option<f64> {
    let tenths = i128::from(part).saturating_mul(1_000).checked_div(i128::from(whole))?;
    i32::try_from(tenths).ok().map(|tenths| f64::from(tenths) / 10.0)
}

/// Makes reports.
#[derive(Clone)]
pub struct Reports {
    registry: Arc<dyn Registry>,
    calendar: Calendar,
    clock: Clock,
}

impl Reports {
    /// Over a ledger; `calendar` has its time zone.
    pub fn new(registry: Arc<dyn Registry>, calendar: Calendar, clock: Clock) -> Self {
        Self { registry, calendar, clock }
    }

    /// The report of the day, or of the week, that holds a date; without one, of the last that is
    /// over. A period that is not over is reported up to now, one that has not begun is refused.
    pub async fn of(
        &self,
        kind: ReportKind,
        date: Option<Date>,
        workspace: Option<&Id>,
    ) -> Result<Report, RegistryError> {
        let (window, now) = (kind.window(), self.clock.now());
        let begins = |at: UnixMs| self.calendar.begins(window, at).unwrap_or(at);
        let from = match date {
            Some(date) => begins(self.noon(date)?),
            None => begins(begins(now).saturating_sub(1)),
        };
        if from > now {
            let (date, kind) = (self.calendar.date(from), kind.as_str());
            return Err(RegistryError::Invalid(format!(
                "{date} has not come yet: ask for the {kind} report of a day until {}",
                self.calendar.date(now)
            )));
        }
        let summed = self.registry.summed_since().await?.days;
        if from < summed {
            return Err(RegistryError::Invalid(format!(
                "{} is not told in full: calls are added up by day from {} on; ask for a later date, \
                 or keep them longer ([history] day_sums_days)",
                self.calendar.date(from),
                crate::clock::rfc3339_seconds(summed)
            )));
        }
        let to = self.calendar.ends(window, from).unwrap_or(now);
        let before = begins(from.saturating_sub(1));
        let parts = async |by| self.parts(by, (before, from, to), workspace).await;
        let by_user = parts(Dimension::User).await?;
        let by_model = parts(Dimension::Model).await?;
        let by_provider = parts(Dimension::Provider).await?;
        let sum = |of: fn(&Part) -> &Sum| {
            by_user.iter().fold(Sum::default(), |sum, part| sum.plus(of(part)))
        };
        let (of, earlier) = (sum(|part| &part.sum), sum(|part| &part.before));
        let mut movers = by_user.clone();
        movers.retain(|part| part.change() != 0);
        movers.sort_by_key(|part| std::cmp::Reverse(part.change().unsigned_abs()));
        movers.truncate(MOVERS);
        Ok(Report {
            kind,
            from,
            to,
            before,
            date: self.calendar.date(from),
            zone: self.calendar.zone_name().to_owned(),
            workspace: workspace.cloned(),
            total: Part { name: String::new(), sum: of, before: earlier },
            by_user,
            by_model,
            by_provider,
            movers,
            near: self.near(workspace).await?,
        })
    }

    /// Noon of a day: in the day whatever the clocks do.
    fn noon(&self, date: Date) -> Result<UnixMs, RegistryError> {
        let zone = TimeZone::get(self.calendar.zone_name()).unwrap_or(TimeZone::UTC);
        let midnight = date.to_zoned_datetime(zone);
        let refused = |_| RegistryError::Invalid(format!("{date} is no day of this calendar"));
        let midnight = midnight.map_err(refused)?.timestamp().as_millisecond();
        Ok(midnight.saturating_add(HALF_A_DAY))
    }

    async fn parts(
        &self,
        by: Dimension,
        (before, from, to): (UnixMs, UnixMs, UnixMs),
        workspace: Option<&Id>,
    ) -> Result<Vec<Part>, RegistryError> {
        let only: Vec<_> =
            workspace.iter().map(|id| (Dimension::Workspace, id.to_string())).collect();
        let query = |from, until| {
            let (only, by) = (only.clone(), vec![by]);
            SumQuery { tier: Tier::Day, from, until, only, by }
        };
        let mut parts: BTreeMap<String, Part> = BTreeMap::new();
        let mut part = |names: Vec<String>, add: &dyn Fn(&mut Part)| {
            let name = names.into_iter().next().unwrap_or_default();
            let empty = || Part { name: name.clone(), sum: Sum::default(), before: Sum::default() };
            add(parts.entry(name.clone()).or_insert_with(empty));
        };
        for row in self.registry.sums(&query(from, to)).await? {
            part(row.names, &|part| part.sum = row.sum);
        }
        for row in self.registry.sums(&query(before, from)).await? {
            part(row.names, &|part| part.before = row.sum);
        }
        let mut parts: Vec<Part> = parts.into_values().collect();
        // Names are in order already, and stay so among those that cost the same.
        parts.sort_by_key(|part| std::cmp::Reverse((part.sum.cost, part.sum.requests)));
        Ok(parts)
    }

    /// Users who have used most of their limit in dollars for all models.
    async fn near(&self, workspace: Option<&Id>) -> Result<Vec<Forecast>, RegistryError> {
        let mut filter = ListFilter {
            workspace: workspace.cloned(),
            sort: Sort { by: SortBy::Utilization, descending: true },
            limit: LOOKED_AT_ONCE,
            ..ListFilter::default()
        };
        let mut accounts: Vec<Account> = Vec::new();
        for _ in 0..PAGES {
            let page = self.registry.accounts(AccountKind::User, &filter).await?;
            let all = page.entries.len();
            let full: Vec<Account> =
                page.entries.into_iter().filter(|one| one.standings.iter().any(is_near)).collect();
            // The fullest come first, whatever their limits are of.
            let ended = full.len() < all || page.next.is_none();
            accounts.extend(full.into_iter().filter(|one| one.standings.iter().any(is_near_usd)));
            filter.after = page.next;
            if ended || accounts.len() >= NEAR {
                break;
            }
        }
        accounts.truncate(NEAR);
        Forecasts::new(self.registry.clone(), self.calendar.clone(), self.clock.clone())
            .of_all(&accounts)
            .await
    }
}

fn is_near(standing: &Standing) -> bool {
    let allowed = i128::from(standing.allowed()).saturating_mul(NEAR_PERCENT);
    i128::from(standing.used).saturating_mul(100) >= allowed
}

/// Forecasts are of all models.
fn is_near_usd(standing: &Standing) -> bool {
    let Limit { meter, models, .. } = standing.limit;
    meter == Meter::Usd && models.is_none() && is_near(standing)
}

/// The day of a daily report that is due at a time, and of the weekly one on Mondays: the first day of
/// the period that ended last.
pub fn due(kind: ReportKind, today: Date) -> Option<Date> {
    match kind {
        ReportKind::Daily => today.checked_sub(1.day()).ok(),
        ReportKind::Weekly if today.weekday() == jiff::civil::Weekday::Monday => {
            today.checked_sub(7.days()).ok()
        }
        ReportKind::Weekly => None,
    }
}

/// The dearest of some parts, and the others as one, with how many they are.
fn dearest(parts: &[Part], most: usize) -> (Vec<Part>, Option<(usize, Part)>) {
    let shown: Vec<&Part> = parts.iter().filter(|part| part.sum != Sum::default()).collect();
    let (first, rest) = shown.split_at(most.min(shown.len()));
    let others = rest.iter().fold((Sum::default(), Sum::default()), |(sum, before), part| {
        (sum.plus(&part.sum), before.plus(&part.before))
    });
    let others = Part { name: String::new(), sum: others.0, before: others.1 };
    let first = first.iter().map(|part| (*part).clone()).collect();
    (first, Some((rest.len(), others)).filter(|(many, _)| *many > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_reported_the_next_morning_and_a_week_on_monday() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        let monday = date("2026-11-30");
        assert_eq!(due(ReportKind::Daily, monday), Some(date("2026-11-29")));
        assert_eq!(due(ReportKind::Weekly, monday), Some(date("2026-11-23")));
        assert_eq!(due(ReportKind::Weekly, date("2026-12-01")), None);
    }

    #[test]
    fn shares_are_in_tenths_of_a_per_cent() {
        assert_eq!(percent(1, 3), Some(33.3));
        assert_eq!(percent(-1, 2), Some(-50.0));
        assert_eq!(percent(1, 0), None);
    }
}

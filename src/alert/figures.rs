//! What rules look at: sums of settled calls and accounts, read once for all rules of a check.

use super::alerting::Sources;
use super::rules::{About, Group, Rule, Scope};
use crate::clock::UnixMs;
use crate::ids::AccountId;
use crate::ledger::{Account, Dimension, Kept, ListFilter, Standing, Sum, SumQuery, SumRow, Tier};
use crate::limit::{Meter, Period};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many accounts are read at a time.
const AT_ONCE: usize = 200;
/// How many accounts of one rule are forecast.
const MOST_ACCOUNTS: usize = 5_000;
/// How far a clock may be behind that of the ledger.
const AHEAD: i64 = 60_000;

/// The figures of one check.
pub(super) struct Figures<'a> {
    sources: &'a Sources,
    /// For how long sums are kept.
    pub(super) kept: Kept,
    /// When it is checked.
    pub(super) now: UnixMs,
    asked: HashMap<String, Arc<Vec<SumRow>>>,
}

impl<'a> Figures<'a> {
    pub(super) fn new(sources: &'a Sources, kept: Kept) -> Self {
        Self { sources, kept, now: sources.clock.now(), asked: HashMap::new() }
    }

    /// What calls since a moment came to, of each whom the rule looks at and who had any.
    pub(super) async fn of(
        &mut self,
        rule: &Rule,
        since: (Tier, UnixMs),
    ) -> Result<Vec<(About, Sum)>, String> {
        let rows = self.rows(rule, since, &[]).await?;
        let named = rows.iter().filter_map(|row| {
            let name = row.names.first().map(String::as_str);
            Some((about(rule, name)?, row.sum))
        });
        Ok(named.collect())
    }

    /// The same apart for each period.
    pub(super) async fn by_period(
        &mut self,
        rule: &Rule,
        since: (Tier, UnixMs),
    ) -> Result<Vec<(About, BTreeMap<Period, Sum>)>, String> {
        let rows = self.rows(rule, since, &[Dimension::Period]).await?;
        let mut each: BTreeMap<About, BTreeMap<Period, Sum>> = BTreeMap::new();
        for row in rows.iter() {
            let name = row.names.first().filter(|_| row.names.len() > 1).map(String::as_str);
            let period = row.names.last().and_then(|id| id.parse().ok());
            if let Some((about, period)) = about(rule, name).zip(period) {
                each.entry(about).or_default().insert(period, row.sum);
            }
        }
        Ok(each.into_iter().collect())
    }

    async fn rows(
        &mut self,
        rule: &Rule,
        (tier, from): (Tier, UnixMs),
        more: &[Dimension],
    ) -> Result<Arc<Vec<SumRow>>, String> {
        let only = rule.workspace().map(|id| (Dimension::Workspace, id.to_string()));
        let own = rule.scope.group().map(Group::dimension);
        let query = SumQuery {
            tier,
            from,
            until: self.now.saturating_add(AHEAD),
            only: only.into_iter().collect(),
            by: own.into_iter().chain(more.iter().copied()).collect(),
        };
        let name = format!("{query:?}");
        if let Some(rows) = self.asked.get(&name) {
            return Ok(rows.clone());
        }
        let rows = self.sources.registry.sums(&query).await.map_err(|why| why.to_string())?;
        let rows = Arc::new(rows);
        self.asked.insert(name, rows.clone());
        Ok(rows)
    }

    /// Accounts whom the rule looks at and who have spent of a limit in dollars of a window of the
    /// calendar, [`MOST_ACCOUNTS`] at most.
    pub(super) async fn limited(&self, rule: &Rule) -> Result<Vec<Account>, String> {
        let Some(Group::Accounts(kind)) = rule.scope.group() else { return Ok(Vec::new()) };
        let workspace = rule.workspace().cloned();
        let mut filter = ListFilter { workspace, limit: AT_ONCE, ..ListFilter::default() };
        let mut limited = Vec::new();
        loop {
            let page = self.sources.registry.accounts(kind, &filter).await;
            let page = page.map_err(|why| why.to_string())?;
            let wanted = page.entries.into_iter().filter(|account| {
                rule.scope.has(account.id.id.as_str()) && account.standings.iter().any(is_spent_of)
            });
            limited.extend(wanted);
            let next = page.next.filter(|_| limited.len() < MOST_ACCOUNTS);
            let Some(next) = next.and_then(|next| next.parse().ok()) else { break };
            filter.after = Some(next);
        }
        if limited.len() >= MOST_ACCOUNTS {
            tracing::warn!(
                rule = %rule.name(),
                "only the first {MOST_ACCOUNTS} accounts are forecast; name fewer in `account`"
            );
            limited.truncate(MOST_ACCOUNTS);
        }
        Ok(limited)
    }

    /// Those of these accounts that there are.
    pub(super) async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, String> {
        let mut accounts = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let found = self.sources.registry.together(some).await;
            accounts.extend(found.map_err(|why| why.to_string())?.into_iter().flatten());
        }
        Ok(accounts)
    }
}

fn is_spent_of(standing: &Standing) -> bool {
    let rolls = standing.limit.window.is_none_or(|window| window.steps().is_some());
    standing.limit.meter == Meter::Usd && !rolls && standing.used > 0
}

/// Whom a row is about, where the rule looks at it.
fn about(rule: &Rule, name: Option<&str>) -> Option<About> {
    match (&rule.scope, name) {
        (Scope::Each { group, .. }, Some(name)) if rule.scope.has(name) => group.named(name),
        (Scope::All, _) => {
            let workspace = rule.workspace().map(AccountId::workspace);
            Some(workspace.map_or(About::All, About::Account))
        }
        _ => None,
    }
}

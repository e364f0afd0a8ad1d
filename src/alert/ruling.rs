//! Raises what rules find, each once in its period over all proxies, and ends what is over.
//!
//! The proxy that sweeps checks what the ledger knows. What only one proxy knows each checks for
//! itself; that fires once in a period, by an id that is the same on all, and is over when the
//! period is.
//!
//! Invariants: a rule whose figures cannot be read ends nothing. A rule that was changed is another
//! one: what it fired for before is ended.

use super::alerting::Alerting;
use super::facts;
use super::figures::Figures;
use super::notice::{Firing, Notice, State, Subject};
use super::rule_book::{ListedRule, NotKept};
use super::rules::{About, Finding, Kind, Rule, alert_id, marks_begin, prefix_of};
use crate::clock::UnixMs;
use crate::ids::{AccountKind, Id};
use crate::ledger::{Mark, NewAlert, RecordError, Tier, Verification};
use crate::limit::Period;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many are raised in one check; the rest in the next ones.
const MOST_FIRINGS: usize = 1_000;
/// How many marks are read at a time.
const AT_ONCE: usize = 200;
/// So many models without a price are remembered.
const MOST_MODELS: usize = 100;
/// For how long they are.
const REMEMBERED_MS: i64 = 86_400_000;
/// How often forecasts are made: they read weeks of hours.
const FORECAST_EVERY_MS: i64 = 600_000;
/// How long a check of the ledger may take.
const VERIFY_LIMIT: Duration = Duration::from_secs(120);

/// What a check found: what is not in it is over.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// The rules there are, by what the names of their marks begin with; `None`: not known now.
    rules: BTreeMap<String, Option<Rule>>,
    /// What the names of marks begin with of rules that this version cannot read.
    unreadable: Vec<String>,
    /// What fires, by the name of its mark, and in which period.
    found: BTreeMap<String, Period>,
}

/// What was seen last, in this process.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Models without a price, and when they were asked for.
    unpriced: Mutex<BTreeMap<String, UnixMs>>,
    /// When rules that are dear to check were checked last.
    forecast: Mutex<BTreeMap<String, UnixMs>>,
    /// What the last check of the ledger found.
    verified: Mutex<Option<(UnixMs, Verification)>>,
}

impl Alerting {
    /// Every rule.
    pub async fn rules(&self) -> Result<Vec<ListedRule>, RecordError> {
        let settings = self.settings.load_full();
        self.rules.all(&settings.rules, &settings.kept).await.map(|(rules, _)| rules)
    }

    /// Makes a rule.
    pub async fn make_rule(&self, map: &Map<String, Value>) -> Result<Rule, NotKept> {
        let settings = self.settings.load_full();
        let now = self.sources.clock.now();
        self.rules.make(map, (&settings.rules, &settings.kept), now).await
    }

    /// Changes some keys of a rule that was made over the API.
    pub async fn change_rule(
        &self,
        old: &Rule,
        changes: Map<String, Value>,
    ) -> Result<Rule, NotKept> {
        let kept = self.settings.load().kept;
        self.rules.change(old, changes, &kept, self.sources.clock.now()).await
    }

    /// Deletes a rule that was made over the API; whether there was one. What it fired for is ended
    /// by the next check.
    pub async fn remove_rule(&self, name: &Id) -> Result<bool, RecordError> {
        self.rules.remove(name).await
    }

    /// Checks what the ledger knows and raises what fires; what is over, the walk over all marks
    /// ends.
    pub(super) async fn check_rules(&self) -> Result<Judged, String> {
        let settings = self.settings.load_full();
        let all = self.rules.all(&settings.rules, &settings.kept).await;
        let (rules, unreadable) = all.map_err(|why| why.to_string())?;
        let mut figures = Figures::new(&self.sources, settings.kept);
        let (mut judged, mut room) = (Judged::default(), MOST_FIRINGS);
        judged.unreadable = unreadable.iter().map(marks_begin).collect();
        for ListedRule { rule, .. } in rules {
            match self.findings(&rule, &mut figures).await {
                Ok(Some(found)) => {
                    let named = found.iter().map(|one| (rule.mark(&one.point), one.period));
                    judged.found.extend(named);
                    self.raise_found(&rule, found, &mut room).await?;
                    judged.rules.insert(rule.prefix(), Some(rule));
                }
                Ok(None) => {
                    judged.rules.insert(rule.prefix(), None);
                }
                Err(why) => {
                    tracing::warn!(rule = %rule.name(), %why, "a rule was not checked");
                    judged.rules.insert(rule.prefix(), None);
                }
            }
        }
        Ok(judged)
    }

    /// What a rule fires for now; `None` where that cannot be said.
    async fn findings(
        &self,
        rule: &Rule,
        figures: &mut Figures<'_>,
    ) -> Result<Option<Vec<Finding>>, String> {
        let time = (&self.sources.calendar, figures.now);
        let (kept, now) = (figures.kept, figures.now);
        let found = match &rule.kind {
            Kind::AbsoluteUsd(kind) => {
                let sums = figures.of(rule, kind.over.counted(&kept, time.0, now)).await?;
                let judged = sums.into_iter().map(|(about, sum)| kind.judge(about, &sum, time));
                judged.flatten().collect()
            }
            Kind::BurnRate(kind) => {
                let counted = (kind.last.tier(&kept), kind.last.from(&kept, now));
                let sums = figures.of(rule, counted).await?;
                if kind.needs_limits() {
                    let ids: Vec<_> =
                        sums.iter().filter_map(|(a, _)| a.account().cloned()).collect();
                    let sums: BTreeMap<About, _> = sums.into_iter().collect();
                    let mut accounts = figures.accounts(&ids).await?;
                    // One that has moved away is not the workspace's business any more.
                    accounts.retain(|account| rule.concerns(account));
                    let all = accounts.iter().flat_map(|account| &account.standings);
                    let judged = all.filter_map(|standing| {
                        let sum = sums.get(&About::Account(standing.account.clone()))?;
                        kind.judge_limit(standing, sum, time)
                    });
                    judged.collect()
                } else {
                    sums.into_iter().filter_map(|(about, sum)| kind.judge(about, &sum)).collect()
                }
            }
            Kind::ErrorRate(kind) => {
                let counted = (kind.last.tier(&kept), kind.last.from(&kept, now));
                let sums = figures.of(rule, counted).await?;
                sums.into_iter().filter_map(|(about, sum)| kind.judge(about, &sum)).collect()
            }
            Kind::Spike(kind) => {
                let from = now.saturating_sub(kind.reaches_back());
                let hours = figures.by_period(rule, (Tier::Hour, from)).await?;
                let judged = hours.iter().map(|(about, hours)| kind.judge(about, hours, time));
                judged.flatten().collect()
            }
            Kind::ProjectedExceed(kind) => {
                if !self.seen.is_due(&rule.prefix(), now) {
                    return Ok(None);
                }
                let accounts = figures.limited(rule).await?;
                let expected = (self.sources.projections)(accounts).await?;
                expected.iter().filter_map(|one| kind.judge(one, time.0)).collect()
            }
            Kind::LedgerImbalance(kind) => {
                let found = self.verified(kind.every.0).await?;
                kind.judge(&found).into_iter().collect()
            }
            Kind::JournalBacklog(_) | Kind::Quarantined(_) | Kind::UnpricedModel(_) => Vec::new(),
        };
        Ok(Some(found))
    }

    /// Raises what a rule found and nobody raised before.
    async fn raise_found(
        &self,
        rule: &Rule,
        found: Vec<Finding>,
        room: &mut usize,
    ) -> Result<(), String> {
        let mut found = found.into_iter().peekable();
        while found.peek().is_some() {
            let some: Vec<Finding> = found.by_ref().take(AT_ONCE).collect();
            let names: Vec<String> = some.iter().map(|one| rule.mark(&one.point)).collect();
            let marks = self.sources.outbox.marks(&names).await.map_err(|why| why.to_string())?;
            for (finding, mark) in some.into_iter().zip(marks) {
                if is_told(mark, finding.period) {
                    continue;
                }
                let Some(left) = room.checked_sub(1) else {
                    tracing::warn!(rule = %rule.name(), "{MOST_FIRINGS} alerts were raised in one \
                        check; the others wait for the next one");
                    return Ok(());
                };
                *room = left;
                self.fire(rule, finding, mark).await?;
            }
        }
        Ok(())
    }

    /// Ends or forgets a mark of a rule, if it is one.
    pub(super) async fn look_at_rule(
        &self,
        name: &str,
        mark: Mark,
        judged: &Judged,
    ) -> Result<(), String> {
        let Some(prefix) = prefix_of(name) else { return Ok(()) };
        if judged.unreadable.iter().any(|start| prefix.starts_with(start)) {
            return Ok(());
        }
        let (over, spent) = match judged.rules.get(prefix) {
            None => (true, true),
            Some(None) => return Ok(()),
            Some(Some(rule)) => {
                let now = self.sources.clock.now();
                let current = rule.kind.period(&self.sources.calendar, now);
                let holds = match judged.found.get(name) {
                    Some(period) => mark.period >= *period,
                    None => rule.kind.is_own() && current.is_some_and(|now| mark.period >= now),
                };
                (!holds, facts::is_spent(mark, current, now, self.renotify_ms()))
            }
        };
        match (mark.on, over, spent) {
            (true, true, _) => self.end_firing(name, mark).await,
            (false, _, true) => self.forget_firing(name, mark).await,
            _ => Ok(()),
        }
    }

    /// Checks what only this proxy knows.
    pub async fn check_own(&self) -> Result<(), String> {
        let own = (self.sources.own)();
        let now = self.sources.clock.now();
        self.seen.remember(own.unpriced, now);
        let rules = self.rules().await.map_err(|why| why.to_string())?;
        let time = (&self.sources.calendar, now);
        for ListedRule { rule, .. } in rules.iter().filter(|listed| listed.rule.kind.is_own()) {
            let found: Vec<Finding> = match &rule.kind {
                Kind::JournalBacklog(kind) => kind.judge(own.pending, time).into_iter().collect(),
                Kind::Quarantined(kind) => {
                    let mine = own.quarantined.iter().filter(|id| rule.scope.has(id.as_str()));
                    mine.map(|id| kind.judge(id, time)).collect()
                }
                Kind::UnpricedModel(kind) => {
                    let kept = self.settings.load().kept;
                    let (_, since) = kind.over.counted(&kept, time.0, now);
                    self.seen.models(since).iter().map(|model| kind.judge(model, time)).collect()
                }
                _ => Vec::new(),
            };
            let names: Vec<String> = found.iter().map(|one| rule.mark(&one.point)).collect();
            let marks = self.sources.outbox.marks(&names).await.map_err(|why| why.to_string())?;
            for (finding, mark) in found.into_iter().zip(marks) {
                if !is_told(mark, finding.period) {
                    self.fire(rule, finding, mark).await?;
                }
            }
        }
        Ok(())
    }

    async fn fire(&self, rule: &Rule, finding: Finding, mark: Option<Mark>) -> Result<(), String> {
        let name = rule.mark(&finding.point);
        if let Some(old) = mark.filter(|mark| mark.on && mark.period < finding.period) {
            self.end_firing(&name, old).await?;
        }
        let arm = mark.filter(|mark| mark.period == finding.period).map_or(0, |mark| mark.arm);
        let Some(id) = alert_id(&name, finding.period, arm) else { return Ok(()) };
        let period = finding.period;
        let notice = self.firing(rule, finding).await?;
        let alert = NewAlert {
            id,
            mark: name,
            period,
            arm,
            ends: false,
            renotify_ms: self.renotify_ms(),
            text: serde_json::to_string(&notice).map_err(|why| why.to_string())?,
            channels: self.wanting(&notice),
        };
        self.put(&alert).await
    }

    async fn firing(&self, rule: &Rule, finding: Finding) -> Result<Notice, String> {
        let about = &finding.point.about;
        let account = about.account().cloned();
        let workspace = match (rule.workspace(), &account) {
            (Some(own), _) => Some(own.clone()),
            (None, None) => None,
            (None, Some(account)) if account.kind == AccountKind::Workspace => {
                Some(account.id.clone())
            }
            (None, Some(account)) => {
                let found = self.sources.registry.account(account).await;
                found.map_err(|why| why.to_string())?.and_then(|found| found.workspace)
            }
        };
        let provider = match (about, &account) {
            (About::Provider(name), _) => Some(name.clone()),
            (_, Some(account)) if account.kind == AccountKind::Credential => {
                (self.sources.provider)(&account.id)
            }
            _ => None,
        };
        let about = finding.point.to_string();
        let firing = Firing {
            rule: rule.name().to_string(),
            kind: rule.kind().to_owned(),
            level: rule.level(),
            account,
            about,
            says: finding.says,
            action: finding.action,
        };
        Ok(Notice {
            state: State::Triggered,
            subject: Subject::Rule(firing),
            time: self.sources.clock.now(),
            workspace,
            provider,
            total_tokens: finding.tokens,
            cost: finding.cost,
            resets_at: finding.ends,
            link: None,
        })
    }

    /// Tells that what a mark is on for is over.
    async fn end_firing(&self, name: &str, mark: Mark) -> Result<(), String> {
        let Some(id) = alert_id(name, mark.period, mark.arm) else { return Ok(()) };
        let Some(end) = facts::end_of(&id) else { return Ok(()) };
        let kept = self.sources.outbox.alert(&id).await.map_err(|why| why.to_string())?;
        let began = kept.and_then(|kept| serde_json::from_str::<Notice>(&kept.text).ok());
        let mut alert = NewAlert {
            id: end,
            mark: name.to_owned(),
            period: mark.period,
            arm: mark.arm,
            ends: true,
            renotify_ms: 0,
            text: String::new(),
            channels: Vec::new(),
        };
        if let Some(mut notice) = began {
            notice.state = State::Resolved;
            notice.time = self.sources.clock.now();
            alert.text = serde_json::to_string(&notice).map_err(|why| why.to_string())?;
            alert.channels = self.wanting(&notice);
        }
        self.put(&alert).await
    }

    async fn forget_firing(&self, name: &str, mark: Mark) -> Result<(), String> {
        let forgotten = self.sources.outbox.forget_mark(name, mark).await;
        forgotten.map_err(|why| why.to_string())
    }

    /// What a check of the ledger found that is not older than `every` milliseconds.
    async fn verified(&self, every: i64) -> Result<Verification, String> {
        let now = self.sources.clock.now();
        let fresh = |at: UnixMs| (0..every).contains(&now.saturating_sub(at));
        if let Some((at, found)) = &*self.seen.verified.lock()
            && fresh(*at)
        {
            return Ok(found.clone());
        }
        let found = tokio::time::timeout(VERIFY_LIMIT, self.sources.registry.verify()).await;
        let found = found.map_err(|_| format!("no answer within {} s", VERIFY_LIMIT.as_secs()))?;
        let found = found.map_err(|why| why.to_string())?;
        *self.seen.verified.lock() = Some((now, found.clone()));
        Ok(found)
    }
}

/// Whether it was raised in this period, or in a later one by whose clock is ahead.
fn is_told(mark: Option<Mark>, period: Period) -> bool {
    mark.is_some_and(|mark| mark.on && mark.period >= period)
}

impl Seen {
    /// Whether a rule that is dear to check is to be checked now.
    fn is_due(&self, rule: &str, now: UnixMs) -> bool {
        let mut checked = self.forecast.lock();
        checked.retain(|_, at| (0..FORECAST_EVERY_MS).contains(&now.saturating_sub(*at)));
        let due = !checked.contains_key(rule);
        if due {
            checked.insert(rule.to_owned(), now);
        }
        due
    }

    fn remember(&self, models: Vec<String>, now: UnixMs) {
        let mut seen = self.unpriced.lock();
        seen.retain(|_, at| (0..REMEMBERED_MS).contains(&now.saturating_sub(*at)));
        for model in models {
            if seen.len() < MOST_MODELS || seen.contains_key(&model) {
                seen.insert(model, now);
            }
        }
    }

    fn models(&self, since: UnixMs) -> Vec<String> {
        let seen = self.unpriced.lock();
        seen.iter().filter(|(_, at)| **at >= since).map(|(model, _)| model.clone()).collect()
    }
}

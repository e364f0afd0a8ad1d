//! Makes alerts of crossings, each once over all proxies, and has them delivered.
//!
//! A crossing that a settlement reports is a hint: the fast way. The sweep, which one of all proxies
//! does at a time, looks at the accounts themselves, so that a lost hint costs a while and never an
//! alert; only of a window shorter than `check_every` it may. What resolves and arms again is seen
//! by the sweep alone.
//!
//! Invariant: nothing here is on the way of a call. Who raises has read the mark first and the
//! account after it, so that an alert of before a reset is never raised after it.

use super::address::Allowed;
use super::channel::Channel;
use super::directory::{Directory, Listed, NotMade};
use super::facts::{self, Point};
use super::notice::{Notice, State, Subject};
use super::outcome::Outcome;
use super::outgoing::Outgoing;
use super::rule_book::RuleBook;
use super::rules::{Projection, Rule};
use super::ruling::Seen;
use crate::clock::{Clock, UnixMs};
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{
    Account, BoxFuture, Crossing, Kept, KeptAlert, Mark, NewAlert, Outbox, Page, Raised,
    RecordError, Records, Registry, Unavailable,
};
use crate::limit::{Calendar, Thresholds};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What the file says of alerts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often accounts are looked at.
    pub check_every: Duration,
    /// The least time between two messages of one account, limit and threshold.
    pub renotify_after: Duration,
    /// Where channels may go.
    pub allowed: Allowed,
    /// The channels of the file.
    pub channels: Vec<Channel>,
    /// The rules of the file.
    pub rules: Vec<Rule>,
    /// For how long what rules look at is kept.
    pub kept: Kept,
    /// The thresholds of accounts without some of their own.
    pub thresholds: Thresholds,
    /// Where people find the dashboard, without a slash at the end.
    pub dashboard: Option<String>,
}

/// What only this proxy knows of itself.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// So many settled calls wait for the ledger.
    pub pending: usize,
    /// Models without a price that were asked for since this was asked last.
    pub unpriced: Vec<String>,
    /// Credentials that their provider rejected.
    pub quarantined: Vec<Id>,
}

/// Names the provider of a credential.
pub type ProviderOf = Arc<dyn Fn(&Id) -> Option<String> + Send + Sync>;

/// What accounts will have spent of their limits when the periods end; those without a limit in
/// dollars of a window of the calendar are left out.
pub type ProjectionsOf =
    Arc<dyn Fn(Vec<Account>) -> BoxFuture<'static, Result<Vec<Projection>, String>> + Send + Sync>;

/// What alerts are made of.
pub struct Sources {
    /// Accounts.
    pub registry: Arc<dyn Registry>,
    /// What is raised, and what of it is to be sent.
    pub outbox: Arc<dyn Outbox>,
    /// Channels that were made over the API.
    pub records: Arc<dyn Records>,
    /// The time.
    pub clock: Clock,
    /// The ledger's time zone.
    pub calendar: Calendar,
    /// The operator's token, under which the secrets of channels are sealed.
    pub token: SecretString,
    /// The provider of a credential.
    pub provider: ProviderOf,
    /// What accounts will have spent.
    pub projections: ProjectionsOf,
    /// What only this proxy knows.
    pub own: Arc<dyn Fn() -> Own + Send + Sync>,
    /// Who is told of each alert that was raised.
    pub told: Arc<dyn Fn(&Id) + Send + Sync>,
}

/// Alerts, from crossing to channel.
pub struct Alerting {
    pub(super) sources: Sources,
    pub(super) directory: Directory,
    pub(super) settings: ArcSwap<Settings>,
    pub(super) outgoing: ArcSwap<Outgoing>,
    pub(super) rules: RuleBook,
    pub(super) seen: Seen,
    /// Something is due.
    pub(super) due: Notify,
    /// How far the walk through all marks came.
    pub(super) walked: Mutex<Option<String>>,
}

impl Alerting {
    /// Alerts that nobody makes or sends yet; `alert::start` does.
    pub fn new(sources: Sources, settings: Settings) -> Result<Self, String> {
        let outgoing = Outgoing::new(settings.allowed.clone(), sources.clock.clone());
        let outgoing = outgoing.map_err(|why| format!("alerts: no TLS: {why}"))?;
        let directory = Directory::new(sources.records.clone(), &sources.token);
        directory.set_file(settings.channels.clone(), settings.allowed.clone());
        Ok(Self {
            rules: RuleBook::new(sources.records.clone()),
            seen: Seen::default(),
            sources,
            directory,
            settings: ArcSwap::from_pointee(settings),
            outgoing: ArcSwap::from_pointee(outgoing),
            due: Notify::new(),
            walked: Mutex::default(),
        })
    }

    /// What the file says now.
    pub fn set(&self, settings: Settings) -> Result<(), String> {
        let outgoing = Outgoing::new(settings.allowed.clone(), self.sources.clock.clone());
        self.outgoing.store(Arc::new(outgoing.map_err(|why| why.to_string())?));
        self.directory.set_file(settings.channels.clone(), settings.allowed.clone());
        self.settings.store(Arc::new(settings));
        Ok(())
    }

    /// Alerts that were raised, newest first.
    pub async fn alerts(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<KeptAlert>, Unavailable> {
        self.sources.outbox.alerts(after, limit).await
    }

    /// One alert.
    pub async fn alert(&self, id: &Id) -> Result<Option<KeptAlert>, Unavailable> {
        self.sources.outbox.alert(id).await
    }

    /// Every channel, as it was read last.
    pub fn channels(&self) -> Arc<Vec<Listed>> {
        self.directory.all()
    }

    /// Reads the channels that were made over the API.
    pub async fn refresh(&self) -> Result<(), RecordError> {
        self.directory.refresh().await
    }

    /// Makes a channel.
    pub async fn make(&self, map: &Map<String, Value>) -> Result<Channel, NotMade> {
        self.directory.make(map).await
    }

    /// Changes some keys of a channel that was made over the API; `None`: there is none.
    pub async fn change(
        &self,
        name: &Id,
        changes: Map<String, Value>,
    ) -> Result<Option<Channel>, NotMade> {
        self.directory.change(name, changes).await
    }

    /// Deletes a channel that was made over the API, and what is still to be sent to it; whether
    /// there was one.
    pub async fn remove(&self, name: &Id) -> Result<bool, RecordError> {
        let there = self.directory.remove(name).await?;
        if there {
            self.sources.outbox.drop_due(name, "the channel was deleted").await?;
        }
        Ok(there)
    }

    /// Sends a test to a channel, once and now.
    pub async fn test(&self, channel: &Channel) -> Outcome {
        let now = self.sources.clock.now();
        let notice = facts::sample(channel.name().as_str(), channel.workspace().cloned(), now);
        match channel.message(&notice, &format!("test-{now}"), now) {
            Ok(message) => self.outgoing.load_full().send(&message).await,
            Err(why) => Outcome::Failed { why },
        }
    }

    /// The page of the dashboard about it.
    pub(super) fn page_of(&self, notice: &Notice) -> Option<String> {
        let settings = self.settings.load();
        let root = settings.dashboard.as_ref()?;
        let page = match (&notice.subject, notice.account()) {
            (Subject::Report(_), _) => "reports".to_owned(),
            (_, Some(AccountId { kind: AccountKind::User, id })) => format!("users/{id}"),
            (_, Some(AccountId { kind: AccountKind::Workspace, id })) => {
                format!("users?workspace={id}")
            }
            (_, Some(AccountId { kind: AccountKind::Key, .. })) => "keys".to_owned(),
            (_, Some(AccountId { kind: AccountKind::Credential, .. })) => "providers".to_owned(),
            (_, None) => "alerts".to_owned(),
        };
        Some(format!("{root}/{page}"))
    }

    /// When the last message about each account was made.
    pub async fn last_sent(
        &self,
        accounts: &[Account],
    ) -> Result<Vec<Option<UnixMs>>, Unavailable> {
        let points: Vec<Vec<String>> = accounts.iter().map(|a| self.marks_of(a)).collect();
        let names: Vec<String> = points.iter().flatten().cloned().collect();
        let marks = self.sources.outbox.marks(&names).await?;
        let mut marks = marks.into_iter();
        let last = |names: &Vec<String>| {
            let own = marks.by_ref().take(names.len());
            own.flatten().filter_map(|mark| mark.told).max()
        };
        Ok(points.iter().map(last).collect())
    }

    fn marks_of(&self, account: &Account) -> Vec<String> {
        self.points(account).iter().map(Point::mark).collect()
    }

    pub(super) fn thresholds_of(&self, account: &Account) -> Thresholds {
        let own = account.thresholds.clone();
        own.unwrap_or_else(|| self.settings.load().thresholds.clone())
    }

    pub(super) async fn mark(&self, point: &Point) -> Result<Option<Mark>, String> {
        let marks = self.sources.outbox.marks(&[point.mark()]).await;
        Ok(marks.map_err(|why| why.to_string())?.into_iter().flatten().next())
    }

    pub(super) async fn account(&self, id: &AccountId) -> Result<Option<Account>, String> {
        self.sources.registry.account(id).await.map_err(|why| why.to_string())
    }

    /// Raises an alert; `mark` was read before the account was.
    pub(super) async fn raise(
        &self,
        crossing: Crossing,
        mark: Option<Mark>,
        account: &Account,
    ) -> Result<(), String> {
        let (point, period) = (Point::of(&crossing), facts::period_of(&crossing));
        if let Some(old) = mark.filter(|mark| mark.on && mark.period < period) {
            self.end(&point, old, account).await?;
        }
        let arm = mark.filter(|mark| mark.period == period).map_or(0, |mark| mark.arm);
        let Some(id) = point.alert(period, arm, account.created) else { return Ok(()) };
        let notice = self.notice(crossing, account);
        let alert = NewAlert {
            id,
            mark: point.mark(),
            period,
            arm,
            ends: false,
            renotify_ms: self.renotify_ms(),
            text: serde_json::to_string(&notice).map_err(|why| why.to_string())?,
            channels: self.wanting(&notice),
        };
        self.put(&alert).await
    }

    fn notice(&self, crossing: Crossing, account: &Account) -> Notice {
        let Sources { calendar, clock, provider, .. } = &self.sources;
        let provider =
            provider(&account.id.id).filter(|_| account.id.kind == AccountKind::Credential);
        facts::notice(crossing, account, provider, (calendar, clock.now()))
    }

    /// Tells that what a mark is on for is over. Channels hear of it with the lowest threshold.
    pub(super) async fn end(
        &self,
        point: &Point,
        mark: Mark,
        account: &Account,
    ) -> Result<(), String> {
        let Some(id) = point.alert(mark.period, mark.arm, account.created) else { return Ok(()) };
        let Some(end) = facts::end_of(&id) else { return Ok(()) };
        let kept = self.sources.outbox.alert(&id).await.map_err(|why| why.to_string())?;
        let began = kept.and_then(|kept| serde_json::from_str::<Notice>(&kept.text).ok());
        let thresholds = self.thresholds_of(account);
        // An alert is kept for less time than a month has.
        let began = began.or_else(|| {
            let standing = facts::standing(account, &point.limit)?;
            let crossing = facts::crossing(standing, &thresholds, (point.threshold, mark.period));
            Some(self.notice(crossing, account))
        });
        let first = thresholds.as_slice().first().is_none_or(|first| *first >= point.threshold);
        let mut alert = NewAlert {
            id: end,
            mark: point.mark(),
            period: mark.period,
            arm: mark.arm,
            ends: true,
            renotify_ms: 0,
            text: String::new(),
            channels: Vec::new(),
        };
        if let Some(mut notice) = began.filter(|_| first) {
            notice.state = State::Resolved;
            notice.time = self.sources.clock.now();
            if let Subject::Threshold(crossing) = &mut notice.subject
                && let Some(standing) = facts::standing(account, &point.limit)
            {
                (crossing.used, crossing.allowed) = (standing.used, standing.allowed());
            }
            alert.text = serde_json::to_string(&notice).map_err(|why| why.to_string())?;
            alert.channels = self.wanting(&notice);
        }
        self.put(&alert).await
    }

    pub(super) async fn put(&self, alert: &NewAlert) -> Result<(), String> {
        let raised = self.sources.outbox.raise(alert).await.map_err(|why| why.to_string())?;
        if let Raised::Now { suppressed } = raised {
            tracing::debug!(id = %alert.id, mark = alert.mark, suppressed, "alert raised");
            self.due.notify_waiters();
            if !alert.ends {
                (self.sources.told)(&alert.id);
            }
        }
        Ok(())
    }

    pub(super) fn wanting(&self, notice: &Notice) -> Vec<Id> {
        let all = self.directory.all();
        let wanting = all.iter().filter(|listed| listed.channel.wants(notice));
        wanting.map(|listed| listed.channel.name().clone()).collect()
    }

    pub(super) fn renotify_ms(&self) -> i64 {
        i64::try_from(self.settings.load().renotify_after.as_millis()).unwrap_or(i64::MAX)
    }
}

//! Reading the events in Redis, and checking the invariants of all that is there.

use super::super::account::AccountState;
use super::super::attempts::OpenAttempt;
use super::super::book::Hold;
use super::super::order::{Unavailable, UsageEvent};
use super::super::records::RecordKind;
use super::super::registry::{EventQuery, Page, RegistryError, Verification};
use super::super::rollup::Tier;
use super::super::sorting::SortBy;
use super::super::sums::SumQuery;
use super::super::verify::{ByDay, Evidence, day_sums, verify};
use super::fields::{self, Fields};
use super::{RedisLedger, keys};
use crate::clock::{UnixMs, parse_time};
use crate::ids::{AccountId, AccountKind, CallId};
use crate::limit::Window;
use std::collections::{BTreeMap, HashSet};

pub const AT_ONCE: usize = 500;
/// The stream is never trimmed below this, so a shorter one is complete.
pub const STREAM: i64 = 1_000_000;
/// How many events may be searched for one that is no longer marked.
const SEARCH: usize = 100_000;
/// Checks are repeated while calls move the figures.
const PASSES: usize = 3;

const KINDS: [AccountKind; 4] =
    [AccountKind::Key, AccountKind::User, AccountKind::Workspace, AccountKind::Credential];

/// When a call was given its id.
pub fn began(id: &CallId) -> UnixMs {
    let text = id.to_string();
    let hex: String = text.chars().filter(|c| *c != '-').take(12).collect();
    UnixMs::from_str_radix(&hex, 16).unwrap_or(0)
}

type Entry = (String, Fields);

impl RedisLedger {
    pub(super) async fn read_events(
        &self,
        query: &EventQuery,
    ) -> Result<Page<UsageEvent>, RegistryError> {
        let start: Cursor = query.cursor(Cursor("+".to_owned()))?;
        let mut from = if start.0 == "+" { self.newest(query) } else { format!("({}", start.0) };
        let mut entries: Vec<UsageEvent> = Vec::new();
        let (mut last, mut read) = (String::new(), 0_usize);
        // No more than a page needs, unless most of what is read is not wanted.
        let mut count = query.page_size().saturating_add(1).min(AT_ONCE);
        loop {
            let batch = self.range("XREVRANGE", (&from, "-"), count).await?;
            count = count.saturating_mul(2).min(AT_ONCE);
            let Some((oldest, _)) = batch.last() else { return Ok(Page { entries, next: None }) };
            from = format!("({oldest}");
            for (id, fields) in &batch {
                let Some(event) = fields::event(fields) else { continue };
                if query.too_old(&event) {
                    return Ok(Page { entries, next: None });
                }
                let wanted = query.wants(&event);
                if query.read_enough(read) || (wanted && entries.len() == query.page_size()) {
                    return Ok(Page { entries, next: Some(last) });
                }
                last.clone_from(id);
                read = read.saturating_add(1);
                if wanted {
                    entries.push(event);
                }
            }
        }
    }

    /// The id of the newest event that may be asked for. Ids begin with Redis' time; where the
    /// ledger goes by a clock that is moved by hand, they say nothing.
    fn newest(&self, query: &EventQuery) -> String {
        let by_hand = self.options.clock.moved_by_hand().is_some();
        match query.no_later().filter(|_| !by_hand) {
            Some(at) => at.max(0).to_string(),
            None => "+".to_owned(),
        }
    }

    pub(super) async fn read_event(&self, id: CallId) -> Result<Option<UsageEvent>, RegistryError> {
        let mut get = redis::cmd("GET");
        let mark: Option<String> = self.read(get.arg(keys::mark(&id))).await?;
        if let Some(mark) = mark {
            let Some(at) = stream_id(&mark) else { return Ok(None) };
            let found = self.range("XRANGE", (&at, &at), 1).await?;
            return Ok(found.first().and_then(|(_, fields)| fields::event(fields)));
        }
        self.search(id).await
    }

    /// Looks for the event of a call whose mark is gone, from the time in its id on.
    async fn search(&self, id: CallId) -> Result<Option<UsageEvent>, RegistryError> {
        let text = id.to_string();
        let mut from = began(&id).to_string();
        for _ in 0..SEARCH.checked_div(AT_ONCE).unwrap_or(0) {
            let batch = self.range("XRANGE", (&from, "+"), AT_ONCE).await?;
            let Some((newest, _)) = batch.last() else { break };
            from = format!("({newest}");
            let found = batch.iter().find(|(_, fields)| fields.get("id") == Some(&text));
            if let Some((_, fields)) = found {
                return Ok(fields::event(fields));
            }
        }
        Ok(None)
    }

    /// At most so many entries of the events' stream from one id to another.
    pub(super) async fn range(
        &self,
        command: &str,
        (from, to): (&str, &str),
        count: usize,
    ) -> Result<Vec<Entry>, Unavailable> {
        let mut range = redis::cmd(command);
        range.arg(keys::EVENTS).arg(from).arg(to).arg("COUNT").arg(count);
        Ok(self.read(&range).await?)
    }

    /// Checks the invariants; what moves while calls are under way is looked at again.
    pub(super) async fn check(&self) -> Result<Verification, RegistryError> {
        let mut found = self.check_once().await?;
        for _ in 1..PASSES {
            if found.violations.is_empty() {
                break;
            }
            found = self.check_once().await?;
        }
        Ok(found)
    }

    async fn check_once(&self) -> Result<Verification, RegistryError> {
        let (mut accounts, mut unreadable) = (BTreeMap::new(), Vec::new());
        for kind in KINDS {
            let (states, faults) = self.all(kind).await?;
            accounts.extend(states.into_iter().map(|state| (state.id.clone(), state)));
            unreadable.extend(faults.into_iter().map(|fault| fault.0));
        }
        let holds = self.all_holds(&accounts).await?;
        let (mut attempts, mut days) = (Vec::new(), Vec::new());
        for state in accounts.values().filter(|s| s.id.kind == AccountKind::Credential) {
            attempts.extend(self.open_attempts(&state.id).await?);
            let all = self.all_days(state).await?;
            days.extend(all.into_iter().map(|(_, day)| (&state.id.id, day)));
        }
        let mut get = redis::cmd("HGETALL");
        let deleted: Fields = self.read(get.arg(keys::DELETED)).await?;
        let (events, mut by_day) = self.sum_events().await?.unzip();
        if let Some(by_day) = &mut by_day {
            by_day.sums(self.read_sums(&SumQuery::days()).await?);
        }
        let mut found = verify(&Evidence {
            accounts: &accounts,
            holds: holds.iter().collect(),
            attempts: attempts.iter().collect(),
            days: day_sums(days.iter().map(|(id, day)| (*id, day))),
            days_since: self.options.days_since(),
            deleted: fields::deleted(&deleted),
            events,
            by_day: by_day.unwrap_or_default(),
            default_enforcement: self.options.default_enforcement,
        });
        found.violations.extend(unreadable);
        found.violations.extend(self.check_keys(&holds, &attempts).await?);
        Ok(found)
    }

    /// All accounts of a kind, and a sentence for each that makes no sense.
    async fn all(
        &self,
        kind: AccountKind,
    ) -> Result<(Vec<AccountState>, Vec<Unavailable>), Unavailable> {
        let (mut states, mut faults) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let ids = self.ids(kind, after.as_ref()).await?;
            let Some(last) = ids.last() else { return Ok((states, faults)) };
            after = Some(last.id.clone());
            let (more, bad) = self.read_accounts(&ids).await?;
            states.extend(more);
            faults.extend(bad);
        }
    }

    /// All open holds, each joined to the accounts whose sets have it.
    async fn all_holds(
        &self,
        accounts: &BTreeMap<AccountId, AccountState>,
    ) -> Result<Vec<Hold>, Unavailable> {
        let mut list = redis::cmd("ZRANGE");
        let ids: Vec<String> = self.read(list.arg(keys::LEASES).arg(0).arg(-1)).await?;
        let mut holds = Vec::new();
        for id in ids.iter().filter_map(|id| id.parse::<CallId>().ok()) {
            let Some(mut hold) = self.read_hold(id).await? else { continue };
            for (account, share) in hold.payers.accounts().iter().zip(&mut hold.shares) {
                let mut score = redis::cmd("ZSCORE");
                score.arg(keys::holds(account)).arg(id.to_string());
                let joined: Option<String> = self.read(&score).await?;
                share.joined = joined.is_some() && accounts.contains_key(account);
            }
            holds.push(hold);
        }
        Ok(holds)
    }

    /// Number and cost of all events, also by day, if none was trimmed.
    async fn sum_events(&self) -> Result<Option<((i64, i64), ByDay)>, Unavailable> {
        let mut length = redis::cmd("XLEN");
        let length: i64 = self.read(length.arg(keys::EVENTS)).await?;
        if length >= STREAM {
            return Ok(None);
        }
        let (calendar, now) = (&self.options.calendar, self.options.clock.now());
        let since = calendar.period(Window::Day, self.first_summed().await?);
        let oldest = self.options.rollups.oldest(Tier::Day, calendar, now);
        let mut by_day = ByDay { after: since.max(oldest), ..ByDay::default() };
        let (mut count, mut cost, mut from) = (0_i64, 0_i64, "-".to_owned());
        loop {
            let batch = self.range("XRANGE", (&from, "+"), AT_ONCE).await?;
            let Some((newest, _)) = batch.last() else { return Ok(Some(((count, cost), by_day))) };
            from = format!("({newest}");
            for (_, fields) in &batch {
                let charged = fields.get("cost_nanousd").and_then(|n| n.parse().ok());
                count = count.saturating_add(fields::requests(fields));
                cost = cost.saturating_add(charged.unwrap_or(0));
                if let Some(at) = fields.get("settled").and_then(|at| parse_time(at)) {
                    let figures = (fields::requests(fields), charged.unwrap_or(0));
                    by_day.event(calendar.period(Window::Day, at), figures);
                }
            }
        }
    }

    /// I7: every key either ends by itself or is one of those that stay.
    async fn check_keys(
        &self,
        holds: &[Hold],
        attempts: &[OpenAttempt],
    ) -> Result<Vec<String>, Unavailable> {
        let of_calls = holds.iter().map(|hold| keys::hold(&hold.id));
        let of_attempts = attempts.iter().map(|open| keys::attempt(&open.credential, &open.id));
        let open: HashSet<String> = of_calls.chain(of_attempts).collect();
        let mut violations = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{}*", keys::PREFIX)).arg("COUNT").arg(1000);
            let (next, names): (u64, Vec<String>) = self.read(&scan).await?;
            for name in names {
                let stays = permanent(&name) || open.contains(&name);
                let mut ttl = redis::cmd("PTTL");
                if !stays
                    && self.read::<i64>(ttl.arg(&name)).await? == -1
                    && !self.is_listed(&name).await?
                    && !self.is_open_minute(&name).await?
                {
                    violations.push(format!("I7: {name} stays for ever and belongs to nothing"));
                }
            }
            if next == 0 {
                return Ok(violations);
            }
            cursor = next;
        }
    }
}

/// The id of an entry of a stream.
pub struct Cursor(pub String);

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let fits = text.split_once('-').is_some_and(|(ms, n)| digits(ms) && digits(n));
        if fits { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

/// Where the event of a settled call is, as its mark says.
fn stream_id(mark: &str) -> Option<String> {
    if let Some(json) = mark.strip_prefix("orphan:") {
        let orphan: serde_json::Value = serde_json::from_str(json).ok()?;
        return Some(orphan.get("event")?.as_str()?.to_owned());
    }
    mark.strip_prefix("post:").map(str::to_owned)
}

fn permanent(name: &str) -> bool {
    let shared = [
        keys::LEASES,
        keys::EVENTS,
        keys::AUDIT,
        keys::UTILIZATION,
        keys::DELETED,
        keys::META,
        keys::ROLLUP_OPEN,
    ];
    let orders = [SortBy::Utilization, SortBy::Spent, SortBy::Name];
    if name == keys::ALERT_MARKS
        || shared.contains(&name)
        || orders.iter().any(|by| name == keys::ranked(*by))
    {
        return true;
    }
    if let Some(rest) = name.strip_prefix("farebox:{credential:") {
        return rest.split_once('}').is_some_and(|(_, what)| what.is_empty() || what == ":holds");
    }
    let of_records = |kind| name == keys::records(kind) || name == keys::record_expiries(kind);
    if RecordKind::ALL.into_iter().any(of_records) {
        return true;
    }
    KINDS.iter().any(|kind| {
        name == keys::index(*kind) || name.starts_with(&format!("farebox:{{0}}:{}:", kind.as_str()))
    })
}

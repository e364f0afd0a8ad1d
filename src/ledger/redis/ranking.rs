//! Lists of users in other orders than by id: indexes by utilization, by what was spent and by
//! name, and pages of them.
//!
//! Scripts on the way of a call do not touch the indexes. Whoever settled for a user puts him where
//! he belongs within a second, however many calls he makes; a walk through all users finds those
//! whose period ended since; and a page corrects itself before it is answered.
//!
//! Invariant: an index only decides about order. What is shown is read from the accounts.

use super::super::book::view;
use super::super::order::Unavailable;
use super::super::registry::{Account, ListFilter, Page, RegistryError};
use super::super::sorting::{Place, Sort, SortBy, called};
use super::{RedisLedger, keys, script};
use crate::ids::{AccountId, AccountKind, Id};
use foldhash::HashSet;
use parking_lot::Mutex;
use std::cmp::Ordering;

/// So many users are looked at by one script.
const AT_ONCE: usize = 100;
/// Users who wait for their place; the walk finds who finds none here.
const MOST_WAITING: usize = 20_000;
/// How often a page is read again because somebody stood too high, and how many are then looked at.
const ROUNDS: usize = 6;
const LOOKED_AT: usize = 500;
/// Workspaces up to this size are sorted here; of larger ones the index is read along.
const SMALL: usize = 10_000;
const SLICE: usize = 1000;
/// Users of one step of the walk, and steps within which it is through.
const STEP: usize = 500;
const STEPS: usize = 720;
/// How long a step belongs to one process.
const STEP_MS: i64 = 4500;

/// What the ranking of one process remembers.
#[derive(Debug, Default)]
pub struct Ranking {
    /// Users whose figures changed.
    waiting: Mutex<HashSet<Id>>,
    /// How far the walk came.
    walked: Mutex<Option<Id>>,
}

impl Ranking {
    /// The figures of a user changed.
    pub fn changed(&self, user: &Id) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < MOST_WAITING && !waiting.contains(user) {
            waiting.insert(user.clone());
        }
    }
}

impl RedisLedger {
    /// Puts those whose figures changed here where they belong; the background does so every second.
    pub(super) async fn rank_changed(&self) -> Result<(), Unavailable> {
        let waiting = std::mem::take(&mut *self.ranking.waiting.lock());
        self.rank_users(waiting.into_iter()).await
    }

    /// The same for one account, of which a user is sorted; what fails, the walk makes up for.
    pub(super) async fn rank_account(&self, account: &AccountId) {
        if account.kind == AccountKind::User
            && let Err(why) = self.rank_users(std::iter::once(account.id.clone())).await
        {
            tracing::warn!("{account} is not sorted yet: {why}");
        }
    }

    pub(super) async fn rank_users(
        &self,
        users: impl Iterator<Item = Id>,
    ) -> Result<(), Unavailable> {
        let seen: Vec<(Id, Vec<u8>)> = users.map(|user| (user, Vec::new())).collect();
        self.rank(&seen).await.map(|_| ())
    }

    /// Takes a user out, or his former name.
    pub(super) async fn unrank(
        &self,
        user: &Id,
        name: &str,
        gone: bool,
    ) -> Result<(), Unavailable> {
        let mut all = redis::pipe();
        let mut take_out = |sort: SortBy, member: &[u8]| {
            let mut remove = redis::cmd("ZREM");
            remove.arg(keys::ranked(sort)).arg(member);
            all.add_command(remove);
        };
        take_out(SortBy::Name, &called(name, user));
        if gone {
            take_out(SortBy::Utilization, user.as_str().as_bytes());
            take_out(SortBy::Spent, user.as_str().as_bytes());
        }
        Ok(self.read_all::<()>(&all).await?)
    }

    /// Puts the next users where they belong, if no other process does; the background does so every
    /// few seconds.
    pub async fn walk(&self) -> Result<(), Unavailable> {
        let mut turn = redis::cmd("SET");
        turn.arg(keys::WALK).arg(1).arg("NX").arg("PX").arg(STEP_MS);
        if self.read::<Option<String>>(&turn).await?.is_none() {
            return Ok(());
        }
        let index = keys::index(AccountKind::User);
        let all: usize = self.read(redis::cmd("ZCARD").arg(index)).await?;
        let mut left = all.checked_div(STEPS).unwrap_or(0).max(STEP).min(all);
        while left > 0 {
            let after = self.ranking.walked.lock().clone();
            let ids = self.ids(AccountKind::User, after.as_ref()).await?;
            let last = ids.last().map(|account| account.id.clone());
            let over = last.is_none();
            *self.ranking.walked.lock() = last;
            left = if over { 0 } else { left.saturating_sub(ids.len()) };
            self.rank_users(ids.into_iter().map(|account| account.id)).await?;
        }
        Ok(())
    }

    /// Whether the indexes have not all users: another version may have made some.
    pub(super) async fn unranked(&self) -> Result<bool, Unavailable> {
        let mut both = redis::pipe();
        both.zcard(keys::index(AccountKind::User)).zcard(keys::ranked(SortBy::Utilization));
        let (all, ranked): (i64, i64) = self.read_all(&both).await?;
        Ok(all != ranked)
    }

    /// A page of users in another order than by id.
    pub(super) async fn sorted(&self, filter: &ListFilter) -> Result<Page<Account>, RegistryError> {
        self.rank_changed().await?;
        let (from, size) = (filter.place()?, filter.page_size());
        let wanted = size.saturating_add(1);
        let (mut places, mut many) = (Vec::new(), wanted);
        for _ in 0..ROUNDS {
            places = self.places(filter, from.as_ref(), many).await?;
            let seen = places.iter().filter_map(|place| {
                let by_name = filter.sort.by == SortBy::Name;
                Some((place.id()?, if by_name { place.member.clone() } else { Vec::new() }))
            });
            if self.rank(&seen.collect::<Vec<_>>()).await? == 0 {
                break;
            }
            many = wanted.max(LOOKED_AT);
        }
        let next = (places.len() > size).then(|| places.get(size.saturating_sub(1))).flatten();
        let next = next.map(|place| place.cursor(filter.sort));
        let ids: Vec<AccountId> =
            places.iter().take(size).filter_map(Place::id).map(|id| AccountId::user(&id)).collect();
        let moment = script::moment(&self.options);
        let states = self.sound_accounts(&ids).await?;
        Ok(Page { entries: states.iter().map(|state| view(state, &moment)).collect(), next })
    }

    /// Puts users where they belong; how many stood too high, under another name, or are gone.
    async fn rank(&self, seen: &[(Id, Vec<u8>)]) -> Result<i64, Unavailable> {
        let mut moved = 0_i64;
        for some in seen.chunks(AT_ONCE) {
            let indexes = [SortBy::Utilization, SortBy::Spent, SortBy::Name].map(keys::ranked);
            let accounts = some.iter().map(|(id, _)| keys::account(&AccountId::user(id)));
            let keys: Vec<String> = indexes.into_iter().chain(accounts).collect();
            let arguments: Vec<&[u8]> = some
                .iter()
                .flat_map(|(id, member)| [id.as_str().as_bytes(), member.as_slice()])
                .collect();
            let call = self.scripts.rank.call(&self.options, &keys, &arguments);
            let ran = self.scripts.rank.run::<i64>(&self.connections.reading, &call).await;
            moved = moved.saturating_add(ran?);
        }
        Ok(moved)
    }

    /// The next places after one.
    async fn places(
        &self,
        filter: &ListFilter,
        from: Option<&Place>,
        many: usize,
    ) -> Result<Vec<Place>, Unavailable> {
        let Some(workspace) = &filter.workspace else {
            let start = self.rank_after(filter.sort, from).await?;
            return self.slice(filter.sort, start, many).await;
        };
        let members = keys::below(&AccountId::workspace(workspace));
        let size: usize = self.read(redis::cmd("ZCARD").arg(&members)).await?;
        if size > SMALL {
            return self.places_along(filter.sort, from, many, &members).await;
        }
        let mut places = self.places_of(filter.sort.by, &members).await?;
        if let Some(from) = from {
            places.retain(|place| order(filter.sort, place, from) == Ordering::Greater);
        }
        places.sort_by(|a, b| order(filter.sort, a, b));
        places.truncate(many);
        Ok(places)
    }

    /// The places of all members of a small workspace, in no order.
    async fn places_of(&self, by: SortBy, members: &str) -> Result<Vec<Place>, Unavailable> {
        let ids: Vec<String> = self.read(redis::cmd("ZRANGE").arg(members).arg(0).arg(-1)).await?;
        let ids: Vec<Id> = ids.into_iter().filter_map(|id| id.parse().ok()).collect();
        let mut places = Vec::with_capacity(ids.len());
        for some in ids.chunks(SLICE) {
            let mut ask = redis::pipe();
            if by == SortBy::Name {
                for id in some {
                    ask.hget(keys::account(&AccountId::user(id)), "name");
                }
                let names: Vec<Option<String>> = self.read_all(&ask).await?;
                let named = some.iter().zip(names).map(|(id, name)| Place {
                    score: "0".to_owned(),
                    member: called(&name.unwrap_or_default(), id),
                });
                places.extend(named);
            } else {
                let names: Vec<&str> = some.iter().map(Id::as_str).collect();
                let mut scores = redis::cmd("ZMSCORE");
                scores.arg(keys::ranked(by)).arg(names);
                let scores: Vec<Option<String>> = self.read(&scores).await?;
                places.extend(some.iter().zip(scores).map(|(id, score)| Place {
                    score: score.unwrap_or_else(|| "-1".to_owned()),
                    member: id.as_str().into(),
                }));
            }
        }
        Ok(places)
    }

    /// The next places of members of a large workspace.
    async fn places_along(
        &self,
        sort: Sort,
        from: Option<&Place>,
        many: usize,
        members: &str,
    ) -> Result<Vec<Place>, Unavailable> {
        let mut start = self.rank_after(sort, from).await?;
        let mut places = Vec::new();
        while places.len() < many {
            let slice = self.slice(sort, start, SLICE).await?;
            if slice.is_empty() {
                break;
            }
            start = start.saturating_add(SLICE);
            let ids: Vec<Option<Id>> = slice.iter().map(Place::id).collect();
            let names: Vec<&str> =
                ids.iter().map(|id| id.as_ref().map_or("", Id::as_str)).collect();
            let mut belong = redis::cmd("ZMSCORE");
            let belong: Vec<Option<String>> = self.read(belong.arg(members).arg(names)).await?;
            let own = slice.into_iter().zip(belong).filter(|(_, score)| score.is_some());
            places.extend(own.map(|(place, _)| place));
        }
        places.truncate(many);
        Ok(places)
    }

    async fn slice(
        &self,
        sort: Sort,
        start: usize,
        many: usize,
    ) -> Result<Vec<Place>, Unavailable> {
        let last = start.saturating_add(many).saturating_sub(1);
        let mut range = redis::cmd(if sort.descending { "ZREVRANGE" } else { "ZRANGE" });
        range.arg(keys::ranked(sort.by)).arg(start).arg(last).arg("WITHSCORES");
        let found: Vec<(Vec<u8>, String)> = self.read(&range).await?;
        Ok(found.into_iter().map(|(member, score)| Place { score, member }).collect())
    }

    /// How many stand before or at a place: by score, and among equals by halving.
    async fn rank_after(&self, sort: Sort, from: Option<&Place>) -> Result<usize, Unavailable> {
        let Some(from) = from else { return Ok(0) };
        let (at, beyond) = (from.score.clone(), format!("({}", from.score));
        let ends = if sort.descending {
            [[beyond, "+inf".to_owned()], [at, "+inf".to_owned()]]
        } else {
            [["-inf".to_owned(), beyond], ["-inf".to_owned(), at]]
        };
        let index = keys::ranked(sort.by);
        let mut both = redis::pipe();
        for [low, high] in ends {
            both.zcount(&index, low, high);
        }
        let (mut low, mut high): (usize, usize) = self.read_all(&both).await?;
        while low < high {
            let middle = low.midpoint(high);
            let there = self.slice(sort, middle, 1).await?;
            let before = there.first().is_some_and(|place| {
                sort.compare(&place.member, &from.member) != Ordering::Greater
            });
            if before { low = middle.saturating_add(1) } else { high = middle }
        }
        Ok(low)
    }
}

fn order(sort: Sort, a: &Place, b: &Place) -> Ordering {
    let score = |place: &Place| place.score.parse::<f64>().unwrap_or(-1.0);
    let by_score = score(a).total_cmp(&score(b));
    let by_score = if sort.descending { by_score.reverse() } else { by_score };
    by_score.then_with(|| sort.compare(&a.member, &b.member))
}

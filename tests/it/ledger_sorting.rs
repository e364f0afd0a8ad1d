//! Lists of users in other orders than by id, on both back ends.

use crate::ledger_rig::{Rig, clock, contract, options, reopened};
use crate::redis_server::RedisServer;
use farebox::clock::Clock;
use farebox::ids::AccountKind;
use farebox::ledger::{Change, LimitsChange, ListFilter, NewAccount, Options, Registry};
use std::time::{Duration, Instant};

contract! {
    r102_users_are_sorted_by_the_fullest_limit_in_dollars,
    users_are_sorted_by_name_and_by_what_they_spent,
    who_stays_is_read_once_however_others_change,
    a_cursor_of_another_list_is_refused,
    a_page_of_a_workspace_has_its_users_only,
    a_budget_that_begins_anew_is_sorted_anew,
    only_users_are_sorted,
}

fn filter(sort: &str, limit: usize, after: Option<String>) -> ListFilter {
    ListFilter { sort: sort.parse().unwrap(), limit, after, ..ListFilter::default() }
}

async fn ids(rig: &Rig, filter: &ListFilter) -> Vec<String> {
    let page = rig.ledger.accounts(AccountKind::User, filter).await.unwrap();
    page.entries.iter().map(|user| user.id.id.to_string()).collect()
}

async fn spenders(rig: &Rig) {
    for (name, limits, dollars) in [
        ("anna", &["100 usd/month", "1 requests/day"][..], 20),
        ("bert", &["10 usd/day", "100 usd/month"], 6),
        ("cora", &["5 usd/month @gpt-5*", "50 usd/month"], 4),
        ("dora", &["1000 tokens/day"], 1),
        ("emil", &["0 usd/day"], 0),
    ] {
        let payers = rig.user(name, limits).await;
        if dollars > 0 {
            rig.call(&payers, dollars).await;
        }
    }
    rig.user("fred", &["9 usd/month"]).await;
}

async fn r102_users_are_sorted_by_the_fullest_limit_in_dollars(rig: &Rig) {
    spenders(rig).await;
    let all = ["emil", "bert", "anna", "cora", "fred", "dora"];
    assert_eq!(ids(rig, &filter("-utilization", 50, None)).await, all);
    let mut up = all;
    up.reverse();
    assert_eq!(ids(rig, &filter("utilization", 50, None)).await, up);
    // What an operator does is seen at once.
    let limits = vec!["20 usd/month".parse().unwrap()];
    let change = Change { limits: Some(LimitsChange::Set(limits)), ..Change::default() };
    rig.ledger.change(&"user:anna".parse().unwrap(), &change).await.unwrap();
    rig.ledger.reset(&"user:bert".parse().unwrap(), None).await.unwrap();
    let now = ids(rig, &filter("-utilization", 50, None)).await;
    assert_eq!(now, ["emil", "anna", "cora", "fred", "bert", "dora"]);
    rig.clean().await;
}

async fn users_are_sorted_by_name_and_by_what_they_spent(rig: &Rig) {
    spenders(rig).await;
    for (id, name) in [("anna", "Zoe"), ("bert", "adam"), ("cora", "Älva"), ("dora", "Beth")] {
        let change = Change { name: Some(name.to_owned()), ..Change::default() };
        rig.ledger.change(&format!("user:{id}").parse().unwrap(), &change).await.unwrap();
    }
    let named = ["bert", "dora", "emil", "fred", "anna", "cora"];
    assert_eq!(ids(rig, &filter("name", 50, None)).await, named);
    let spent = ["anna", "bert", "cora", "dora", "fred", "emil"];
    assert_eq!(ids(rig, &filter("-spent", 50, None)).await, spent);
    for user in ["bert", "fred"] {
        rig.ledger.delete(&format!("user:{user}").parse().unwrap()).await.unwrap();
    }
    assert_eq!(ids(rig, &filter("name", 50, None)).await, ["dora", "emil", "anna", "cora"]);
    assert_eq!(ids(rig, &filter("spent", 50, None)).await, ["emil", "dora", "cora", "anna"]);
    rig.clean().await;
}

/// Users of equal score, some of whom go, come and change between two pages.
async fn who_stays_is_read_once_however_others_change(rig: &Rig) {
    for n in 0..24 {
        let payers = rig.user(&format!("u{n:02}"), &["100 usd/month"]).await;
        rig.call(&payers, 1 + n / 8).await;
    }
    for sort in ["utilization", "-utilization", "spent", "-spent", "name", "-name"] {
        let (mut seen, mut after, mut page) = (Vec::new(), None, 0);
        loop {
            let found =
                rig.ledger.accounts(AccountKind::User, &filter(sort, 5, after)).await.unwrap();
            seen.extend(found.entries.iter().map(|user| user.id.id.to_string()));
            after = found.next;
            if after.is_none() {
                break;
            }
            // The one at the cursor goes, and others come.
            let last = seen.last().unwrap();
            if last.starts_with('u') && page == 0 {
                rig.ledger.delete(&format!("user:{last}").parse().unwrap()).await.unwrap();
            }
            rig.user(&format!("new-{}-{page}", sort.trim_start_matches('-')).to_owned(), &[]).await;
            rig.ledger
                .delete(
                    &format!("user:new-{}-{page}", sort.trim_start_matches('-')).parse().unwrap(),
                )
                .await
                .unwrap();
            page += 1;
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{sort}: {seen:?}");
        let old = ListFilter { limit: 200, ..ListFilter::default() };
        for stays in ids(rig, &old).await {
            assert!(seen.contains(&stays), "{sort} hides {stays}: {seen:?}");
        }
    }
}

async fn a_cursor_of_another_list_is_refused(rig: &Rig) {
    spenders(rig).await;
    let page = rig.ledger.accounts(AccountKind::User, &filter("spent", 2, None)).await.unwrap();
    let cursor = page.next.unwrap();
    for (sort, cursor) in [
        ("-spent", cursor.clone()),
        ("name", cursor.clone()),
        ("id", cursor.clone()),
        ("spent", "anna".to_owned()),
        ("spent", "spent~1e999~616e6e61".to_owned()),
        ("spent", cursor.replace("spent", "utilization")),
    ] {
        let refused =
            rig.ledger.accounts(AccountKind::User, &filter(sort, 2, Some(cursor.clone()))).await;
        let why = refused.unwrap_err().to_string();
        assert!(why.contains(&format!("`{cursor}` is not a cursor")), "{why}");
    }
    let next = ids(rig, &filter("spent", 2, Some(cursor))).await;
    assert_eq!(next, ["dora", "cora"]);
}

async fn a_page_of_a_workspace_has_its_users_only(rig: &Rig) {
    spenders(rig).await;
    let new = |id: &str, workspace: Option<&str>| NewAccount {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        workspace: workspace.map(|id| id.parse().unwrap()),
        limits: Some(Vec::new()),
        thresholds: None,
        enforcement: None,
        key: None,
    };
    rig.ledger.create(&new("workspace:eng", None)).await.unwrap();
    for user in ["user:x", "user:y", "user:z"] {
        rig.ledger.create(&new(user, Some("eng"))).await.unwrap();
    }
    let workspace = Some("eng".parse().unwrap());
    for sort in ["utilization", "spent", "name", "id"] {
        let filter = ListFilter { workspace: workspace.clone(), ..filter(sort, 2, None) };
        let page = rig.ledger.accounts(AccountKind::User, &filter).await.unwrap();
        assert_eq!(page.entries.len(), 2);
        let filter = ListFilter { after: page.next, ..filter };
        assert_eq!(ids(rig, &filter).await, ["z"], "{sort}");
    }
}

async fn a_budget_that_begins_anew_is_sorted_anew(rig: &Rig) {
    for (name, limit, dollars) in [("day", "10 usd/day", 9), ("month", "10 usd/month", 5)] {
        let payers = rig.user(name, &[limit]).await;
        rig.call(&payers, dollars).await;
    }
    assert_eq!(ids(rig, &filter("-utilization", 1, None)).await, ["day"]);
    rig.clock.advance(86_400_000);
    assert_eq!(ids(rig, &filter("-utilization", 1, None)).await, ["month"]);
}

async fn only_users_are_sorted(rig: &Rig) {
    let refused = rig.ledger.accounts(AccountKind::Workspace, &filter("name", 5, None)).await;
    assert!(refused.unwrap_err().to_string().contains("`name` sorts users"));
}

fn journal_in(server: &RedisServer, clock: &Clock) -> Options {
    Options { journal_dir: server.dir().join("one"), ..options(clock) }
}

/// Users of a version without these indexes are sorted from the start on, and whoever was written
/// with `redis-cli` by the walk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_sorts_what_another_version_made() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    spenders(&rig).await;
    drop(rig);
    for order in ["by-utilization", "by-spent", "by-name"] {
        assert_eq!(server.cli(&["DEL", &format!("farebox:{{0}}:users:{order}")]), "1");
    }
    let clock = clock();
    let ledger = reopened(&server, journal_in(&server, &clock)).await;
    let rig = Rig::over(clock, ledger.clone());
    let all = ["emil", "bert", "anna", "cora", "fred", "dora"];
    assert_eq!(ids(&rig, &filter("-utilization", 50, None)).await, all);
    server.cli(&["HSET", "farebox:{0}:user:fred", "name", "aaron", "usd.total", "99000000000"]);
    server.cli(&["DEL", "farebox:{0}:users:walk"]);
    ledger.walk().await.unwrap();
    assert_eq!(ids(&rig, &filter("-spent", 1, None)).await, ["fred"]);
    let by_name = filter("name", 50, None);
    assert_eq!(ids(&rig, &by_name).await, ["fred", "anna", "bert", "cora", "dora", "emil"]);
}

/// A page of 50 of 10,000 users, sorted by utilization, within 100 ms on Redis. For more of them,
/// say how many in `SORTED_USERS`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_ten_thousand_users_takes_no_time() {
    let server = RedisServer::start(&[]);
    let users = std::env::var("SORTED_USERS").map_or(10_000, |n| n.parse::<i64>().unwrap());
    let fill = "for n = 1, ARGV[1] do \
        local id = string.format('u%07d', n) \
        redis.call('HSET', 'farebox:{0}:user:' .. id, 'name', id, 'status', 'active', \
          'workspace', 'default', 'usd/month.limit', '1000000000', \
          'usd/month.used', n * 97 % ARGV[1] * 1000, 'usd/month.period', '202611', \
          'usd.total', n, 'created_ms', '1') \
        redis.call('ZADD', 'farebox:{0}:users', 0, id) \
        redis.call('ZADD', 'farebox:{0}:workspace:default:users', 0, id) end";
    server.cli(&["EVAL", fill, "0", &users.to_string()]);
    let clock = clock();
    let ledger = reopened(&server, journal_in(&server, &clock)).await;
    let default = Some("default".parse().unwrap());
    for workspace in [None, default] {
        let (mut after, mut pages, mut last) = (None, Vec::new(), i64::MAX);
        for _ in 0..5 {
            let filter =
                ListFilter { workspace: workspace.clone(), ..filter("-utilization", 50, after) };
            let began = Instant::now();
            let page = ledger.accounts(AccountKind::User, &filter).await.unwrap();
            pages.push(began.elapsed());
            assert_eq!(page.entries.len(), 50);
            for user in &page.entries {
                assert!(user.month_usd.get() <= last);
                last = user.month_usd.get();
            }
            after = page.next;
        }
        assert_eq!(last, (users - 250) * 1000);
        let best = pages.iter().min().unwrap();
        println!("pages of 50 of {users} ({workspace:?}): {pages:?}");
        assert!(*best < Duration::from_millis(100), "{pages:?}");
    }
}

//! The audit is kept, on both back ends.

use crate::ledger_rig::{Rig, contract};
use crate::redis_server::RedisServer;
use farebox::ledger::{AuditEntry, AuditQuery};
use serde_json::json;

contract! {
    changes_are_kept_and_read_newest_first,
    changes_are_found_by_what_is_asked,
}

fn entry(rig: &Rig, n: usize) -> AuditEntry {
    let user = ["alice", "bob"][n % 2];
    AuditEntry {
        id: format!("entry-{n}"),
        time: rig.clock.now(),
        actor: ["admin", "ci"][n % 2].to_owned(),
        action: ["user.create", "user.update", "key.revoke"][n % 3].to_owned(),
        account: format!("user:{user}"),
        workspace: n.is_multiple_of(2).then(|| "eng".parse().unwrap()),
        before: json!({"limits": ["1 usd/day"]}),
        after: json!({"limits": [n]}),
        source: "api".to_owned(),
        request_id: (n % 2 == 1).then(|| format!("request-{n}")),
    }
}

async fn kept(rig: &Rig, many: usize) -> Vec<AuditEntry> {
    let mut entries = Vec::new();
    for n in 0..many {
        let entry = entry(rig, n);
        rig.ledger_of(n).note(&entry).await.unwrap();
        entries.insert(0, entry);
        rig.clock.advance(1000);
    }
    entries
}

async fn read(rig: &Rig, query: AuditQuery) -> Vec<AuditEntry> {
    rig.ledger.audit(&query).await.unwrap().entries
}

async fn changes_are_kept_and_read_newest_first(rig: &Rig) {
    let all = kept(rig, 7).await;
    assert_eq!(read(rig, AuditQuery::default()).await, all);
    let (mut after, mut seen) = (None, Vec::new());
    for _ in 0..4 {
        let query = AuditQuery { limit: 2, after, ..AuditQuery::default() };
        let page = rig.ledger.audit(&query).await.unwrap();
        seen.extend(page.entries);
        // What comes while pages are read moves nothing.
        rig.ledger.note(&entry(rig, 9)).await.unwrap();
        after = page.next;
    }
    assert_eq!((seen, after), (all, None));
    for bad in ["", "x", "1-", "99999999999999999999999"] {
        let query = AuditQuery { after: Some(bad.to_owned()), ..AuditQuery::default() };
        let why = rig.ledger.audit(&query).await.unwrap_err().to_string();
        assert!(why.contains(&format!("`{bad}`")), "{why}");
    }
    rig.clean().await;
}

async fn changes_are_found_by_what_is_asked(rig: &Rig) {
    let all = kept(rig, 12).await;
    let none = AuditQuery::default;
    let text = |text: &str| Some(text.to_owned());
    let since = all[3].time;
    for (query, wanted) in [
        (AuditQuery { account: text("user:bob"), ..none() }, [11, 9, 7, 5, 3, 1].as_slice()),
        (AuditQuery { actor: text("admin"), ..none() }, &[10, 8, 6, 4, 2, 0]),
        (AuditQuery { action: text("key.revoke"), ..none() }, &[11, 8, 5, 2]),
        (AuditQuery { action: text("user."), limit: 3, ..none() }, &[10, 9, 7]),
        (AuditQuery { action: text("user"), ..none() }, &[]),
        (AuditQuery { since: Some(since), ..none() }, &[11, 10, 9, 8]),
        (AuditQuery { until: Some(since), limit: 1, ..none() }, &[7]),
        (AuditQuery { workspace: Some("eng".parse().unwrap()), limit: 2, ..none() }, &[10, 8]),
        (AuditQuery { workspace: Some("ops".parse().unwrap()), ..none() }, &[]),
    ] {
        let found = read(rig, query.clone()).await;
        let wanted: Vec<_> = wanted.iter().map(|n| format!("entry-{n}")).collect();
        assert_eq!(found.into_iter().map(|e| e.id).collect::<Vec<_>>(), wanted, "{query:?}");
    }
}

/// `redis-cli` reads it, and it does not grow for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_the_audit_as_a_bounded_stream() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let fill = "for n = 1, 105000 do redis.call('XADD', 'farebox:{0}:audit', '*', 'id', n) end";
    server.cli(&["EVAL", fill, "0"]);
    kept(&rig, 1).await;
    let length: u64 = server.cli(&["XLEN", "farebox:{0}:audit"]).parse().unwrap();
    assert!((100_000..101_000).contains(&length), "{length}");
    let newest = server.cli(&["XREVRANGE", "farebox:{0}:audit", "+", "-", "COUNT", "1"]);
    assert!(newest.contains("user.create") && newest.contains("user:alice"), "{newest}");
    // What is not of its form is passed over.
    assert_eq!(read(&rig, AuditQuery::default()).await.len(), 1);
    rig.clean().await;
}

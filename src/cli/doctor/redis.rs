//! Whether a Redis may keep a ledger. Pure but for the asking.

use super::finding::{Finding, Group};
use crate::clock::Clock;
use crate::ledger::RedisFacts;

const GROUP: Group = Group::Ledger;
/// Scripts and streams as they are used need this one.
const OLDEST: (u32, u32) = (6, 2);
const SLOW_MS: u64 = 20;
const SKEW_MS: u64 = 1_000;
/// A journal is put aside after a day; holds run out after a minute.
const WRONG_MS: u64 = 30_000;

/// Asks the Redis at `url`.
pub(super) async fn check(url: &str) -> Vec<Finding> {
    match RedisFacts::ask(url, &Clock::system()).await {
        Ok(facts) => judged(&facts),
        Err(why) => {
            let hint = "start redis-server, or mend ledger.redis_url (--redis, \
                        FAREBOX_LEDGER__REDIS_URL)";
            vec![GROUP.failed("reachable", why.to_string(), hint)]
        }
    }
}

/// What follows from what it says.
fn judged(facts: &RedisFacts) -> Vec<Finding> {
    vec![
        reachable(facts),
        version(&facts.version),
        role(&facts.role),
        persistence(facts),
        policy(&facts.policy),
        memory(facts.used_memory, facts.max_memory),
        skew(facts.ahead_ms),
        schema(facts),
        scripts(facts),
    ]
}

fn reachable(facts: &RedisFacts) -> Finding {
    let took = facts.round_trip_ms;
    if took > SLOW_MS {
        let hint = "every call waits for it: put redis nearer to the proxy";
        return GROUP.warning("reachable", format!("redis answers, after {took} ms"), hint);
    }
    GROUP.ok("reachable", format!("redis answers within {} ms", took.max(1)))
}

fn version(text: &str) -> Finding {
    let mut numbers = text.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST {
        let hint = "use redis 6.2 or newer, or valkey";
        return GROUP.failed("version", format!("version {text} is too old"), hint);
    }
    GROUP.ok("version", format!("version {text}"))
}

fn role(role: &str) -> Finding {
    match role {
        "master" => GROUP.ok("role", "it takes writes"),
        other => {
            let hint = "point ledger.redis_url to the primary";
            GROUP.failed("role", format!("it is a `{other}` and takes no writes"), hint)
        }
    }
}

fn persistence(facts: &RedisFacts) -> Finding {
    match (facts.append_only, facts.write_failed) {
        (true, false) => GROUP.ok("persistence", "it keeps an append-only file"),
        (true, true) => GROUP.failed(
            "persistence",
            "the last write of its append-only file failed",
            "look at its log and its disk",
        ),
        (false, _) => GROUP.warning(
            "persistence",
            "appendonly is no: a restart forgets what was spent",
            "redis-cli CONFIG SET appendonly yes, and set it in redis.conf",
        ),
    }
}

fn policy(policy: &str) -> Finding {
    let hint = "redis-cli CONFIG SET maxmemory-policy noeviction, and set it in redis.conf";
    match policy {
        "noeviction" => GROUP.ok("eviction", "maxmemory-policy is noeviction"),
        all if all.starts_with("allkeys-") => {
            let detail = format!("maxmemory-policy is {all}: it may evict budgets");
            GROUP.failed("eviction", detail, hint)
        }
        other => GROUP.warning("eviction", format!("maxmemory-policy is {other}"), hint),
    }
}

fn memory(used: u64, most: u64) -> Finding {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    if most == 0 {
        return GROUP.ok("memory", format!("{} MiB in use, without a limit", mib(used)));
    }
    let percent = used.saturating_mul(100).div_euclid(most);
    let detail = format!("{} of {} MiB in use ({percent} %)", mib(used), mib(most));
    if percent >= 80 {
        return GROUP.warning("memory", detail, "raise maxmemory: a full redis refuses every call");
    }
    GROUP.ok("memory", detail)
}

fn skew(ahead_ms: i64) -> Finding {
    let off = ahead_ms.unsigned_abs();
    let side = if ahead_ms < 0 { "behind" } else { "ahead of" };
    let detail = format!("its clock is {off} ms {side} ours");
    let hint = "run an NTP client (chrony, systemd-timesyncd) on both machines";
    match off {
        _ if off > WRONG_MS => GROUP.failed("clock", detail, hint),
        _ if off > SKEW_MS => GROUP.warning("clock", detail, hint),
        _ => GROUP.ok("clock", "its clock and ours agree"),
    }
}

fn schema(facts: &RedisFacts) -> Finding {
    match &facts.schema {
        None => GROUP.ok("schema", "it holds no ledger yet; the first start makes one"),
        Some(found) if found == facts.known_schema => {
            GROUP.ok("schema", format!("it holds a ledger of schema {found}"))
        }
        Some(found) => {
            let known = facts.known_schema;
            let detail = format!("it holds a ledger of schema {found}, this version knows {known}");
            GROUP.failed("schema", detail, "use the version of farebox that wrote it")
        }
    }
}

fn scripts(facts: &RedisFacts) -> Finding {
    let (loaded, all) = facts.scripts;
    match () {
        () if loaded == all => GROUP.ok("scripts", format!("all {all} scripts are loaded")),
        () if facts.schema.is_none() => {
            GROUP.ok("scripts", "no scripts are loaded yet; the first start does that")
        }
        () => GROUP.warning(
            "scripts",
            format!("{loaded} of the {all} scripts of this version are loaded"),
            "the next start of this version loads them; other versions have their own",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn fine() -> RedisFacts {
        RedisFacts {
            version: "7.0.15".to_owned(),
            role: "master".to_owned(),
            append_only: true,
            write_failed: false,
            policy: "noeviction".to_owned(),
            used_memory: 5 << 20,
            max_memory: 0,
            ahead_ms: -3,
            round_trip_ms: 0,
            schema: Some("1".to_owned()),
            known_schema: "1",
            scripts: (12, 12),
        }
    }

    #[test]
    fn each_fault_is_found_and_nothing_else() {
        assert!(judged(&fine()).iter().all(|finding| finding.status == Status::Ok));
        let text = str::to_owned;
        let faults: [(RedisFacts, &str, Status); 12] = [
            (RedisFacts { round_trip_ms: 21, ..fine() }, "reachable", Status::Warning),
            (RedisFacts { version: text("6.0.9"), ..fine() }, "version", Status::Failed),
            (RedisFacts { role: text("slave"), ..fine() }, "role", Status::Failed),
            (RedisFacts { append_only: false, ..fine() }, "persistence", Status::Warning),
            (RedisFacts { write_failed: true, ..fine() }, "persistence", Status::Failed),
            (RedisFacts { policy: text("allkeys-lru"), ..fine() }, "eviction", Status::Failed),
            (RedisFacts { policy: text("volatile-lru"), ..fine() }, "eviction", Status::Warning),
            (RedisFacts { max_memory: 6 << 20, ..fine() }, "memory", Status::Warning),
            (RedisFacts { ahead_ms: 1_001, ..fine() }, "clock", Status::Warning),
            (RedisFacts { ahead_ms: -30_001, ..fine() }, "clock", Status::Failed),
            (RedisFacts { schema: Some(text("2")), ..fine() }, "schema", Status::Failed),
            (RedisFacts { scripts: (3, 12), ..fine() }, "scripts", Status::Warning),
        ];
        for (facts, name, status) in faults {
            let found = judged(&facts);
            let bad: Vec<_> = found.iter().filter(|one| one.status != Status::Ok).collect();
            assert_eq!(bad.len(), 1, "{bad:?}");
            assert_eq!((bad[0].name, bad[0].status), (name, status));
            assert!(bad[0].hint.is_some());
        }
        let empty = RedisFacts { schema: None, scripts: (0, 12), ..fine() };
        assert!(judged(&empty).iter().all(|finding| finding.status == Status::Ok));
    }
}

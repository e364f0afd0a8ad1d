//! All integration tests in one binary: real sockets, a real Redis, captures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod ledger;
mod ledger_faults;
mod ledger_random;
mod ledger_rig;
#[path = "support/redis.rs"]
mod redis_server;

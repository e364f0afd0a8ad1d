//! All integration tests in one binary: real sockets, a real Redis, captures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod captures;
mod config;
mod demo;
mod ledger;
mod ledger_rig;
mod pricing;
mod serve;
mod simulated_provider;
mod simulated_reading;
mod tidy;

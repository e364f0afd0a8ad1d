//! All integration tests in one binary: real sockets, a real Redis, captures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broken;
mod captures;
mod characters;
mod cli;
mod config;
mod control;
mod control_desk;
mod demo;
mod ledger;
mod ledger_damage;
mod ledger_faults;
mod ledger_random;
mod ledger_rig;
mod pricing;
mod process;
mod program;
mod redis_server;
mod refuse;
mod relay;
mod rows;
mod rows_program;
mod rows_replay;
mod serve;
mod simulated_dialects;
mod simulated_openai;
mod simulated_provider;
mod simulated_reading;
mod simulated_realtime;
mod simulated_wire;
mod tidy;
mod world;

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
mod ledger_once;
mod ledger_once_faults;
mod ledger_random;
mod ledger_rig;
mod metrics;
mod pricing;
mod pricing_providers;
mod pricing_units;
mod process;
mod program;
mod redis_server;
mod refuse;
mod relay;
mod rows;
mod rows_program;
mod rows_replay;
mod self_service;
mod serve;
mod simulated_dialects;
mod simulated_openai;
mod simulated_provider;
mod simulated_reading;
<<<<<<< HEAD
mod simulated_realtime;
=======
>>>>>>> sockets4
mod simulated_wire;
mod sockets;
mod tidy;
mod world;

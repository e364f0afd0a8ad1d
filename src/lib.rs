//! Farebox: an exact, transparent metering reverse proxy for LLM APIs.
//!
//! # The map
//!
//! Read it in this order.
//!
//! 1. Leaves, which import nothing of ours: [`money`] (nano-dollars), [`usage`] (token classes,
//!    what one answer used), [`ids`], [`clock`], [`secret`].
//! 2. [`limit`]: `25 usd/month`; meters, windows, status words. Pure.
//! 3. [`framing`]: bytes in, events out: SSE, NDJSON, JSON without a tree, AWS event streams,
//!    WebSocket frames, multipart forms, decompression. No I/O.
//! 4. [`dialect`]: what requests and answers mean; one folder or file for each wire format.
//! 5. [`pricing`]: the price table, the cost of a usage, the ceiling of a call. Pure.
//! 6. [`ledger`]: who may still spend: hold, post, void, expire; embedded and Redis.
//! 7. [`provider`]: the upstream services and our credentials there.
//! 8. [`proxy`]: the life of a request. Start with `Proxy::relay`.
//! 9. [`event`]: what happened, as hints. [`alert`]: what an alert says, and the channels that it
//!    goes to. [`history`]: what is kept of the past, and what it says: forecasts, reports.
//! 10. [`control`]: the admin API. [`telemetry`]: logs and metrics. [`serve`]: listeners, TLS,
//!     drain. [`config`]: file, environment and flags.
//! 11. [`app`] wires it all; [`cli`] has one file a verb; [`demo`] has the simulated provider.

pub mod alert;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod dialect;
pub mod event;
pub mod framing;
pub mod history;
pub mod ids;
pub mod ledger;
pub mod limit;
pub mod money;
pub mod pricing;
pub mod provider;
pub mod proxy;
pub mod secret;
pub mod serve;
pub mod telemetry;
pub mod usage;

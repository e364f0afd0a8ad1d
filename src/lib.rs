//! Farebox, an exact, transparent metering reverse proxy for LLM APIs.
#![doc = "x"]
pub mod clock;
pub mod dialect;
pub mod framing;
pub mod ids;
pub mod ledger;
pub mod limit;
pub mod money;
pub mod pricing;
pub mod secret;
pub mod usage;

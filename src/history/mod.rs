//! History: what is kept of the past beside the ledger's own figures.
//!
//! `snapshots` takes how every workspace stands at every interval. What is kept, and for how long,
//! is the ledger's to know.

mod snapshots;

pub use snapshots::{Rounds, Sources, Taken};

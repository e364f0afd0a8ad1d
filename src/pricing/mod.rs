//! Prices: which model costs what, and what a usage costs. Pure, and exact to the last digit.

use crate::clock::UnixMs;
use crate::money::NanoUsd;
use crate::usage::Usage;
use std::sync::Arc;

/// Under which conditions a call was, or would be, served.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// The served tier; `None` and `default` are the standard price.
    pub service_tier: Option<&'a str>,
    /// When the call arrived; prices change by date and hour.
    pub at: UnixMs,
}

/// A bound on the tokens of a call, all its answers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Input tokens at most.
    pub input: u64,
    /// Output tokens at most.
    pub output: u64,
}

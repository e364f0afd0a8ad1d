//! The forecast of an account: what it will have spent when its period ends, and when its limit will
//! be reached. Pure: hours of the past and figures of the limit in, whole nano-dollars out.
//!
//! `model` learns from hours, `walk` goes through those to come, `backtest` asks about the past what
//! is known by now. Whence the hours come is in `history::forecasts`.
//!
//! Invariants: the same figures give the same forecast. `used ≤ low ≤ projected ≤ high`. What a limit
//! would refuse is in the projection all the same, or nothing could be said to exceed it.

mod backtest;
mod hours;
mod line;
mod model;
mod seasons;
mod walk;

pub use backtest::{Backtest, Horizon, Tested, backtest};
pub use hours::Spent;
pub use walk::{Method, Outlook, Question, outlook};

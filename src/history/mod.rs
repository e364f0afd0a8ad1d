//! What the ledger's past says: forecasts, and reports of days and weeks.
//!
//! `forecast` is the model, pure; `forecasts` asks it about accounts. Not here: how answers look, which
//! is `control`'s, and who sends reports, which are channels of `alert`.
//!
//! Invariant: nothing here writes to the ledger or is on the way of a call.

mod forecast;
mod forecasts;

pub use forecast::{Backtest, Horizon, Method, Outlook, Question, Spent, Tested, backtest, outlook};
pub use forecasts::{Forecast, Forecasts, Review};

//! History: what is kept of the past beside the ledger's own figures, and what the past says.
//!
//! `snapshots` takes how every workspace stands at every interval. What is kept, and for how long,
//! is the ledger's to know. `forecast` is the model of what comes, pure; `forecasts` asks it about
//! accounts. `refusals` has what proxies refused, by the hour. `reports` has days and weeks for people. Not here: how answers look, which is `control`'s,
//! and who sends reports, which are the channels of `alert`.
//!
//! Invariant: nothing here is on the way of a call.

mod forecast;
mod forecasts;
mod refusals;
mod reports;
mod snapshots;

pub use forecast::{
    Backtest, Horizon, Method, Outlook, Question, Spent, Tested, backtest, outlook,
};
pub use forecasts::{Forecast, Forecasts, Review};
pub use refusals::{NoRefusals, Refusals, Refused, RefusedInHour};
pub use reports::{Part, Report, ReportKind, Reports, due, facts, html, percent, text};
pub use snapshots::{Rounds, Sources, Taken};

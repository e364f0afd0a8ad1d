//! Logs and metrics. Secrets, prompts and completions never reach either.

mod log;
pub mod names;
mod process;
mod recorder;
mod render;

pub use log::{LogFormat, start_log};
pub use recorder::start_metrics;
pub use render::{Sample, render};

//! The OpenAI wire format, also spoken by Azure OpenAI, vLLM and most compatible servers.
//!
//! Split by subject: where operations live, what requests say, what answers report, and the one
//! edit with its undoing. What a refusal looks like is not known here.

mod answer;
mod chat;
mod cutter;
mod document;
mod edit;
mod facts;
mod field;
mod output;
mod progress;
mod request;
mod responses;
mod route;
mod unasked;
mod usage;

pub(super) use answer::Answer;
pub(super) use request::Request;
pub(super) use route::route;

//! The OpenAI wire format, also spoken by Azure OpenAI, vLLM and most compatible servers.
//!
//! Split by subject: where operations live, where requests say what, and one file per kind of
//! answer.

pub(super) mod asked;
mod audio;
mod chat;
mod images;
mod live;
pub(super) mod places;
mod realtime;
mod responses;
mod route;
mod unbilled;
pub(super) mod usage;

pub(super) use audio::{Speech, Transcription};
pub(super) use chat::{Chat, Embeddings};
pub(super) use images::Images;
pub(super) use live::Live;
pub(super) use realtime::Realtime;
pub(super) use responses::Responses;
pub(super) use route::route;
pub(super) use unbilled::{Batch, Unbilled};

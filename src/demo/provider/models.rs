//! `/v1/models` and `/v1/models/ID`: a fixed list. Calls may name other models too.

use super::CREATED;
use super::draft::quoted;

/// The models that are listed.
const MODELS: [&str; 8] = [
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-3.5-turbo-instruct",
    "text-embedding-3-small",
    "text-embedding-3-large",
];

/// The list's JSON.
pub(super) fn list() -> String {
    let entries: Vec<_> = MODELS.iter().map(|model| entry(model)).collect();
    format!("{{\"object\":\"list\",\"data\":[{}]}}", entries.join(","))
}

/// One model's JSON.
pub(super) fn one(id: &str) -> Option<String> {
    MODELS.contains(&id).then(|| entry(id))
}

fn entry(id: &str) -> String {
    let id = quoted(id);
    format!("{{\"id\":{id},\"object\":\"model\",\"created\":{CREATED},\"owned_by\":\"openai\"}}")
}

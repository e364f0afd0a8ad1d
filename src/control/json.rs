//! A JSON object that names each of its own fields once.
//!
//! Two values for one name would leave open which of them was meant; it is a fault, not a choice.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// What a body is: an object, or something else that is JSON.
pub(super) enum Document {
    /// An object.
    Object(Map<String, Value>),
    /// An object that gives this name twice.
    Twice(String),
    /// Not an object.
    Other,
}

/// Reads a body.
pub(super) fn read(bytes: &[u8]) -> Result<Document, serde_json::Error> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return serde_json::from_slice::<Value>(bytes).map(|_| Document::Other);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let object = reader.deserialize_map(Once)?;
    reader.end()?;
    Ok(object)
}

struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Document, A::Error> {
        let mut map = Map::new();
        let mut twice = None;
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            if map.insert(name.clone(), value).is_some() {
                twice = twice.or(Some(name));
            }
        }
        Ok(twice.map_or(Document::Object(map), Document::Twice))
    }
}

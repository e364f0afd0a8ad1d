//! A short notation for JSON schemas, so that objects can be written down as tables.
//!
//! `id`, `time`, `usd`, … are words of their own; `[X]` is a list, `{X}` a map by name, `X?` may be
//! null, `=a` is this word, `a|b` one of these, and a capital letter begins the name of an object. Pure.

use serde_json::{Map, Value, json};

/// An object: its fields, each with what it holds. A field whose name ends in `?` may be absent.
pub(super) type Table = &'static [(&'static str, &'static str)];

/// How most limits are written; there are other spellings.
const LIMIT: &str =
    "^[1-9][0-9]{0,6} (usd|tokens|requests|characters)/(minute|hour|day|week|month|total)$";

/// The schema of a notation.
pub(super) fn schema(notation: &str) -> Value {
    if let Some(of) = notation.strip_suffix('?') {
        return nullable(schema(of));
    }
    if let Some(of) = notation.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return json!({"type": "array", "items": schema(of)});
    }
    if let Some(of) = notation.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return json!({"type": "object", "additionalProperties": schema(of)});
    }
    if let Some(of) = notation.strip_prefix('=') {
        return json!({"const": of});
    }
    if notation.contains('|') {
        return json!({"type": "string", "enum": notation.split('|').collect::<Vec<_>>()});
    }
    if notation.starts_with(|first: char| first.is_ascii_uppercase()) {
        return json!({"$ref": format!("#/components/schemas/{notation}")});
    }
    word(notation)
}

fn word(word: &str) -> Value {
    match word {
        "any" => json!({}),
        "bool" => json!({"type": "boolean"}),
        "count" => json!({"type": "integer", "minimum": 0}),
        "integer" => json!({"type": "integer", "format": "int64"}),
        "percent" => json!({"type": "number", "minimum": 0}),
        "number" => json!({"type": "number"}),
        "object" => json!({"type": "object"}),
        "amount" => json!({"type": ["string", "integer"],
            "description": "A decimal string in dollars, a whole number of anything else."}),
        "usd" => json!({"type": "string", "pattern": r"^-?\d+(\.\d{1,18})?$",
            "description": "Dollars."}),
        "nanousd" => json!({"type": "integer", "format": "int64",
            "description": "Nano-dollars."}),
        "id" => json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}),
        "account" => json!({"type": "string",
            "pattern": "^(user|key|workspace|credential):[A-Za-z0-9._-]{1,64}$"}),
        "limit" => json!({"anyOf": [
            {"type": "string", "pattern": LIMIT, "examples": ["25 usd/month", "60 requests/minute"]},
            {"type": "string", "maxLength": 200},
        ]}),
        "span" => json!({"type": "string", "pattern": r"^\d{1,6}[smhdw]$", "examples": ["10m"]}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "past" => json!({"type": "string", "examples": ["7d", "2026-11-24"],
            "description": "A time, a date, or so long ago."}),
        "date" => json!({"type": "string", "format": "date"}),
        "flag" => json!({"type": "string", "enum": ["true", "false"]}),
        "page_length" => json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
        "threshold" => json!({"type": "integer", "minimum": 1, "maximum": 100}),
        "name" => json!({"type": "string", "maxLength": 200}),
        _ => json!({"type": "string"}),
    }
}

fn nullable(mut schema: Value) -> Value {
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(kind) => *kind = json!([kind.take(), "null"]),
        None => return json!({"anyOf": [schema, {"type": "null"}]}),
    }
    schema
}

/// The schema of an object. `closed` objects have no other fields.
pub(super) fn object(table: Table, closed: bool) -> Value {
    let mut required: Vec<&str> = Vec::new();
    let mut properties = Map::new();
    for (field, notation) in table {
        let name = field.strip_suffix('?').unwrap_or_else(|| {
            required.push(field);
            field
        });
        properties.insert(name.to_owned(), schema(notation));
    }
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if closed {
        object["additionalProperties"] = false.into();
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_a_schema() {
        let schema = object(&[("id", "id"), ("state", "on|off?"), ("of?", "[User]")], true);
        assert_eq!(schema["required"], json!(["id", "state"]));
        assert_eq!(schema["properties"]["state"]["enum"], json!(["on", "off", null]));
        assert_eq!(schema["properties"]["state"]["type"], json!(["string", "null"]));
        assert_eq!(schema["properties"]["of"]["items"]["$ref"], "#/components/schemas/User");
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn an_object_may_be_null() {
        assert_eq!(schema("User?")["anyOf"][1], json!({"type": "null"}));
        assert_eq!(schema("{count}")["additionalProperties"]["minimum"], 0);
    }
}

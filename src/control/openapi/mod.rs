//! `/openapi.json`: the description of the API, made from the table of operations; and `/openapi`,
//! a page that shows it.
//!
//! What an operation asks for and answers stands beside it; what the objects are called there is
//! explained by the tables in `objects`.
//!
//! Invariant: everything that the router serves is described, and nothing else.

mod alert_rules;
mod alerts;
mod analytics;
mod history;
mod notation;
mod objects;
mod prices;
mod quotas;
mod snapshots;
mod viewer;

use super::mirror;
use super::operation::{Entry, Operations};
use super::scope::Scope;
use axum::Json;
use axum::http::Method;
use notation::schema;
use objects::{ANSWERED, PARAMETERS, TAKEN};
use serde_json::{Map, Value, json};

const KINDS: &str = "completions|embeddings|images|audio_speeches|audio_transcriptions|moderations";

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/openapi.json", Scope::Public, async || Json(document(&super::table())))
        .says("This description", 200, "object")
        .and(viewer::operations())
}

/// The OpenAPI document of these operations.
fn document(entries: &[Entry]) -> Value {
    let mut paths = Map::new();
    for entry in entries {
        let path = paths.entry(entry.path).or_insert_with(|| json!({}));
        path[entry.method.as_str().to_lowercase()] = operation(entry);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Farebox",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The admin plane. Money is a decimal string in dollars; names that end \
                in `_nanousd` are whole nano-dollars. Times are RFC 3339 in UTC.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn operation(entry: &Entry) -> Value {
    let mut operation = json!({
        "operationId": operation_id(entry),
        "tags": [tag(entry.path)],
        "summary": entry.said.summary,
        "parameters": parameters(entry),
        "responses": responses(entry),
        "x-farebox-scope": entry.scope.to_string(),
    });
    if entry.scope != Scope::Public {
        operation["security"] = json!([{"token": []}]);
    }
    if entry.global {
        operation["x-farebox-all-workspaces"] = true.into();
    }
    if let Some(body) = entry.said.takes {
        let required = TAKEN.iter().any(|(name, table)| {
            *name == body && table.iter().any(|(field, _)| !field.ends_with('?'))
        });
        let content = json!({"application/json": {"schema": schema(body)}});
        operation["requestBody"] = json!({"required": required, "content": content});
    }
    operation
}

/// `get_users_id_keys`: unique, because methods and paths are.
fn operation_id(entry: &Entry) -> String {
    let page = Some("page").filter(|_| tag(entry.path) == "dashboard");
    let words = entry.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let words = words.filter(|word| !matches!(*word, "api" | "v1"));
    // The page about users is not the list of them.
    let words: Vec<&str> = page.into_iter().chain(words).collect();
    format!("{}_{}", entry.method.as_str().to_lowercase(), words.join("_"))
}

/// The resource of a path.
fn tag(path: &str) -> &str {
    let rest = path.strip_prefix("/api/v1/").or_else(|| path.strip_prefix("/v1/"));
    match rest.or_else(|| path.strip_prefix("/api/")) {
        Some(rest) => rest.split('/').next().unwrap_or_default(),
        None if path.starts_with("/livez")
            || path.starts_with("/readyz")
            || path.starts_with("/healthz")
            || path.starts_with("/metrics") =>
        {
            "health"
        }
        None => "dashboard",
    }
}

fn parameters(entry: &Entry) -> Vec<Value> {
    let in_path = entry.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let mut holds = match name {
            "account" => schema("account"),
            "kind" => schema(KINDS),
            _ => schema("id"),
        };
        if name == "account" {
            holds["examples"] = json!(["user:default"]);
        } else if name == "id" {
            holds["examples"] = json!(["default"]);
        }
        Some(json!({"name": name, "in": "path", "required": true, "schema": holds}))
    });
    let in_query = entry.said.query.iter().filter_map(|asked| {
        let (name, holds, what) = parameters_known().find(|(name, ..)| name == asked)?;
        let name = name.rsplit('.').next().unwrap_or(name);
        Some(json!({"name": name, "in": "query", "description": what, "schema": schema(holds)}))
    });
    in_path.chain(in_query).chain(header(entry)).collect()
}

/// All parameters that are explained.
fn parameters_known() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    PARAMETERS.iter().chain(analytics::PARAMETERS).chain(prices::PARAMETERS)
}

/// What a change may say in its headers.
fn header(entry: &Entry) -> Option<Value> {
    let (name, what, holds) = match entry.method {
        _ if !entry.path.starts_with("/api/v1/") => return None,
        Method::POST => (
            "Idempotency-Key",
            "Sent again with the same key within a day, it is done once.",
            json!({"type": "string", "pattern": "^[!-~]{1,255}$"}),
        ),
        Method::PATCH | Method::PUT => (
            "If-Match",
            "The `ETag` of what is to be changed; 412 where it is another by now.",
            json!({"type": "string", "examples": ["*"]}),
        ),
        _ => return None,
    };
    Some(json!({"name": name, "in": "header", "description": what, "schema": holds}))
}

fn responses(entry: &Entry) -> Value {
    let mut responses = Map::new();
    let description = entry.said.summary;
    let fine = match content(entry) {
        Some(content) => json!({"description": description, "content": content}),
        None => json!({"description": description}),
    };
    responses.insert(entry.said.status.to_string(), fine);
    let (kind, form) = match entry.path {
        path if path.starts_with("/api/quota/") => ("application/json", "QuotaProblem"),
        path if path.starts_with(mirror::PREFIX) => ("application/json", "OpenAIProblem"),
        _ => ("application/problem+json", "Problem"),
    };
    let refused =
        |why: &str| json!({"description": why, "content": {kind: {"schema": schema(form)}}});
    if entry.scope != Scope::Public {
        responses.insert("401".to_owned(), refused("No token, or an unknown one"));
        responses.insert("403".to_owned(), refused("A token without this scope"));
    }
    if entry.path == "/readyz" {
        responses.insert("503".to_owned(), json!({"description": "No calls are taken"}));
    } else {
        responses.insert("4XX".to_owned(), refused("What was asked for is refused"));
        responses.insert("5XX".to_owned(), refused("It does not work now"));
    }
    Value::Object(responses)
}

/// What an operation answers when all is well.
fn content(entry: &Entry) -> Option<Value> {
    let text = json!({"type": "string"});
    let (kind, holds) = match entry.said.gives {
        "" => return None,
        "text" => ("text/plain", text),
        "page" => ("text/html", text),
        "script" => ("text/javascript", text),
        "style" => ("text/css", text),
        "asset" => {
            let kinds = ["text/javascript", "text/css", "image/svg+xml", "text/plain"];
            let of = |kind: &str| (kind.to_owned(), json!({"schema": text}));
            return Some(Value::Object(kinds.iter().map(|kind| of(kind)).collect()));
        }
        gives if entry.path.starts_with("/api/quota/") => {
            ("application/json", enveloped(schema(gives)))
        }
        gives if gives.starts_with('[') => ("application/json", paged(schema(gives))),
        gives => ("application/json", schema(gives)),
    };
    let others = entry.said.also.iter().map(|form| (*form, json!({"type": "string"})));
    let all = std::iter::once((kind, holds)).chain(others);
    Some(all.map(|(kind, holds)| (kind.to_owned(), json!({"schema": holds}))).collect())
}

fn paged(data: Value) -> Value {
    json!({
        "type": "object",
        "required": ["data", "has_more", "next_cursor"],
        "properties": {
            "data": data,
            "has_more": schema("bool"),
            "next_cursor": schema("text?"),
        },
    })
}

fn enveloped(data: Value) -> Value {
    json!({
        "type": "object",
        "required": ["success", "data", "error", "timestamp"],
        "properties": {
            "success": schema("bool"),
            "data": data,
            "error": {"type": "null"},
            "timestamp": schema("time"),
        },
    })
}

fn schemas() -> Value {
    let answered = ANSWERED
        .iter()
        .chain(quotas::ANSWERED)
        .chain(alerts::ANSWERED)
        .chain(history::ANSWERED)
        .chain(history::TAKEN)
        .chain(alerts::TAKEN)
        .chain(alert_rules::ANSWERED)
        .chain(alert_rules::TAKEN)
        .chain(snapshots::ANSWERED)
        .chain(analytics::ANSWERED)
        .chain(prices::ANSWERED)
        .map(|(name, table)| (*name, notation::object(table, false)));
    let taken = TAKEN.iter().map(|(name, table)| (*name, notation::object(table, true)));
    Value::Object(answered.chain(taken).map(|(name, schema)| (name.to_owned(), schema)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn references(value: &Value, found: &mut HashSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| match value.as_str() {
                Some(text) if name == "$ref" => drop(found.insert(text.to_owned())),
                _ => references(value, found),
            }),
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_operation_says_what_it_does_and_in_known_words() {
        let entries = super::super::table();
        let mut ids = HashSet::new();
        for entry in &entries {
            let Entry { method, path, said, .. } = entry;
            assert!(!said.summary.is_empty() && said.status >= 101, "{method} {path} says nothing");
            assert!(ids.insert(operation_id(entry)), "{} twice", operation_id(entry));
            for asked in said.query {
                let known = parameters_known().any(|(name, ..)| name == asked);
                assert!(known, "{method} {path}: the parameter {asked} is not explained");
            }
            if matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
                assert!(said.takes.is_some(), "{method} {path} does not say what it takes");
            }
        }
        let document = document(&entries);
        let mut found = HashSet::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference} is not there");
        }
    }

    #[test]
    fn r058_the_document_has_the_scope_of_each_operation() {
        let document = document(&super::super::table());
        assert_eq!(document["openapi"], "3.1.0");
        let reset = &document["paths"]["/api/quota/reset"]["post"];
        assert_eq!(reset["x-farebox-scope"], "budget:reset");
        assert_eq!(document["paths"]["/livez"]["get"]["x-farebox-scope"], "public");
        assert_eq!(
            document["paths"]["/api/v1/workspaces"]["post"]["x-farebox-all-workspaces"],
            true
        );
        let users = &document["paths"]["/api/v1/users"]["get"];
        assert_eq!(users["x-farebox-scope"], "users:read");
        assert_eq!(users["operationId"], "get_users");
    }
}

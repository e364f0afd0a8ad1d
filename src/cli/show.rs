//! One account, and its limits, as people read them.

use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use serde_json::Value;

/// What is shown of each kind, in this order, where it is there.
const FIELDS: [&str; 17] = [
    "id",
    "name",
    "workspace",
    "user",
    "status",
    "enforcement",
    "thresholds",
    "prefix",
    "label",
    "models",
    "addresses",
    "routes",
    "expires_at",
    "spent_usd",
    "created",
    "last_seen",
    "last_used",
];

/// Prints one account.
pub(super) fn account(console: &mut Console, kind: &str, object: &Value) -> Result<(), Failure> {
    if console.flags.json {
        return console.json(object);
    }
    for name in FIELDS.iter().filter(|name| object.get(**name).is_some()) {
        let title = if *name == "id" { kind } else { name };
        console.line(&format!("{title:<12} {}", field(object, name)))?;
    }
    match object["limits"].as_array() {
        Some(list) if !list.is_empty() => {
            console.line("")?;
            console.table(&limits(list))
        }
        _ => console.line("limits       none"),
    }
}

/// A limit with what is added to it.
pub(super) fn limit(limit: &Value) -> String {
    let mut text = field(limit, "text");
    if !matches!(field(limit, "carried").as_str(), "-" | "0") {
        text.push_str(&format!(" +{} carried", field(limit, "carried")));
    }
    match &limit["bump"] {
        Value::Null => text,
        bump => format!("{text} +{} until {}", field(bump, "amount"), field(bump, "until")),
    }
}

/// A table of limits.
pub(super) fn limits(list: &[Value]) -> Table {
    let mut table =
        Table::new(&["LIMIT", "USED", "HELD", "REMAINING", "UTILISATION", "RESETS", "STATUS"]);
    for limit in list {
        table.row([
            Cell::text(self::limit(limit)),
            Cell::figure(field(limit, "used")),
            Cell::figure(field(limit, "held")),
            Cell::figure(field(limit, "remaining")),
            Cell::bar(&limit["usage_percent"]),
            Cell::text(field(limit, "resets_at")),
            Cell::text(field(limit, "status")),
        ]);
    }
    table
}

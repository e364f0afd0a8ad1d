//! The tables that the history is exported to: their columns, and how rows get into them. Pure.
//!
//! Rows are JSON objects whose fields are the columns; a batch of them is one text, which the
//! database itself reads, so that no figure passes through anything but its own types.
//!
//! Invariant: what is there with the same id is brought up to date, and left alone where nothing
//! differs.

use serde_json::Value;

/// A table.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its name.
    pub name: &'static str,
    /// What makes it, where it is missing.
    pub ddl: &'static str,
    /// Its columns with their types in PostgreSQL; the first one is the key.
    columns: &'static [(&'static str, &'static str)],
}

/// How workspaces stood.
pub(super) const SNAPSHOTS: Kept = Kept {
    name: "quota_snapshots",
    ddl: include_str!("../../../deploy/sql/quota_snapshots.sql"),
    columns: &[
        ("id", "uuid"),
        ("workspace_id", "text"),
        ("snapshot_time", "timestamptz"),
        ("requests_per_minute", "bigint"),
        ("requests_per_day", "bigint"),
        ("tokens_used", "bigint"),
        ("error_count", "bigint"),
        ("status", "text"),
        ("metadata", "jsonb"),
    ],
};

/// What credentials were used for.
pub(super) const PROVIDER_DAYS: Kept = Kept {
    name: "ai_provider_usage",
    ddl: include_str!("../../../deploy/sql/ai_provider_usage.sql"),
    columns: &[
        ("id", "uuid"),
        ("provider_name", "text"),
        ("provider", "text"),
        ("date", "date"),
        ("request_count", "bigint"),
        ("character_count", "bigint"),
        ("tokens", "bigint"),
        ("failed", "bigint"),
        ("cost_nanousd", "bigint"),
        ("metadata", "jsonb"),
    ],
};

impl Kept {
    /// The names of the columns, with commas between.
    pub(super) fn head(&self) -> String {
        self.each(",", |name, _| name.to_owned())
    }

    /// The cells of a row.
    pub(super) fn cells<'r>(&self, row: &'r Value) -> impl Iterator<Item = &'r Value> {
        self.columns.iter().map(|(name, _)| &row[*name])
    }

    /// For PostgreSQL: takes a JSON array of rows as its one argument.
    pub(super) fn for_postgres(&self) -> String {
        let given = self.each(", ", |name, kind| format!("{name} {kind}"));
        let from = format!("json_to_recordset($1::text::json) AS given({given})");
        self.insert(&self.head(), &from)
    }

    /// For SQLite: the same.
    pub(super) fn for_sqlite(&self) -> String {
        let values = self.each(", ", |name, _| format!("value ->> '$.{name}'"));
        self.insert(&values, "json_each(?1) WHERE true")
    }

    fn insert(&self, values: &str, from: &str) -> String {
        let (table, columns) = (self.name, self.head());
        let rest = self.columns.iter().skip(1).map(|(name, _)| *name);
        let set: Vec<String> = rest.clone().map(|n| format!("{n} = excluded.{n}")).collect();
        let differs: Vec<String> =
            rest.map(|n| format!("{table}.{n} IS DISTINCT FROM excluded.{n}")).collect();
        format!(
            "INSERT INTO {table} ({columns}) SELECT {values} FROM {from} \
             ON CONFLICT (id) DO UPDATE SET {} WHERE {}",
            set.join(", "),
            differs.join(" OR ")
        )
    }

    fn each(&self, between: &str, of: impl Fn(&str, &str) -> String) -> String {
        self.columns.iter().map(|(name, kind)| of(name, kind)).collect::<Vec<_>>().join(between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r116_r128_the_columns_are_those_of_the_files() {
        for kept in [&SNAPSHOTS, &PROVIDER_DAYS] {
            let body = kept.ddl.split_once('(').unwrap().1.split(");").next().unwrap();
            let made: Vec<&str> = body
                .lines()
                .filter_map(|line| line.split_whitespace().next())
                .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
                .collect();
            let known: Vec<&str> = kept.columns.iter().map(|(name, _)| *name).collect();
            assert_eq!(made, known, "{}", kept.name);
        }
    }
}

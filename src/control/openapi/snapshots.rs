//! The object of a snapshot, as a table.

use super::notation::Table;

/// What is answered.
pub(super) const ANSWERED: &[(&str, Table)] = &[
    (
        "Snapshot",
        &[
            ("id", "id"),
            ("workspace_id", "id"),
            ("snapshot_time", "time"),
            ("requests_per_minute", "integer"),
            ("requests_per_day", "integer"),
            ("tokens_used", "integer"),
            ("error_count", "integer"),
            ("status", "suspended|quota_exceeded|rate_limited|degraded|critical|warning|normal"),
            ("metadata", "SnapshotMetadata"),
        ],
    ),
    (
        "SnapshotMetadata",
        &[
            ("interval_seconds", "count"),
            ("day_cost_usd", "usd"),
            ("day_cost_nanousd", "nanousd"),
            ("month_cost_usd", "usd"),
            ("month_cost_nanousd", "nanousd"),
            ("held_nanousd", "nanousd"),
        ],
    ),
];

//! The objects of the quota API and of usage events, as tables.

use super::notation::Table;

/// What is answered.
pub(super) const ANSWERED: &[(&str, Table)] = &[
    (
        "QuotaStatus",
        &[
            ("status", "suspended|quota_exceeded|rate_limited|degraded|critical|warning|normal"),
            ("requests_per_minute", "QuotaFigure"),
            ("requests_per_day", "QuotaFigure"),
            ("tokens_per_minute", "QuotaFigure"),
            ("budget", "QuotaFigure"),
        ],
    ),
    (
        "QuotaFigure",
        &[
            ("current", "amount"),
            ("limit", "amount?"),
            ("percentage", "percent?"),
            ("remaining", "amount?"),
            ("resets_at", "time?"),
        ],
    ),
    (
        "Notification",
        &[
            ("id", "id"),
            ("level", "suspended|quota_exceeded|rate_limited|degraded|critical|warning"),
            ("title", "text"),
            ("message", "text"),
            ("suggested_action", "text"),
            ("since", "time?"),
            ("account", "account?"),
        ],
    ),
    ("Availability", &[("available", "bool"), ("reason", "text?"), ("retry_after", "count?")]),
    (
        "QuotaUsage",
        &[
            ("total_requests", "count"),
            ("successful_requests", "count"),
            ("failed_requests", "count"),
            ("total_tokens", "count"),
            ("cached_input_tokens", "count"),
            ("cost_usd", "usd"),
            ("cost_nanousd", "nanousd"),
            ("since", "time"),
            ("by_model", "[UsagePart]"),
            ("by_provider", "[UsagePart]"),
        ],
    ),
    (
        "UsagePart",
        &[
            ("model?", "text"),
            ("provider?", "text"),
            ("total_requests", "count"),
            ("total_tokens", "count"),
            ("cost_usd", "usd"),
            ("cost_nanousd", "nanousd"),
        ],
    ),
    (
        "UsageEvent",
        &[
            ("id", "id"),
            ("request_id", "id?"),
            ("user", "id?"),
            ("key", "id?"),
            ("workspace", "id?"),
            ("config_id", "id?"),
            ("provider", "text"),
            ("model", "text?"),
            ("request_count", "count"),
            ("character_count", "count"),
            ("total_tokens", "count"),
            ("cost_usd", "usd"),
            ("cost_nanousd", "nanousd"),
            ("success", "bool"),
            ("occurred_at", "time"),
        ],
    ),
];

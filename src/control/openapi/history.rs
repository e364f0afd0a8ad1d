//! The objects of forecasts and reports, as tables.

use super::notation::Table;

const FORECAST: Table = &[
    ("account", "account"),
    ("period", "text"),
    ("limit", "text?"),
    ("allowed_usd", "usd?"),
    ("allowed_nanousd", "nanousd?"),
    ("used_usd", "usd"),
    ("used_nanousd", "nanousd"),
    ("projected_usd", "usd"),
    ("projected_nanousd", "nanousd"),
    ("low_usd", "usd"),
    ("low_nanousd", "nanousd"),
    ("high_usd", "usd"),
    ("high_nanousd", "nanousd"),
    ("exhausts_at", "time?"),
    ("resets_at", "time?"),
    ("method", "seasonal|even_pace|no_data"),
];

/// What is answered.
pub(super) const ANSWERED: &[(&str, Table)] = &[
    ("Forecast", FORECAST),
    // One forecast where an account is named, else a page of them.
    (
        "Forecasts",
        &[
            ("account?", "account"),
            ("period?", "text"),
            ("limit?", "text?"),
            ("allowed_usd?", "usd?"),
            ("allowed_nanousd?", "nanousd?"),
            ("used_usd?", "usd"),
            ("used_nanousd?", "nanousd"),
            ("projected_usd?", "usd"),
            ("projected_nanousd?", "nanousd"),
            ("low_usd?", "usd"),
            ("low_nanousd?", "nanousd"),
            ("high_usd?", "usd"),
            ("high_nanousd?", "nanousd"),
            ("exhausts_at?", "time?"),
            ("resets_at?", "time?"),
            ("method?", "seasonal|even_pace|no_data"),
            ("data?", "[Forecast]"),
            ("has_more?", "bool"),
            ("next_cursor?", "text?"),
        ],
    ),
    (
        "Backtest",
        &[
            ("account", "account"),
            ("limit", "text?"),
            ("period", "text"),
            ("since", "time"),
            ("predictions", "count"),
            ("error_percent", "percent?"),
            ("inside_percent", "percent?"),
            ("exhaustions", "count"),
            ("exhaustion_error_percent", "percent?"),
            ("exhaustion_within_10_percent", "percent?"),
            ("missed", "count"),
            ("false_alarms", "count"),
            ("horizons", "[BacktestHorizon]"),
        ],
    ),
    (
        "BacktestHorizon",
        &[
            ("days", "count"),
            ("predictions", "count"),
            ("error_percent", "percent?"),
            ("inside_percent", "percent?"),
            ("exhaustions", "count"),
            ("exhaustion_error_percent", "percent?"),
            ("exhaustion_within_10_percent", "percent?"),
            ("missed", "count"),
            ("false_alarms", "count"),
        ],
    ),
];

//! The objects of questions about settled calls, as tables.

use super::notation::Table;

/// What is answered.
pub(super) const ANSWERED: &[(&str, Table)] = &[
    ("Ranking", &[("data", "[Figures]"), ("total", "Figures"), ("groups", "count")]),
    (
        "Series",
        &[
            ("metric", "text"),
            ("bucket", "minute|hour|day"),
            ("group_by", "[text]"),
            ("data", "[SeriesBucket]"),
        ],
    ),
    (
        "Refusals",
        &[
            ("reason?", "text"),
            ("user?", "id?"),
            ("workspace?", "id?"),
            ("hour?", "time"),
            ("refusals", "count"),
        ],
    ),
    ("SeriesBucket", &[("start_time", "time"), ("end_time", "time"), ("results", "[Figures]")]),
    (
        "Figures",
        &[
            ("user?", "id"),
            ("key?", "id"),
            ("workspace?", "id"),
            ("model?", "text"),
            ("provider?", "text"),
            ("credential?", "text"),
            ("requests", "count"),
            ("tokens", "count"),
            ("cost_usd", "usd"),
            ("cost_nanousd", "nanousd"),
            ("cost_per_1k_tokens_usd?", "usd?"),
            ("cost_per_1k_tokens_nanousd?", "nanousd?"),
            ("input_tokens?", "count"),
            ("cached_input_tokens?", "count"),
            ("cache_write_tokens?", "count"),
            ("cache_hit_ratio?", "number?"),
            ("cache_saved_usd?", "usd"),
            ("cache_saved_nanousd?", "nanousd"),
            ("estimated_requests?", "count"),
            ("estimated_usd?", "usd"),
            ("estimated_nanousd?", "nanousd"),
            ("estimated_share?", "number?"),
            ("failed_requests?", "count"),
            ("failed_share?", "number?"),
        ],
    ),
    (
        "Latency",
        &[
            ("user?", "id"),
            ("key?", "id"),
            ("workspace?", "id"),
            ("model?", "text"),
            ("provider?", "text"),
            ("credential?", "text"),
            ("day?", "date"),
            ("hour?", "time"),
            ("requests", "count"),
            ("ttft_ms_p50", "count?"),
            ("duration_ms_p50", "count?"),
            ("ttft_ms_p90", "count?"),
            ("duration_ms_p90", "count?"),
            ("ttft_ms_p99", "count?"),
            ("duration_ms_p99", "count?"),
        ],
    ),
];

/// Parameters of queries. What stands before a point tells two of one name apart.
pub(super) const PARAMETERS: &[(&str, &str, &str)] = &[
    ("by", "user|key|workspace|provider|credential|model", "What is ranked."),
    (
        "metric",
        "cost|requests|tokens|cost_per_1k_tokens|cache_hit_ratio|cache_saved|estimated_share|failed_share",
        "What is asked.",
    ),
    ("top.limit", "count", "How many rows, 1 to 1000; 10 where it is not given."),
    (
        "refusals.by",
        "text",
        "By what refusals are kept apart: one or two of reason, user, workspace, hour, with a comma between; the reason where it is not given.",
    ),
    ("reason", "text", "Only refusals with this code."),
    ("credential", "text", "Only this credential."),
    ("ending", "finished|cut|left|orphaned", "Only calls that ended like this."),
    (
        "requests.status",
        "text",
        "Only calls that the provider answered with this HTTP status: `429`, a class like `4xx`, or `0` where none arrived.",
    ),
    ("columns", "farebox|focus", "How calls are written: `focus` in the columns of FOCUS 1.2."),
    ("bucket", "minute|hour|day", "The length of a bucket; a day where it is not given."),
    (
        "series.group_by",
        "text",
        "By what results are kept apart: up to two of user, key, workspace, provider, credential, model; with a comma between.",
    ),
    ("series.start_time", "past", "The first bucket holds it; Unix seconds too."),
    ("series.end_time", "past", "Before then; Unix seconds too."),
];

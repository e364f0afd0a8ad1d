//! The objects of alert rules, as tables.

use super::notation::Table;

/// All kinds of rules.
const KINDS: &str = "absolute_usd|burn_rate|error_rate|journal_backlog|ledger_imbalance|\
                     projected_exceed|quarantined|spike|unpriced_model";

/// What is answered.
pub(super) const ANSWERED: &[(&str, Table)] = &[(
    "AlertRule",
    &[
        ("id", "id"),
        ("name", "id"),
        ("kind", KINDS),
        ("source", "file|api"),
        ("level", "warning|critical|exceeded"),
        ("workspace", "id?"),
        ("account", "text?"),
        ("amount?", "text"),
        ("percent?", "count"),
        ("window?", "text"),
        ("minimum_requests?", "count"),
        ("pending?", "count"),
    ],
)];

/// What is taken.
pub(super) const TAKEN: &[(&str, Table)] = &[
    (
        "NewAlertRule",
        &[
            ("name", "id"),
            ("kind", KINDS),
            ("level?", "warning|critical|exceeded?"),
            ("workspace?", "id?"),
            ("account?", "text?"),
            ("amount?", "any"),
            ("percent?", "any"),
            ("window?", "text?"),
            ("minimum_requests?", "count?"),
            ("pending?", "count?"),
        ],
    ),
    (
        "AlertRuleChange",
        &[
            ("level?", "warning|critical|exceeded?"),
            ("workspace?", "id?"),
            ("account?", "text?"),
            ("amount?", "any"),
            ("percent?", "any"),
            ("window?", "text?"),
            ("minimum_requests?", "count?"),
            ("pending?", "count?"),
        ],
    ),
];

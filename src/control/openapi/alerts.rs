//! The objects of alerts and their channels, as tables.

use super::notation::Table;

/// What is answered.
pub(super) const ANSWERED: &[(&str, Table)] = &[
    (
        "Alert",
        &[
            ("id", "id"),
            ("time", "time"),
            ("kind", "text"),
            ("rule", "id?"),
            ("headline", "text"),
            ("account", "account?"),
            ("limit", "text?"),
            ("period", "integer?"),
            ("level", "warning|critical|exceeded|report"),
            ("threshold", "count?"),
            ("usage_percent", "percent?"),
            ("suppressed", "bool"),
            ("deliveries", "[AlertDelivery]"),
        ],
    ),
    (
        "AlertDelivery",
        &[
            ("channel", "id"),
            ("status", "pending|delivered|failed"),
            ("attempts", "count"),
            ("last_error", "text?"),
            ("delivered_at", "time?"),
        ],
    ),
    (
        "AlertChannel",
        &[
            ("id", "id"),
            ("name", "id"),
            ("type", "slack|webhook|email|pagerduty|twilio|exec"),
            ("command?", "[text]"),
            ("source", "file|api"),
            ("levels", "[text]"),
            ("workspace", "id?"),
            ("reports?", "[text]"),
            ("url?", "text?"),
            ("secret?", "text?"),
            ("host?", "text?"),
            ("port?", "count?"),
            ("from?", "text?"),
            ("to?", "any"),
            ("username?", "text?"),
            ("password?", "text?"),
            ("tls?", "none|starttls|implicit?"),
            ("routing_key?", "text?"),
            ("account_sid?", "text?"),
            ("auth_token?", "text?"),
            ("daily_cap?", "count?"),
        ],
    ),
    (
        "AlertTest",
        &[("delivered", "bool"), ("status", "delivered|try_again|failed"), ("error", "text?")],
    ),
];

/// What is taken.
pub(super) const TAKEN: &[(&str, Table)] = &[
    (
        "NewAlertChannel",
        &[
            ("type", "slack|webhook|email|pagerduty|twilio"),
            ("name", "id"),
            ("levels?", "any"),
            ("workspace?", "id?"),
            ("reports?", "any"),
            ("url?", "text?"),
            ("secret?", "text?"),
            ("host?", "text?"),
            ("port?", "count?"),
            ("from?", "text?"),
            ("to?", "any"),
            ("username?", "text?"),
            ("password?", "text?"),
            ("tls?", "none|starttls|implicit?"),
            ("routing_key?", "text?"),
            ("account_sid?", "text?"),
            ("auth_token?", "text?"),
            ("daily_cap?", "count?"),
        ],
    ),
    (
        "AlertChannelChange",
        &[
            ("levels?", "any"),
            ("workspace?", "id?"),
            ("reports?", "any"),
            ("url?", "text?"),
            ("secret?", "text?"),
            ("host?", "text?"),
            ("port?", "count?"),
            ("from?", "text?"),
            ("to?", "any"),
            ("username?", "text?"),
            ("password?", "text?"),
            ("tls?", "none|starttls|implicit?"),
            ("routing_key?", "text?"),
            ("account_sid?", "text?"),
            ("auth_token?", "text?"),
            ("daily_cap?", "count?"),
        ],
    ),
];

//! The objects about prices, and about the process that has them in force, as tables.

use super::notation::Table;

/// What is answered.
pub(super) const ANSWERED: &[(&str, Table)] = &[
    (
        "Prices",
        &[
            ("price_version", "text"),
            ("source", "text"),
            ("since", "time"),
            ("models", "count"),
            ("model?", "PricedModel"),
        ],
    ),
    (
        "PricedModel",
        &[
            ("asked", "text"),
            ("matched", "text"),
            ("provider", "text"),
            ("context", "count?"),
            ("max_output", "count?"),
            ("tiers", "[text]"),
            ("regions", "[text]"),
            ("region_factors", "{text}"),
            ("prices", "[PriceSheet]"),
        ],
    ),
    (
        "PriceSheet",
        &[
            ("tier", "text?"),
            ("hours", "text?"),
            ("from", "time?"),
            ("prices", "{usd}"),
            ("long", "LongPrompts?"),
        ],
    ),
    ("LongPrompts", &[("above?", "count"), ("at_least?", "count"), ("prices", "{usd}")]),
    (
        "PriceChanges",
        &[
            ("price_version", "text"),
            ("source", "text"),
            ("since", "time"),
            ("against", "OtherPrices?"),
            ("added", "count"),
            ("removed", "count"),
            ("changed", "count"),
            ("data", "[DifferentModel]"),
            ("has_more", "bool"),
            ("next_cursor", "text?"),
        ],
    ),
    ("OtherPrices", &[("price_version", "text"), ("source", "text"), ("since", "time?")]),
    (
        "DifferentModel",
        &[
            ("provider", "text"),
            ("model", "text"),
            ("difference", "added|removed|changed"),
            ("prices", "[PriceChange]"),
            ("terms", "[TermChange]"),
        ],
    ),
    (
        "PriceChange",
        &[
            ("tier", "text?"),
            ("hours", "text?"),
            ("from", "time?"),
            ("long", "bool"),
            ("class", "text"),
            ("old", "usd?"),
            ("new", "usd?"),
            ("percent", "number?"),
        ],
    ),
    ("TermChange", &[("name", "text"), ("old", "text?"), ("new", "text?")]),
    (
        "System",
        &[
            ("version", "text"),
            ("started", "time"),
            ("ledger", "embedded|redis"),
            ("timezone", "text"),
        ],
    ),
];

/// Parameters of queries.
pub(super) const PARAMETERS: &[(&str, &str, &str)] = &[(
    "against",
    "previous|built_in",
    "The other prices: those before the last reload, or those that are built in.",
)];

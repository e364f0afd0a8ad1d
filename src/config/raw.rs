//! What may be written in `farebox.toml`. Unknown keys are an error. What is absent is decided in
//! `check`.

use super::{OnDisconnect, OnExhausted, UnpricedModel};
use crate::ledger::{Enforcement, LostHold};
use crate::limit::{Limit, Thresholds};
use crate::pricing::{Markup, Override, ProviderCost};
use crate::provider::Choose;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) listen: Option<String>,
    pub(super) admin_listen: Option<String>,
    pub(super) pricing: Option<PathBuf>,
    pub(super) tls: Option<RawTls>,
    pub(super) ledger: RawLedger,
    pub(super) enforcement: RawEnforcement,
    pub(super) prices: RawPrices,
    pub(super) defaults: RawDefaults,
    pub(super) providers: BTreeMap<String, RawProvider>,
    pub(super) routes: Vec<RawRoute>,
    pub(super) alerts: RawAlerts,
    pub(super) admin: RawAdmin,
    pub(super) history: RawHistory,
    pub(super) metrics: RawMetrics,
    pub(super) server: RawServer,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLedger {
    pub(super) redis_url: Option<String>,
    pub(super) data_dir: Option<PathBuf>,
    #[serde(deserialize_with = "number")]
    pub(super) lease_seconds: Option<u64>,
    pub(super) on_lost_hold: Option<LostHold>,
    pub(super) timezone: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEnforcement {
    pub(super) mode: Option<Enforcement>,
    pub(super) on_exhausted: Option<OnExhausted>,
    pub(super) on_disconnect: Option<OnDisconnect>,
    #[serde(deserialize_with = "number")]
    pub(super) drain_seconds: Option<u64>,
    pub(super) unpriced_model: Option<UnpricedModel>,
    pub(super) unmetered_route: Option<UnmeteredRoute>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPrices {
    pub(super) provider_cost: ProviderCost,
    #[serde(deserialize_with = "number")]
    pub(super) anomaly_percent: Option<u64>,
    pub(super) overrides: Vec<Override>,
    pub(super) markups: Vec<Markup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum UnmeteredRoute {
    Reject,
    Forward,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDefaults {
    pub(super) user: RawUserDefaults,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawUserDefaults {
    pub(super) limits: Option<Vec<Limit>>,
    pub(super) thresholds: Option<Thresholds>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawProvider {
    pub(super) dialect: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) cancel_stops_billing: Option<bool>,
    pub(super) provider_cost: Option<ProviderCost>,
    pub(super) models: BTreeMap<String, String>,
    pub(super) choose: Option<Choose>,
    pub(super) sticky: Option<bool>,
    #[serde(deserialize_with = "number")]
    pub(super) breaker_failures: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) breaker_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) retries: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) retry_budget_percent: Option<u64>,
    pub(super) retry_billed: Option<bool>,
    pub(super) credentials: Vec<RawCredential>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCredential {
    pub(super) name: String,
    pub(super) api_key: Option<String>,
    pub(super) api_key_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) limits: Vec<Limit>,
    pub(super) thresholds: Option<Thresholds>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "number")]
    pub(super) weight: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    pub(super) models: Vec<String>,
    pub(super) provider: String,
    #[serde(default)]
    pub(super) fallbacks: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAlerts {
    pub(super) check_every: Option<String>,
    pub(super) renotify_after: Option<String>,
    pub(super) allow_private: Vec<String>,
    pub(super) allow_exec: bool,
    pub(super) dashboard_url: Option<String>,
    pub(super) channels: Vec<Map<String, Value>>,
    pub(super) rules: Vec<Map<String, Value>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAdmin {
    pub(super) token: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    #[serde(deserialize_with = "number")]
    pub(super) requests_per_minute: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) auth_failures_per_minute: Option<u64>,
    pub(super) allowed_origins: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHistory {
    #[serde(deserialize_with = "number")]
    pub(super) retention_days: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) minute_sums_hours: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) hour_sums_days: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) day_sums_days: Option<u64>,
    pub(super) snapshot_every: Option<String>,
    pub(super) persistence: Option<bool>,
    pub(super) reports: Option<Vec<String>>,
    pub(super) report_at: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMetrics {
    #[serde(deserialize_with = "number")]
    pub(super) per_user: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServer {
    #[serde(deserialize_with = "number")]
    pub(super) max_json_bytes: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) max_upload_bytes: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) handshake_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) header_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) body_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) write_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) connect_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) first_byte_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) answer_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) stop_seconds: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) max_connections: Option<u64>,
}

/// A whole number; from the environment it comes as text.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Written::deserialize(from) {
        Ok(Written::Number(n)) => Ok(Some(n)),
        Ok(Written::Text(text)) => text.parse().map(Some).map_err(|_| {
            serde::de::Error::custom(format!("`{text}` is not a whole number of at least 0"))
        }),
        Err(_) => Err(serde::de::Error::custom("expected a whole number of at least 0")),
    }
}

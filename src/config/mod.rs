//! The configuration: flag over environment over file over default, checked before anything starts.
//!
//! `raw` is what may be written, `source` and `origin` know where it was said, `check` turns it into
//! what is meant, `print` shows it without secrets, `annotate` says where each value comes from and
//! `again` what a running proxy can take of another one.
//! Nothing here opens a socket or reads the process's environment by itself.

mod again;
mod alerts;
mod annotate;
mod check;
mod credentials;
mod deployments;
mod origin;
mod pools;
mod print;
mod protection;
mod raw;
mod reports;
mod snapshots;
mod source;

pub use alerts::Alerts;
pub use annotate::Annotated;
pub use credentials::CredentialTerms;
pub use protection::Protection;
pub use reports::ReportTerms;
pub use snapshots::SnapshotTerms;
pub use source::Environment;

use crate::ledger::{Enforcement, Kept, LostHold};
use crate::limit::{Calendar, Limit, Thresholds};
use crate::pricing::{Adjustments, BadAdjustment, Deployment};
use crate::provider::Providers;
use origin::Origin;
use secrecy::SecretString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A configuration that cannot be used. The text names the place, the value and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadConfig(String);

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadConfig {}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--admin-listen`.
    pub admin_listen: Option<SocketAddr>,
    /// `--redis`.
    pub redis: Option<String>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--pricing`.
    pub pricing: Option<PathBuf>,
    /// `--record`.
    pub record: Option<PathBuf>,
    /// `--upstream NAME=URL`.
    pub upstreams: Vec<(String, String)>,
}

/// What becomes of a stream that may hold no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExhausted {
    /// It runs to its end; what it costs beyond its hold is a debt.
    #[default]
    Finish,
    /// It ends with an error event.
    Stop,
}

/// What a client's hang-up does to the provider's side of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDisconnect {
    /// Hang up too where that stops the provider's bill, else read on.
    #[default]
    Auto,
    /// Read on for the usage block.
    Drain,
    /// Hang up too.
    Cancel,
}

/// What happens to a model without a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnpricedModel {
    /// Its calls are refused.
    #[default]
    Reject,
    /// They cost what is dearest at their provider.
    Ceiling,
    /// They pass, at no charge.
    Free,
}

/// The configuration in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where apps connect.
    pub listen: SocketAddr,
    /// Where operators connect.
    pub admin_listen: SocketAddr,
    /// Certificate and key of both listeners, PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// A price table instead of the one that is built in.
    pub pricing: Option<PathBuf>,
    /// Redis; `None`: the embedded ledger.
    pub redis_url: Option<SecretString>,
    /// Where the embedded ledger, the journal and the admin token are kept.
    pub data_dir: PathBuf,
    /// How long a hold lives without being renewed.
    pub lease: Duration,
    /// What an expired hold is charged.
    pub on_lost_hold: LostHold,
    /// The time zone's name.
    pub timezone: String,
    /// The calendar of that zone.
    pub calendar: Calendar,
    /// How limits are enforced where an account does not say.
    pub mode: Enforcement,
    /// What becomes of a stream that may hold no more.
    pub on_exhausted: OnExhausted,
    /// What happens when a client hangs up.
    pub on_disconnect: OnDisconnect,
    /// How long to read on for a client that hung up.
    pub drain: Duration,
    /// What happens to models without a price.
    pub unpriced_model: UnpricedModel,
    /// What is agreed beside the price table.
    pub prices: Adjustments,
    /// Let routes pass that cost money and are not metered.
    pub forward_unmetered: bool,
    /// The limits of users that have none of their own.
    pub user_limits: Vec<Limit>,
    /// The thresholds of accounts that have none of their own.
    pub thresholds: Thresholds,
    /// The upstream services.
    pub providers: Providers,
    /// What is said of our credentials there beside their keys, in the order of their providers.
    pub credentials: Vec<CredentialTerms>,
    /// What models are called at them.
    pub deployments: Vec<Deployment>,
    /// How alerts are sent.
    pub alerts: Alerts,
    /// The operator's token.
    pub admin_token: Option<SecretString>,
    /// How the admin plane is protected.
    pub protection: Protection,
    /// For how many days the history is kept.
    pub retention_days: i64,
    /// Which reports are sent, and when.
    pub reports: ReportTerms,
    /// Whether and how often snapshots are taken.
    pub snapshots: SnapshotTerms,
    /// For how long sums of calls are kept.
    pub sums: Kept,
    /// So many users are named in metrics, those with the fullest budgets.
    pub metrics_per_user: usize,
    /// The limits of the data plane.
    pub server: ServerBounds,
    /// Where answers are recorded; only a flag can say so, so that no file leaves it on.
    pub record: Option<PathBuf>,
    /// Where it was read from.
    origin: Origin,
}

/// How much and how long the data plane waits and takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerBounds {
    /// Bytes of a metered request.
    pub json_bytes: u64,
    /// Bytes of an upload.
    pub upload_bytes: u64,
    /// From accept to the first byte, and for a TLS handshake.
    pub handshake: Duration,
    /// For a request's header; also how long an idle connection is kept.
    pub header: Duration,
    /// For a pause inside a request's body.
    pub body: Duration,
    /// For a client that does not read.
    pub write_stall: Duration,
    /// For a connection to a provider.
    pub connect: Duration,
    /// For the head of a provider's answer.
    pub first_byte: Duration,
    /// For a pause inside a provider's answer.
    pub answer: Duration,
    /// For calls in flight when the proxy stops.
    pub stop: Duration,
    /// Connections of clients at the same time.
    pub connections: usize,
}

impl Config {
    /// Reads, merges and checks. A `path` that was named must exist; the default file need not.
    pub fn load(
        path: Option<&Path>,
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<Self, BadConfig> {
        let (raw, origin) = source::read(path, environment)?;
        Self::checked(raw, origin, environment, overrides)
    }

    /// A complaint that came up where the configuration met the price table, with where its place
    /// was said.
    pub fn located(&self, bad: &BadAdjustment) -> BadConfig {
        self.origin.locate(BadConfig(bad.to_string()), &Overrides::default())
    }

    fn checked(
        raw: raw::Raw,
        origin: Origin,
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<Self, BadConfig> {
        let config = check::check(raw, environment, overrides);
        let mut config = config.map_err(|bad| origin.locate(bad, overrides))?;
        deployments::locate(&mut config.deployments, &origin);
        Ok(Self { origin, ..config })
    }

    /// The same, each value with its origin.
    pub fn annotated(
        path: Option<&Path>,
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<Annotated, BadConfig> {
        let (raw, origin) = source::read(path, environment)?;
        let config = Self::checked(raw, origin, environment, overrides)?;
        let sources = annotate::Sources { origin: &config.origin, environment, overrides };
        Ok(Annotated::new(config.printed(), &sources))
    }

    /// The same without any file.
    pub fn without_file(
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<Self, BadConfig> {
        check::check(raw::Raw::default(), environment, overrides)
    }

    /// The configuration where nothing is set.
    pub fn defaults() -> Result<Self, BadConfig> {
        Self::without_file(&Environment::default(), &Overrides::default())
    }

    /// The configuration as it would be written in the file, secrets replaced by `***`.
    pub fn printed(&self) -> toml::Table {
        print::table(self)
    }
}

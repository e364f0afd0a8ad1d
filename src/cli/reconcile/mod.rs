//! `farebox reconcile`: the ledger beside the provider's own usage and costs, by model and day, and
//! the part of the bill that never passed Farebox.
//!
//! `remote` asks the provider, `openai`, `anthropic` and `openrouter` read what it says, `ledger`
//! reads the admin API, `span` says which time is compared, `compare` compares, `report` prints.
//!
//! Invariants: both sides are read over the same span; amounts are compared exactly; nothing is
//! changed on either side; the key that reads the provider's reports is never printed.

mod amount;
mod anthropic;
mod compare;
mod figures;
mod ledger;
mod number;
mod openai;
mod openrouter;
mod percent;
mod remote;
mod report;
mod source;
mod span;

use super::client::{Client, Remote};
use super::{Console, Exit, Failure};
use crate::clock::Clock;
use compare::Comparison;
use percent::Tolerance;
use source::Source;
use span::Span;

/// Compare the ledger with the provider's own figures.
#[derive(Debug, clap::Args)]
pub struct Reconcile {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// Whose bill
    #[arg(long, value_name = "NAME")]
    provider: Source,
    /// What the provider is called in the configuration, if not the same; may be repeated
    #[arg(long, value_name = "NAME")]
    ledger_provider: Vec<String>,
    /// Where the provider's API is, as its SDK would be told [default: its public address]
    #[arg(long, value_name = "URL")]
    provider_url: Option<String>,
    /// From when: 24h, 7d, or a time
    #[arg(long, value_name = "WHEN", default_value = "24h", allow_hyphen_values = true)]
    since: String,
    /// Until when [default: now]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    until: Option<String>,
    /// The difference, in per cent of the provider's figure, up to which the exit status is 0
    #[arg(long, value_name = "PERCENT", default_value = "0.5", allow_hyphen_values = true)]
    tolerance: Tolerance,
}

impl Reconcile {
    /// Compares and prints; ends with 3 if the difference is beyond the tolerance.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let now = Clock::system().now();
        let span = Span::read(&self.since, self.until.as_deref(), now, self.provider.days())?;
        let client = Client::open(&self.remote, console.flags.verbose)?;
        let url = self.provider_url.as_deref().unwrap_or(self.provider.public_url());
        let remote = remote::Remote::open(self.provider, url, console.flags.verbose)?;
        let mut figures = figures::Figures::default();
        let own = vec![self.provider.name().to_owned()];
        let names = if self.ledger_provider.is_empty() { &own } else { &self.ledger_provider };
        for name in names {
            ledger::read(&client, name, &span, &mut figures).await?;
        }
        match self.provider {
            Source::OpenAi => openai::read(&remote, &span, &mut figures).await?,
            Source::Anthropic => anthropic::read(&remote, &span, &mut figures).await?,
            Source::OpenRouter => openrouter::read(&remote, &span, &mut figures).await?,
        }
        let comparison = Comparison::of(&figures, self.provider.told());
        report::print(console, self.provider, &span, &comparison, self.tolerance)?;
        if comparison.within(self.tolerance) {
            return Ok(());
        }
        let message =
            format!("ledger and {} differ by more than {} %", self.provider.name(), self.tolerance);
        Err(Failure::new(Exit::Broken, message))
    }
}

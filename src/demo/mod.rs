//! The demonstration: a simulated provider, users with budgets, and their traffic; at the end the
//! provider's bill beside the ledger. Tests and benchmarks use the same provider.
//!
//! Nothing here is on the path of a real call. The ledger that it is given must be empty.

pub mod provider;
mod screen;
pub mod traffic;
mod verdict;

pub use verdict::{Pair, Verdict};

use crate::clock::Stopwatch;
use crate::ids::{AccountId, Id};
use crate::ledger::{Enforcement, KeyFacts, NewAccount, Reach, Registry, RegistryError};
use crate::limit::{Limit, Meter};
use crate::money::NanoUsd;
use crate::secret::{self, SecretDigest};
use crate::usage::Usage;
use provider::Simulated;
use screen::{Row, Screen};
use secrecy::{ExposeSecret, SecretString};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use traffic::{PLAYERS, Player, Rider, Traffic, WORKSPACES};

/// How often the figures are drawn.
const REDRAW: Duration = Duration::from_secs(1);

/// How long answers in flight get at the end.
const QUIET_LIMIT: Duration = Duration::from_secs(30);

/// The user whose key is printed for a first call by hand.
const VISITOR: Player = Player {
    id: "you",
    name: "You",
    workspace: "default",
    limits: &["1usd/day"],
    enforcement: Enforcement::Balanced,
    pace: Duration::ZERO,
    hands: 0,
    tunes: &[],
    brisk: 0,
};

/// What a demonstration runs on.
pub struct Parts<P> {
    /// The data listener: `http://127.0.0.1:8080`.
    pub data_url: String,
    /// What opens the dashboard, once.
    pub dashboard_url: String,
    /// The ledger's administration.
    pub registry: Arc<dyn Registry>,
    /// What the proxy forwards to.
    pub simulated: Simulated,
    /// What a usage costs: model, usage, tier.
    pub price: P,
    /// After so many calls it stops by itself.
    pub calls: Option<u64>,
    /// `NO_COLOR` is set.
    pub no_colour: bool,
    /// Where the greeting goes: to stdout, or to stderr where stdout is for JSON.
    pub greet: fn(&str),
}

/// Runs until `stop` or until all calls were made, then compares.
pub async fn run<P>(
    parts: Parts<P>,
    stop: impl Future<Output = ()>,
) -> Result<Verdict, RegistryError>
where
    P: Fn(&str, &Usage, &str) -> NanoUsd,
{
    let registry = &*parts.registry;
    for (id, name) in WORKSPACES {
        found(registry, id, name).await?;
    }
    let visitor = enrol(registry, VISITOR).await?;
    let mut riders = Vec::with_capacity(PLAYERS.len());
    for player in PLAYERS {
        riders.push(enrol(registry, player).await?);
    }
    (parts.greet)(&greeting(&parts.data_url, &parts.dashboard_url, &visitor.key));
    let mut traffic = Traffic::start(&parts.data_url, &riders, parts.calls);
    let shown: Vec<_> = [&visitor].into_iter().chain(&riders).cloned().collect();
    tokio::select! {
        () = stop => {}
        () = traffic.ended() => {}
        failed = watch(registry, &shown, Screen::new(parts.no_colour)) => failed?,
    }
    traffic.stop().await;
    parts.simulated.bill().quiet(QUIET_LIMIT).await;
    let mut verdict = Verdict::reach(parts.simulated.bill(), registry, &parts.price).await?;
    for counts in riders.iter().map(|rider| rider.tally.counts()) {
        verdict.refused += counts.refused;
        verdict.failed += counts.failed;
    }
    Ok(verdict)
}

fn broken(why: impl std::fmt::Display) -> RegistryError {
    RegistryError::Unavailable(crate::ledger::Unavailable(why.to_string()))
}

/// Creates a workspace.
async fn found(registry: &dyn Registry, id: &str, name: &str) -> Result<(), RegistryError> {
    let workspace = NewAccount {
        id: AccountId::workspace(&id.parse().map_err(broken)?),
        name: name.to_owned(),
        workspace: None,
        limits: Some(Vec::new()),
        thresholds: None,
        enforcement: None,
        key: None,
    };
    registry.create(&workspace).await.map(|_| ())
}

/// Creates the player's user and a key of it.
async fn enrol(registry: &dyn Registry, player: Player) -> Result<Rider, RegistryError> {
    let user: Id = player.id.parse().map_err(broken)?;
    let workspace: Id = player.workspace.parse().map_err(broken)?;
    let limits: Result<Vec<Limit>, _> = player.limits.iter().map(|text| text.parse()).collect();
    let account = NewAccount {
        id: AccountId::user(&user),
        name: player.name.to_owned(),
        workspace: Some(workspace),
        limits: Some(limits.map_err(broken)?),
        thresholds: None,
        enforcement: Some(player.enforcement),
        key: None,
    };
    registry.create(&account).await?;
    let key = secret::new_user_key();
    let digest = SecretDigest::of(key.expose_secret());
    let id = digest.key_id().ok_or_else(|| broken("a key has no id"))?;
    let facts = KeyFacts {
        digest,
        user,
        label: secret::label(key.expose_secret()),
        models: Vec::new(),
        expires: None,
        reach: Reach::default(),
    };
    let name = format!("demo key of {}", player.id);
    let limits = Some(Vec::new());
    let key_account = NewAccount {
        id: AccountId::key(&id),
        name,
        limits,
        enforcement: None,
        key: Some(facts),
        ..account
    };
    registry.create(&key_account).await?;
    Ok(Rider { player, key, tally: Arc::default() })
}

fn greeting(data_url: &str, dashboard_url: &str, key: &SecretString) -> String {
    let key = key.expose_secret();
    format!(
        "Dashboard   {dashboard_url}   (opens once)\n\
         API         {data_url}/v1\n\
         Key         {key}   (user `you`, 1 usd/day)\n\
         \n\
         Try it:\n\
         \x20 curl {data_url}/v1/chat/completions -H 'Authorization: Bearer {key}' \\\n\
         \x20   -H 'Content-Type: application/json' \\\n\
         \x20   -d '{{\"model\":\"gpt-5\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n"
    )
}

/// Draws the figures for as long as the ledger can be read.
async fn watch(
    registry: &dyn Registry,
    riders: &[Rider],
    mut screen: Screen,
) -> Result<(), RegistryError> {
    let since = Stopwatch::start();
    let mut ticks = tokio::time::interval(REDRAW);
    loop {
        ticks.tick().await;
        let mut rows = Vec::with_capacity(riders.len());
        for rider in riders {
            rows.push(row(registry, rider).await?);
        }
        screen.draw(since.elapsed().as_secs(), &rows);
    }
}

async fn row(registry: &dyn Registry, rider: &Rider) -> Result<Row, RegistryError> {
    let (user, counts) = (rider.player.id.to_owned(), rider.tally.counts());
    let mut row = Row { user, spent: NanoUsd::ZERO, limit: None, counts };
    let Ok(id) = rider.player.id.parse::<Id>() else { return Ok(row) };
    let Some(account) = registry.account(&AccountId::user(&id)).await? else { return Ok(row) };
    let budget = account.standings.iter().find(|standing| standing.limit.meter == Meter::Usd);
    row.spent = budget.map_or(account.month_usd, |budget| NanoUsd::new(budget.used));
    row.limit = budget.map(|budget| NanoUsd::new(budget.allowed()));
    Ok(row)
}

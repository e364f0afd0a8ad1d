//! `farebox migrate`: what versions added to the ledger, and the way back.

use super::serve::ServeArgs;
use super::table::{Cell, Table};
use super::{Console, Exit, Failure};
use crate::config::Config;
use crate::ledger::{EmbeddedLedger, MIGRATIONS, Migrated, OpenError, RedisLedger};
use clap::{Args, ValueEnum};
use secrecy::ExposeSecret;
use serde_json::json;

/// Show what versions added to the ledger, add it, or take the last of it back.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Which way; without one, only show
    #[arg(value_enum)]
    pub way: Option<Way>,
    /// Where the configuration comes from
    #[command(flatten)]
    pub from: ServeArgs,
}

/// Which way.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Way {
    /// Add what this version adds, as its start does
    Up,
    /// Take the last of it back; no proxy of this version may run
    Down,
}

impl Migrate {
    /// Runs the verb.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let config = self.from.load();
        let config = config.map_err(|why| Failure::new(Exit::Config, why.to_string()))?;
        let before = found(&config).await?;
        match self.way {
            None => {}
            Some(_) if before.applied > MIGRATIONS.len() => {
                let message = "a newer version was at work here, whose migrations are not known";
                return Err(Failure::new(Exit::Conflict, message).hint("use that version"));
            }
            Some(Way::Up) => migrate(&config, MIGRATIONS.len()).await?,
            Some(Way::Down) => down(&config, &before, console).await?,
        }
        let now = found(&config).await?;
        let steps: Vec<_> = MIGRATIONS
            .iter()
            .enumerate()
            .map(|(n, step)| json!({"name": step.name, "adds": step.adds, "applied": n < now.applied}))
            .collect();
        if console.flags.json {
            return console.json(&json!({"schema": now.schema, "migrations": steps}));
        }
        match &now.schema {
            Some(schema) => console.line(&format!("schema {schema}"))?,
            None => console.line("there is no ledger yet; the first start makes one")?,
        }
        let mut table = Table::new(&["MIGRATION", "APPLIED", "ADDS"]);
        for (n, step) in MIGRATIONS.iter().enumerate() {
            let applied = if n < now.applied { "yes" } else { "no" };
            table.row([Cell::text(step.name), Cell::text(applied), Cell::text(step.adds)]);
        }
        console.table(&table)
    }
}

async fn down(config: &Config, before: &Migrated, console: &mut Console) -> Result<(), Failure> {
    let last = before.applied.checked_sub(1).and_then(|n| Some((n, MIGRATIONS.get(n)?)));
    let Some((to, step)) = last else {
        return Err(Failure::new(Exit::Conflict, "there is no migration to take back"));
    };
    console.confirm(&format!("this deletes the {}", step.adds), step.name)?;
    migrate(config, to).await
}

async fn found(config: &Config) -> Result<Migrated, Failure> {
    match &config.redis_url {
        Some(url) => RedisLedger::migrations(url.expose_secret()).await,
        None => EmbeddedLedger::migrations(&config.data_dir.join("ledger")),
    }
    .map_err(away)
}

async fn migrate(config: &Config, to: usize) -> Result<(), Failure> {
    match &config.redis_url {
        Some(url) => RedisLedger::migrate(url.expose_secret(), to).await,
        None => EmbeddedLedger::migrate(&config.data_dir.join("ledger"), to),
    }
    .map_err(away)
}

fn away(why: OpenError) -> Failure {
    Failure::new(Exit::Unavailable, why.to_string())
}

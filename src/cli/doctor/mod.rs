//! `farebox doctor`: looks at what a proxy runs on, and says of each fault what to do about it.
//!
//! One file for each part of the surroundings; `finding` prints. Reads only: nothing is created or
//! changed, and providers are asked only with `--ask`.

mod admin;
mod alerts;
mod ask;
mod configuration;
mod finding;
mod machine;
mod providers;
mod proxy;
mod redis;

pub(super) use providers::keyless;

use super::serve::ServeArgs;
use super::{Console, Exit, Failure};
use crate::config::Config;
use clap::Args;
use finding::{Finding, Group, Status, count};
use secrecy::ExposeSecret;
use std::io::Write;

/// Check what a proxy runs on: files, Redis, tokens, prices, the proxy itself.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Where the admin API listens (default: where the configuration says)
    #[arg(long, value_name = "URL", env = "FAREBOX_ADMIN_URL")]
    pub admin_url: Option<String>,
    /// Ask each provider whether it accepts each credential
    #[arg(long)]
    pub ask: bool,
    /// Where the configuration comes from
    #[command(flatten)]
    pub from: ServeArgs,
}

impl Doctor {
    /// Runs all checks. Exit status 3 if one fails, 78 if the configuration cannot be used.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let config = match self.from.load() {
            Ok(config) => config,
            Err(why) => {
                let hint = "`farebox config print --annotated` says where values come from";
                let finding = Group::Configuration.failed("file", why.to_string(), hint);
                print(console, &[finding])?;
                let message = "nothing else was checked: the configuration cannot be used";
                return Err(Failure::new(Exit::Config, message));
            }
        };
        let findings = self.findings(&config).await?;
        print(console, &findings)?;
        match count(&findings, Status::Failed) {
            0 => Ok(()),
            1 => Err(Failure::new(Exit::Broken, "1 check failed")),
            failed => Err(Failure::new(Exit::Broken, format!("{failed} checks failed"))),
        }
    }

    async fn findings(&self, config: &Config) -> Result<Vec<Finding>, Failure> {
        let mut findings = vec![configuration::file(self.from.config.as_ref())];
        findings.extend(configuration::prices(config));
        findings.extend(configuration::tls(config));
        findings.extend(admin::check(config));
        match &config.redis_url {
            Some(url) => findings.extend(redis::check(url.expose_secret()).await),
            None => findings.push(embedded(config)),
        }
        findings.extend(machine::check(config));
        findings.extend(providers::check(config));
        if self.ask {
            findings.extend(ask::check(config).await?);
        }
        let url = self.admin_url.as_deref().filter(|url| !url.is_empty());
        let url =
            url.map_or_else(|| proxy::address(config), |url| url.trim_end_matches('/').to_owned());
        findings.extend(proxy::check(config, url).await?);
        Ok(findings)
    }
}

fn embedded(config: &Config) -> Finding {
    let place = config.data_dir.join("ledger");
    Group::Ledger.ok("embedded", format!("embedded, in {}, for one proxy", place.display()))
}

fn print(console: &mut Console, findings: &[Finding]) -> Result<(), Failure> {
    if console.flags.json {
        return console.json(&finding::object(findings));
    }
    write!(console.out, "{}", finding::written(findings, console.colour))?;
    Ok(console.out.flush()?)
}

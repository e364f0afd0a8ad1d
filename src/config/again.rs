//! What a running proxy can take of another configuration, and in what two of them differ.
//!
//! Invariant: what is not listed here as bound to the start can be taken; listeners, ledger and the
//! operator's token cannot. Differences name settings, never values, so no secret is in them.

use super::{Config, ServerBounds};
use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

impl Config {
    /// `new`, with what only a restart can change as it is here.
    #[must_use]
    pub fn taking(&self, new: &Self) -> Self {
        let old = self.clone();
        Self {
            listen: old.listen,
            admin_listen: old.admin_listen,
            tls: old.tls,
            redis_url: old.redis_url,
            data_dir: old.data_dir,
            lease: old.lease,
            on_lost_hold: old.on_lost_hold,
            timezone: old.timezone,
            calendar: old.calendar,
            mode: old.mode,
            user_limits: old.user_limits,
            thresholds: old.thresholds,
            admin_token: old.admin_token,
            protection: old.protection,
            record: old.record,
            retention_days: old.retention_days,
            snapshots: old.snapshots,
            reports: old.reports.clone(),
            sums: old.sums,
            metrics_per_user: old.metrics_per_user,
            providers: new.providers.keeping(&old.providers),
            server: ServerBounds {
                handshake: old.server.handshake,
                header: old.server.header,
                write_stall: old.server.write_stall,
                stop: old.server.stop,
                connections: old.server.connections,
                ..new.server.clone()
            },
            ..new.clone()
        }
    }

    /// The settings in which `other` differs, by their places in the file, in order.
    pub fn differences(&self, other: &Self) -> BTreeSet<String> {
        let (mut mine, mut theirs) = (BTreeMap::new(), BTreeMap::new());
        flatten("", &self.printed(), &mut mine);
        flatten("", &other.printed(), &mut theirs);
        let places = mine.keys().chain(theirs.keys());
        let mut differing: BTreeSet<String> =
            places.filter(|place| mine.get(*place) != theirs.get(*place)).cloned().collect();
        let mut secret = |differs: bool, place: &str| {
            if differs {
                differing.insert(place.to_owned());
            }
        };
        secret(!same(self.redis_url.as_ref(), other.redis_url.as_ref()), "ledger.redis_url");
        secret(!same(self.admin_token.as_ref(), other.admin_token.as_ref()), "admin.token");
        let (mine, theirs) = (&self.alerts.channels, &other.alerts.channels);
        let alike =
            mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(a, b)| a.is_same(b));
        secret(!alike, "alerts.channels");
        for provider in self.providers.iter() {
            let Some(theirs) = other.providers.get(&provider.name) else { continue };
            let mut pairs = provider.credentials.iter().zip(&theirs.credentials);
            let differs = pairs.any(|(a, b)| !same(Some(&a.secret), Some(&b.secret)));
            secret(differs, &format!("providers.{}.credentials", provider.name));
        }
        differing
    }
}

fn same(one: Option<&SecretString>, other: Option<&SecretString>) -> bool {
    one.map(|text| text.expose_secret()) == other.map(|text| text.expose_secret())
}

/// Every setting by its place; lists are one setting.
fn flatten(above: &str, table: &Table, into: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let place = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value {
            Value::Table(inner) => flatten(&place, inner, into),
            value => {
                into.insert(place, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Overrides};

    fn config(text: &str) -> Config {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("farebox.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&file), &Environment::default(), &Overrides::default()).unwrap()
    }

    #[test]
    fn what_a_restart_needs_stays_and_is_named() {
        let key = |key: &str| {
            format!(
                "[providers.openai]\n[[providers.openai.credentials]]\nname = 'a'\n\
                 api_key = '{key}'\n"
            )
        };
        let old = config(&key("sk-old"));
        let new = config(&format!(
            "listen = '127.0.0.1:9'\npricing = 'p.toml'\n{}[admin]\ntoken = '{}'\nrequests_per_minute = 9\n[ledger]\n\
             lease_seconds = 9\n[server]\nstop_seconds = 9\nbody_seconds = 9\n[enforcement]\n\
             unpriced_model = 'free'\nmode = 'strict'\n",
            key("sk-new"),
            "t".repeat(16),
        ));
        let taken = old.taking(&new);
        let names = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(
            names(old.differences(&taken)),
            "enforcement.unpriced_model pricing providers.openai.credentials server.body_seconds"
        );
        assert_eq!(
            names(taken.differences(&new)),
            "admin.requests_per_minute admin.token enforcement.mode ledger.lease_seconds listen server.stop_seconds"
        );
        assert_eq!(names(new.differences(&new)), "");
    }
}

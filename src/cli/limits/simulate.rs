//! `farebox limits simulate`: past calls, replayed against other limits.
//!
//! The calls come from the admin API, page by page. What is decided about them is decided by the
//! rules of the ledger; here are only the question and the answer.

use super::past::{MOST_CALLS, Past};
use super::verdict::{self, Verdict};
use crate::cli::args::{self, Mode};
use crate::cli::client::{Client, encoded};
use crate::cli::{Console, Exit, Failure};
use crate::clock::{UnixMs, rfc3339};
use crate::ids::{AccountId, Id};
use crate::ledger::{Frame, RegistryError, Replay};
use crate::limit::{Calendar, Limit};
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;

const PAGE: &str = "200";

/// Replay past calls against other limits.
#[derive(Debug, Args)]
pub struct Simulate {
    /// In which accounts: user:ID, key:ID or workspace:ID; absent: in every user that made calls
    #[arg(value_name = "ACCOUNT", value_parser = args::account)]
    accounts: Vec<AccountId>,
    /// The same as user:ID; may be repeated
    #[arg(long = "user", value_name = "ID", value_parser = args::id)]
    users: Vec<Id>,
    /// A limit to try, such as 20usd/day, in each account; may be repeated
    #[arg(long = "limit", value_name = "LIMIT", allow_hyphen_values = true,
          value_parser = args::limit)]
    limits: Vec<Limit>,
    /// Try the account's own !observe limits too, as if they refused
    #[arg(long)]
    enforce_observed: bool,
    /// From when: 7d, 24h, or a time
    #[arg(long, value_name = "WHEN", default_value = "7d", allow_hyphen_values = true,
          value_parser = args::past)]
    since: UnixMs,
    /// How strictly: strict and balanced hold what was held, postpaid nothing
    #[arg(long, value_name = "MODE", default_value = "balanced")]
    mode: Mode,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// The limits to try.
struct Tried {
    /// In each account.
    given: Vec<Limit>,
    /// Those with `!observe` that accounts have.
    own: BTreeMap<AccountId, Vec<Limit>>,
}

impl Simulate {
    /// Runs the verb.
    pub(super) async fn run(self, client: &Client, console: &mut Console) -> Result<(), Failure> {
        if self.limits.is_empty() && !self.enforce_observed {
            return Err(Failure::new(Exit::Usage, "there is no limit to try")
                .hint("add --limit 20usd/day, or --enforce-observed for the accounts' own"));
        }
        let refused = |why: RegistryError| Failure::new(Exit::Usage, why.to_string());
        Replay::check(&self.limits).map_err(refused)?;
        let asked = self.asked();
        let tried = self.tried(client, &asked).await?;
        let zone = client.get("/api/v1/ledger", &[]).await?;
        let zone = zone["timezone"].as_str().unwrap_or_default();
        let calendar = Calendar::named(zone).ok_or_else(|| {
            Failure::new(Exit::Failed, format!("the time zone `{zone}` is not known here"))
        })?;
        let frame = Frame::of(calendar, tried.all(), self.since);
        let mut past = Past::of(&asked);
        read(client, &asked, frame.begin, &mut past).await?;
        let mut verdicts = Vec::new();
        for (account, calls) in past.replays() {
            let limits = tried.of(account);
            let replay = Replay::new(account, limits, self.mode.into(), frame.clone());
            let replay = replay.map_err(refused)?;
            let found = Verdict::of(account, replay, calls, self.since);
            if found.calls > 0 || !asked.is_empty() {
                verdicts.push(found);
            }
        }
        verdict::sort(&mut verdicts);
        self.print(console, &verdicts, frame.begin)
    }

    fn print(
        &self,
        console: &mut Console,
        verdicts: &[Verdict],
        from: UnixMs,
    ) -> Result<(), Failure> {
        if console.flags.json {
            return console.json(&verdict::objects(verdicts));
        }
        if self.csv {
            return verdict::sheet(verdicts).iter().try_for_each(|line| console.line(line));
        }
        if verdicts.is_empty() {
            console.hint("no calls were settled in that time");
        }
        let (since, from) = (rfc3339(self.since), rfc3339(from));
        console.hint(&format!("calls since {since}; what is used is counted from {from} on"));
        console.table(&verdict::table(verdicts))
    }

    /// The accounts that are named, each once.
    fn asked(&self) -> Vec<AccountId> {
        let users = self.users.iter().map(AccountId::user);
        let mut asked: Vec<_> = self.accounts.iter().cloned().chain(users).collect();
        asked.sort();
        asked.dedup();
        asked
    }

    /// The limits to try. Accounts that are named have to exist.
    async fn tried(&self, client: &Client, asked: &[AccountId]) -> Result<Tried, Failure> {
        let enforced =
            |limit: Limit| Limit { observe: limit.observe && !self.enforce_observed, ..limit };
        let given = self.limits.iter().copied().map(enforced).collect();
        let mut own = BTreeMap::new();
        let mut add = |account: AccountId, limits: &Value| {
            let limits = limits.as_array().into_iter().flatten();
            let texts = limits.filter_map(|limit| limit["text"].as_str()?.parse().ok());
            let observed = texts.filter(|limit: &Limit| limit.observe).map(enforced);
            own.insert(account, observed.collect());
        };
        for account in asked {
            let path = format!("/api/v1/limits/{}", encoded(&account.to_string()));
            let found = client.get(&path, &[]).await?;
            if self.enforce_observed {
                add(account.clone(), &found["limits"]);
            }
        }
        if asked.is_empty() && self.enforce_observed {
            for user in client.all("/api/v1/users", &[]).await? {
                if let Some(id) = user["id"].as_str().and_then(|id| id.parse().ok()) {
                    add(AccountId::user(&id), &user["limits"]);
                }
            }
        }
        Ok(Tried { given, own })
    }
}

impl Tried {
    /// Those of one account: what is given, and its own for anything else.
    fn of(&self, account: &AccountId) -> Vec<Limit> {
        let names: Vec<String> = self.given.iter().map(Limit::name).collect();
        let own = self.own.get(account).into_iter().flatten();
        let other = own.filter(|limit| !names.contains(&limit.name()));
        self.given.iter().chain(other).copied().collect()
    }

    /// Those of all accounts.
    fn all(&self) -> impl Iterator<Item = &Limit> {
        self.given.iter().chain(self.own.values().flatten())
    }
}

/// Reads the calls that were settled since `from`, newest first.
async fn read(
    client: &Client,
    asked: &[AccountId],
    from: UnixMs,
    past: &mut Past,
) -> Result<(), Failure> {
    let since = rfc3339(from);
    let only = |kind: &str| match asked {
        [one] if one.kind.as_str() == kind => Some(one.id.as_str()),
        _ => None,
    };
    let mut after: Option<String> = None;
    loop {
        let query = [
            ("since", Some(since.as_str())),
            ("user", only("user")),
            ("key", only("key")),
            ("workspace", only("workspace")),
            ("limit", Some(PAGE)),
            ("after", after.as_deref()),
        ];
        let page = client.get("/api/v1/requests", &query).await?;
        for event in page["data"].as_array().into_iter().flatten() {
            if !past.add(event) {
                let message = format!("more than {MOST_CALLS} calls were settled since {since}");
                return Err(Failure::new(Exit::Failed, message)
                    .hint("ask for fewer accounts, a later --since, or a shorter window"));
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

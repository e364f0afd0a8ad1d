//! `farebox limits`: limits of any account.

mod past;
mod simulate;
mod verdict;

use super::args;
use super::client::{Client, encoded};
use super::console::Console;
use super::failure::Failure;
use super::show;
use crate::ids::AccountId;
use crate::limit::{Increase, Limit};
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

/// What to do with limits.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Set limits; those for other meters and windows stay: limits set user:alice 50usd/month
    Set {
        /// user:ID, key:ID, workspace:ID or credential:ID
        #[arg(value_parser = args::account)]
        account: AccountId,
        /// Limits such as 25usd/month
        #[arg(value_name = "LIMIT", value_parser = args::limit)]
        given: Vec<Limit>,
        /// A limit too; may be repeated
        #[arg(long = "limit", value_name = "LIMIT", allow_hyphen_values = true,
              value_parser = args::limit)]
        more: Vec<Limit>,
        /// Remove the limit of that name, such as usd/month; may be repeated
        #[arg(long, value_name = "NAME")]
        remove: Vec<String>,
        /// Remove every limit that is not given
        #[arg(long)]
        only: bool,
    },
    /// Show limits and what is used of them
    Show {
        /// user:ID, key:ID, workspace:ID or credential:ID
        #[arg(value_parser = args::account)]
        account: AccountId,
    },
    /// Raise a limit for a while: limits bump user:alice +10usd --for 2h
    Bump {
        /// user:ID, key:ID, workspace:ID or credential:ID
        #[arg(value_parser = args::account)]
        account: AccountId,
        /// By how much, such as +10usd, or +10usd/month where there are several; 0usd ends it
        #[arg(allow_hyphen_values = true, value_parser = args::increase)]
        amount: Increase,
        /// Until a time such as 2026-12-01T00:00:00Z; without it, until the period ends
        #[arg(long, value_name = "TIME", conflicts_with = "span")]
        until: Option<String>,
        /// For a length of time such as 2h
        #[arg(long = "for", id = "span", value_name = "SPAN")]
        span: Option<String>,
    },
    /// Zero what is used in the current period; running calls still count
    Reset {
        /// user:ID, key:ID, workspace:ID or credential:ID
        #[arg(value_parser = args::account)]
        account: AccountId,
        /// Only the limit of that name, such as usd/month
        #[arg(long, value_name = "NAME")]
        limit: Option<String>,
    },
    /// Replay past calls against other limits: who would have been refused?
    Simulate(simulate::Simulate),
}

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::Set { account, mut given, more, remove, only } => {
            given.extend(more);
            set(client, console, &account, &Wish { given, remove, only }).await
        }
        Action::Show { account } => {
            let limits = current(client, &account).await?;
            if console.flags.json {
                return console.json(&limits.into());
            }
            if limits.is_empty() {
                console.hint(&format!("no limits: farebox limits set {account} 25usd/month"));
            }
            console.table(&show::limits(&limits))
        }
        Action::Bump { account, amount, until, span } => {
            let end = until.map(|at| ("until", at)).or(span.map(|span| ("for", span)));
            bump(client, console, &account, &amount, end).await
        }
        Action::Reset { account, limit } => {
            reset(client, console, &account, limit.as_deref()).await
        }
        Action::Simulate(simulate) => simulate.run(client, console).await,
    }
}

/// What the limits are to be.
struct Wish {
    given: Vec<Limit>,
    remove: Vec<String>,
    only: bool,
}

impl Wish {
    /// Refuses two limits for the same.
    fn check(&self) -> Result<(), Failure> {
        for (i, new) in self.given.iter().enumerate() {
            let name = new.name();
            if let Some(old) = self.given.iter().take(i).find(|old| old.name() == name) {
                let message = format!("`{old}` and `{new}` are two limits for {name}; give one");
                return Err(refused(message));
            }
        }
        Ok(())
    }

    /// The limits that result, and a line for each change.
    fn over(&self, before: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
        let mut after = Vec::new();
        let mut lines = Vec::new();
        let mut known = Vec::new();
        for text in before {
            let old = args::limit(text).map_err(refused)?;
            known.push(old.name());
            let new = self.given.iter().find(|limit| limit.name() == old.name());
            let gone = self.only || self.remove.contains(&old.name());
            match new {
                Some(new) => {
                    lines.push(format!("{old} → {new}"));
                    after.push(new.to_string());
                }
                None if gone => lines.push(format!("{old} → none")),
                None => after.push(text.clone()),
            }
        }
        if let Some(name) = self.remove.iter().find(|name| !known.contains(name)) {
            return Err(refused(format!(
                "there is no limit `{name}`; there is: {}",
                known.join(", ")
            )));
        }
        for new in self.given.iter().filter(|limit| !known.contains(&limit.name())) {
            lines.push(format!("none → {new}"));
            after.push(new.to_string());
        }
        Ok((after, lines))
    }
}

fn refused(message: String) -> Failure {
    Failure::new(super::Exit::Usage, message)
}

fn path(account: &AccountId) -> String {
    format!("/api/v1/limits/{}", encoded(&account.to_string()))
}

async fn current(client: &Client, account: &AccountId) -> Result<Vec<Value>, Failure> {
    let mut found = client.get(&path(account), &[]).await?;
    Ok(match found["limits"].take() {
        Value::Array(limits) => limits,
        _ => Vec::new(),
    })
}

async fn set(
    client: &Client,
    console: &mut Console,
    account: &AccountId,
    wish: &Wish,
) -> Result<(), Failure> {
    if wish.given.is_empty() && wish.remove.is_empty() && !wish.only {
        let message = "say which limits: farebox limits set user:alice 25usd/month".to_owned();
        return Err(refused(message));
    }
    wish.check()?;
    let before = current(client, account).await?;
    let texts: Vec<String> =
        before.iter().filter_map(|limit| limit["text"].as_str().map(str::to_owned)).collect();
    let (after, lines) = wish.over(&texts)?;
    let answer = client.send(Method::PUT, &path(account), &json!({"limits": after})).await?;
    if console.flags.json {
        return console.json(&answer["limits"]);
    }
    for line in lines {
        console.line(&format!("{account}  {line}"))?;
    }
    Ok(())
}

async fn bump(
    client: &Client,
    console: &mut Console,
    account: &AccountId,
    amount: &Increase,
    end: Option<(&str, String)>,
) -> Result<(), Failure> {
    let before = current(client, account).await?;
    let mut body = json!({"amount": amount.to_string()});
    if let Some((name, text)) = end {
        body[name] = text.into();
    }
    let mut answer = client.send(Method::POST, &format!("{}/bump", path(account)), &body).await?;
    let limits = answer["limits"].take();
    if console.flags.json {
        return console.json(&limits);
    }
    for after in limits.as_array().into_iter().flatten() {
        let old = before.iter().find(|limit| limit["text"] == after["text"]);
        if let Some(old) = old.filter(|old| old["bump"] != after["bump"]) {
            console.line(&format!("{account}  {} → {}", show::limit(old), show::limit(after)))?;
        }
    }
    Ok(())
}

async fn reset(
    client: &Client,
    console: &mut Console,
    account: &AccountId,
    limit: Option<&str>,
) -> Result<(), Failure> {
    console.confirm(&format!("this zeroes what {account} used"), &account.to_string())?;
    let mut body = json!({"account": account});
    if let Some(name) = limit {
        body["limit"] = name.into();
    }
    let mut answer = client.send(Method::POST, "/api/quota/reset", &body).await?;
    let changed = answer["data"].take();
    if console.flags.json {
        return console.json(&changed);
    }
    let used = |list: &Value, i: usize| list[i]["used"].clone();
    for (i, limit) in changed["after"].as_array().into_iter().flatten().enumerate() {
        let (before, after) = (used(&changed["before"], i), used(&changed["after"], i));
        if before != after {
            let text = limit["text"].as_str().unwrap_or_default();
            let plain = |value: Value| value.to_string().trim_matches('"').to_owned();
            console.line(&format!(
                "{account}  {text}: used {} → {}",
                plain(before),
                plain(after)
            ))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_other_meters_stay_unless_asked_otherwise() {
        let before = ["25 usd/month".to_owned(), "60 requests/minute !observe".to_owned()];
        let given = vec!["50usd/month".parse().unwrap(), "3concurrent".parse().unwrap()];
        let mut wish = Wish { given, remove: vec![], only: false };
        let (after, lines) = wish.over(&before).unwrap();
        assert_eq!(after, ["50 usd/month", "60 requests/minute !observe", "3 concurrent"]);
        assert_eq!(lines, ["25 usd/month → 50 usd/month", "none → 3 concurrent"]);
        wish.only = true;
        assert_eq!(wish.over(&before).unwrap().0, ["50 usd/month", "3 concurrent"]);
        wish.remove.push("usd/day".to_owned());
        assert!(wish.over(&before).unwrap_err().message.contains("usd/day"));
    }
}

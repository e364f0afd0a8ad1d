//! `farebox reload`: lets a running proxy read its configuration and prices again.

use super::client::{Client, Remote};
use super::console::Console;
use super::failure::{Exit, Failure};
use http::Method;
use serde_json::{Value, json};

/// Let a running proxy read its configuration and prices again.
#[derive(Debug, clap::Args)]
pub struct Reload {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
}

impl Reload {
    /// Runs the verb. A bad file changes nothing; the exit status is 78 then.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        let answer = client.send(Method::POST, "/api/v1/config/reload", &json!({})).await;
        let answer = answer.map_err(|failure| match failure.exit {
            Exit::Usage => Failure { exit: Exit::Config, ..failure },
            _ => failure,
        })?;
        if console.flags.json {
            return console.json(&answer);
        }
        console.line(&match names(&answer["changed"]).as_str() {
            "" => "reloaded; nothing has changed".to_owned(),
            names => format!("reloaded: {names}"),
        })?;
        match names(&answer["ignored"]).as_str() {
            "" => {}
            names => console.warn(&format!("needs a restart: {names}")),
        }
        Ok(())
    }
}

fn names(list: &Value) -> String {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.collect::<Vec<_>>().join(", ")
}

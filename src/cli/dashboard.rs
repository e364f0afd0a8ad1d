//! `farebox dashboard`: a link that signs one browser in, alone on standard output.

use super::client::{Client, Remote};
use super::console::Console;
use super::failure::Failure;
use super::table::field;
use http::Method;
use serde_json::json;

/// Print a link that opens the dashboard, once.
#[derive(Debug, clap::Args)]
pub struct Dashboard {
    /// Where the admin API is, which is where the dashboard is.
    #[command(flatten)]
    pub remote: Remote,
}

impl Dashboard {
    /// Runs the verb. The link has the rights of the token that it is asked for with.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        let made = client.send(Method::POST, "/api/v1/sign-in-links", &json!({})).await?;
        let (once, expires_at) = (field(&made, "once"), field(&made, "expires_at"));
        let link = format!("{}/login#once={once}", client.base());
        let shown = json!({"link": link, "expires_at": expires_at});
        console.either(&shown, |_| link)?;
        console.hint(&format!("it opens once, until {expires_at}"));
        Ok(())
    }
}

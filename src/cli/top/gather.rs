//! Asks the admin API again and again, beside whoever shows the answers.
//!
//! Invariants: one look at a time; a server that needs long for one is asked less often; the users
//! that are asked for are as many as are shown.

use super::figures::{Figures, Gauges, Notice, Spender, notices, pools, spenders};
use crate::cli::client::{Client, encoded};
use crate::cli::failure::{Exit, Failure};
use crate::cli::scrape::sum;
use crate::clock::{Clock, Stopwatch};
use crate::telemetry::names;
use http::StatusCode;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// A look may take this share of the time.
const SHARE: u32 = 4;

/// Alerts concern all accounts, so they are asked for less often.
const ALERTS_EVERY: Duration = Duration::from_secs(10);

/// What one look gave.
pub(super) type Look = Result<Figures, Failure>;

/// Looks every `every`; ends when nobody receives. `shown` spenders are asked for by name.
pub(super) fn start(client: Client, every: Duration, shown: usize) -> Receiver<Look> {
    let (sender, receiver) = channel(1);
    tokio::spawn(run(Gatherer { client, shown, refusals: None, notices: None }, every, sender));
    receiver
}

async fn run(mut gatherer: Gatherer, every: Duration, sender: Sender<Look>) {
    loop {
        let watch = Stopwatch::start();
        let look = gatherer.look().await;
        let pause = watch.elapsed().saturating_mul(SHARE).max(every);
        if sender.send(look).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

struct Gatherer {
    client: Client,
    shown: usize,
    /// How many calls were refused up to the last look, and when that was.
    refusals: Option<(f64, Stopwatch)>,
    /// The alerts, and when they were asked for.
    notices: Option<(Vec<Notice>, Stopwatch)>,
}

impl Gatherer {
    async fn look(&mut self) -> Look {
        let query = [("group_by", Some("user")), ("since", Some("60s"))];
        let usage = self.client.get("/api/v1/analytics/usage", &query).await?;
        let mut spenders = spenders(&usage["data"]);
        for spender in spenders.iter_mut().take(self.shown) {
            self.describe(spender).await?;
        }
        // A token that may see usage may not see everything.
        let credentials = match self.client.all("/api/v1/credentials", &[]).await {
            Err(failure) if failure.exit == Exit::Auth => Vec::new(),
            credentials => credentials?,
        };
        let (pools, notices) = (pools(&credentials), self.notices().await?);
        let gauges = self.gauges().await?;
        Ok(Figures { at: Clock::system().now(), spenders, pools, notices, gauges })
    }

    /// The alerts of the last seconds; none where they cannot be told.
    async fn notices(&mut self) -> Result<Vec<Notice>, Failure> {
        if let Some((known, watch)) = &self.notices
            && watch.elapsed() < ALERTS_EVERY
        {
            return Ok(known.clone());
        }
        let found = match self.client.get("/api/quota/notifications", &[]).await {
            Err(failure) if failure.exit == Exit::Unavailable => return Err(failure),
            Err(_) => Vec::new(),
            Ok(answer) => notices(&answer["data"]),
        };
        self.notices = Some((found.clone(), Stopwatch::start()));
        Ok(found)
    }

    /// The budget of a spender, unless the user is gone or the token may not see it.
    async fn describe(&self, spender: &mut Spender) -> Result<(), Failure> {
        let path = format!("/api/v1/users/{}", encoded(&spender.user));
        let mut user = match self.client.get(&path, &[]).await {
            Err(failure) if matches!(failure.exit, Exit::NotFound | Exit::Auth) => Value::Null,
            user => user?,
        };
        spender.quota = user["llm_quota"].take();
        spender.status = user["status"].take();
        Ok(())
    }

    async fn gauges(&mut self) -> Result<Gauges, Failure> {
        let (status, text) = self.client.text("/metrics").await?;
        if status != StatusCode::OK {
            return Ok(Gauges::default());
        }
        let refused = sum(&text, names::REFUSALS).unwrap_or(0.0);
        let before = self.refusals.replace((refused, Stopwatch::start()));
        let rate = before.map(|(before, watch)| {
            let seconds = watch.elapsed().as_secs_f64().max(0.001);
            (refused - before).max(0.0) / seconds
        });
        Ok(Gauges {
            streams: sum(&text, names::STREAMS),
            holds: sum(&text, names::HOLDS_OPEN),
            refusals_per_second: rate,
        })
    }
}

//! Reports on their way: the outbox of alerts carries them, so that each goes out once over all
//! proxies, with the retries, leases and ids of alerts.
//!
//! Not here: what a report says, and when one is due.

use super::alerting::Alerting;
use super::notice::{Digest, Notice, State, Subject};
use crate::ids::Id;
use crate::ledger::{NewAlert, Raised};
use crate::limit::Period;
use crate::money::NanoUsd;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// How many digits of a hash stand for a workspace.
const DIGITS: usize = 16;

/// For which report, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// The one of this period, once.
    Due(Period),
    /// Again, however often it was sent: somebody asks for it at this time.
    Asked(Period),
}

impl Alerting {
    /// The workspaces of which a kind of report is asked for; `None` among them is all together.
    pub fn report_workspaces(&self, kind: &str) -> BTreeSet<Option<Id>> {
        let all = self.directory.all();
        let asking = all.iter().filter(|listed| listed.channel.reports().contains(&kind));
        asking.map(|listed| listed.channel.workspace().cloned()).collect()
    }

    /// Whether a report is still to be sent.
    pub async fn report_is_due(
        &self,
        kind: &str,
        period: Period,
        workspace: Option<&Id>,
    ) -> Result<bool, String> {
        let marks = self.sources.outbox.marks(&[mark(kind, workspace, "due")]).await;
        let mark = marks.map_err(|why| why.to_string())?.into_iter().flatten().next();
        Ok(mark.is_none_or(|mark| mark.period < period))
    }

    /// Has a report sent to the channels that ask for it; which those are. Empty: there are none, or
    /// another proxy was faster.
    pub async fn report(
        &self,
        digest: Digest,
        sending: Sending,
        workspace: Option<Id>,
    ) -> Result<Vec<Id>, String> {
        let (word, period) = match sending {
            Sending::Due(period) => ("due", period),
            Sending::Asked(period) => ("asked", period),
        };
        let mark = mark(&digest.kind, workspace.as_ref(), word);
        let of = workspace.as_ref().map(hashed).unwrap_or_default();
        let id = format!("report-{}-{word}-{period}{of}", digest.kind);
        let notice = Notice {
            state: State::Triggered,
            subject: Subject::Report(Box::new(digest)),
            time: self.sources.clock.now(),
            workspace,
            provider: None,
            total_tokens: 0,
            cost: NanoUsd::ZERO,
            resets_at: None,
            link: None,
        };
        let channels = self.wanting(&notice);
        if channels.is_empty() {
            return Ok(Vec::new());
        }
        let alert = NewAlert {
            id: id.parse().map_err(|why| format!("{why}"))?,
            mark,
            period,
            arm: 0,
            ends: false,
            renotify_ms: 0,
            text: serde_json::to_string(&notice).map_err(|why| why.to_string())?,
            channels: channels.clone(),
        };
        let raised = self.sources.outbox.raise(&alert).await.map_err(|why| why.to_string())?;
        if raised == Raised::Not {
            return Ok(Vec::new());
        }
        self.due.notify_waiters();
        Ok(channels)
    }
}

/// The name of its mark; no account is called so.
fn mark(kind: &str, workspace: Option<&Id>, word: &str) -> String {
    format!("report|{kind}|{word}|{}", workspace.map(Id::as_str).unwrap_or_default())
}

fn hashed(workspace: &Id) -> String {
    let hash = Sha256::digest(workspace.as_str());
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("-{}", digits.get(..DIGITS).unwrap_or_default())
}

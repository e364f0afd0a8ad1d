//! Sends the reports that the configuration asks for, at its time of the ledger's day.
//!
//! Every proxy looks, and the outbox lets one of them send. Who was down at that time sends when it is
//! back, on the same day.

use super::Books;
use crate::alert::{Alerting, Sending};
use crate::clock::Clock;
use crate::config::{Config, ReportTerms};
use crate::control;
use crate::history::{ReportKind, Reports, due};
use crate::ids::Id;
use crate::limit::{Calendar, day_of};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(10);

/// What sends reports.
pub struct Mailing {
    reports: Reports,
    alerting: Arc<Alerting>,
    terms: ReportTerms,
    clock: Clock,
    calendar: Calendar,
}

/// Begins to send reports, where any are asked for.
pub(super) fn start(
    books: &Books,
    config: &Config,
    alerting: Arc<Alerting>,
    clock: Clock,
) -> Option<AbortHandle> {
    if config.reports.kinds.is_empty() {
        return None;
    }
    let mailing = Mailing::new(books.registry.clone(), config, alerting, clock);
    Some(tokio::spawn(mailing.run()).abort_handle())
}

impl Mailing {
    /// What sends reports over these.
    pub fn new(
        registry: Arc<dyn crate::ledger::Registry>,
        config: &Config,
        alerting: Arc<Alerting>,
        clock: Clock,
    ) -> Self {
        let calendar = config.calendar.clone();
        let reports = Reports::new(registry, calendar.clone(), clock.clone());
        Self { reports, alerting, terms: config.reports.clone(), clock, calendar }
    }

    async fn run(self) {
        let mut told = String::new();
        loop {
            let failed = self.look().await.err().unwrap_or_default();
            if !failed.is_empty() && failed != told {
                tracing::warn!(why = failed, "a report was not sent; it is tried again");
            }
            told = failed;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Sends what is due and was not sent; how many reports that were.
    pub async fn look(&self) -> Result<usize, String> {
        let now = self.clock.now();
        let offset = i64::from(self.calendar.offset_seconds(now));
        let second = now.div_euclid(1000).saturating_add(offset).rem_euclid(86_400);
        if second < i64::from(self.terms.minute).saturating_mul(60) {
            return Ok(0);
        }
        let today = self.calendar.date(now);
        let mut sent = 0;
        for kind in ReportKind::ALL {
            let asked = self.terms.kinds.iter().any(|word| word == kind.as_str());
            let Some(date) = due(kind, today).filter(|_| asked) else { continue };
            for workspace in self.alerting.report_workspaces(kind.as_str()) {
                sent += usize::from(self.send(kind, date, workspace).await?);
            }
        }
        Ok(sent)
    }

    async fn send(
        &self,
        kind: ReportKind,
        date: jiff::civil::Date,
        workspace: Option<Id>,
    ) -> Result<bool, String> {
        let (period, own) = (day_of(date), workspace.as_ref());
        if !self.alerting.report_is_due(kind.as_str(), period, own).await? {
            return Ok(false);
        }
        let report = self.reports.of(kind, Some(date), own).await.map_err(|why| why.to_string())?;
        let digest = control::digest(&report);
        let to = self.alerting.report(digest, Sending::Due(period), workspace).await?;
        if !to.is_empty() {
            tracing::info!(report = report.title(), channels = to.len(), "report sent");
        }
        Ok(!to.is_empty())
    }
}

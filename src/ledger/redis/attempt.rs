//! Calling the scripts that hold for an attempt and end it, and reading what they answer.
//!
//! Not here: sending an end until Redis has it (`deliver`), and ending those whose lease ran out
//! (`sweep`).
//!
//! Invariant: each script touches the slot of one credential only.

use super::super::attempt::{AttemptAdmission, AttemptOrder, AttemptOutcome};
use super::super::attempts::admitted;
use super::super::crossing::Crossing;
use super::super::order::{Amounts, Denial, LimitDenial, Unavailable};
use super::end::Ended;
use super::script::Failure;
use super::{MARK_MS, RedisLedger, Reply, connect, fields, keys, texts};
use crate::ids::{AccountId, CallId, Id};

const DAY_MS: i64 = 86_400_000;

/// What the script that ends an attempt is called with.
pub struct AttemptEnd<'a> {
    pub kind: &'static str,
    pub id: CallId,
    pub credential: &'a Id,
    pub charge: Amounts,
    /// How many attempts it stands for, and how many of them failed.
    pub attempts: (i64, i64),
    /// Counts where the hold is not known.
    pub model: &'a str,
}

impl<'a> AttemptEnd<'a> {
    /// What the end of an attempt asks for.
    pub fn of(
        id: CallId,
        (credential, model): (&'a Id, &'a str),
        charge: Amounts,
        outcome: AttemptOutcome,
    ) -> Self {
        let (kind, attempts) = match outcome {
            AttemptOutcome::Served => ("served", (1, 0)),
            AttemptOutcome::Failed => ("failed", (1, 1)),
            AttemptOutcome::Unsent => ("unsent", (0, 0)),
            AttemptOutcome::Reported { requests, failed } => ("reported", (requests, failed)),
        };
        Self { kind, id, credential, charge: charge.sane(), attempts, model }
    }
}

impl RedisLedger {
    /// See [`super::super::Ledger::attempt`].
    pub(super) async fn try_attempt(
        &self,
        order: &AttemptOrder,
    ) -> Result<AttemptAdmission, Unavailable> {
        order.demand().check()?;
        let held = tokio::time::timeout(connect::HOLD, self.hold_attempt(order)).await;
        let late = |_| Unavailable("redis did not answer an attempt in time".to_owned());
        let reply = held.map_err(late)??;
        let (admission, crossings) = self.read_attempt(&reply, order)?;
        if matches!(admission, AttemptAdmission::Held { .. }) {
            self.attempts.lock().insert(order.id, order.credential.clone());
        }
        self.options.report(crossings);
        Ok(admission)
    }

    async fn hold_attempt(&self, order: &AttemptOrder) -> Result<String, Failure> {
        let indexed = self.indexed.lock().contains(&order.credential);
        if !indexed {
            self.index_credential(&order.credential).await?;
        }
        let on = self.connections.holds().await.map_err(Failure::from)?;
        self.scripts.attempt.run(&on, &self.attempt_call(order)).await
    }

    fn attempt_call(&self, order: &AttemptOrder) -> redis::Cmd {
        let account = AccountId::credential(&order.credential);
        let keys = [
            keys::attempt_mark(&order.credential, &order.id),
            keys::attempt(&order.credential, &order.id),
            keys::account(&account),
            keys::holds(&account),
        ];
        let default = order.enforcement.unwrap_or(self.options.default_enforcement);
        let [usd, tokens, characters] = order.ceiling.map(texts).unwrap_or_default();
        let [expected_usd, expected_tokens, expected_characters] = texts(order.expected);
        let arguments = [
            order.id.to_string(),
            self.options.lease_ms.to_string(),
            default.as_str().to_owned(),
            usd,
            tokens,
            characters,
            expected_usd,
            expected_tokens,
            expected_characters,
            u8::from(order.free).to_string(),
            order.credential.to_string(),
            order.call.to_string(),
            order.model.clone(),
        ];
        self.scripts.attempt.call(&self.options, &keys, &arguments)
    }

    /// What the script answered, and the thresholds that were crossed.
    fn read_attempt(
        &self,
        reply: &str,
        order: &AttemptOrder,
    ) -> Result<(AttemptAdmission, Vec<Crossing>), Unavailable> {
        let mut reply = Reply::new(reply);
        let account = AccountId::credential(&order.credential);
        let denial = match reply.text()? {
            word @ ("held" | "known") => {
                let moment = self.moment(reply.number()?);
                let own = fields::thresholds(reply.text()?);
                let mut standings = Vec::new();
                for _ in 0..reply.number()? {
                    standings.push(reply.standing(&account, &moment)?);
                }
                let thresholds = own.as_ref().unwrap_or(&self.options.default_thresholds);
                let crossings = match word {
                    "held" => admitted(&standings, thresholds, &moment),
                    _ => Vec::new(),
                };
                return Ok((AttemptAdmission::Held { standings }, crossings));
            }
            "status" => Denial::Status { account, status: reply.text()?.to_owned() },
            "unbounded" => Denial::Unbounded { account },
            "limit" => {
                let now = reply.number()?;
                let (moment, wanted) = (self.moment(now), reply.number()?);
                let standing = reply.standing(&account, &moment)?;
                Denial::Limit(Box::new(LimitDenial { standing, wanted, now }))
            }
            other => return Err(Unavailable(format!("redis answered `{other}` to an attempt"))),
        };
        Ok((AttemptAdmission::Denied(denial), Vec::new()))
    }

    /// A call of the script that ends an attempt.
    pub(super) fn attempt_end_call(&self, end: &AttemptEnd<'_>) -> redis::Cmd {
        let account = AccountId::credential(end.credential);
        let keys = [
            keys::attempt_mark(end.credential, &end.id),
            keys::attempt(end.credential, &end.id),
            keys::account(&account),
            keys::holds(&account),
            keys::days(end.credential),
        ];
        let [usd, tokens, characters] = texts(end.charge);
        let kept = self.options.retention_days.saturating_mul(DAY_MS);
        let arguments = [
            end.id.to_string(),
            end.kind.to_owned(),
            usd,
            tokens,
            characters,
            MARK_MS.to_string(),
            end.credential.to_string(),
            kept.to_string(),
            end.model.to_owned(),
            end.attempts.0.to_string(),
            end.attempts.1.to_string(),
        ];
        self.scripts.attempt_end.call(&self.options, &keys, &arguments)
    }

    /// Makes a call of that script, and reports the thresholds that were crossed.
    pub(super) async fn end_attempt(&self, end: &AttemptEnd<'_>) -> Result<Ended, Failure> {
        let (on, call) = (&self.connections.settlements, self.attempt_end_call(end));
        let reply: String = self.scripts.attempt_end.run(on, &call).await?;
        self.attempt_ended(&reply, end)
    }

    /// Reads what the script answered, and reports the thresholds that were crossed.
    pub(super) fn attempt_ended(
        &self,
        reply: &str,
        end: &AttemptEnd<'_>,
    ) -> Result<Ended, Failure> {
        let mut reply = Reply::new(reply);
        match reply.text().map_err(|why| Failure { why, alone: true })? {
            "done" => self.news.moved(&AccountId::credential(end.credential), None),
            "alive" => return Ok(Ended::Alive),
            _ => return Ok(Ended::Before),
        }
        match self.read_attempt_crossings(&mut reply, end) {
            Ok(crossings) => self.options.report(crossings),
            Err(why) => {
                tracing::error!(attempt = %end.id, "crossed thresholds are not known: {why}");
            }
        }
        Ok(Ended::Now)
    }

    fn read_attempt_crossings(
        &self,
        reply: &mut Reply<'_>,
        end: &AttemptEnd<'_>,
    ) -> Result<Vec<Crossing>, Unavailable> {
        for _ in 0..reply.number()? {
            let fault = reply.text()?;
            tracing::error!(attempt = %end.id, "counted without what makes no sense: {fault}");
        }
        let account = AccountId::credential(end.credential);
        let mut crossings = Vec::new();
        while !reply.is_over() {
            self.read_crossing(reply, &account, &mut crossings)?;
        }
        Ok(crossings)
    }
}

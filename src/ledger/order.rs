//! What goes into the ledger and what comes out: orders, denials, settlements, usage events.

use super::attempt::AttemptOutcome;
use super::once::OnceKey;
use super::reach::Reach;
pub use super::standing::Standing;
use super::tried::Tries;
use crate::clock::{UnixMs, rfc3339};
use crate::ids::{AccountId, CallId, Id};
use crate::limit::Meter;
use crate::money::NanoUsd;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// How strictly a limit is enforced before the call goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// Hold the ceiling: spent and held never exceed the limit.
    Strict,
    /// Hold the expected cost.
    #[default]
    Balanced,
    /// Hold nothing; admit while spent is below the limit.
    Postpaid,
    /// Never refuse.
    Observe,
}

/// What an expired hold is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LostHold {
    /// The expected cost of the call.
    #[default]
    Expected,
    /// The held amount.
    Held,
    /// Nothing.
    Nothing,
}

/// An amount in every meter that is not counted per call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amounts {
    /// Nano-dollars.
    pub usd: NanoUsd,
    /// Input and output tokens.
    pub tokens: i64,
    /// Unicode characters.
    pub characters: i64,
}

impl Amounts {
    /// The larger amount in each meter.
    #[must_use]
    pub fn dearest(self, other: Self) -> Self {
        Self {
            usd: self.usd.max(other.usd),
            tokens: self.tokens.max(other.tokens),
            characters: self.characters.max(other.characters),
        }
    }
}

/// The accounts that one call is charged to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payers {
    /// The key's id.
    pub key: Id,
    /// The user who owns the key.
    pub user: Id,
    /// The user's workspace.
    pub workspace: Id,
}

impl Amounts {
    /// The same amounts without what no ledger may charge: nothing below 0, nothing above the
    /// largest amount.
    #[must_use]
    pub fn sane(self) -> Self {
        let sane = |n: i64| n.clamp(0, crate::money::MAX.get());
        Self {
            usd: NanoUsd::new(sane(self.usd.get())),
            tokens: sane(self.tokens),
            characters: sane(self.characters),
        }
    }

    /// Refuses what no ledger may hold.
    pub(super) fn check(self) -> Result<(), Unavailable> {
        if self == self.sane() {
            return Ok(());
        }
        let most = crate::money::MAX.get();
        Err(Unavailable(format!("{self:?} cannot be held: amounts lie between 0 and {most}")))
    }

    /// The amount of a meter that has one; 1 of those that count calls.
    pub fn of(&self, meter: Meter) -> i64 {
        match meter {
            Meter::Usd => self.usd.get(),
            Meter::Tokens => self.tokens,
            Meter::Characters => self.characters,
            Meter::Requests | Meter::Concurrent => 1,
        }
    }

    /// All meters added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            usd: self.usd.saturating_add(other.usd),
            tokens: self.tokens.saturating_add(other.tokens),
            characters: self.characters.saturating_add(other.characters),
        }
    }

    /// All meters subtracted.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            usd: self.usd.saturating_sub(other.usd),
            tokens: self.tokens.saturating_sub(other.tokens),
            characters: self.characters.saturating_sub(other.characters),
        }
    }
}

impl Payers {
    /// A user who consumed something without one of its keys.
    pub fn without_key(user: Id, workspace: Id) -> Self {
        Self { key: Id::nobody(), user, workspace }
    }

    /// The key, if one was used.
    pub fn used_key(&self) -> Option<&Id> {
        Some(&self.key).filter(|key| **key != Id::nobody())
    }

    /// Key, user, workspace: the order in which limits are checked.
    pub fn accounts(&self) -> [AccountId; 3] {
        [
            AccountId::key(&self.key),
            AccountId::user(&self.user),
            AccountId::workspace(&self.workspace),
        ]
    }
}

/// An authenticated key with its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whom its calls are charged to.
    pub payers: Payers,
    /// `sk-fb-abcd…wxyz`.
    pub label: String,
    /// The key was revoked.
    pub revoked: bool,
    /// The user or the workspace is suspended.
    pub suspended: bool,
    /// When the key stops working.
    pub expires: Option<UnixMs>,
    /// Globs of the models that the key may use; empty: all.
    pub models: Vec<String>,
    /// From where the key may be used, and on which routes.
    pub reach: Reach,
}

/// What is known of a call when it is admitted; the event of an orphan is made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFacts {
    /// When the call arrived.
    pub started: UnixMs,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The credential's name.
    pub credential: String,
    /// The operation's dialect, such as `openai.chat`.
    pub dialect: String,
    /// The model that the call names.
    pub model: String,
    /// The price table's version.
    pub price_version: String,
}

/// A request to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldOrder {
    /// The call.
    pub id: CallId,
    /// Who pays.
    pub payers: Payers,
    /// The most that the call can cost; `None` where no finite bound exists, which accounts under
    /// `strict` refuse.
    pub ceiling: Option<Amounts>,
    /// What the call will probably cost.
    pub expected: Amounts,
    /// It is charged no dollars, whatever it uses. Without a ceiling, that bounds its dollars only.
    #[serde(default)]
    pub free: bool,
    /// What an orphan's event says.
    pub facts: CallFacts,
}

impl HoldOrder {
    /// The answer where the call was ended before.
    pub(super) fn settled(&self) -> Denial {
        let [account, ..] = self.payers.accounts();
        Denial::Status { account, status: "settled".to_owned() }
    }
}

/// The ledger's answer to a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Admitted. What was held on the user's account, and every limit of all payers with this call
    /// counted.
    Held {
        /// The dollars that were held on the user's account.
        held: NanoUsd,
        /// All limits, key first.
        standings: Vec<Standing>,
    },
    /// Refused; nothing was held anywhere.
    Denied(Denial),
}

/// Why a hold was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// A limit has no room for the call.
    Limit(Box<LimitDenial>),
    /// The account is suspended, revoked, expired or missing.
    Status {
        /// Which account.
        account: AccountId,
        /// The word: `suspended`, `revoked`, `missing`.
        status: String,
    },
    /// The account is under `strict` and the call has no finite ceiling.
    Unbounded {
        /// Which account.
        account: AccountId,
    },
}

/// A limit that has no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitDenial {
    /// The limit as it stands without this call.
    pub standing: Standing,
    /// What the call would have added.
    pub wanted: i64,
    /// The ledger's time.
    pub now: UnixMs,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// The answer reached its end.
    Finished,
    /// The provider broke off.
    Cut,
    /// The client hung up.
    Left,
    /// The proxy died; charged when the lease ran out.
    Orphaned,
}

impl Enforcement {
    /// The word in configuration and Redis.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Balanced => "balanced",
            Self::Postpaid => "postpaid",
            Self::Observe => "observe",
        }
    }

    /// Reads what [`Enforcement::as_str`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Strict, Self::Balanced, Self::Postpaid, Self::Observe]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }
}

impl Ending {
    /// Reads what [`Ending::as_str`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Finished, Self::Cut, Self::Left, Self::Orphaned]
            .into_iter()
            .find(|ending| ending.as_str() == word)
    }

    /// The word in events and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Cut => "cut",
            Self::Left => "left",
            Self::Orphaned => "orphaned",
        }
    }
}

/// What is remembered of a settled call. Field names are those of CONTRACT section 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageEvent {
    /// The call's id; also `x-farebox-request-id`.
    pub id: CallId,
    /// Who paid.
    pub payers: Payers,
    /// What was known at admission; `model` is replaced by the one the answer named.
    pub facts: CallFacts,
    /// When it was settled, by the ledger's clock; 0 until then.
    pub settled: UnixMs,
    /// The tier that was served.
    pub service_tier: Option<String>,
    /// The provider's HTTP status; 0 where none arrived.
    pub status: u16,
    /// How it ended.
    pub ending: Ending,
    /// The charge is an estimate.
    pub estimated: bool,
    /// The figures.
    #[serde(with = "usage_json")]
    pub usage: Usage,
    /// The charge.
    pub cost: NanoUsd,
    /// What the provider itself says it cost.
    pub provider_cost: Option<NanoUsd>,
    /// What was held on the user's account at admission.
    pub held: NanoUsd,
    /// Milliseconds to the first byte of the answer.
    pub ttft_ms: u64,
    /// Milliseconds from arrival to settlement.
    pub duration_ms: u64,
    /// How many requests it stands for: 1 of a call; of what was consumed elsewhere, any number.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub requests: i64,
    /// Its attempts, where there were several.
    #[serde(default, skip_serializing_if = "Tries::is_empty")]
    pub attempts: Tries,
}

fn one() -> i64 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_one(requests: &i64) -> bool {
    *requests == 1
}

impl UsageEvent {
    /// Shows the flat fields of the event, as in Redis, but for `settled`: names and texts. The
    /// cost is the one given. `usage` is flattened by its own keys.
    pub(super) fn each_field(&self, cost: NanoUsd, mut show: impl FnMut(&str, &str)) {
        let Self { payers, facts, .. } = self;
        let mut number = Digits::default();
        show("id", &self.id.to_string());
        show("started", &rfc3339(facts.started));
        show("user", payers.user.as_str());
        show("key", payers.key.as_str());
        show("workspace", payers.workspace.as_str());
        show("provider", &facts.provider);
        show("credential", &facts.credential);
        show("dialect", &facts.dialect);
        show("model", &facts.model);
        show("service_tier", self.service_tier.as_deref().unwrap_or_default());
        show("status", number.of(self.status));
        show("ending", self.ending.as_str());
        show("estimated", if self.estimated { "true" } else { "false" });
        show("cost_usd", &cost.to_string());
        show("cost_nanousd", &cost.get().to_string());
        show("price_version", &facts.price_version);
        show("held_nanousd", &self.held.get().to_string());
        show("ttft_ms", number.of(self.ttft_ms));
        show("duration_ms", number.of(self.duration_ms));
        if let Some(cost) = self.provider_cost {
            show("provider_cost_usd", &cost.to_string());
        }
        if self.requests != 1 {
            show("request_count", number.of(self.requests));
        }
        if !self.attempts.is_empty() {
            show("attempts", &self.attempts.text());
        }
        for (figure, n) in self.usage.reported() {
            show(figure.name(), number.of(figure.text(n)));
        }
        if !self.usage.is_empty() {
            show("input_uncached", number.of(self.usage.input_uncached()));
        }
    }
}

/// Writes numbers into the same text again and again.
#[derive(Default)]
struct Digits(String);

impl Digits {
    fn of(&mut self, n: impl fmt::Display) -> &str {
        self.0.clear();
        // Writing into a text cannot fail.
        let _ = write!(self.0, "{n}");
        &self.0
    }
}

/// The stored form of usage: the object of its figures.
mod usage_json {
    use crate::usage::{Figure, Usage};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(usage: &Usage, to: S) -> Result<S::Ok, S::Error> {
        let uncached = usage.get(Figure::InputTotal).map(|_| usage.input_uncached());
        let reported = usage.reported().map(|(figure, n)| (figure.name(), figure.number(n)));
        to.collect_map(reported.chain(uncached.map(|n| ("input_uncached", n.into()))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Usage, D::Error> {
        Ok(Usage::from_json(&serde_json::Value::deserialize(from)?))
    }
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settlement {
    /// Charge this, whatever was held and whatever the limit.
    Post {
        /// What to charge in every meter; `usd` equals the event's cost.
        charge: Amounts,
        /// What to remember.
        event: Box<UsageEvent>,
        /// Others may report the same: charge it once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        once: Option<OnceKey>,
    },
    /// The figures follow, with a later call: charge this until that posts under the same key. It
    /// stands where none ever does.
    Defer {
        /// What to charge until then; `usd` equals the event's cost.
        charge: Amounts,
        /// What to remember until then, flagged as an estimate.
        event: Box<UsageEvent>,
        /// What the later call posts under.
        once: OnceKey,
    },
    /// The call was never forwarded: release everything, give the request back.
    Void {
        /// The call.
        id: CallId,
        /// Who would have paid.
        payers: Payers,
    },
    /// The end of an attempt: counts it on the account of its credential, and nowhere else.
    Attempt {
        /// The attempt.
        id: CallId,
        /// The credential that it was made with.
        credential: Id,
        /// What it used, whatever was held; nothing where it was never sent.
        charge: Amounts,
        /// How it ended.
        outcome: AttemptOutcome,
        /// The model that it named; counts where its hold is not known.
        #[serde(default)]
        model: String,
    },
}

impl Settlement {
    /// The call or attempt that it ends.
    pub fn id(&self) -> CallId {
        match self {
            Self::Post { event, .. } | Self::Defer { event, .. } => event.id,
            Self::Void { id, .. } | Self::Attempt { id, .. } => *id,
        }
    }
}

/// The ledger could not be reached or could not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger is unavailable: {}", self.0)
    }
}

impl std::error::Error for Unavailable {}

//! Plans for the short way of the scripts: which fields plain accounts have, as an earlier answer
//! told, and the periods of the present minute. Not here: the scripts (`plain.lua`).
//!
//! Invariants: a plan is only believed, never trusted: the script looks whether it holds. Fields
//! without `.` and `/` are facts that no limit depends on, but for those named here; an account with
//! any other field that is not known here is not plain.

use super::super::moment::Moment;
use super::super::order::Payers;
use super::super::rollup::Tier;
use super::super::slot::Slot;
use super::{RedisLedger, Reply, keys};
use crate::clock::{UnixMs, rfc3339};
use crate::ids::AccountId;
use crate::limit::Meter;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// So many accounts are remembered.
const KEPT: u64 = 20_000;
/// For how long the fields of an account are believed to be what they were, where nothing shows that
/// they changed.
const BELIEVED_MS: i64 = 60_000;
const MINUTE_MS: i64 = 60_000;
/// What a change can take out while it puts in a limit, so that there are as many fields as before.
const TEXTS: [&str; 4] = ["defaults", "thresholds", "addresses", "routes"];
const SUMS: [&str; 10] = [
    "usd.held",
    "tokens.held",
    "characters.held",
    "usd.total",
    "tokens.total",
    "requests.total",
    "deleted.usd",
    "deleted.tokens",
    "deleted.requests",
    "usd.debt",
];

/// What was learned of accounts, and of the clock of Redis.
pub struct Shapes {
    known: moka::sync::Cache<AccountId, Known>,
    /// By how many milliseconds the clock of Redis is ahead of this process's.
    ahead: AtomicI64,
}

/// What is known of an account: its shape where it is plain.
#[derive(Clone)]
struct Known {
    shape: Option<Arc<Shape>>,
    until: UnixMs,
}

/// What is known of the three accounts of a call.
pub enum Plans {
    /// All are plain; whether the script is asked for their fields again.
    Plain { shapes: Box<[Arc<Shape>; 3]>, tell: bool },
    /// One is not.
    Strange,
    /// The script is asked for the fields of all.
    Unknown,
}

/// The fields of a plain account that the scripts read and write.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many it has in all.
    fields: usize,
    enforcement: bool,
    expires: bool,
    /// Those of [`TEXTS`] that it has.
    texts: Vec<&'static str>,
    characters: bool,
    /// Something was posted before.
    totals: bool,
    /// In the order of checking.
    slots: Vec<Counted>,
}

#[derive(Debug, PartialEq, Eq)]
struct Counted {
    name: String,
    slot: Slot,
    limited: bool,
}

impl Counted {
    fn kind(&self) -> char {
        match (self.slot.meter, self.limited) {
            (Meter::Concurrent, _) => 'o',
            (_, false) => 'm',
            (Meter::Usd, true) => 'u',
            (Meter::Requests, true) => 'r',
            (Meter::Tokens | Meter::Characters, true) if self.slot.is_rate() => 'k',
            (Meter::Tokens | Meter::Characters, true) => 't',
        }
    }

    fn period(&self, moment: &Moment) -> String {
        self.slot.window.map_or(0, |window| moment.period(window)).to_string()
    }

    fn fields(&self) -> impl Iterator<Item = String> {
        let figures: &[&str] = match self.kind() {
            'o' => &["limit"],
            'm' => &["used", "period"],
            _ => &["used", "period", "limit"],
        };
        figures.iter().map(|figure| format!("{}.{figure}", self.name))
    }
}

impl Shape {
    /// The shape of an account with these fields, if it is plain.
    fn of(fields: &[&str]) -> Option<Self> {
        let all: BTreeSet<&str> = fields.iter().copied().collect();
        let has = |name: &str| all.contains(name);
        let figure = |name: &str, figure: &str| has(&format!("{name}.{figure}"));
        let mut names = BTreeSet::from(["usd/month"]);
        for field in &all {
            if SUMS.contains(field) || !field.contains(['.', '/']) {
                continue;
            }
            let (name, figure) = field.rsplit_once('.')?;
            if !matches!(figure, "used" | "period" | "limit" | "admitted") {
                return None;
            }
            names.insert(name);
        }
        let mut slots = Vec::new();
        for name in names.into_iter().rev() {
            let slot = Slot::parse(name)?;
            let open = slot.meter == Meter::Concurrent;
            let counted = Counted { name: name.to_owned(), slot, limited: figure(name, "limit") };
            let whole = open || figure(name, "used") && figure(name, "period");
            let plain = slot.models.is_none() && slot.steps().is_none();
            let limited = counted.limited || slot == Slot::MONTH_USD;
            if !(whole && plain && limited) || slot.meter == Meter::Characters {
                return None;
            }
            slots.push(counted);
        }
        (has("usd.held") && has("tokens.held")).then(|| Self {
            fields: all.len(),
            enforcement: has("enforcement"),
            expires: has("expires_ms"),
            texts: TEXTS.into_iter().filter(|text| has(text)).collect(),
            characters: has("characters.held"),
            totals: ["usd.total", "tokens.total", "requests.total"].into_iter().all(has),
            slots,
        })
    }

    /// The limits, in the order in which a short answer has their figures.
    pub fn limits(&self) -> impl Iterator<Item = Slot> {
        self.slots.iter().filter(|counted| counted.limited).map(|counted| counted.slot)
    }

    fn plan_hold(&self, moment: &Moment, words: &mut Vec<String>) {
        let mut kinds = String::new();
        let mut fields = vec!["status"];
        if self.enforcement {
            kinds.push('e');
            fields.push("enforcement");
        }
        fields.extend(&self.texts);
        let texts = fields.len();
        if self.expires {
            kinds.push('x');
            fields.push("expires_ms");
        }
        fields.extend(["usd.held", "tokens.held"]);
        if self.characters {
            kinds.push('c');
            fields.push("characters.held");
        }
        let mut fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
        let (mut periods, mut rates) = (Vec::new(), Vec::new());
        for counted in &self.slots {
            kinds.push(counted.kind());
            fields.extend(counted.fields());
            let period = counted.period(moment);
            match counted.kind() {
                'o' => continue,
                'u' => periods.push(format!("{}.admitted", counted.name)),
                'r' | 'k' => rates.push(format!("{}={period}", counted.name)),
                _ => {}
            }
            periods.push(period);
        }
        self.plan([kinds, rates.join(","), texts.to_string()], fields, periods, words);
    }

    /// The user's utilisation takes in every limit; others only need what changes. Of the rest it is
    /// looked whether it is there still, for another limit may have taken its place.
    fn plan_post(&self, user: bool, moment: &Moment, words: &mut Vec<String>) {
        let mut fields = self.texts.clone();
        fields.extend(self.enforcement.then_some("enforcement"));
        fields.extend(self.expires.then_some("expires_ms"));
        let mut fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
        let changes = |kind: char| kind != 'o' && (user || kind != 'r');
        let (changing, others): (Vec<_>, Vec<_>) =
            self.slots.iter().partition(|counted| changes(counted.kind()));
        fields.extend(others.iter().map(|counted| format!("{}.limit", counted.name)));
        let (texts, mut kinds) = (fields.len().to_string(), String::new());
        let sums = ["usd.held", "tokens.held", "usd.total", "tokens.total", "requests.total"];
        fields.extend(sums.map(str::to_owned));
        if self.characters {
            kinds.push('c');
            fields.push("characters.held".to_owned());
        }
        let mut periods = Vec::new();
        for counted in changing {
            kinds.push(counted.kind());
            fields.extend(counted.fields());
            periods.push(counted.period(moment));
        }
        self.plan([kinds, String::new(), texts], fields, periods, words);
    }

    fn plan(
        &self,
        head: [String; 3],
        fields: Vec<String>,
        periods: Vec<String>,
        words: &mut Vec<String>,
    ) {
        words.push(self.fields.to_string());
        words.extend(head);
        words.push(fields.len().to_string());
        words.extend(fields);
        words.extend(periods);
    }
}

impl Default for Shapes {
    fn default() -> Self {
        Self { known: moka::sync::Cache::new(KEPT), ahead: AtomicI64::new(0) }
    }
}

impl RedisLedger {
    /// What is known of the accounts of a call.
    pub(super) fn plans(&self, payers: &Payers) -> Plans {
        let now = self.options.clock.now();
        let mut known = Vec::with_capacity(3);
        for account in payers.accounts() {
            match self.shapes.known.get(&account) {
                Some(Known { shape: None, until }) if now >= until => return Plans::Unknown,
                Some(found) => known.push(found),
                None => return Plans::Unknown,
            }
        }
        let tell = known.iter().any(|known| now >= known.until);
        let shapes: Option<Vec<_>> = known.into_iter().map(|known| known.shape).collect();
        match shapes.and_then(|shapes| shapes.try_into().ok()) {
            Some(shapes) => Plans::Plain { shapes: Box::new(shapes), tell },
            None => Plans::Strange,
        }
    }

    /// The words of a hold for its script.
    pub(super) fn hold_words(&self, plans: &Plans) -> Vec<String> {
        match plans {
            Plans::Unknown => vec!["?".to_owned()],
            Plans::Strange => vec!["-".to_owned()],
            Plans::Plain { shapes, tell } => {
                let (minute, moment) = self.minute();
                let mut words = vec![minute.to_string(), u8::from(*tell).to_string()];
                shapes.iter().for_each(|shape| shape.plan_hold(&moment, &mut words));
                words
            }
        }
    }

    /// The words of a post for its script, which ends with their number.
    pub(super) fn post_words(&self, payers: &Payers) -> Vec<String> {
        let mut words = Vec::new();
        match self.plans(payers) {
            Plans::Plain { shapes, .. } if shapes.iter().all(|shape| shape.totals) => {
                let (minute, moment) = self.minute();
                let text = rfc3339(minute);
                let until_minute = text.get(..17).unwrap_or_default();
                words.extend([minute.to_string(), until_minute.to_owned()]);
                let [at, hour, day] = Tier::ALL.map(|tier| moment.period(tier.window()));
                words.extend([keys::rollup(Tier::Minute, at), format!("{at} {hour} {day}")]);
                for (n, shape) in shapes.iter().enumerate() {
                    shape.plan_post(n == 1, &moment, &mut words);
                }
            }
            _ => words.push("-".to_owned()),
        }
        words.push(words.len().saturating_add(1).to_string());
        words
    }

    /// When the minute begins that it is by the clock of Redis, and its periods.
    fn minute(&self) -> (UnixMs, Moment) {
        let ahead = self.shapes.ahead.load(Ordering::Relaxed);
        let moment = self.moment(self.options.clock.now().saturating_add(ahead));
        (moment.now.saturating_sub(moment.now.rem_euclid(MINUTE_MS)), moment)
    }

    /// Notes the clock of Redis.
    pub(super) fn note_clock(&self, now: UnixMs) {
        let ahead = now.saturating_sub(self.options.clock.now());
        self.shapes.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Learns the fields of accounts from the end of an answer. What cannot be read is forgotten: the
    /// hold was made.
    pub(super) fn learn(&self, payers: &Payers, reply: &mut Reply<'_>) {
        for account in payers.accounts() {
            let Some(fields) = told(reply) else {
                self.shapes.known.invalidate(&account);
                return;
            };
            let shape = Shape::of(&fields).map(Arc::new);
            let until = self.options.clock.now().saturating_add(BELIEVED_MS);
            self.shapes.known.insert(account, Known { shape, until });
        }
    }
}

fn told<'a>(reply: &mut Reply<'a>) -> Option<Vec<&'a str>> {
    let count = reply.number().ok()?;
    (0..count).map(|_| reply.text().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: [&str; 9] = [
        "status",
        "name",
        "usd.held",
        "tokens.held",
        "usd/month.used",
        "usd/month.period",
        "usd/month.admitted",
        "usd/month.limit",
        "last_ms",
    ];

    fn kinds(more: &[&str]) -> Option<String> {
        let shape = Shape::of(&[&USED[..], more].concat())?;
        Some(shape.slots.iter().map(Counted::kind).collect())
    }

    #[test]
    fn accounts_with_usual_limits_are_plain() {
        assert_eq!(kinds(&[]).as_deref(), Some("u"));
        let rate = ["requests/day.limit", "requests/day.used", "requests/day.period"];
        assert_eq!(kinds(&rate).as_deref(), Some("ur"));
        assert_eq!(kinds(&["concurrent.limit", "anything"]).as_deref(), Some("uo"));
        let kept: Vec<&str> = USED.into_iter().filter(|name| !name.ends_with(".limit")).collect();
        assert_eq!(Shape::of(&kept).map(|shape| shape.slots[0].kind()), Some('m'));
    }

    #[test]
    fn what_the_short_way_does_not_know_is_not_plain() {
        for field in [
            "requests/day.limit",
            "usd/month.observe",
            "usd/month.bump",
            "usd/month.carry",
            "usd/month.carried",
            "usd/rolling-5h.limit",
            "usd/day@gpt-5*.limit",
            "characters/day.limit",
            "usd/year.limit",
            "usd.bonus",
            "a/b",
        ] {
            assert_eq!(kinds(&[field]), None, "{field}");
        }
        assert_eq!(Shape::of(&["status", "name"]), None);
    }
}

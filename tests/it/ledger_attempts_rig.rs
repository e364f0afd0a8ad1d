//! What the tests of attempts share: credentials, attempts of so many characters, their ends.

use crate::ledger_rig::{Rig, usd};
use farebox::ids::{AccountId, CallId};
use farebox::ledger::{
    Account, Amounts, AttemptAdmission, AttemptOrder, AttemptOutcome, CredentialDay,
    CredentialSetup, Denial, Enforcement, LimitDenial, Settlement, Standing,
};
use jiff::civil::Date;

pub fn setup(name: &str, limits: &[&str], thresholds: Option<&[u32]>) -> CredentialSetup {
    CredentialSetup {
        id: name.parse().unwrap(),
        limits: limits.iter().map(|limit| limit.parse().unwrap()).collect(),
        thresholds: thresholds.map(|list| list.to_vec().try_into().unwrap()),
        metadata: [("tier".to_owned(), "free".to_owned())].into(),
    }
}

/// A credential with limits, as the configuration would define it.
pub async fn credential(rig: &Rig, name: &str, limits: &[&str]) -> AccountId {
    rig.ledger.define(&[setup(name, limits, None)]).await.unwrap();
    id(name)
}

pub fn id(name: &str) -> AccountId {
    AccountId::credential(&name.parse().unwrap())
}

/// A dollar for every thousand characters, and a token for every four.
pub fn used(characters: i64) -> Amounts {
    let usd = farebox::money::NanoUsd::new(usd(1).get() / 1000 * characters);
    Amounts { usd, tokens: characters / 4, characters }
}

/// An attempt under `strict` that uses at most so many characters and probably half of them.
pub fn strict(name: &str, characters: i64) -> AttemptOrder {
    AttemptOrder {
        id: CallId::new(),
        call: CallId::new(),
        credential: name.parse().unwrap(),
        ceiling: Some(used(characters)),
        expected: used(characters / 2),
        free: false,
        model: "llama-3".to_owned(),
        enforcement: Some(Enforcement::Strict),
    }
}

/// One under `balanced` that probably uses so many characters and at most twice as many.
pub fn balanced(name: &str, characters: i64) -> AttemptOrder {
    AttemptOrder {
        ceiling: Some(used(characters * 2)),
        expected: used(characters),
        enforcement: Some(Enforcement::Balanced),
        ..strict(name, characters)
    }
}

pub async fn held(rig: &Rig, order: &AttemptOrder) -> Vec<Standing> {
    match rig.ledger.attempt(order).await.unwrap() {
        AttemptAdmission::Held { standings } => standings,
        AttemptAdmission::Denied(denial) => panic!("refused: {denial:?}"),
    }
}

pub async fn denied(rig: &Rig, order: &AttemptOrder) -> Denial {
    match rig.ledger.attempt(order).await.unwrap() {
        AttemptAdmission::Denied(denial) => denial,
        AttemptAdmission::Held { standings } => panic!("admitted: {standings:?}"),
    }
}

pub async fn full(rig: &Rig, order: &AttemptOrder) -> LimitDenial {
    match denied(rig, order).await {
        Denial::Limit(denial) => *denial,
        other => panic!("not refused by a limit: {other:?}"),
    }
}

pub fn ended(order: &AttemptOrder, charge: Amounts, outcome: AttemptOutcome) -> Settlement {
    let credential = order.credential.clone();
    Settlement::Attempt { id: order.id, credential, charge, outcome }
}

pub async fn end(rig: &Rig, order: &AttemptOrder, characters: i64, outcome: AttemptOutcome) {
    rig.settle(ended(order, used(characters), outcome)).await;
}

/// One attempt from hold to end that uses what it held at most.
pub async fn serve(rig: &Rig, order: &AttemptOrder) {
    held(rig, order).await;
    let charge = order.ceiling.unwrap();
    rig.settle(ended(order, charge, AttemptOutcome::Served)).await;
}

/// Used and held of the characters of a day.
pub async fn figures(rig: &Rig, name: &str) -> (i64, i64) {
    figures_of(rig, name, "characters/day").await
}

/// Used and held of a limit.
pub async fn figures_of(rig: &Rig, name: &str, limit: &str) -> (i64, i64) {
    let account = rig.account(&id(name)).await;
    let found = account.standings.iter().find(|standing| standing.limit.name() == limit);
    found.map(|standing| (standing.used, standing.held)).unwrap()
}

/// Attempts, failed ones, tokens and nano-dollars ever.
pub fn totals(account: &Account) -> (i64, i64, i64, i64) {
    let Account { total_requests, failed_requests, total_tokens, .. } = account;
    (*total_requests, *failed_requests, *total_tokens, account.total_usd.get())
}

pub async fn days(rig: &Rig, name: &str, from: &str, to: &str) -> Vec<CredentialDay> {
    let date = |text: &str| text.parse::<Date>().unwrap();
    rig.ledger.days(&name.parse().unwrap(), date(from), date(to)).await.unwrap()
}

/// What a day shows: date, attempts, characters, tokens, nano-dollars, failed.
pub fn shown(days: &[CredentialDay]) -> Vec<(String, [i64; 5])> {
    let figures = |day: &CredentialDay| {
        [day.request_count, day.character_count, day.tokens, day.cost.get(), day.failed]
    };
    days.iter().map(|day| (day.date.to_string(), figures(day))).collect()
}

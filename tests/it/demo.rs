//! The demonstration against a registry that charges exactly what was billed: enrolment, traffic,
//! the wait for calls in flight, the comparison. The proxy itself is shown elsewhere.

use farebox::clock::UnixMs;
use farebox::demo::provider::{Bill, BillEntry, Simulated};
use farebox::demo::{Parts, run};
use farebox::ids::{AccountId, AccountKind, CallId, Id};
use farebox::ledger::{
    Account, AccountStatus, AuditEntry, AuditQuery, BoxFuture, CallFacts, Change, CredentialDay,
    CredentialSetup, Decided, Ending, EventQuery, ListFilter, NewAccount, Page, Payers, Registry,
    RegistryError, Settlement, SumQuery, SumRow, SummedSince, Tries, UsageEvent, Verification,
};
use farebox::limit::Increase;
use farebox::money::NanoUsd;
use farebox::usage::Usage;
use jiff::civil::Date;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PAGE: usize = 7;

/// Remembers what was created and charges the bill.
struct Mirror {
    bill: Bill,
    created: Mutex<Vec<NewAccount>>,
}

fn price(_: &str, usage: &Usage, _: &str) -> NanoUsd {
    NanoUsd::new(i64::try_from(usage.total_tokens()).unwrap())
}

fn event(entry: &BillEntry) -> UsageEvent {
    let id = |text: &str| text.parse().unwrap();
    UsageEvent {
        id: CallId::new(),
        payers: Payers { key: id("k"), user: id("u"), workspace: id("default") },
        facts: CallFacts {
            started: 0,
            provider: "openai".to_owned(),
            credential: "main".to_owned(),
            dialect: "openai.chat".to_owned(),
            model: entry.model.to_string(),
            price_version: "1".to_owned(),
        },
        settled: 0,
        service_tier: None,
        status: 200,
        ending: Ending::Finished,
        estimated: false,
        usage: entry.usage(),
        cost: price(&entry.model, &entry.usage(), &entry.tier),
        provider_cost: None,
        held: NanoUsd::ZERO,
        ttft_ms: 0,
        duration_ms: 0,
        requests: 1,
        attempts: Tries::default(),
    }
}

fn account(new: &NewAccount) -> Account {
    Account {
        id: new.id.clone(),
        name: new.name.clone(),
        workspace: new.workspace.clone(),
        status: AccountStatus::Active,
        standings: Vec::new(),
        follows_defaults: false,
        thresholds: None,
        enforcement: None,
        key: new.key.clone(),
        held_usd: NanoUsd::ZERO,
        month_usd: NanoUsd::ZERO,
        total_usd: NanoUsd::ZERO,
        total_tokens: 0,
        total_requests: 0,
        failed_requests: 0,
        revision: String::new(),
        created: 0,
        last: None,
        enabled: None,
    }
}

impl Registry for Mirror {
    fn create<'a>(&'a self, new: &'a NewAccount) -> BoxFuture<'a, Result<Account, RegistryError>> {
        self.created.lock().unwrap().push(new.clone());
        Box::pin(async { Ok(account(new)) })
    }

    fn account<'a>(
        &'a self,
        id: &'a AccountId,
    ) -> BoxFuture<'a, Result<Option<Account>, RegistryError>> {
        let created = self.created.lock().unwrap();
        let found = created.iter().find(|new| new.id == *id).map(account);
        Box::pin(async { Ok(found) })
    }

    fn events<'a>(
        &'a self,
        query: &'a EventQuery,
    ) -> BoxFuture<'a, Result<Page<UsageEvent>, RegistryError>> {
        let start = query.after.as_ref().map_or(0, |after| after.parse().unwrap());
        let all = self.bill.entries();
        let entries: Vec<_> = all.iter().skip(start).take(PAGE).map(event).collect();
        let next = (start + PAGE < all.len()).then(|| (start + PAGE).to_string());
        Box::pin(async { Ok(Page { entries, next }) })
    }

    fn accounts<'a>(
        &'a self,
        _: AccountKind,
        _: &'a ListFilter,
    ) -> BoxFuture<'a, Result<Page<Account>, RegistryError>> {
        panic!("the demonstration lists nothing")
    }

    fn change<'a>(
        &'a self,
        _: &'a AccountId,
        _: &'a Change,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        panic!("the demonstration changes nothing")
    }

    fn delete<'a>(&'a self, _: &'a AccountId) -> BoxFuture<'a, Result<(), RegistryError>> {
        panic!("the demonstration deletes nothing")
    }

    fn reset<'a>(
        &'a self,
        _: &'a AccountId,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        panic!("the demonstration resets nothing")
    }

    fn bump<'a>(
        &'a self,
        _: &'a AccountId,
        _: &'a Increase,
        _: Option<UnixMs>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        panic!("the demonstration raises nothing")
    }

    fn sums<'a>(&'a self, _: &'a SumQuery) -> BoxFuture<'a, Result<Vec<SumRow>, RegistryError>> {
        panic!("the demonstration asks for no sums")
    }

    fn summed_since(&self) -> BoxFuture<'_, Result<SummedSince, RegistryError>> {
        panic!("the demonstration asks for no sums")
    }

    fn event(&self, _: CallId) -> BoxFuture<'_, Result<Option<UsageEvent>, RegistryError>> {
        panic!("the demonstration reads pages")
    }

    fn note<'a>(&'a self, _: &'a AuditEntry) -> BoxFuture<'a, Result<(), RegistryError>> {
        panic!("the demonstration changes nothing")
    }

    fn audit<'a>(
        &'a self,
        _: &'a AuditQuery,
    ) -> BoxFuture<'a, Result<Page<AuditEntry>, RegistryError>> {
        panic!("the demonstration changes nothing")
    }

    fn together<'a>(
        &'a self,
        _: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Vec<Option<Account>>, RegistryError>> {
        panic!("the demonstration asks for one at a time")
    }

    fn report(&self, _: Settlement) -> BoxFuture<'_, Result<(), RegistryError>> {
        panic!("the demonstration calls the proxy")
    }

    fn define<'a>(&'a self, _: &'a [CredentialSetup]) -> BoxFuture<'a, Result<(), RegistryError>> {
        panic!("the demonstration has no credentials")
    }

    fn days<'a>(
        &'a self,
        _: &'a Id,
        _: Date,
        _: Date,
    ) -> BoxFuture<'a, Result<Vec<CredentialDay>, RegistryError>> {
        panic!("the demonstration has no credentials")
    }

    fn decide(&self, _: bool) -> BoxFuture<'_, Result<Vec<Decided>, RegistryError>> {
        panic!("the demonstration puts nothing aside")
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verification, RegistryError>> {
        panic!("the demonstration compares by itself")
    }
}

#[tokio::test]
async fn the_demonstration_compares_every_call_and_asks_for_a_refusal() {
    let simulated = Simulated::start(None).await.unwrap();
    let mirror = Arc::new(Mirror { bill: simulated.bill().clone(), created: Mutex::default() });
    let parts = Parts {
        data_url: format!("http://{}", simulated.addr()),
        dashboard_url: "http://127.0.0.1:8081/".to_owned(),
        registry: Arc::clone(&mirror) as Arc<dyn Registry>,
        simulated,
        price,
        calls: Some(30),
        no_colour: true,
        greet: |text| assert!(text.contains("curl http://127.0.0.1:")),
    };
    let over = tokio::time::sleep(Duration::from_secs(60));
    let verdict = run(parts, over).await.unwrap();
    assert!(verdict.equal(), "{verdict}");
    assert_eq!((verdict.billed_calls, verdict.charged_calls, verdict.failed), (30, 30, 0));
    assert!(verdict.total().billed > NanoUsd::ZERO && verdict.models.len() >= 3);
    assert!(!verdict.passed(), "nobody was refused");
    let created = mirror.created.lock().unwrap();
    let of = |kind| created.iter().filter(move |new| new.id.kind == kind);
    let (users, keys) = (of(AccountKind::User), of(AccountKind::Key));
    assert_eq!((users.clone().count(), keys.count()), (8, 8));
    let unlimited = users.clone().filter(|user| user.limits.as_ref().unwrap().is_empty());
    assert_eq!(unlimited.count(), 1);
    let workspaces: Vec<_> = of(AccountKind::Workspace).map(|new| &new.id.id).collect();
    let known = |user: &NewAccount| {
        let own = user.workspace.as_ref().unwrap();
        own.as_str() == "default" || workspaces.contains(&own)
    };
    assert!(users.clone().all(|user| known(user) && !user.name.is_empty()));
}

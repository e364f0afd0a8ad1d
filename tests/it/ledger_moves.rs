//! Moving users between workspaces, and changes on a condition, on both back ends.

use crate::ledger_rig::{Rig, amounts, contract, order, usd};
use farebox::ids::{AccountId, AccountKind};
use farebox::ledger::{
    Change, KeyFacts, LimitsChange, ListFilter, NewAccount, Payers, Reach, RegistryError,
    Settlement,
};
use farebox::money::NanoUsd;
use farebox::secret::SecretDigest;

contract! {
    what_a_moved_user_spent_stays_with_its_former_workspace,
    calls_under_way_are_charged_to_the_workspace_that_held,
    what_corrects_an_earlier_charge_follows_it_to_its_workspace,
    a_moved_user_is_deleted_and_nothing_is_lost,
    only_users_move_and_only_to_what_exists,
    a_change_for_another_revision_is_refused,
    a_change_that_is_refused_moves_nobody,
}

async fn relocate(rig: &Rig, user: &str, workspace: &str) -> Result<(), RegistryError> {
    let workspace = Some(workspace.parse().unwrap());
    let change = Change { workspace, ..Change::default() };
    rig.ledger.change(&format!("user:{user}").parse().unwrap(), &change).await.map(|_| ())
}

async fn spent(rig: &Rig, account: &str) -> NanoUsd {
    rig.account(&account.parse().unwrap()).await.total_usd
}

/// Alice, who has spent 3 dollars in `default`, and is in `eng` now.
async fn moved(rig: &Rig) -> (Payers, Payers) {
    rig.workspace("eng").await;
    let old = rig.user("alice", &["25 usd/month"]).await;
    rig.call(&old, 3).await;
    relocate(rig, "alice", "eng").await.unwrap();
    let new = rig.caller("alice").await.unwrap().payers;
    assert_eq!((new.workspace.as_str(), &new.user, &new.key), ("eng", &old.user, &old.key));
    (old, new)
}

async fn what_a_moved_user_spent_stays_with_its_former_workspace(rig: &Rig) {
    let (old, new) = moved(rig).await;
    for n in 0..2 {
        // Every process finds the new owner.
        let caller = rig.ledger_of(n).caller(&farebox::secret::SecretDigest::of("alice")).await;
        assert_eq!(caller.unwrap().unwrap().payers, new);
    }
    rig.call(&new, 2).await;
    rig.clean().await;
    let all = [spent(rig, "workspace:default").await, spent(rig, "workspace:eng").await];
    assert_eq!(all, [usd(3), usd(2)]);
    let alice = rig.account(&AccountId::user(&old.user)).await;
    assert_eq!((alice.total_usd, alice.month_usd), (usd(5), usd(5)));
    for (workspace, users) in [("default", 0), ("eng", 1)] {
        let workspace = Some(workspace.parse().unwrap());
        let filter = ListFilter { workspace, ..ListFilter::default() };
        for kind in [AccountKind::User, AccountKind::Key] {
            let page = rig.ledger.accounts(kind, &filter).await.unwrap();
            assert_eq!(page.entries.len(), users, "{kind:?}");
        }
    }
    // There and back again.
    relocate(rig, "alice", "default").await.unwrap();
    rig.call(&old, 4).await;
    relocate(rig, "alice", "default").await.unwrap();
    rig.clean().await;
    let all = [spent(rig, "workspace:default").await, spent(rig, "workspace:eng").await];
    assert_eq!(all, [usd(7), usd(2)]);
}

async fn calls_under_way_are_charged_to_the_workspace_that_held(rig: &Rig) {
    rig.workspace("eng").await;
    let old = rig.user("alice", &["25 usd/month"]).await;
    let call = order(&old, 3);
    rig.admit(&call).await;
    relocate(rig, "alice", "eng").await.unwrap();
    rig.clean().await;
    let new = rig.caller("alice").await.unwrap().payers;
    rig.call(&new, 1).await;
    rig.post(&call, 2).await;
    // A proxy that has not heard of it yet.
    rig.call(&old, 5).await;
    rig.clean().await;
    let all = [spent(rig, "workspace:default").await, spent(rig, "workspace:eng").await];
    assert_eq!(all, [usd(7), usd(1)]);
    assert_eq!(spent(rig, "user:alice").await, usd(8));
}

async fn what_corrects_an_earlier_charge_follows_it_to_its_workspace(rig: &Rig) {
    rig.workspace("eng").await;
    let old = rig.user("alice", &["90 usd/month"]).await;
    let [late, void] = [order(&old, 3), order(&old, 4)];
    rig.admit(&late).await;
    rig.admit(&void).await;
    let deferred = rig.deferred(&old, 5, "batch").await;
    rig.clock.advance(61_000);
    rig.sweep().await;
    relocate(rig, "alice", "eng").await.unwrap();
    let new = rig.caller("alice").await.unwrap().payers;
    rig.call(&new, 1).await;
    rig.post_amounts(&late, amounts(2)).await;
    rig.void(&void).await;
    rig.poll(&new, 7, "batch").await;
    rig.clean().await;
    assert_eq!(deferred.payers, old);
    let all = [spent(rig, "workspace:default").await, spent(rig, "workspace:eng").await];
    assert_eq!(all, [usd(9), usd(1)]);
    assert_eq!(spent(rig, "user:alice").await, usd(10));
}

async fn a_moved_user_is_deleted_and_nothing_is_lost(rig: &Rig) {
    let (_, new) = moved(rig).await;
    rig.call(&new, 2).await;
    rig.ledger.delete(&AccountId::user(&new.user)).await.unwrap();
    rig.clean().await;
    let again = rig.user("alice", &[]).await;
    rig.call(&again, 1).await;
    rig.ledger.delete(&"workspace:eng".parse().unwrap()).await.unwrap();
    rig.clean().await;
    assert_eq!(spent(rig, "workspace:default").await, usd(4));
}

async fn only_users_move_and_only_to_what_exists(rig: &Rig) {
    let payers = rig.user("alice", &[]).await;
    let refused = relocate(rig, "alice", "nowhere").await.unwrap_err();
    assert_eq!(refused, RegistryError::Missing("workspace:nowhere".parse().unwrap()));
    assert!(relocate(rig, "nobody", "default").await.is_err());
    rig.workspace("eng").await;
    let change = Change { workspace: Some("eng".parse().unwrap()), ..Change::default() };
    for id in [AccountId::key(&payers.key), AccountId::workspace(&payers.workspace)] {
        let refused = rig.ledger.change(&id, &change).await.unwrap_err().to_string();
        assert!(refused.contains("cannot be moved"), "{refused}");
    }
    assert_eq!(rig.caller("alice").await.unwrap().payers, payers);
    rig.clean().await;
}

async fn a_change_that_is_refused_moves_nobody(rig: &Rig) {
    rig.workspace("eng").await;
    let payers = rig.user("alice", &["25 usd/month"]).await;
    let id = AccountId::user(&payers.user);
    let limits = ["5 usd/day", "6 usd/day"].map(|limit| limit.parse().unwrap()).to_vec();
    let limits = Some(LimitsChange::Set(limits));
    let workspace = Some("eng".parse().unwrap());
    let change = Change { workspace, limits, ..Change::default() };
    let refused = rig.ledger.change(&id, &change).await.unwrap_err().to_string();
    assert!(refused.contains("two limits"), "{refused}");
    assert_eq!(rig.caller("alice").await.unwrap().payers, payers);
    assert_eq!(rig.account(&id).await.workspace, Some(payers.workspace));
    rig.clean().await;
}

async fn a_change_for_another_revision_is_refused(rig: &Rig) {
    rig.workspace("eng").await;
    let payers = rig.user("alice", &["25 usd/month"]).await;
    let id = AccountId::user(&payers.user);
    let first = rig.account(&id).await.revision;
    rig.call(&payers, 3).await;
    assert_eq!(rig.account(&id).await.revision, first);
    let set = |limit: &str, revision: &str| {
        let limits = vec![limit.parse().unwrap()];
        let revision = Some(revision.to_owned());
        Change { limits: Some(LimitsChange::Set(limits)), revision, ..Change::default() }
    };
    let (_, after) = rig.ledger.change(&id, &set("30 usd/month", &first)).await.unwrap();
    assert_ne!(after.revision, first);
    let refused = rig.ledger.change(&id, &set("40 usd/month", &first)).await.unwrap_err();
    assert_eq!(refused, RegistryError::Changed(id.clone()));
    // Moving is a change too, and takes part in the condition.
    let workspace = Some("eng".parse().unwrap());
    let change = Change { workspace, ..set("20 usd/month", &first) };
    assert!(rig.ledger.change(&id, &change).await.is_err());
    let change = Change { revision: Some(after.revision), ..change };
    let (before, moved) = rig.ledger.change(&id, &change).await.unwrap();
    assert_eq!(before.workspace.unwrap().as_str(), "default");
    assert_eq!((moved.workspace.unwrap().as_str(), moved.standings.len()), ("eng", 1));
    rig.clean().await;
}

/// Of many who change what they read at the same time, one does, whichever process they ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_changes_for_one_revision_one_is_made() {
    let rig = Rig::redis().await;
    let payers = rig.user("alice", &["25 usd/month"]).await;
    let id = AccountId::user(&payers.user);
    for round in 0..20 {
        let revision = rig.account(&id).await.revision;
        let both = [0, 1].map(|n| {
            let (ledger, id) = (rig.ledger_of(n), id.clone());
            let name = Some(format!("{round}-{n}"));
            let change = Change { name, revision: Some(revision.clone()), ..Change::default() };
            tokio::spawn(async move { ledger.change(&id, &change).await })
        });
        let mut made = 0;
        for one in both {
            match one.await.unwrap() {
                Ok(_) => made += 1,
                Err(why) => assert_eq!(why, RegistryError::Changed(id.clone())),
            }
        }
        assert_eq!(made, 1, "round {round}");
    }
    rig.settle(Settlement::Void { id: order(&payers, 1).id, payers }).await;
    rig.clean().await;
}

/// A key is in the workspace of its user, also where it was made while the user moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_made_while_its_user_moves_is_where_the_user_is() {
    let rig = Rig::redis().await;
    rig.workspace("eng").await;
    let payers = rig.user("alice", &[]).await;
    for round in 0..60 {
        let to = ["eng", "default"][round % 2];
        let (ledger, user) = (rig.ledger_of(1), AccountId::user(&payers.user));
        let change = Change { workspace: Some(to.parse().unwrap()), ..Change::default() };
        let moving = tokio::spawn(async move { ledger.change(&user, &change).await });
        let digest = SecretDigest::of(&format!("key of {round}"));
        let id = AccountId::key(&digest.key_id().unwrap());
        let facts = KeyFacts {
            digest,
            user: payers.user.clone(),
            label: "sk-fb-abcd…wxyz".to_owned(),
            models: Vec::new(),
            expires: None,
            reach: Reach::default(),
        };
        let new = NewAccount { id: id.clone(), key: Some(facts), ..rig.new_user("alice", &[]) };
        let made = rig.ledger.create(&new).await.unwrap();
        moving.await.unwrap().unwrap();
        let workspace = rig.account(&id).await.workspace;
        assert_eq!(workspace.unwrap().as_str(), to, "round {round}, made in {made:?}");
    }
    rig.clean().await;
}

/// A user that is deleted while it moves is gone from both workspaces.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_is_deleted_while_it_moves_stays_nowhere() {
    let rig = Rig::redis().await;
    rig.workspace("eng").await;
    for round in 0..60 {
        let payers = rig.user(&format!("user-{round}"), &[]).await;
        rig.call(&payers, 1).await;
        let (ledger, id) = (rig.ledger_of(1), AccountId::user(&payers.user));
        let moved = id.clone();
        let change = Change { workspace: Some("eng".parse().unwrap()), ..Change::default() };
        let moving = tokio::spawn(async move { ledger.change(&moved, &change).await });
        match rig.ledger.delete(&id).await {
            Ok(()) => {}
            // It was moving all the time.
            Err(why) => assert_eq!(why, RegistryError::Changed(id.clone())),
        }
        let _ = moving.await.unwrap();
        if rig.ledger.account(&id).await.unwrap().is_some() {
            rig.ledger.delete(&id).await.unwrap();
        }
    }
    rig.clean().await;
    let eng = "workspace:eng".parse().unwrap();
    rig.ledger.delete(&eng).await.expect("nobody is left in it");
    assert_eq!(spent(&rig, "workspace:default").await, usd(60));
    rig.clean().await;
}

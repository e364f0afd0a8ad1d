//! The outbox of alerts on both back ends: raised once, claimed by one, settled, listed, ended.

use crate::ledger_rig::{Rig, contract};
use farebox::ids::Id;
use farebox::ledger::{Claimed, Delivery, DeliveryStatus, Mark, NewAlert, Raised, Rate};

contract! {
    of_many_who_raise_one_does,
    a_new_period_and_an_end_arm_it_again,
    a_second_message_within_the_time_is_suppressed_and_kept,
    a_delivery_is_claimed_by_one_and_comes_back_when_its_lease_ends,
    a_channel_is_used_no_faster_than_it_bears,
    what_waits_for_a_channel_can_be_dropped,
    alerts_are_listed_newest_first_and_end_after_a_month,
}

const ANY: Rate = Rate { spacing_ms: 0, per_day: None };
const LEASE: i64 = 60_000;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn alert(name: &str, period: i64, arm: u32, channels: &[&str]) -> NewAlert {
    NewAlert {
        id: id(&format!("080-{name}-{period}-{arm}")),
        mark: format!("user:{name}|usd/month|80"),
        period,
        arm,
        ends: false,
        renotify_ms: 0,
        text: format!("of {name}"),
        channels: channels.iter().map(|name| id(name)).collect(),
    }
}

fn end(of: &NewAlert) -> NewAlert {
    let name = id(&format!("{}.end", of.id));
    NewAlert { id: name, ends: true, text: "over".to_owned(), ..of.clone() }
}

async fn raise(rig: &Rig, alert: &NewAlert) -> Raised {
    rig.ledger.raise(alert).await.unwrap()
}

async fn mark(rig: &Rig, alert: &NewAlert) -> Option<Mark> {
    rig.ledger_of(1).marks(std::slice::from_ref(&alert.mark)).await.unwrap().pop().unwrap()
}

async fn claim(rig: &Rig, channel: &str, rate: Rate, limit: usize) -> Vec<Claimed> {
    rig.ledger_of(1).claim(&id(channel), rate, LEASE, limit).await.unwrap()
}

const NOW: Raised = Raised::Now { suppressed: false };

async fn of_many_who_raise_one_does(rig: &Rig) {
    for round in 0..20 {
        let one = alert(&format!("a{round}"), 202_611, 0, &["ops", "mail"]);
        let raisers = (0..8).map(|i| {
            let (ledger, one) = (rig.ledger_of(i), one.clone());
            tokio::spawn(async move { ledger.raise(&one).await.unwrap() })
        });
        let mut raised = Vec::new();
        for raiser in raisers.collect::<Vec<_>>() {
            raised.push(raiser.await.unwrap());
        }
        assert_eq!(raised.iter().filter(|r| **r == NOW).count(), 1);
        assert_eq!(raised.iter().filter(|r| **r == Raised::Not).count(), 7);
    }
    assert_eq!(claim(rig, "ops", ANY, 100).await.len(), 20);
    assert_eq!(claim(rig, "mail", ANY, 100).await.len(), 20);
    rig.ledger.verify().await.unwrap();
}

async fn a_new_period_and_an_end_arm_it_again(rig: &Rig) {
    let first = alert("a", 202_611, 0, &["ops"]);
    assert_eq!(raise(rig, &first).await, NOW);
    let at = mark(rig, &first).await.unwrap();
    assert_eq!((at.period, at.arm, at.on), (202_611, 0, true));
    assert_eq!(raise(rig, &alert("a", 202_611, 1, &[])).await, Raised::Not, "it is still on");
    assert_eq!(raise(rig, &end(&first)).await, NOW);
    assert_eq!(raise(rig, &end(&first)).await, Raised::Not);
    let at = mark(rig, &first).await.unwrap();
    assert_eq!((at.period, at.arm, at.on), (202_611, 1, false));
    assert_eq!(raise(rig, &first).await, Raised::Not, "what was read before the end");
    assert_eq!(raise(rig, &alert("a", 202_611, 1, &[])).await, NOW);
    let next = alert("a", 202_612, 0, &[]);
    assert_eq!(raise(rig, &next).await, NOW);
    let late = alert("a", 202_610, 0, &[]);
    assert_eq!(raise(rig, &late).await, NOW, "a crossing of the period before, told late");
    assert_eq!(raise(rig, &late).await, Raised::Not);
    let at = mark(rig, &first).await.unwrap();
    assert_eq!((at.period, at.on), (202_612, true));
    assert_eq!(claim(rig, "ops", ANY, 9).await.len(), 2, "the first one and its end");
    let listed = rig.ledger.alerts(None, 200).await.unwrap();
    assert_eq!(listed.entries.len(), 4, "an end is not listed");
    let all = rig.ledger.all_marks(None).await.unwrap();
    assert_eq!(all.entries, [(first.mark.clone(), at)]);
    rig.ledger.forget_mark(&first.mark, Mark { arm: 9, ..at }).await.unwrap();
    assert!(mark(rig, &first).await.is_some());
    rig.ledger.forget_mark(&first.mark, at).await.unwrap();
    assert_eq!(mark(rig, &first).await, None);
    rig.ledger.verify().await.unwrap();
}

async fn a_second_message_within_the_time_is_suppressed_and_kept(rig: &Rig) {
    let hour = |alert: NewAlert| NewAlert { renotify_ms: 3_600_000, ..alert };
    let first = hour(alert("a", 202_611, 0, &["ops"]));
    assert_eq!(raise(rig, &first).await, NOW);
    raise(rig, &end(&first)).await;
    rig.clock.advance(3_599_999);
    let second = hour(alert("a", 202_611, 1, &["ops"]));
    assert_eq!(raise(rig, &second).await, Raised::Now { suppressed: true });
    let kept = rig.ledger.alert(&second.id).await.unwrap().unwrap();
    assert!(kept.suppressed && kept.deliveries.is_empty());
    raise(rig, &end(&second)).await;
    rig.clock.advance(1);
    let third = hour(alert("a", 202_611, 2, &["ops"]));
    assert_eq!(raise(rig, &third).await, NOW);
    let quiet = hour(alert("b", 202_611, 0, &[]));
    assert_eq!(raise(rig, &quiet).await, NOW);
    assert_eq!(mark(rig, &quiet).await.unwrap().told, None, "nobody heard of it");
}

async fn a_delivery_is_claimed_by_one_and_comes_back_when_its_lease_ends(rig: &Rig) {
    let one = alert("a", 202_611, 0, &["ops"]);
    raise(rig, &one).await;
    let claimed = claim(rig, "ops", ANY, 9).await;
    assert_eq!(
        claimed,
        [Claimed { id: one.id.clone(), text: one.text.clone(), delivery: Delivery::NEW }]
    );
    assert!(claim(rig, "ops", ANY, 9).await.is_empty());
    rig.clock.advance(LEASE - 1);
    assert!(claim(rig, "ops", ANY, 9).await.is_empty());
    rig.clock.advance(1);
    assert_eq!(claim(rig, "ops", ANY, 9).await.len(), 1);
    let channel = id("ops");
    let mut tried = Delivery { attempts: 1, last_error: Some("no".to_owned()), ..Delivery::NEW };
    rig.ledger.record_delivery(&one.id, &channel, &tried, Some(5_000)).await.unwrap();
    assert!(claim(rig, "ops", ANY, 9).await.is_empty());
    rig.clock.advance(5_000);
    assert_eq!(claim(rig, "ops", ANY, 9).await[0].delivery, tried);
    tried.status = DeliveryStatus::Delivered;
    rig.ledger.record_delivery(&one.id, &channel, &tried, None).await.unwrap();
    rig.clock.advance(10 * LEASE);
    assert!(claim(rig, "ops", ANY, 9).await.is_empty());
    let kept = rig.ledger_of(1).alert(&one.id).await.unwrap().unwrap();
    assert_eq!(kept.deliveries.get(&channel), Some(&tried));
}

async fn a_channel_is_used_no_faster_than_it_bears(rig: &Rig) {
    for n in 0..5 {
        raise(rig, &alert(&format!("a{n}"), 202_611, 0, &["slow", "few"])).await;
    }
    let slow = Rate { spacing_ms: 1_000, per_day: None };
    for _ in 0..5 {
        assert_eq!(claim(rig, "slow", slow, 9).await.len(), 1);
        assert!(claim(rig, "slow", slow, 9).await.is_empty());
        rig.clock.advance(1_000);
    }
    let few = Rate { spacing_ms: 0, per_day: Some(3) };
    assert_eq!(claim(rig, "few", few, 9).await.len(), 3);
    assert!(claim(rig, "few", few, 9).await.is_empty());
    rig.clock.advance(86_400_000);
    assert_eq!(claim(rig, "few", few, 9).await.len(), 3);
}

async fn what_waits_for_a_channel_can_be_dropped(rig: &Rig) {
    for n in 0..3 {
        raise(rig, &alert(&format!("a{n}"), 202_611, 0, &["ops", "mail"])).await;
    }
    claim(rig, "ops", ANY, 1).await;
    assert_eq!(rig.ledger.drop_due(&id("ops"), "the channel was deleted").await.unwrap(), 3);
    rig.clock.advance(LEASE);
    assert!(claim(rig, "ops", ANY, 9).await.is_empty());
    assert_eq!(claim(rig, "mail", ANY, 9).await.len(), 3);
    for kept in rig.ledger.alerts(None, 9).await.unwrap().entries {
        let dropped = &kept.deliveries[&id("ops")];
        assert_eq!(dropped.status, DeliveryStatus::Failed);
        assert_eq!(dropped.last_error.as_deref(), Some("the channel was deleted"));
    }
}

async fn alerts_are_listed_newest_first_and_end_after_a_month(rig: &Rig) {
    for n in 0..5 {
        raise(rig, &alert(&format!("a{n}"), 202_611, 0, &[])).await;
        rig.clock.advance(1);
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = rig.ledger_of(1).alerts(after.as_deref(), 2).await.unwrap();
        seen.extend(page.entries.into_iter().map(|kept| kept.text));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["of a4", "of a3", "of a2", "of a1", "of a0"]);
    rig.clock.advance(30 * 86_400_000);
    raise(rig, &alert("new", 202_612, 0, &[])).await;
    let listed = rig.ledger.alerts(None, 200).await.unwrap().entries;
    assert_eq!(listed.into_iter().map(|kept| kept.text).collect::<Vec<_>>(), ["of new"]);
}

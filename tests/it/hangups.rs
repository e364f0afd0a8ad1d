//! Clients that hang up at random bytes, in every dialect, where that stops the provider's bill and
//! where it does not: each call ends once, and nothing is free that was served.
//! `FAREBOX_HANGUPS=10000` for the full run; `--nocapture` shows the reckoning.

use crate::hangups_calls::{Client, SORTS, providers};
use crate::hangups_reckoning::Reckoning;
use crate::world::{LIMIT, PROVIDER_KEY, World, rules};
use farebox::demo::provider::Simulated;
use farebox::proxy::{Disconnect, Rules};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinSet;

const AT_ONCE: usize = 64;
const USUAL: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_up_at_random_bytes_end_each_call_once_and_pay_for_what_was_served() {
    let all = std::env::var("FAREBOX_HANGUPS").map_or(USUAL, |count| count.parse().unwrap());
    let mut numbers = 0..all;
    let mut sum = Reckoning::default();
    for (behaviour, share) in
        [(Disconnect::Auto, all / 2), (Disconnect::Drain, all / 4), (Disconnect::Cancel, all)]
    {
        let these = numbers.by_ref().take(share).collect();
        let reckoning = crowd(behaviour, these).await;
        eprintln!("{behaviour:?}\n{reckoning}");
        sum.add(&reckoning);
    }
    eprintln!("all\n{sum}");
    assert_eq!(sum.clients, all + 3 * SORTS.len());
    assert!(sum.exact.calls > 0 && sum.estimated.calls > 0, "{sum}");
    sum.estimates_are_not_far_below_the_bill();
}

/// Lets these clients call and hang up, `AT_ONCE` at a time, and reckons when all is quiet.
async fn crowd(behaviour: Disconnect, numbers: Vec<usize>) -> Reckoning {
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let providers = providers(simulated.addr());
    let rules = Rules { on_disconnect: behaviour, ..rules() };
    let world = Arc::new(World::served_by_all(simulated, providers, &[], rules).await);
    let mut reckoning = Reckoning::default();
    let mut lengths = Vec::new();
    for place in 0..SORTS.len() {
        let name = format!("patient-{place}");
        let client = Client::patient(place, &world.user(&name, &[], None, &[]).await);
        let read = client.call(world.addr).await;
        assert!(read.whole && read.succeeded(), "{}", String::from_utf8_lossy(&read.bytes));
        lengths.push(read.bytes.len());
        reckoning.saw(client, read);
    }
    let (numbers, lengths) = (Arc::new(numbers), Arc::new(lengths));
    let next = Arc::new(AtomicUsize::new(0));
    let mut crowd = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (world, numbers) = (world.clone(), numbers.clone());
        let (lengths, next) = (lengths.clone(), next.clone());
        crowd.spawn(async move {
            let mut seen = Vec::new();
            while let Some(number) = numbers.get(next.fetch_add(1, Ordering::SeqCst)) {
                let key = world.user(&format!("hang-{number}"), &[], None, &[]).await;
                let client = Client::new(*number, &lengths, &key);
                let read = client.call(world.addr).await;
                seen.push((client, read));
            }
            seen
        });
    }
    while let Some(seen) = crowd.join_next().await {
        seen.unwrap().into_iter().for_each(|(client, read)| reckoning.saw(client, read));
    }
    assert!(world.stop().await, "connections stay open");
    tokio::time::timeout(LIMIT, world.proxy.settled()).await.unwrap();
    assert!(world.simulated.bill().quiet(LIMIT).await, "answers are still being served");
    reckoning.judge(&world).await;
    reckoning
}

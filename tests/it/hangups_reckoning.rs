//! The provider's bill beside the events of the ledger, call by call: what must hold of each, and
//! the sums of what is exact and what is an estimate.

use crate::hangups_calls::{Client, Read};
use crate::world::World;
use farebox::clock::Clock;
use farebox::demo::provider::BillEntry;
use farebox::ledger::{Ending, EventQuery, Registry, UsageEvent};
use farebox::money::NanoUsd;
use farebox::pricing::{PriceTable, Terms};
use std::collections::BTreeMap;
use std::fmt;

/// Estimates of fewer calls tell nothing about their sort.
const FEW: usize = 4;

/// Sums of some calls, in nano-dollars.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sums {
    pub calls: usize,
    billed: i64,
    charged: i64,
}

impl Sums {
    fn enter(&mut self, billed: i64, charged: i64) {
        self.add(Self { calls: 1, billed, charged });
    }

    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.billed += other.billed;
        self.charged += other.charged;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (billed, charged) = (NanoUsd::new(self.billed), NanoUsd::new(self.charged));
        write!(f, "{:6} calls, billed ${billed}, charged ${charged}", self.calls)?;
        match self.billed {
            0 => Ok(()),
            billed => write!(f, ", {:.4} of the bill", self.charged as f64 / billed as f64),
        }
    }
}

/// What clients saw, what was billed, and what was charged.
#[derive(Default)]
pub struct Reckoning {
    pub clients: usize,
    /// Calls that reached nobody, or were not sent to their end.
    never: usize,
    /// Charged as estimates, for the provider may have seen them, though it has not.
    unseen: Sums,
    pub exact: Sums,
    pub estimated: Sums,
    /// By sort of call: exact ones and estimates.
    sorts: BTreeMap<String, (Sums, Sums)>,
    seen: BTreeMap<String, (Client, Read)>,
}

impl Reckoning {
    /// A client has left.
    pub fn saw(&mut self, client: Client, read: Read) {
        self.clients += 1;
        assert!(self.seen.insert(client.name.clone(), (client, read)).is_none());
    }

    /// Takes the sums of another one.
    pub fn add(&mut self, other: &Self) {
        self.clients += other.clients;
        self.never += other.never;
        self.unseen.add(other.unseen);
        self.exact.add(other.exact);
        self.estimated.add(other.estimated);
        for (sort, (exact, estimated)) in &other.sorts {
            let sums = self.sorts.entry(sort.clone()).or_default();
            sums.0.add(*exact);
            sums.1.add(*estimated);
        }
    }

    /// Judges every call, once nothing goes on any more.
    pub async fn judge(&mut self, world: &World) {
        world.nothing_held().await;
        let bill = world.simulated.bill();
        assert_eq!((bill.refused(), bill.dropped()), (0, 0));
        let billed = once(bill.entries(), |entry| entry.request.clone());
        let charged = once(events(world).await, |event| event.payers.user.to_string());
        let table = PriceTable::builtin().unwrap();
        for name in billed.keys().chain(charged.keys()) {
            assert!(self.seen.contains_key(name), "nobody made the call {name}");
        }
        for (client, read) in std::mem::take(&mut self.seen).into_values() {
            let (entry, event) = (billed.get(&client.name), charged.get(&client.name));
            self.call(&client, &read, entry.map(|entry| (entry, price(&table, entry))), event);
        }
        let charged = self.exact.charged + self.estimated.charged + self.unseen.charged;
        let total = world.account("workspace:default").await.total_usd;
        assert_eq!(total.get(), charged, "events and account disagree");
    }

    /// What was on its way when a client left is in no estimate. All else is, of every sort.
    pub fn estimates_are_not_far_below_the_bill(&self) {
        for (sort, (_, sums)) in &self.sorts {
            let enough = sums.calls < FEW || sums.charged * 3 >= sums.billed;
            assert!(enough, "{sort}: {sums}\n{self}");
        }
    }

    fn call(
        &mut self,
        client: &Client,
        read: &Read,
        billed: Option<(&BillEntry, i64)>,
        event: Option<&UsageEvent>,
    ) {
        let shown = || format!("{client:?}\nbilled {billed:#?}\ncharged {event:#?}");
        let Some(event) = event else {
            assert!(billed.is_none() && !read.succeeded(), "served, not charged: {}", shown());
            self.never += 1;
            return;
        };
        let cost = event.cost.get();
        let Some((_, billed)) = billed else {
            assert!(event.estimated && event.ending == Ending::Left, "not served: {}", shown());
            return self.unseen.enter(0, cost);
        };
        assert!(cost > 0 || billed == 0, "served for free: {}", shown());
        assert!(event.estimated || cost == billed, "exact, and another sum: {}", shown());
        assert!(!event.estimated || !read.whole, "read to its end and estimated: {}", shown());
        let (exact, estimated) = self.sorts.entry(client.sort.name.to_owned()).or_default();
        let sums = if event.estimated {
            [estimated, &mut self.estimated]
        } else {
            [exact, &mut self.exact]
        };
        sums.into_iter().for_each(|sums| sums.enter(billed, cost));
    }
}

impl fmt::Display for Reckoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (sort, (exact, estimated)) in &self.sorts {
            writeln!(f, "{sort:24} exact {exact}\n{:24}  est. {estimated}", "")?;
        }
        let mut served = self.exact;
        served.add(self.estimated);
        writeln!(f, "exact     {}\nestimated {}", self.exact, self.estimated)?;
        writeln!(f, "served    {served}\nunseen    {}", self.unseen)?;
        write!(f, "clients {}, of whose calls none was made {}", self.clients, self.never)
    }
}

/// Entries by their name, of which each has one.
fn once<T>(entries: Vec<T>, name: impl Fn(&T) -> String) -> BTreeMap<String, T> {
    let count = entries.len();
    let named: BTreeMap<_, _> = entries.into_iter().map(|entry| (name(&entry), entry)).collect();
    assert_eq!(named.len(), count, "a call ended more than once");
    named
}

fn price(table: &PriceTable, entry: &BillEntry) -> i64 {
    let terms =
        Terms { service_tier: Some(&entry.tier), at: Clock::system().now(), ..Terms::default() };
    table.find(None, &entry.model).unwrap().cost(&entry.usage(), &terms).get()
}

async fn events(world: &World) -> Vec<UsageEvent> {
    let mut query = EventQuery { limit: 1_000, ..EventQuery::default() };
    let mut events = Vec::new();
    loop {
        let page = world.ledger.events(&query).await.unwrap();
        events.extend(page.entries);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return events,
        }
    }
}

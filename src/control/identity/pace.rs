//! How often somebody did something lately: a bucket each, that fills up within a minute.
//!
//! Invariant: buckets are bounded in number; one that nobody used for a minute is full, so it may be
//! forgotten.

use super::Head;
use crate::clock::UnixMs;
use moka::sync::Cache;
use parking_lot::Mutex;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How many buckets there are at most.
const MOST: u64 = 10_000;
const FORGOTTEN: Duration = Duration::from_secs(90);
/// What one time takes out of a bucket. So much comes in within a minute, for each time that is
/// allowed in a minute: a millisecond brings one for each.
const ONE: u64 = 60_000;

/// Buckets of the same size.
pub(super) struct Pace<K> {
    per_minute: u64,
    buckets: Cache<K, Arc<Mutex<Bucket>>>,
}

#[derive(Debug)]
struct Bucket {
    left: u64,
    at: UnixMs,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Pace<K> {
    pub(super) fn new(per_minute: u32) -> Self {
        let buckets = Cache::builder().max_capacity(MOST).time_to_idle(FORGOTTEN).build();
        Self { per_minute: u64::from(per_minute).max(1), buckets }
    }

    /// One time more, or how long to wait for it, in whole seconds.
    pub(super) fn take(&self, key: &K, now: UnixMs) -> Result<(), Duration> {
        let bucket = self.bucket(key, now);
        let mut bucket = bucket.lock();
        let waited = self.filled(&mut bucket, now);
        if waited.is_ok() {
            bucket.left = bucket.left.saturating_sub(ONE);
        }
        waited
    }

    /// Whether there is room for one time more, else how long to wait.
    pub(super) fn look(&self, key: &K, now: UnixMs) -> Result<(), Duration> {
        let bucket = self.bucket(key, now);
        let mut bucket = bucket.lock();
        self.filled(&mut bucket, now)
    }

    fn bucket(&self, key: &K, now: UnixMs) -> Arc<Mutex<Bucket>> {
        let full = || Arc::new(Mutex::new(Bucket { left: self.full(), at: now }));
        self.buckets.get_with_by_ref(key, full)
    }

    fn full(&self) -> u64 {
        self.per_minute.saturating_mul(ONE)
    }

    fn filled(&self, bucket: &mut Bucket, now: UnixMs) -> Result<(), Duration> {
        let passed = u64::try_from(now.saturating_sub(bucket.at)).unwrap_or(0);
        let more = passed.saturating_mul(self.per_minute);
        bucket.left = bucket.left.saturating_add(more).min(self.full());
        bucket.at = bucket.at.max(now);
        match ONE.saturating_sub(bucket.left) {
            0 => Ok(()),
            lacking => {
                let seconds = lacking.div_ceil(self.per_minute).div_ceil(1000);
                Err(Duration::from_secs(seconds))
            }
        }
    }
}

/// Where requests come from: an address, of IPv6 the network that one customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Address(IpAddr);

impl Address {
    /// The other end of the connection that a request came by.
    pub(super) fn of(head: &Head) -> Self {
        Self::at(head.extensions.get::<SocketAddr>())
    }

    fn at(peer: Option<&SocketAddr>) -> Self {
        Self(match peer.map(|peer| peer.ip().to_canonical()) {
            Some(IpAddr::V6(ip)) => {
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)))
            }
            Some(ip) => ip,
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r057_so_many_a_minute_and_then_one_at_a_time() {
        let pace: Pace<&str> = Pace::new(10);
        for _ in 0..10 {
            assert_eq!(pace.look(&"a", 0), Ok(()));
            assert_eq!(pace.take(&"a", 0), Ok(()));
        }
        assert_eq!(pace.take(&"a", 0), Err(Duration::from_secs(6)));
        assert_eq!(pace.take(&"a", 5_500), Err(Duration::from_secs(1)));
        assert_eq!(pace.take(&"b", 5_500), Ok(()));
        assert_eq!(pace.take(&"a", 6_000), Ok(()));
        assert_eq!(pace.look(&"a", 6_000), Err(Duration::from_secs(6)));
        assert_eq!(pace.take(&"a", 3_000), Err(Duration::from_secs(6)), "a clock that went back");
        for _ in 0..10 {
            assert_eq!(pace.take(&"a", 1_000_000), Ok(()));
        }
        assert!(pace.take(&"a", 1_000_000).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let pace: Pace<u32> = Pace::new(10);
        for key in 0..50_000 {
            let _ = pace.take(&key, 0);
        }
        pace.buckets.run_pending_tasks();
        assert!(pace.buckets.entry_count() <= MOST);
    }

    #[test]
    fn a_customer_with_a_network_is_one_address() {
        let of = |text: &str| Address::at(Some(&text.parse().unwrap()));
        assert_eq!(of("[2001:db8:0:1::1]:5"), of("[2001:db8:0:1:ffff::9]:6"));
        assert_ne!(of("[2001:db8:0:1::1]:5"), of("[2001:db8:0:2::1]:5"));
        assert_eq!(of("[::ffff:10.0.0.1]:5"), of("10.0.0.1:7"));
        assert_ne!(of("10.0.0.1:5"), of("10.0.0.2:5"));
    }
}

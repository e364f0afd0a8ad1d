//! Which addresses alerts may be sent to: those of the public internet, and those that the operator
//! allows. Pure.
//!
//! Invariant: an address of IPv6 that stands for one of IPv4 is judged as that one, and never
//! better: written so, it is refused unless it is allowed.

use crate::ledger::Network;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not public: the first address, and how many bits they share.
const SPECIAL_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Azure's platform, at every machine there.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Networks inside of the global unicast of IPv6 (`2000::/3`) that are not public: protocol
/// assignments with Teredo, documentation, 6to4.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// The networks that may be reached although they are not public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed(Vec<Network>);

impl Allowed {
    /// The public internet and these networks.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// The networks, as they were given.
    pub fn networks(&self) -> &[Network] {
        &self.0
    }

    /// Whether an address may be connected to.
    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.0.iter().any(|network| network.contains(address))
    }

    /// An error that says what an address is, and how it is allowed.
    pub(super) fn refusal(address: IpAddr) -> String {
        format!(
            "{address} is not an address of the public internet; to allow it, write it or its \
             network into allow_private of [alerts]"
        )
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let within = |(first, bits): &(Ipv4Addr, u32)| same_v4(four, *first, *bits);
            !SPECIAL_V4.iter().any(within)
        }
        IpAddr::V6(six) => match translated(six) {
            Some(four) => is_public(IpAddr::V4(four)),
            None => {
                let within = |(first, bits): &(Ipv6Addr, u32)| same_v6(six, *first, *bits);
                let global = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0);
                same_v6(six, global, 3) && !SPECIAL_V6.iter().any(within)
            }
        },
    }
}

/// The address behind a translator (`64:ff9b::/96`), as networks without IPv4 name public ones.
fn translated(six: Ipv6Addr) -> Option<Ipv4Addr> {
    let prefix = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    let [.., a, b, c, d] = six.octets();
    same_v6(six, prefix, 96).then(|| Ipv4Addr::new(a, b, c, d))
}

fn same_v4(one: Ipv4Addr, other: Ipv4Addr, bits: u32) -> bool {
    (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits
}

fn same_v6(one: Ipv6Addr, other: Ipv6Addr, bits: u32) -> bool {
    (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(allowed: &[&str], address: &str) -> bool {
        let networks = allowed.iter().map(|text| text.parse().unwrap()).collect();
        Allowed::new(networks).permits(address.parse().unwrap())
    }

    #[test]
    fn only_the_public_internet_may_be_reached() {
        for public in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "168.63.129.15",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "64:ff9b::808:808",
        ] {
            assert!(permits(&[], public), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!permits(&[], special), "{special}");
        }
    }

    #[test]
    fn an_operator_can_allow_more() {
        assert!(permits(&["10.1.0.0/16"], "10.1.2.3"));
        assert!(!permits(&["10.1.0.0/16"], "10.2.2.3"));
        assert!(permits(&["127.0.0.1"], "::ffff:127.0.0.1"));
        assert!(permits(&["fd00::/8"], "fd00::7"));
    }
}

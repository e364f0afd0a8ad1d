//! Keys of users: how they are made, and the digest that stands for them everywhere.
//!
//! The text of a key exists only in the answer that creates it and in the client's requests. All
//! look-ups, caches and records go by its SHA-256.

use crate::ids::Id;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use std::fmt;

/// What every user key begins with.
pub const KEY_PREFIX: &str = "sk-fb-";

/// The SHA-256 of a secret. Does not reveal it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Digests a secret's text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// All 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads what [`SecretDigest::hex`] writes.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            let at = i.checked_mul(2)?;
            *byte = u8::from_str_radix(text.get(at..at.checked_add(2)?)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The id of the key with this digest: its first 32 hexadecimal digits.
    pub fn key_id(&self) -> Option<Id> {
        self.hex().get(..32)?.parse().ok()
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.0[..], &other.0[..]).into()
    }
}

/// Eight digits, enough to tell keys apart in a log.
impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex().get(..8).unwrap_or_default())
    }
}

/// A new user key: `sk-fb-` and 43 base62 characters (256 random bits).
pub fn new_user_key() -> SecretString {
    format!("{KEY_PREFIX}{}", random_text()).into()
}

/// 43 random base62 characters: an admin token, a lease owner.
pub fn random_text() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 43)
}

/// What may be shown of a key: its first ten and last four characters.
pub fn label(key: &str) -> String {
    let tail = key.len().saturating_sub(4);
    format!("{}…{}", key.get(..10).unwrap_or_default(), key.get(tail..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn keys_are_long_random_and_shown_in_part_only() {
        let (a, b) = (new_user_key(), new_user_key());
        let (a, b) = (a.expose_secret(), b.expose_secret());
        assert_eq!(a.len(), 49);
        assert_ne!(a, b);
        assert_eq!(label(a).chars().count(), 15);
    }

    #[test]
    fn a_digest_survives_its_text_form() {
        let digest = SecretDigest::of("sk-fb-x");
        assert_eq!(SecretDigest::from_hex(&digest.hex()), Some(digest));
        assert_eq!(digest.key_id().unwrap().as_str(), &digest.hex()[..32]);
        assert!(digest.matches(&SecretDigest::of("sk-fb-x")));
        assert!(!digest.matches(&SecretDigest::of("sk-fb-y")));
        assert_eq!(SecretDigest::from_hex("zz"), None);
    }
}

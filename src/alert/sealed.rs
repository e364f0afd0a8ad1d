//! Seals what has secrets before it goes to the ledger, which holds none in the clear.
//!
//! Invariant: a text opens under the token that sealed it and the name that it was sealed for, and
//! under nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const FORM: &str = "aes-256-gcm:";

/// Seals and opens with a key that follows from the operator's token, which all proxies of a ledger
/// share.
#[derive(Debug)]
pub(super) struct Seal(Option<LessSafeKey>);

impl Seal {
    pub(super) fn of(token: &SecretString) -> Self {
        let key = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes()).ok();
        let key = key.and_then(|mac| {
            let key = mac.chain_update("farebox: channels of alerts").finalize().into_bytes();
            UnboundKey::new(&AES_256_GCM, &key).ok()
        });
        Self(key.map(LessSafeKey::new))
    }

    /// The sealed form; `None` where the machine gives no random numbers.
    pub(super) fn seal(&self, name: &str, text: &str) -> Option<String> {
        let mut sealed = [0; NONCE_LEN].to_vec();
        SystemRandom::new().fill(&mut sealed).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(&sealed).ok()?;
        let mut body = text.as_bytes().to_vec();
        let key = self.0.as_ref()?;
        key.seal_in_place_append_tag(nonce, Aad::from(name.as_bytes()), &mut body).ok()?;
        sealed.append(&mut body);
        Some(format!("{FORM}{}", STANDARD.encode(sealed)))
    }

    /// What was sealed; `None` where it was under another token, for another name, or is damaged.
    pub(super) fn open(&self, name: &str, sealed: &str) -> Option<String> {
        let sealed = STANDARD.decode(sealed.strip_prefix(FORM)?).ok()?;
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let key = self.0.as_ref()?;
        let text = key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut body).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_and_name_open_it() {
        let seal = |token: &str| Seal::of(&SecretString::from(token));
        let sealed = seal("a-token-of-the-operator").seal("ops", "{\"secret\":\"x\"}").unwrap();
        assert!(!sealed.contains("secret"));
        assert_ne!(
            seal("a-token-of-the-operator").seal("ops", "{\"secret\":\"x\"}"),
            Some(sealed.clone())
        );
        let opened = |token: &str, name: &str, text: &str| seal(token).open(name, text);
        let text = opened("a-token-of-the-operator", "ops", &sealed);
        assert_eq!(text.as_deref(), Some("{\"secret\":\"x\"}"));
        assert_eq!(opened("another-token-of-his", "ops", &sealed), None);
        assert_eq!(opened("a-token-of-the-operator", "oops", &sealed), None);
        for damaged in ["", "x", "aes-256-gcm:", "aes-256-gcm:AAAA", &sealed[..sealed.len() - 4]] {
            assert_eq!(opened("a-token-of-the-operator", "ops", damaged), None);
        }
    }
}

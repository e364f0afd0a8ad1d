//! One API key of ours at a provider.

use super::health::Health;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// One API key of ours at a provider. Clones share their health.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its name in logs, events and limits. Never the key.
    pub name: String,
    /// The key.
    pub secret: SecretString,
    /// Its share where the pool is `weighted`. With 0 it is used only where nothing else can be.
    pub weight: u32,
    /// How it is.
    pub health: Arc<Health>,
}

impl Credential {
    /// A credential of weight 1 that nothing is known of.
    pub fn new(name: impl Into<String>, secret: SecretString) -> Self {
        Self { name: name.into(), secret, weight: 1, health: Arc::default() }
    }

    /// Whether both are the same key by the same name.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.secret.expose_secret() == other.secret.expose_secret()
    }
}

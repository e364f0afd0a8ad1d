//! Scripts that are played to the callers of one credential, so that one of a pool can fail while the
//! others work.

use http::HeaderValue;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// Scripts by credential.
#[derive(Debug, Clone, Default)]
pub(super) struct Plays(Arc<RwLock<HashMap<String, HeaderValue>>>);

impl Plays {
    pub(super) fn set(&self, credential: &str, script: Option<&'static str>) {
        let mut plays = self.0.write();
        match script {
            Some(script) => {
                plays.insert(credential.to_owned(), HeaderValue::from_static(script));
            }
            None => {
                plays.remove(credential);
            }
        }
    }

    pub(super) fn get(&self, credential: &str) -> Option<HeaderValue> {
        self.0.read().get(credential).cloned()
    }
}

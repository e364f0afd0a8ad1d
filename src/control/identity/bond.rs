//! What ties a login or a link to the text of the token that it was made with.
//!
//! Invariants: it has no secret. It holds for as long as that text works: a token that is revoked,
//! rotated (once the grace is over) or expired ends what was made with it, and so does another
//! operator's token.

use super::super::principal::Principal;
use super::super::problem::Problem;
use super::{Identity, TOKEN, holder_of};
use crate::ids::Id;
use crate::secret::SecretDigest;
use serde::{Deserialize, Serialize};

/// A tie between a secret, such as a cookie, and a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bond {
    /// The token's id; `None`: the configured token.
    token: Option<Id>,
    /// The digest of both, which only whoever has the secret can compare.
    bound: String,
}

impl Bond {
    /// Ties a secret to the token of `by`, which has this digest.
    pub(super) fn tie(by: &Principal, token: &SecretDigest, secret: &str) -> Self {
        Self {
            token: by.name.strip_prefix(TOKEN).and_then(|id| id.parse().ok()),
            bound: digest(secret, token).hex(),
        }
    }

    fn holds(&self, secret: &str, token: &SecretDigest) -> bool {
        SecretDigest::from_hex(&self.bound)
            .is_some_and(|bound| bound.matches(&digest(secret, token)))
    }
}

fn digest(secret: &str, token: &SecretDigest) -> SecretDigest {
    SecretDigest::of(&format!("login {secret} {}", token.hex()))
}

impl Identity {
    /// Who a secret stands for, if its token is still the one that it was tied to; and the digest of
    /// that token.
    pub(super) async fn tied(
        &self,
        bond: &Bond,
        secret: &str,
    ) -> Result<Option<(Principal, SecretDigest)>, Problem> {
        let Some(id) = &bond.token else {
            let same = bond.holds(secret, &self.configured);
            return Ok(same.then(|| (Principal::configured(), self.configured)));
        };
        let now = self.clock.now();
        let Some(token) = self.token(id).await?.filter(|token| token.lives(now)) else {
            return Ok(None);
        };
        let digest = token.digests(now).find(|digest| bond.holds(secret, digest));
        Ok(digest.map(|digest| (holder_of(id, &token), digest)))
    }
}

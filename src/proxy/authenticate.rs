//! Who calls: the key in the request, its digest, and the caller behind it.
//!
//! The text of a key is digested at once and goes no further. Callers are remembered for one
//! second, so that a revocation reaches every proxy within it, and the one that made it at once.

use super::refusal::Refusal;
use crate::clock::Clock;
use crate::dialect::unescaped;
use crate::ledger::{Caller, Ledger};
use crate::secret::{KEY_PREFIX, SecretDigest};
use http::HeaderMap;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;
use moka::sync::Cache;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The headers in which a key may come, besides `Authorization: Bearer`.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Browsers cannot send headers with a WebSocket; a key is offered as a subprotocol of this name.
pub(super) const KEY_PROTOCOL: &str = "openai-insecure-api-key.";

const REMEMBERED: Duration = Duration::from_secs(1);

/// Finds callers by key, and remembers them for a second.
pub(super) struct Callers {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    /// Each with how often accounts had been changed before.
    known: Cache<SecretDigest, (u64, Option<Arc<Caller>>)>,
}

impl Callers {
    pub(super) fn new(ledger: Arc<dyn Ledger>, clock: Clock) -> Self {
        let known = Cache::builder().max_capacity(100_000).time_to_live(REMEMBERED).build();
        Self { ledger, clock, known }
    }

    /// The caller of a request, unless the key is wrong or its owner is suspended. `who` is whose
    /// key it is, also where it is refused.
    pub(super) async fn find(
        &self,
        head: &Parts,
        who: &mut Option<Arc<Caller>>,
    ) -> Result<Arc<Caller>, Refusal> {
        let caller = who.insert(self.named(head).await?).clone();
        self.admits(&caller, head)?;
        if caller.suspended { Err(Refusal::Suspended) } else { Ok(caller) }
    }

    /// The owner of the key in a request, also a suspended one, unless the key is wrong or may not
    /// be used from where the request comes. The listener says who that is, and no header.
    pub(super) async fn owner(&self, head: &Parts) -> Result<Arc<Caller>, Refusal> {
        let caller = self.named(head).await?;
        self.admits(&caller, head)?;
        Ok(caller)
    }

    /// Whose the key in a request is, whatever became of it.
    async fn named(&self, head: &Parts) -> Result<Arc<Caller>, Refusal> {
        let (headers, query) = (&head.headers, head.uri.query());
        let key = presented_key(headers, query)?;
        let digest = SecretDigest::of(key);
        let changes = self.ledger.news().changes();
        let caller = match self.known.get(&digest) {
            Some((then, known)) if then == changes => known,
            _ => {
                let found = self.ledger.caller(&digest).await.map_err(|error| {
                    tracing::warn!(%error, "cannot look up a key");
                    Refusal::Ledger
                })?;
                let found = found.map(Arc::new);
                self.known.insert(digest, (changes, found.clone()));
                found
            }
        };
        caller.ok_or_else(|| {
            tracing::debug!(key = ?digest, "an unknown key");
            Refusal::Key("it is unknown")
        })
    }

    /// Refuses a key that is no longer valid, or not where the request comes from.
    fn admits(&self, caller: &Caller, head: &Parts) -> Result<(), Refusal> {
        if caller.revoked {
            return Err(Refusal::Key("it was revoked"));
        }
        if caller.expires.is_some_and(|at| at <= self.clock.now()) {
            return Err(Refusal::Key("it has expired"));
        }
        let peer = head.extensions.get::<SocketAddr>().map(|peer| peer.ip().to_canonical());
        if !caller.reach.includes(peer) {
            let shown = peer.map_or_else(|| "an unknown address".to_owned(), |at| at.to_string());
            return Err(Refusal::AddressNotAllowed(shown));
        }
        Ok(())
    }
}

/// The one key that a request presents. Two different ones are refused: guessing which was meant
/// would charge somebody by chance.
fn presented_key<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Result<&'a str, Refusal> {
    let mut found: Option<&str> = None;
    let mut take = |key: &'a str| match found {
        Some(other) if other != key => Err(Refusal::Key("the request has two different keys")),
        _ => {
            found = Some(key);
            Ok(())
        }
    };
    let mut bearers = headers.get_all(AUTHORIZATION).iter();
    if let Some(value) = bearers.next() {
        if bearers.next().is_some() {
            return Err(Refusal::Key("the request has two Authorization headers"));
        }
        let text = value.to_str().map_err(|_| Refusal::Key("it is not ASCII text"))?;
        let bearer = match text.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
            _ => return Err(Refusal::Key("the Authorization header is not `Bearer KEY`")),
        };
        take(bearer)?;
    }
    for name in KEY_HEADERS {
        for value in headers.get_all(name) {
            take(value.to_str().map_err(|_| Refusal::Key("it is not ASCII text"))?.trim())?;
        }
    }
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let offered = value.to_str().unwrap_or_default().split(',');
        for key in offered.filter_map(|name| name.trim().strip_prefix(KEY_PROTOCOL)) {
            take(key)?;
        }
    }
    for pair in query.unwrap_or_default().split('&') {
        if let Some(key) = pair.strip_prefix("key=") {
            take(key)?;
        }
    }
    let key = found.ok_or(Refusal::Key("the request has no key"))?;
    let random = key.strip_prefix(KEY_PREFIX).ok_or(Refusal::Key("it is unknown"))?;
    let fits = random.len() == 43 && random.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { Ok(key) } else { Err(Refusal::Key("it is unknown")) }
}

/// What a query can say of who calls. Our credential says that, and next to it a provider would take
/// any other for a wrong one of ours.
const OF_THE_CLIENT: [&str; 3] = ["key", "access_token", "userProject"];

/// The query without a key, as it goes to the provider.
pub(super) fn query_without_key(query: &str) -> String {
    let goes_on = |pair: &&str| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        let plain = unescaped(name);
        !OF_THE_CLIENT.contains(&plain.as_deref().unwrap_or(name))
    };
    let kept: Vec<&str> = query.split('&').filter(goes_on).collect();
    kept.join("&")
}

/// Whether a header may carry the client's key and must not go to the provider.
pub(super) fn carries_a_key(name: &str) -> bool {
    name == AUTHORIZATION.as_str() || KEY_HEADERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-fb-0123456789012345678901234567890123456789abc";

    fn check(headers: &[(&'static str, &str)], query: Option<&str>, expected: Result<(), &str>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let found = presented_key(&map, query);
        match expected {
            Ok(()) => assert_eq!(found, Ok(KEY), "{headers:?}"),
            Err(why) => match found {
                Err(Refusal::Key(text)) => assert!(text.contains(why), "{text}"),
                other => panic!("{headers:?} gave {other:?}"),
            },
        }
    }

    #[test]
    fn finds_the_key_wherever_sdks_put_it() {
        let bearer = format!("Bearer {KEY}");
        check(&[("authorization", &bearer)], None, Ok(()));
        check(&[("authorization", &format!("bearer  {KEY} "))], None, Ok(()));
        check(&[("x-api-key", KEY)], None, Ok(()));
        check(&[("api-key", KEY), ("authorization", &bearer)], None, Ok(()));
        check(&[("x-goog-api-key", KEY)], None, Ok(()));
        check(&[], Some(&format!("alt=sse&key={KEY}")), Ok(()));
        let offered = format!("realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1");
        check(&[("sec-websocket-protocol", &offered)], None, Ok(()));
    }

    #[test]
    fn refuses_what_is_not_exactly_one_of_our_keys() {
        let bearer = format!("Bearer {KEY}");
        check(&[], None, Err("no key"));
        check(&[("authorization", KEY)], None, Err("Bearer KEY"));
        check(&[("authorization", "Bearer sk-openai")], None, Err("unknown"));
        check(&[("authorization", "Bearer sk-fb-short")], None, Err("unknown"));
        check(&[("authorization", &bearer), ("authorization", &bearer)], None, Err("two Auth"));
        check(&[("authorization", &bearer), ("x-api-key", "other")], None, Err("two different"));
        check(&[("authorization", &format!("Bearer {}", KEY.replace('0', "'")))], None, Err("unk"));
    }

    #[test]
    fn the_key_leaves_the_query() {
        assert_eq!(query_without_key("alt=sse&key=x&a=b"), "alt=sse&a=b");
        assert_eq!(query_without_key("key=x"), "");
        let others =
            "access_token=x&$.xgafv=1&access%5Ftoken=x&k%65y=x&userProject=p&include%5B%5D=a";
        assert_eq!(query_without_key(others), "$.xgafv=1&include%5B%5D=a");
    }
}

//! The handshake: what of it goes on, in which direction, and the model that it names.

use crate::dialect::{Unreadable, unescaped};
use crate::proxy::authenticate::KEY_PROTOCOL;
use crate::proxy::headers;
use crate::proxy::refusal::Refusal;
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::request::Parts;
use hyper::upgrade::OnUpgrade;

/// Subprotocols in which browsers send what others send as headers, and which stay here as those do.
const OF_THE_CLIENT: [&str; 3] = [KEY_PROTOCOL, "openai-organization.", "openai-project."];

/// Takes what will become of the client's connection, if this is a handshake.
pub(super) fn upgrade(head: &mut Parts) -> Option<OnUpgrade> {
    let asked = names(&head.headers, CONNECTION, "upgrade")
        && names(&head.headers, UPGRADE, "websocket")
        && head.headers.contains_key(SEC_WEBSOCKET_KEY);
    head.extensions.remove().filter(|_| asked)
}

fn names(headers: &HeaderMap, list: HeaderName, word: &str) -> bool {
    listed(headers, list).any(|name| name.eq_ignore_ascii_case(word))
}

fn listed(headers: &HeaderMap, list: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(list).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

/// The headers of a handshake as they go to the provider, without a credential. Nothing that would
/// change the frames is offered, so that they can be read.
pub(super) fn to_provider(headers: &HeaderMap) -> HeaderMap {
    let mut out = headers::to_provider(headers, false);
    out.remove(SEC_WEBSOCKET_EXTENSIONS);
    out.remove(SEC_WEBSOCKET_PROTOCOL);
    let stays = |name: &&str| OF_THE_CLIENT.iter().any(|prefix| name.starts_with(prefix));
    let offered = listed(headers, SEC_WEBSOCKET_PROTOCOL).filter(|name| !stays(name));
    let offered = offered.collect::<Vec<_>>().join(", ");
    if let Ok(offered) = HeaderValue::try_from(offered)
        && !offered.is_empty()
    {
        out.insert(SEC_WEBSOCKET_PROTOCOL, offered);
    }
    switching(out)
}

/// The headers of a provider's agreement as they go to the client, who gets no subprotocol that it
/// did not offer.
pub(super) fn to_client(headers: &HeaderMap, asked: &HeaderMap) -> HeaderMap {
    let mut out = headers::to_client(headers, false);
    out.remove(SEC_WEBSOCKET_EXTENSIONS);
    let chosen = headers.get(SEC_WEBSOCKET_PROTOCOL).and_then(|name| name.to_str().ok());
    let offered = chosen.is_some_and(|chosen| {
        listed(asked, SEC_WEBSOCKET_PROTOCOL).any(|name| name == chosen.trim())
    });
    if !offered {
        out.remove(SEC_WEBSOCKET_PROTOCOL);
    }
    switching(out)
}

fn switching(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers
}

/// The model that a query names: once, and so that nobody can read another name in it.
pub(super) fn model(query: &str) -> Result<Option<String>, Refusal> {
    let refused = |message: String| Refusal::Body(Unreadable { param: Some("model"), message });
    let mut found = None;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name.contains(['%', '+']) {
            return Err(refused("Write the names in the query without escapes.".to_owned()));
        }
        if !["model", "deployment"].contains(&name) {
            continue;
        }
        let named = unescaped(value).filter(|named| !named.is_empty()).ok_or_else(|| {
            refused("`model` in the query is not the name of a model.".to_owned())
        })?;
        if found.replace(named).is_some() {
            return Err(refused("The query names two models; name one.".to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn the_key_and_compression_stay_here() {
        let sent = to_provider(&map(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-fb-x"),
            ("sec-websocket-protocol", "openai-project.p, openai-beta.realtime-v1"),
            ("sec-websocket-extensions", "permessage-deflate"),
        ]));
        let kept = map(&[
            ("sec-websocket-key", "k"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "realtime, openai-beta.realtime-v1"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
        ]);
        assert_eq!(sent, kept);
        let only_a_key = map(&[("sec-websocket-protocol", "openai-insecure-api-key.sk-fb-x")]);
        assert!(!to_provider(&only_a_key).contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn the_client_gets_what_it_offered() {
        let asked = map(&[("sec-websocket-protocol", "a, realtime")]);
        let agreed = |protocol| {
            let said = map(&[("sec-websocket-accept", "x"), ("sec-websocket-extensions", "y")]);
            let mut said = said;
            said.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
            to_client(&said, &asked)
        };
        let kept = agreed("realtime");
        assert_eq!(kept.get(SEC_WEBSOCKET_PROTOCOL).unwrap(), "realtime");
        assert_eq!(kept.get("sec-websocket-accept").unwrap(), "x");
        assert!(!kept.contains_key(SEC_WEBSOCKET_EXTENSIONS));
        assert!(!agreed("other").contains_key(SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn a_query_names_one_model() {
        for (query, named) in [
            ("model=gpt-realtime", Some("gpt-realtime")),
            ("a=b&model=org%2Fm", Some("org/m")),
            ("api-version=2026-01-01&deployment=mine", Some("mine")),
            ("call_id=x", None),
            ("", None),
        ] {
            assert_eq!(model(query), Ok(named.map(str::to_owned)), "{query}");
        }
        for query in [
            "model=a&model=b",
            "model=a&deployment=b",
            "model=a&mode%6c=b",
            "model=",
            "model",
            "model=a;model=b",
            "model=a+b",
            "model=%zz",
        ] {
            assert!(matches!(model(query), Err(Refusal::Body(_))), "{query}");
        }
    }
}

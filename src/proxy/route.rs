//! Where a call goes: which operation its path names, which provider serves its model, and the
//! address there.

use super::refusal::Refusal;
use crate::dialect::{self, Route};
use crate::provider::{Credential, Provider, Providers};
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method, Uri};
use secrecy::ExposeSecret;
use std::sync::Arc;

/// A path, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The provider that the path names first (`/groq/v1/…`).
    pub(super) provider: Option<String>,
    /// The path below the provider's base, such as `/chat/completions`.
    pub(super) path: String,
    /// What it names.
    pub(super) route: Route,
}

/// Recognises `/v1/X`, `/PROVIDER/v1/X` and `/PROVIDER/X`.
pub(super) fn recognise(
    method: &Method,
    path: &str,
    providers: &Providers,
) -> Result<Target, Refusal> {
    let unknown = || Refusal::UnknownRoute(format!("{method} {}", shown(path)));
    let (provider, rest) = match named_provider(path, providers) {
        Some((name, rest)) => (Some(name.to_owned()), rest),
        None => (None, path),
    };
    let below = match rest.strip_prefix("/v1/") {
        Some(below) => below,
        None if provider.is_some() => rest.strip_prefix('/').ok_or_else(unknown)?,
        None => return Err(unknown()),
    };
    if below.starts_with("openai/") {
        // Azure's paths name the model themselves; what the body says would be priced instead.
        return Err(unknown());
    }
    let route = dialect::route(method, &format!("/v1/{below}")).ok_or_else(unknown)?;
    Ok(Target { provider, path: format!("/{below}"), route })
}

/// A path as a message may show it: short, and printable only.
pub(super) fn shown(path: &str) -> String {
    path.chars().filter(char::is_ascii_graphic).take(100).collect()
}

fn named_provider<'a>(path: &'a str, providers: &Providers) -> Option<(&'a str, &'a str)> {
    let inner = path.strip_prefix('/')?;
    let (name, rest) = inner.split_at(inner.find('/')?);
    providers.get(name).map(|_| (name, rest))
}

/// Where a call is sent.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) provider: Arc<Provider>,
    pub(super) credential: Option<Credential>,
    pub(super) uri: Uri,
}

impl Destination {
    /// The address of `path` at a provider, with the client's query.
    pub(super) fn new(
        provider: Arc<Provider>,
        path: &str,
        query: Option<&str>,
    ) -> Result<Self, Refusal> {
        let credential = provider.credential().cloned();
        let query = query.map(super::authenticate::query_without_key).filter(|q| !q.is_empty());
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let uri = format!("{}{path}{query}", provider.base_url());
        let uri = uri.parse().map_err(|_| Refusal::UnknownRoute(shown(path)))?;
        Ok(Self { provider, credential, uri })
    }

    /// The credential's name, empty where the provider needs none.
    pub(super) fn credential_name(&self) -> &str {
        self.credential.as_ref().map_or("", |credential| credential.name.as_str())
    }

    /// Adds the provider's credential, if it has one.
    pub(super) fn authorise(&self, headers: &mut HeaderMap) -> Result<(), Refusal> {
        let Some(credential) = &self.credential else { return Ok(()) };
        let bearer = format!("Bearer {}", credential.secret.expose_secret());
        let mut value = HeaderValue::try_from(bearer).map_err(|_| Refusal::Credential)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }
}

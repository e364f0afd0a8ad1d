//! Where a call goes: which operation its path names, which provider serves its model, and the
//! address there.

use super::refusal::Refusal;
use super::tab::Pricing;
use crate::dialect::{self, Dialect, Found};
use crate::provider::{Credential, Provider, Providers};
use http::header::HeaderValue;
use http::request::Parts;
use http::{HeaderMap, Uri};
use secrecy::ExposeSecret;
use std::sync::Arc;

/// A path, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The provider that the path names first (`/groq/v1/…`).
    pub(super) provider: Option<String>,
    /// The path without that name.
    pub(super) path: String,
    /// The dialect that it belongs to.
    pub(super) dialect: Dialect,
    /// What it names.
    pub(super) found: Found,
}

/// Recognises the paths of all dialects, behind the name of a provider or not. OpenAI's paths begin
/// with `/v1/`, which may be left out behind a name.
pub(super) fn recognise(head: &Parts, providers: &Providers) -> Result<Target, Refusal> {
    let (method, path) = (&head.method, head.uri.path());
    let unknown = || Refusal::UnknownRoute(format!("{method} {}", shown(path)));
    let (provider, rest) = match named_provider(path, providers) {
        Some((name, rest)) => (Some(name.to_owned()), rest),
        None => (None, path),
    };
    let (dialect, found) = dialect::route(method, rest, &head.headers).ok_or_else(unknown)?;
    let versioned = ["/v1/", "/v1beta/", "/openai/", "/api/"].iter().any(|v| rest.starts_with(v));
    if provider.is_none() && dialect == Dialect::OpenAi && !versioned {
        return Err(unknown());
    }
    Ok(Target { provider, path: rest.to_owned(), dialect, found })
}

/// The dialect in which a caller is to be answered.
pub(super) fn spoken(path: &str, headers: &HeaderMap, providers: &Providers) -> Dialect {
    let rest = named_provider(path, providers).map_or(path, |(_, rest)| rest);
    dialect::speaks(rest, headers)
}

/// A path as a message may show it: short, and printable only.
pub(super) fn shown(path: &str) -> String {
    path.chars().filter(char::is_ascii_graphic).take(100).collect()
}

fn named_provider<'a>(path: &'a str, providers: &Providers) -> Option<(&'a str, &'a str)> {
    // Azure's paths begin like those of a provider that is named `openai`.
    let inner = path.strip_prefix('/').filter(|path| !path.starts_with("openai/deployments/"))?;
    let (name, rest) = inner.split_at(inner.find('/')?);
    providers.get(name).map(|_| (name, rest))
}

/// Where a call can be sent.
#[derive(Clone)]
pub(super) struct Destination {
    pub(super) provider: Arc<Provider>,
    pub(super) uri: Uri,
    /// In whose manner the credential is shown.
    pub(super) dialect: Dialect,
    /// What the call costs there; absent where it costs nothing, or is not known yet.
    pub(super) pricing: Option<Pricing>,
    /// The model that is asked for there, where it is another one than the call names.
    pub(super) model: Option<String>,
}

impl Destination {
    /// The address of a target at a provider, with the client's query.
    pub(super) fn new(
        provider: Arc<Provider>,
        target: &Target,
        query: Option<&str>,
    ) -> Result<Self, Refusal> {
        let query = query.map(super::authenticate::query_without_key).filter(|q| !q.is_empty());
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let path = dialect::below_base(provider.dialect, target.dialect, &target.path);
        let uri = format!("{}{path}{query}", provider.base_url());
        let uri = uri.parse().map_err(|_| Refusal::UnknownRoute(shown(&path)))?;
        let dialect = dialect::shown_as(provider.dialect, target.dialect);
        Ok(Self { provider, uri, dialect, pricing: None, model: None })
    }

    /// Adds a credential of the provider, if it needs one.
    pub(super) fn authorise(
        &self,
        credential: Option<&Credential>,
        headers: &mut HeaderMap,
    ) -> Result<(), Refusal> {
        let Some(credential) = credential else { return Ok(()) };
        let (name, text) = dialect::credential(self.dialect, credential.secret.expose_secret());
        let mut value = HeaderValue::try_from(text).map_err(|_| Refusal::Credential)?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }
}

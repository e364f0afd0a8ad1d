//! How a provider is addressed: what of a path follows its base, and where the credential goes.

use super::Dialect;
use http::HeaderName;
use http::header::AUTHORIZATION;

/// What follows a provider's base URL. The base of OpenAI's dialect ends in a version; all other
/// bases are followed by the path as it is.
pub fn below_base(provider: Dialect, path: &str) -> &str {
    match provider {
        Dialect::OpenAi if path.starts_with("/v1/") => path.get(3..).unwrap_or(path),
        _ => path,
    }
}

/// In whose manner a provider is shown its credential: its own, but for the routes on which it
/// imitates OpenAI.
pub fn shown_as(provider: Dialect, called: Dialect) -> Dialect {
    match (provider, called) {
        (Dialect::Azure, _) => Dialect::Azure,
        (_, Dialect::OpenAi) => Dialect::OpenAi,
        (provider, _) => provider,
    }
}

/// The header of a credential.
pub fn credential(dialect: Dialect, secret: &str) -> (HeaderName, String) {
    match dialect {
        Dialect::Anthropic => (HeaderName::from_static("x-api-key"), secret.to_owned()),
        Dialect::Gemini => (HeaderName::from_static("x-goog-api-key"), secret.to_owned()),
        Dialect::Azure => (HeaderName::from_static("api-key"), secret.to_owned()),
        _ => (AUTHORIZATION, format!("Bearer {secret}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_end_where_their_sdks_expect() {
        assert_eq!(below_base(Dialect::OpenAi, "/v1/chat/completions"), "/chat/completions");
        assert_eq!(below_base(Dialect::OpenAi, "/chat/completions"), "/chat/completions");
        assert_eq!(below_base(Dialect::Anthropic, "/v1/messages"), "/v1/messages");
    }

    #[test]
    fn credentials_go_where_the_provider_looks() {
        let header = |provider, called| credential(shown_as(provider, called), "s");
        assert_eq!(header(Dialect::Anthropic, Dialect::Anthropic).0, "x-api-key");
        assert_eq!(header(Dialect::Gemini, Dialect::Gemini).0, "x-goog-api-key");
        assert_eq!(header(Dialect::Gemini, Dialect::OpenAi).1, "Bearer s");
        assert_eq!(header(Dialect::Azure, Dialect::OpenAi).0, "api-key");
        assert_eq!(header(Dialect::Ollama, Dialect::Ollama).1, "Bearer s");
    }
}

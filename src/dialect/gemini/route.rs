//! Where Google's operations live. The model stands in the path, the operation behind its colon.

use crate::dialect::{Found, Operation, Route};
use http::Method;

/// What a method and a path name; `google` if a header says that Google's API is meant.
pub(in crate::dialect) fn route(method: &Method, segments: &[&str], google: bool) -> Option<Found> {
    let post = method == Method::POST;
    match segments {
        ["v1" | "v1beta" | "v1alpha", "models" | "tunedModels", named] if post => verb(named),
        ["v1" | "v1beta1", "projects", _, "locations", _, "publishers", who, "models", named]
            if post =>
        {
            match *who {
                "anthropic" => claude(named),
                _ => verb(named),
            }
        }
        [version, rest @ ..] if version.starts_with("v1beta") || *version == "v1" && google => {
            free(method, rest)
        }
        ["upload", version, "files"] if version.starts_with("v1") && post => {
            Some(Found::of(Route::Free))
        }
        ["ws", service] if service.ends_with(".BidiGenerateContent") => {
            Some(Found::of(Route::Socket(Operation::GeminiLive)))
        }
        _ => None,
    }
}

fn free(method: &Method, rest: &[&str]) -> Option<Found> {
    let route = match (method.as_str(), rest) {
        ("GET", ["models", ..]) => Route::Free,
        ("GET", ["files"]) | ("GET", ["cachedContents"]) => Route::Shared,
        ("GET" | "DELETE", ["files", _]) => Route::Free,
        ("POST", ["interactions"]) => Route::Metered(Operation::GeminiInteractions),
        ("GET", ["interactions", _]) => Route::Polled(Operation::GeminiInteractions),
        ("DELETE", ["interactions", _]) => Route::Free,
        (_, ["cachedContents", ..] | ["batches", ..] | ["operations", ..]) => Route::Unmetered,
        _ => return None,
    };
    Some(Found::of(route))
}

/// `MODEL:verb`.
fn verb(named: &str) -> Option<Found> {
    let (model, verb) = named.rsplit_once(':')?;
    let (route, stream) = match verb {
        "generateContent" => (Route::Metered(Operation::GeminiGenerate), false),
        "streamGenerateContent" => (Route::Metered(Operation::GeminiGenerate), true),
        "embedContent" | "batchEmbedContents" => (Route::Metered(Operation::GeminiEmbed), false),
        // Of what Vertex predicts, embeddings report figures; images and videos do not.
        "predict" if model.contains("embedding") => (Route::Metered(Operation::GeminiEmbed), false),
        "countTokens" | "computeTokens" => (Route::Free, false),
        "predict" | "predictLongRunning" | "batchGenerateContent" | "asyncBatchEmbedContent" => {
            (Route::Unmetered, false)
        }
        _ => return None,
    };
    Some(Found { route, model: Some(model.to_owned()), stream })
}

/// Claude on Vertex.
fn claude(named: &str) -> Option<Found> {
    let (model, verb) = named.rsplit_once(':')?;
    let stream = match verb {
        "rawPredict" => false,
        "streamRawPredict" => true,
        _ => return None,
    };
    let free = model == "count-tokens";
    let route = Route::Metered(Operation::AnthropicMessages);
    let route = if free { Route::Free } else { route };
    Some(Found { route, model: Some(model.to_owned()), stream })
}

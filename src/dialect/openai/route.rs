//! Which method and path name which operation.

use crate::dialect::{Found, Operation, Route};
use http::Method;

/// What a method and a path name; `None` if the path is not OpenAI's.
pub(in crate::dialect) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    match segments {
        ["v1beta", "openai", rest @ ..] => azure(method, rest),
        ["openai", rest @ ..] => azure(method, rest),
        ["v1", path @ ..] | path => operation(method, path).map(Found::of),
    }
}

/// Azure's form, and Google's of the same beginning.
fn azure(method: &Method, path: &[&str]) -> Option<Found> {
    match path {
        ["deployments", name, rest @ ..] => {
            let found = deployment(method, rest)?;
            Some(Found { model: Some((*name).to_owned()), ..Found::of(found) })
        }
        ["v1", rest @ ..] | rest => operation(method, rest).map(Found::of),
    }
}

/// Azure's older form names the model in the path.
fn deployment(method: &Method, rest: &[&str]) -> Option<Route> {
    let known = matches!(
        rest,
        ["chat", "completions"] | ["completions"] | ["embeddings"] | ["audio" | "images", ..]
    );
    operation(method, rest).filter(|_| known && method == Method::POST)
}

fn operation(method: &Method, path: &[&str]) -> Option<Route> {
    let post = method == Method::POST;
    let metered = |operation| post.then_some(Route::Metered(operation));
    match path {
        ["chat", "completions"] | ["files"] | ["batches"] if method == Method::GET => {
            Some(Route::Shared)
        }
        ["chat", "completions"] => metered(Operation::OpenAiChat),
        ["completions"] => metered(Operation::OpenAiCompletions),
        ["responses"] | ["responses", "compact"] => metered(Operation::OpenAiResponses),
        ["embeddings"] => metered(Operation::OpenAiEmbeddings),
        ["audio", "transcriptions" | "translations"] => metered(Operation::OpenAiTranscription),
        ["audio", "speech"] => metered(Operation::OpenAiSpeech),
        ["images", "generations" | "edits" | "variations"] => metered(Operation::OpenAiImages),
        ["realtime"] if method == Method::GET => Some(Route::Socket(Operation::OpenAiRealtime)),
        ["live"] if method == Method::GET => Some(Route::Socket(Operation::OpenAiLive)),
        ["responses", _] if method == Method::GET => {
            Some(Route::Polled(Operation::OpenAiResponses))
        }
        ["batches", _] if method == Method::GET => Some(Route::Polled(Operation::OpenAiBatches)),
        _ if is_free(method, path) => Some(Route::Free),
        _ => is_unmetered(path).then_some(Route::Unmetered),
    }
}

fn is_free(method: &Method, path: &[&str]) -> bool {
    matches!(
        (method.as_str(), path),
        ("GET", ["models", ..])
            | ("POST", ["files"])
            | ("GET" | "DELETE", ["files", _])
            | ("GET", ["files", _, "content"])
            | ("POST", ["moderations"] | ["responses", "input_tokens"])
            | ("DELETE", ["responses", _])
            | ("GET", ["responses", _, "input_items"])
            | ("POST", ["responses", _, "cancel"])
            | ("GET" | "POST" | "DELETE", ["chat", "completions", _])
            | ("GET", ["chat", "completions", _, "messages"])
            | ("POST", ["batches"] | ["batches", _, "cancel"])
    )
}

/// What costs money, now or later, and is not metered yet.
fn is_unmetered(path: &[&str]) -> bool {
    const FAMILIES: &[&str] = &[
        "assistants",
        "audio",
        "batches",
        "chatkit",
        "containers",
        "evals",
        "fine_tuning",
        "images",
        "live",
        "realtime",
        "threads",
        "vector_stores",
        "videos",
    ];
    path.first().is_some_and(|family| FAMILIES.contains(family))
}

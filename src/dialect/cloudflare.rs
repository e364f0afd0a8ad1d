//! Cloudflare Workers AI: OpenAI's figures in an envelope; the model stands in the path.

use super::answer::{Fact, Facts, Name, Progress, add, with_texts};
use super::format::Format;
use super::openai::places::with_usage;
use super::openai::usage;
use super::request::{Field, Spot, anywhere, fields, texts};
use super::{Found, Operation, Route};
use crate::framing::json::Tree;
use crate::usage::Reading;
use http::Method;
use std::sync::LazyLock;

/// What a method and a path name: `…/accounts/ID/ai/run/MODEL`, where the model has slashes.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    let model = match segments {
        ["client", "v4", "accounts", _, "ai", "run", model @ ..] => model,
        ["accounts", _, "ai", "run", model @ ..] | ["ai", "run", model @ ..] => model,
        _ => return None,
    };
    if method != Method::POST || model.is_empty() {
        return None;
    }
    let route = Route::Metered(Operation::CloudflareRun);
    Some(Found { route, model: Some(model.join("/")), stream: false })
}

/// Where a request says what.
pub(super) static ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = fields(&[
        ("", Field::Body),
        ("stream", Field::Stream),
        ("max_tokens", Field::Ceiling),
        ("image", Field::Elsewhere),
        ("tools", Field::Definitions),
        ("response_format", Field::Definitions),
    ]);
    let tree = texts(
        tree,
        &["prompt", "messages[].content", "messages[].content[].text", "text", "text[]"],
    );
    anywhere(tree, Field::Elsewhere, &["image_url"])
});

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = with_texts(
        Tree::new(),
        &[
            "response",
            "result.response",
            "choices[].delta.content",
            "choices[].message.content",
            "result.choices[].message.content",
        ],
    );
    let places = [
        ("model", Fact::Name(Name::Model)),
        ("result.model", Fact::Name(Name::Model)),
        ("errors[]", Fact::Error),
        ("choices[].finish_reason", Fact::FinishReason),
    ];
    let tree = with_usage(add(tree, "", &places), "", "usage");
    with_usage(tree, "result", "usage")
});

/// Answers of the run route.
pub(super) struct Run;

impl Format for Run {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, _: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let said = usage::read(&facts.usage, usage::Output::Expected);
        Progress::take_usage(said, &facts.usage, reading);
    }

    fn ends_with_done(&self) -> bool {
        true
    }

    fn repeats(&self, _: &Facts) -> bool {
        true
    }
}

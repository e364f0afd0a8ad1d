//! Cohere's chat, embed and rerank. Billed units are what is charged; the tokens beside them include
//! special ones and are larger. Answers name no model.

use super::answer::{
    Count, Fact, Facts, Item, Name, Progress, Said, add, sound, with_items, with_texts,
};
use super::format::Format;
use super::request::{Field, Spot, anywhere, fields, texts};
use super::{Found, Operation, Route, Yields};
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading};
use http::Method;
use std::sync::LazyLock;

/// What a method and a path name.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    let route = match (method.as_str(), segments) {
        ("POST", ["v2", "chat"] | ["v1", "chat"]) => Route::Metered(Operation::CohereChat),
        ("POST", ["v2" | "v1", "embed"]) => Route::Metered(Operation::CohereEmbed),
        ("POST", ["v2" | "v1", "rerank"]) => Route::Metered(Operation::CohereRerank),
        ("POST", ["v1", "tokenize" | "detokenize"]) => Route::Free,
        (_, ["v1", "classify" | "summarize" | "generate" | "embed-jobs" | "datasets", ..]) => {
            Route::Unmetered
        }
        _ => return None,
    };
    Some(Found::of(route))
}

/// Where a request says what.
pub(super) static ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = fields(&[
        ("", Field::Body),
        ("model", Field::Model),
        ("stream", Field::Stream),
        ("max_tokens", Field::Ceiling),
        ("connectors[]", Field::Search),
        ("conversation_id", Field::Elsewhere),
        ("images[]", Field::Elsewhere),
        ("tools", Field::Definitions),
        ("response_format", Field::Definitions),
    ]);
    let tree = texts(
        tree,
        &[
            "message",
            "preamble",
            "chat_history[].message",
            "messages[].content",
            "messages[].content[].text",
            "documents[]",
            "documents[].text",
            "documents[].data.text",
            "query",
            "texts[]",
            "inputs[].content[].text",
        ],
    );
    anywhere(tree, Field::Elsewhere, &["image_url"])
});

const BILLED: &[(&str, Item)] = &[
    ("billed_units.input_tokens", Item::CountUnits(Count::Input)),
    ("billed_units.output_tokens", Item::CountUnits(Count::Output)),
    ("billed_units.search_units", Item::Units(Figure::SearchUnits)),
    ("billed_units.images", Item::Units(Figure::ImagesIn)),
    ("billed_units.image_tokens", Item::Units(Figure::ImageInput)),
    ("tokens.input_tokens", Item::Units(Figure::RawInput)),
    ("tokens.output_tokens", Item::Units(Figure::RawOutput)),
    ("cached_tokens", Item::Units(Figure::CachedRead)),
];

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = with_texts(
        Tree::new(),
        &[
            "text",
            "message.content[].text",
            "message.tool_calls[].function.arguments",
            "delta.message.content.text",
            "delta.message.content.thinking",
            "delta.message.tool_plan",
            "delta.message.tool_calls.function.arguments",
        ],
    );
    let places = [
        ("type", Fact::Name(Name::Kind)),
        ("event_type", Fact::Name(Name::Kind)),
        ("finish_reason", Fact::Name(Name::StopReason)),
        ("delta.finish_reason", Fact::Name(Name::StopReason)),
        ("delta.error", Fact::Error),
        ("error", Fact::Error),
    ];
    let tree = add(tree, "", &places);
    // Version 1 ends its streams with the whole answer.
    let parents = [&["usage"][..], &["meta"], &["delta", "usage"], &["response", "meta"]];
    parents.into_iter().fold(tree, |tree, parent| with_items(tree, parent, BILLED))
});

/// Answers of Cohere.
pub(super) struct Cohere;

impl Format for Cohere {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let told = Progress::take_usage(total(facts, progress), &facts.usage, reading);
        let kind = facts.name(Name::Kind);
        progress.over |= matches!(kind, "message-end" | "stream-end");
        reading.generated |= progress.over;
        reading.usage_final = told && reading.usage_present && progress.over;
    }

    fn repeats(&self, facts: &Facts) -> bool {
        facts.name(Name::Kind).ends_with("-delta")
    }
}

fn total(facts: &Facts, progress: &Progress) -> Said {
    let block = &facts.usage;
    if !block.is_touched() {
        return Said::Nothing;
    }
    if block.flaws() > 0 {
        return Said::Nonsense(block.flaws());
    }
    let mut usage = block.parts;
    // Some answers have the tokens only.
    let input = block.get(Count::Input).or(usage.get(Figure::RawInput));
    let output = block.get(Count::Output).or(usage.get(Figure::RawOutput));
    let images = usage.count(Figure::ImageInput);
    if input.is_some() || images > 0 {
        let all = input.unwrap_or(0).saturating_add(images);
        usage.set(Figure::InputTotal, all);
        // The cache holds special tokens too, which are not billed.
        if let Some(cached) = usage.get(Figure::CachedRead) {
            usage.set(Figure::CachedRead, cached.min(all));
        }
        usage.set(Figure::OutputTotal, output.unwrap_or(0));
    } else if progress.operation.yields() == Yields::Text {
        return Said::Nonsense(1);
    }
    sound(usage)
}

//! Ollama's own format: one object a line, the last with figures. Streaming is the default.

use super::answer::{
    Count, Fact, Facts, Flag, Item, Name, Progress, Said, add, sound, with_items, with_texts,
};
use super::format::Format;
use super::request::{Field, Spot, fields, texts};
use super::{Found, Operation, Route, Yields};
use crate::framing::json::{Tree, Want};
use crate::usage::{Figure, Reading};
use http::Method;
use std::sync::LazyLock;

/// What a method and a path name.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    let (route, stream) = match (method.as_str(), segments) {
        ("POST", ["api", "chat"]) => (Route::Metered(Operation::OllamaChat), true),
        ("POST", ["api", "generate"]) => (Route::Metered(Operation::OllamaGenerate), true),
        ("POST", ["api", "embed" | "embeddings"]) => {
            (Route::Metered(Operation::OllamaEmbed), false)
        }
        ("GET", ["api", "tags" | "ps" | "version"]) | ("POST", ["api", "show"]) => {
            (Route::Free, false)
        }
        _ => return None,
    };
    Some(Found { route, model: None, stream })
}

/// Where a request says what.
pub(super) static ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = fields(&[
        ("", Field::Body),
        ("model", Field::Model),
        ("stream", Field::Stream),
        ("options.num_predict", Field::LooseCeiling),
        ("images[]", Field::Elsewhere),
        ("messages[].images[]", Field::Elsewhere),
        ("context[]", Field::Elsewhere),
        ("tools", Field::Definitions),
        ("format", Field::Definitions),
    ]);
    texts(tree, &["system", "prompt", "suffix", "messages[].content", "input", "input[]"])
});

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree =
        with_texts(Tree::new(), &["message.content", "message.thinking", "response", "thinking"]);
    let tree = tree.with("message.tool_calls", Fact::Said, Want::Text);
    let places = [
        ("model", Fact::Name(Name::Model)),
        ("done", Fact::Flag(Flag::Done)),
        ("done_reason", Fact::Name(Name::StopReason)),
        ("error", Fact::Error),
    ];
    with_items(
        add(tree, "", &places),
        &[""],
        &[
            ("prompt_eval_count", Item::Count(Count::Input)),
            ("eval_count", Item::Count(Count::Output)),
            ("prompt_eval_cached_count", Item::Part(Figure::CachedRead)),
        ],
    )
});

/// Answers of Ollama.
pub(super) struct Ollama;

impl Format for Ollama {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let vectors = progress.operation.yields() == Yields::Vectors;
        if facts.is(Flag::Done) || vectors {
            progress.over = true;
            reading.generated = true;
            let told = Progress::take_usage(total(facts), &facts.usage, reading);
            reading.usage_final = told && reading.usage_present;
        }
        // A model was loaded, or unloaded; nothing was made.
        let idle = matches!(reading.stop_reason.as_deref(), Some("load" | "unload"));
        progress.free = idle && !reading.usage_present;
    }

    /// An answer may also be one line of a stream that was cut.
    fn whole(&self, _: &mut Reading, progress: &mut Progress) {
        progress.over |= progress.operation.yields() == Yields::Vectors;
    }

    fn repeats(&self, _: &Facts) -> bool {
        true
    }
}

/// Old versions leave the prompt out where all of it was cached: then it is not known.
fn total(facts: &Facts) -> Said {
    let block = &facts.usage;
    let (input, output) = (block.get(Count::Input), block.get(Count::Output));
    match (input, output) {
        _ if block.flaws() > 0 => Said::Nonsense(block.flaws()),
        (None, None) => Said::Nothing,
        (input, output) => {
            let mut usage = block.parts;
            if let Some(input) = input {
                usage.set(Figure::InputTotal, input);
            }
            usage.set(Figure::OutputTotal, output.unwrap_or(0));
            if input.is_none() {
                return Said::Usage(Box::new(usage));
            }
            sound(usage)
        }
    }
}

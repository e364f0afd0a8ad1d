//! AWS Bedrock: Converse in its own format, and `invoke` in the model's.
//!
//! Converse counts input without the cache. The model stands in the path only. Streams are AWS event
//! streams; those of `invoke` wrap the model's own events in base64.

use super::answer::{
    Block, Count, Fact, Facts, Flag, Item, List, Name, Progress, Row, Said, add, beside_cache,
    larger, later, sound, with_items, with_rows, with_texts,
};
use super::format::Format;
use super::request::{Field, Spot, anywhere, fields, texts};
use super::{Found, Operation, Route, anthropic};
use crate::framing::json::{Tree, Want};
use crate::usage::{Figure, Reading};
use http::{HeaderMap, Method};
use std::sync::LazyLock;

/// What a method and a path name. The model may be an ARN, whose colons and slashes are escaped.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    let ["model", model, verb] = segments else { return None };
    if method != Method::POST {
        return None;
    }
    let (operation, stream) = match *verb {
        "converse" => (Operation::BedrockConverse, false),
        "converse-stream" => (Operation::BedrockConverse, true),
        "invoke" => (Operation::BedrockInvoke, false),
        "invoke-with-response-stream" => (Operation::BedrockInvoke, true),
        "count-tokens" => return Some(Found::of(Route::Free)),
        _ => return None,
    };
    let model = super::route::unescaped(model)?;
    Some(Found { route: Route::Metered(operation), model: Some(model), stream })
}

/// Where a Converse request says what.
pub(super) static CONVERSE_ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = fields(&[
        ("", Field::Body),
        ("inferenceConfig.maxTokens", Field::Ceiling),
        ("serviceTier.type", Field::ServiceTier),
        ("promptVariables", Field::Elsewhere),
        ("toolConfig", Field::Definitions),
        ("toolConfig.tools[].systemTool", Field::Hosted),
        ("additionalModelRequestFields.max_tokens", Field::LooseCeiling),
        ("outputConfig", Field::Definitions),
    ]);
    let tree = texts(
        tree,
        &[
            "system[].text",
            "messages[].content[].text",
            "messages[].content[].toolResult.content[].text",
        ],
    );
    anywhere(tree, Field::Elsewhere, &["image", "document", "video", "audio", "s3Location"])
});

/// Where a request in the format of one of the models says what.
pub(super) static INVOKE_ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = fields(&[
        ("", Field::Body),
        ("max_tokens", Field::Ceiling),
        ("max_gen_len", Field::Ceiling),
        ("max_tokens_to_sample", Field::Ceiling),
        ("textGenerationConfig.maxTokenCount", Field::Ceiling),
        ("inferenceConfig.maxTokens", Field::Ceiling),
        ("inferenceConfig.max_new_tokens", Field::Ceiling),
        ("tools", Field::Definitions),
        ("tools[].type", Field::ToolKind),
        ("response_format", Field::Definitions),
    ]);
    let tree = texts(
        tree,
        &[
            "system",
            "system[].text",
            "messages[].content",
            "messages[].content[].text",
            "prompt",
            "inputText",
            "texts[]",
        ],
    );
    let tree = anywhere(tree, Field::Elsewhere, &["image", "images", "video", "inputImage"]);
    anywhere(tree, Field::Kind, &["type"])
});

const ITEMS: &[(&str, Item)] = &[
    ("inputTokens", Item::Count(Count::Uncached)),
    ("outputTokens", Item::Count(Count::Output)),
    ("totalTokens", Item::Count(Count::Total)),
    ("cacheReadInputTokens", Item::Part(Figure::CachedRead)),
    ("cacheWriteInputTokens", Item::Part(Figure::CacheWrite)),
];

const LIFETIME: &[(&str, Item)] = &[("inputTokens", Item::Part(Figure::CacheWrite))];

/// Adds the places of a Converse answer.
fn with_converse(tree: Tree<Fact>) -> Tree<Fact> {
    let tree = with_texts(
        tree,
        &[
            "output.message.content[].text",
            "output.message.content[].reasoningContent.reasoningText.text",
            "delta.text",
            "delta.toolUse.input",
            "delta.reasoningContent.text",
        ],
    );
    let tree = tree.with("output.message.content[].toolUse.input", Fact::Said, Want::Text);
    let tree = add(
        tree,
        "",
        &[
            ("stopReason", Fact::Name(Name::StopReason)),
            ("serviceTier.type", Fact::Name(Name::Tier)),
            ("usage", Fact::Usage),
        ],
    );
    let tree = with_items(tree, &["usage"], ITEMS);
    with_rows(tree, &["usage", "cacheDetails[]"], List::Writes, "ttl", LIFETIME)
}

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| with_converse(Tree::new()));

/// Answers of Converse.
pub(super) struct Converse;

impl Format for Converse {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        converse(facts, reading, progress);
        reading.generated |= reading.stop_reason.is_some();
        // The figures are the last event of a stream.
        progress.over |= reading.usage_present && reading.stop_reason.is_some();
        reading.usage_final = reading.usage_present && progress.over;
    }

    fn repeats(&self, facts: &Facts) -> bool {
        facts.name(Name::Kind) == "contentBlockDelta"
    }
}

fn converse(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    if facts.usage.is_touched() {
        progress.block.overlay(&facts.usage, later);
        lifetimes(&facts.rows, &mut progress.block);
        let block = progress.block.clone();
        Progress::take_usage(beside_cache(&block), &block, reading);
    }
}

fn lifetimes(rows: &[Row], block: &mut Block) {
    for row in rows {
        let n = row.block.parts.count(Figure::CacheWrite);
        match row.kind.as_str() {
            _ if row.block.flaws() > 0 => block.flaw(),
            "5m" => block.raise_part(Figure::CacheWrite5m, n),
            "1h" => block.raise_part(Figure::CacheWrite1h, n),
            _ => {}
        }
    }
}

/// What the figures of a model without a format of its own amount to. Some count all of the prompt,
/// some leave the cache out.
fn plain(block: &Block) -> Said {
    let Some(input) = block.get(Count::Input) else { return beside_cache(block) };
    if block.flaws() > 0 {
        return Said::Nonsense(block.flaws());
    }
    let output = block.get(Count::Output).unwrap_or(0);
    sound(block.parts.with(Figure::InputTotal, input).with(Figure::OutputTotal, output))
}

static INVOKE: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = anthropic::with_places(Tree::new());
    let texts =
        ["generation", "results[].outputText", "outputText", "contentBlockDelta.delta.text"];
    let tree = with_texts(tree, &texts);
    let tree = with_texts(tree, &["choices[].delta.content", "choices[].message.content"]);
    let tree = add(
        tree,
        "",
        &[
            ("completionReason", Fact::Flag(Flag::Done)),
            ("results[].completionReason", Fact::Flag(Flag::Done)),
            ("stopReason", Fact::Flag(Flag::Done)),
            ("messageStop.stopReason", Fact::Flag(Flag::Done)),
            ("choices[].finish_reason", Fact::Flag(Flag::Done)),
            ("outputs[].stop_reason", Fact::Flag(Flag::Done)),
        ],
    );
    let tree = with_items(with_items(tree, &["usage"], NOVA), &["metadata", "usage"], NOVA);
    with_items(
        tree,
        &[""],
        &[
            ("prompt_token_count", Item::Count(Count::Input)),
            ("generation_token_count", Item::Count(Count::Output)),
            ("inputTextTokenCount", Item::Count(Count::Input)),
            ("totalOutputTextTokenCount", Item::Count(Count::Output)),
            ("results[].tokenCount", Item::Count(Count::Output)),
            ("usage.prompt_tokens", Item::Count(Count::Input)),
            ("usage.completion_tokens", Item::Count(Count::Output)),
        ],
    )
});

const NOVA: &[(&str, Item)] = &[
    ("inputTokens", Item::Count(Count::Uncached)),
    ("outputTokens", Item::Count(Count::Output)),
    ("cacheReadInputTokenCount", Item::Part(Figure::CachedRead)),
    ("cacheWriteInputTokenCount", Item::Part(Figure::CacheWrite)),
];

/// Answers of `invoke`, in the format of whichever model.
pub(super) struct Invoke;

impl Format for Invoke {
    fn places(&self) -> &'static Tree<Fact> {
        &INVOKE
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        // Of all models' documents, only Anthropic's name their type; of a wrapping there is nothing
        // but the type of the frame.
        if !matches!(facts.name(Name::Kind), "" | "chunk") {
            return anthropic::merge(facts, reading, progress);
        }
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let ended = facts.is(Flag::Done) || !facts.name(Name::StopReason).is_empty();
        progress.finishes = progress.finishes.saturating_add(u64::from(ended));
        reading.generated |= ended;
        if facts.usage.is_touched() {
            progress.block.overlay(&facts.usage, larger);
            let block = progress.block.clone();
            Progress::take_usage(plain(&block), &block, reading);
        }
        reading.usage_final = reading.usage_present && progress.finishes > 0 && !reading.error;
    }

    /// The models' own events end without a common sign; figures with a reason to stop are one.
    fn stream_ended(&self, reading: &mut Reading, progress: &mut Progress) {
        progress.over |= reading.usage_present && progress.finishes > 0;
    }

    fn is_wrapped(&self) -> bool {
        true
    }

    /// Plain answers say in headers what they used, whatever the model's format.
    fn head(&self, headers: &HeaderMap, reading: &mut Reading) {
        let count = |name: &str| headers.get(name)?.to_str().ok()?.parse().ok();
        let input = count("x-amzn-bedrock-input-token-count");
        let output = count("x-amzn-bedrock-output-token-count");
        if let (Some(input), output) = (input, output) {
            reading.usage.set(Figure::InputTotal, input);
            reading.usage.set(Figure::OutputTotal, output.unwrap_or(0));
            reading.usage_present = true;
        }
    }
}

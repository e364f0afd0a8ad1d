//! Answers of `generateContent`, whole, as events, or as an array in pieces; and live sessions.
//!
//! The prompt's figure includes the cache and excludes results of the provider's tools; thoughts are
//! beside the candidates. In a stream every chunk repeats the running totals: the later counts, and
//! a figure that is left out stays.

use super::{SHARE, add_shares};
use crate::dialect::answer::{
    Block, Count, Fact, Facts, Flag, Item, List, Name, Progress, Said, add, later, sound,
    with_items, with_rows, with_texts,
};
use crate::dialect::format::Format;
use crate::dialect::request::{Field, Spot, anywhere, fields, texts};
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading};
use std::sync::LazyLock;

/// Where a request says what. Both spellings are accepted by Google.
pub(in crate::dialect) static ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = fields(&[
        ("", Field::Body),
        ("generationConfig.maxOutputTokens", Field::Ceiling),
        ("generation_config.max_output_tokens", Field::Ceiling),
        ("generationConfig.candidateCount", Field::Answers),
        ("generation_config.candidate_count", Field::Answers),
        ("serviceTier", Field::ServiceTier),
        ("service_tier", Field::ServiceTier),
        ("cachedContent", Field::Elsewhere),
        ("cached_content", Field::Elsewhere),
        ("tools", Field::Definitions),
        ("generationConfig.responseSchema", Field::Definitions),
        ("generation_config.response_schema", Field::Definitions),
        ("generationConfig.responseJsonSchema", Field::Definitions),
        ("generation_config.response_json_schema", Field::Definitions),
        ("tools[].googleSearch", Field::Search),
        ("tools[].google_search", Field::Search),
        ("tools[].googleSearchRetrieval", Field::Search),
        ("tools[].google_search_retrieval", Field::Search),
        ("tools[].googleMaps", Field::Search),
        ("tools[].google_maps", Field::Search),
        ("tools[].codeExecution", Field::Hosted),
        ("tools[].code_execution", Field::Hosted),
        ("tools[].urlContext", Field::Hosted),
        ("tools[].url_context", Field::Hosted),
        ("tools[].fileSearch", Field::Hosted),
        ("tools[].file_search", Field::Hosted),
        ("tools[].computerUse", Field::Hosted),
        ("tools[].computer_use", Field::Hosted),
    ]);
    let tree = texts(
        tree,
        &[
            "contents[].parts[].text",
            "contents.parts[].text",
            "systemInstruction.parts[].text",
            "system_instruction.parts[].text",
        ],
    );
    let keys = ["inlineData", "inline_data", "fileData", "file_data"];
    anywhere(tree, Field::Elsewhere, &keys)
});

const ITEMS: &[(&str, Item)] = &[
    ("promptTokenCount", Item::Count(Count::Input)),
    ("candidatesTokenCount", Item::Count(Count::Output)),
    // Live sessions say it so.
    ("responseTokenCount", Item::Count(Count::Output)),
    ("thoughtsTokenCount", Item::Count(Count::Thought)),
    ("toolUsePromptTokenCount", Item::Count(Count::ToolInput)),
    ("totalTokenCount", Item::Count(Count::Total)),
    ("cachedContentTokenCount", Item::Part(Figure::CachedRead)),
];

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = add(
        with_texts(
            Tree::new(),
            &["candidates[].content.parts[].text", "serverContent.modelTurn.parts[].text"],
        ),
        "",
        &[
            ("error", Fact::Error),
            ("modelVersion", Fact::Name(Name::Model)),
            ("candidates[]", Fact::Choice),
            ("candidates[].finishReason", Fact::FinishReason),
            ("promptFeedback.blockReason", Fact::Flag(Flag::Blocked)),
            ("usageMetadata", Fact::Usage),
            ("usageMetadata.trafficType", Fact::Name(Name::Traffic)),
            ("usageMetadata.serviceTier", Fact::Name(Name::Tier)),
            ("serverContent", Fact::Flag(Flag::Begun)),
            ("serverContent.turnComplete", Fact::Flag(Flag::Done)),
            ("toolCall", Fact::Flag(Flag::Begun)),
            // A count of tokens.
            ("totalTokens", Fact::Name(Name::Object)),
        ],
    );
    let tree = with_items(tree, &["usageMetadata"], ITEMS);
    let queries = [("webSearchQueries[]", Fact::Query)];
    let tree = add(tree, "candidates[].groundingMetadata", &queries);
    let tree = add(tree, "serverContent.groundingMetadata", &queries);
    [
        ("promptTokensDetails[]", List::InputShares),
        ("cacheTokensDetails[]", List::CachedShares),
        ("toolUsePromptTokensDetails[]", List::ToolShares),
        ("candidatesTokensDetails[]", List::OutputShares),
        ("responseTokensDetails[]", List::OutputShares),
    ]
    .into_iter()
    .fold(tree, |tree, (path, list)| {
        with_rows(tree, &["usageMetadata", path], list, "modality", SHARE)
    })
});

/// Answers of `generateContent` and `streamGenerateContent`.
pub(in crate::dialect) struct Generate;

impl Format for Generate {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        take(facts, reading, progress);
        progress.finishes = progress.finishes.saturating_add(facts.finishes);
        reading.blocked |= facts.is(Flag::Blocked);
        let ended = reading.blocked || progress.finishes >= progress.answers.max(1);
        reading.generated = ended;
        // Whether a blocked prompt is billed is not documented.
        progress.doubtful = reading.blocked;
        reading.usage_final = reading.usage_present && ended && !reading.error;
    }

    fn stream_ended(&self, reading: &mut Reading, progress: &mut Progress) {
        progress.over |= progress.finishes >= progress.answers.max(1) || reading.blocked;
    }

    fn comes_in_elements(&self) -> bool {
        true
    }
}

/// Messages of a live session: every turn is an answer of its own.
pub(in crate::dialect) struct Live;

impl Format for Live {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        take(facts, reading, progress);
        reading.begun |= facts.is(Flag::Begun);
        progress.over |= facts.is(Flag::Done);
        reading.usage_final = reading.usage_present && progress.over;
    }
}

fn take(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    Progress::take_names(facts, reading);
    reading.error |= facts.error;
    if facts.queries > 0 {
        progress.block.raise_part(Figure::WebSearchQueries, facts.queries);
    }
    if facts.usage.is_touched() || !facts.rows.is_empty() || facts.queries > 0 {
        progress.block.overlay(&facts.usage, later);
        add_shares(&facts.rows, &mut progress.block);
        let block = progress.block.clone();
        Progress::take_usage(total(&block), &block, reading);
    }
}

/// What a block amounts to.
fn total(block: &Block) -> Said {
    if block.flaws() > 0 {
        return Said::Nonsense(block.flaws());
    }
    let [prompt, output, thought, tools, all] =
        [Count::Input, Count::Output, Count::Thought, Count::ToolInput, Count::Total]
            .map(|count| block.get(count));
    if [prompt, output, thought, tools, all].iter().all(Option::is_none) {
        return Said::Nothing;
    }
    let (tool_input, thoughts) = (tools.unwrap_or(0), thought.unwrap_or(0));
    let candidates = output.unwrap_or(0);
    let input = prompt.unwrap_or(0).saturating_add(tool_input);
    // Some deployments count thoughts as candidates: then the total has no room for them.
    let inside = all == Some(input.saturating_add(candidates)) && thoughts <= candidates;
    let output = if inside { candidates } else { candidates.saturating_add(thoughts) };
    let mut usage = block.parts;
    usage.set(Figure::InputTotal, input);
    usage.set(Figure::OutputTotal, output);
    if thought.is_some() {
        usage.set(Figure::Reasoning, thoughts);
    }
    if tools.is_some() {
        usage.set(Figure::ToolUseInput, tool_input);
    }
    sound(usage)
}

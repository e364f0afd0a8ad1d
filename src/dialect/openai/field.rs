//! The fields of a request that metering looks at, and what they may hold.

use crate::dialect::Operation;
use crate::framing::json::{KEPT, Scalar, Tree, Want};
use std::sync::LazyLock;

/// The largest output ceiling that is believed.
pub(super) const MOST_TOKENS: u64 = 10_000_000;
/// The most answers that may be asked for.
pub(super) const MOST_ANSWERS: u64 = 128;
/// Longest name of a model or tier, in bytes.
pub(super) const LONGEST_NAME: usize = 256;

/// How much of an offending value is repeated to the client.
const SHOWN: usize = 40;

/// A field of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Body,
    Model,
    Stream,
    StreamOptions,
    IncludeUsage,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    N,
    BestOf,
    ServiceTier,
    Background,
    Prompt,
    /// An element of `prompt`.
    Prompts,
    /// Text of `messages`, `instructions` or `input`.
    Message,
    Instructions,
    Input,
    /// A key that hints at input that the body does not hold.
    Elsewhere,
    /// Searches are asked for.
    SearchOptions,
    /// A `type`, at any depth.
    Kind,
}

/// Where the fields stand.
pub(super) static PLACES: LazyLock<Tree<Field>> = LazyLock::new(|| {
    [
        ("", Field::Body),
        ("model", Field::Model),
        ("stream", Field::Stream),
        ("stream_options", Field::StreamOptions),
        ("stream_options.include_usage", Field::IncludeUsage),
        ("max_tokens", Field::MaxTokens),
        ("max_completion_tokens", Field::MaxCompletionTokens),
        ("max_output_tokens", Field::MaxOutputTokens),
        ("n", Field::N),
        ("best_of", Field::BestOf),
        ("service_tier", Field::ServiceTier),
        ("background", Field::Background),
    ]
    .into_iter()
    .fold(with_texts(), |tree, (path, field)| tree.with(path, field, Want::Value))
    .anywhere(
        &[
            "conversation",
            "file",
            "file_id",
            "file_ids",
            "file_url",
            "image_url",
            "input_audio",
            "input_file",
            "input_image",
            "previous_response_id",
            "vector_store_ids",
            "video_url",
        ],
        Field::Elsewhere,
    )
    .anywhere(&["web_search_options"], Field::SearchOptions)
    .anywhere(&["type"], Field::Kind)
});

/// A tree of the texts that are counted in characters: what the model is told, not what it said
/// to tools, nor names, schemas or encoded files.
fn with_texts() -> Tree<Field> {
    [
        ("prompt", Field::Prompt),
        ("prompt[]", Field::Prompts),
        ("messages[].content", Field::Message),
        ("messages[].content[].text", Field::Message),
        ("messages[].content[].refusal", Field::Message),
        ("messages[].refusal", Field::Message),
        ("instructions", Field::Instructions),
        ("input", Field::Input),
        ("input[]", Field::Input),
        ("input[].content", Field::Input),
        ("input[].content[].text", Field::Input),
        ("input[].content[].refusal", Field::Input),
        ("input[].summary[].text", Field::Input),
        // Results of tools, as the tools' items hold them.
        ("input[].output", Field::Input),
        ("input[].output[].text", Field::Input),
        ("input[].output[].stdout", Field::Input),
        ("input[].output[].stderr", Field::Input),
        ("input[].outputs[].logs", Field::Input),
        ("input[].results[].text", Field::Input),
    ]
    .into_iter()
    .fold(Tree::new(), |tree, (path, field)| tree.with(path, field, Want::Characters))
}

/// Whether a `type` brings input from elsewhere: by reference, or through a hosted tool.
pub(super) fn is_hosted(kind: &[u8]) -> bool {
    const KINDS: &[&[u8]] = &[
        b"code_interpreter",
        b"computer",
        b"file",
        b"image_",
        b"input_audio",
        b"input_file",
        b"input_image",
        b"item_reference",
        b"mcp",
        b"video_",
        b"web_search",
    ];
    KINDS.iter().any(|prefix| kind.starts_with(prefix))
}

/// A tool that the provider runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// It costs tokens only.
    Metered,
    /// It costs by the search.
    Search,
    /// It has a fee of another kind.
    Unmetered,
}

/// The hosted tool that a `type` names. What a conversation says of earlier uses of one ends in
/// `_call` or `_output` and is none.
pub(super) fn tool(kind: &[u8]) -> Option<Tool> {
    match kind {
        b"file_search" | b"code_interpreter" | b"image_generation" => Some(Tool::Unmetered),
        b"mcp" | b"computer" => Some(Tool::Metered),
        _ if kind.starts_with(b"computer_use") => Some(Tool::Metered),
        _ if kind.starts_with(b"web_search") && !kind.ends_with(b"_call") => Some(Tool::Search),
        _ => None,
    }
}

/// Why a text cannot name a model or a tier.
pub(super) fn bad_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty; name a model".to_owned());
    }
    if name.len() > LONGEST_NAME || name.len() >= KEPT {
        let begin = short(Scalar::Text(name.as_bytes()));
        return Some(format!("is longer than {LONGEST_NAME} bytes ({begin})"));
    }
    let control = name.chars().find(|c| c.is_control())?;
    Some(format!("holds the control character {}", control.escape_unicode()))
}

/// The value as it is shown in a message.
pub(super) fn short(value: Scalar<'_>) -> String {
    let (bytes, quote) = match value {
        Scalar::Text(text) => (text, "\""),
        Scalar::Number(text) => (text, ""),
        Scalar::Bool(value) => return value.to_string(),
        Scalar::Counted => return "a text".to_owned(),
        Scalar::Null => return "null".to_owned(),
    };
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("{quote}{shown}{quote}")
}

impl Field {
    /// Its name in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Model => "model",
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::IncludeUsage => "stream_options.include_usage",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxOutputTokens => "max_output_tokens",
            Self::N => "n",
            Self::BestOf => "best_of",
            Self::ServiceTier => "service_tier",
            Self::Background => "background",
            Self::Prompt | Self::Prompts => "prompt",
            Self::Message => "messages",
            Self::Instructions => "instructions",
            Self::Elsewhere | Self::SearchOptions | Self::Kind | Self::Input => "input",
        }
    }

    /// Its name, unless it is the whole body.
    pub(super) fn param(self) -> Option<&'static str> {
        (self != Self::Body).then(|| self.name())
    }

    /// What it may hold.
    pub(super) const fn expects(self) -> &'static str {
        match self {
            Self::Body => "a JSON object",
            Self::Model => "a string",
            Self::ServiceTier => "a short string",
            Self::Stream | Self::IncludeUsage | Self::Background => "true, false or null",
            Self::StreamOptions => "an object or null",
            Self::MaxTokens | Self::MaxCompletionTokens | Self::MaxOutputTokens => {
                "a whole number from 1 to 10000000"
            }
            Self::N | Self::BestOf => "a whole number from 1 to 128",
            Self::Prompt | Self::Prompts | Self::Elsewhere | Self::SearchOptions | Self::Kind => {
                "an input"
            }
            Self::Message | Self::Instructions | Self::Input => "a text",
        }
    }

    /// Whether it must not be given twice.
    pub(super) const fn is_once(self) -> bool {
        !matches!(
            self,
            Self::Body | Self::Prompts | Self::Elsewhere | Self::SearchOptions | Self::Kind
        ) && !self.is_text()
    }

    /// Whether it is only counted.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Message | Self::Instructions | Self::Input)
    }

    /// Whether the operation knows it.
    pub(super) fn matters(self, operation: Operation) -> bool {
        let chat = operation == Operation::OpenAiChat;
        let completions = operation == Operation::OpenAiCompletions;
        let responses = operation == Operation::OpenAiResponses;
        match self {
            Self::MaxTokens | Self::MaxCompletionTokens | Self::N | Self::BestOf => {
                chat || completions
            }
            Self::StreamOptions | Self::IncludeUsage => chat || completions,
            Self::MaxOutputTokens | Self::Background => responses,
            Self::Prompt => completions || responses,
            Self::Prompts => completions,
            Self::Message => chat,
            Self::Instructions => responses,
            Self::Input => responses || operation == Operation::OpenAiEmbeddings,
            _ => true,
        }
    }
}

//! The fields of a request that metering looks at, and what they may hold.
//!
//! The same words for all dialects; each says in its tree where they stand and how it names them.

use crate::framing::json::{KEPT, Scalar, Tree, Want};

/// The largest output ceiling that is believed.
pub(in crate::dialect) const MOST_TOKENS: u64 = 10_000_000;
/// The most answers that may be asked for.
pub(in crate::dialect) const MOST_ANSWERS: u64 = 128;
/// Longest name of a model or tier, in bytes.
const LONGEST_NAME: usize = 256;

/// How much of an offending value is repeated to the client.
const SHOWN: usize = 40;

/// A place of a request, with its name in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) struct Spot {
    pub(in crate::dialect) field: Field,
    pub(in crate::dialect) name: &'static str,
}

/// A field of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Field {
    Body,
    Model,
    Stream,
    StreamOptions,
    IncludeUsage,
    /// The most output tokens.
    Ceiling,
    /// The same where 0 and negative numbers mean that there is none.
    LooseCeiling,
    /// How many answers are wanted; the largest of several counts.
    Answers,
    ServiceTier,
    Background,
    /// A text, or a list of prompts that are answered each, or an object that refers to one.
    Prompt,
    /// An element of such a list.
    Prompts,
    /// Text that is counted in characters.
    Text,
    /// A key that hints at input that the body does not hold.
    Elsewhere,
    /// A key that names an image for the model to see.
    Image,
    /// The same where only parts of a message stand; a string is nothing but the image.
    ImagePart,
    /// The encoded form, or the address, of one.
    ImageData,
    /// Definitions of tools, or of the form of the answer.
    Definitions,
    /// The `type` of a tool.
    ToolKind,
    /// What the answer will probably be.
    Prediction,
    /// The provider may search.
    Search,
    /// The provider may use a tool of its own.
    Hosted,
    /// A `type`, at any depth.
    Kind,
}

/// A tree of the named fields, each of which has a value.
pub(in crate::dialect) fn fields(places: &[(&'static str, Field)]) -> Tree<Spot> {
    places.iter().fold(Tree::new(), |tree, &(name, field)| {
        tree.with(
            name,
            Spot { field, name: if name.is_empty() { "body" } else { name } },
            Want::Value,
        )
    })
}

/// Adds the texts that are counted in characters: what the model is told, not what it said to tools,
/// nor names, schemas or encoded files.
pub(in crate::dialect) fn texts(tree: Tree<Spot>, paths: &[&'static str]) -> Tree<Spot> {
    paths.iter().fold(tree, |tree, &name| {
        tree.with(name, Spot { field: Field::Text, name }, Want::Characters)
    })
}

/// Adds keys that matter at any depth.
pub(in crate::dialect) fn anywhere(
    tree: Tree<Spot>,
    field: Field,
    keys: &[&'static str],
) -> Tree<Spot> {
    tree.anywhere(keys, Spot { field, name: "input" })
}

/// Whether a `type` brings input from elsewhere: by reference, or through a hosted tool.
pub(super) fn is_hosted(kind: &[u8]) -> bool {
    const KINDS: &[&[u8]] = &[
        b"code_execution",
        b"code_interpreter",
        b"computer",
        b"container_upload",
        b"document",
        b"file",
        b"image",
        b"input_audio",
        b"input_file",
        b"input_image",
        b"item_reference",
        b"mcp",
        b"search_result",
        b"video",
        b"web_fetch",
        b"web_search",
    ];
    // Reasoning of an earlier response may be named by its id only.
    kind == b"reasoning" || KINDS.iter().any(|prefix| kind.starts_with(prefix))
}

/// Whether a `type` is that of an image for the model to see.
pub(super) fn is_image(kind: &[u8]) -> bool {
    matches!(kind, b"image" | b"image_url" | b"input_image")
}

/// Who runs a tool of a `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    /// The client; the request has all that the model is told of it.
    Client,
    /// The client, but the provider describes it to the model.
    Described,
    /// The provider, or nobody knows who.
    Provider,
}

/// Who runs a tool of this `type`.
pub(super) fn runs(kind: &[u8]) -> Runs {
    const DESCRIBED: [&[u8]; 4] = [b"bash_", b"computer_2", b"memory_", b"text_editor_"];
    match kind {
        b"function" | b"custom" | b"namespace" => Runs::Client,
        b"apply_patch" | b"local_shell" => Runs::Described,
        _ if DESCRIBED.iter().any(|prefix| kind.starts_with(prefix)) => Runs::Described,
        _ => Runs::Provider,
    }
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
        b"mcp" | b"computer" | b"mcp_toolset" => Some(Tool::Metered),
        // What earlier uses of them left in a conversation.
        _ if [&b"_call"[..], b"_result", b"_error", b"_output"]
            .iter()
            .any(|e| kind.ends_with(e)) =>
        {
            None
        }
        _ if kind.starts_with(b"computer_use") => Some(Tool::Metered),
        _ if kind.starts_with(b"web_fetch") => Some(Tool::Metered),
        _ if kind.starts_with(b"code_execution_2") => Some(Tool::Metered),
        // A summary of the conversation is an answer of its own.
        _ if kind.starts_with(b"compact_2") => Some(Tool::Metered),
        _ if kind.starts_with(b"web_search") => Some(Tool::Search),
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

impl Spot {
    /// Its name, unless it is the whole body.
    pub(super) fn param(self) -> Option<&'static str> {
        (self.field != Field::Body).then_some(self.name)
    }
}

impl Field {
    /// What it may hold.
    pub(super) const fn expects(self) -> &'static str {
        match self {
            Self::Body => "a JSON object",
            Self::Model => "a string",
            Self::ServiceTier => "a short string",
            Self::Stream | Self::IncludeUsage | Self::Background => "true, false or null",
            Self::StreamOptions => "an object or null",
            Self::Ceiling => "a whole number from 1 to 10000000",
            Self::LooseCeiling => "a whole number",
            Self::Answers => "a whole number from 1 to 128",
            Self::Prompt | Self::Prompts => "an input",
            Self::Elsewhere | Self::Search | Self::Hosted | Self::Kind => "an input",
            Self::Image | Self::ImagePart | Self::ImageData => "an input",
            Self::ToolKind | Self::Prediction => "an input",
            Self::Definitions => "a definition",
            Self::Text => "a text",
        }
    }

    /// Whether it must not be given twice.
    pub(super) const fn is_once(self) -> bool {
        !matches!(
            self,
            Self::Body
                | Self::Prompts
                | Self::Elsewhere
                | Self::Search
                | Self::Hosted
                | Self::Kind
                | Self::Text
                | Self::Image
                | Self::ImagePart
                | Self::ImageData
                | Self::ToolKind
                | Self::Definitions
                | Self::Prediction
        )
    }
}

//! Which keys of a document may keep what stands under them, and which hold what a user made.
//!
//! Lists of keys, not of places: a provider's new field is what a recording is for, so its figures
//! stay wherever they stand.

/// What may be kept of the value under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Numbers, where they are not in an array.
    Figures,
    /// Also a text that looks like a name.
    Name,
    /// Also a text that is a number.
    FigureText,
    /// Nothing; but the same text gets the same filler.
    Id,
    /// Nothing.
    Nothing,
}

/// Whose texts say what a thing is, and nothing of what was said.
const NAMES: &[&str] = &[
    "blockReason",
    "block_reason",
    "code",
    "done_reason",
    "effort",
    "encoding_format",
    "event",
    "event_type",
    "finishReason",
    "finish_reason",
    "inference_geo",
    "latency",
    "modality",
    "mode",
    "model",
    "modelVersion",
    "model_instance_id",
    "model_version",
    "object",
    "quality",
    "reason",
    "response_format",
    "role",
    "search_context_size",
    "serviceTier",
    "service_tier",
    "size",
    "speed",
    "status",
    "stopReason",
    "stop_reason",
    "stream_format",
    "tier",
    "trafficType",
    "traffic_type",
    "ttl",
    "type",
];

/// Numbers that say what a text was made of.
const TELLING: &[&str] = &["bytes", "seed", "token", "token_id"];

/// Words in the names of figures.
const MEASURES: &[&str] = &["cost", "count", "seconds", "token", "units"];

/// Whose objects and arrays a user made up, keys and all.
const MADE_UP: &[&str] = &[
    "args",
    "arguments",
    "documents",
    "extra_body",
    "functionResponse",
    "function_response",
    "headers",
    "inputSchema",
    "input_schema",
    "json",
    "json_schema",
    "labels",
    "logit_bias",
    "output_schema",
    "parameters",
    "parametersJsonSchema",
    "partialArgs",
    "properties",
    "responseJsonSchema",
    "responseSchema",
    "response_schema",
    "schema",
    "structuredContent",
    "user_location",
    "variables",
];

/// The longest name.
const LONGEST_NAME: usize = 64;

/// The longest number that is kept as a text.
const LONGEST_FIGURE: usize = 24;

impl Keep {
    /// What may be kept under `key`.
    pub(super) fn under(key: &[u8]) -> Self {
        let Ok(key) = std::str::from_utf8(key) else { return Self::Nothing };
        match key {
            _ if TELLING.contains(&key) => Self::Nothing,
            _ if NAMES.contains(&key) => Self::Name,
            "id" => Self::Id,
            _ if key.ends_with("_id") || key.ends_with("Id") => Self::Id,
            _ if is_measure(key) => Self::FigureText,
            _ => Self::Figures,
        }
    }

    /// Whether this text is kept as it is.
    pub(super) fn keeps(self, text: &[u8]) -> bool {
        match self {
            Self::Name => is_name(text),
            Self::FigureText => is_figure(text),
            Self::Figures | Self::Id | Self::Nothing => false,
        }
    }

    /// Whether numbers are kept.
    pub(super) fn keeps_figures(self) -> bool {
        !matches!(self, Self::Id | Self::Nothing)
    }
}

fn is_measure(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    MEASURES.iter().any(|word| key.contains(word))
}

/// Whether a user made up what is in the object or array under `key`.
pub(super) fn is_made_up(key: &[u8], object: bool) -> bool {
    // As arrays these two are the frame of what was said, and their parts have types.
    let told = object && matches!(key, b"input" | b"data");
    told || MADE_UP.iter().any(|made_up| made_up.as_bytes() == key)
}

/// Whether a text looks like the name of a model, an event or a state.
pub(super) fn is_name(text: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"._:/@-".contains(b);
    (1..=LONGEST_NAME).contains(&text.len()) && text.iter().all(fits)
}

fn is_figure(text: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_digit() || b".-".contains(b);
    (1..=LONGEST_FIGURE).contains(&text.len()) && text.iter().all(fits)
}

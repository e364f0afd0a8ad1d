//! Where requests in OpenAI's format say what metering needs.

use crate::dialect::request::{Field, Spot, anywhere, fields, texts};
use crate::framing::json::{Tree, Want};
use std::sync::LazyLock;

const COMMON: [(&str, Field); 4] = [
    ("", Field::Body),
    ("model", Field::Model),
    ("stream", Field::Stream),
    ("service_tier", Field::ServiceTier),
];

const GENERATED: [(&str, Field); 13] = [
    ("stream_options", Field::StreamOptions),
    ("stream_options.include_usage", Field::IncludeUsage),
    ("max_tokens", Field::Ceiling),
    ("max_completion_tokens", Field::Ceiling),
    ("n", Field::Answers),
    ("best_of", Field::Answers),
    ("prediction", Field::Prediction),
    ("functions", Field::Definitions),
    ("response_format", Field::Definitions),
    // OpenRouter's: other models that may answer, and what it does beside; and xAI's search.
    ("models[]", Field::Hosted),
    ("plugins[]", Field::Hosted),
    ("search_parameters", Field::Hosted),
    // Sound that an earlier answer made.
    ("messages[].audio.id", Field::Elsewhere),
];

/// Where tools are defined.
const TOOLS: [(&str, Field); 2] =
    [("tools", Field::Definitions), ("tools[].type", Field::ToolKind)];

/// Where images are named, or encoded.
const IMAGES_SEEN: [(&str, Field); 4] = [
    ("messages[].content[].image_url", Field::ImagePart),
    ("messages[].content[].image_url.url", Field::ImageData),
    ("input[].content[].image_url", Field::ImagePart),
    ("input[].output[].image_url", Field::ImagePart),
];

/// Keys that hint at input that the body does not hold.
const ELSEWHERE: &[&str] = &[
    "conversation",
    "file",
    "file_id",
    "file_ids",
    "file_url",
    "input_audio",
    "input_file",
    "previous_response_id",
    "vector_store_ids",
    "video_url",
];

fn common(places: &[(&'static str, Field)]) -> Tree<Spot> {
    let places = [&COMMON[..], &TOOLS, &IMAGES_SEEN, places].concat();
    let tree = anywhere(fields(&places), Field::Elsewhere, ELSEWHERE);
    let tree = anywhere(tree, Field::Image, &["image_url"]);
    anywhere(anywhere(tree, Field::Search, &["web_search_options"]), Field::Kind, &["type"])
}

pub(in crate::dialect) static CHAT: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    texts(
        common(&GENERATED),
        &[
            "messages[].content",
            "messages[].content[].text",
            "messages[].content[].refusal",
            "messages[].refusal",
        ],
    )
});

pub(in crate::dialect) static COMPLETIONS: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let spot = |field| Spot { field, name: "prompt" };
    common(&GENERATED).with("prompt", spot(Field::Prompt), Want::Characters).with(
        "prompt[]",
        spot(Field::Prompts),
        Want::Characters,
    )
});

pub(in crate::dialect) static RESPONSES: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = common(&[
        ("max_output_tokens", Field::Ceiling),
        ("background", Field::Background),
        ("text", Field::Definitions),
        ("context_management[]", Field::Hosted),
        ("models[]", Field::Hosted),
        ("plugins[]", Field::Hosted),
        ("search_parameters", Field::Hosted),
    ]);
    let prompt = Spot { field: Field::Prompt, name: "prompt" };
    texts(
        tree.with("prompt", prompt, Want::Characters),
        &[
            "instructions",
            "input",
            "input[]",
            "input[].content",
            "input[].content[].text",
            "input[].content[].refusal",
            "input[].summary[].text",
            // Results of tools, as the tools' items hold them.
            "input[].output",
            "input[].output[].text",
            "input[].output[].stdout",
            "input[].output[].stderr",
            "input[].outputs[].logs",
            "input[].results[].text",
        ],
    )
});

pub(in crate::dialect) static EMBEDDINGS: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let input = ["input", "input[]", "input[].content", "input[].content[].text"];
    texts(common(&[]), &input)
});

pub(in crate::dialect) static SPEECH: LazyLock<Tree<Spot>> =
    LazyLock::new(|| texts(fields(&COMMON), &["input"]));

pub(in crate::dialect) static IMAGES: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = texts(common(&[("n", Field::Answers)]), &["prompt"]);
    anywhere(tree, Field::Elsewhere, &["image", "images", "mask"])
});

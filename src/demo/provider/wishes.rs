//! What a request wishes of its answer besides what it asks: how much, how many, in which form. Each
//! API has its own words for it.

use super::fields::{BadOrder, Fields};
use super::route::{Endpoint, Route};
use super::vendor::Vendor;

const MAX_DIMENSIONS: usize = 4096;
const DIMENSIONS: usize = 16;

/// How many answers are wanted.
pub(super) fn answers(endpoint: Endpoint, fields: &Fields<'_>) -> Result<u64, BadOrder> {
    let many = matches!(endpoint, Endpoint::Chat | Endpoint::Completions | Endpoint::Images);
    let answers = if many { fields.get("n")?.unwrap_or(1) } else { 1 };
    match answers {
        1..=128 => Ok(answers),
        _ => Err(BadOrder::of("n", "n must be 1 to 128".to_owned())),
    }
}

/// How long vectors are to be.
pub(super) fn dimensions(fields: &Fields<'_>) -> Result<usize, BadOrder> {
    match fields.get("dimensions")?.or(fields.get("output_dimension")?).unwrap_or(DIMENSIONS) {
        dimensions @ 1..=MAX_DIMENSIONS => Ok(dimensions),
        _ => Err(BadOrder::of("dimensions", "dimensions must be 1 to 4096".to_owned())),
    }
}

/// Whether the answer is to come in pieces.
pub(super) fn stream(
    endpoint: Endpoint,
    route: &Route<'_>,
    fields: &Fields<'_>,
) -> Result<bool, BadOrder> {
    Ok(match endpoint {
        Endpoint::CohereRerank | Endpoint::Ocr | Endpoint::Batch => false,
        Endpoint::Speech => fields.get::<String>("stream_format")?.as_deref() == Some("sse"),
        _ if endpoint.embeds() => false,
        _ => match route.stream {
            Some(stream) => stream,
            None => fields.get("stream")?.unwrap_or(route.vendor == Vendor::Ollama),
        },
    })
}

/// The output ceiling, wherever an API lets it be named.
pub(super) fn ceiling(fields: &Fields<'_>) -> Result<Option<u64>, BadOrder> {
    for name in ["max_completion_tokens", "max_output_tokens", "max_tokens"] {
        if let Some(ceiling) = fields.get(name)? {
            return Ok(Some(ceiling));
        }
    }
    if let Some(predicted) = fields.inside("options")?.get::<i64>("num_predict")? {
        return Ok(u64::try_from(predicted).ok());
    }
    match fields.inside("inferenceConfig")?.get("maxTokens")? {
        Some(ceiling) => Ok(Some(ceiling)),
        None => fields.inside("generationConfig")?.get("maxOutputTokens"),
    }
}

/// The tier that is asked for.
pub(super) fn tier(endpoint: Endpoint, fields: &Fields<'_>) -> Result<Option<String>, BadOrder> {
    match endpoint {
        Endpoint::Converse => fields.inside("serviceTier")?.get("type"),
        _ => fields.get("service_tier"),
    }
}

/// Whether vectors are to be text.
pub(super) fn base64(endpoint: Endpoint, fields: &Fields<'_>) -> Result<bool, BadOrder> {
    Ok(match endpoint {
        Endpoint::CohereEmbed => {
            let types: Option<Vec<String>> = fields.get("embedding_types")?;
            types.is_some_and(|types| types.iter().any(|name| name == "base64"))
        }
        _ => fields.get::<String>("encoding_format")?.as_deref() == Some("base64"),
    })
}

/// How many characters are to be spoken.
pub(super) fn characters(endpoint: Endpoint, fields: &Fields<'_>) -> Result<u64, BadOrder> {
    if endpoint != Endpoint::Speech {
        return Ok(0);
    }
    let text: String = fields.get("input")?.unwrap_or_default();
    Ok(u64::try_from(text.chars().count()).unwrap_or(u64::MAX))
}

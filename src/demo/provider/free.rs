//! Answers of OpenAI's endpoints that cost nothing: moderations and uploads.

use super::CREATED;
use super::draft::quoted;
use super::fields::{BadOrder, Fields};

/// The answer of `/v1/moderations`: nothing is objected to.
pub(super) fn moderation(body: &[u8]) -> Result<String, BadOrder> {
    let fields = Fields::read(body)?;
    let model: Option<String> = fields.get("model")?;
    if fields.raw("input").is_none() {
        return Err(BadOrder::of("input", "Missing required parameter: 'input'.".to_owned()));
    }
    let result = "{\"flagged\":false,\"categories\":{\"hate\":false,\"violence\":false},\
                  \"category_scores\":{\"hate\":0.001,\"violence\":0.001}}";
    Ok(format!(
        "{{\"id\":\"modr-{:08x}\",\"model\":{},\"results\":[{}]}}",
        crc32fast::hash(body),
        quoted(model.as_deref().unwrap_or("omni-moderation-latest")),
        vec![result; fields.length("input").max(1)].join(",")
    ))
}

/// The answer of `/v1/files`.
pub(super) fn upload(body: &[u8]) -> String {
    format!(
        "{{\"id\":\"file-{:08x}\",\"object\":\"file\",\"bytes\":{},\"created_at\":{CREATED},\
         \"filename\":\"upload\",\"purpose\":\"batch\",\"status\":\"processed\"}}",
        crc32fast::hash(body),
        body.len()
    )
}

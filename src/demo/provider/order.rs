//! What a request orders, read as the real API reads it, and as far as the simulation needs it.
//! The seed of an answer leaves `stream` and `stream_options` out, so that asking for usage does
//! not change what is said.

use super::fields::{BadOrder, Fields};
use super::route::{Endpoint, Route};
use super::vendor::Vendor;
use super::wishes;

/// A request, read.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) endpoint: Endpoint,
    pub(super) vendor: Vendor,
    pub(super) model: String,
    /// Changes with the model and the prompt, and with nothing else.
    pub(super) seed: u32,
    /// Length of the prompt's JSON.
    pub(super) prompt_bytes: u64,
    /// How many texts are embedded, documents ranked, or pages asked for.
    pub(super) items: usize,
    pub(super) stream: bool,
    /// The stream is one of server-sent events.
    pub(super) sse: bool,
    pub(super) include_usage: bool,
    pub(super) obfuscate: bool,
    pub(super) ceiling: Option<u64>,
    pub(super) answers: u64,
    pub(super) tier: Option<String>,
    pub(super) base64: bool,
    pub(super) dimensions: usize,
    /// How many results are wanted.
    pub(super) top: Option<usize>,
    /// The form of the answer.
    pub(super) format: Option<String>,
    /// Length of an uploaded file.
    pub(super) file_bytes: u64,
    /// Characters of a text to be spoken.
    pub(super) characters: u64,
    /// The answer is made after the request was answered.
    pub(super) background: bool,
    /// The answer is to be kept.
    pub(super) store: bool,
}

impl Order {
    /// Reads a body that came to `endpoint` by this route.
    pub(super) fn read(
        endpoint: Endpoint,
        route: &Route<'_>,
        body: &[u8],
    ) -> Result<Self, BadOrder> {
        let fields = Fields::read(body)?;
        let model = model(endpoint, route, &fields)?;
        let (name, prompt) = prompt(endpoint, &fields)?;
        let answers = wishes::answers(endpoint, &fields)?;
        let speaks = matches!(endpoint, Endpoint::Transcription | Endpoint::Speech);
        let options = fields.inside("stream_options")?;
        let mut seed = crc32fast::Hasher::new();
        seed.update(model.as_bytes());
        seed.update(prompt.as_bytes());
        Ok(Self {
            endpoint,
            vendor: route.vendor,
            seed: seed.finalize(),
            prompt_bytes: u64::try_from(prompt.len()).unwrap_or(u64::MAX),
            items: items(endpoint, name, &fields),
            stream: wishes::stream(endpoint, route, &fields)?,
            sse: route.sse,
            include_usage: options.get("include_usage")?.unwrap_or(false),
            obfuscate: options.get("include_obfuscation")?.unwrap_or(true),
            ceiling: wishes::ceiling(&fields)?,
            answers,
            tier: wishes::tier(endpoint, &fields)?,
            base64: wishes::base64(endpoint, &fields)?,
            top: fields.get("top_n")?,
            format: if speaks { fields.get("response_format")? } else { None },
            file_bytes: if speaks { fields.inside("file")?.get("bytes")?.unwrap_or(0) } else { 0 },
            characters: wishes::characters(endpoint, &fields)?,
            background: endpoint == Endpoint::Responses
                && fields.get("background")?.unwrap_or(false),
            store: fields.get("store")?.unwrap_or(false),
            dimensions: wishes::dimensions(&fields)?,
            model,
        })
    }

    /// How long an uploaded sound is.
    pub(super) fn seconds(&self) -> u64 {
        (self.file_bytes / 16_000).max(1)
    }
}

fn model(endpoint: Endpoint, route: &Route<'_>, fields: &Fields<'_>) -> Result<String, BadOrder> {
    let named = match route.model {
        Some(model) => Some(decoded(model)),
        None => fields.get("model")?,
    };
    let named = named.or(match endpoint {
        Endpoint::Batch => Some("gpt-5-mini".to_owned()),
        Endpoint::Images => Some("dall-e-2".to_owned()),
        _ => None,
    });
    let missing = || BadOrder::of("model", "you must provide a model parameter".to_owned());
    named.filter(|model| !model.is_empty()).ok_or_else(missing)
}

/// The field that holds the prompt, and its JSON.
fn prompt<'a>(
    endpoint: Endpoint,
    fields: &Fields<'a>,
) -> Result<(&'static str, &'a str), BadOrder> {
    let names: &[&'static str] = match endpoint {
        Endpoint::Chat
        | Endpoint::Messages
        | Endpoint::CohereChat
        | Endpoint::OllamaChat
        | Endpoint::Converse => &["messages"],
        Endpoint::Completions | Endpoint::OllamaGenerate | Endpoint::Images => &["prompt"],
        Endpoint::Transcription => &["file"],
        Endpoint::Batch => &["input_file_id"],
        Endpoint::Responses | Endpoint::Embeddings | Endpoint::OllamaEmbed | Endpoint::Speech => {
            &["input"]
        }
        Endpoint::CohereEmbed => &["texts", "inputs", "images"],
        Endpoint::CohereRerank => &["documents"],
        Endpoint::Ocr => &["document"],
        Endpoint::Gemini => &["contents", "generateContentRequest"],
        Endpoint::GeminiEmbed => &["content"],
        Endpoint::GeminiEmbeds => &["requests"],
    };
    let found = names.iter().find_map(|name| Some((*name, fields.raw(name)?)));
    let first = names.first().copied().unwrap_or_default();
    found.ok_or_else(|| BadOrder::of(first, format!("Missing required parameter: '{first}'.")))
}

/// A name in a path, without its percent signs.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(piece.as_bytes().get(2..).unwrap_or_default());
            }
            None => bytes.extend_from_slice(format!("%{piece}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A list of texts or of token lists is embedded one by one; a text or one token list is one.
fn items(endpoint: Endpoint, name: &'static str, fields: &Fields<'_>) -> usize {
    let json = fields.raw(name).unwrap_or_default();
    let first = json.strip_prefix('[').map(str::trim_start);
    let texts = first.is_some_and(|rest| rest.starts_with(['"', '[']));
    match endpoint {
        Endpoint::Embeddings | Endpoint::OllamaEmbed if texts => fields.length(name),
        Endpoint::GeminiEmbeds | Endpoint::CohereEmbed | Endpoint::CohereRerank => {
            fields.length(name)
        }
        Endpoint::Ocr => fields.length("pages"),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn read(path: &str, body: &str) -> Result<Order, BadOrder> {
        let route = Route::of(&Method::POST, path, None);
        let super::super::route::Errand::Sell(endpoint) = route.errand else { unreachable!() };
        Order::read(endpoint, &route, body.as_bytes())
    }

    fn chat(body: &str) -> Order {
        read("/v1/chat/completions", body).unwrap()
    }

    #[test]
    fn asking_for_usage_does_not_change_the_seed() {
        let plain = chat(r#"{"model":"m","messages":[1]}"#);
        let asked = chat(
            r#"{"model":"m","messages":[1],"stream":true,"stream_options":{"include_usage":true}}"#,
        );
        assert_eq!(plain.seed, asked.seed);
        assert!(asked.include_usage && asked.stream && !plain.stream);
        assert_ne!(plain.seed, chat(r#"{"model":"m","messages":[2]}"#).seed);
        assert_ne!(plain.seed, chat(r#"{"model":"n","messages":[1]}"#).seed);
    }

    #[test]
    fn embeddings_count_their_texts() {
        for (input, texts) in
            [(r#""a""#, 1), (r#"["a","b"]"#, 2), ("[1,2,3]", 1), ("[[1],[2],[3]]", 3), ("[]", 1)]
        {
            let body = format!(r#"{{"model":"m","input":{input}}}"#);
            assert_eq!(read("/v1/embeddings", &body).unwrap().items, texts, "{input}");
        }
    }

    #[test]
    fn bad_requests_name_the_parameter() {
        for (body, param) in [
            ("{", None),
            (r#"{"messages":[]}"#, Some("model")),
            (r#"{"model":""}"#, Some("model")),
            (r#"{"model":"m"}"#, Some("messages")),
            (r#"{"model":"m","messages":[],"n":0}"#, Some("n")),
            (r#"{"model":"m","messages":[],"stream":"yes"}"#, Some("stream")),
        ] {
            let error = read("/v1/chat/completions", body).unwrap_err();
            assert_eq!(error.param, param, "{body}");
        }
    }
}

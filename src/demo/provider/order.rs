//! What a request orders, read as the real API reads it, and as far as the simulation needs it.
//! The seed of an answer leaves `stream` and `stream_options` out, so that asking for usage does
//! not change what is said.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The simulated operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Chat,
    Completions,
    Responses,
    Embeddings,
}

impl Endpoint {
    /// What the rest of a path after `/v1/` names.
    pub(super) fn of(rest: &str) -> Option<Self> {
        match rest {
            "chat/completions" => Some(Self::Chat),
            "completions" => Some(Self::Completions),
            "responses" => Some(Self::Responses),
            "embeddings" => Some(Self::Embeddings),
            _ => None,
        }
    }
}

/// A request, read.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) endpoint: Endpoint,
    pub(super) model: String,
    /// Changes with the model and the prompt, and with nothing else.
    pub(super) seed: u32,
    /// Length of the prompt's JSON.
    pub(super) prompt_bytes: u64,
    /// How many texts are embedded.
    pub(super) texts: usize,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    pub(super) obfuscate: bool,
    pub(super) ceiling: Option<u64>,
    pub(super) answers: u64,
    pub(super) tier: Option<String>,
    pub(super) base64: bool,
    pub(super) dimensions: usize,
}

/// A request that the API refuses: which parameter, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadOrder {
    pub(super) param: Option<&'static str>,
    pub(super) message: String,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    n: Option<u64>,
    #[serde(borrow)]
    service_tier: Option<Cow<'a, str>>,
    #[serde(borrow)]
    encoding_format: Option<Cow<'a, str>>,
    dimensions: Option<usize>,
}

#[derive(Deserialize, Default)]
struct StreamOptions {
    include_usage: Option<bool>,
    include_obfuscation: Option<bool>,
}

const MAX_DIMENSIONS: usize = 4096;
const DIMENSIONS: usize = 16;

impl Order {
    /// Reads a body.
    pub(super) fn read(endpoint: Endpoint, body: &[u8]) -> Result<Self, BadOrder> {
        let body: Body<'_> = serde_json::from_slice(body).map_err(|why| BadOrder {
            param: None,
            message: format!("We could not parse the JSON body of your request. ({why})"),
        })?;
        let model = match &body.model {
            Some(model) if !model.is_empty() => model.to_string(),
            _ => return Err(missing("model", "you must provide a model parameter")),
        };
        let prompt = prompt(endpoint, &body)?;
        let many = matches!(endpoint, Endpoint::Chat | Endpoint::Completions);
        let answers = if many { body.n.unwrap_or(1) } else { 1 };
        if !(1..=128).contains(&answers) {
            return Err(missing("n", "n must be 1 to 128"));
        }
        let dimensions = body.dimensions.unwrap_or(DIMENSIONS);
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(missing("dimensions", "dimensions must be 1 to 4096"));
        }
        let options = body.stream_options.unwrap_or_default();
        let mut seed = crc32fast::Hasher::new();
        seed.update(model.as_bytes());
        seed.update(prompt.as_bytes());
        Ok(Self {
            endpoint,
            seed: seed.finalize(),
            prompt_bytes: u64::try_from(prompt.len()).unwrap_or(u64::MAX),
            texts: if endpoint == Endpoint::Embeddings { count_texts(prompt) } else { 1 },
            stream: endpoint != Endpoint::Embeddings && body.stream.unwrap_or(false),
            include_usage: options.include_usage.unwrap_or(false),
            obfuscate: options.include_obfuscation.unwrap_or(true),
            ceiling: body.max_completion_tokens.or(body.max_output_tokens).or(body.max_tokens),
            answers,
            tier: body.service_tier.map(Cow::into_owned),
            base64: body.encoding_format.as_deref() == Some("base64"),
            dimensions,
            model,
        })
    }
}

fn prompt<'a>(endpoint: Endpoint, body: &Body<'a>) -> Result<&'a str, BadOrder> {
    let (name, value) = match endpoint {
        Endpoint::Chat => ("messages", body.messages),
        Endpoint::Completions => ("prompt", body.prompt),
        Endpoint::Responses | Endpoint::Embeddings => ("input", body.input),
    };
    let missing = || missing(name, &format!("Missing required parameter: '{name}'."));
    Ok(value.ok_or_else(missing)?.get())
}

fn missing(param: &'static str, message: &str) -> BadOrder {
    BadOrder { param: Some(param), message: message.to_owned() }
}

/// A list of texts or of token lists is embedded one by one; a text or one token list is one.
fn count_texts(input: &str) -> usize {
    match serde_json::from_str::<Vec<&RawValue>>(input) {
        Ok(list) if list.first().is_some_and(|e| e.get().starts_with(['"', '['])) => list.len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(body: &str) -> Order {
        Order::read(Endpoint::Chat, body.as_bytes()).unwrap()
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
            let order = Order::read(Endpoint::Embeddings, body.as_bytes()).unwrap();
            assert_eq!(order.texts, texts, "{input}");
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
        ] {
            let error = Order::read(Endpoint::Chat, body.as_bytes()).unwrap_err();
            assert_eq!(error.param, param, "{body}");
        }
    }
}

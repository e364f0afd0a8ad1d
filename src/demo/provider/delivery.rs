//! From a plan to an answer on its way: which file words it, its content type, its encoding, how it
//! is cut and where it breaks off.

use super::bill::Serving;
use super::draft::{Draft, Pages};
use super::encoding::Encoder;
use super::failure::Failure;
use super::plan::Plan;
use super::route::Endpoint;
use super::script::{Break, Encoding, Script};
use super::transmission::Transmission;
use super::wire::ResetFlag;
use super::{
    anthropic, audio, batches, bedrock, cohere, complaint, completions, deferred, embeddings,
    gemini, images, mistral, ollama, responses,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use std::time::Duration;

/// The answer.
pub(super) fn deliver(
    plan: &Plan,
    script: &Script,
    serving: Option<Serving>,
    encoding: Option<Encoding>,
    reset: ResetFlag,
) -> Response<Transmission> {
    let stream = plan.order.stream;
    let breaks = script.breaks().filter(|(_, how)| stream || *how != Break::Error);
    let transmission = Transmission::free(pages(plan, script))
        .billed(serving)
        .encoded(encoding.map(Encoder::new))
        .unsized_if(stream || plan.order.endpoint == Endpoint::Speech)
        .flushed_if(script.split.is_some())
        .paced(Duration::from_millis(script.delay_ms))
        .broken(breaks, reset);
    let mut answer = Response::new(transmission);
    *answer.status_mut() = status(script);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(plan)));
    if let Some(encoding) = encoding {
        let token = HeaderValue::from_static(encoding.token());
        headers.insert(header::CONTENT_ENCODING, token);
    }
    plan.order.vendor.sign(headers, &plan.serial());
    answer
}

/// A JSON answer that costs nothing.
pub(super) fn free(body: String) -> Response<Transmission> {
    let mut answer = Response::new(Transmission::free(Draft::whole(body, 0).finish()));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

/// The encoding that script and client agree on.
pub(super) fn accepted(headers: &HeaderMap, script: &Script) -> Option<Encoding> {
    let encoding = script.encoding?;
    if script.encode_anyway {
        return Some(encoding);
    }
    let accepts = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    let mut tokens = accepts.flat_map(|list| list.split(','));
    tokens
        .any(|token| token.split(';').next().map(str::trim) == Some(encoding.token()))
        .then_some(encoding)
}

fn pages(plan: &Plan, script: &Script) -> Pages {
    let draft = draft(plan, script);
    match script.split {
        Some(longest) => draft.split(longest, plan.order.seed).finish(),
        None => draft.finish(),
    }
}

fn draft(plan: &Plan, script: &Script) -> Draft {
    if !plan.order.stream {
        let pieces = if script.breaks().is_some() { plan.chunks.len() } else { 1 };
        return Draft::whole(body(plan), plan.parts()).in_pieces(pieces);
    }
    let draft = stream(plan);
    match script.breaks() {
        Some((after, Break::Error)) => {
            draft.broken_by(after, &complaint::event(&plan.order, &Failure::midway(script)))
        }
        _ => draft,
    }
}

fn body(plan: &Plan) -> Vec<u8> {
    if let Some(receipt) = deferred::receipt(plan) {
        return receipt.into_bytes();
    }
    let json = match plan.order.endpoint {
        Endpoint::Chat | Endpoint::Completions => completions::json(plan),
        Endpoint::Responses => responses::json(plan),
        Endpoint::Embeddings => embeddings::json(plan),
        Endpoint::Messages => anthropic::json(plan),
        Endpoint::Transcription => audio::transcript(plan),
        Endpoint::Speech => return audio::sound(plan),
        Endpoint::Images => images::json(plan),
        Endpoint::Batch => batches::json(plan, "validating"),
        Endpoint::CohereChat => cohere::json(plan),
        Endpoint::CohereEmbed => cohere::embeddings(plan),
        Endpoint::CohereRerank => cohere::ranking(plan),
        Endpoint::Ocr => mistral::pages(plan),
        Endpoint::OllamaChat | Endpoint::OllamaGenerate => ollama::json(plan),
        Endpoint::OllamaEmbed => ollama::embeddings(plan),
        Endpoint::Converse => bedrock::json(plan),
        Endpoint::Gemini => gemini::json(plan),
        Endpoint::GeminiEmbed | Endpoint::GeminiEmbeds => gemini::embeddings(plan),
    };
    json.into_bytes()
}

fn stream(plan: &Plan) -> Draft {
    match plan.order.endpoint {
        Endpoint::Responses => responses::stream(plan),
        Endpoint::Messages => anthropic::stream(plan),
        Endpoint::Gemini => gemini::stream(plan),
        Endpoint::CohereChat => cohere::stream(plan),
        Endpoint::Transcription => audio::transcript_stream(plan),
        Endpoint::Speech => audio::sound_stream(plan),
        Endpoint::Images => images::stream(plan),
        Endpoint::OllamaChat | Endpoint::OllamaGenerate => ollama::stream(plan),
        Endpoint::Converse => bedrock::stream(plan),
        _ => completions::stream(plan),
    }
}

fn content_type(plan: &Plan) -> &'static str {
    match plan.order.endpoint {
        Endpoint::Speech if !plan.order.stream => "audio/mpeg",
        Endpoint::Transcription if !plan.order.stream => transcript_type(plan),
        _ if !plan.order.stream => "application/json",
        Endpoint::Gemini if plan.order.sse => "text/event-stream",
        Endpoint::Gemini => "application/json",
        Endpoint::OllamaChat | Endpoint::OllamaGenerate => "application/x-ndjson",
        Endpoint::Converse => "application/vnd.amazon.eventstream",
        _ => "text/event-stream; charset=utf-8",
    }
}

fn transcript_type(plan: &Plan) -> &'static str {
    match plan.order.format.as_deref() {
        Some("text" | "srt" | "vtt") => "text/plain; charset=utf-8",
        _ => "application/json",
    }
}

fn status(script: &Script) -> StatusCode {
    script.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK)
}

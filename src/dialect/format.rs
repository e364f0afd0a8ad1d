//! What one file per wire format says about answers: where they say what, and what that amounts to.

use super::Operation;
use super::answer::{Fact, Facts, Progress};
use super::request::Spot;
use super::{
    anthropic, bedrock, cloudflare, cohere, gemini, llamacpp, lmstudio, mistral, ollama, openai,
};
use crate::framing::json::Tree;
use crate::usage::Reading;
use http::HeaderMap;

/// How answers of one operation are read.
pub(super) trait Format: Sync {
    /// Where a document says what.
    fn places(&self) -> &'static Tree<Fact>;

    /// Adds what a document says to what is known. Sets `progress.over` at the protocol's end.
    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress);

    /// An answer that is one document ended. `merge` has seen it.
    fn whole(&self, _reading: &mut Reading, progress: &mut Progress) {
        progress.over = true;
    }

    /// Whether `[DONE]` is the protocol's end.
    fn ends_with_done(&self) -> bool {
        false
    }

    /// A stream ended without a sign of its end. Sets `progress.over` if it had come to it.
    fn stream_ended(&self, _reading: &mut Reading, _progress: &mut Progress) {}

    /// Whether a document that repeats another but for its text need not be read again.
    fn repeats(&self, _facts: &Facts) -> bool {
        false
    }

    /// What an answer amounts to that is no JSON (sound, plain text); `None` if there is none such.
    fn opaque(&self) -> Option<fn(&mut Reading, &mut Progress)> {
        None
    }

    /// Whether an array holds the documents of a stream.
    fn comes_in_elements(&self) -> bool {
        false
    }

    /// Whether the events of a stream come wrapped in base64.
    fn is_wrapped(&self) -> bool {
        false
    }

    /// Takes figures out of the headers.
    fn head(&self, _headers: &HeaderMap, _reading: &mut Reading) {}
}

/// How answers of an operation are read.
pub(super) fn format(operation: Operation) -> &'static dyn Format {
    match operation {
        Operation::OpenAiChat | Operation::OpenAiCompletions => &openai::Chat,
        Operation::OpenAiEmbeddings => &openai::Embeddings,
        Operation::OpenAiResponses => &openai::Responses,
        Operation::OpenAiTranscription => &openai::Transcription,
        Operation::OpenAiSpeech => &openai::Speech,
        Operation::OpenAiImages => &openai::Images,
        Operation::OpenAiRealtime => &openai::Realtime,
        Operation::OpenAiLive => &openai::Live,
        Operation::OpenAiBatches => &openai::Batch,
        Operation::OpenAiFiles | Operation::OpenAiModels | Operation::OpenAiModerations => {
            &openai::Unbilled
        }
        Operation::AnthropicMessages => &anthropic::Messages,
        Operation::GeminiGenerate => &gemini::Generate,
        Operation::GeminiEmbed => &gemini::Embed,
        Operation::GeminiInteractions => &gemini::Interactions,
        Operation::GeminiLive => &gemini::Live,
        Operation::BedrockConverse => &bedrock::Converse,
        Operation::BedrockInvoke => &bedrock::Invoke,
        Operation::CohereChat | Operation::CohereEmbed | Operation::CohereRerank => &cohere::Cohere,
        Operation::OllamaChat | Operation::OllamaGenerate | Operation::OllamaEmbed => {
            &ollama::Ollama
        }
        Operation::LlamaCppCompletion => &llamacpp::Completion,
        Operation::LmStudioChat => &lmstudio::Chat,
        Operation::MistralOcr => &mistral::Ocr,
        Operation::CloudflareRun => &cloudflare::Run,
    }
}

/// Where a request of an operation says what.
pub(super) fn asked(operation: Operation) -> &'static Tree<Spot> {
    match operation {
        Operation::OpenAiChat => &openai::asked::CHAT,
        Operation::OpenAiCompletions => &openai::asked::COMPLETIONS,
        Operation::OpenAiEmbeddings => &openai::asked::EMBEDDINGS,
        Operation::OpenAiSpeech => &openai::asked::SPEECH,
        Operation::OpenAiImages => &openai::asked::IMAGES,
        Operation::AnthropicMessages => &anthropic::ASKED,
        Operation::GeminiGenerate | Operation::GeminiLive => &gemini::ASKED,
        Operation::GeminiEmbed => &gemini::EMBED_ASKED,
        Operation::GeminiInteractions => &gemini::INTERACTIONS_ASKED,
        Operation::BedrockConverse => &bedrock::CONVERSE_ASKED,
        Operation::BedrockInvoke => &bedrock::INVOKE_ASKED,
        Operation::CohereChat | Operation::CohereEmbed | Operation::CohereRerank => &cohere::ASKED,
        Operation::OllamaChat | Operation::OllamaGenerate | Operation::OllamaEmbed => {
            &ollama::ASKED
        }
        Operation::LlamaCppCompletion => &llamacpp::ASKED,
        Operation::LmStudioChat => &lmstudio::ASKED,
        Operation::MistralOcr => &mistral::ASKED,
        Operation::CloudflareRun => &cloudflare::ASKED,
        Operation::OpenAiResponses
        | Operation::OpenAiTranscription
        | Operation::OpenAiRealtime
        | Operation::OpenAiLive
        | Operation::OpenAiBatches
        | Operation::OpenAiFiles
        | Operation::OpenAiModels
        | Operation::OpenAiModerations => &openai::asked::RESPONSES,
    }
}

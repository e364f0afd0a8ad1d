//! What can be asked of a provider, and which dialect it belongs to.

use std::fmt;

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $dialect:ident, $yields:ident;)+) => {
        /// An operation whose answers are read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation { $($(#[doc = $doc])+ $variant,)+ }

        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in captures and events, such as `openai.chat`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The wire format that it belongs to.
            pub const fn dialect(self) -> Dialect {
                match self { $(Self::$variant => Dialect::$dialect,)+ }
            }

            /// What it makes.
            pub const fn yields(self) -> Yields {
                match self { $(Self::$variant => Yields::$yields,)+ }
            }
        }
    };
}

impl Operation {
    /// What a request calls the most output tokens that an answer may have.
    pub const fn ceiling_field(self) -> &'static str {
        match self {
            Self::OpenAiChat => "max_completion_tokens",
            Self::OpenAiResponses | Self::GeminiInteractions | Self::LmStudioChat => {
                "max_output_tokens"
            }
            Self::GeminiGenerate => "maxOutputTokens",
            Self::BedrockConverse => "maxTokens",
            Self::OllamaChat | Self::OllamaGenerate => "num_predict",
            Self::LlamaCppCompletion => "n_predict",
            _ => "max_tokens",
        }
    }
}

operations! {
    /// `POST /v1/chat/completions`.
    OpenAiChat = "openai.chat", OpenAi, Text;
    /// `POST /v1/completions`.
    OpenAiCompletions = "openai.completions", OpenAi, Text;
    /// `POST /v1/responses` and `/v1/responses/compact`; `GET /v1/responses/ID` repeats it.
    OpenAiResponses = "openai.responses", OpenAi, Text;
    /// `POST /v1/embeddings`.
    OpenAiEmbeddings = "openai.embeddings", OpenAi, Vectors;
    /// `POST /v1/audio/transcriptions` and `/v1/audio/translations`.
    OpenAiTranscription = "openai.audio.transcription", OpenAi, Transcript;
    /// `POST /v1/audio/speech`.
    OpenAiSpeech = "openai.audio.speech", OpenAi, Speech;
    /// `POST /v1/images/generations`, `/edits` and `/variations`.
    OpenAiImages = "openai.images", OpenAi, Images;
    /// `GET /v1/realtime`, a WebSocket.
    OpenAiRealtime = "openai.realtime", OpenAi, Text;
    /// `GET /v1/live`, a WebSocket.
    OpenAiLive = "openai.live", OpenAi, Time;
    /// `GET /v1/batches/ID`: the usage of a whole batch.
    OpenAiBatches = "openai.batches", OpenAi, Text;
    /// `POST /v1/files` and what else handles files.
    OpenAiFiles = "openai.files", OpenAi, Nothing;
    /// `GET /v1/models`.
    OpenAiModels = "openai.models", OpenAi, Nothing;
    /// `POST /v1/moderations`.
    OpenAiModerations = "openai.moderations", OpenAi, Nothing;
    /// `POST /v1/messages`, also Vertex' `:rawPredict`.
    AnthropicMessages = "anthropic.messages", Anthropic, Text;
    /// `:generateContent` and `:streamGenerateContent`.
    GeminiGenerate = "gemini.generate", Gemini, Text;
    /// `:embedContent`, `:batchEmbedContents`, and Vertex' `:predict` of embedding models.
    GeminiEmbed = "gemini.embed", Gemini, Vectors;
    /// `POST /v1beta/interactions`.
    GeminiInteractions = "gemini.interactions", Gemini, Text;
    /// `BidiGenerateContent`, a WebSocket.
    GeminiLive = "gemini.live", Gemini, Text;
    /// `POST /model/ID/converse` and `/converse-stream`.
    BedrockConverse = "bedrock.converse", Bedrock, Text;
    /// `POST /model/ID/invoke` and `/invoke-with-response-stream`.
    BedrockInvoke = "bedrock.invoke", Bedrock, Text;
    /// `POST /v2/chat`.
    CohereChat = "cohere.chat", Cohere, Text;
    /// `POST /v2/embed`.
    CohereEmbed = "cohere.embed", Cohere, Vectors;
    /// `POST /v2/rerank`.
    CohereRerank = "cohere.rerank", Cohere, Ranking;
    /// `POST /api/chat`.
    OllamaChat = "ollama.chat", Ollama, Text;
    /// `POST /api/generate`.
    OllamaGenerate = "ollama.generate", Ollama, Text;
    /// `POST /api/embed` and `/api/embeddings`.
    OllamaEmbed = "ollama.embed", Ollama, Vectors;
    /// `POST /completion` and `/completions` of a llama.cpp server.
    LlamaCppCompletion = "llamacpp.completion", LlamaCpp, Text;
    /// `POST /api/v1/chat` of LM Studio.
    LmStudioChat = "lmstudio.chat", LmStudio, Text;
    /// `POST /v1/ocr`.
    MistralOcr = "mistral.ocr", OpenAi, Pages;
    /// `POST …/ai/run/MODEL`.
    CloudflareRun = "cloudflare.run", Cloudflare, Text;
}

/// What an operation makes, as far as bounds and estimates need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yields {
    /// Output tokens.
    Text,
    /// Embeddings; no output tokens.
    Vectors,
    /// The text of some sound, billed by tokens or by its length.
    Transcript,
    /// Sound, billed by tokens or by the characters of its text.
    Speech,
    /// Images, billed by tokens or by the piece.
    Images,
    /// The text of pages, billed by the page.
    Pages,
    /// An order of documents, billed by the search.
    Ranking,
    /// Time, for as long as a connection lasts.
    Time,
    /// Nothing that is billed.
    Nothing,
}

/// A wire format: how a provider is addressed and what its errors look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// OpenAI's, spoken by most compatible servers. A base URL ends in a version.
    #[default]
    OpenAi,
    /// Azure's form of it: the deployment in the path, the key in `api-key`.
    Azure,
    /// Anthropic's.
    Anthropic,
    /// Google's.
    Gemini,
    /// AWS Bedrock's, with an API key as bearer.
    Bedrock,
    /// Cohere's.
    Cohere,
    /// Ollama's own.
    Ollama,
    /// llama.cpp's own.
    LlamaCpp,
    /// LM Studio's own.
    LmStudio,
    /// Cloudflare Workers AI's own.
    Cloudflare,
}

impl Dialect {
    /// All dialects.
    pub const ALL: &'static [Self] = &[
        Self::OpenAi,
        Self::Azure,
        Self::Anthropic,
        Self::Gemini,
        Self::Bedrock,
        Self::Cohere,
        Self::Ollama,
        Self::LlamaCpp,
        Self::LmStudio,
        Self::Cloudflare,
    ];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Azure => "azure",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
            Self::LlamaCpp => "llamacpp",
            Self::LmStudio => "lmstudio",
            Self::Cloudflare => "cloudflare",
        }
    }

    /// Whether hanging up stops the bill where nothing else is known of a provider: at Azure,
    /// Anthropic, Cohere and Cloudflare it does, at AWS and Google it does not (OpenRouter's page on
    /// the cancelling of streams); of servers that speak OpenAI's dialect nothing is known.
    pub const fn cancel_stops_billing(self) -> bool {
        !matches!(self, Self::OpenAi | Self::Gemini | Self::Bedrock)
    }

    /// The dialect of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dialect| dialect.name() == name)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! What a method and a path ask for, as the real APIs name it. Any prefix may stand before the
//! version, so that one simulated provider can be several; the prefix `/mistral` makes it Mistral,
//! `/openrouter` or `/openrouter/api` OpenRouter.

use super::vendor::Vendor;
use http::Method;

/// What is sold: one operation whose answer is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Chat,
    Completions,
    Responses,
    Embeddings,
    Messages,
    Gemini,
    GeminiEmbed,
    GeminiEmbeds,
    CohereChat,
    CohereEmbed,
    CohereRerank,
    Ocr,
    OllamaChat,
    OllamaGenerate,
    OllamaEmbed,
    Converse,
    Transcription,
    Speech,
    Images,
    Batch,
}

impl Endpoint {
    /// The answer is vectors.
    pub(super) const fn embeds(self) -> bool {
        matches!(
            self,
            Self::Embeddings
                | Self::GeminiEmbed
                | Self::GeminiEmbeds
                | Self::CohereEmbed
                | Self::OllamaEmbed
        )
    }
}

/// A report on the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// OpenAI's usage of one kind of endpoint.
    OpenAiUsage(UsageOf),
    /// OpenAI's costs.
    OpenAiCosts,
    /// Anthropic's usage of the messages API.
    AnthropicUsage,
    /// Anthropic's costs.
    AnthropicCosts,
    /// OpenRouter's activity.
    Activity,
}

/// The kinds of endpoints that OpenAI's usage API keeps apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsageOf {
    Completions,
    Embeddings,
    Images,
    Speeches,
    Transcriptions,
    Moderations,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand<'a> {
    /// An answer that is billed.
    Sell(Endpoint),
    /// How many tokens this would be; free.
    Count(Endpoint),
    /// A conversation over a WebSocket.
    Converse,
    /// Whether a text is objectionable.
    Moderate,
    /// A file is left.
    Upload,
    /// What was answered or begun before, by its path.
    Fetch(&'a str),
    /// The list of models.
    Models,
    /// The models of Ollama.
    Tags,
    /// One model.
    Model(&'a str),
    /// What was used and what it costs, for an administrator of the account.
    Report(Report),
    /// The path exists, the method does not.
    WrongMethod,
    Unknown,
}

/// A request's method and path, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route<'a> {
    pub(super) vendor: Vendor,
    pub(super) errand: Errand<'a>,
    /// The model, where the path names it.
    pub(super) model: Option<&'a str>,
    /// Whether it is a stream, where the path says it.
    pub(super) stream: Option<bool>,
    /// The query asks for server-sent events.
    pub(super) sse: bool,
}

impl<'a> Route<'a> {
    /// Reads them.
    pub(super) fn of(method: &Method, path: &'a str, query: Option<&str>) -> Self {
        let unknown = Self {
            vendor: Vendor::OpenAi,
            errand: Errand::Unknown,
            model: None,
            stream: None,
            sse: parameter(query, "alt") == Some("sse"),
        };
        let mut routes = places(path).map(|(prefix, version, rest)| {
            let mut route = unknown;
            match version {
                "v1" => route.openai(method, prefix, rest),
                "v1beta" => route.gemini(method, rest),
                "v2" => route.cohere(method, rest),
                "api" => route.ollama(method, rest),
                "model" => route.bedrock(method, rest),
                _ => {}
            }
            route
        });
        routes.find(|route| route.errand != Errand::Unknown).unwrap_or(unknown)
    }

    fn openai(&mut self, method: &Method, prefix: &str, rest: &'a str) {
        if prefix.ends_with("/mistral") {
            self.vendor = Vendor::Mistral;
        }
        if prefix.ends_with("/openrouter") || prefix.ends_with("/openrouter/api") {
            self.vendor = Vendor::OpenRouter;
        }
        let errand = match rest {
            "chat/completions" => Errand::Sell(Endpoint::Chat),
            "completions" => Errand::Sell(Endpoint::Completions),
            "responses" => Errand::Sell(Endpoint::Responses),
            "responses/input_tokens" => Errand::Count(Endpoint::Responses),
            "embeddings" => Errand::Sell(Endpoint::Embeddings),
            "audio/transcriptions" => Errand::Sell(Endpoint::Transcription),
            "audio/speech" => Errand::Sell(Endpoint::Speech),
            "images/generations" => Errand::Sell(Endpoint::Images),
            "batches" => Errand::Sell(Endpoint::Batch),
            "moderations" => Errand::Moderate,
            "files" => Errand::Upload,
            "ocr" => self.of_vendor(Vendor::Mistral, Errand::Sell(Endpoint::Ocr)),
            "messages" => self.of_vendor(Vendor::Anthropic, Errand::Sell(Endpoint::Messages)),
            "messages/count_tokens" => {
                self.of_vendor(Vendor::Anthropic, Errand::Count(Endpoint::Messages))
            }
            _ => return self.listed(method, rest),
        };
        self.errand = posted(method, errand);
    }

    /// `models/M:verb`, of whatever version.
    fn gemini(&mut self, method: &Method, rest: &'a str) {
        self.vendor = Vendor::Gemini;
        let place = rest.strip_prefix("models/").and_then(|place| place.rsplit_once(':'));
        let Some((model, verb)) = place else { return };
        let (errand, stream) = match verb {
            "generateContent" => (Errand::Sell(Endpoint::Gemini), false),
            "streamGenerateContent" => (Errand::Sell(Endpoint::Gemini), true),
            "countTokens" => (Errand::Count(Endpoint::Gemini), false),
            "embedContent" => (Errand::Sell(Endpoint::GeminiEmbed), false),
            "batchEmbedContents" => (Errand::Sell(Endpoint::GeminiEmbeds), false),
            _ => return,
        };
        self.model = Some(model);
        self.stream = Some(stream);
        self.errand = posted(method, errand);
    }

    fn cohere(&mut self, method: &Method, rest: &str) {
        self.vendor = Vendor::Cohere;
        let endpoint = match rest {
            "chat" => Endpoint::CohereChat,
            "embed" => Endpoint::CohereEmbed,
            "rerank" => Endpoint::CohereRerank,
            _ => return,
        };
        self.errand = posted(method, Errand::Sell(endpoint));
    }

    fn ollama(&mut self, method: &Method, rest: &str) {
        self.vendor = Vendor::Ollama;
        self.errand = match rest {
            "chat" => posted(method, Errand::Sell(Endpoint::OllamaChat)),
            "generate" => posted(method, Errand::Sell(Endpoint::OllamaGenerate)),
            "embed" => posted(method, Errand::Sell(Endpoint::OllamaEmbed)),
            "tags" => got(method, Errand::Tags),
            _ => return,
        };
    }

    fn bedrock(&mut self, method: &Method, rest: &'a str) {
        self.vendor = Vendor::Bedrock;
        let Some((model, verb)) = rest.rsplit_once('/') else { return };
        let stream = match verb {
            "converse" => false,
            "converse-stream" => true,
            _ => return,
        };
        self.model = Some(model);
        self.stream = Some(stream);
        self.errand = posted(method, Errand::Sell(Endpoint::Converse));
    }

    fn listed(&mut self, method: &Method, rest: &'a str) {
        if rest.starts_with("models/") && rest.contains(':') {
            return self.gemini(method, rest);
        }
        if let Some(report) = report(rest) {
            self.errand = got(method, Errand::Report(report));
            match report {
                Report::AnthropicUsage | Report::AnthropicCosts => self.vendor = Vendor::Anthropic,
                Report::Activity => self.vendor = Vendor::OpenRouter,
                Report::OpenAiUsage(_) | Report::OpenAiCosts => {}
            }
            return;
        }
        self.errand = match rest.split_once('/') {
            None if rest == "models" => got(method, Errand::Models),
            None if rest == "realtime" => got(method, Errand::Converse),
            Some(("models", id)) => got(method, Errand::Model(id)),
            Some(("responses" | "batches", id)) if !id.contains('/') => {
                got(method, Errand::Fetch(rest))
            }
            Some(("chat", id)) if id.starts_with("completions/") => {
                got(method, Errand::Fetch(rest))
            }
            _ => Errand::Unknown,
        };
    }

    fn of_vendor(&mut self, vendor: Vendor, errand: Errand<'a>) -> Errand<'a> {
        self.vendor = vendor;
        errand
    }
}

fn report(rest: &str) -> Option<Report> {
    Some(match rest {
        "organization/usage/completions" => Report::OpenAiUsage(UsageOf::Completions),
        "organization/usage/embeddings" => Report::OpenAiUsage(UsageOf::Embeddings),
        "organization/usage/images" => Report::OpenAiUsage(UsageOf::Images),
        "organization/usage/audio_speeches" => Report::OpenAiUsage(UsageOf::Speeches),
        "organization/usage/audio_transcriptions" => Report::OpenAiUsage(UsageOf::Transcriptions),
        "organization/usage/moderations" => Report::OpenAiUsage(UsageOf::Moderations),
        "organization/costs" => Report::OpenAiCosts,
        "organizations/usage_report/messages" => Report::AnthropicUsage,
        "organizations/cost_report" => Report::AnthropicCosts,
        "activity" => Report::Activity,
        _ => return None,
    })
}

/// The value of a parameter of a query. Nothing is decoded.
pub(super) fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(given, value)| (given == name).then_some(value))
}

/// Every reading of a path as what stands before a version, the version, and what follows it.
fn places(path: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    path.match_indices('/').filter_map(|(start, _)| {
        let (version, rest) = path.get(start + 1..)?.split_once('/')?;
        Some((path.get(..start)?, version, rest))
    })
}

fn posted<'a>(method: &Method, errand: Errand<'a>) -> Errand<'a> {
    if method == Method::POST { errand } else { Errand::WrongMethod }
}

fn got<'a>(method: &Method, errand: Errand<'a>) -> Errand<'a> {
    if method == Method::GET { errand } else { Errand::WrongMethod }
}

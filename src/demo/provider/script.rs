//! What a request asks the provider to play, in its header `x-simulate`: a small JSON object whose
//! absent fields take their defaults. Not validation of the API's own request.

use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The header that carries a script.
pub const SCRIPT_HEADER: &str = "x-simulate";

const MAX_CHUNKS: u32 = 100_000;
const MAX_PAD: usize = 1 << 30;
const MAX_DELAY_MS: u64 = 3_600_000;

/// The play.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Script {
    /// Prompt tokens.
    pub(super) input: Option<u64>,
    /// Prompt tokens read from the cache.
    pub(super) cached: Option<u64>,
    /// Prompt tokens written to the cache.
    pub(super) cache_write: Option<u64>,
    /// Prompt tokens among those written to the cache that live an hour.
    pub(super) cache_write_1h: Option<u64>,
    /// Prompt tokens that results of the provider's own tools took.
    pub(super) tool_input: Option<u64>,
    /// Searches of the web.
    pub(super) web_searches: Option<u64>,
    /// Fetches of web pages.
    pub(super) web_fetches: Option<u64>,
    /// Seconds of sound.
    pub(super) seconds: Option<u64>,
    /// Prompt tokens that are sound.
    pub(super) audio_input: Option<u64>,
    /// How often what was put off is seen unfinished.
    pub(super) polls: u32,
    /// Pages of a document.
    pub(super) pages: Option<u64>,
    /// Search units of a ranking.
    pub(super) search_units: Option<u64>,
    /// Answer tokens, whatever ceiling the request sets.
    pub(super) output: Option<u64>,
    /// Answer tokens that are reasoning.
    pub(super) reasoning: Option<u64>,
    /// Into how many pieces the text is cut.
    pub(super) chunks: Option<u32>,
    /// Pause before each event but the first.
    pub(super) delay_ms: u64,
    /// Pause before the head of the answer.
    pub(super) first_delay_ms: u64,
    /// The HTTP status; from 400 on the answer is an error and is not billed.
    pub(super) status: Option<u16>,
    /// The error's code. With a status below 400: an error object inside a success.
    pub(super) error: Option<String>,
    /// Seconds in `retry-after`.
    pub(super) retry_after: Option<u64>,
    /// Close the connection after so many events.
    pub(super) cut_after: Option<u32>,
    /// Reset the connection (RST) after so many events.
    pub(super) reset_after: Option<u32>,
    /// Send nothing more after so many events, and keep the connection.
    pub(super) stall_after: Option<u32>,
    /// End with an error event after so many events.
    pub(super) error_after: Option<u32>,
    /// Leave the usage block out.
    pub(super) no_usage: bool,
    /// The usage block, verbatim; it may be nonsense. The bill does not believe it.
    pub(super) usage: Option<Box<RawValue>>,
    /// Bytes of answer text.
    pub(super) pad: Option<usize>,
    /// Send frames of 1 to so many bytes, whatever the events are; breaks count frames then.
    pub(super) split: Option<usize>,
    /// Compress the answer, where `accept-encoding` allows this encoding.
    pub(super) encoding: Option<Encoding>,
    /// Compress it whatever `accept-encoding` says.
    pub(super) encode_anyway: bool,
    /// The tier that is served.
    pub(super) tier: Option<String>,
    /// The model that is served.
    pub(super) model: Option<String>,
}

/// A content encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Deflate,
    /// RFC 7932.
    Br,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// The token in headers.
    pub(super) const fn token(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }
}

impl Script {
    /// The script of a request; its absence is the default play.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, String> {
        let Some(value) = headers.get(SCRIPT_HEADER) else { return Ok(Self::default()) };
        let text = value.to_str().map_err(|_| format!("{SCRIPT_HEADER} is not plain text"))?;
        let bad = |why: String| format!("{SCRIPT_HEADER}: `{text}` is not a script: {why}");
        let script: Self = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        script.check().map_err(bad)?;
        Ok(script)
    }

    /// After how many events the answer breaks off, and how.
    pub(super) fn breaks(&self) -> Option<(usize, Break)> {
        let all = [
            (self.cut_after, Break::Cut),
            (self.reset_after, Break::Reset),
            (self.stall_after, Break::Stall),
            (self.error_after, Break::Error),
        ];
        all.into_iter().find_map(|(after, how)| Some((usize::try_from(after?).ok()?, how)))
    }

    fn check(&self) -> Result<(), String> {
        let breaks = [self.cut_after, self.reset_after, self.stall_after, self.error_after];
        if breaks.iter().flatten().count() > 1 {
            return Err("give one of cut_after, reset_after, stall_after, error_after".to_owned());
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err("status must be 200 to 599".to_owned());
        }
        if self.chunks.is_some_and(|chunks| chunks > MAX_CHUNKS) {
            return Err(format!("chunks must be at most {MAX_CHUNKS}"));
        }
        if self.pad.is_some_and(|pad| pad > MAX_PAD) {
            return Err(format!("pad must be at most {MAX_PAD}"));
        }
        if self.split == Some(0) {
            return Err("split must be at least 1".to_owned());
        }
        if self.delay_ms.max(self.first_delay_ms) > MAX_DELAY_MS {
            return Err(format!("delays must be at most {MAX_DELAY_MS} ms"));
        }
        Ok(())
    }
}

/// How an answer breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The connection is closed.
    Cut,
    /// The connection is reset.
    Reset,
    /// Nothing more comes.
    Stall,
    /// An error event ends the stream.
    Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Script, String> {
        let mut headers = HeaderMap::new();
        headers.insert(SCRIPT_HEADER, text.parse().unwrap());
        Script::of(&headers)
    }

    #[test]
    fn scripts_are_read_and_default_to_nothing() {
        assert!(Script::of(&HeaderMap::new()).unwrap().input.is_none());
        let script = read(r#"{"input":2006,"usage":{"prompt_tokens":-1},"cut_after":4}"#).unwrap();
        assert_eq!(script.input, Some(2006));
        assert_eq!(script.usage.as_ref().unwrap().get(), r#"{"prompt_tokens":-1}"#);
        assert_eq!(script.breaks(), Some((4, Break::Cut)));
        assert_eq!(read(r#"{"encoding":"br"}"#).unwrap().encoding, Some(Encoding::Br));
    }

    #[test]
    fn a_bad_script_is_named() {
        for text in [
            "[",
            "3",
            r#"{"inputs":1}"#,
            r#"{"input":-1}"#,
            r#"{"status":99}"#,
            r#"{"encoding":"lzw"}"#,
            r#"{"cut_after":1,"stall_after":2}"#,
            r#"{"chunks":100001}"#,
            r#"{"split":0}"#,
            r#"{"delay_ms":3600001}"#,
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}

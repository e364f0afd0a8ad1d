//! Asking a provider for its reports: the key, pages, time limits, and patience with 429.
//!
//! Invariants: every wait, page and answer has a limit; the key stands in a header and nowhere
//! else.

use super::super::client::{Http, encoded, http_client};
use super::super::{Exit, Failure};
use super::source::Source;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(60);
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Pages of one report.
const MOST_PAGES: usize = 200;
/// Attempts at one page.
const ATTEMPTS: u32 = 5;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Anthropic's version of its API.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// A provider's API, with a key that may read its reports.
pub(super) struct Remote {
    http: Http,
    source: Source,
    base: String,
    variable: &'static str,
    credential: (HeaderName, HeaderValue),
    verbose: bool,
}

/// One page of buckets; OpenAI and Anthropic write it alike.
#[derive(Debug, Deserialize)]
struct Page<B> {
    data: Vec<B>,
    #[serde(default)]
    has_more: bool,
    next_page: Option<String>,
}

/// One attempt's outcome.
enum Attempt {
    Answer(Bytes),
    /// To be tried again, after a while if it said so.
    Later(StatusCode, Option<Duration>),
}

impl Remote {
    /// The API of `source` at `url`. The key comes from the environment.
    pub(super) fn open(source: Source, url: &str, verbose: bool) -> Result<Self, Failure> {
        let base = url.trim().trim_end_matches('/');
        let uri: Option<Uri> = base.parse().ok();
        if !uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) {
            let message = format!("--provider-url: `{base}` is not a URL");
            let hint = format!("example: --provider-url {}", source.public_url());
            return Err(Failure::new(Exit::Usage, message).hint(hint));
        }
        // Anthropic's SDK takes both forms of its address.
        let base = match source {
            Source::Anthropic => base.strip_suffix("/v1").unwrap_or(base),
            _ => base,
        };
        let (variable, key) = key(source)?;
        let (name, text) = match source {
            Source::Anthropic => (HeaderName::from_static("x-api-key"), key),
            _ => (header::AUTHORIZATION, format!("Bearer {key}")),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            Failure::new(Exit::Auth, format!("{variable} holds characters that no key has"))
        })?;
        value.set_sensitive(true);
        let base = base.to_owned();
        let credential = (name, value);
        Ok(Self { http: http_client()?, source, base, variable, credential, verbose })
    }

    /// All buckets of a report, page after page.
    pub(super) async fn pages<B: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Vec<B>, Failure> {
        let mut buckets = Vec::new();
        let mut query = query.to_vec();
        let filters = query.len();
        for _ in 0..MOST_PAGES {
            let page: Page<B> = self.get(path, &query).await?;
            buckets.extend(page.data);
            match page.next_page {
                _ if !page.has_more => return Ok(buckets),
                Some(next) => {
                    query.truncate(filters);
                    query.push(("page", next));
                }
                None => {
                    let message = format!("{path} has more pages and does not say which");
                    return Err(Failure::new(Exit::Failed, message));
                }
            }
        }
        let message = format!("{path} has more than {MOST_PAGES} pages");
        Err(Failure::new(Exit::Usage, message).hint("ask for less: a later --since"))
    }

    /// One answer. What asks for patience is tried again.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{mark}{}", self.base, pairs.join("&"));
        for attempt in 0..ATTEMPTS {
            let (status, wait) = match self.ask(&url).await? {
                Attempt::Answer(body) => return self.read(path, &body),
                Attempt::Later(status, wait) => (status, wait),
            };
            let wait = wait.unwrap_or(Duration::from_secs(1 << attempt));
            if wait > LONGEST_WAIT || attempt + 1 == ATTEMPTS {
                let message = format!("{} answered {status}", self.named(path));
                let hint = format!("try again in {} s", wait.as_secs());
                return Err(Failure::new(Exit::Unavailable, message).hint(hint));
            }
            tokio::time::sleep(wait).await;
        }
        Err(Failure::new(Exit::Unavailable, format!("{} does not answer", self.named(path))))
    }

    async fn ask(&self, url: &str) -> Result<Attempt, Failure> {
        let (name, key) = &self.credential;
        let mut request = Request::get(url).header(name, key);
        if self.source == Source::Anthropic {
            request = request.header("anthropic-version", ANTHROPIC_VERSION);
        }
        let request = request.body(Full::new(Bytes::new()));
        let request = request
            .map_err(|e| Failure::new(Exit::Usage, format!("the request cannot be made: {e}")))?;
        let asked = async {
            let response = self.http.request(request).await.map_err(|e| self.away(&e))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await;
            let body = body.map_err(|e| self.away(e.as_ref()))?.to_bytes();
            Ok::<_, Failure>((head, body))
        };
        let (head, body) = match tokio::time::timeout(TIME_LIMIT, asked).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.away(&std::io::Error::from(std::io::ErrorKind::TimedOut))),
        };
        if self.verbose {
            eprintln!("GET {url} {}", head.status);
        }
        match head.status.as_u16() {
            200..=299 => Ok(Attempt::Answer(body)),
            429 | 500..=599 => Ok(Attempt::Later(head.status, retry_after(&head.headers))),
            _ => Err(self.refused(head.status, &body)),
        }
    }

    fn read<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|why| {
            let message = format!("{} is not the report that is expected: {why}", self.named(path));
            Failure::new(Exit::Failed, message).hint("see --provider-url and docs/reconcile.md")
        })
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let name = self.source.name();
        match status.as_u16() {
            401 | 403 => {
                let variable = self.variable;
                let message = format!("{name} refused the key in {variable} ({status})");
                Failure::new(Exit::Auth, message).hint(format!(
                    "an ordinary key cannot read usage; create an admin key at {}",
                    self.source.keys_page()
                ))
            }
            404 => Failure::new(Exit::NotFound, format!("{} has no usage API", self.base))
                .hint("see --provider-url"),
            _ => {
                let message = format!("{name} answered {status}: {}", said(body));
                Failure::new(Exit::Failed, message)
            }
        }
    }

    fn away(&self, error: &dyn std::error::Error) -> Failure {
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let message = format!("{} does not answer: {cause}", self.base);
        Failure::new(Exit::Unavailable, message).hint("see --provider-url")
    }

    fn named(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// The key and the variable that it came from. An empty variable counts as unset.
fn key(source: Source) -> Result<(&'static str, String), Failure> {
    let set = |variable: &&'static str| {
        let text = std::env::var(variable).ok()?.trim().to_owned();
        (!text.is_empty()).then_some((*variable, text))
    };
    source.variables().iter().find_map(set).ok_or_else(|| {
        let message = format!(
            "there is no key that may read {}'s usage: set {}",
            source.name(),
            source.variables().join(" or ")
        );
        let hint = format!("create an admin key at {}", source.keys_page());
        Failure::new(Exit::Auth, message).hint(hint)
    })
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What an error says, as far as it may be shown.
fn said(body: &[u8]) -> String {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = json["error"]["message"].as_str().unwrap_or("no reason is given");
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

//! A small client of the admin API.
//!
//! Every request has a time limit and every answer a size limit. The server's refusals become exit
//! statuses here, in one place.

use super::failure::{Exit, Failure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longer than the server takes for anything.
const TIME_LIMIT: Duration = Duration::from_secs(150);
/// What is waited for a server that is asked too often, and how often in a row.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const MOST_WAITS: u32 = 30;
const MOST_BYTES: usize = 32 * 1024 * 1024;
const PAGE: &str = "200";

/// Where the admin API is, and where its token is kept.
#[derive(Debug, Clone, clap::Args)]
pub struct Remote {
    /// Where the admin API listens
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "FAREBOX_ADMIN_URL",
        default_value = "http://127.0.0.1:8081"
    )]
    pub admin_url: String,
    /// Where the admin token is found if FAREBOX_ADMIN_TOKEN is not set
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "FAREBOX_DATA_DIR",
        default_value = "farebox-data"
    )]
    pub data_dir: PathBuf,
}

/// A client over HTTP and HTTPS.
pub(super) type Http =
    hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client of one admin API.
#[derive(Debug)]
pub struct Client {
    http: Http,
    base: String,
    token: SecretString,
    verbose: bool,
}

impl Client {
    /// A client of the API at `remote`. Connects when it is first asked something.
    pub fn open(remote: &Remote, verbose: bool) -> Result<Self, Failure> {
        let base = remote.admin_url.trim_end_matches('/').to_owned();
        let uri: Option<Uri> = base.parse().ok();
        let readable = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !uri.as_ref().is_some_and(readable) {
            let message = format!("`{base}` is not a URL such as http://127.0.0.1:8081");
            return Err(Failure::new(Exit::Usage, message).hint("see --admin-url"));
        }
        let token = token(&remote.data_dir)?;
        Ok(Self { http: http_client()?, base, token, verbose })
    }

    /// A client of the API at `base`, with a token that was read elsewhere.
    pub(super) fn at(base: String, token: SecretString) -> Result<Self, Failure> {
        Ok(Self { http: http_client()?, base, token, verbose: false })
    }

    /// Where the API is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// `GET` of what is no JSON, such as `/metrics`.
    pub(super) async fn text(&self, path: &str) -> Result<(StatusCode, String), Failure> {
        let (status, body) = self.exchange(Method::GET, path, Bytes::new()).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// `GET`, with the parameters that have a value.
    pub async fn get(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Value, Failure> {
        let pairs: Vec<String> = query
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", encoded((*value)?))))
            .collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        self.ask(Method::GET, &format!("{path}{mark}{}", pairs.join("&")), Bytes::new()).await
    }

    /// `GET` of what is written for people or sheets.
    pub(super) async fn written(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<String, Failure> {
        let pairs = query.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        let pairs = pairs.map(|(name, value)| format!("{name}={}", encoded(value)));
        let path = format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"));
        let (status, body) = self.exchange(Method::GET, &path, Bytes::new()).await?;
        if !status.is_success() {
            read(status, &body)?;
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Sends a JSON body.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(method, path, body.to_string().into()).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.ask(Method::DELETE, path, Bytes::new()).await.map(|_| ())
    }

    /// All entries of a list, page after page.
    pub async fn all(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<Vec<Value>, Failure> {
        let mut entries = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let (more, next) = self.page(path, query, after.as_deref()).await?;
            entries.extend(more);
            after = next;
            if after.is_none() {
                return Ok(entries);
            }
        }
    }

    /// The page of a list after that cursor, and the cursor of the one that follows.
    pub(super) async fn page(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
        after: Option<&str>,
    ) -> Result<(Vec<Value>, Option<String>), Failure> {
        let mut query = query.to_vec();
        query.extend([("limit", Some(PAGE)), ("after", after)]);
        let mut page = self.get(path, &query).await?;
        let next = page["next_cursor"].as_str().map(str::to_owned);
        match page["data"].take() {
            Value::Array(entries) => Ok((entries, next)),
            _ => Ok((Vec::new(), next)),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Value, Failure> {
        let (status, body) = self.exchange(method, path, body).await?;
        read(status, &body)
    }

    /// Asks again where the server soon has time for more, as a long list may need.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let mut waits = 0;
        loop {
            let (status, soon, answer) = self.once(&method, path, body.clone()).await?;
            match soon.filter(|_| status == StatusCode::TOO_MANY_REQUESTS && waits < MOST_WAITS) {
                Some(soon) => tokio::time::sleep(soon).await,
                None => return Ok((status, answer)),
            }
            waits += 1;
        }
    }

    /// The status, when it is worth asking again if that is soon, and the body.
    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Option<Duration>, Bytes), Failure> {
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, bearer)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-farebox-source", "cli")
            .body(Full::new(body))
            .map_err(|e| Failure::new(Exit::Usage, format!("the request cannot be made: {e}")))?;
        let asked = async {
            let response = self.http.request(request).await.map_err(|e| self.away(&e))?;
            let status = response.status();
            let soon = soon(response.headers());
            let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
            let body = body.map_err(|e| self.away(e.as_ref()))?.to_bytes();
            Ok::<_, Failure>((status, soon, body))
        };
        let (status, soon, body) = match tokio::time::timeout(TIME_LIMIT, asked).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.away(&std::io::Error::from(std::io::ErrorKind::TimedOut))),
        };
        if self.verbose {
            eprintln!("{method} {}{path} {status}", self.base);
        }
        Ok((status, soon, body))
    }

    /// The server cannot be reached, or broke off.
    fn away(&self, error: &dyn std::error::Error) -> Failure {
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Failure::new(Exit::Unavailable, format!("{} does not answer: {cause}", self.base))
            .hint("is `farebox serve` running? See --admin-url and FAREBOX_ADMIN_URL")
    }
}

/// A client that trusts the public authorities.
pub(super) fn http_client() -> Result<Http, Failure> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_LIMIT));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)
        .map_err(|e| Failure::new(Exit::Failed, format!("TLS cannot be set up: {e}")))?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(1)
        .build(connector))
}

/// `FAREBOX_ADMIN_TOKEN`, else the token file. An empty variable counts as unset.
fn token(data_dir: &Path) -> Result<SecretString, Failure> {
    if let Some(text) = std::env::var("FAREBOX_ADMIN_TOKEN").ok().filter(|text| !text.is_empty()) {
        return Ok(text.into());
    }
    let file = data_dir.join("admin-token");
    match std::fs::read_to_string(&file) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned().into()),
        found => {
            let why = found.err().map_or_else(|| "it is empty".to_owned(), |e| e.to_string());
            let message = format!("there is no admin token: {}: {why}", file.display());
            Err(Failure::new(Exit::Auth, message)
                .hint("set FAREBOX_ADMIN_TOKEN, or name the server's data directory: --data-dir"))
        }
    }
}

/// The answer's JSON, or what a refusal means.
fn read(status: StatusCode, body: &[u8]) -> Result<Value, Failure> {
    if status.is_success() && body.is_empty() {
        return Ok(Value::Null);
    }
    let json: Option<Value> = serde_json::from_slice(body).ok();
    if status.is_success() {
        return json.ok_or_else(|| {
            Failure::new(Exit::Failed, "the answer is not JSON; is this the admin listener?")
        });
    }
    let json = json.unwrap_or_default();
    let said = json["detail"].as_str().or_else(|| json["error"]["message"].as_str());
    let message = said.map_or_else(|| format!("the server answered {status}"), str::to_owned);
    let failure = Failure::new(meaning(status), message);
    Err(match failure.exit {
        Exit::Auth => failure.hint("see FAREBOX_ADMIN_TOKEN and --data-dir"),
        _ => failure,
    })
}

/// How long to wait, where it is hardly noticed.
fn soon(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|wait| *wait <= LONGEST_WAIT)
}

fn meaning(status: StatusCode) -> Exit {
    match status.as_u16() {
        400 | 413 | 422 => Exit::Usage,
        401 | 403 => Exit::Auth,
        404 => Exit::NotFound,
        409 | 412 => Exit::Conflict,
        429 => Exit::OverQuota,
        502..=504 => Exit::Unavailable,
        _ => Exit::Failed,
    }
}

/// A value as it stands in a query or a path.
pub fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let of = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_become_exit_statuses() {
        for (status, exit) in [(422, 2), (401, 4), (404, 5), (409, 6), (503, 7), (429, 8), (500, 1)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = read(status, br#"{"detail":"`x` is wrong"}"#).unwrap_err();
            assert_eq!((failure.exit.code(), failure.message.as_str()), (exit, "`x` is wrong"));
        }
        assert_eq!(read(StatusCode::NO_CONTENT, b""), Ok(Value::Null));
        assert_eq!(read(StatusCode::OK, b"<html>").unwrap_err().exit, Exit::Failed);
    }

    #[test]
    fn values_are_escaped() {
        assert_eq!(encoded("user:a b&c=ä"), "user%3Aa%20b%26c%3D%C3%A4");
    }
}

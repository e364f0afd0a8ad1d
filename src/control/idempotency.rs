//! `Idempotency-Key`: a POST that is sent again is done once, and answered as it was.
//!
//! The answer is kept for a day, sealed with what only its receiver has: his token, or his cookie,
//! and the key. So a secret that is shown once is nowhere to be read but there.
//!
//! Invariants: of all requests with one key, one is done, whichever proxy they come to. It is done to
//! its end although its sender leaves. What may go otherwise the next time is not kept: refusals of
//! who asks or how often, and failures of this side.

use super::Shared;
use super::answer::{self, Formed};
use super::fields;
use super::principal::Principal;
use super::problem::Problem;
use crate::framing::base64;
use crate::ids::Id;
use crate::ledger::{RecordKind, When};
use crate::secret::random_text;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{StatusCode, Uri, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const LONGEST_KEY: usize = 255;
/// For how long an answer is kept.
const KEPT_MS: i64 = 86_400_000;
/// After that, a request whose proxy died is done anew.
const RUNNING_MS: i64 = 60_000;
/// Longer answers are not kept.
const MOST_BYTES: usize = 128 << 10;
/// What is repeated of the head of an answer.
const HEADERS: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::LOCATION, header::ETAG, header::CACHE_CONTROL];

/// What is known of a key.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The digest of the body and the query.
    asked: String,
    /// The answer, once there is one.
    answer: Option<Sealed>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sealed {
    salt: String,
    text: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// One request with a key.
struct Once {
    parts: Shared,
    id: Id,
    key: String,
    /// What the answer is sealed with, besides the salt.
    secret: Vec<u8>,
    asked: String,
    uri: Uri,
}

/// Does a POST, or repeats its answer.
pub(super) async fn once(parts: Shared, request: Request, next: Next) -> Response {
    let by = request.extensions().get::<Arc<Principal>>().cloned();
    let key = match key(request.headers()) {
        Ok(key) => key,
        Err(problem) => return problem.into_response(),
    };
    let (Some(key), Some(by)) = (key, by) else { return next.run(request).await };
    let (head, body) = request.into_parts();
    let body = match fields::whole(body).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let once = match Once::of(parts, key, &by, &head, &body) {
        Ok(once) => once,
        Err(problem) => return problem.into_response(),
    };
    let answered = match once.begin().await {
        Ok(None) => once.answer(Request::from_parts(head, Body::from(body)), next).await,
        Ok(Some(again)) => Ok(again),
        Err(problem) => Err(problem),
    };
    answered.unwrap_or_else(IntoResponse::into_response)
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let fits =
        (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|b| (32..127).contains(&b));
    if fits && values.next().is_none() {
        return Ok(Some(text.to_owned()));
    }
    let detail =
        format!("Idempotency-Key takes 1 to {LONGEST_KEY} printable ASCII characters, once");
    Err(Problem::new(StatusCode::BAD_REQUEST, detail))
}

impl Once {
    fn of(
        parts: Shared,
        key: String,
        by: &Principal,
        head: &request::Parts,
        body: &Bytes,
    ) -> Result<Self, Problem> {
        let place = [by.name.as_str(), head.method.as_str(), head.uri.path(), key.as_str()];
        let query = head.uri.query().unwrap_or_default();
        let id = hex(&place.map(str::as_bytes));
        let id = id.parse().map_err(|_| lost("no name for a record"))?;
        let secret = head.headers.get(header::AUTHORIZATION);
        let secret = secret.or_else(|| head.headers.get(header::COOKIE)).map(HeaderValue::as_bytes);
        Ok(Self {
            parts,
            id,
            key,
            secret: secret.unwrap_or_default().to_vec(),
            asked: hex(&[query.as_bytes(), body]),
            uri: head.uri.clone(),
        })
    }

    /// Claims the key; what is answered where it was claimed before.
    async fn begin(&self) -> Result<Option<Response>, Problem> {
        let records = &self.parts.records;
        let running = self.text(None)?;
        for _ in 0..2 {
            let until = Some(self.parts.clock.now().saturating_add(RUNNING_MS));
            let put =
                records.put(RecordKind::Idempotency, &self.id, &running, until, When::Absent).await;
            if put? {
                return Ok(None);
            }
            if let Some(text) = records.get(RecordKind::Idempotency, &self.id).await? {
                return self.again(&text).map(Some);
            }
        }
        Err(self.running())
    }

    fn again(&self, text: &str) -> Result<Response, Problem> {
        let record: Record = serde_json::from_str(text).map_err(|_| lost("a damaged record"))?;
        let shown: String = self.key.chars().take(80).collect();
        if record.asked != self.asked {
            let why = "was used with another body; use a new one for another request";
            return Err(Problem::conflict(format!("the Idempotency-Key `{shown}` {why}")));
        }
        let Some(sealed) = record.answer else { return Err(self.running()) };
        let answer = self.open(&sealed).ok_or_else(|| {
            let why = "was used with another token; its answer is for that one";
            Problem::conflict(format!("the Idempotency-Key `{shown}` {why}"))
        })?;
        let mut response = formed(answer)?;
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }

    fn running(&self) -> Problem {
        let shown: String = self.key.chars().take(80).collect();
        let detail = format!("the request with the Idempotency-Key `{shown}` is still under way");
        Problem { retry: Some(Duration::from_secs(1)), ..Problem::conflict(detail) }
    }

    /// Does the request to its end, and keeps its answer.
    async fn answer(self, request: Request, next: Next) -> Result<Response, Problem> {
        let done = tokio::spawn(async move {
            let response = next.run(request).await;
            let response = answer::in_form(&self.parts, &self.uri, response);
            self.keep(response).await
        });
        done.await.map_err(|_| lost("the request was broken off"))?
    }

    async fn keep(&self, response: Response) -> Result<Response, Problem> {
        let kept = is_kept(response.status());
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(|_| lost("an answer that is cut"))?;
        let answer = Answer {
            status: head.status.as_u16(),
            headers: HEADERS
                .iter()
                .filter_map(|name| {
                    Some((name.to_string(), head.headers.get(name)?.to_str().ok()?.to_owned()))
                })
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        let records = &self.parts.records;
        let sealed = if kept && body.len() <= MOST_BYTES { self.seal(&answer) } else { None };
        let stored = match sealed {
            Some(sealed) => {
                let until = Some(self.parts.clock.now().saturating_add(KEPT_MS));
                let text = self.text(Some(sealed))?;
                records.put(RecordKind::Idempotency, &self.id, &text, until, When::Always).await
            }
            None => records.remove(RecordKind::Idempotency, &self.id).await,
        };
        if let Err(why) = stored {
            tracing::warn!("an answer is not kept for its Idempotency-Key: {why}");
        }
        let mut response = Response::from_parts(head, Body::from(body));
        response.extensions_mut().insert(Formed);
        Ok(response)
    }

    fn text(&self, answer: Option<Sealed>) -> Result<String, Problem> {
        let record = Record { asked: self.asked.clone(), answer };
        serde_json::to_string(&record).map_err(|_| lost("a record cannot be written"))
    }

    fn cipher(&self, salt: &str) -> Option<LessSafeKey> {
        let key = digest(&[salt.as_bytes(), &self.secret, self.key.as_bytes()]);
        UnboundKey::new(&CHACHA20_POLY1305, &key).ok().map(LessSafeKey::new)
    }

    fn seal(&self, answer: &Answer) -> Option<Sealed> {
        let salt = random_text();
        let mut text = serde_json::to_vec(answer).ok()?;
        let cipher = self.cipher(&salt)?;
        cipher.seal_in_place_append_tag(nonce(), Aad::empty(), &mut text).ok()?;
        Some(Sealed { salt, text: base64::encode(&text) })
    }

    fn open(&self, sealed: &Sealed) -> Option<Answer> {
        let mut text = base64::decode(&sealed.text)?;
        let opened = self.cipher(&sealed.salt)?.open_in_place(nonce(), Aad::empty(), &mut text);
        serde_json::from_slice(opened.ok()?).ok()
    }
}

/// Each cipher seals one text, for its salt is new.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn is_kept(status: StatusCode) -> bool {
    let otherwise = [401, 403, 408, 429];
    !status.is_server_error() && !otherwise.contains(&status.as_u16())
}

fn formed(answer: Answer) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(answer.status).map_err(|_| lost("a damaged answer"))?;
    let mut response = (status, answer.body).into_response();
    response.headers_mut().clear();
    for (name, value) in &answer.headers {
        let name = HeaderName::try_from(name).map_err(|_| lost("a damaged answer"))?;
        let value = HeaderValue::try_from(value).map_err(|_| lost("a damaged answer"))?;
        response.headers_mut().insert(name, value);
    }
    response.extensions_mut().insert(Formed);
    Ok(response)
}

fn hex(parts: &[&[u8]]) -> String {
    digest(parts).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A digest of parts, each with its length.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

fn lost(what: &str) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the answer is lost: {what}"))
}

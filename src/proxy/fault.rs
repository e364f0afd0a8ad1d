//! What a failure before the first byte of an answer says: of the credential, of the provider, and
//! whether the call may have been billed.
//!
//! Not here: what is done about it (`errand`). Invariants: a call that the provider may have billed
//! is marked so; of an error no more is read than fits in a few frames.

use super::forward::Broke;
use super::parting::media_type;
use super::refusal::Refusal;
use crate::clock::{UnixMs, parse_http_date};
use crate::dialect::Call;
use crate::framing::decompress::Decoder;
use crate::provider::Outcome;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// The most that is read of an error, and how long that may take.
const READ_MOST: usize = 16 * 1024;
const READ_FOR: Duration = Duration::from_secs(2);

/// The head of an answer, and what was read of its body already.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) response: Response<Incoming>,
    pub(super) first: Bytes,
}

impl Answered {
    /// An answer of whose body nothing was read.
    pub(super) fn new(response: Response<Incoming>) -> Self {
        Self { response, first: Bytes::new() }
    }
}

/// One attempt that failed.
#[derive(Debug)]
pub(super) struct Fault {
    /// What it says of the credential.
    pub(super) outcome: Outcome,
    /// The provider may bill the call.
    pub(super) billed: bool,
    /// Another credential may do better; else another provider.
    pub(super) of_credential: bool,
    /// The word in metrics and logs.
    pub(super) reason: &'static str,
    /// The status, if there was one.
    pub(super) status: Option<StatusCode>,
    /// What the client gets if nothing else is tried.
    pub(super) last: Result<Answered, Refusal>,
}

impl Fault {
    /// The provider did not answer.
    pub(super) fn broke(broke: Broke) -> Self {
        let (billed, reason, refusal) = match broke {
            Broke::NeverSent => (false, "unreachable", Refusal::Unreachable),
            Broke::BrokenOff => (true, "broken_off", Refusal::Unreachable),
            Broke::TimedOut => (true, "timeout", Refusal::Timeout),
        };
        Self {
            outcome: Outcome::Failed(None),
            billed,
            of_credential: false,
            reason,
            status: None,
            last: Err(refusal),
        }
    }

    /// What an answer says. An answer that says nothing against credential and provider is one.
    pub(super) async fn of(
        response: Response<Incoming>,
        call: Option<&Call>,
        now: UnixMs,
    ) -> Result<Answered, Self> {
        let status = response.status();
        let pause = pause(response.headers(), now);
        match status.as_u16() {
            401 => Err(Self::rejected(status)),
            402 => Err(Self::account(Outcome::Exhausted, "exhausted", Answered::new(response))),
            403 => {
                // What a firewall before the provider says is a page.
                let page = media_type(response.headers()) == "text/html";
                let (_, word) = read(response).await;
                let of_call = page || matches!(word, Word::Model | Word::Prompt);
                match call.is_some_and(|call| !call.input_elsewhere) && !of_call {
                    true => Err(Self::rejected(status)),
                    false => Err(Self::forbidden(status)),
                }
            }
            429 => Err(match read(response).await {
                (said, Word::Quota) => Self::account(Outcome::Exhausted, "exhausted", said),
                (said, _) => Self::account(Outcome::Limited(pause), "limited", said),
            }),
            500.. => {
                let said = Self::account(Outcome::Failed(pause), "failed", Answered::new(response));
                Err(Self { of_credential: false, ..said })
            }
            _ => Ok(Answered::new(response)),
        }
    }

    /// What the provider says of our account there; it passes, if nothing else is tried.
    fn account(outcome: Outcome, reason: &'static str, said: Answered) -> Self {
        let status = Some(said.response.status());
        Self { outcome, billed: false, of_credential: true, reason, status, last: Ok(said) }
    }

    /// What it said may hold a piece of the key, so it stays here.
    fn rejected(status: StatusCode) -> Self {
        Self {
            outcome: Outcome::Rejected,
            billed: false,
            of_credential: true,
            reason: "rejected",
            status: Some(status),
            last: Err(Refusal::Credential),
        }
    }

    /// Refused for what the call is: something that is stored elsewhere, a model that is not for this
    /// account, a prompt that is not for anybody. Another account may do better; this one did what it should.
    fn forbidden(status: StatusCode) -> Self {
        Self {
            outcome: Outcome::Worked,
            reason: "forbidden",
            of_credential: false,
            ..Self::rejected(status)
        }
    }
}

/// The pause that a provider asks for, in milliseconds: seconds, or a date, or the milliseconds that
/// OpenAI adds. `None` where it asks for none, or for nonsense.
fn pause(headers: &HeaderMap, now: UnixMs) -> Option<i64> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let whole = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<i64>().unwrap_or(i64::MAX))
    };
    if let Some(ms) = text("retry-after-ms").and_then(whole) {
        return Some(ms);
    }
    let written = text(RETRY_AFTER.as_str())?;
    let seconds = match written.split_once('.') {
        Some((seconds, fraction)) => {
            whole(fraction).and(whole(seconds)).map(|seconds| seconds.saturating_add(1))
        }
        None => whole(written),
    };
    let by_date = || Some(parse_http_date(written)?.saturating_sub(now));
    seconds.map(|seconds| seconds.saturating_mul(1_000)).or_else(by_date)
}

/// What an error names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The account is out of money.
    Quota,
    /// The model is not for this account.
    Model,
    /// A moderator does not let the prompt pass.
    Prompt,
    Other,
}

/// Reads an error, as far as it comes soon and is short.
async fn read(mut response: Response<Incoming>) -> (Answered, Word) {
    let mut first = Vec::new();
    let whole = async {
        while first.len() <= READ_MOST {
            match response.body_mut().frame().await {
                Some(Ok(frame)) => first.extend(frame.into_data().iter().flatten()),
                Some(Err(_)) | None => return,
            }
        }
    };
    // What has not come by then is relayed as it comes.
    let _ = timeout(READ_FOR, whole).await;
    let encoding = response.headers().get(CONTENT_ENCODING).and_then(|name| name.to_str().ok());
    let mut plain = Decoder::new(encoding, Vec::new());
    plain.push(&first);
    let word = plain.get().map_or(Word::Other, |plain| word(plain));
    (Answered { response, first: first.into() }, word)
}

fn word(body: &[u8]) -> Word {
    #[derive(Deserialize)]
    struct Body {
        error: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        code: Option<serde_json::Value>,
        r#type: Option<serde_json::Value>,
        metadata: Option<serde_json::Value>,
    }
    let Ok(Body { error }) = serde_json::from_slice(body) else { return Word::Other };
    let says = |word: &str| {
        [&error.code, &error.r#type].into_iter().flatten().any(|said| said.as_str() == Some(word))
    };
    let flagged = error.metadata.is_some_and(|said| said.get("flagged_input").is_some());
    match () {
        () if says("insufficient_quota") => Word::Quota,
        () if says("model_not_found") => Word::Model,
        () if flagged => Word::Prompt,
        () => Word::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn r082_pauses_are_seconds_or_dates_and_nonsense_is_none() {
        const NOW: UnixMs = 1_794_000_000_000;
        for (name, text, ms) in [
            ("retry-after", "7", Some(7_000)),
            ("retry-after", "1.5", Some(2_000)),
            ("retry-after", "0", Some(0)),
            ("retry-after", "1000000", Some(1_000_000_000)),
            ("retry-after", "99999999999999999999999", Some(i64::MAX)),
            ("retry-after", "Fri, 06 Nov 2026 21:20:09 GMT", Some(9_000)),
            ("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT", Some(-NOW)),
            ("retry-after", "-5", None),
            ("retry-after", "soon", None),
            ("retry-after", "", None),
            ("retry-after", "1.x", None),
            ("retry-after-ms", "250", Some(250)),
            ("retry-after-ms", "later", None),
        ] {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                HeaderValue::from_static(text),
            )]);
            assert_eq!(pause(&headers, NOW), ms, "{name}: {text}");
        }
        assert_eq!(pause(&HeaderMap::new(), NOW), None);
    }

    #[test]
    fn r037_the_words_of_errors_are_found_where_openai_puts_them() {
        for (body, found) in [
            (r#"{"error":{"code":"insufficient_quota","type":"insufficient_quota"}}"#, Word::Quota),
            (r#"{"error":{"message":"m","type":"insufficient_quota","code":null}}"#, Word::Quota),
            (r#"{"error":{"code":"model_not_found","type":"invalid_request_error"}}"#, Word::Model),
            (r#"{"error":{"code":429,"message":"insufficient_quota"}}"#, Word::Other),
            (r#"{"error":"insufficient_quota"}"#, Word::Other),
            ("insufficient_quota", Word::Other),
            ("", Word::Other),
        ] {
            assert_eq!(word(body.as_bytes()), found, "{body}");
        }
    }
}

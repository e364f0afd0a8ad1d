//! Logins of browsers: a cookie that stands for a token, for at most twelve hours, and two hours
//! after it was last used.
//!
//! It is made with the token itself, or with a link that was made with it. Invariants: a login has
//! the rights that its token has now, and ends with it, also when the token is rotated. Cookie and
//! CSRF token are in no record: the record's id is the digest of the one, and the other is derived
//! from it.

use super::super::principal::Principal;
use super::super::problem::Problem;
use super::bond::Bond;
use super::{Address, Found, Head, Identity, origin, slow, unknown};
use crate::clock::UnixMs;
use crate::ids::Id;
use crate::ledger::{RecordKind, When};
use crate::secret::{SecretDigest, random_text};
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const KIND: RecordKind = RecordKind::Session;
/// The cookie.
const COOKIE: &str = "farebox_session";
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
const LONGEST_MS: i64 = 12 * 3_600_000;
const IDLE_MS: i64 = 2 * 3_600_000;
/// How exactly it is known when a login was last used.
const NOTED_MS: i64 = 60_000;

/// A login.
#[derive(Debug, Clone)]
pub(in crate::control) struct Login {
    kept: Kept,
    /// The record's text.
    text: String,
}

/// A login as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    bond: Bond,
    created: UnixMs,
    used: UnixMs,
}

impl Kept {
    fn ends(&self) -> UnixMs {
        self.created.saturating_add(LONGEST_MS)
    }

    fn expires(&self) -> UnixMs {
        self.used.saturating_add(IDLE_MS).min(self.ends())
    }
}

/// What requests that change something must bring along, because a foreign page cannot.
fn csrf(cookie: &str) -> String {
    SecretDigest::of(&format!("csrf {cookie}")).hex()
}

impl Login {
    /// When it ends at the latest.
    pub(in crate::control) fn ends(&self) -> UnixMs {
        self.kept.ends()
    }
}

/// What a browser logs in with.
#[derive(Debug)]
pub(in crate::control) enum With {
    /// The text of a token.
    Token(SecretString),
    /// What stands in a link.
    Link(SecretString),
}

/// A login that was just made.
pub(in crate::control) struct Made {
    pub(in crate::control) by: Principal,
    pub(in crate::control) cookie: String,
    pub(in crate::control) csrf: String,
    pub(in crate::control) ends: UnixMs,
}

impl Identity {
    /// Logs in whoever has this token or link; with wrong ones only so often.
    pub(in crate::control) async fn log_in(
        &self,
        with: &With,
        head: &Head,
    ) -> Result<Made, Problem> {
        origin::own(head)?;
        let (address, now) = (Address::of(head), self.clock.now());
        self.failed_logins.look(&address, now).map_err(|wait| {
            slow("too many logins from this address failed, so it is locked out".to_owned(), wait)
        })?;
        let found = match with {
            With::Token(text) => {
                let by = self.holder(text.expose_secret()).await?;
                by.map(|by| (by, SecretDigest::of(text.expose_secret())))
            }
            With::Link(once) => self.use_link(once.expose_secret()).await?,
        };
        let Some((by, token)) = found else {
            let problem = self.wrong(&self.failed_logins, head, "logins");
            return Err(match with {
                With::Link(_) if problem.status == StatusCode::UNAUTHORIZED => worn_out(),
                _ => problem,
            });
        };
        let cookie = random_text();
        let kept = Kept { bond: Bond::tie(&by, &token, &cookie), created: now, used: now };
        let (id, text) = (id(&cookie)?, written(&kept)?);
        self.records.put(KIND, &id, &text, Some(kept.expires()), When::Absent).await?;
        Ok(Made { by, csrf: csrf(&cookie), cookie, ends: kept.ends() })
    }

    /// The login in the cookie of a request, which has to be from a page of ours where it changes
    /// something.
    pub(super) async fn by_cookie(&self, head: &Head) -> Result<Found, Problem> {
        let cookie = cookie(&head.headers).ok_or_else(unknown)?;
        let id = id(cookie)?;
        let login = self.login(&id).await?.ok_or_else(unknown)?;
        let (by, _) = self.tied(&login.kept.bond, cookie).await?.ok_or_else(unknown)?;
        if !matches!(head.method, Method::GET | Method::HEAD) {
            own_page(head, cookie)?;
        }
        self.note_use(&id, &login).await;
        Ok(Found { by: Arc::new(by), login: Some(login) })
    }

    /// The CSRF token of the login that a request is made with.
    pub(in crate::control) fn csrf_of(headers: &HeaderMap) -> Option<String> {
        cookie(headers).map(csrf)
    }

    /// Ends the login in the cookie.
    pub(in crate::control) async fn log_out(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(cookie) = cookie(headers) else { return Ok(()) };
        let id = id(cookie)?;
        let removed = self.records.remove(KIND, &id).await;
        self.logins.invalidate(&id);
        removed?;
        Ok(())
    }

    /// The header that sets the cookie, or with an empty text takes it away.
    pub(in crate::control) fn cookie(&self, text: &str, headers: &HeaderMap) -> String {
        let secure = if self.tls || origin::is_https(headers) { "; Secure" } else { "" };
        let age = if text.is_empty() { 0 } else { LONGEST_MS.div_euclid(1000) };
        format!("{COOKIE}={text}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age}{secure}")
    }

    async fn login(&self, id: &Id) -> Result<Option<Arc<Login>>, Problem> {
        let found = match self.logins.get(id) {
            Some(known) => known,
            None => {
                let text = self.records.get(KIND, id).await?;
                let found = text.map(read).transpose()?.map(Arc::new);
                self.logins.insert(id.clone(), found.clone());
                found
            }
        };
        let now = self.clock.now();
        Ok(found.filter(|login| login.kept.expires() > now))
    }

    /// Notes now and then that a login is used. One that was ended meanwhile stays ended.
    async fn note_use(&self, id: &Id, login: &Login) {
        let now = self.clock.now();
        if now.saturating_sub(login.kept.used) < NOTED_MS {
            return;
        }
        let kept = Kept { used: now, ..login.kept.clone() };
        let Ok(text) = written(&kept) else { return };
        let put = self.records.put(KIND, id, &text, Some(kept.expires()), When::Is(&login.text));
        match put.await {
            Ok(_) => self.logins.invalidate(id),
            Err(error) => tracing::warn!(%error, "the use of a login is not noted"),
        }
    }
}

/// A link that opens nothing, or nothing any more.
fn worn_out() -> Problem {
    let detail = "this sign-in link was used before or is too old: `farebox dashboard` prints \
                  another one, or log in with an admin token";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

/// A change by way of a cookie has to come from a page of ours, which knows the CSRF token.
fn own_page(head: &Head, cookie: &str) -> Result<(), Problem> {
    origin::own(head)?;
    let sent = head.headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if SecretDigest::of(sent).matches(&SecretDigest::of(&csrf(cookie))) {
        return Ok(());
    }
    let detail = "X-CSRF-Token is missing or wrong; GET /api/v1/session tells it";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// The only cookie of our name.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut ours = pairs.filter(|(name, _)| name.trim() == COOKIE).map(|(_, text)| text.trim());
    match (ours.next(), ours.next()) {
        (Some(text), None) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn id(cookie: &str) -> Result<Id, Problem> {
    SecretDigest::of(cookie).key_id().ok_or_else(unknown)
}

fn written(kept: &Kept) -> Result<String, Problem> {
    serde_json::to_string(kept).map_err(|e| damaged(&e))
}

fn read(text: String) -> Result<Login, Problem> {
    let kept = serde_json::from_str(&text).map_err(|e| damaged(&e))?;
    Ok(Login { kept, text })
}

fn damaged(error: &serde_json::Error) -> Problem {
    let detail = format!("the record of a login is damaged: {error}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Protection;
    use crate::ledger::{EmbeddedLedger, Options};
    use axum::http::HeaderValue;

    #[test]
    fn under_tls_the_cookie_is_for_tls_alone() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { background: false, ..Options::default() };
        let records = EmbeddedLedger::open(dir.path(), options).unwrap();
        let (clock, none) = (Clock::system(), HeaderMap::new());
        for (tls, secure) in [(false, false), (true, true)] {
            let (records, protection) = (records.clone(), Protection::default());
            let token = SecretDigest::of("token");
            let identity = Identity::new(token, records, clock.clone(), protection, tls);
            assert_eq!(identity.cookie("x", &none).ends_with("; Secure"), secure);
            assert_eq!(identity.cookie("", &none).ends_with("; Secure"), secure);
        }
    }

    #[test]
    fn one_cookie_of_our_name_counts() {
        let with = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::from_static(line));
            }
            cookie(&headers).map(str::to_owned)
        };
        assert_eq!(with(&["a=b; farebox_session=x; c=d"]).as_deref(), Some("x"));
        assert_eq!(with(&["a=b", "farebox_session=x"]).as_deref(), Some("x"));
        for bad in [&["farebox_session="][..], &["xfarebox_session=x"], &["farebox_session"], &[]] {
            assert_eq!(with(bad), None, "{bad:?}");
        }
        assert_eq!(with(&["farebox_session=x; farebox_session=y"]), None);
        assert_eq!(with(&["farebox_session=x", "farebox_session=x"]), None);
    }
}

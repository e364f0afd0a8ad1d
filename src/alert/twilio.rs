//! Twilio: one SMS for each alert, of at most 320 characters, and so many a day.

use super::channel::HIDDEN;
use super::message::Post;
use super::notice::Notice;
use super::target::Target;
use super::wording::{Wording, cut};
use super::written::{BadKey, Keys, bad};
use crate::clock::rfc3339_seconds;
use crate::ledger::Rate;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const HOST: &str = "https://api.twilio.com";

/// Characters of an SMS: two of those that are joined.
const SMS_CHARS: usize = 320;

/// How many are sent in a day where nothing is said, and at most.
const USUAL_CAP: u32 = 20;
const MOST_CAP: u32 = 10_000;

/// A phone number, reached by an account at Twilio.
#[derive(Debug, Clone)]
pub(super) struct Twilio {
    url: Target,
    account_sid: String,
    auth_token: SecretString,
    from: String,
    to: String,
    daily_cap: u32,
}

impl Twilio {
    pub(super) const KEYS: &[&str] =
        &["account_sid", "auth_token", "from", "to", "url", "daily_cap"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        let account_sid = keys.needed("account_sid")?;
        let plain = account_sid.bytes().all(|b| b.is_ascii_alphanumeric());
        if account_sid.len() > 64 || !plain {
            return Err(bad("account_sid", "it is not letters and digits, such as AC0123…"));
        }
        let base = keys.url_or("url", HOST)?;
        let prefix = base.path().trim_end_matches('/').to_owned();
        if prefix.contains('?') {
            return Err(bad("url", "it has a query; leave that out"));
        }
        let url = base.at(format!("{prefix}/2010-04-01/Accounts/{account_sid}/Messages.json"));
        let from = keys.needed("from")?;
        if from.len() > 64 || !from.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(bad("from", "it is not a number such as +15005550006 or a sender's name"));
        }
        Ok(Self {
            url,
            account_sid: account_sid.to_owned(),
            auth_token: keys.secret("auth_token")?,
            from: from.to_owned(),
            to: number(keys.needed("to")?)?,
            daily_cap: keys.number("daily_cap", MOST_CAP)?.unwrap_or(USUAL_CAP),
        })
    }

    pub(super) fn rate(&self) -> Rate {
        Rate { spacing_ms: 0, per_day: Some(self.daily_cap) }
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "account_sid": self.account_sid,
            "auth_token": HIDDEN,
            "from": self.from,
            "to": self.to,
            "url": self.url.origin(),
            "daily_cap": self.daily_cap,
        })
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.url == other.url && self.auth_token.expose_secret() == other.auth_token.expose_secret()
    }

    pub(super) fn post(&self, notice: &Notice) -> Result<Post, String> {
        let pair = format!("{}:{}", self.account_sid, self.auth_token.expose_secret());
        let basic = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)));
        let mut basic = basic.map_err(|_| "the token cannot stand in a header".to_owned())?;
        basic.set_sensitive(true);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let fields = [("To", &self.to), ("From", &self.from), ("Body", &text(notice))];
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        Ok(Post {
            to: self.url.clone(),
            headers: vec![(header::CONTENT_TYPE, form), (header::AUTHORIZATION, basic)],
            body: fields.join("&").into(),
        })
    }
}

/// A number as E.164 writes it.
fn number(text: &str) -> Result<String, BadKey> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    if (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let shown: String = text.escape_debug().take(40).collect();
    Err(bad("to", format!("`{shown}` is not a number such as +15005550006")))
}

/// The headline, and until when.
fn text(notice: &Notice) -> String {
    let headline = Wording::of(notice).headline;
    let resets = notice.resets_at.map(|at| format!(". Resets at {}", rfc3339_seconds(at)));
    let resets = resets.unwrap_or_default();
    let room = SMS_CHARS.saturating_sub(resets.chars().count());
    format!("{}{resets}", cut(&headline, room))
}

/// A value of a form.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::notice::Subject;
    use super::super::notice::samples::{groq, hostile};
    use super::*;

    #[test]
    fn r091_an_sms_is_short_and_says_both() {
        assert_eq!(
            text(&groq()),
            "QUOTA EXCEEDED: groq_1 at 100.0% (14,400/14,400 chars), threshold 100%. Resets at \
             2026-12-01T00:00:00Z"
        );
        let mut long = hostile();
        if let Subject::Rule(firing) = &mut long.subject {
            firing.says = "ü".repeat(1000);
        }
        assert_eq!(text(&long).chars().count(), SMS_CHARS);
        assert!(text(&long).ends_with("... Resets at 2026-12-01T00:00:00Z"));
    }

    #[test]
    fn a_form_cannot_be_broken_out_of() {
        assert_eq!(encoded("+1&To=%x ä\r\n"), "%2B1%26To%3D%25x%20%C3%A4%0D%0A");
    }
}

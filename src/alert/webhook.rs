//! A webhook of one's own: JSON with a signature as Standard Webhooks writes it, HMAC-SHA-256 over
//! `ID.TIMESTAMP.BODY`.

use super::channel::HIDDEN;
use super::message::Post;
use super::notice::{Digest, Notice, State};
use super::target::Target;
use super::wording::Wording;
use super::written::{BadKey, Keys, bad};
use crate::clock::{UnixMs, rfc3339};
use crate::ledger::Crossing;
use crate::limit::Meter;
use crate::money::NanoUsd;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::{Value, json};
use sha2::Sha256;

/// What a secret begins with, and how many bytes it has.
const PREFIX: &str = "whsec_";
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=1024;

/// A webhook.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    url: Target,
    secret: SecretSlice<u8>,
}

impl Webhook {
    pub(super) const KEYS: &[&str] = &["url", "secret"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        let url = keys.url("url")?.ok_or_else(|| bad("url", "it is missing"))?;
        let text = keys.secret("secret")?;
        let encoded = text.expose_secret().strip_prefix(PREFIX);
        let encoded = encoded.ok_or_else(|| {
            bad(
                "secret",
                "it does not begin with whsec_; make one: echo whsec_$(openssl rand -base64 32)",
            )
        })?;
        let secret = STANDARD.decode(encoded);
        let secret = secret.map_err(|_| bad("secret", "what follows whsec_ is not base64"))?;
        if !SECRET_BYTES.contains(&secret.len()) {
            let (least, most) = (SECRET_BYTES.start(), SECRET_BYTES.end());
            let detail = format!("it has {} bytes: {least} bytes to {most}", secret.len());
            return Err(bad("secret", detail));
        }
        Ok(Self { url, secret: secret.into() })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"url": self.url.shown(), "secret": HIDDEN})
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.url == other.url && self.secret.expose_secret() == other.secret.expose_secret()
    }

    /// Signed with the time of this try; the id is that of the alert.
    pub(super) fn post(&self, notice: &Notice, id: &str, now: UnixMs) -> Result<Post, String> {
        let body = body(notice).to_string();
        let timestamp = now.div_euclid(1000).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret())
            .map_err(|why| format!("the secret cannot sign: {why}"))?;
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| "the id cannot stand in a header".to_owned())
        };
        let headers = vec![
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("webhook-id"), value(id)?),
            (HeaderName::from_static("webhook-timestamp"), value(&timestamp)?),
            (HeaderName::from_static("webhook-signature"), value(&signature)?),
        ];
        Ok(Post { to: self.url.clone(), headers, body: body.into() })
    }
}

/// A report is the object of the API, with the kind and time of any alert beside it.
fn of_report(notice: &Notice, digest: &Digest) -> Value {
    json!({
        "alert_type": notice.alert_type(),
        "timestamp": rfc3339(notice.time),
        "report": digest.object,
    })
}

/// What a webhook is told.
pub(super) fn body(notice: &Notice) -> Value {
    if let Some(digest) = notice.digest() {
        return of_report(notice, digest);
    }
    let crossing = notice.crossing();
    let state = match notice.state {
        State::Triggered => "triggered",
        State::Resolved => "resolved",
    };
    let mut body = json!({
        "alert_type": notice.alert_type(),
        "config_id": notice.config_id(),
        "provider": notice.provider,
        "usage_percent": crossing.map(percent),
        "total_tokens": notice.total_tokens,
        "quota_limit": crossing.map(quota),
        "timestamp": rfc3339(notice.time),
        "account": notice.account(),
        "level": notice.grade(),
        "state": state,
        "threshold": crossing.map(|crossing| crossing.threshold),
        "limit": crossing.map(|crossing| crossing.limit.to_string()),
        "period": crossing.map(|crossing| crossing.period.to_string()),
        "resets_at": notice.resets_at.map(rfc3339),
        "cost_usd": notice.cost.to_string(),
        "cost_nanousd": notice.cost.get(),
        "suggested_action": Wording::of(notice).action,
    });
    if let (Some(rule), Value::Object(body)) = (notice.rule(), &mut body) {
        body.insert("rule".to_owned(), rule.into());
    }
    body
}

/// What the limit allows: dollars as a text, counts as a number.
fn quota(crossing: &Crossing) -> Value {
    match crossing.limit.meter {
        Meter::Usd => NanoUsd::new(crossing.allowed).to_string().into(),
        _ => crossing.allowed.into(),
    }
}

/// Used of what is allowed, in per cent with at most four decimals, rounded down; 100 of nothing.
fn percent(crossing: &Crossing) -> Value {
    let (used, allowed) = (i128::from(crossing.used), i128::from(crossing.allowed));
    let parts = used.saturating_mul(1_000_000).checked_div(allowed).unwrap_or(1_000_000);
    let (whole, rest) = (parts.div_euclid(10_000), parts.rem_euclid(10_000));
    let text = if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:04}") };
    serde_json::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::notice::samples::{at, groq, hostile};
    use super::*;

    #[test]
    fn r090_the_seven_fields_and_ours() {
        let groq = body(&groq());
        for (field, value) in [
            ("alert_type", json!("quota_threshold")),
            ("config_id", json!("groq_1")),
            ("provider", json!("groq")),
            ("usage_percent", json!(100)),
            ("total_tokens", json!(850_000)),
            ("quota_limit", json!(14_400)),
            ("timestamp", json!("2026-11-28T21:13:36.123Z")),
            ("account", json!("credential:groq_1")),
            ("level", json!("exceeded")),
            ("threshold", json!(100)),
            ("period", json!("202611")),
            ("resets_at", json!("2026-12-01T00:00:00.000Z")),
            ("cost_usd", json!("21.25")),
        ] {
            assert_eq!(groq[field], value, "{field}");
        }
        assert_eq!(groq.get("rule"), None);
        let alice = body(&at("user:alice", "25usd/month", 20_000_000_001, 80));
        assert_eq!(alice["config_id"], "user:alice");
        assert_eq!((&alice["provider"], &alice["quota_limit"]), (&Value::Null, &json!("25")));
        assert_eq!(alice["usage_percent"].to_string(), "80");
        let near = body(&at("user:a", "3requests/month", 2, 80));
        assert_eq!(near["usage_percent"].to_string(), "66.6666");
        let rule = body(&hostile());
        assert_eq!((&rule["alert_type"], &rule["threshold"]), (&json!("burn_rate"), &Value::Null));
        assert!(rule["rule"].as_str().unwrap().starts_with("<b>"));
    }

    #[test]
    fn an_id_that_breaks_the_header_is_refused() {
        let map = json!({"type": "webhook", "url": "https://example.com/",
            "secret": format!("{PREFIX}{}", STANDARD.encode([7; 24]))});
        let allowed = super::super::Allowed::default();
        let channel = super::super::Channel::read(map.as_object().unwrap(), &allowed).unwrap();
        assert!(channel.message(&groq(), "a\r\nb", 0).is_err());
        assert!(channel.message(&groq(), "al_1", 0).is_ok());
    }
}

//! PagerDuty: Events API v2. An alert opens an incident and its end resolves it, by the same
//! `dedup_key`.

use super::channel::HIDDEN;
use super::message::Post;
use super::notice::{Notice, State, Subject};
use super::target::Target;
use super::wording::Wording;
use super::written::{BadKey, Keys};
use crate::clock::rfc3339;
use crate::limit::Level;
use http::{HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

const HOST: &str = "https://events.pagerduty.com";
const PATH: &str = "/v2/enqueue";

/// The longest key that names an incident.
const KEY_CHARS: usize = 255;

/// A service of PagerDuty.
#[derive(Debug, Clone)]
pub(super) struct PagerDuty {
    url: Target,
    routing_key: SecretString,
}

impl PagerDuty {
    pub(super) const KEYS: &[&str] = &["routing_key", "url"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        let url = keys.url_or("url", HOST)?;
        let url = if url.path() == "/" { url.at(PATH.to_owned()) } else { url };
        Ok(Self { url, routing_key: keys.secret("routing_key")? })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"routing_key": HIDDEN, "url": self.url.origin()})
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.url == other.url
            && self.routing_key.expose_secret() == other.routing_key.expose_secret()
    }

    pub(super) fn post(&self, notice: &Notice) -> Post {
        let json = HeaderValue::from_static("application/json");
        let body = event(notice, self.routing_key.expose_secret());
        Post {
            to: self.url.clone(),
            headers: vec![(header::CONTENT_TYPE, json)],
            body: body.to_string().into(),
        }
    }
}

fn event(notice: &Notice, routing_key: &str) -> Value {
    let key = dedup_key(notice);
    if notice.state == State::Resolved {
        return json!({"routing_key": routing_key, "event_action": "resolve", "dedup_key": key});
    }
    let wording = Wording::of(notice);
    let severity = match notice.level() {
        Level::Warning => "warning",
        Level::Critical | Level::Exceeded => "critical",
    };
    let mut details: Map<String, Value> = wording
        .facts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_str().into()))
        .collect();
    details.insert("Action".to_owned(), wording.action.into());
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "Farebox",
        "payload": {
            "summary": wording.headline,
            "source": notice.config_id(),
            "severity": severity,
            "timestamp": rfc3339(notice.time),
            "component": notice.provider.as_deref().unwrap_or("farebox"),
            "class": notice.alert_type(),
            "custom_details": details,
        },
    });
    if let Some(link) = &notice.link {
        event["client_url"] = link.as_str().into();
    }
    event
}

/// `farebox/user:alice/202611`; of a rule whom it fired about, and its name.
fn dedup_key(notice: &Notice) -> String {
    let key = match &notice.subject {
        Subject::Threshold(crossing) => format!("farebox/{}/{}", crossing.account, crossing.period),
        Subject::Rule(firing) => format!("farebox/{}/{}", firing.about, firing.rule),
        Subject::Report(_) => format!("farebox/{}", notice.config_id()),
    };
    key.chars().take(KEY_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::super::notice::samples::{at, groq, hostile};
    use super::*;

    #[test]
    fn r092_an_incident_opens_and_is_resolved_by_the_same_key() {
        let event_of = |notice: &Notice| event(notice, "R0UTE");
        let opened = event_of(&groq());
        assert_eq!(opened["event_action"], "trigger");
        assert_eq!(opened["routing_key"], "R0UTE");
        assert_eq!(opened["dedup_key"], "farebox/credential:groq_1/202611");
        let payload = &opened["payload"];
        assert_eq!(payload["severity"], "critical");
        assert_eq!(payload["source"], "groq_1");
        assert_eq!(payload["timestamp"], "2026-11-28T21:13:36.123Z");
        assert!(payload["summary"].as_str().unwrap().contains("QUOTA EXCEEDED"));
        assert_eq!(payload["custom_details"]["Usage"], "100.0%");
        let over = event_of(&Notice { state: State::Resolved, ..groq() });
        assert_eq!(
            over,
            json!({"routing_key": "R0UTE", "event_action": "resolve",
                "dedup_key": "farebox/credential:groq_1/202611"})
        );
        let severity = |threshold| {
            event_of(&at("user:a", "1usd/month", 1, threshold))["payload"]["severity"].clone()
        };
        assert_eq!([80, 90, 100].map(severity), ["warning", "critical", "critical"]);
    }

    #[test]
    fn texts_stay_within_what_is_taken() {
        let event = event(&hostile(), "k");
        assert!(event["payload"]["summary"].as_str().unwrap().len() <= 1024);
        assert!(event["dedup_key"].as_str().unwrap().chars().count() <= KEY_CHARS);
    }
}

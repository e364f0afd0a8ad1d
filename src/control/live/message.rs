//! The messages of the live connection, both ways. Pure.

use crate::ids::AccountId;
use serde_json::Value;

/// So many accounts may be named at once.
const MOST_ACCOUNTS: usize = 100;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// To hear of these accounts only; of all that it may hear of, where there are none.
    Subscribe(Vec<AccountId>),
    /// How things stand.
    Status,
    /// Whether anybody is there.
    Ping,
}

/// Why a wish is not fulfilled; the `data` of an `error` message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// A word for programs.
    pub(super) code: &'static str,
    /// A sentence for people.
    pub(super) message: String,
}

impl Wish {
    /// Reads the text of a message.
    pub(super) fn read(text: &str) -> Result<Self, Refused> {
        let invalid = |message: String| Refused { code: "invalid_message", message };
        let way = "send {\"type\": \"subscribe\", \"accounts\": [\"user:ID\"]}, \
                   {\"type\": \"status_request\"} or {\"type\": \"ping\"}";
        let message: Value = serde_json::from_str(text)
            .map_err(|why| invalid(format!("that is not JSON ({why}); {way}")))?;
        match message.get("type").and_then(Value::as_str) {
            Some("subscribe") => subscribe(&message).map(Self::Subscribe).map_err(invalid),
            Some("status_request") => Ok(Self::Status),
            Some("ping") => Ok(Self::Ping),
            Some(other) => {
                let shown: String = other.chars().take(80).collect();
                Err(invalid(format!("`{shown}` is not a type of message; {way}")))
            }
            None => Err(invalid(format!("the message has no type; {way}"))),
        }
    }
}

/// The accounts stand beside the type, or in `data` as in what the server sends.
fn subscribe(message: &Value) -> Result<Vec<AccountId>, String> {
    let accounts = message.get("accounts").or_else(|| message.pointer("/data/accounts"));
    let Some(accounts) = accounts.and_then(Value::as_array) else {
        return Err("`accounts` is missing: a list such as [\"user:alice\"], or []".to_owned());
    };
    if accounts.len() > MOST_ACCOUNTS {
        return Err(format!("{} accounts are more than {MOST_ACCOUNTS}", accounts.len()));
    }
    let account = |value: &Value| match value.as_str() {
        Some(text) => text.parse().map_err(|why| format!("{why}")),
        None => {
            let shown: String = value.to_string().chars().take(80).collect();
            Err(format!("`{shown}` is not an account: write \"user:ID\""))
        }
    };
    accounts.iter().map(account).collect()
}

/// What stands before and after the `data` of a message.
pub(super) fn around(kind: &str, seq: u64, timestamp: &str) -> (String, &'static str) {
    let head =
        format!("{{\"type\":\"{kind}\",\"seq\":{seq},\"timestamp\":\"{timestamp}\",\"data\":");
    (head, "}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_the_rest_is_named() {
        let of = |text: &str| Wish::read(text).map_err(|refused| refused.message);
        assert_eq!(of(r#"{"type":"ping"}"#), Ok(Wish::Ping));
        assert_eq!(of(r#"{"type":"status_request","x":1}"#), Ok(Wish::Status));
        let alice = vec!["user:alice".parse().unwrap()];
        for text in [
            r#"{"type":"subscribe","accounts":["user:alice"]}"#,
            r#"{"type":"subscribe","data":{"accounts":["user:alice"]}}"#,
        ] {
            assert_eq!(of(text), Ok(Wish::Subscribe(alice.clone())));
        }
        assert_eq!(of(r#"{"type":"subscribe","accounts":[]}"#), Ok(Wish::Subscribe(Vec::new())));
        let many = format!(r#"{{"type":"subscribe","accounts":[{}0]}}"#, "0,".repeat(100));
        for (text, named) in [
            ("", "not JSON"),
            ("[]", "no type"),
            (r#"{"type":"shout"}"#, "`shout`"),
            (r#"{"type":"subscribe"}"#, "`accounts` is missing"),
            (r#"{"type":"subscribe","accounts":["alice"]}"#, "`alice`"),
            (r#"{"type":"subscribe","accounts":[7]}"#, "`7`"),
            (many.as_str(), "101 accounts"),
        ] {
            let refused = of(text).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn a_message_is_an_object_around_its_data() {
        let (head, tail) = around("pong", 3, "2026-11-28T22:00:00.000Z");
        let message: Value = serde_json::from_str(&format!("{head}{{}}{tail}")).unwrap();
        assert_eq!(message["seq"], 3);
        assert_eq!(message["type"], "pong");
    }
}

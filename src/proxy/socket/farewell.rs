//! What a client is told when its session is ended from here: an event where the dialect has one
//! for errors, and the code and reason of the close.

use crate::dialect::Dialect;
use crate::framing::websocket::{close_frame, text_frame};
use crate::ids::CallId;
use crate::proxy::refusal::Refusal;
use serde_json::json;

/// Codes of RFC 6455 section 7.4.1 and of its registry.
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;
const POLICY: u16 = 1008;
const TRY_AGAIN_LATER: u16 = 1013;
const BAD_GATEWAY: u16 = 1014;

/// The last words to a client.
pub(super) struct Farewell {
    kind: &'static str,
    code: &'static str,
    message: String,
    close: u16,
}

impl Farewell {
    /// The next answer was refused.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let (kind, code, message) = refusal.spoken();
        let close = match refusal {
            Refusal::Ledger | Refusal::Overloaded => TRY_AGAIN_LATER,
            _ => POLICY,
        };
        Self { kind, code, message, close }
    }

    /// The provider broke off.
    pub(super) fn cut() -> Self {
        Self::server("upstream_closed", "The provider broke off the session.", BAD_GATEWAY)
    }

    /// Nothing came from either side for too long.
    pub(super) fn idle() -> Self {
        Self::server("idle", "Nothing was sent for too long.", GOING_AWAY)
    }

    /// The proxy stops.
    pub(super) fn stopping() -> Self {
        Self::server("overloaded", "This proxy is stopping; connect again.", GOING_AWAY)
    }

    /// The client sent what is no frame.
    pub(super) fn unreadable() -> Self {
        let message = "What was sent is no WebSocket frame.".to_owned();
        let kind = "invalid_request_error";
        Self { kind, code: "invalid_frame", message, close: PROTOCOL_ERROR }
    }

    fn server(code: &'static str, message: &str, close: u16) -> Self {
        Self { kind: "server_error", code, message: message.to_owned(), close }
    }

    /// The frames that say so. Google's sessions have no event for it, only the close.
    pub(super) fn frames(&self, dialect: Dialect, id: CallId) -> Vec<u8> {
        let close = close_frame(self.close, &self.reason(), None);
        if dialect == Dialect::Gemini {
            return close;
        }
        let event = json!({
            "type": "error",
            "event_id": format!("event_{id}"),
            "error": {
                "type": self.kind,
                "code": self.code,
                "message": self.message,
                "param": null,
                "event_id": null,
            },
        });
        [text_frame(&event.to_string(), None), close].concat()
    }

    /// The code and what comes before the figures: a close has room for 123 bytes.
    fn reason(&self) -> String {
        let gist = self.message.split(": ").next().unwrap_or_default();
        let mut rest = gist.chars();
        let first = rest.next().map(|first| first.to_ascii_lowercase());
        format!("{}: {}{}", self.code, first.unwrap_or_default(), rest.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_why() {
        let refusal = Refusal::ModelNotAllowed("m".to_owned());
        let farewell = Farewell::refused(&refusal);
        assert_eq!(farewell.close, POLICY);
        let id = CallId::new();
        let frames = farewell.frames(Dialect::OpenAi, id);
        let text = String::from_utf8_lossy(&frames);
        assert!(text.contains(r#""code":"model_not_allowed""#), "{text}");
        let close = farewell.frames(Dialect::Gemini, id);
        let reason = "model_not_allowed: this key may not use the model `m`.";
        assert_eq!(close, close_frame(POLICY, reason, None));
        assert!(frames.ends_with(&close));
        assert_eq!(Farewell::refused(&Refusal::Ledger).close, TRY_AGAIN_LATER);
    }
}

//! How the realtime API words what it sends: one JSON object a frame.

use super::base64::base64;
use super::draft::quoted;
use super::plan::Plan;
use super::tokens::Tokens;
use crate::usage::Figure;
use std::collections::VecDeque;

/// An event on its way, and how many parts of the answer exist with it.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) json: String,
    pub(super) generated: u64,
}

/// A response being made.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) id: String,
    pub(super) plan: Plan,
    pub(super) audio: bool,
}

impl Response {
    /// All its events but the last.
    pub(super) fn events(&self) -> VecDeque<Event> {
        let item = format!("item_{}", self.id);
        let response = quoted(&self.id);
        let at = format!("\"response_id\":{response},\"item_id\":\"{item}\",\"output_index\":0");
        let inside = format!("{at},\"content_index\":0");
        let text = quoted(&self.plan.text());
        let (kind, word) = if self.audio { ("audio", "transcript") } else { ("text", "text") };
        let whole = |status: &str, content: &str| {
            format!(
                "{{\"id\":\"{item}\",\"object\":\"realtime.item\",\"type\":\"message\",\
                 \"status\":\"{status}\",\"role\":\"assistant\",\"content\":[{content}]}}"
            )
        };
        let part = |text: &str| format!("{{\"type\":\"{kind}\",\"{word}\":{text}}}");
        let added = whole("in_progress", "");
        let mut events = VecDeque::new();
        let mut send = |name: &str, fields: &str, generated| {
            events.push_back(Event { json: event(name, fields), generated });
        };
        let begun = self.object("in_progress", "null", None);
        send("response.created", &format!("\"response\":{begun}"), 0);
        let place = format!("\"response_id\":{response},\"output_index\":0");
        send("response.output_item.added", &format!("{place},\"item\":{added}"), 0);
        send("conversation.item.added", &format!("\"previous_item_id\":null,\"item\":{added}"), 0);
        send("response.content_part.added", &format!("{inside},\"part\":{}", part("\"\"")), 0);
        let mut generated = 0;
        for chunk in &self.plan.chunks {
            generated += 1;
            let said = format!("{inside},\"delta\":{}", quoted(chunk));
            if !self.audio {
                send("response.output_text.delta", &said, generated);
                continue;
            }
            send("response.output_audio_transcript.delta", &said, generated);
            let sound = format!("{inside},\"delta\":\"{}\"", base64(chunk.as_bytes()));
            send("response.output_audio.delta", &sound, generated);
        }
        let done = format!("{inside},\"{word}\":{text}");
        if self.audio {
            send("response.output_audio.done", &inside, generated);
            send("response.output_audio_transcript.done", &done, generated);
        } else {
            send("response.output_text.done", &done, generated);
        }
        send(
            "response.content_part.done",
            &format!("{inside},\"part\":{}", part(&text)),
            generated,
        );
        let item = whole("completed", &part(&text));
        send("response.output_item.done", &format!("{place},\"item\":{item}"), generated);
        send(
            "conversation.item.done",
            &format!("\"previous_item_id\":null,\"item\":{item}"),
            generated,
        );
        events
    }

    /// Its last event, with the figures of what was made of it.
    pub(super) fn done(&self, status: &str, made: Option<Tokens>) -> String {
        let usage = made.and_then(|made| self.plan.usage(|| self.usage(made)));
        let details = match status {
            "cancelled" => "{\"type\":\"cancelled\",\"reason\":\"client_cancelled\"}",
            "failed" => "{\"type\":\"failed\",\"error\":{\"type\":\"server_error\",\"code\":null}}",
            _ => "null",
        };
        let object = self.object(status, details, usage);
        event("response.done", &format!("\"response\":{object}"))
    }

    fn object(&self, status: &str, details: &str, usage: Option<String>) -> String {
        format!(
            "{{\"object\":\"realtime.response\",\"id\":{},\"status\":\"{status}\",\
             \"status_details\":{details},\"output\":[],\"conversation_id\":\"conv_1\",\
             \"output_modalities\":[\"{}\"],\"max_output_tokens\":\"inf\",\"usage\":{},\
             \"metadata\":null}}",
            quoted(&self.id),
            if self.audio { "audio" } else { "text" },
            usage.unwrap_or_else(|| "null".to_owned())
        )
    }

    fn usage(&self, made: Tokens) -> String {
        let heard = self.plan.extras.get(Figure::AudioInput).min(made.input);
        let spoken = if self.audio { spoken(made.output) } else { 0 };
        let cached = made.cached;
        format!(
            "{{\"total_tokens\":{},\"input_tokens\":{},\"output_tokens\":{},\
             \"input_token_details\":{{\"text_tokens\":{},\"audio_tokens\":{heard},\
             \"image_tokens\":0,\"cached_tokens\":{cached},\"cached_tokens_details\":\
             {{\"text_tokens\":{cached},\"audio_tokens\":0,\"image_tokens\":0}}}},\
             \"output_token_details\":{{\"text_tokens\":{},\"audio_tokens\":{spoken}}}}}",
            made.total(),
            made.input,
            made.output,
            made.input - heard,
            made.output - spoken
        )
    }
}

/// How many tokens of a spoken answer are sound; the rest is its transcript.
pub(super) const fn spoken(output: u64) -> u64 {
    output - output / 4
}

/// One event.
pub(super) fn event(name: &str, fields: &str) -> String {
    format!(
        "{{\"type\":\"{name}\",\"event_id\":\"event_{:08x}\",{fields}}}",
        crc32fast::hash(fields.as_bytes())
    )
}

/// The session as it stands.
pub(super) fn session(model: &str, audio: bool) -> String {
    format!(
        "\"session\":{{\"type\":\"realtime\",\"object\":\"realtime.session\",\"id\":\"sess_1\",\
         \"model\":{},\"output_modalities\":[\"{}\"]}}",
        quoted(model),
        if audio { "audio" } else { "text" }
    )
}

/// Something the client did makes no sense, or the server failed.
pub(super) fn error(kind: &str, code: &str, message: &str) -> String {
    let message = quoted(message);
    event(
        "error",
        &format!(
            "\"error\":{{\"type\":\"{kind}\",\"code\":\"{code}\",\"message\":{message},\
             \"param\":null,\"event_id\":null}}"
        ),
    )
}

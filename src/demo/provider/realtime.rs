//! `GET /v1/realtime`: a conversation over a WebSocket. Each response is billed by itself, for what
//! was made of it. Sound is not listened to; what turns it into text is not simulated.

use super::bill::Serving;
use super::extras::Extras;
use super::order::Order;
use super::plan::Plan;
use super::realtime_events::{Event, Response, error, event, session, spoken};
use super::route::{Endpoint, Route};
use super::script::{Break, Script};
use super::websocket::{Message, Socket};
use super::wire::ResetFlag;
use crate::usage::Figure;
use serde_json::Value;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How a conversation ends.
const NORMAL: u16 = 1000;

/// A conversation.
pub(super) struct Conversation<S, B> {
    socket: Socket<S>,
    model: String,
    script: Script,
    /// Opens an entry of the bill.
    bill: B,
    reset: ResetFlag,
    /// Makes the ids of its responses.
    number: u64,
    responses: u64,
    audio: bool,
    /// The JSON of what was said so far.
    items: Vec<String>,
    active: Option<Active>,
}

/// The response being sent.
struct Active {
    response: Response,
    serving: Serving,
    pending: VecDeque<Event>,
    generated: u64,
    sent: usize,
}

impl<S, B> Conversation<S, B>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Fn(&Plan) -> Serving,
{
    /// A conversation that has not begun.
    pub(super) fn new(stream: S, model: String, script: Script, bill: B, reset: ResetFlag) -> Self {
        let (number, items) = (rand::random(), Vec::new());
        let socket = Socket::new(stream);
        let (responses, audio, active) = (0, true, None);
        Self { socket, model, script, bill, reset, number, responses, audio, items, active }
    }

    /// Converses until one side ends it.
    pub(super) async fn run(mut self) -> io::Result<()> {
        let begun = event("session.created", &session(&self.model, self.audio));
        self.socket.text(&begun).await?;
        let pace = Duration::from_millis(self.script.delay_ms);
        loop {
            let busy = self.active.as_ref().is_some_and(|active| !self.stalled(active));
            tokio::select! {
                biased;
                message = self.socket.receive() => match message? {
                    Some(Message::Text(text)) => self.hear(&text).await?,
                    Some(Message::Ping(payload)) => self.socket.pong(&payload).await?,
                    Some(Message::Close) => return self.socket.close(NORMAL, "").await,
                    None => return Ok(()),
                },
                () = tokio::time::sleep(pace), if busy => if !self.speak().await? {
                    return Ok(());
                },
            }
        }
    }

    async fn hear(&mut self, text: &str) -> io::Result<()> {
        let Ok(said) = serde_json::from_str::<Value>(text) else {
            let broken = error("invalid_request_error", "invalid_json", "This is not JSON.");
            return self.socket.text(&broken).await;
        };
        let kind = said.get("type").and_then(Value::as_str).unwrap_or_default();
        let answer = match kind {
            "session.update" => {
                self.audio = audio(said.pointer("/session/output_modalities"), self.audio);
                event("session.updated", &session(&self.model, self.audio))
            }
            "conversation.item.create" => {
                let item = said.get("item").cloned().unwrap_or_default().to_string();
                self.items.push(item.clone());
                event(
                    "conversation.item.added",
                    &format!("\"previous_item_id\":null,\"item\":{item}"),
                )
            }
            "input_audio_buffer.append" => return Ok(()),
            "input_audio_buffer.commit" => event(
                "input_audio_buffer.committed",
                "\"previous_item_id\":null,\"item_id\":\"item_sound\"",
            ),
            "response.create" if self.active.is_none() => return self.begin(&said),
            "response.create" => error(
                "invalid_request_error",
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress.",
            ),
            "response.cancel" if self.active.is_some() => return self.end("cancelled").await,
            _ => {
                error("invalid_request_error", "unknown_event", &format!("Not simulated: `{kind}`"))
            }
        };
        self.socket.text(&answer).await
    }

    /// Decides a response and everything that it will send.
    fn begin(&mut self, said: &Value) -> io::Result<()> {
        let audio = audio(said.pointer("/response/output_modalities"), self.audio);
        let ceiling = said.pointer("/response/max_output_tokens").and_then(Value::as_u64);
        let ceiling = ceiling.map(|n| format!(",\"max_output_tokens\":{n}")).unwrap_or_default();
        let body = format!("{{\"input\":[{}]{ceiling}}}", self.items.join(","));
        let route = Route { model: Some(&self.model), ..Route::of(&http::Method::GET, "", None) };
        let order = Order::read(Endpoint::Responses, &route, body.as_bytes())
            .map_err(|bad| io::Error::other(bad.message))?;
        let mut plan = Plan::new(order, &self.script);
        let sound = if audio { spoken(plan.tokens.output) } else { 0 };
        plan.extras = Extras::of([
            (Figure::AudioInput, self.script.audio_input.unwrap_or(0)),
            (Figure::CachedText, plan.tokens.cached),
            (Figure::AudioOutput, sound),
        ]);
        self.responses += 1;
        let id = format!("resp_{:016x}{}", self.number, self.responses);
        let serving = (self.bill)(&plan);
        self.items.push(format!("{{\"role\":\"assistant\",\"response\":\"{}\"}}", self.responses));
        let response = Response { id, plan, audio };
        let pending = response.events();
        self.active = Some(Active { response, serving, pending, generated: 0, sent: 0 });
        Ok(())
    }

    /// Sends the next event of the response; whether the conversation goes on.
    async fn speak(&mut self) -> io::Result<bool> {
        let Some(active) = &mut self.active else { return Ok(true) };
        if let Some((after, how)) = self.script.breaks()
            && active.sent >= after
        {
            match how {
                Break::Cut => return Ok(false),
                Break::Reset => {
                    self.reset.store(true, Ordering::SeqCst);
                    return Ok(false);
                }
                Break::Error => {
                    let failed = error("server_error", "server_error", "The server had an error.");
                    self.socket.text(&failed).await?;
                    self.end("failed").await?;
                    return Ok(true);
                }
                Break::Stall => return Ok(true),
            }
        }
        let Some(next) = active.pending.pop_front() else {
            self.end("completed").await?;
            return Ok(true);
        };
        active.sent += 1;
        active.generated = next.generated;
        active.serving.generated(next.generated);
        self.socket.text(&next.json).await?;
        Ok(true)
    }

    /// Ends the response with its figures. What failed has none.
    async fn end(&mut self, status: &str) -> io::Result<()> {
        let Some(Active { response, mut serving, generated, .. }) = self.active.take() else {
            return Ok(());
        };
        let plan = &response.plan;
        let (status, made) = match status {
            "completed" if plan.cut_short => ("incomplete", Some(plan.tokens)),
            "completed" => (status, Some(plan.tokens)),
            "cancelled" => (status, Some(plan.tokens.so_far(generated, plan.parts()))),
            _ => (status, None),
        };
        if made == Some(plan.tokens) {
            serving.finish();
        }
        self.socket.text(&response.done(status, made)).await
    }

    fn stalled(&self, active: &Active) -> bool {
        let stall = self.script.breaks().filter(|(_, how)| *how == Break::Stall);
        stall.is_some_and(|(after, _)| active.sent >= after)
    }
}

/// Whether answers are spoken: what the client says, else as before.
fn audio(modalities: Option<&Value>, before: bool) -> bool {
    let Some(modalities) = modalities.and_then(Value::as_array) else { return before };
    modalities.iter().any(|modality| modality == "audio")
}

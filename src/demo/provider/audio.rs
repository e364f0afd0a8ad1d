//! Answers of OpenAI's `/v1/audio/transcriptions` and `/v1/audio/speech`. Whisper is billed by the
//! second and `tts-1` by the character; the others by the token, where a text format and plain
//! sound carry no figures.

use super::base64::base64;
use super::draft::{Draft, quoted};
use super::plan::Plan;
use crate::usage::Figure;
use std::fmt::Write;

/// A sound has so many bytes for each part of the answer.
const BYTES: usize = 400;

/// A transcript, in the format that was asked for.
pub(super) fn transcript(plan: &Plan) -> String {
    let format = plan.order.format.as_deref();
    if let Some("text" | "srt" | "vtt") = format {
        return plan.text() + "\n";
    }
    let text = quoted(&plan.text());
    let usage = plan.usage(|| transcript_usage(plan));
    let usage = usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default();
    match format {
        Some("verbose_json") => format!(
            "{{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":{},\"text\":{text},\
             \"segments\":[]{usage}}}",
            seconds(plan)
        ),
        _ => format!("{{\"text\":{text}{usage}}}"),
    }
}

/// The events of a transcript's stream.
pub(super) fn transcript_stream(plan: &Plan) -> Draft {
    let mut draft = Draft::with_room(plan.chunks.len().saturating_add(1));
    let mut generated = 0_u64;
    for chunk in &plan.chunks {
        generated += 1;
        let delta = quoted(chunk);
        let _ = write!(
            draft.text(),
            "data: {{\"type\":\"transcript.text.delta\",\"delta\":{delta}}}\n\n"
        );
        draft.end_event(generated);
    }
    let usage = plan.usage(|| transcript_usage(plan));
    let _ = write!(
        draft.text(),
        "data: {{\"type\":\"transcript.text.done\",\"text\":{}{}}}\n\n",
        quoted(&plan.text()),
        usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default()
    );
    draft.end_event(generated);
    draft
}

/// The sound of a speech.
pub(super) fn sound(plan: &Plan) -> Vec<u8> {
    plan.chunks.iter().flat_map(|chunk| piece(chunk)).collect()
}

/// The events of a speech's stream.
pub(super) fn sound_stream(plan: &Plan) -> Draft {
    let mut draft = Draft::with_room(plan.chunks.len().saturating_add(1));
    let mut generated = 0_u64;
    for chunk in &plan.chunks {
        generated += 1;
        let sound = base64(&piece(chunk));
        let _ = write!(
            draft.text(),
            "data: {{\"type\":\"speech.audio.delta\",\"audio\":\"{sound}\"}}\n\n"
        );
        draft.end_event(generated);
    }
    let t = plan.tokens;
    let usage = plan.usage(|| {
        format!(
            "{{\"input_tokens\":{},\"output_tokens\":{},\"total_tokens\":{}}}",
            t.input,
            t.output,
            t.total()
        )
    });
    let usage = usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default();
    let _ = write!(draft.text(), "data: {{\"type\":\"speech.audio.done\"{usage}}}\n\n");
    draft.end_event(generated);
    draft
}

/// Looks like frames of MPEG audio to whoever looks at the first bytes.
fn piece(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfb, 0x90, 0x00];
    bytes.extend(text.bytes().cycle().take(if text.is_empty() { 0 } else { BYTES - 4 }));
    bytes
}

fn seconds(plan: &Plan) -> u64 {
    match plan.extras.get(Figure::DurationMs) {
        0 => plan.order.seconds(),
        millis => millis / 1000,
    }
}

fn transcript_usage(plan: &Plan) -> String {
    let t = plan.tokens;
    if plan.extras.get(Figure::DurationMs) > 0 {
        return format!("{{\"type\":\"duration\",\"seconds\":{}}}", seconds(plan));
    }
    let audio = plan.extras.get(Figure::AudioInput);
    format!(
        "{{\"type\":\"tokens\",\"input_tokens\":{},\"input_token_details\":{{\"text_tokens\":{},\
         \"audio_tokens\":{audio}}},\"output_tokens\":{},\"total_tokens\":{}}}",
        t.input,
        t.input.saturating_sub(audio),
        t.output,
        t.total()
    )
}

//! Replaces what people and models said by filler of the same length, in place, so that a recorded
//! answer can be shown to others.
//!
//! What stays: the framing, every key that a provider made, figures, and texts that say what a thing
//! is (a model, an event, a reason) under keys that are known for it. All else is filled, and so is
//! whatever is not understood. A recording reads as its original does, but for the characters of
//! texts that are not ASCII.

mod events;
mod frames;
mod json;
mod text;
mod words;

use super::answer::Kind;
use crate::framing::multipart::{Multipart, Parts};
use json::Filler;
use serde_json::{Map, Value};

/// The longest run of digits in a path that is no date.
const DIGITS: usize = 9;

/// Names in a path that are followed by the name of somebody's own thing.
const OWNED: &[&str] = &["accounts", "projects"];

/// The longest field of a form that is looked at.
const FIELD: usize = 256;

/// Fills the body of an answer.
pub fn fill_answer(content_type: Option<&str>, body: &mut [u8]) {
    let first = body.iter().find(|byte| !b" \t\r\n\xEF\xBB\xBF".contains(byte)).copied();
    let json = matches!(first, Some(b'{' | b'['));
    match Kind::of(content_type) {
        Kind::Frames => frames::fill(body),
        Kind::Lines => events::fill_lines(body),
        _ if json => fill_json(body),
        Kind::Events => events::fill_sse(body),
        // A stream that was asked for is read as one, whatever it says it is.
        _ if events::looks_like_sse(body) => events::fill_sse(body),
        Kind::Json | Kind::Other => text::plain(body),
    }
}

/// Fills the body of a request; what is no JSON object is nothing.
pub fn fill_request(content_type: Option<&str>, body: &[u8]) -> Value {
    if let Some(kind) = content_type
        && let Ok(multipart) = Multipart::new(kind)
    {
        return form(multipart, body);
    }
    let mut body = body.to_vec();
    fill_json(&mut body);
    serde_json::from_slice(&body).ok().filter(Value::is_object).unwrap_or_default()
}

/// A path without what names an account.
pub fn fill_path(path: &str) -> String {
    let mut owned = false;
    let segments = path.split('/').map(|segment| {
        let filled = if owned { "x".repeat(segment.len()) } else { without_numbers(segment) };
        owned = OWNED.contains(&segment);
        filled
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Long numbers are those of accounts; a date has eight digits.
fn without_numbers(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    let mut rest = segment;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let other = rest.chars().take_while(|c| !c.is_ascii_digit()).map(char::len_utf8).sum();
        let (piece, behind) = rest.split_at(digits.max(other));
        if digits > DIGITS {
            out.push_str(&"1".repeat(digits));
        } else {
            out.push_str(piece);
        }
        rest = behind;
    }
    out
}

fn fill_json(body: &mut [u8]) {
    let mark = body.strip_prefix(b"\xEF\xBB\xBF").map_or(0, |_| 3);
    Filler::new().fill(body.split_at_mut(mark).1);
}

/// The fields of a form; of files there is only the name of their field.
fn form(mut multipart: Multipart, body: &[u8]) -> Value {
    let mut fields = Fields::default();
    // What a broken form held before its flaw is good enough to be shown.
    let _ = multipart.push(body, &mut fields);
    fields.end();
    let mut form = fields.form;
    form.insert("_multipart".to_owned(), Value::Bool(true));
    Value::Object(form)
}

#[derive(Default)]
struct Fields {
    form: Map<String, Value>,
    name: Option<String>,
    holds: Vec<u8>,
}

impl Parts for Fields {
    fn part(&mut self, name: &[u8], is_file: bool) {
        self.holds.clear();
        let name = std::str::from_utf8(name).ok().filter(|name| words::is_name(name.as_bytes()));
        self.name = name.map(str::to_owned);
        if is_file && let Some(name) = self.name.take() {
            self.form.insert(name, Value::from("x"));
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        let free = FIELD.saturating_sub(self.holds.len());
        self.holds.extend_from_slice(bytes.get(..free).unwrap_or(bytes));
    }

    fn end(&mut self) {
        let Some(name) = self.name.take() else { return };
        let keep = words::Keep::under(name.as_bytes());
        let text = String::from_utf8_lossy(&self.holds);
        let said = match &*text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if keep.keeps(text.as_bytes()) => Value::from(text.as_ref()),
            _ => match text.parse::<u64>() {
                Ok(figure) if keep.keeps_figures() => Value::from(figure),
                _ => Value::from("x".repeat(text.len())),
            },
        };
        self.form.insert(name, said);
    }
}

#[cfg(test)]
mod tests;

//! Fills streams of events in place.

use super::json::Filler;
use super::text;
use super::words::is_name;

const MARK: &[u8] = b"\xEF\xBB\xBF";
const DONE: &[u8] = b"[DONE]";

/// Fields of an event and what begins a comment.
const FIELDS: &[&[u8]] = &[b"data:", b"event:", b"id:", b"retry:", b":"];

/// Whether a body begins as a stream of server-sent events does.
pub(super) fn looks_like_sse(body: &[u8]) -> bool {
    let body = body.strip_prefix(MARK).unwrap_or(body).trim_ascii_start();
    FIELDS.iter().any(|field| body.starts_with(field))
}

/// Fills server-sent events.
pub(super) fn fill_sse(body: &mut [u8]) {
    let mark = if body.starts_with(MARK) { MARK.len() } else { 0 };
    let mut filler = Filler::new();
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let mut ends_with_cr = false;
    for line in body.split_at_mut(mark).1.split_inclusive_mut(is_end) {
        let length = line.len() - usize::from(line.last().is_some_and(is_end));
        let cr = line.last() == Some(&b'\r');
        let (line, _) = line.split_at_mut(length);
        // The LF of a CRLF is no line of its own.
        let belongs = ends_with_cr && !cr;
        if line.is_empty() && !belongs {
            filler.reset();
        }
        ends_with_cr = cr;
        fill_field(line, &mut filler);
    }
}

fn fill_field(line: &mut [u8], filler: &mut Filler) {
    let colon = memchr::memchr(b':', line).map_or(line.len(), |at| at + 1);
    let (field, value) = line.split_at_mut(colon);
    let space = usize::from(value.first() == Some(&b' '));
    let (_, value) = value.split_at_mut(space);
    match &*field {
        b"data:" if value == DONE => {}
        b"data:" if filler.is_within() || matches!(value.first(), Some(b'{' | b'[')) => {
            filler.fill(value);
        }
        b"event:" if is_name(value) => {}
        b"retry:" if value.iter().all(u8::is_ascii_digit) => {}
        b"data" | b"event" | b"id" | b"retry" => {}
        b"data:" | b"event:" | b"id:" | b"retry:" | b":" => text::plain(value),
        _ => text::plain(line),
    }
}

/// Fills NDJSON.
pub(super) fn fill_lines(body: &mut [u8]) {
    let mut filler = Filler::new();
    for line in body.split_inclusive_mut(|&byte| byte == b'\n') {
        filler.reset();
        filler.fill(line);
    }
}

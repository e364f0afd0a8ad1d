//! Fills AWS event streams in place; checksums are made to hold where they held.

use super::json::Filler;
use super::text;
use super::words::is_name;
use crate::framing::base64;
use std::ops::Range;

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// The key under which what a model wrote is wrapped in base64.
const WRAPPED: &[u8] = b"\"bytes\"";

/// The headers that say what a message is.
const NAMES: &[&[u8]] = &[b":message-type", b":event-type", b":exception-type", b":content-type"];

/// Fills a stream.
pub(super) fn fill(body: &mut [u8]) {
    let mut filler = Filler::new();
    let mut rest = body;
    while !rest.is_empty() {
        let Some((length, headers)) = lengths(rest) else {
            text::plain(rest);
            return;
        };
        let (message, after) = rest.split_at_mut(length.min(rest.len()));
        fill_message(message, length, headers, &mut filler);
        rest = after;
    }
}

/// How long a message and its headers are, where that makes sense.
fn lengths(message: &[u8]) -> Option<(usize, usize)> {
    let number = |at: usize| {
        let bytes = message.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    };
    let (total, headers, sum) = (number(0)?, number(4)?, number(8)?);
    let agrees = usize::try_from(crc32fast::hash(message.get(..8)?)) == Ok(sum);
    let fits = headers.checked_add(PRELUDE + CHECKSUM).is_some_and(|around| around <= total);
    (agrees && fits).then_some((total, headers))
}

fn fill_message(message: &mut [u8], length: usize, headers: usize, filler: &mut Filler) {
    let whole = message.len() == length;
    let end = if whole { length - CHECKSUM } else { message.len() };
    let (said, checksum) = message.split_at_mut(end);
    let before = crc32fast::hash(said);
    let (around, payload) = said.split_at_mut((PRELUDE + headers).min(said.len()));
    fill_headers(around.split_at_mut(PRELUDE.min(around.len())).1);
    fill_payload(payload, filler);
    let after = crc32fast::hash(said);
    // A checksum that was wrong stays as wrong.
    for (at, (old, new)) in before.to_be_bytes().into_iter().zip(after.to_be_bytes()).enumerate() {
        if let Some(byte) = checksum.get_mut(at) {
            *byte ^= old ^ new;
        }
    }
}

/// Fills the values of headers that do not say what a message is; the form is that of
/// [`crate::framing::eventstream`], and what is not a string is filled to the end.
fn fill_headers(headers: &mut [u8]) {
    let mut rest = headers;
    while let Some((&mut length, behind)) = rest.split_first_mut() {
        let length = usize::from(length);
        if behind.len() < length + 3 {
            text::plain(behind);
            return;
        }
        let (name, behind) = behind.split_at_mut(length);
        let (kind, value) = behind.split_at_mut(3);
        let [7, a, b] = *kind else {
            text::plain(name);
            text::plain(kind);
            text::plain(value);
            return;
        };
        let length = usize::from(u16::from_be_bytes([a, b])).min(value.len());
        let (value, after) = value.split_at_mut(length);
        if !NAMES.contains(&&*name) || !is_name(value) {
            text::plain(value);
        }
        if !is_name(name) {
            text::plain(name);
        }
        rest = after;
    }
}

fn fill_payload(payload: &mut [u8], filler: &mut Filler) {
    let wrapped = wrapped(payload).and_then(|span| {
        let text = payload.get(span.clone())?;
        let mut said = base64::decode(std::str::from_utf8(text).ok()?)?;
        filler.reset();
        filler.fill(&mut said);
        Some((span, base64::encode(&said)))
    });
    filler.reset();
    filler.fill(payload);
    if let Some((span, coded)) = wrapped
        && let Some(slot) = payload.get_mut(span)
        && slot.len() == coded.len()
    {
        slot.copy_from_slice(coded.as_bytes());
    }
}

/// Where the text under the key stands.
fn wrapped(payload: &[u8]) -> Option<Range<usize>> {
    let rest = payload.get(memchr::memmem::find(payload, WRAPPED)? + WRAPPED.len()..)?;
    let text = rest.trim_ascii_start().strip_prefix(b":")?;
    let text = text.trim_ascii_start().strip_prefix(b"\"")?;
    let from = payload.len() - text.len();
    Some(from..from + memchr::memchr(b'"', text)?)
}

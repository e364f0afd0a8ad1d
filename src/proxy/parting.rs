//! The last words to the client of a stream that ends early, and where in the stream they may stand.
//!
//! Not here: what they say (`refusal`), and when a stream ends early (`answer`).
//!
//! Invariant: what is added stands between two events, never in one, so that clients read it.

use super::refusal;
use crate::dialect::{Framing, Operation};
use crate::ledger::LimitDenial;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// How the client of one stream is told of its early end.
#[derive(Debug)]
pub(super) struct Parting {
    operation: Operation,
    framing: Framing,
    place: Place,
}

/// Where in an event the stream stands.
#[derive(Debug)]
enum Place {
    /// Text: its last four bytes.
    Text([u8; 4]),
    /// Messages that begin with their length: what of that has come, how much, and what is left of
    /// the message.
    Messages { length: u32, known: u8, left: u32 },
}

impl Parting {
    /// For a stream of a form that events can be added to: `None` where it is compressed, binary or
    /// no stream.
    pub(super) fn of(operation: Operation, headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        let (framing, place) = match media_type(headers).as_str() {
            "text/event-stream" => (Framing::Sse, Place::Text(*b"\n\n\n\n")),
            "application/x-ndjson" => (Framing::Ndjson, Place::Text(*b"\n\n\n\n")),
            "application/vnd.amazon.eventstream" => {
                (Framing::Aws, Place::Messages { length: 0, known: 0, left: 0 })
            }
            _ => return None,
        };
        Some(Self { operation, framing, place })
    }

    /// That the provider broke off. A message of AWS's that it left unfinished cannot be followed by
    /// another.
    pub(super) fn broken_off(&self) -> Option<Bytes> {
        let may = self.framing != Framing::Aws || self.is_between();
        may.then(|| refusal::broken_off(self.operation, self.framing))
    }

    /// That a limit has no room for more of it.
    pub(super) fn exhausted(&self, denial: &LimitDenial) -> Bytes {
        refusal::exhausted(self.operation, self.framing, denial)
    }

    /// Whether what went by ends with an event.
    pub(super) fn is_between(&self) -> bool {
        match (&self.place, self.framing) {
            (Place::Text([.., last]), Framing::Ndjson) => *last == b'\n',
            (Place::Text(last), _) => {
                last.ends_with(b"\n\n") || last.ends_with(b"\r\n\r\n") || last.ends_with(b"\r\r")
            }
            (Place::Messages { known, .. }, _) => *known == 0,
        }
    }

    /// These bytes go by.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        let some = match self.place {
            Place::Text(_) => bytes.len().saturating_sub(4),
            Place::Messages { .. } => 0,
        };
        bytes.get(some..).unwrap_or_default().iter().for_each(|byte| self.step(*byte));
    }

    /// How many of these bytes are the rest of the event that has begun, if it ends in them.
    pub(super) fn rest_of_event(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            self.step(*byte);
            if self.is_between() {
                return Some(at + 1);
            }
        }
        None
    }

    fn step(&mut self, byte: u8) {
        match &mut self.place {
            Place::Text([first, second, third, last]) => {
                (*first, *second, *third, *last) = (*second, *third, *last, byte);
            }
            Place::Messages { length, known, left } if *known < 4 => {
                *length = *length << 8 | u32::from(byte);
                *known += 1;
                *left = length.saturating_sub(4).max(1);
            }
            Place::Messages { length, known, left } => {
                *left -= 1;
                if *left == 0 {
                    (*length, *known) = (0, 0);
                }
            }
        }
    }
}

/// The media type of an answer, without its parameters.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::eventstream::exception;
    use http::HeaderValue;

    fn parting(kind: &'static str) -> Parting {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Parting::of(Operation::OpenAiChat, &headers).unwrap()
    }

    #[track_caller]
    fn check(kind: &'static str, stream: &[u8], ends: &[usize]) {
        for cut in 0..=stream.len() {
            let (mut whole, mut bytewise) = (parting(kind), parting(kind));
            whole.pass(&stream[..cut]);
            stream[..cut].iter().for_each(|byte| bytewise.pass(&[*byte]));
            let between = cut == 0 || ends.contains(&cut);
            assert_eq!((whole.is_between(), bytewise.is_between()), (between, between), "{cut}");
            let next = ends.iter().find(|end| **end > cut).map(|end| end - cut);
            if !between {
                assert_eq!(whole.rest_of_event(&stream[cut..]), next, "{cut}");
            }
        }
    }

    #[test]
    fn events_end_where_their_form_says_so() {
        check("text/event-stream; charset=utf-8", b"data: {\"a\":1}\n\ndata: b\n\nda", &[15, 24]);
        check("text/event-stream", b"data: a\r\n\r\n: c\r\n\r\n", &[11, 18]);
        check("application/x-ndjson", b"{\"a\":1}\n{}\n{", &[8, 11]);
        let message = exception("x", "{}");
        let (one, two) = (message.len(), 2 * message.len());
        let stream = [&message[..], &message, &message[..5]].concat();
        check("application/vnd.amazon.eventstream", &stream, &[one, two]);
    }

    #[test]
    fn a_message_of_no_length_is_no_endless_one() {
        let mut broken = parting("application/vnd.amazon.eventstream");
        broken.pass(&[0; 64]);
        assert_eq!(broken.rest_of_event(&[0; 64]), Some(1));
    }

    #[test]
    fn what_is_compressed_or_no_stream_gets_no_words() {
        let of = |pairs: &[(http::HeaderName, &'static str)]| {
            let pairs = pairs.iter().map(|(n, v)| (n.clone(), HeaderValue::from_static(v)));
            Parting::of(Operation::OpenAiChat, &HeaderMap::from_iter(pairs)).is_some()
        };
        assert!(of(&[(CONTENT_TYPE, "text/event-stream")]));
        assert!(!of(&[(CONTENT_TYPE, "text/event-stream"), (CONTENT_ENCODING, "gzip")]));
        assert!(!of(&[(CONTENT_TYPE, "application/json")]));
        assert!(!of(&[]));
    }
}

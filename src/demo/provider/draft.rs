//! The bytes of an answer and the places where one event ends and the next begins. One buffer
//! holds all of it; events are slices. Knows nothing of HTTP.

use bytes::Bytes;
use std::fmt;

/// What ends the streams of chat and completions.
const DONE: &str = "data: [DONE]\n\n";

/// An answer, written out.
#[derive(Debug, Default)]
pub(super) struct Draft {
    text: Text,
    events: Vec<Event>,
}

/// The bytes of a draft, most of them text.
#[derive(Debug, Default)]
pub(super) struct Text(Vec<u8>);

impl Text {
    /// Adds text.
    pub(super) fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Adds bytes.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Event {
    end: usize,
    generated: u64,
}

impl Draft {
    /// An empty draft with room for `events` events.
    pub(super) fn with_room(events: usize) -> Self {
        Self {
            text: Text(Vec::with_capacity(events.saturating_mul(320))),
            events: Vec::with_capacity(events),
        }
    }

    /// One whole body, which is all that was generated.
    pub(super) fn whole(body: impl Into<Vec<u8>>, generated: u64) -> Self {
        let body = body.into();
        let end = body.len();
        Self { text: Text(body), events: vec![Event { end, generated }] }
    }

    /// The text of the event being written.
    pub(super) fn text(&mut self) -> &mut Text {
        &mut self.text
    }

    /// The event ends here; so many parts of the answer exist by now.
    pub(super) fn end_event(&mut self, generated: u64) {
        self.events.push(Event { end: self.text.0.len(), generated });
    }

    /// How many events there are so far.
    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    /// Ends the stream with `[DONE]`.
    pub(super) fn done(&mut self, generated: u64) {
        self.text.push_str(DONE);
        self.end_event(generated);
    }

    /// Cuts one whole body into `pieces` of about the same length.
    #[must_use]
    pub(super) fn in_pieces(mut self, pieces: usize) -> Self {
        let generated = self.events.last().map_or(0, |last| last.generated);
        let length = self.text.0.len();
        let share = length.checked_div(pieces).unwrap_or(length).max(1);
        let ends = (1..pieces).map(|i| i * share).filter(|end| *end < length);
        self.events = ends.chain([length]).map(|end| Event { end, generated }).collect();
        self
    }

    /// Cut into frames of 1 to `longest` bytes, at places that follow from `seed`.
    #[must_use]
    pub(super) fn split(mut self, longest: usize, seed: u32) -> Self {
        let mut frames = Vec::new();
        let mut start = 0;
        let mut before = 0;
        let mut state = seed | 1;
        for event in &self.events {
            while start < event.end {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let draw = usize::try_from(state >> 8).unwrap_or(0);
                start = (start + 1 + draw % longest.max(1)).min(event.end);
                let generated = if start == event.end { event.generated } else { before };
                frames.push(Event { end: start, generated });
            }
            before = event.generated;
        }
        self.events = frames;
        self
    }

    /// Only the first `events` events, then `error`.
    #[must_use]
    pub(super) fn broken_by(mut self, events: usize, error: &[u8]) -> Self {
        self.events.truncate(events);
        let last = self.events.last().copied().unwrap_or(Event { end: 0, generated: 0 });
        self.text.0.truncate(last.end);
        self.text.push_bytes(error);
        self.end_event(last.generated);
        self
    }

    /// The finished answer.
    pub(super) fn finish(self) -> Pages {
        Pages { bytes: Bytes::from(self.text.0), events: self.events, next: 0, start: 0 }
    }
}

/// An answer on its way out, event by event.
#[derive(Debug)]
pub(super) struct Pages {
    bytes: Bytes,
    events: Vec<Event>,
    next: usize,
    start: usize,
}

impl Pages {
    /// How many events went out.
    pub(super) fn sent(&self) -> usize {
        self.next
    }

    /// Nothing is left.
    pub(super) fn at_end(&self) -> bool {
        self.next == self.events.len()
    }

    /// Bytes that are left.
    pub(super) fn remaining(&self) -> u64 {
        u64::try_from(self.bytes.len().saturating_sub(self.start)).unwrap_or(u64::MAX)
    }
}

/// The next event and how many parts of the answer exist with it.
impl Iterator for Pages {
    type Item = (Bytes, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let event = *self.events.get(self.next)?;
        let bytes = self.bytes.slice(self.start..event.end);
        self.start = event.end;
        self.next += 1;
        Some((bytes, event.generated))
    }
}

/// The text as a JSON string, quotes included.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole() {
        for pieces in [0, 1, 2, 3, 7, 100] {
            let pages = Draft::whole("0123456789".to_owned(), 4).in_pieces(pieces).finish();
            let sent: Vec<_> = pages.collect();
            assert!(sent.iter().all(|(bytes, generated)| !bytes.is_empty() && *generated == 4));
            assert_eq!(sent.iter().flat_map(|(b, _)| b.to_vec()).count(), 10);
            assert_eq!(sent.len(), pieces.clamp(1, 10), "{pieces}");
        }
    }

    #[test]
    fn frames_fall_anywhere_and_are_the_whole() {
        for longest in [1, 2, 5, 1000] {
            let mut draft = Draft::default();
            for (event, generated) in [("data: one", 1), ("data: two", 2)] {
                draft.text().push_str(event);
                draft.end_event(generated);
            }
            let sent: Vec<_> = draft.split(longest, 7).finish().collect();
            assert!(sent.iter().all(|(b, _)| (1..=longest).contains(&b.len())));
            let whole: Vec<u8> = sent.iter().flat_map(|(b, _)| b.to_vec()).collect();
            assert_eq!(whole, b"data: onedata: two");
            assert_eq!(sent.last().unwrap().1, 2);
        }
    }

    #[test]
    fn an_error_replaces_the_rest() {
        let mut draft = Draft::default();
        for (event, generated) in [("a", 0), ("b", 1), ("c", 2)] {
            draft.text().push_str(event);
            draft.end_event(generated);
        }
        let sent: Vec<_> = draft.broken_by(2, b"!").finish().collect();
        let expected =
            [("a", 0), ("b", 1), ("!", 1)].map(|(b, n)| (Bytes::from_static(b.as_bytes()), n));
        assert_eq!(sent, expected);
    }
}

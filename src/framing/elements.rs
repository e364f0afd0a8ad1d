//! A JSON array that comes in pieces (`[object`, `,object`, `]`): each of its elements is an event.
//!
//! An element is dispatched with exactly its bytes as soon as it ends, without collecting it.
//! Brackets are counted, not matched, so depth costs nothing; whether an element is JSON is for
//! its reader to say. Bytes that are no array give nothing.

use super::{Events, offset};

/// Where in the array the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// Before the array.
    Before,
    /// In the array, outside its elements.
    Between,
    /// In an object or array that is an element, so many brackets deep.
    Nested(u64),
    /// In a string, so many brackets deep.
    Text(u64),
    /// Behind a backslash in such a string.
    Escape(u64),
    /// In a number, `true`, `false` or `null`.
    Plain,
    /// Behind the array.
    Closed,
    /// This is no array.
    Alien,
}

/// Reads one array.
#[derive(Debug)]
pub struct Elements {
    spot: Spot,
    at: u64,
}

impl Elements {
    /// A reader at the start of a body.
    pub const fn new() -> Self {
        Self { spot: Spot::Before, at: 0 }
    }

    /// Whether the array has ended.
    pub fn is_closed(&self) -> bool {
        self.spot == Spot::Closed
    }

    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8], events: &mut impl Events) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let read = match self.spot {
                Spot::Before | Spot::Between => self.outside(rest),
                Spot::Closed | Spot::Alien => rest.len(),
                _ => self.element(rest, events),
            };
            self.at = self.at.saturating_add(offset(read));
            rest = rest.get(read..).unwrap_or_default();
        }
    }

    /// The body ended: an element that has not is never dispatched. Nothing is left to be told, and
    /// the parameter is there only to be called like the other framings.
    pub fn finish(&mut self, _: &mut impl Events) {
        if !self.is_closed() {
            self.spot = Spot::Alien;
        }
    }

    /// Passes over what is no element; gives how many bytes that was.
    fn outside(&mut self, rest: &[u8]) -> usize {
        for (index, &byte) in rest.iter().enumerate() {
            self.spot = match (self.spot, byte) {
                (_, b' ' | b'\t' | b'\r' | b'\n') => continue,
                (Spot::Before, 0xEF | 0xBB | 0xBF) | (Spot::Between, b',') => continue,
                (Spot::Before, b'[') => Spot::Between,
                (Spot::Between, b']') => Spot::Closed,
                (Spot::Between, b'{' | b'[' | b'"') => Spot::Nested(0),
                (Spot::Between, _) => Spot::Plain,
                _ => Spot::Alien,
            };
            if self.spot != Spot::Between {
                return index;
            }
        }
        rest.len()
    }

    /// Hands on what belongs to the element; gives how many bytes that was.
    fn element(&mut self, rest: &[u8], events: &mut impl Events) -> usize {
        let mut length = 0;
        while self.is_within()
            && let Some(left) = rest.get(length..)
            && !left.is_empty()
        {
            length += self.step(left);
        }
        if let Some(said) = rest.get(..length)
            && !said.is_empty()
        {
            events.data(said, self.at);
        }
        if !self.is_within() {
            events.dispatch();
        }
        length
    }

    fn is_within(&self) -> bool {
        self.spot != Spot::Between
    }

    /// Reads on in an element up to where something changes; gives how many bytes that was.
    fn step(&mut self, rest: &[u8]) -> usize {
        match self.spot {
            Spot::Nested(depth) => self.nested(depth, rest),
            Spot::Text(depth) => {
                let Some(stop) = memchr::memchr2(b'"', b'\\', rest) else { return rest.len() };
                self.spot = match (rest.get(stop), depth) {
                    (Some(b'\\'), _) => Spot::Escape(depth),
                    (_, 0) => Spot::Between,
                    _ => Spot::Nested(depth),
                };
                stop + 1
            }
            Spot::Escape(depth) => {
                self.spot = Spot::Text(depth);
                1
            }
            _ => {
                let ends = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']');
                let Some(end) = rest.iter().position(ends) else { return rest.len() };
                self.spot = Spot::Between;
                end
            }
        }
    }

    fn nested(&mut self, depth: u64, rest: &[u8]) -> usize {
        let mut depth = depth;
        for (index, &byte) in rest.iter().enumerate() {
            match byte {
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' if depth <= 1 => {
                    self.spot = Spot::Between;
                    return index + 1;
                }
                b'}' | b']' => depth -= 1,
                b'"' => {
                    self.spot = Spot::Text(depth);
                    return index + 1;
                }
                _ => {}
            }
        }
        self.spot = Spot::Nested(depth);
        rest.len()
    }
}

impl Default for Elements {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::{Log, any_cuts, divide, every_way, words};
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> (Log, bool) {
        let (mut elements, mut log) = (Elements::new(), Log::default());
        for piece in pieces {
            elements.push(piece, &mut log);
        }
        elements.finish(&mut log);
        (log, elements.is_closed())
    }

    fn check(text: &str, events: &[&str], closed: bool) {
        let (log, is_closed) = every_way(text.as_bytes(), read);
        assert_eq!(log.events, events, "{text:?}");
        assert_eq!(is_closed, closed, "{text:?}");
        for (event, start) in log.events.iter().zip(log.starts) {
            let start = usize::try_from(start).unwrap();
            assert!(text[start..].starts_with(event), "{text:?}: {event:?} begins at {start}");
        }
    }

    #[test]
    fn each_element_is_an_event() {
        check("[]", &[], true);
        check(" [ ] ", &[], true);
        check("[{\"a\":1},{\"b\":[2,{}]}]", &["{\"a\":1}", "{\"b\":[2,{}]}"], true);
        check("\u{FEFF}[{\"a\":1}\r\n,\r\n{}\r\n]\r\n", &["{\"a\":1}", "{}"], true);
        check("[1, -2.5e3 ,true,null]", &["1", "-2.5e3", "true", "null"], true);
        check("[[1,2],\"a\",[[]]]", &["[1,2]", "\"a\"", "[[]]"], true);
    }

    #[test]
    fn strings_do_not_confuse() {
        check(r#"[{"a":"]},{[","b":"\"]}"},{}]"#, &[r#"{"a":"]},{[","b":"\"]}"}"#, "{}"], true);
        check(r#"["\\",{"\\\"":"\\"}]"#, &[r#""\\""#, r#"{"\\\"":"\\"}"#], true);
        check(r#"["],[","\"",""]"#, &[r#""],[""#, r#""\"""#, r#""""#], true);
    }

    #[test]
    fn what_is_cut_off_is_not_dispatched() {
        check("", &[], false);
        check("[", &[], false);
        check("[{\"a\":1}", &["{\"a\":1}"], false);
        check("[{\"a\":1},", &["{\"a\":1}"], false);
        check("[{\"a\":1},{\"b\":\"", &["{\"a\":1}"], false);
        check("[12", &[], false);
    }

    #[test]
    fn what_is_no_array_gives_nothing() {
        check("{\"a\":[1,2]}", &[], false);
        check("data: [1]", &[], false);
        check("\"[1]\"", &[], false);
        check("[1] [2]", &["1"], true);
    }

    #[test]
    fn depth_costs_nothing() {
        let (mut elements, mut log) = (Elements::new(), Log::default());
        elements.push(b"[", &mut log);
        for bracket in [b'[', b']'] {
            for _ in 0..100 {
                elements.push(&[bracket; 10_000], &mut log);
            }
        }
        elements.push(b"]", &mut log);
        assert_eq!((log.events.len(), elements.is_closed()), (1, true));
        assert_eq!(log.events[0].len(), 2_000_000);
    }

    proptest! {
        #[test]
        fn any_division_reads_the_same(
            bytes in words(&["[", "]", "{", "}", ",", ":", "\"", "\\", " ", "1", "\"]\"", "null"]),
            cuts in any_cuts(),
        ) {
            let bytes = [b"[", &bytes[..]].concat();
            prop_assert_eq!(read(&divide(&bytes, &cuts)), read(&[&bytes]));
        }

        #[test]
        fn agrees_with_serde_json(
            elements in prop::collection::vec((any::<Option<i64>>(), "[\\[\\]{},\"\\\\a]{0,9}"), 0..8),
            pretty in any::<bool>(),
            cuts in any_cuts(),
        ) {
            let values: Vec<_> = elements.iter().map(|e| serde_json::json!({"n": e.0, "s": [e.1]})).collect();
            let array = serde_json::Value::from(values.clone());
            let text = if pretty { format!("{array:#}") } else { array.to_string() };
            let (log, closed) = read(&divide(text.as_bytes(), &cuts));
            let found: Vec<serde_json::Value> =
                log.events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
            prop_assert_eq!((found, closed), (values, true));
        }
    }
}

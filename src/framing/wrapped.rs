//! The string under the key `bytes` of an object, decoded from base64 as it comes.
//!
//! So Bedrock wraps what a model streams: `{"bytes":"eyJ0…","p":"abc"}`. The order of the keys is
//! free, and only a key of the object itself counts. Everything else is passed over, however long
//! or deep; the first such string is the one.

use super::base64::Base64;

const KEY: &[u8] = b"bytes";

/// Where in the object the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// Before the object.
    Before,
    /// Outside strings.
    Open,
    /// In a key of the object itself: so many bytes agree with the one that is looked for, or none.
    Key(Option<usize>),
    /// In another string.
    Text,
    /// In the string that is looked for.
    Value,
    /// Behind it, or behind what is no such object.
    Done,
}

/// Reads one object.
#[derive(Debug)]
pub struct Wrapped {
    spot: Spot,
    /// How many brackets are open.
    depth: u64,
    /// A backslash came last, in a string.
    escaped: bool,
    /// A string here would be a key.
    before_key: bool,
    /// The last key of the object itself was the one.
    found: bool,
    base64: Base64,
    whole: bool,
}

impl Wrapped {
    /// A reader at the start of an object.
    pub const fn new() -> Self {
        Self {
            spot: Spot::Before,
            depth: 0,
            escaped: false,
            before_key: true,
            found: false,
            base64: Base64::new(),
            whole: false,
        }
    }

    /// The next bytes; what the string decodes to is handed on in small pieces.
    pub fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let read = match self.spot {
                Spot::Before | Spot::Open => {
                    self.outside(byte);
                    1
                }
                Spot::Key(matched) => {
                    self.key(matched, byte);
                    1
                }
                Spot::Text | Spot::Value => self.text(rest, out),
                Spot::Done => return,
            };
            rest = rest.get(read..).unwrap_or_default();
        }
    }

    /// Whether the string was there, ended, and was base64 throughout.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' if self.spot == Spot::Before => {
                self.spot = Spot::Open;
                self.depth = 1;
            }
            _ if self.spot == Spot::Before => self.spot = Spot::Done,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' if self.depth <= 1 => self.spot = Spot::Done,
            b'}' | b']' => self.depth -= 1,
            b'"' => {
                self.spot = match self.depth {
                    1 if self.before_key => Spot::Key(Some(0)),
                    1 if self.found => Spot::Value,
                    _ => Spot::Text,
                }
            }
            b':' if self.depth == 1 => self.before_key = false,
            b',' if self.depth == 1 => self.before_key = true,
            _ => {}
        }
    }

    fn key(&mut self, matched: Option<usize>, byte: u8) {
        let ends = byte == b'"' && !self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
        self.spot = match matched {
            _ if ends => {
                self.found = matched == Some(KEY.len());
                Spot::Open
            }
            Some(at) if KEY.get(at) == Some(&byte) => Spot::Key(Some(at + 1)),
            _ => Spot::Key(None),
        };
    }

    /// Reads on in a string up to a backslash or its end; gives how many bytes that was.
    fn text(&mut self, rest: &[u8], out: &mut impl FnMut(&[u8])) -> usize {
        let escaped = usize::from(std::mem::take(&mut self.escaped));
        let behind = rest.get(escaped..).unwrap_or_default();
        let stop = memchr::memchr2(b'"', b'\\', behind).map(|stop| stop + escaped);
        let (piece, stop) = rest.split_at(stop.unwrap_or(rest.len()));
        let ends = stop.first() == Some(&b'"');
        self.escaped = stop.first() == Some(&b'\\');
        if self.spot == Spot::Value {
            self.base64.push(piece, out);
            if self.escaped {
                self.base64.push(b"\\", out);
            }
            self.whole = ends && self.base64.is_whole();
        }
        if ends {
            self.spot = if self.spot == Spot::Value { Spot::Done } else { Spot::Open };
        }
        piece.len() + usize::from(!stop.is_empty())
    }
}

impl Default for Wrapped {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::{any_cuts, divide, every_way, words};
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let (mut wrapped, mut bytes) = (Wrapped::new(), Vec::new());
        for piece in pieces {
            wrapped.push(piece, &mut |piece| bytes.extend_from_slice(piece));
        }
        (bytes, wrapped.is_whole())
    }

    fn check(text: &str, bytes: &str, whole: bool) {
        let found = every_way(text.as_bytes(), read);
        assert_eq!((String::from_utf8_lossy(&found.0).as_ref(), found.1), (bytes, whole), "{text}");
    }

    #[test]
    fn finds_the_string() {
        check(r#"{"bytes":"aGkhaGkh","p":"abc"}"#, "hi!hi!", true);
        check(r#"{"p":"abc","bytes":"aGkh"}"#, "hi!", true);
        check(" { \"n\" : [1, {\"a\":true}],\n \"bytes\" : \"aGkhaA==\" } ", "hi!h", true);
        check(r#"{"bytes":"\/+8A"}"#, "\u{FFFD}\u{FFFD}\0", true);
        check(r#"{"bytes":""}"#, "", true);
    }

    #[test]
    fn is_not_misled() {
        check(r#"{"p":"\"bytes\":\"aGkh\"","bytes":"aGkh"}"#, "hi!", true);
        check(r#"{"p":"bytes","q":"aaaa","bytes":"aGkh"}"#, "hi!", true);
        check(r#"{"a":{"bytes":"aaaa"},"b":["bytes","aaaa"],"bytes":"aGkh"}"#, "hi!", true);
        check(r#"{"byte":"aaaa","bytess":"aaaa","xbytes":"aaaa","by\"tes":"aaaa"}"#, "", false);
        check(r#"{"p":"\\","bytes":"aGkh"}"#, "hi!", true);
        check(r#"{"bytes":null,"p":"aGkh"}"#, "", false);
        check(r#"{"bytes":{"a":"aaaa"},"p":["aaaa"]}"#, "", false);
        check(r#"{"bytes":"aGkh","bytes":"aaaa"}"#, "hi!", true);
        check(r#"["bytes","aGkh"]"#, "", false);
        check(r#""bytes":"aGkh""#, "", false);
        check(r#"{}{"bytes":"aGkh"}"#, "", false);
    }

    #[test]
    fn says_when_it_is_not_whole() {
        check("", "", false);
        check(r#"{"bytes":"aGkh"#, "hi!", false);
        check(r#"{"bytes":"aGkha"}"#, "hi!", false);
        check(r#"{"bytes":"aGkh?aGkh"}"#, "hi!", false);
        check(r#"{"bytes":"aGkh\"}"#, "hi!", false);
    }

    #[test]
    fn depth_costs_nothing() {
        let mut wrapped = Wrapped::new();
        let mut none = |_: &[u8]| panic!("nothing is wrapped");
        wrapped.push(b"{\"a\":", &mut none);
        for _ in 0..100 {
            wrapped.push(&[b'['; 10_000], &mut none);
        }
        wrapped.push(b"\"bytes\":\"aGkh\"", &mut none);
        assert!(!wrapped.is_whole());
    }

    proptest! {
        #[test]
        fn any_division_reads_the_same(
            bytes in words(&["{", "}", "[", "]", ":", ",", "\"", "\"bytes\":", "\"aGkh\"", "\\", "bytes"]),
            cuts in any_cuts(),
        ) {
            let bytes = [b"{", &bytes[..]].concat();
            prop_assert_eq!(read(&divide(&bytes, &cuts)), read(&[&bytes]));
        }
    }
}

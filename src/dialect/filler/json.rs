//! Fills JSON in place.
//!
//! Every text becomes filler unless its key may keep it. It may be shown in pieces, as the lines of
//! an event are. Where it stops being JSON, everything is filled up to the next document.

use super::text::{self, Ids};
use super::words::{Keep, is_made_up, is_name};

/// How deep a document may be.
const DEPTH: usize = 512;

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    /// This is not JSON.
    Lost,
}

/// Who made what is in an object or array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    ByProvider,
    /// Pairs of a user's, among which a provider may put figures.
    Noted,
    ByUser,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    object: bool,
    made: Made,
    /// It says how sound goes in and out.
    sound: bool,
    /// What may be kept in an array.
    keep: Keep,
}

/// Fills documents.
#[derive(Debug)]
pub(super) struct Filler {
    levels: Vec<Level>,
    next: Next,
    /// What may be kept under the last key, and what its object or array would be.
    keep: Keep,
    key: Vec<u8>,
    /// A piece ended in a string.
    in_text: bool,
    ids: Ids,
}

impl Filler {
    pub(super) fn new() -> Self {
        Self {
            levels: Vec::new(),
            next: Next::Value,
            keep: Keep::Nothing,
            key: Vec::new(),
            in_text: false,
            ids: Ids::default(),
        }
    }

    /// A new document begins.
    pub(super) fn reset(&mut self) {
        self.levels.clear();
        self.next = Next::Value;
        self.keep = Keep::Nothing;
        self.in_text = false;
    }

    /// Whether a document has begun and not ended.
    pub(super) fn is_within(&self) -> bool {
        !self.levels.is_empty() || self.in_text || self.next == Next::Lost
    }

    /// Fills the next piece.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = self.step(rest).clamp(1, rest.len());
            rest = rest.split_at_mut(length).1;
        }
    }

    /// Fills at least one byte; gives how many.
    fn step(&mut self, rest: &mut [u8]) -> usize {
        if self.in_text {
            return self.rest_of_text(rest);
        }
        let first = rest.first().copied().unwrap_or_default();
        match (first, self.next) {
            (_, Next::Lost) => {
                text::plain(rest);
                rest.len()
            }
            (b' ' | b'\t' | b'\r' | b'\n', _) => 1,
            (b'"', Next::Key | Next::KeyOrEnd) => self.key(rest),
            (b'"', Next::Value | Next::ValueOrEnd) => self.text(rest),
            (b'{' | b'[', Next::Value | Next::ValueOrEnd) => self.open(first == b'{'),
            (b'}', Next::KeyOrEnd | Next::CommaOrEnd) => self.close(true),
            (b']', Next::ValueOrEnd | Next::CommaOrEnd) => self.close(false),
            (b':', Next::Colon) => self.then(Next::Value),
            (b',', Next::CommaOrEnd) => {
                let object = self.levels.last().is_some_and(|level| level.object);
                self.then(if object { Next::Key } else { Next::Value })
            }
            (b'-' | b'0'..=b'9', Next::Value | Next::ValueOrEnd) => self.number(rest),
            (b't' | b'f' | b'n', Next::Value | Next::ValueOrEnd) => self.literal(rest),
            _ => self.lost(rest),
        }
    }

    fn then(&mut self, next: Next) -> usize {
        self.next = next;
        1
    }

    fn lost(&mut self, rest: &mut [u8]) -> usize {
        self.next = Next::Lost;
        text::plain(rest);
        rest.len()
    }

    fn made(&self) -> Made {
        self.levels.last().map_or(Made::ByProvider, |level| level.made)
    }

    /// What may be kept of the value that comes.
    fn kept(&self) -> Keep {
        match self.levels.last() {
            Some(level) if level.made == Made::ByUser => Keep::Nothing,
            Some(level) if !level.object => level.keep,
            _ => self.keep,
        }
    }

    fn open(&mut self, object: bool) -> usize {
        if self.levels.len() >= DEPTH {
            self.next = Next::Lost;
            return 1;
        }
        let keyed = self.levels.last().is_some_and(|level| level.object);
        let of_sound = self.levels.last().is_some_and(|level| level.sound);
        let made = match self.made() {
            Made::ByUser => Made::ByUser,
            Made::ByProvider if of_sound => Made::ByProvider,
            _ if keyed && is_made_up(&self.key, object) => Made::ByUser,
            _ if keyed && self.key == b"metadata" => Made::Noted,
            made => made,
        };
        let sound = keyed && self.key == b"audio";
        self.levels.push(Level { object, made, sound, keep: self.kept() });
        self.key.clear();
        self.then(if object { Next::KeyOrEnd } else { Next::ValueOrEnd })
    }

    fn close(&mut self, object: bool) -> usize {
        if self.levels.pop().is_none_or(|level| level.object != object) {
            return self.then(Next::Lost);
        }
        self.key.clear();
        self.end_value();
        1
    }

    fn end_value(&mut self) {
        self.next = Next::CommaOrEnd;
        if self.levels.is_empty() {
            self.next = Next::Value;
            self.keep = Keep::Nothing;
        }
    }

    fn key(&mut self, rest: &mut [u8]) -> usize {
        let Some((inside, behind)) = inside(rest) else { return self.begin_text(rest) };
        let is_text = behind.trim_ascii_start().strip_prefix(b":");
        let is_text = is_text.is_some_and(|value| value.trim_ascii_start().starts_with(b"\""));
        let private = match self.made() {
            Made::ByUser => true,
            Made::Noted => is_text,
            Made::ByProvider => false,
        };
        let length = inside.len() + 2;
        self.key.clear();
        if private || !is_name(inside) {
            text::string(inside);
            self.keep = Keep::Nothing;
        } else {
            self.key.extend_from_slice(inside);
            self.keep = Keep::under(inside);
        }
        self.next = Next::Colon;
        length
    }

    fn text(&mut self, rest: &mut [u8]) -> usize {
        let keep = self.kept();
        let Some((inside, _)) = inside(rest) else { return self.begin_text(rest) };
        match keep {
            Keep::Id => self.ids.fill(inside),
            keep if keep.keeps(inside) => {}
            _ => text::string(inside),
        }
        let length = inside.len() + 2;
        self.end_value();
        length
    }

    /// A string that does not end in this piece.
    fn begin_text(&mut self, rest: &mut [u8]) -> usize {
        text::string(rest.get_mut(1..).unwrap_or_default());
        self.in_text = true;
        rest.len()
    }

    fn rest_of_text(&mut self, rest: &mut [u8]) -> usize {
        let Some(end) = text_end(rest) else {
            text::string(rest);
            return rest.len();
        };
        text::string(rest.get_mut(..end).unwrap_or_default());
        self.in_text = false;
        self.keep = Keep::Nothing;
        match self.next {
            Next::Key | Next::KeyOrEnd => self.next = Next::Colon,
            _ => self.end_value(),
        }
        end + 1
    }

    fn number(&mut self, rest: &mut [u8]) -> usize {
        let fits = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
        let length = rest.iter().position(|b| !fits(b)).unwrap_or(rest.len());
        let in_array = self.levels.last().is_some_and(|level| !level.object);
        if in_array || !self.kept().keeps_figures() {
            text::number(rest.get_mut(..length).unwrap_or_default());
        }
        self.end_value();
        length
    }

    fn literal(&mut self, rest: &mut [u8]) -> usize {
        let known = [&b"true"[..], b"false", b"null"];
        match known.iter().find(|word| rest.starts_with(word)) {
            Some(word) => {
                self.end_value();
                word.len()
            }
            None => self.lost(rest),
        }
    }
}

/// Where the string ends in whose inside `bytes` begin.
fn text_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

/// The inside of the string that begins here, and what is behind it.
fn inside(rest: &mut [u8]) -> Option<(&mut [u8], &[u8])> {
    let (_, text) = rest.split_at_mut_checked(1)?;
    let end = text_end(text)?;
    let (inside, behind) = text.split_at_mut(end);
    Some((inside, behind.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, filled: &str) {
        let mut bytes = text.as_bytes().to_vec();
        Filler::new().fill(&mut bytes);
        assert_eq!(String::from_utf8_lossy(&bytes), filled, "{text}");
    }

    #[test]
    fn texts_are_filled_and_figures_stay() {
        check(
            r#"{"id":"abcd","model":"gpt-5","choices":[{"message":{"role":"assistant","content":"Hi, \n you"}}]}"#,
            r#"{"id":"xxx1","model":"gpt-5","choices":[{"message":{"role":"assistant","content":"xxxx\nxxxx"}}]}"#,
        );
        check(
            r#"{"usage":{"prompt_tokens":12,"cost":"0.5","new":7,"note":"n 5"}}"#,
            r#"{"usage":{"prompt_tokens":12,"cost":"0.5","new":7,"note":"xxx"}}"#,
        );
        check(
            r#"{"error":{"message":"no","code":"rate limit"}}"#,
            r#"{"error":{"message":"xx","code":"xxxxxxxxxx"}}"#,
        );
    }

    #[test]
    fn what_a_user_made_up_is_filled_with_its_keys() {
        check(
            r#"{"type":"tool_use","input":{"city":"Oslo","type":"hot","n":42,"deep":[{"type":"a"}]}}"#,
            r#"{"type":"tool_use","input":{"xxxx":"xxxx","xxxx":"xxx","x":11,"xxxx":[{"xxxx":"x"}]}}"#,
        );
        check(
            r#"{"input":[{"type":"input_text","text":"a"}]}"#,
            r#"{"input":[{"type":"input_text","text":"x"}]}"#,
        );
        check(r#"{"metadata":{"who":"me","count":3}}"#, r#"{"metadata":{"xxx":"xx","count":3}}"#);
        check(r#"{"embedding":[0.25,-3e-7],"token":5}"#, r#"{"embedding":[1.11,-1e-1],"token":1}"#);
        check(r#"{"a b":1,"type":"two words"}"#, r#"{"xxx":1,"type":"xxxxxxxxx"}"#);
    }

    #[test]
    fn what_is_not_json_is_filled_to_its_end() {
        check(r#"{"type":oops,"type":"kept"}"#, r#"{"type":xxxxxxxxxxxxxxxxxxx"#);
        check(r#"{"type" "a"}"#, r#"{"type" xxxx"#);
        check(r#"{"content":"cut of"#, r#"{"content":"xxxxxx"#);
        check(r#"{"a":1]"#, r#"{"a":1]"#);
        check("{\"n\":1}\n{\"m\":2}", "{\"n\":1}\n{\"m\":2}");
        check("<html>", "xxxxxx");
        check("\"type\"", "\"xxxx\"");
    }

    #[test]
    fn a_text_may_come_in_pieces() {
        let (mut filler, mut a, mut b) =
            (Filler::new(), *br#"{"content":"one"#, *br#"two","type":"x"}"#);
        filler.fill(&mut a);
        filler.fill(&mut b);
        assert_eq!((&a, &b), (br#"{"content":"xxx"#, br#"xxx","type":"x"}"#));
        assert!(!filler.is_within());
    }
}

//! The scanner: a state machine over bytes.

use super::characters::Length;
use super::number::{self, Number};
use super::text::{Text, passable, plain};
use super::tree::{Place, Tree, Want};
use super::{Container, Flaw, FlawKind, MAX_DEPTH, Passed, Scalar, Sink};

/// Longest path of places that a tree may have.
const PATH: usize = 12;

/// What is expected next, or being read.
#[derive(Debug, Clone, Copy)]
enum State {
    Value,
    ElementOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
    Text { key: bool },
    Number(Number),
    Literal { word: Word, seen: u8 },
    Done,
}

/// A value that is written as a word.
#[derive(Debug, Clone, Copy)]
enum Word {
    True,
    False,
    Null,
}

impl Word {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::True => b"true",
            Self::False => b"false",
            Self::Null => b"null",
        }
    }

    const fn value(self) -> Scalar<'static> {
        match self {
            Self::True => Scalar::Bool(true),
            Self::False => Scalar::Bool(false),
            Self::Null => Scalar::Null,
        }
    }
}

/// Scans one document at a time.
#[derive(Debug)]
pub struct Scanner<T: 'static> {
    tree: &'static Tree<T>,
    state: State,
    /// The place of the value that comes next or is being read.
    place: Place,
    depth: usize,
    /// One bit per level: whether it is an array.
    arrays: [u64; MAX_DEPTH / 64],
    /// The places of the open objects and arrays, as far as all of them are known.
    path: [Place; PATH],
    live: usize,
    /// The wanted text that is being read, and the level at which it began.
    counting: Option<(T, usize)>,
    /// The level at which an unwanted part of a wanted text began.
    muted: Option<usize>,
    /// Whether the string or number that is being read is needed.
    keep: bool,
    /// Under which tag the string that is being read is counted.
    count: Option<T>,
    /// What it is if it is not kept.
    passed: Passed,
    began: u64,
    text: Text,
}

impl<T: Copy + 'static> Scanner<T> {
    /// A scanner that reports the places of `tree`.
    pub fn new(tree: &'static Tree<T>) -> Self {
        Self {
            tree,
            state: State::Value,
            place: Place::ROOT,
            depth: 0,
            arrays: [0; MAX_DEPTH / 64],
            path: [Place::NONE; PATH],
            live: 0,
            counting: None,
            muted: None,
            keep: false,
            count: None,
            passed: Passed::Text,
            began: 0,
            text: Text::new(),
        }
    }

    /// Forgets the document and begins another.
    pub fn reset(&mut self) {
        self.state = State::Value;
        self.place = Place::ROOT;
        self.depth = 0;
        self.live = 0;
        self.counting = None;
        self.muted = None;
    }

    /// Whether a whole document was seen.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The next bytes, of which the first stands at offset `at`.
    pub fn push<S: Sink<T>>(&mut self, bytes: &[u8], at: u64, sink: &mut S) -> Result<(), Flaw> {
        let mut i = 0;
        while let Some(&byte) = bytes.get(i) {
            match self.state {
                State::Text { key } => i = self.text(key, bytes, i, at, sink)?,
                State::Number(number) => i = self.number(number, bytes, i, at, sink)?,
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') && !self.in_literal() => i += 1,
                _ => {
                    self.structure(byte, at + offset(i), sink)?;
                    i += 1;
                }
            }
        }
        Ok(())
    }

    /// The document ended before offset `at`.
    pub fn finish<S: Sink<T>>(&mut self, at: u64, sink: &mut S) -> Result<(), Flaw> {
        if let (State::Number(number), 0) = (self.state, self.depth)
            && number.whole()
        {
            self.end_number(&[], at, sink);
        }
        match self.state {
            State::Done => Ok(()),
            State::Value if self.depth == 0 => Err(Flaw { at, kind: FlawKind::Empty }),
            _ => Err(Flaw { at, kind: FlawKind::Unended }),
        }
    }

    fn in_literal(&self) -> bool {
        matches!(self.state, State::Literal { .. })
    }

    fn structure<S: Sink<T>>(&mut self, byte: u8, at: u64, sink: &mut S) -> Result<(), Flaw> {
        match (self.state, byte) {
            (State::KeyOrEnd | State::Key, b'"') => {
                self.begin_key(at);
                Ok(())
            }
            (State::Colon, b':') => {
                self.state = State::Value;
                Ok(())
            }
            (State::CommaOrEnd, b',') => {
                self.comma(at, sink);
                Ok(())
            }
            (State::KeyOrEnd, b'}') => self.close(at, sink),
            (State::ElementOrEnd, b']') => self.close(at, sink),
            (State::CommaOrEnd, b'}') if !self.in_array() => self.close(at, sink),
            (State::CommaOrEnd, b']') if self.in_array() => self.close(at, sink),
            (State::Value | State::ElementOrEnd, _) => self.value(byte, at, sink),
            (State::Literal { word, seen }, _) => self.literal(word, seen, byte, at, sink),
            _ => Err(self.unexpected(byte, at)),
        }
    }

    fn value<S: Sink<T>>(&mut self, byte: u8, at: u64, sink: &mut S) -> Result<(), Flaw> {
        self.began = at;
        let literal = |word| State::Literal { word, seen: 1 };
        match byte {
            b'"' => self.begin_text(),
            b'{' => return self.open(Container::Object, at, sink),
            b'[' => return self.open(Container::Array, at, sink),
            b'-' | b'0'..=b'9' => {
                self.keep = matches!(self.wanted(), Some((_, Want::Value)));
                self.text.clear();
                if self.keep {
                    self.text.keep(&[byte]);
                }
                self.state = State::Number(Number::begin(byte));
            }
            b't' => self.state = literal(Word::True),
            b'f' => self.state = literal(Word::False),
            b'n' => self.state = literal(Word::Null),
            _ => return Err(self.unexpected(byte, at)),
        }
        Ok(())
    }

    fn begin_key(&mut self, at: u64) {
        self.began = at;
        self.keep = self.is_live() || self.tree.looks_anywhere();
        self.count = None;
        self.passed = Passed::Text;
        self.text.clear();
        self.state = State::Text { key: true };
    }

    fn begin_text(&mut self) {
        let wanted = self.wanted();
        self.keep = matches!(wanted, Some((_, Want::Value)));
        self.count = match (wanted, self.muted, self.counting) {
            (Some((_, Want::Nothing)), _, _) | (_, Some(_), _) => None,
            (Some((tag, Want::Text | Want::Characters)), _, _) => Some(tag),
            (_, None, Some((tag, _))) => Some(tag),
            _ => None,
        };
        self.passed = match (wanted, self.count) {
            (_, None) => Passed::Text,
            (Some((_, Want::Characters)), _) => Passed::Characters,
            _ => Passed::Counted,
        };
        self.text.clear();
        self.state = State::Text { key: false };
    }

    /// Reads on in a string; gives the index behind what was read.
    fn text<S: Sink<T>>(
        &mut self,
        key: bool,
        bytes: &[u8],
        from: usize,
        at: u64,
        sink: &mut S,
    ) -> Result<usize, Flaw> {
        let rest = bytes.get(from..).unwrap_or_default();
        if self.text.is_escaping() {
            return self.escape(rest, from, at, sink);
        }
        let text = match self.passed {
            Passed::Characters => self.text.pass(rest),
            _ if self.keep => Length { bytes: plain(rest), characters: 0 },
            _ => Length { bytes: passable(rest, |_, _| {}), characters: 0 },
        };
        let length = text.bytes;
        let (piece, stop) = rest.split_at(length);
        if let Some(tag) = self.count {
            let bytes = length + usize::from(stop.first() == Some(&b'\\'));
            sink.text(tag, Length { bytes, ..text });
        }
        match stop.first() {
            Some(b'"') => self.end_text(key, piece, at + offset(from + length) + 1, sink),
            stop => {
                if self.keep {
                    self.text.keep(piece);
                }
                if stop.is_some() {
                    self.text.begin_escape();
                }
            }
        }
        Ok(from + length + usize::from(!stop.is_empty()))
    }

    fn escape<S: Sink<T>>(
        &mut self,
        rest: &[u8],
        from: usize,
        at: u64,
        sink: &mut S,
    ) -> Result<usize, Flaw> {
        let byte = rest.first().copied().unwrap_or_default();
        let Some(characters) = self.text.escape(byte, self.keep) else {
            let kind = FlawKind::Unexpected(byte, "an escape such as \\n or \\u00e9");
            return Err(Flaw { at: at + offset(from), kind });
        };
        if let Some(tag) = self.count {
            let characters = if self.passed == Passed::Characters { characters } else { 0 };
            sink.text(tag, Length { bytes: 1, characters });
        }
        Ok(from + 1)
    }

    fn end_text<S: Sink<T>>(&mut self, key: bool, last: &[u8], end: u64, sink: &mut S) {
        if key {
            return self.end_key(last, end, sink);
        }
        if let (true, Some((tag, _))) = (self.keep, self.wanted()) {
            let span = self.began..end;
            self.text.whole(last, |text, _| sink.scalar(tag, Scalar::Text(text), span));
        } else {
            sink.passed(self.passed, self.began..end);
            if let (Passed::Characters, Some(tag)) = (self.passed, self.count) {
                sink.scalar(tag, Scalar::Counted, self.began..end);
            }
        }
        self.ended();
    }

    fn end_key<S: Sink<T>>(&mut self, last: &[u8], end: u64, sink: &mut S) {
        self.place = Place::NONE;
        if self.keep {
            let (tree, parent) = (self.tree, self.parent());
            self.place = self.text.whole(last, |key, whole| match tree.key(parent, key) {
                _ if !whole => Place::NONE,
                Place::NONE => tree.key_anywhere(key),
                place => place,
            });
        }
        let tag = self.wanted().map(|(tag, _)| tag);
        sink.key(self.depth, tag, self.began..end);
        self.state = State::Colon;
    }

    /// Reads on in a number; gives the index behind what was read.
    fn number<S: Sink<T>>(
        &mut self,
        number: Number,
        bytes: &[u8],
        from: usize,
        at: u64,
        sink: &mut S,
    ) -> Result<usize, Flaw> {
        let rest = bytes.get(from..).unwrap_or_default();
        let (number, length) = number.read(rest);
        let (piece, stop) = rest.split_at(length);
        match stop.first() {
            None => {
                if self.keep {
                    self.text.keep(piece);
                }
                self.state = State::Number(number);
            }
            Some(_) if number.whole() => {
                let end = at + offset(from + length);
                self.end_number(piece, end, sink);
                if !self.keep && self.depth > 0 && self.in_array() {
                    return Ok(from + length + self.more_numbers(stop, end, sink));
                }
            }
            Some(&byte) => {
                let kind = FlawKind::Unexpected(byte, "a digit");
                return Err(Flaw { at: at + offset(from + length), kind });
            }
        }
        Ok(from + length)
    }

    /// Passes over the numbers behind one that nobody wants, which are its equals.
    fn more_numbers<S: Sink<T>>(&self, bytes: &[u8], at: u64, sink: &mut S) -> usize {
        number::elements(bytes, |comma, number| {
            sink.comma(self.depth, at + offset(comma));
            sink.passed(Passed::Number, at + offset(number.start)..at + offset(number.end));
        })
    }

    fn end_number<S: Sink<T>>(&mut self, last: &[u8], end: u64, sink: &mut S) {
        if let (true, Some((tag, _))) = (self.keep, self.wanted()) {
            let span = self.began..end;
            self.text.whole(last, |text, _| sink.scalar(tag, Scalar::Number(text), span));
        } else {
            sink.passed(Passed::Number, self.began..end);
        }
        self.ended();
    }

    fn literal<S: Sink<T>>(
        &mut self,
        word: Word,
        seen: u8,
        byte: u8,
        at: u64,
        sink: &mut S,
    ) -> Result<(), Flaw> {
        let text = word.text();
        if text.get(usize::from(seen)) != Some(&byte) {
            return Err(self.unexpected(byte, at));
        }
        self.state = State::Literal { word, seen: seen + 1 };
        if usize::from(seen) + 1 == text.len() {
            if let Some((tag, Want::Value)) = self.wanted() {
                sink.scalar(tag, word.value(), self.began..at + 1);
            }
            self.ended();
        }
        Ok(())
    }

    fn open<S: Sink<T>>(
        &mut self,
        container: Container,
        at: u64,
        sink: &mut S,
    ) -> Result<(), Flaw> {
        if self.depth == MAX_DEPTH {
            return Err(Flaw { at, kind: FlawKind::TooDeep });
        }
        match self.wanted() {
            Some((tag, Want::Value | Want::Characters)) => sink.open(tag, container, at),
            Some((tag, Want::Text)) if self.counting.is_none() => {
                self.counting = Some((tag, self.depth));
            }
            Some((_, Want::Nothing)) if self.muted.is_none() => self.muted = Some(self.depth),
            _ => {}
        }
        if self.place != Place::NONE
            && self.live == self.depth
            && let Some(slot) = self.path.get_mut(self.live)
        {
            *slot = self.place;
            self.live += 1;
        }
        let array = container == Container::Array;
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        self.arrays[word] = if array { self.arrays[word] | bit } else { self.arrays[word] & !bit };
        self.depth += 1;
        self.place = self.element();
        self.state = if array { State::ElementOrEnd } else { State::KeyOrEnd };
        Ok(())
    }

    fn close<S: Sink<T>>(&mut self, at: u64, sink: &mut S) -> Result<(), Flaw> {
        self.depth = self.depth.saturating_sub(1);
        if self.live > self.depth {
            self.live = self.depth;
            self.place = self.path[self.depth];
            if let Some((tag, Want::Value | Want::Characters)) = self.wanted() {
                sink.close(tag, at + 1);
            }
        }
        self.counting = self.counting.filter(|&(_, depth)| depth < self.depth);
        self.muted = self.muted.filter(|&depth| depth < self.depth);
        self.ended();
        Ok(())
    }

    fn comma<S: Sink<T>>(&mut self, at: u64, sink: &mut S) {
        sink.comma(self.depth, at);
        if self.in_array() {
            self.place = self.element();
            self.state = State::Value;
        } else {
            self.state = State::Key;
        }
    }

    fn ended(&mut self) {
        self.state = if self.depth == 0 { State::Done } else { State::CommaOrEnd };
    }

    fn in_array(&self) -> bool {
        let level = self.depth.saturating_sub(1);
        self.arrays[level / 64] & (1 << (level % 64)) != 0
    }

    fn is_live(&self) -> bool {
        self.live == self.depth && self.tree.has_keys(self.parent())
    }

    /// The place of the innermost open object or array.
    fn parent(&self) -> Place {
        match self.live.checked_sub(1) {
            Some(level) if self.live == self.depth => self.path[level],
            _ => Place::NONE,
        }
    }

    fn element(&self) -> Place {
        self.tree.element(self.parent())
    }

    fn wanted(&self) -> Option<(T, Want)> {
        self.tree.wanted(self.place)
    }

    #[cold]
    fn unexpected(&self, byte: u8, at: u64) -> Flaw {
        let expected = match self.state {
            State::Value => "a value",
            State::ElementOrEnd => "a value or `]`",
            State::KeyOrEnd => "a key in quotes or `}`",
            State::Key => "a key in quotes",
            State::Colon => "`:`",
            State::CommaOrEnd if self.in_array() => "`,` or `]`",
            State::CommaOrEnd => "`,` or `}`",
            State::Literal { .. } => "true, false or null",
            State::Text { .. } | State::Number(_) | State::Done => "nothing more",
        };
        Flaw { at, kind: FlawKind::Unexpected(byte, expected) }
    }
}

fn offset(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}

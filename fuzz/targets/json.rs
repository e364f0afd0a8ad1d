//! The JSON scanner: the same reports however a document is divided, and the same verdict as
//! serde_json's.

#![no_main]

use farebox::framing::json::{
    Container, Flaw, FlawKind, KEPT, Length, Passed, Scalar, Scanner, Sink, Tree, Want,
};
use farebox_fuzz::Input;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

/// A place of every kind, and one within another.
static TREE: LazyLock<Tree<u8>> = LazyLock::new(|| {
    Tree::new()
        .with("", 0, Want::Value)
        .with("usage", 1, Want::Value)
        .with("usage.prompt_tokens", 2, Want::Value)
        .with("choices[]", 3, Want::Value)
        .with("choices[].delta", 4, Want::Text)
        .with("choices[].delta.role", 5, Want::Nothing)
        .with("choices[].message.content", 6, Want::Characters)
        .with("model", 7, Want::Value)
        .anywhere(&["model", "type", "cost"], 8)
});

#[derive(Debug, Default, PartialEq)]
struct Log {
    told: Vec<Told>,
    /// How long the texts are, which are counted in as many pieces as they come in.
    lengths: BTreeMap<u8, (usize, usize)>,
}

#[derive(Debug, PartialEq)]
enum Told {
    Scalar(u8, String, Range<u64>),
    Open(u8, Container, u64),
    Close(u8, u64),
    Key(usize, Option<u8>, Range<u64>),
    Passed(Passed, Range<u64>),
    Comma(usize, u64),
}

impl Sink<u8> for Log {
    fn scalar(&mut self, tag: u8, value: Scalar<'_>, span: Range<u64>) {
        if let Scalar::Text(kept) | Scalar::Number(kept) = value {
            assert!(kept.len() <= KEPT, "{} bytes are kept", kept.len());
        }
        self.told.push(Told::Scalar(tag, format!("{value:?}"), span));
    }

    fn open(&mut self, tag: u8, container: Container, at: u64) {
        self.told.push(Told::Open(tag, container, at));
    }

    fn close(&mut self, tag: u8, end: u64) {
        self.told.push(Told::Close(tag, end));
    }

    fn text(&mut self, tag: u8, more: Length) {
        let length = self.lengths.entry(tag).or_default();
        length.0 += more.bytes;
        length.1 += more.characters;
    }

    fn key(&mut self, depth: usize, tag: Option<u8>, span: Range<u64>) {
        self.told.push(Told::Key(depth, tag, span));
    }

    fn passed(&mut self, passed: Passed, span: Range<u64>) {
        self.told.push(Told::Passed(passed, span));
    }

    fn comma(&mut self, depth: usize, at: u64) {
        self.told.push(Told::Comma(depth, at));
    }
}

fn scan(pieces: &[&[u8]]) -> (Log, Result<(), Flaw>) {
    let (mut scanner, mut log, mut at) = (Scanner::new(&TREE), Log::default(), 0);
    let read = pieces.iter().try_for_each(|piece| {
        let from = at;
        at += piece.len() as u64;
        scanner.push(piece, from, &mut log)
    });
    let read = read.and_then(|()| scanner.finish(at, &mut log));
    (log, read)
}

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let (_, read) = input.same_for_any_split(scan);
    let too_deep = matches!(read, Err(Flaw { kind: FlawKind::TooDeep, .. }));
    let Some(text) = std::str::from_utf8(input.body).ok().filter(|_| !too_deep) else { return };
    if text.chars().any(|c| c < ' ' && !matches!(c, '\n' | '\r' | '\t')) {
        return;
    }
    let other = serde_json::from_str::<serde::de::IgnoredAny>(text);
    // Line ends and tabs may stand inside strings here, and not there.
    let lenient = text.contains(['\n', '\r', '\t']);
    assert!(read.is_ok() == other.is_ok() || lenient && read.is_ok(), "{read:?}, {other:?}");
});

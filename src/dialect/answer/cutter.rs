//! Finds, in one event, what only stands there because Farebox asked for usage.
//!
//! Looks and marks; the bytes are somebody else's. Offsets count from the event's first byte.

use crate::framing::json::{Container, Passed, Scalar, Scanner, Sink, Template, Tree, Want};
use crate::framing::sse::{Events, Sse};
use std::ops::Range;
use std::sync::LazyLock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    Chunk,
    Choices,
    Choice,
    Usage,
}

static PLACES: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    Tree::new()
        .with("", Spot::Chunk, Want::Value)
        .with("choices", Spot::Choices, Want::Value)
        .with("choices[]", Spot::Choice, Want::Value)
        .with("usage", Spot::Usage, Want::Value)
});

/// Reads one event.
pub(super) struct Cutter {
    sse: Sse,
    chunk: Chunk,
}

impl Cutter {
    pub(super) fn new() -> Self {
        let chunk =
            Chunk { scanner: Scanner::new(&PLACES), marks: Marks::default(), broken: false };
        Self { sse: Sse::new(), chunk }
    }

    /// The next bytes of the event, field names and line ends included.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.sse.push(bytes, &mut self.chunk);
    }

    /// Gives up on the event: nothing more is found in it.
    pub(super) fn give_up(&mut self) {
        self.chunk.broken = true;
    }

    /// What is to be cut out, in order; empty if the event is not understood.
    pub(super) fn cuts(&self) -> &[Range<u64>] {
        if self.chunk.broken { &[] } else { &self.chunk.marks.cuts }
    }

    /// From where on it is not yet known what is to be cut out.
    pub(super) fn undecided(&self) -> Option<u64> {
        self.chunk.marks.undecided.filter(|_| !self.chunk.broken)
    }

    /// Whether the event is the one that exists only to report usage: no choices, and figures.
    pub(super) fn is_unasked(&self) -> bool {
        let marks = &self.chunk.marks;
        !self.chunk.broken && marks.usage && marks.choices_ended && !marks.choice
    }

    /// A template of the event, if its only line is `line` and one thing is to be cut out of it.
    pub(super) fn into_template(self, line: &[u8]) -> Option<Template> {
        let Chunk { scanner, mut marks, broken } = self.chunk;
        if broken || !scanner.is_done() {
            return None;
        }
        let [cut] = marks.cuts.as_slice() else { return None };
        let cut = usize::try_from(cut.start).ok()?..usize::try_from(cut.end).ok()?;
        marks.template.learn(line, Some(cut));
        Some(marks.template)
    }
}

struct Chunk {
    scanner: Scanner<Spot>,
    marks: Marks,
    broken: bool,
}

impl Events for Chunk {
    fn data(&mut self, bytes: &[u8], at: u64) {
        if !self.broken {
            self.broken = self.scanner.push(bytes, at, &mut self.marks).is_err();
        }
    }

    fn dispatch(&mut self) {}
}

#[derive(Default)]
struct Marks {
    cuts: Vec<Range<u64>>,
    undecided: Option<u64>,
    /// The comma before the current member, if it is not the first.
    comma: Option<u64>,
    key: u64,
    /// Where `"usage":null` began as the first member: it goes with the comma behind it.
    null_first: Option<u64>,
    usage: bool,
    choice: bool,
    choices_ended: bool,
    template: Template,
}

impl Marks {
    fn null(&mut self, end: u64) {
        self.undecided = None;
        match self.comma {
            Some(comma) => self.cuts.push(comma..end),
            None => {
                self.null_first = Some(self.key);
                self.undecided = self.null_first;
            }
        }
    }
}

impl Sink<Spot> for Marks {
    fn scalar(&mut self, spot: Spot, value: Scalar<'_>, span: Range<u64>) {
        match (spot, value) {
            (Spot::Usage, Scalar::Null) => self.null(span.end),
            (Spot::Usage, _) => self.undecided = None,
            (Spot::Choice, _) => self.choice = true,
            (Spot::Chunk | Spot::Choices, _) => {}
        }
    }

    fn open(&mut self, spot: Spot, container: Container, at: u64) {
        match spot {
            Spot::Chunk => self.undecided = Some(at + 1),
            Spot::Choice => self.choice = true,
            Spot::Choices => {}
            Spot::Usage => {
                self.usage |= container == Container::Object;
                self.undecided = None;
            }
        }
    }

    fn close(&mut self, spot: Spot, end: u64) {
        match spot {
            Spot::Choices => self.choices_ended = true,
            Spot::Chunk => {
                self.undecided = None;
                if let Some(first) = self.null_first.take() {
                    self.cuts.push(first..end - 1);
                }
            }
            Spot::Choice | Spot::Usage => {}
        }
    }

    fn key(&mut self, depth: usize, spot: Option<Spot>, span: Range<u64>) {
        if depth != 1 {
            return;
        }
        if let Some(first) = self.null_first.take() {
            self.cuts.push(first..span.start);
        }
        self.key = span.start;
        self.undecided = match spot {
            Some(Spot::Usage) => Some(self.comma.unwrap_or(span.start)),
            _ => None,
        };
    }

    fn passed(&mut self, passed: Passed, span: Range<u64>) {
        let index = |at| usize::try_from(at).unwrap_or(usize::MAX);
        self.template.pass(passed, index(span.start)..index(span.end));
    }

    fn comma(&mut self, depth: usize, at: u64) {
        if depth == 1 && self.null_first.is_none() {
            self.comma = Some(at);
            self.undecided = Some(at);
        }
    }
}

//! What one JSON document of an answer says: a whole answer, or the data of one event.
//!
//! Collects, and decides nothing. Cleared between documents.

use super::usage::{BESIDE, BLOCK, Block, Item};
use crate::framing::json::{Container, Length, Passed, Scalar, Sink, Template, Tree, Want};
use std::ops::Range;

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    Model,
    Tier,
    Id,
    Object,
    /// The event's type.
    Kind,
    Status,
    Background,
    IncompleteReason,
    Error,
    ErrorCode,
    Choice,
    FinishReason,
    /// An item of a response's output, its type, and its action's type.
    Output,
    OutputKind,
    ActionKind,
    /// Text of the answer.
    Said,
    /// Reasoning, under its two names; some servers say the same under both.
    Reasoning,
    ReasoningContent,
    Usage,
    UsageItem(Item),
}

/// Adds the places of a usage block at `path`, and of what stands beside it in `parent`.
pub(super) fn with_usage(tree: Tree<Fact>, parent: &'static str, path: &'static str) -> Tree<Fact> {
    let tree = add(tree, parent, &[(path, Fact::Usage)]);
    let tree = BLOCK.iter().fold(tree, |tree, table| {
        table.iter().fold(tree, |tree, &(item, tag)| {
            tree.within(&[parent, path], item, Fact::UsageItem(tag), Want::Value)
        })
    });
    BESIDE.iter().fold(tree, |tree, &(item, tag)| {
        tree.within(&[parent], item, Fact::UsageItem(tag), Want::Value)
    })
}

/// Adds plain values below `parent`.
pub(super) fn add(
    tree: Tree<Fact>,
    parent: &'static str,
    places: &[(&'static str, Fact)],
) -> Tree<Fact> {
    places.iter().fold(tree, |tree, &(path, fact)| tree.within(&[parent], path, fact, Want::Value))
}

/// What a document says.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) model: String,
    pub(super) tier: String,
    pub(super) id: String,
    pub(super) object: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) incomplete_reason: String,
    pub(super) background: bool,
    pub(super) error: bool,
    /// The error is a content filter's.
    pub(super) filtered: bool,
    pub(super) choices: bool,
    pub(super) finishes: u64,
    pub(super) searches: u64,
    pub(super) said_bytes: u64,
    said: u64,
    reasoning: Option<u64>,
    reasoning_content: Option<u64>,
    pub(super) usage: Block,
    output: (bool, bool),
    /// The document with holes, where one is made.
    pub(super) template: Template,
    /// Where the document for the template begins.
    pub(super) begin: Option<u64>,
}

impl Facts {
    pub(super) fn clear(&mut self) {
        for text in [
            &mut self.model,
            &mut self.tier,
            &mut self.id,
            &mut self.object,
            &mut self.kind,
            &mut self.status,
            &mut self.incomplete_reason,
        ] {
            text.clear();
        }
        self.background = false;
        self.error = false;
        self.filtered = false;
        self.choices = false;
        self.finishes = 0;
        self.searches = 0;
        self.said_bytes = 0;
        self.said = 0;
        self.reasoning = None;
        self.reasoning_content = None;
        self.usage.clear();
    }

    /// Characters of text and tool arguments.
    pub(super) fn characters(&self) -> u64 {
        if self.is_audio() {
            return 0;
        }
        let reasoning = self.reasoning.max(self.reasoning_content).unwrap_or(0);
        self.said.saturating_add(reasoning)
    }

    /// Whether its delta is encoded sound.
    fn is_audio(&self) -> bool {
        self.kind.ends_with("audio.delta")
    }

    /// Whether it says nothing but names and text, so that saying it again only adds that text.
    pub(super) fn is_quiet(&self) -> bool {
        let twice_reasoned = self.reasoning.is_some() && self.reasoning_content.is_some();
        let odd = self.error || self.is_audio() || twice_reasoned || self.usage.is_touched();
        let counted = self.finishes > 0 || self.searches > 0;
        !odd && !counted && self.id.is_empty() && self.status.is_empty()
    }

    fn text(&mut self, fact: Fact, text: &[u8]) {
        match fact {
            Fact::FinishReason => self.finishes += 1,
            Fact::ErrorCode => self.filtered = text == b"content_filter",
            Fact::OutputKind => self.output.0 = text == b"web_search_call",
            Fact::ActionKind => self.output.1 = text == b"search",
            _ => {
                if let Some(slot) = self.slot(fact) {
                    slot.clear();
                    slot.push_str(&String::from_utf8_lossy(text));
                }
            }
        }
    }

    fn count(&mut self, fact: Fact, characters: u64) {
        let count = match fact {
            Fact::Reasoning => self.reasoning.get_or_insert(0),
            Fact::ReasoningContent => self.reasoning_content.get_or_insert(0),
            _ => &mut self.said,
        };
        *count = count.saturating_add(characters);
    }

    fn slot(&mut self, fact: Fact) -> Option<&mut String> {
        match fact {
            Fact::Model => Some(&mut self.model),
            Fact::Tier => Some(&mut self.tier),
            Fact::Id => Some(&mut self.id),
            Fact::Object => Some(&mut self.object),
            Fact::Kind => Some(&mut self.kind),
            Fact::Status => Some(&mut self.status),
            Fact::IncompleteReason => Some(&mut self.incomplete_reason),
            _ => None,
        }
    }
}

impl Sink<Fact> for Facts {
    fn scalar(&mut self, fact: Fact, value: Scalar<'_>, _: Range<u64>) {
        match (fact, value) {
            (Fact::UsageItem(item), value) => self.usage.take(item, value),
            (_, Scalar::Null) => {}
            (Fact::Usage, _) => self.usage.flaw(),
            (Fact::Error, _) => self.error = true,
            (Fact::Background, value) => self.background = value == Scalar::Bool(true),
            (_, Scalar::Text(text)) => self.text(fact, text),
            // An empty text was not counted in pieces.
            (_, Scalar::Counted) => self.count(fact, 0),
            _ => {}
        }
    }

    fn open(&mut self, fact: Fact, container: Container, _: u64) {
        match (fact, container) {
            (Fact::Choice, _) => self.choices = true,
            (Fact::Output, _) => self.output = (false, false),
            (Fact::Error, _) => self.error = true,
            (Fact::Usage, Container::Array) => self.usage.flaw(),
            (Fact::UsageItem(Item::Cost), Container::Object) => {}
            (Fact::UsageItem(_), _) => self.usage.flaw(),
            _ => {}
        }
    }

    fn close(&mut self, fact: Fact, _: u64) {
        if fact == Fact::Output && self.output == (true, true) {
            self.searches += 1;
        }
    }

    fn passed(&mut self, passed: Passed, span: Range<u64>) {
        let Some(begin) = self.begin else { return };
        let index = |at: u64| usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX);
        self.template.pass(passed, index(span.start)..index(span.end));
    }

    fn text(&mut self, fact: Fact, more: Length) {
        self.said_bytes = self.said_bytes.saturating_add(more.bytes as u64);
        self.count(fact, more.characters as u64);
    }
}

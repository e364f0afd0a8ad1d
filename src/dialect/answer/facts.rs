//! What one JSON document of an answer says: a whole answer, or the data of one event.
//!
//! Collects, and decides nothing. Cleared between documents. The words are common to all dialects;
//! each says in its tree where they stand.

use super::block::{Block, Item};
use crate::framing::json::{Container, Length, Passed, Scalar, Sink, Template, Tree, Want};
use std::ops::Range;

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Fact {
    /// A text.
    Name(Name),
    /// Something that is true, or there at all.
    Flag(Flag),
    Error,
    ErrorCode,
    Choice,
    FinishReason,
    /// Text of the answer.
    Said,
    /// Reasoning, under its two names; some servers say the same under both.
    Reasoning,
    ReasoningContent,
    Usage,
    Item(Item),
    /// An element of a list that is read as a whole: a share by modality, a tool call, an attempt.
    Row(List),
    /// What an element is: its type, its modality, its lifetime.
    RowKind,
    /// More of that: the type of its action.
    RowDetail,
    /// The model that an element names.
    RowModel,
    /// A query of a search.
    Query,
    /// A figure of an element.
    RowItem(Item),
}

/// A text that an answer says once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Name {
    Model,
    Tier,
    Id,
    Object,
    /// The event's type.
    Kind,
    Status,
    IncompleteReason,
    StopReason,
    Traffic,
    Geo,
    Speed,
    SearchContext,
    /// The model of what is used beside the answer, whose figures are apart.
    BesideModel,
}

const NAMES: usize = Name::BesideModel as usize + 1;

/// A thing that is so or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Flag {
    /// The response is made in the background.
    Background,
    /// The dialect's own sign of the end.
    Done,
    /// The prompt was blocked.
    Blocked,
    /// The answer began.
    Begun,
}

/// A list whose elements are read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum List {
    /// Items of a response's output.
    Output,
    /// Shares by modality.
    InputShares,
    CachedShares,
    ToolShares,
    OutputShares,
    /// Cache writes by lifetime.
    Writes,
    /// Attempts, and other models, with figures of their own.
    Iterations,
    /// Figures of other models inside the totals.
    Breakdown,
    /// Images that a tool made.
    Painted,
    /// Answers with figures that add up; of these one row is kept, their sum.
    Sums,
}

/// One element of a list.
#[derive(Debug, Clone, Default)]
pub(in crate::dialect) struct Row {
    pub(in crate::dialect) list: Option<List>,
    pub(in crate::dialect) kind: String,
    pub(in crate::dialect) detail: String,
    pub(in crate::dialect) model: String,
    pub(in crate::dialect) block: Block,
}

/// Most elements with figures that one document may have; more make no sense.
const ROWS: usize = 96;

/// Adds places of figures below `parents`.
pub(in crate::dialect) fn with_items(
    tree: Tree<Fact>,
    parents: &[&'static str],
    items: &[(&'static str, Item)],
) -> Tree<Fact> {
    items
        .iter()
        .fold(tree, |tree, &(path, item)| tree.within(parents, path, Fact::Item(item), Want::Value))
}

/// Adds a list whose elements have a kind and a figure, such as `[{modality, tokenCount}]`.
pub(in crate::dialect) fn with_rows(
    tree: Tree<Fact>,
    parents: &[&'static str],
    list: List,
    kind: &'static str,
    items: &[(&'static str, Item)],
) -> Tree<Fact> {
    let tree = tree.within(parents, "", Fact::Row(list), Want::Value);
    let tree = tree.within(parents, kind, Fact::RowKind, Want::Value);
    items.iter().fold(tree, |tree, &(path, item)| {
        tree.within(parents, path, Fact::RowItem(item), Want::Value)
    })
}

/// Adds plain values below `parent`.
pub(in crate::dialect) fn add(
    tree: Tree<Fact>,
    parent: &'static str,
    places: &[(&'static str, Fact)],
) -> Tree<Fact> {
    places.iter().fold(tree, |tree, &(path, fact)| tree.within(&[parent], path, fact, Want::Value))
}

/// Adds texts of the answer, whose characters are counted.
pub(in crate::dialect) fn with_texts(tree: Tree<Fact>, paths: &[&'static str]) -> Tree<Fact> {
    paths.iter().fold(tree, |tree, &path| tree.with(path, Fact::Said, Want::Characters))
}

/// What a document says.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Facts {
    names: [String; NAMES],
    flags: u32,
    pub(in crate::dialect) error: bool,
    /// The error is a content filter's.
    pub(in crate::dialect) filtered: bool,
    pub(in crate::dialect) choices: u64,
    pub(in crate::dialect) finishes: u64,
    pub(in crate::dialect) queries: u64,
    /// Searches of the web among the items of the output.
    pub(in crate::dialect) searches: u64,
    pub(in crate::dialect) said_bytes: u64,
    said: u64,
    reasoning: Option<u64>,
    reasoning_content: Option<u64>,
    pub(in crate::dialect) usage: Block,
    row: Row,
    pub(in crate::dialect) rows: Vec<Row>,
    /// The document with holes, where one is made.
    pub(super) template: Template,
    /// Where the document for the template begins.
    pub(super) begin: Option<u64>,
}

impl Facts {
    pub(super) fn clear(&mut self) {
        self.names.iter_mut().for_each(String::clear);
        self.flags = 0;
        self.error = false;
        self.filtered = false;
        self.choices = 0;
        self.finishes = 0;
        self.queries = 0;
        self.searches = 0;
        self.said_bytes = 0;
        self.said = 0;
        self.reasoning = None;
        self.reasoning_content = None;
        self.usage.clear();
        self.rows.clear();
    }

    /// A text; empty if it was not given.
    pub(in crate::dialect) fn name(&self, name: Name) -> &str {
        self.names.get(name as usize).map_or("", String::as_str)
    }

    pub(in crate::dialect) fn is(&self, flag: Flag) -> bool {
        self.flags & (1 << flag as u32) != 0
    }

    /// Sets a text from outside the document: the type of an event that stands in its header.
    pub(super) fn set(&mut self, name: Name, text: &[u8]) {
        if let Some(slot) = self.names.get_mut(name as usize) {
            slot.clear();
            slot.push_str(&String::from_utf8_lossy(text));
        }
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
        self.name(Name::Kind).ends_with("audio.delta")
    }

    /// Whether it says nothing but names and text, so that saying it again only adds that text.
    pub(super) fn is_quiet(&self) -> bool {
        let twice_reasoned = self.reasoning.is_some() && self.reasoning_content.is_some();
        let odd = self.error || self.is_audio() || twice_reasoned || self.usage.is_touched();
        let listed = self.queries > 0 || self.searches > 0 || !self.rows.is_empty();
        let counted = self.finishes > 0 || listed || self.flags != 0;
        let named = !self.name(Name::Id).is_empty() || !self.name(Name::Status).is_empty();
        !odd && !counted && !named
    }

    fn text(&mut self, fact: Fact, text: &[u8]) {
        match fact {
            Fact::FinishReason => self.finishes += 1,
            Fact::ErrorCode => self.filtered = text == b"content_filter",
            Fact::Name(name) => self.set(name, text),
            Fact::Flag(flag) => self.flags |= 1 << flag as u32,
            Fact::RowKind => self.row.kind = String::from_utf8_lossy(text).into_owned(),
            Fact::RowDetail => self.row.detail = String::from_utf8_lossy(text).into_owned(),
            Fact::RowModel => self.row.model = String::from_utf8_lossy(text).into_owned(),
            _ => {}
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

    fn end_row(&mut self, list: List) {
        let row = std::mem::take(&mut self.row);
        if list == List::Output && row.kind == "web_search_call" && row.detail == "search" {
            self.searches = self.searches.saturating_add(1);
        }
        if !row.block.is_touched() {
            return;
        }
        let room = self.rows.len() < ROWS;
        match self.rows.last_mut().filter(|last| list == List::Sums && last.list == Some(list)) {
            Some(sum) => sum.block.add(&row.block),
            None if room => self.rows.push(Row { list: Some(list), ..row }),
            None => self.usage.flaw(),
        }
    }
}

impl Sink<Fact> for Facts {
    fn scalar(&mut self, fact: Fact, value: Scalar<'_>, _: Range<u64>) {
        match (fact, value) {
            (Fact::Item(item), value) => self.usage.take(item, value),
            (Fact::RowItem(item), value) => self.row.block.take(item, value),
            (_, Scalar::Null) => {}
            (Fact::Query, _) => self.queries = self.queries.saturating_add(1),
            (Fact::Error, Scalar::Bool(false) | Scalar::Text(b"")) => {}
            (Fact::Usage, _) => self.usage.flaw(),
            (Fact::Error, _) => self.error = true,
            (Fact::Flag(_), Scalar::Bool(false)) => {}
            (Fact::Flag(flag), Scalar::Bool(true) | Scalar::Number(_)) => {
                self.flags |= 1 << flag as u32;
            }
            (_, Scalar::Text(text)) => self.text(fact, text),
            // An empty text was not counted in pieces.
            (_, Scalar::Counted) => self.count(fact, 0),
            _ => {}
        }
    }

    fn open(&mut self, fact: Fact, container: Container, _: u64) {
        match (fact, container) {
            (Fact::Choice, _) => self.choices = self.choices.saturating_add(1),
            (Fact::Row(_), _) => self.row = Row::default(),
            (Fact::Error, _) => self.error = true,
            (Fact::Flag(flag), _) => self.flags |= 1 << flag as u32,
            (Fact::Usage, Container::Array) => self.usage.flaw(),
            // A cost may be broken down, and seconds that do not apply are an empty object.
            (Fact::Item(Item::Cost | Item::Seconds), Container::Object) => {}
            (Fact::Item(_), _) => self.usage.flaw(),
            (Fact::RowItem(_), _) => self.row.block.flaw(),
            _ => {}
        }
    }

    fn close(&mut self, fact: Fact, _: u64) {
        if let Fact::Row(list) = fact {
            self.end_row(list);
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

//! What a request says: read as it arrives, without a tree and without keeping it.
//!
//! Only what metering needs is judged. What else is wrong with a request is the provider's to say.

mod edit;
mod field;
mod form;

pub(super) use field::{Field, MOST_ANSWERS, MOST_TOKENS, Spot, anywhere, fields, texts};
pub(super) use form::Form;

use super::{Call, Contents, Operation, ReadRequest, Unreadable};
use crate::framing::json::{Container, Flaw, FlawKind, Length, Scalar, Scanner, Sink, Tree};
use edit::{StreamOptions, ask_for_usage};
use field::{Runs, Tool};
use std::ops::Range;

/// What the path says of a request, before its body is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// The model that the path names.
    pub model: Option<String>,
    /// Whether the answer will be a stream, where the body does not say.
    pub stream: bool,
}

/// Reads one JSON request body.
pub(super) struct Request {
    scanner: Scanner<Spot>,
    asked: Asked,
    at: u64,
}

impl Request {
    pub(super) fn new(operation: Operation, places: &'static Tree<Spot>, named: Named) -> Self {
        Self { scanner: Scanner::new(places), asked: Asked::new(operation, named), at: 0 }
    }

    /// What the sink found wrong comes first: it knows what the bytes were meant to be.
    fn judge(&mut self, scanned: Result<(), Flaw>) -> Result<(), Unreadable> {
        match (self.asked.wrong.take(), scanned) {
            (Some(wrong), _) => Err(wrong),
            (None, Ok(())) => Ok(()),
            (None, Err(flaw)) => Err(not_json(flaw)),
        }
    }
}

impl ReadRequest for Request {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let scanned = self.scanner.push(bytes, self.at, &mut self.asked);
        self.at = self.at.saturating_add(bytes.len() as u64);
        self.judge(scanned)
    }

    fn finish(mut self: Box<Self>) -> Result<Call, Unreadable> {
        let scanned = self.scanner.finish(self.at, &mut self.asked);
        self.judge(scanned)?;
        Ok(self.asked.into_call(self.at))
    }
}

fn not_json(flaw: Flaw) -> Unreadable {
    let message = match flaw.kind {
        FlawKind::Empty => "the body is empty; send a JSON object".to_owned(),
        FlawKind::TooDeep => format!("the body is {flaw}; send it with less nesting"),
        _ => format!("the body is not valid JSON: {flaw}; send one JSON object"),
    };
    Unreadable { param: None, message }
}

/// What was asked for, as far as it was read.
struct Asked {
    operation: Operation,
    named: Named,
    seen: Vec<&'static str>,
    model: String,
    model_at: Range<u64>,
    stream: Option<bool>,
    options: StreamOptions,
    /// Between the braces of the stream options.
    in_options: bool,
    inside: u64,
    ceiling: Option<u64>,
    ceiling_name: Option<&'static str>,
    answers: Option<u64>,
    prompts: u64,
    characters: u64,
    service_tier: Option<String>,
    input_elsewhere: bool,
    contents: Contents,
    /// Images that a key names, where it is not their `type` that does.
    images_by_key: u64,
    /// Where definitions began.
    defining: Option<u64>,
    hosted_tools: bool,
    searches: bool,
    background: bool,
    wrong: Option<Unreadable>,
}

impl Asked {
    fn new(operation: Operation, named: Named) -> Self {
        Self {
            operation,
            named,
            seen: Vec::new(),
            model: String::new(),
            model_at: 0..0,
            stream: None,
            options: StreamOptions::default(),
            in_options: false,
            inside: 0,
            ceiling: None,
            ceiling_name: None,
            answers: None,
            prompts: 0,
            characters: 0,
            service_tier: None,
            input_elsewhere: false,
            contents: Contents::default(),
            images_by_key: 0,
            defining: None,
            hosted_tools: false,
            searches: false,
            background: false,
            wrong: None,
        }
    }

    /// What the path says of the model comes first: the provider obeys it.
    fn into_call(self, body_bytes: u64) -> Call {
        let stream = self.stream.unwrap_or(self.named.stream);
        let streams_usage = stream && self.generates_choices();
        let model_at = self.model_at();
        let edit = streams_usage.then(|| ask_for_usage(&self.options, self.inside)).flatten();
        let images = self.contents.images.max(self.images_by_key);
        Call {
            stream,
            output_ceiling: self.ceiling,
            ceiling_name: self.ceiling_name,
            answers: self.answers.unwrap_or(1).saturating_mul(self.prompts.max(1)),
            service_tier: self.service_tier,
            body_bytes,
            characters: self.characters,
            input_elsewhere: self.input_elsewhere || images > 0,
            contents: Contents { images, ..self.contents },
            hosted_tools: self.hosted_tools,
            searches: self.searches,
            background: self.background,
            model_at,
            edit,
            ..Call::plain(self.operation, self.named.model.as_deref().unwrap_or(&self.model))
        }
    }

    /// Where the body names the model. What the path says comes first, so then it does not.
    fn model_at(&self) -> Option<Range<usize>> {
        let offset = |at| usize::try_from(at).ok();
        let at = offset(self.model_at.start)?..offset(self.model_at.end)?;
        Some(at).filter(|at| !at.is_empty() && self.named.model.is_none())
    }

    fn generates_choices(&self) -> bool {
        matches!(self.operation, Operation::OpenAiChat | Operation::OpenAiCompletions)
    }

    fn fail(&mut self, spot: Spot, message: String) {
        if self.wrong.is_none() {
            self.wrong = Some(Unreadable { param: spot.param(), message });
        }
    }

    /// The value is of another type than the field has.
    fn mistyped(&mut self, spot: Spot, found: &str) {
        let (name, wanted) = (spot.name, spot.field.expects());
        self.fail(spot, format!("`{name}` must be {wanted}, not {found}"));
    }

    fn value(&mut self, spot: Spot, text: &[u8], span: &Range<u64>) {
        match (spot.field, std::str::from_utf8(text)) {
            (Field::Kind, _) => self.kind(text),
            (Field::ToolKind, _) => self.tool_kind(text),
            (Field::Elsewhere, _) => self.elsewhere(),
            (Field::Image, _) => self.image(),
            (Field::ImagePart, _) => {
                self.image();
                self.image_data(span);
            }
            (Field::ImageData, _) => self.image_data(span),
            (Field::Definitions | Field::Prediction, _) => {}
            (Field::Search, _) => self.searching(),
            (Field::Hosted, _) => self.hosted_tools = true,
            (Field::Model, Ok(model)) => match field::bad_name(model) {
                None => self.model = model.to_owned(),
                Some(why) => self.fail(spot, format!("`{}` {why}", spot.name)),
            },
            (Field::Model, Err(_)) => {
                self.fail(spot, format!("`{}` is not valid UTF-8", spot.name));
            }
            (Field::ServiceTier, Ok(tier)) if field::bad_name(tier).is_none() => {
                self.service_tier = Some(tier.to_owned());
            }
            _ => self.mistyped(spot, &field::short(Scalar::Text(text))),
        }
    }

    fn elsewhere(&mut self) {
        (self.input_elsewhere, self.contents.beyond) = (true, true);
    }

    fn image(&mut self) {
        self.images_by_key = self.images_by_key.saturating_add(1);
    }

    fn image_data(&mut self, span: &Range<u64>) {
        let bytes = span.end.saturating_sub(span.start);
        self.contents.image_bytes = self.contents.image_bytes.saturating_add(bytes);
    }

    fn tool_kind(&mut self, kind: &[u8]) {
        match field::runs(kind) {
            Runs::Client => {}
            Runs::Described => self.contents.described = self.contents.described.saturating_add(1),
            Runs::Provider => self.hosted_tools = true,
        }
        self.kind(kind);
    }

    fn searching(&mut self) {
        (self.hosted_tools, self.searches) = (true, true);
    }

    /// The `type` of something: of a part of the input, or of a tool.
    fn kind(&mut self, kind: &[u8]) {
        if field::is_image(kind) {
            self.contents.images = self.contents.images.saturating_add(1);
        } else if field::is_hosted(kind) {
            self.elsewhere();
        }
        match field::tool(kind) {
            None => {}
            Some(Tool::Metered) => self.hosted_tools = true,
            Some(Tool::Search) => (self.hosted_tools, self.searches) = (true, true),
            Some(Tool::Unmetered) if self.wrong.is_none() => {
                let message = format!(
                    "the hosted tool `{}` has a fee that is not metered yet; send the request \
                     without it",
                    String::from_utf8_lossy(kind)
                );
                self.wrong = Some(Unreadable { param: Some("tools"), message });
            }
            Some(Tool::Unmetered) => {}
        }
    }

    fn number(&mut self, spot: Spot, text: &[u8]) {
        let (slot, most) = match spot.field {
            Field::Ceiling | Field::LooseCeiling => (&mut self.ceiling, MOST_TOKENS),
            Field::Answers => (&mut self.answers, MOST_ANSWERS),
            Field::Kind
            | Field::ToolKind
            | Field::Image
            | Field::ImagePart
            | Field::ImageData
            | Field::Definitions
            | Field::Prediction => return,
            Field::Elsewhere => return self.elsewhere(),
            _ => return self.mistyped(spot, &field::short(Scalar::Number(text))),
        };
        let n = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        match n {
            Some(n) if (1..=most).contains(&n) => {
                let larger = *slot < Some(n);
                *slot = (*slot).max(Some(n));
                if larger && spot.field != Field::Answers {
                    self.ceiling_name = Some(spot.name);
                }
            }
            _ if spot.field == Field::LooseCeiling => {}
            _ => self.mistyped(spot, &field::short(Scalar::Number(text))),
        }
    }

    fn bool(&mut self, spot: Spot, value: bool, span: Range<u64>) {
        match spot.field {
            Field::Stream => self.stream = Some(value),
            Field::IncludeUsage if value => self.options = StreamOptions::Asked,
            Field::IncludeUsage => self.options = StreamOptions::Declined(span),
            Field::Background => self.background = value,
            Field::Kind
            | Field::ToolKind
            | Field::Image
            | Field::ImagePart
            | Field::ImageData
            | Field::Definitions
            | Field::Prediction => {}
            Field::Elsewhere => self.elsewhere(),
            Field::Search | Field::Hosted if !value => {}
            Field::Search => self.searching(),
            Field::Hosted => self.hosted_tools = true,
            _ => self.mistyped(spot, if value { "true" } else { "false" }),
        }
    }

    fn null(&mut self, spot: Spot, span: Range<u64>) {
        match spot.field {
            Field::StreamOptions => self.options = StreamOptions::Null(span),
            Field::IncludeUsage => self.options = StreamOptions::Declined(span),
            Field::Body => self.mistyped(spot, "null"),
            _ => {}
        }
    }
}

impl Sink<Spot> for Asked {
    fn scalar(&mut self, spot: Spot, value: Scalar<'_>, span: Range<u64>) {
        match value {
            Scalar::Text(text) => {
                if spot.field == Field::Model {
                    self.model_at = span.clone();
                }
                self.value(spot, text, &span);
            }
            Scalar::Number(text) => self.number(spot, text),
            Scalar::Bool(value) => self.bool(spot, value, span),
            Scalar::Null => self.null(spot, span),
            Scalar::Counted if spot.field == Field::Prompts => {
                self.prompts = self.prompts.saturating_add(1);
            }
            Scalar::Counted => {
                self.contents.texts = self.contents.texts.saturating_add(1);
            }
        }
    }

    fn text(&mut self, _: Spot, more: Length) {
        self.characters = self.characters.saturating_add(more.characters as u64);
    }

    fn open(&mut self, spot: Spot, container: Container, at: u64) {
        match (spot.field, container) {
            (Field::Body, Container::Object) => self.inside = at + 1,
            (Field::StreamOptions, Container::Object) => {
                self.options = StreamOptions::Object { inside: at + 1, is_empty: true };
                self.in_options = true;
            }
            (Field::Search, _) => self.searching(),
            (Field::Hosted, _) => self.hosted_tools = true,
            (Field::Elsewhere, _) => self.elsewhere(),
            (Field::Image | Field::ImagePart, _) => self.image(),
            (Field::Definitions, _) => self.defining = Some(at),
            (Field::Prediction, _) => self.contents.predicted = true,
            (Field::Prompt, Container::Object) => self.elsewhere(),
            (Field::Prompt, Container::Array) => {}
            (Field::Prompts, _) => self.prompts = self.prompts.saturating_add(1),
            (Field::Kind | Field::Text | Field::ToolKind | Field::ImageData, _) => {}
            (_, Container::Object) => self.mistyped(spot, "an object"),
            (_, Container::Array) => self.mistyped(spot, "an array"),
        }
    }

    fn close(&mut self, spot: Spot, end: u64) {
        self.in_options &= spot.field != Field::StreamOptions;
        if let Some(began) = self.defining.take_if(|_| spot.field == Field::Definitions) {
            let bytes = end.saturating_sub(began);
            self.contents.definitions = self.contents.definitions.saturating_add(bytes);
        }
    }

    fn key(&mut self, depth: usize, spot: Option<Spot>, _: Range<u64>) {
        if depth == 2
            && self.in_options
            && let StreamOptions::Object { is_empty, .. } = &mut self.options
        {
            *is_empty = false;
        }
        let Some(spot) = spot.filter(|spot| spot.field.is_once()) else { return };
        if self.seen.contains(&spot.name) {
            self.fail(spot, format!("`{}` is given twice; send it once", spot.name));
        }
        self.seen.push(spot.name);
    }
}

#[cfg(test)]
mod tests;

//! What a request says: read as it arrives, without a tree and without keeping it.
//!
//! Only what metering needs is judged. What else is wrong with a request is the provider's to say.

use super::edit::{StreamOptions, ask_for_usage};
use super::field::{self, Field, Tool};
use crate::dialect::{Call, Operation, ReadRequest, Unreadable};
use crate::framing::json::{Container, Flaw, FlawKind, Length, Scalar, Scanner, Sink};
use std::ops::Range;

/// Reads one request body.
pub(in crate::dialect) struct Request {
    scanner: Scanner<Field>,
    asked: Asked,
    at: u64,
}

impl Request {
    pub(in crate::dialect) fn new(operation: Operation) -> Self {
        Self { scanner: Scanner::new(&field::PLACES), asked: Asked::new(operation), at: 0 }
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
    seen: u32,
    model: String,
    stream: bool,
    options: StreamOptions,
    /// Between the braces of the stream options.
    in_options: bool,
    inside: u64,
    numbers: Numbers,
    prompts: u64,
    characters: u64,
    service_tier: Option<String>,
    input_elsewhere: bool,
    hosted_tools: bool,
    searches: bool,
    wrong: Option<Unreadable>,
}

#[derive(Default)]
struct Numbers {
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    n: Option<u64>,
    best_of: Option<u64>,
}

impl Asked {
    fn new(operation: Operation) -> Self {
        Self {
            operation,
            seen: 0,
            model: String::new(),
            stream: false,
            options: StreamOptions::default(),
            in_options: false,
            inside: 0,
            numbers: Numbers::default(),
            prompts: 0,
            characters: 0,
            service_tier: None,
            input_elsewhere: false,
            hosted_tools: false,
            searches: false,
            wrong: None,
        }
    }

    fn into_call(self, body_bytes: u64) -> Call {
        let streams_usage = self.stream && self.generates_choices();
        let edit = streams_usage.then(|| ask_for_usage(&self.options, self.inside)).flatten();
        let numbers = &self.numbers;
        let (output_ceiling, answers) = match self.operation {
            Operation::OpenAiChat | Operation::OpenAiCompletions => {
                let each = numbers.n.max(numbers.best_of).unwrap_or(1);
                let ceiling = numbers.max_tokens.max(numbers.max_completion_tokens);
                (ceiling, each.saturating_mul(self.prompts.max(1)))
            }
            Operation::OpenAiResponses => (numbers.max_output_tokens, 1),
            Operation::OpenAiEmbeddings => (None, 1),
        };
        Call {
            operation: self.operation,
            model: self.model,
            stream: self.stream,
            output_ceiling,
            answers,
            service_tier: self.service_tier,
            body_bytes,
            characters: self.characters,
            input_elsewhere: self.input_elsewhere,
            hosted_tools: self.hosted_tools,
            searches: self.searches,
            edit,
        }
    }

    fn generates_choices(&self) -> bool {
        matches!(self.operation, Operation::OpenAiChat | Operation::OpenAiCompletions)
    }

    fn fail(&mut self, field: Field, message: String) {
        if self.wrong.is_none() {
            self.wrong = Some(Unreadable { param: field.param(), message });
        }
    }

    /// The value is of another type than the field has.
    fn mistyped(&mut self, field: Field, found: &str) {
        let (name, wanted) = (field.name(), field.expects());
        self.fail(field, format!("`{name}` must be {wanted}, not {found}"));
    }

    fn text(&mut self, field: Field, text: &[u8]) {
        match (field, std::str::from_utf8(text)) {
            (Field::Kind, _) => self.kind(text),
            (Field::Elsewhere, _) => self.input_elsewhere = true,
            (Field::Model, Ok(model)) => match field::bad_name(model) {
                None => self.model = model.to_owned(),
                Some(why) => self.fail(field, format!("`model` {why}")),
            },
            (Field::Model, Err(_)) => self.fail(field, "`model` is not valid UTF-8".to_owned()),
            (Field::ServiceTier, Ok(tier)) if field::bad_name(tier).is_none() => {
                self.service_tier = Some(tier.to_owned());
            }
            (field, _) => self.mistyped(field, &field::short(Scalar::Text(text))),
        }
    }

    /// The `type` of something: of a part of the input, or of a tool.
    fn kind(&mut self, kind: &[u8]) {
        self.input_elsewhere |= field::is_hosted(kind);
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

    fn number(&mut self, field: Field, text: &[u8]) {
        let (slot, most) = match field {
            Field::MaxTokens => (&mut self.numbers.max_tokens, field::MOST_TOKENS),
            Field::MaxCompletionTokens => {
                (&mut self.numbers.max_completion_tokens, field::MOST_TOKENS)
            }
            Field::MaxOutputTokens => (&mut self.numbers.max_output_tokens, field::MOST_TOKENS),
            Field::N => (&mut self.numbers.n, field::MOST_ANSWERS),
            Field::BestOf => (&mut self.numbers.best_of, field::MOST_ANSWERS),
            Field::Kind => return,
            Field::Elsewhere => {
                self.input_elsewhere = true;
                return;
            }
            _ => return self.mistyped(field, &field::short(Scalar::Number(text))),
        };
        let n = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        match n {
            Some(n) if (1..=most).contains(&n) => *slot = Some(n),
            _ => self.mistyped(field, &field::short(Scalar::Number(text))),
        }
    }

    fn bool(&mut self, field: Field, value: bool, span: Range<u64>) {
        match field {
            Field::Stream => self.stream = value,
            Field::IncludeUsage if value => self.options = StreamOptions::Asked,
            Field::IncludeUsage => self.options = StreamOptions::Declined(span),
            Field::Background if value => {
                let why = "background responses are not metered yet; send the request without \
                           background";
                self.fail(field, why.to_owned());
            }
            Field::Background | Field::Kind => {}
            Field::Elsewhere => self.input_elsewhere = true,
            _ => self.mistyped(field, if value { "true" } else { "false" }),
        }
    }

    fn null(&mut self, field: Field, span: Range<u64>) {
        match field {
            Field::StreamOptions => self.options = StreamOptions::Null(span),
            Field::IncludeUsage => self.options = StreamOptions::Declined(span),
            Field::Body => self.mistyped(field, "null"),
            _ => {}
        }
    }
}

impl Sink<Field> for Asked {
    fn scalar(&mut self, field: Field, value: Scalar<'_>, span: Range<u64>) {
        if !field.matters(self.operation) {
            return;
        }
        match value {
            Scalar::Text(text) => self.text(field, text),
            Scalar::Number(text) => self.number(field, text),
            Scalar::Bool(value) => self.bool(field, value, span),
            Scalar::Null => self.null(field, span),
            Scalar::Counted if field == Field::Prompts => {
                self.prompts = self.prompts.saturating_add(1);
            }
            Scalar::Counted => {}
        }
    }

    fn text(&mut self, field: Field, more: Length) {
        if field.matters(self.operation) {
            self.characters = self.characters.saturating_add(more.characters as u64);
        }
    }

    fn open(&mut self, field: Field, container: Container, at: u64) {
        if !field.matters(self.operation) {
            return;
        }
        match (field, container) {
            (Field::Body, Container::Object) => self.inside = at + 1,
            (Field::StreamOptions, Container::Object) => {
                self.options = StreamOptions::Object { inside: at + 1, is_empty: true };
                self.in_options = true;
            }
            (Field::SearchOptions, _) => (self.hosted_tools, self.searches) = (true, true),
            (Field::Elsewhere, _) => self.input_elsewhere = true,
            (Field::Prompt, container) => self.input_elsewhere |= container == Container::Object,
            (Field::Prompts, _) => self.prompts = self.prompts.saturating_add(1),
            (Field::Kind, _) => {}
            (field, _) if field.is_text() => {}
            (field, Container::Object) => self.mistyped(field, "an object"),
            (field, Container::Array) => self.mistyped(field, "an array"),
        }
    }

    fn close(&mut self, field: Field, _: u64) {
        self.in_options &= field != Field::StreamOptions;
    }

    fn key(&mut self, depth: usize, field: Option<Field>, _: Range<u64>) {
        if depth == 2
            && self.in_options
            && let StreamOptions::Object { is_empty, .. } = &mut self.options
        {
            *is_empty = false;
        }
        let Some(field) = field.filter(|f| f.is_once() && f.matters(self.operation)) else {
            return;
        };
        let bit = 1 << (field as u32);
        if self.seen & bit != 0 {
            let name = field.name();
            self.fail(field, format!("`{name}` is given twice; send it once"));
        }
        self.seen |= bit;
    }
}

#[cfg(test)]
mod tests;

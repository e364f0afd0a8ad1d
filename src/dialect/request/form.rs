//! Requests that are forms: read for their fields only; the files in them are passed over.

use super::Named;
use super::field::{MOST_ANSWERS, bad_name};
use crate::dialect::{Call, Operation, ReadRequest, Unreadable};
use crate::framing::multipart::{Flaw, Multipart, Parts};

/// How much of a field is kept. Longer ones are counted, and are no name of a model.
const KEPT: usize = 1024;

/// Reads one form.
pub(in crate::dialect) struct Form {
    multipart: Multipart,
    asked: Asked,
    at: u64,
}

/// A field that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Model,
    Stream,
    Answers,
    Prompt,
    File,
    Other,
}

struct Asked {
    operation: Operation,
    named: Named,
    field: Field,
    value: Vec<u8>,
    characters: u64,
    seen: Vec<Field>,
    model: Option<String>,
    stream: Option<bool>,
    answers: u64,
    wrong: Option<Unreadable>,
}

impl Form {
    /// A reader; the error says what is wrong with the content type.
    pub(in crate::dialect) fn new(
        operation: Operation,
        named: Named,
        content_type: &str,
    ) -> Result<Self, Unreadable> {
        let asked = Asked {
            operation,
            named,
            field: Field::Other,
            value: Vec::new(),
            characters: 0,
            seen: Vec::new(),
            model: None,
            stream: None,
            answers: 1,
            wrong: None,
        };
        let multipart = Multipart::new(content_type).map_err(|flaw| unreadable(&flaw))?;
        Ok(Self { multipart, asked, at: 0 })
    }
}

fn unreadable(flaw: &Flaw) -> Unreadable {
    Unreadable { param: None, message: format!("the form is not readable: {flaw}") }
}

impl ReadRequest for Form {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        self.at = self.at.saturating_add(bytes.len() as u64);
        let read = self.multipart.push(bytes, &mut self.asked);
        match self.asked.wrong.take() {
            Some(wrong) => Err(wrong),
            None => read.map_err(|flaw| unreadable(&flaw)),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Call, Unreadable> {
        self.multipart.finish().map_err(|flaw| unreadable(&flaw))?;
        let asked = self.asked;
        let model = asked.named.model.or(asked.model).unwrap_or_default();
        Ok(Call {
            stream: asked.stream.unwrap_or(asked.named.stream),
            answers: asked.answers,
            characters: asked.characters,
            body_bytes: self.at,
            input_elsewhere: true,
            ..Call::plain(asked.operation, &model)
        })
    }
}

impl Parts for Asked {
    fn part(&mut self, name: &[u8], is_file: bool) {
        self.value.clear();
        self.field = match name {
            _ if is_file => Field::File,
            b"model" => Field::Model,
            b"stream" => Field::Stream,
            b"n" => Field::Answers,
            b"prompt" => Field::Prompt,
            _ => Field::Other,
        };
    }

    fn data(&mut self, bytes: &[u8]) {
        match self.field {
            Field::File | Field::Other => {}
            Field::Prompt => {
                let begins = bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
                self.characters = self.characters.saturating_add(begins as u64);
            }
            _ => {
                let room = KEPT.saturating_sub(self.value.len()).min(bytes.len());
                self.value.extend_from_slice(&bytes[..room]);
            }
        }
    }

    fn end(&mut self) {
        let once = matches!(self.field, Field::Model | Field::Stream | Field::Answers);
        if once && self.seen.contains(&self.field) {
            let (param, name) = (self.field.name(), self.field.name());
            return self.fail(param, format!("`{name}` is given twice; send it once"));
        }
        self.seen.push(self.field);
        let text = String::from_utf8_lossy(&self.value).trim().to_owned();
        match self.field {
            Field::Model => match bad_name(&text) {
                None => self.model = Some(text),
                Some(why) => self.fail("model", format!("`model` {why}")),
            },
            Field::Stream => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => self.stream = Some(true),
                "false" | "0" | "" => self.stream = Some(false),
                _ => {
                    self.fail("stream", format!("`stream` must be true or false, not `{text:.40}`"))
                }
            },
            Field::Answers => match text.parse() {
                Ok(n) if (1..=MOST_ANSWERS).contains(&n) => self.answers = n,
                _ => {
                    let wanted = format!("a whole number from 1 to {MOST_ANSWERS}");
                    self.fail("n", format!("`n` must be {wanted}, not `{text:.40}`"));
                }
            },
            Field::Prompt | Field::File | Field::Other => {}
        }
    }
}

impl Field {
    const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::Answers => "n",
            Self::Prompt => "prompt",
            Self::File | Self::Other => "file",
        }
    }
}

impl Asked {
    fn fail(&mut self, param: &'static str, message: String) {
        self.wrong.get_or_insert(Unreadable { param: Some(param), message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=b";

    fn read(fields: &[(&str, &str)], size: usize) -> Result<Call, Unreadable> {
        let mut body: String = fields
            .iter()
            .map(|(name, value)| {
                format!("--b\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n")
            })
            .collect();
        body.push_str("--b--\r\n");
        let operation = Operation::OpenAiTranscription;
        let mut form = Box::new(Form::new(operation, Named::default(), KIND)?);
        for piece in body.as_bytes().chunks(size) {
            form.push(piece)?;
        }
        form.finish()
    }

    fn check(fields: &[(&str, &str)]) -> Result<Call, Unreadable> {
        let whole = read(fields, usize::MAX);
        for size in [1, 2, 7] {
            assert_eq!(read(fields, size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn fields_are_read_and_files_are_not() {
        let file = ("name=\"file\"; filename=\"model\"", "name=\"model\"\r\n\r\nwhisper-9");
        let call = check(&[
            file,
            ("name=\"model\"", "gpt-4o-transcribe"),
            ("name=\"stream\"", "true"),
            ("name=\"prompt\"", "Grüße"),
        ])
        .unwrap();
        assert_eq!((call.model.as_str(), call.stream), ("gpt-4o-transcribe", true));
        assert_eq!((call.characters, call.input_elsewhere), (5, true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (fields, param, named) in [
            (vec![("name=\"n\"", "0")], "n", "1 to 128"),
            (vec![("name=\"stream\"", "maybe")], "stream", "`maybe`"),
            (vec![("name=\"model\"", "a"), ("name=\"model\"", "b")], "model", "twice"),
            (vec![("name=\"model\"", "")], "model", "is empty"),
        ] {
            let error = check(&fields).unwrap_err();
            assert_eq!(error.param, Some(param));
            assert!(error.message.contains(named), "{error}");
        }
        assert!(
            Form::new(Operation::OpenAiImages, Named::default(), "multipart/form-data").is_err()
        );
    }
}

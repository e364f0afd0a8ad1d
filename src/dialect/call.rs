//! What a request says, as far as metering needs it.

use super::Operation;
use bytes::Bytes;
use std::fmt;
use std::ops::Range;

/// A request, as far as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The operation.
    pub operation: Operation,
    /// The model; empty where neither body nor path names one.
    pub model: String,
    /// A stream was asked for.
    pub stream: bool,
    /// The most output tokens that one answer may have, as the request says.
    pub output_ceiling: Option<u64>,
    /// The request's own name for that.
    pub ceiling_name: Option<&'static str>,
    /// How many answers are generated and billed (`n`, `best_of`), at least 1.
    pub answers: u64,
    /// The tier that was asked for.
    pub service_tier: Option<String>,
    /// Length of the body in bytes.
    pub body_bytes: u64,
    /// Unicode characters of the text in it: messages, instructions, prompt, input, tool results.
    pub characters: u64,
    /// The input's tokens are not bounded by the body's length (images by URL, files, stored
    /// conversations, hosted tools).
    pub input_elsewhere: bool,
    /// What of the request is more, or less, than the tokens of its text.
    pub contents: Contents,
    /// The provider may call a tool of its own and read the prompt again each time: nothing bounds
    /// the input.
    pub hosted_tools: bool,
    /// The provider may search the web, which it bills by the search.
    pub searches: bool,
    /// The answer will only say that the work was taken on; its figures are fetched later.
    pub background: bool,
    /// Where the body names the model, as a JSON text; `None` where it does not, or not in JSON.
    pub model_at: Option<Range<usize>>,
    /// The one edit of the body, if any.
    pub edit: Option<Splice>,
}

/// What of a request is more, or less, than the tokens of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// Images for the model to see.
    pub images: u64,
    /// Bytes of the body that encode or name those images.
    pub image_bytes: u64,
    /// Other input that is encoded, or held elsewhere.
    pub beyond: bool,
    /// Bytes of the body that define tools and the form of the answer.
    pub definitions: u64,
    /// Tools that the provider describes to the model in words of its own.
    pub described: u64,
    /// Texts that are counted in characters.
    pub texts: u64,
    /// The text of the answer is predicted; what of it the model does not use is billed as output.
    pub predicted: bool,
}

impl Call {
    /// A call of an operation that says nothing but its model.
    pub fn plain(operation: Operation, model: &str) -> Self {
        Self {
            operation,
            model: model.to_owned(),
            stream: false,
            output_ceiling: None,
            ceiling_name: None,
            answers: 1,
            service_tier: None,
            body_bytes: 0,
            characters: 0,
            input_elsewhere: false,
            contents: Contents::default(),
            hosted_tools: false,
            searches: false,
            background: false,
            model_at: None,
            edit: None,
        }
    }

    /// The request's name for its output ceiling, given or not.
    pub fn ceiling_field(&self) -> &'static str {
        let given = self.ceiling_name.and_then(|path| path.rsplit('.').next());
        given.unwrap_or_else(|| self.operation.ceiling_field())
    }
}

/// The one edit of a request body: the bytes of `range` are replaced by `with`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Offsets in the original body.
    pub range: Range<usize>,
    /// The new bytes.
    pub with: Bytes,
}

impl Splice {
    /// Where bytes beside this edit are after it.
    pub fn moved(&self, at: Range<usize>) -> Range<usize> {
        if at.start < self.range.end {
            return at;
        }
        let moved =
            |offset: usize| offset.saturating_sub(self.range.len()).saturating_add(self.with.len());
        moved(at.start)..moved(at.end)
    }
}

/// A body that is not readable as its route's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The offending field, where there is one.
    pub param: Option<&'static str>,
    /// What is wrong with it, and the way out.
    pub message: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unreadable {}

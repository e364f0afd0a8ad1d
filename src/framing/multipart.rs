//! `multipart/form-data` requests, read for their fields.
//!
//! What a part holds is handed on in the pieces in which it comes, files too; of the stream no more
//! is kept than the name of a part and one line of its headers. Where parsers are known to differ
//! (folded or doubled headers, text behind a boundary) the body is refused rather than guessed at,
//! so that the provider cannot read other fields than those that were read here.

mod header;
mod parameters;

use header::{Field, boundary, field};
use memchr::memmem::Finder;
use std::fmt;

/// The longest boundary.
pub const MAX_BOUNDARY: usize = 70;

/// The longest name of a field.
pub const MAX_NAME: usize = 256;

/// How long the headers of one part may be.
pub const MAX_HEADERS: usize = 16 * 1024;

/// How many parts a body may have.
pub const MAX_PARTS: usize = 1000;

/// Is told what the parts say.
pub trait Parts {
    /// A part begins: the field of that name, or a file under it.
    fn part(&mut self, name: &[u8], is_file: bool);

    /// The next bytes of the current part.
    fn data(&mut self, bytes: &[u8]);

    /// The current part ended.
    fn end(&mut self);
}

/// Why a body is not read, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw(String);

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Flaw {}

/// Where in the body the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// Before the first boundary.
    Preamble,
    /// Behind a boundary.
    Behind(Behind),
    Headers,
    Body,
    /// Behind the closing boundary.
    Done,
}

/// What stood behind a boundary so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    Dash,
    /// White space, which may be padding.
    Blank,
    Cr,
}

/// The line end in front of a boundary.
const LINE_END: usize = 2;

/// Reads one body.
#[derive(Debug)]
pub struct Multipart {
    /// Looks for a line end, two dashes and the boundary.
    delimiter: Finder<'static>,
    spot: Spot,
    /// So many bytes of a delimiter were seen and not handed on.
    matched: usize,
    /// So many of these are not of the part, as they ended the line before it.
    before: usize,
    line: Vec<u8>,
    /// How long the headers of the current part are so far.
    headers: usize,
    /// What the headers of the current part said so far.
    named: Option<Field>,
    parts: usize,
    flaw: Option<Flaw>,
}

impl Multipart {
    /// A reader for a body with that `content-type`.
    pub fn new(content_type: &str) -> Result<Self, Flaw> {
        let boundary = boundary(content_type)?;
        let delimiter = [b"\r\n--", &boundary[..]].concat();
        Ok(Self {
            delimiter: Finder::new(&delimiter).into_owned(),
            spot: Spot::Preamble,
            matched: LINE_END,
            before: LINE_END,
            line: Vec::new(),
            headers: 0,
            named: None,
            parts: 0,
            flaw: None,
        })
    }

    /// The next bytes. After a flaw nothing more is read, and the flaw is told again.
    pub fn push(&mut self, bytes: &[u8], parts: &mut impl Parts) -> Result<(), Flaw> {
        let mut rest = bytes;
        while !rest.is_empty() && self.flaw.is_none() {
            let read = match self.spot {
                Spot::Preamble | Spot::Body => Ok(self.body(rest, parts)),
                Spot::Behind(behind) => self.behind(behind, rest),
                Spot::Headers => self.header(rest, parts),
                Spot::Done => Ok(rest.len()),
            };
            match read {
                Ok(read) => rest = rest.get(read..).unwrap_or_default(),
                Err(flaw) => self.flaw = Some(flaw),
            }
        }
        self.flaw.clone().map_or(Ok(()), Err)
    }

    /// The body ended.
    pub fn finish(&mut self) -> Result<(), Flaw> {
        if let Some(flaw) = &self.flaw {
            return Err(flaw.clone());
        }
        if self.spot == Spot::Done {
            return Ok(());
        }
        let parts = self.parts;
        Err(Flaw(format!(
            "the multipart body ends before its closing boundary (parts read: {parts}); send the \
             whole body, with the boundary that the content type names"
        )))
    }

    /// Reads on up to a delimiter, which only a CR can begin; gives how many bytes that was.
    fn body(&mut self, rest: &[u8], parts: &mut impl Parts) -> usize {
        if self.matched > 0 {
            return self.begun(rest, parts);
        }
        let delimiter = self.delimiter.needle();
        let (said, read) = match self.delimiter.find(rest) {
            Some(at) => {
                self.matched = delimiter.len();
                (at, at + delimiter.len())
            }
            None => {
                let begins = memchr::memrchr(b'\r', rest)
                    .filter(|&at| rest.get(at..).is_some_and(|end| delimiter.starts_with(end)));
                let said = begins.unwrap_or(rest.len());
                self.matched = rest.len() - said;
                (said, rest.len())
            }
        };
        self.hand_on(rest.get(..said).unwrap_or_default(), parts);
        self.end_if_matched(parts);
        read
    }

    /// Reads on where a delimiter may have begun.
    fn begun(&mut self, rest: &[u8], parts: &mut impl Parts) -> usize {
        let delimiter = self.delimiter.needle();
        let awaited = delimiter.get(self.matched..).unwrap_or_default();
        let equal = awaited.iter().zip(rest).take_while(|(a, b)| a == b).count();
        self.matched += equal;
        if equal < awaited.len() && equal < rest.len() {
            let said = delimiter.get(self.before..self.matched).unwrap_or_default().to_owned();
            self.matched = 0;
            self.before = 0;
            self.hand_on(&said, parts);
        }
        self.end_if_matched(parts);
        equal
    }

    fn hand_on(&self, said: &[u8], parts: &mut impl Parts) {
        if self.spot == Spot::Body && !said.is_empty() {
            parts.data(said);
        }
    }

    fn end_if_matched(&mut self, parts: &mut impl Parts) {
        if self.matched < self.delimiter.needle().len() {
            return;
        }
        if self.spot == Spot::Body {
            parts.end();
        }
        self.matched = 0;
        self.spot = Spot::Behind(Behind::Nothing);
    }

    /// Reads a byte behind a boundary.
    fn behind(&mut self, behind: Behind, rest: &[u8]) -> Result<usize, Flaw> {
        self.spot = match (behind, rest.first()) {
            (Behind::Nothing, Some(b'-')) => Spot::Behind(Behind::Dash),
            (Behind::Dash, Some(b'-')) => Spot::Done,
            (Behind::Nothing | Behind::Blank, Some(b' ' | b'\t')) => Spot::Behind(Behind::Blank),
            (Behind::Nothing | Behind::Blank, Some(b'\r')) => Spot::Behind(Behind::Cr),
            (Behind::Cr, Some(b'\n')) => return self.begin_part(),
            _ => {
                return Err(Flaw(format!(
                    "boundary {} of the multipart body is followed by more than a line end; \
                     choose a boundary that does not occur in the parts",
                    self.parts + 1
                )));
            }
        };
        Ok(1)
    }

    fn begin_part(&mut self) -> Result<usize, Flaw> {
        if self.parts == MAX_PARTS {
            return Err(Flaw(format!(
                "the multipart body has more than {MAX_PARTS} parts; send fewer"
            )));
        }
        self.parts += 1;
        self.headers = 0;
        self.named = None;
        self.spot = Spot::Headers;
        Ok(1)
    }

    /// Reads on in the headers of a part up to a line end; gives how many bytes that was.
    fn header(&mut self, rest: &[u8], parts: &mut impl Parts) -> Result<usize, Flaw> {
        let end = memchr::memchr(b'\n', rest);
        let piece = end.and_then(|end| rest.get(..=end)).unwrap_or(rest);
        self.headers += piece.len();
        if self.headers > MAX_HEADERS {
            let limit = MAX_HEADERS / 1024;
            return Err(self.flaw(&format!("has headers over {limit} KiB; send shorter ones")));
        }
        self.line.extend_from_slice(piece);
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            self.header_line(line.strip_suffix(b"\r").unwrap_or(line), parts)?;
        }
        Ok(piece.len())
    }

    fn header_line(&mut self, line: &[u8], parts: &mut impl Parts) -> Result<(), Flaw> {
        if line.is_empty() {
            return self.begin_body(parts);
        }
        let Some(field) = field(line).map_err(|what| self.flaw(what))? else { return Ok(()) };
        if self.named.replace(field).is_some() {
            return Err(self.flaw("has two content-disposition headers; send one"));
        }
        Ok(())
    }

    fn begin_body(&mut self, parts: &mut impl Parts) -> Result<(), Flaw> {
        let Some(field) = self.named.take() else {
            return Err(self.flaw(
                "has no name; send `content-disposition: form-data; name=\"…\"` with each part",
            ));
        };
        parts.part(&field.name, field.is_file);
        self.spot = Spot::Body;
        // The blank line may be the line end in front of the next boundary, too.
        self.matched = LINE_END;
        self.before = LINE_END;
        Ok(())
    }

    /// What is wrong with the current part.
    fn flaw(&self, what: &str) -> Flaw {
        Flaw(format!("part {} of the multipart body {what}", self.parts))
    }
}

#[cfg(test)]
mod tests;

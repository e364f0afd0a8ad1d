//! Documents that differ from the one before only where it does not matter.
//!
//! The chunks of a stream are alike but for a few texts and numbers that nobody asked for. A
//! template is one such document with holes in these places. A document that fits it would make the
//! scanner report exactly what the first one made it report, but for the length of the texts that
//! are counted; so it need not be scanned. What does not fit exactly does not fit.

use super::characters::{Characters, Length};
use super::number::Number;
use super::text::passable;
use std::ops::Range;

/// Most bytes between the holes, and most holes.
const LITERAL: usize = 4096;
const HOLES: usize = 24;

/// What stood where nothing was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// A string whose bytes were counted as text.
    Counted,
    /// A string whose characters were counted too.
    Characters,
    /// Another string.
    Text,
    /// A number.
    Number,
}

#[derive(Debug, Clone, Copy)]
struct Hole {
    /// End of the literal bytes before it.
    literal: usize,
    /// Where it stood, with its quotes.
    end: usize,
    length: usize,
    passed: Passed,
}

/// How a document fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// How much text was counted.
    pub counted: Length,
    /// Where the marked part is, if one was marked.
    pub mark: Option<(usize, usize)>,
}

/// One document with holes.
#[derive(Debug, Default)]
pub struct Template {
    literal: Vec<u8>,
    holes: Vec<Hole>,
    mark: Option<(usize, usize)>,
    usable: bool,
}

impl Template {
    /// Forgets the document; nothing fits.
    pub fn clear(&mut self) {
        self.literal.clear();
        self.holes.clear();
        self.mark = None;
        self.usable = false;
    }

    /// Notes what the scanner passed over; `span` counts from the beginning of the document.
    pub fn pass(&mut self, passed: Passed, span: Range<usize>) {
        if self.holes.len() <= HOLES {
            let length = span.len();
            self.holes.push(Hole { literal: 0, end: span.end, length, passed });
        }
    }

    /// From now on, documents may fit this one, of which everything passed over was noted. The part
    /// at `mark` will be found again in them; it must not touch what was passed over.
    pub fn learn(&mut self, document: &[u8], mark: Option<Range<usize>>) {
        self.usable = false;
        self.literal.clear();
        let passed: usize = self.holes.iter().map(|hole| hole.length).sum();
        if self.holes.len() > HOLES || document.len().saturating_sub(passed) > LITERAL {
            return;
        }
        let mut from = 0;
        for hole in &mut self.holes {
            let begin = hole.end.saturating_sub(hole.length);
            let Some(piece) = document.get(from..begin) else { return };
            self.literal.extend_from_slice(piece);
            hole.literal = self.literal.len();
            from = hole.end;
        }
        self.literal.extend_from_slice(document.get(from..).unwrap_or_default());
        self.mark = mark.map(|mark| (mark.start, mark.end));
        self.usable = true;
    }

    /// Whether the document fits, and how.
    pub fn fit(&self, document: &[u8]) -> Option<Fit> {
        if !self.usable {
            return None;
        }
        let mut fit = Fit { counted: Length::default(), mark: self.mark };
        let (mut at, mut literal) = (0, 0);
        for hole in &self.holes {
            let piece = self.literal.get(literal..hole.literal)?;
            let rest = document.get(at..)?.strip_prefix(piece)?;
            let (length, counted) = match hole.passed {
                Passed::Number => (number(rest)?, Length::default()),
                passed => string(rest, passed)?,
            };
            fit.counted.bytes += counted.bytes;
            fit.counted.characters += counted.characters;
            at += piece.len() + length;
            literal = hole.literal;
            if let (Some(mark), Some((begin, _))) = (&mut fit.mark, self.mark)
                && begin >= hole.end
            {
                *mark = (mark.0 + length - hole.length, mark.1 + length - hole.length);
            }
        }
        (document.get(at..)? == self.literal.get(literal..)?).then_some(fit)
    }
}

/// Length of the string that begins here, with its quotes, and what of it is counted.
fn string(bytes: &[u8], passed: Passed) -> Option<(usize, Length)> {
    let inside = bytes.strip_prefix(b"\"")?;
    let text = match passed {
        Passed::Characters => Characters::new().pass(inside),
        _ => Length { bytes: passable(inside, |_, _| {}), characters: 0 },
    };
    let counted = if passed == Passed::Text { Length::default() } else { text };
    (inside.get(text.bytes) == Some(&b'"')).then_some((text.bytes + 2, counted))
}

/// Length of the number that begins here.
fn number(bytes: &[u8]) -> Option<usize> {
    let first = bytes.first().filter(|b| matches!(b, b'-' | b'0'..=b'9'))?;
    let (number, length) = Number::begin(*first).read(bytes.get(1..)?);
    number.whole().then_some(length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &[u8] = br#"{"id":"a1","n":1,"said":"hi","usage":null,"pad":"x"}"#;

    fn template() -> Template {
        let mut template = Template::default();
        let find = |text: &str| {
            let at = DOCUMENT.windows(text.len()).position(|w| w == text.as_bytes()).unwrap();
            at..at + text.len()
        };
        template.pass(Passed::Text, find("\"a1\""));
        template.pass(Passed::Number, 15..16);
        template.pass(Passed::Characters, find("\"hi\""));
        template.pass(Passed::Text, find("\"x\""));
        template.learn(DOCUMENT, Some(find(",\"usage\":null")));
        template
    }

    fn check(document: &str, counted: Option<(usize, usize)>) {
        let fit = template().fit(document.as_bytes());
        let found = fit.map(|fit| (fit.counted.bytes, fit.counted.characters));
        assert_eq!(found, counted, "{document}");
        if let Some((start, end)) = fit.and_then(|fit| fit.mark) {
            assert_eq!(&document[start..end], ",\"usage\":null", "{document}");
        }
    }

    #[test]
    fn fits_what_differs_only_in_the_holes() {
        check(std::str::from_utf8(DOCUMENT).unwrap(), Some((2, 2)));
        check(r#"{"id":"","n":-12.5e3,"said":"","usage":null,"pad":"xyz"}"#, Some((0, 0)));
        check(r#"{"id":"\"}","n":0,"said":"\u00e9\\","usage":null,"pad":"\n"}"#, Some((8, 2)));
        for other in [
            "",
            r#"{"id":"a1","n":1,"said":"hi","usage":null,"pad":"x"#,
            r#"{"id":"a1","n":1,"said":"hi","usage":null,"pad":"x"} "#,
            r#"{"id":"a1","n":1,"said":"hi","usage":{},"pad":"x"}"#,
            r#"{"id":"a1","n":"1","said":"hi","usage":null,"pad":"x"}"#,
            r#"{"id":"a1","n":01,"said":"hi","usage":null,"pad":"x"}"#,
            r#"{"id":"a1","n":1.,"said":"hi","usage":null,"pad":"x"}"#,
            r#"{"id":null,"n":1,"said":"hi","usage":null,"pad":"x"}"#,
            r#"{"id":"a1","n":1,"said":"\x","usage":null,"pad":"x"}"#,
            r#"{"id":"a1","n":1,"said":"\u12","usage":null,"pad":"x"}"#,
            r#"{"id":"a1","n":1,"said":"hi","usage":null,"pad":"x","error":{}}"#,
        ] {
            check(other, None);
        }
        assert_eq!(Template::default().fit(b""), None);
    }
}

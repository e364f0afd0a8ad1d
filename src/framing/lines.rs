//! NDJSON: each line is an event, without collecting it.
//!
//! Lines end with LF or CRLF; the last one may lack its end. White space before what a line says
//! is passed over, so that a blank line is no event. What the line says is handed on in the pieces
//! in which it comes. Whether it is JSON is not asked here.

use super::{Events, offset};

/// Reads a stream of lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// The current line has said something.
    open: bool,
    /// The last byte was a CR that may belong to the end of the line, and was not handed on.
    cr: bool,
    at: u64,
}

impl Lines {
    /// A reader at the start of a stream.
    pub const fn new() -> Self {
        Self { open: false, cr: false, at: 0 }
    }

    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8], events: &mut impl Events) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end);
            self.line(line, events);
            self.finish(events);
            self.at = self.at.saturating_add(1);
            rest = behind.get(1..).unwrap_or_default();
        }
        self.line(rest, events);
    }

    /// The stream ended, and with it a line that lacks its end.
    pub fn finish(&mut self, events: &mut impl Events) {
        self.cr = false;
        if std::mem::take(&mut self.open) {
            events.dispatch();
        }
    }

    /// The next bytes of the current line.
    fn line(&mut self, line: &[u8], events: &mut impl Events) {
        let said = if self.open { line } else { line.trim_ascii_start() };
        let from = self.at.saturating_add(offset(line.len() - said.len()));
        self.at = self.at.saturating_add(offset(line.len()));
        if said.is_empty() {
            return;
        }
        self.open = true;
        if std::mem::take(&mut self.cr) {
            events.data(b"\r", from.saturating_sub(1));
        }
        let front = said.strip_suffix(b"\r");
        self.cr = front.is_some();
        let front = front.unwrap_or(said);
        if !front.is_empty() {
            events.data(front, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::{Log, any_cuts, divide, every_way, words};
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Log {
        let (mut lines, mut log) = (Lines::new(), Log::default());
        for piece in pieces {
            lines.push(piece, &mut log);
        }
        lines.finish(&mut log);
        lines.finish(&mut log);
        log
    }

    fn check(text: &str, events: &[&str]) {
        let log = every_way(text.as_bytes(), read);
        assert_eq!(log.events, events, "{text:?}");
        for (event, start) in log.events.iter().zip(log.starts) {
            let start = usize::try_from(start).unwrap();
            assert!(text[start..].starts_with(event), "{text:?}: {event:?} begins at {start}");
        }
    }

    #[test]
    fn each_line_is_an_event() {
        check("", &[]);
        check("{}", &["{}"]);
        check("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"a\":1}\r\n{\"b\":2}\r\n", &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"a\":1}\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"a\":1}\r", &["{\"a\":1}"]);
    }

    #[test]
    fn blank_lines_are_none() {
        check("\n\n\r\n \t\r\n{}\n\r\n\n  ", &["{}"]);
        check("  {}\n", &["{}"]);
        check("\r\r\n{}\n", &["{}"]);
    }

    #[test]
    fn only_the_end_of_a_line_is_taken_from_it() {
        check("a\rb\n", &["a\rb"]);
        check("a\r\r\nb\n", &["a\r", "b"]);
        check("a\r\r\rb \n", &["a\r\r\rb "]);
    }

    #[test]
    fn a_long_line_passes_in_pieces() {
        struct Sizes(usize, usize);
        impl Events for Sizes {
            fn data(&mut self, bytes: &[u8], at: u64) {
                assert_eq!(at, u64::try_from(self.0).unwrap());
                self.0 += bytes.len();
            }
            fn dispatch(&mut self) {
                self.1 += 1;
            }
        }
        let (mut lines, mut sizes) = (Lines::new(), Sizes(0, 0));
        for _ in 0..640 {
            lines.push(&[b'x'; 65536], &mut sizes);
        }
        assert_eq!((sizes.0, sizes.1), (640 * 65536, 0));
        lines.push(b"\n", &mut sizes);
        assert_eq!(sizes.1, 1);
    }

    proptest! {
        #[test]
        fn any_division_reads_the_same(
            bytes in words(&["\n", "\r", "\r\n", " ", "{\"a\":1}", "x"]),
            cuts in any_cuts(),
        ) {
            let whole = read(&[&bytes]);
            prop_assert_eq!(&read(&divide(&bytes, &cuts)), &whole);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let said = text.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l));
            let said: Vec<_> = said
                .map(|l| l.trim_start_matches(|c: char| c.is_ascii_whitespace()))
                .filter(|l| !l.is_empty())
                .collect();
            prop_assert_eq!(whole.events, said);
        }
    }
}

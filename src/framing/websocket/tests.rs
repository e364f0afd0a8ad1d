//! Frames as both sides send them, and as neither may, in every division.
//! Compiled under `#[cfg(test)]` only.

use super::super::pieces::{any_cuts, divide, every_way};
use super::*;
use proptest::prelude::*;

/// What was told: whole messages, and what is open; a close is the last message.
#[derive(Debug, Default, PartialEq)]
struct Log {
    messages: Vec<String>,
    open: Vec<u8>,
}

impl Socket for Log {
    fn text(&mut self, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "nothing was handed on");
        self.open.extend_from_slice(bytes);
    }

    fn message_end(&mut self) {
        let bytes = std::mem::take(&mut self.open);
        self.messages.push(String::from_utf8_lossy(&bytes).into_owned());
    }

    fn close(&mut self, code: Option<u16>) {
        self.messages.push(format!("close {code:?}"));
    }
}

/// How the reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Boundary,
    Within,
    Broken,
}

fn read(masked: bool, pieces: &[&[u8]]) -> (Log, End) {
    let (mut frames, mut log) = (Frames::new(masked), Log::default());
    for piece in pieces {
        frames.push(piece, &mut log);
    }
    let end = match (frames.at_boundary(), frames.is_broken()) {
        (true, false) => End::Boundary,
        (false, false) => End::Within,
        (false, true) => End::Broken,
        (true, true) => panic!("a boundary in what is broken"),
    };
    (log, end)
}

const MASK: [u8; 4] = [0x37, 0xFA, 0, 0x3D];

/// A frame with any first byte.
fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let text: String = payload.iter().map(|&byte| char::from(byte)).collect();
    let mut frame = text_frame(&text, mask);
    frame[0] = first;
    frame
}

/// Both sides may say so.
fn check(frames: &[(u8, &str)], messages: &[&str], open: &str, end: End) {
    for mask in [None, Some(MASK)] {
        let bytes: Vec<u8> =
            frames.iter().flat_map(|(first, text)| frame(*first, text.as_bytes(), mask)).collect();
        let (log, found) = every_way(&bytes, |pieces| read(mask.is_some(), pieces));
        assert_eq!(log.messages, messages, "{frames:?}");
        assert_eq!((&log.open[..], found), (open.as_bytes(), end), "{frames:?}");
    }
}

fn check_broken(bytes: &[u8]) {
    let (log, end) = every_way(bytes, |pieces| read(false, pieces));
    assert_eq!((log, end), (Log::default(), End::Broken), "{bytes:x?}");
}

#[test]
fn reads_messages() {
    check(&[], &[], "", End::Boundary);
    check(&[(0x81, "{}")], &["{}"], "", End::Boundary);
    check(&[(0x81, "a"), (0x82, "bytes"), (0x81, "")], &["a", "bytes", ""], "", End::Boundary);
    check(&[(0x81, &"x".repeat(300))], &[&"x".repeat(300)], "", End::Boundary);
}

#[test]
fn reads_fragments_with_control_frames_between() {
    check(
        &[(0x01, "one "), (0x89, "ping"), (0x00, "two "), (0x8A, ""), (0x80, "three"), (0x81, "b")],
        &["one two three", "b"],
        "",
        End::Boundary,
    );
    check(&[(0x01, "one"), (0x89, "")], &[], "one", End::Within);
    check(&[(0x01, ""), (0x00, ""), (0x80, "")], &[""], "", End::Boundary);
}

#[test]
fn reads_how_the_connection_is_closed() {
    check(&[(0x88, "")], &["close None"], "", End::Within);
    check(&[(0x88, "\u{3}\u{78}"), (0x81, "late")], &["close Some(888)"], "", End::Within);
    check(&[(0x01, "a"), (0x88, "\u{3}\u{78}bye")], &["close Some(888)"], "a", End::Within);
    for mask in [None, Some(MASK)] {
        let (log, _) = read(mask.is_some(), &[&close_frame(4429, "over budget", mask)]);
        assert_eq!(log.messages, ["close Some(4429)"]);
    }
}

#[test]
fn says_where_frames_begin() {
    let bytes = [frame(0x81, b"abc", None), frame(0x89, b"", None)].concat();
    let ends = |at| read(false, &[&bytes[..at]]).1 == End::Boundary;
    let boundaries: Vec<usize> = (0..=bytes.len()).filter(|&at| ends(at)).collect();
    assert_eq!(boundaries, [0, 5, 7]);
}

#[test]
fn reads_lengths_of_every_width() {
    for length in [125, 126, 65_535, 65_536, 200_000] {
        let text = "y".repeat(length);
        for mask in [None, Some(MASK)] {
            let bytes = text_frame(&text, mask);
            let (log, end) = read(mask.is_some(), &bytes.chunks(997).collect::<Vec<_>>());
            assert_eq!((log.messages, end), (vec![text.clone()], End::Boundary), "{length}");
        }
    }
}

#[test]
fn a_frame_may_promise_more_than_memory_holds() {
    let (mut frames, mut log) = (Frames::new(false), Log::default());
    frames.push(&[0x81, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], &mut log);
    frames.push(b"abc", &mut log);
    assert_eq!(
        (&log.open[..], frames.is_broken(), frames.at_boundary()),
        (&b"abc"[..], false, false)
    );
}

#[test]
fn what_the_protocol_forbids_breaks_the_reading() {
    for first in [0xC1, 0xA1, 0x91, 0x83, 0x87, 0x8B, 0x8F] {
        check_broken(&frame(first, b"a", None));
    }
    check_broken(&frame(0x81, b"a", Some(MASK)));
    check_broken(&frame(0x80, b"a", None));
    check_broken(&frame(0x09, b"a", None));
    check_broken(&frame(0x89, &[b'a'; 126], None));
    check_broken(&frame(0x88, b"a", None));
    check_broken(&[0x81, 126, 0, 125, b'a']);
    check_broken(&[0x81, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, b'a']);
    check_broken(&[0x81, 127, 0x80, 0, 0, 0, 0, 1, 0, 0, b'a']);
    check(&[(0x01, "a"), (0x81, "b")], &[], "a", End::Broken);
    assert_eq!(read(true, &[&frame(0x81, b"a", None)]).1, End::Broken);
}

#[test]
fn a_reason_is_cut_to_what_fits() {
    let frame = close_frame(1000, &"é".repeat(100), None);
    assert_eq!((frame.len(), &frame[..4]), (2 + 2 + 122, &[0x88, 124, 3, 0xE8][..]));
    assert_eq!(std::str::from_utf8(&frame[4..]), Ok(&"é".repeat(61)[..]));
}

proptest! {
    #[test]
    fn any_division_reads_the_same(
        frames in prop::collection::vec((prop::sample::select(&[0x81_u8, 0x82, 0x01, 0x00, 0x80, 0x89, 0x8A][..]), "[ -~]{0,200}"), 0..8),
        mask in prop::option::of(any::<[u8; 4]>()),
        cuts in any_cuts(),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, text)| frame(*first, text.as_bytes(), mask)).collect();
        let masked = mask.is_some();
        prop_assert_eq!(read(masked, &divide(&bytes, &cuts)), read(masked, &[&bytes]));
    }

    #[test]
    fn what_was_written_is_read(
        texts in prop::collection::vec(".{0,80}", 0..6),
        mask in prop::option::of(any::<[u8; 4]>()),
        cuts in any_cuts(),
    ) {
        let bytes: Vec<u8> = texts.iter().flat_map(|text| text_frame(text, mask)).collect();
        let (log, end) = read(mask.is_some(), &divide(&bytes, &cuts));
        prop_assert_eq!((log.messages, end), (texts, End::Boundary));
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), masked in any::<bool>(), cuts in any_cuts()) {
        prop_assert_eq!(read(masked, &divide(&bytes, &cuts)), read(masked, &[&bytes]));
    }
}

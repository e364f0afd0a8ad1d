//! Multipart requests: the same parts, and the same flaw, however the body is divided.

#![no_main]

use farebox::framing::multipart::{MAX_NAME, MAX_PARTS, Multipart, Parts};
use farebox_fuzz::Input;
use libfuzzer_sys::fuzz_target;

/// The content types; the seeds use the first boundary.
const KINDS: &[&str] = &[
    "multipart/form-data; boundary=fare",
    "multipart/form-data; boundary=\"-\"",
    "multipart/form-data; charset=utf-8; boundary=----b",
];

#[derive(Debug, PartialEq)]
struct Part {
    name: Vec<u8>,
    is_file: bool,
    holds: Vec<u8>,
    ended: bool,
}

#[derive(Debug, Default, PartialEq)]
struct Log(Vec<Part>);

impl Parts for Log {
    fn part(&mut self, name: &[u8], is_file: bool) {
        assert!(name.len() <= MAX_NAME && self.0.len() < MAX_PARTS);
        assert!(self.0.last().is_none_or(|part| part.ended), "a part begins in another");
        self.0.push(Part { name: name.to_vec(), is_file, holds: Vec::new(), ended: false });
    }

    fn data(&mut self, bytes: &[u8]) {
        let part = self.0.last_mut().filter(|part| !part.ended).expect("in a part");
        part.holds.extend_from_slice(bytes);
    }

    fn end(&mut self) {
        self.0.last_mut().expect("in a part").ended = true;
    }
}

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let _ = input.same_for_any_split(|pieces| {
        let mut multipart = Multipart::new(input.one_of(0, KINDS)).expect("a boundary");
        let mut log = Log::default();
        let read = pieces.iter().try_for_each(|piece| multipart.push(piece, &mut log));
        (log, read.and_then(|()| multipart.finish()))
    });
});

//! One direction of a WebSocket: the same messages, however the bytes are divided.

#![no_main]

use farebox::framing::websocket::{Frames, Socket};
use farebox_fuzz::Input;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Default, PartialEq)]
struct Log {
    messages: Vec<Vec<u8>>,
    open: Vec<u8>,
    closes: Vec<Option<u16>>,
}

impl Socket for Log {
    fn text(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
    }

    fn message_end(&mut self) {
        self.messages.push(std::mem::take(&mut self.open));
    }

    fn close(&mut self, code: Option<u16>) {
        self.closes.push(code);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let (log, ..) = input.same_for_any_split(|pieces| {
        let (mut frames, mut log) = (Frames::new(input.flag(3, 0)), Log::default());
        for piece in pieces {
            frames.push(piece, &mut log);
        }
        (log, frames.is_broken(), frames.at_boundary())
    });
    assert!(log.closes.len() <= 1, "closed more than once");
});

//! Framings that tell events.

use crate::Input;
use farebox::framing::Events;

/// What was told.
#[derive(Debug, Default, PartialEq)]
pub struct Log {
    /// The events that were dispatched, each with the offset at which its data began.
    told: Vec<(Option<u64>, String)>,
    open: Vec<u8>,
    from: Option<u64>,
}

impl Events for Log {
    fn data(&mut self, bytes: &[u8], at: u64) {
        assert!(!bytes.is_empty(), "nothing was handed on");
        self.from.get_or_insert(at);
        self.open.extend_from_slice(bytes);
    }

    fn dispatch(&mut self) {
        self.told.push((self.from.take(), self.open.escape_ascii().to_string()));
        self.open.clear();
    }
}

/// Compares the events of a stream, however it is divided.
pub fn events<R>(
    bytes: &[u8],
    new: impl Fn() -> R,
    push: impl Fn(&mut R, &[u8], &mut Log),
    finish: impl Fn(&mut R, &mut Log),
) {
    Input::of(bytes).same_for_any_split(|pieces| {
        let (mut reader, mut log) = (new(), Log::default());
        for piece in pieces {
            push(&mut reader, piece, &mut log);
        }
        finish(&mut reader, &mut log);
        log
    });
}

//! An AWS event stream as documents: the event's type comes from its header, and a model's own
//! events are taken out of the wrapping that `invoke` puts around them.

use super::document::Document;
use crate::framing::Events;
use crate::framing::eventstream::{EventStream, Messages};
use crate::framing::wrapped::Wrapped;

/// Reads one event stream.
pub(super) struct Frames {
    stream: EventStream,
    wrapped: bool,
    unwrap: Wrapped,
}

/// The document that the messages go to, with what is between.
struct Opened<'a> {
    document: &'a mut Document,
    unwrap: Option<&'a mut Wrapped>,
}

impl Frames {
    pub(super) fn new(wrapped: bool) -> Self {
        Self { stream: EventStream::new(), wrapped, unwrap: Wrapped::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], document: &mut Document) {
        let unwrap = Some(&mut self.unwrap).filter(|_| self.wrapped);
        self.stream.push(bytes, &mut Opened { document, unwrap });
    }

    pub(super) fn finish(&mut self, document: &mut Document) {
        let unwrap = Some(&mut self.unwrap).filter(|_| self.wrapped);
        self.stream.finish(&mut Opened { document, unwrap });
    }
}

impl Messages for Opened<'_> {
    fn header(&mut self, name: &[u8], value: &[u8]) {
        match (name, value) {
            (b":event-type", kind) => self.document.name_event(kind),
            (b":message-type", b"exception" | b"error") => self.document.exception(),
            (b":exception-type", _) => self.document.exception(),
            _ => {}
        }
    }

    fn payload(&mut self, bytes: &[u8], at: u64) {
        let document = &mut *self.document;
        match &mut self.unwrap {
            Some(unwrap) => unwrap.push(bytes, &mut |piece| document.data(piece, at)),
            None => document.data(bytes, at),
        }
    }

    fn end(&mut self, intact: bool) {
        if let Some(unwrap) = &mut self.unwrap {
            **unwrap = Wrapped::new();
        }
        if intact {
            self.document.dispatch();
        } else {
            self.document.discard();
        }
    }
}

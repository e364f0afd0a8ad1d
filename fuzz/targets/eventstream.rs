//! AWS event streams: the same headers, payloads and judgements, however the stream is divided.

#![no_main]

use farebox::framing::eventstream::{EventStream, MAX_VALUE, Messages};
use farebox_fuzz::{Input, messages};
use libfuzzer_sys::fuzz_target;

/// What was told; a payload is told in as many pieces as it came in.
#[derive(Debug, Default, PartialEq)]
struct Log {
    told: Vec<Told>,
    payload: Vec<u8>,
    from: Option<u64>,
}

#[derive(Debug, PartialEq)]
enum Told {
    Header(Vec<u8>, Vec<u8>),
    Message { payload: Vec<u8>, from: Option<u64>, intact: bool },
}

impl Messages for Log {
    fn header(&mut self, name: &[u8], value: &[u8]) {
        assert!(value.len() <= MAX_VALUE, "a header of {} bytes is kept", value.len());
        self.told.push(Told::Header(name.to_vec(), value.to_vec()));
    }

    fn payload(&mut self, bytes: &[u8], at: u64) {
        assert!(!bytes.is_empty(), "nothing was handed on");
        self.from.get_or_insert(at);
        self.payload.extend_from_slice(bytes);
    }

    fn end(&mut self, intact: bool) {
        let payload = std::mem::take(&mut self.payload);
        self.told.push(Told::Message { payload, from: self.from.take(), intact });
    }
}

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let framed = if input.flag(3, 4) { messages(input.body) } else { input.body.to_vec() };
    input.with(&framed).same_for_any_split(|pieces| {
        let (mut stream, mut log) = (EventStream::new(), Log::default());
        for piece in pieces {
            stream.push(piece, &mut log);
        }
        let broken = stream.is_broken();
        stream.finish(&mut log);
        (log, broken)
    });
});

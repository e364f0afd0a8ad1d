//! Server-sent events: the same events at the same offsets, however the stream is divided.

#![no_main]

use farebox::framing::sse::Sse;
use farebox_fuzz::events;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| events(bytes, Sse::new, Sse::push, Sse::finish));

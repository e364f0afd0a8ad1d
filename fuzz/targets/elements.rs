//! JSON arrays in pieces: the same events at the same offsets, however the stream is divided.

#![no_main]

use farebox::framing::elements::Elements;
use farebox_fuzz::events;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| events(bytes, Elements::new, Elements::push, Elements::finish));

//! NDJSON: the same events at the same offsets, however the stream is divided.

#![no_main]

use farebox::framing::lines::Lines;
use farebox_fuzz::events;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| events(bytes, Lines::new, Lines::push, Lines::finish));

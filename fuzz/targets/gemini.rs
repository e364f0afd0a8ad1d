//! Gemini: the same reading and the same bytes, however a body is divided.

#![no_main]

use farebox::dialect::Operation;
use farebox_fuzz::dialect;
use libfuzzer_sys::fuzz_target;

const OPERATIONS: &[Operation] =
    &[Operation::GeminiGenerate, Operation::GeminiEmbed, Operation::GeminiInteractions];

fuzz_target!(|bytes: &[u8]| dialect(bytes, OPERATIONS));

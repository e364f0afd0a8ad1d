//! The small dialects: the same reading and the same bytes, however a body is divided.

#![no_main]

use farebox::dialect::Operation;
use farebox_fuzz::dialect;
use libfuzzer_sys::fuzz_target;

const OPERATIONS: &[Operation] = &[
    Operation::LlamaCppCompletion,
    Operation::LmStudioChat,
    Operation::MistralOcr,
    Operation::CloudflareRun,
];

fuzz_target!(|bytes: &[u8]| dialect(bytes, OPERATIONS));

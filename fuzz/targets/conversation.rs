//! Conversations over a WebSocket: the same turns, however the messages are divided.

#![no_main]

use farebox::dialect::Operation;
use farebox_fuzz::conversation;
use libfuzzer_sys::fuzz_target;

const OPERATIONS: &[Operation] =
    &[Operation::OpenAiRealtime, Operation::OpenAiLive, Operation::GeminiLive];

fuzz_target!(|bytes: &[u8]| conversation(bytes, OPERATIONS));

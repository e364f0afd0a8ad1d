//! The recorder's filler: the same length, and nothing that was said under any content type.

#![no_main]

use farebox::dialect::filler::{fill_answer, fill_path, fill_request};
use farebox_fuzz::{Input, messages};
use libfuzzer_sys::fuzz_target;

const KINDS: &[&str] = &[
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "text/plain; charset=utf-8",
    "multipart/form-data; boundary=fare",
];

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let framed = if input.flag(3, 4) { messages(input.body) } else { input.body.to_vec() };
    let kind = input.one_of(2, KINDS);
    let mut filled = framed.clone();
    fill_answer(Some(kind), &mut filled);
    assert_eq!(filled.len(), framed.len());
    // A text with a blank in it is no name, so nothing keeps it, whatever stands around it.
    let said = |at: &usize| framed[*at..].starts_with(b"tell no one");
    let told = (0..framed.len()).filter(said).find(|at| filled[*at..].starts_with(b"tell no one"));
    assert_eq!(told, None, "{:?}", filled.escape_ascii().to_string());
    let request = fill_request(Some(kind), &framed).to_string();
    assert!(!request.contains("tell no one"), "{request}");
    let path = String::from_utf8_lossy(input.body);
    assert_eq!(fill_path(&path).len(), path.len());
});

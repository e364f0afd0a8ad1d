//! Base64, alone and under the key of an object: the same bytes, however the text is divided.

#![no_main]

use farebox::framing::base64::{Base64, decode};
use farebox::framing::wrapped::Wrapped;
use farebox_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    input.same_for_any_split(|pieces| {
        let (mut wrapped, mut out) = (Wrapped::new(), Vec::new());
        for piece in pieces {
            wrapped.push(piece, &mut |bytes| out.extend_from_slice(bytes));
        }
        (wrapped.is_whole(), out)
    });
    let (whole, out) = input.same_for_any_split(|pieces| {
        let (mut base64, mut out) = (Base64::new(), Vec::new());
        for piece in pieces {
            base64.push(piece, &mut |bytes| out.extend_from_slice(bytes));
        }
        (base64.is_whole(), out)
    });
    if let Ok(text) = std::str::from_utf8(input.body) {
        assert_eq!(decode(text), whole.then_some(out));
    }
});

//! Content encodings: the same bytes, however the body is divided, and never too many.

#![no_main]

use farebox::framing::decompress::{Decoder, RATIO, SLACK};
use farebox_fuzz::Input;
use libfuzzer_sys::fuzz_target;
use std::io::{self, Write};

const ENCODINGS: &[&str] = &["gzip", "deflate", "br", "zstd", "identity", "lzw"];

/// Beyond this the limit may have been met, and where it is met depends on what came before it.
const SURELY_WITHIN: usize = 1 << 19;

/// Counts what it is told, and keeps the beginning.
#[derive(Default)]
struct Kept(u64, Vec<u8>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        let free = SURELY_WITHIN - self.1.len();
        self.1.extend_from_slice(&bytes[..bytes.len().min(free)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was read, as far as it can be compared.
#[derive(Debug)]
struct Read {
    begins: Vec<u8>,
    /// The decoder gives back nothing of the piece in which it found a flaw.
    lossy: bool,
}

impl PartialEq for Read {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&self.begins, &other.begins);
        let either_begins = a.starts_with(b) || b.starts_with(a);
        a == b || either_begins && (self.lossy || a.len().max(b.len()) >= SURELY_WITHIN)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let encoding = input.one_of(0, ENCODINGS);
    let most = SLACK + RATIO * input.body.len() as u64;
    let sound = brotli_decompressor::BrotliDecompress(&mut &input.body[..], &mut io::sink());
    input.same_for_any_split(|pieces| {
        let mut decoder = Decoder::new(Some(encoding), Kept::default());
        for piece in pieces {
            decoder.push(piece);
        }
        let Some(Kept(length, begins)) = decoder.inner() else { return None };
        assert!(*length <= most, "{length} bytes of {}", input.body.len());
        let lossy = encoding == "br" && sound.is_err();
        Some(Read { begins: std::mem::take(begins), lossy })
    });
});

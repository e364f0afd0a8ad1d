//! What every framing must keep: the same bytes give the same events, however they are divided.
//!
//! Compiled under `#[cfg(test)]` only.

use super::Events;
use proptest::prelude::*;
use std::fmt::Debug;

/// What is read from the bytes as a whole; in any two pieces, byte by byte, and with empty pieces
/// between, it must be the same.
pub(super) fn every_way<T: PartialEq + Debug>(bytes: &[u8], read: impl Fn(&[&[u8]]) -> T) -> T {
    let whole = read(&[bytes]);
    let shown = String::from_utf8_lossy(bytes);
    for cut in 0..=bytes.len() {
        let (a, b) = bytes.split_at(cut);
        assert_eq!(read(&[a, b]), whole, "{shown:?} split at {cut}");
        assert_eq!(read(&[a, &[], b]), whole, "{shown:?} split at {cut}, with nothing between");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single), whole, "{shown:?} byte by byte");
    whole
}

/// The bytes, divided at the given places.
pub(super) fn divide<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(bytes.len());
    let from = [0].into_iter().chain(cuts.clone());
    from.zip(cuts.clone()).map(|(from, to)| &bytes[from..to]).collect()
}

/// Places to divide at.
pub(super) fn any_cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

/// Bytes made of the given words and a few that are anything.
pub(super) fn words(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..3),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

/// Keeps what it is told, and checks that the offsets are true.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// The events that were dispatched.
    pub(super) events: Vec<String>,
    /// The data of the event that was not.
    pub(super) open: Vec<u8>,
    /// Where each event began.
    pub(super) starts: Vec<u64>,
}

impl Events for Log {
    fn data(&mut self, bytes: &[u8], at: u64) {
        assert!(!bytes.is_empty(), "nothing was handed on");
        if self.open.is_empty() {
            self.starts.push(at);
        }
        self.open.extend_from_slice(bytes);
    }

    fn dispatch(&mut self) {
        self.events.push(String::from_utf8_lossy(&std::mem::take(&mut self.open)).into_owned());
    }
}

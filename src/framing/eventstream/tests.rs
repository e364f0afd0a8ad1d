//! Messages whole, cut off and damaged, in every division.
//! Compiled under `#[cfg(test)]` only.

use super::super::base64;
use super::super::pieces::{any_cuts, divide, every_way};
use super::super::wrapped::Wrapped;
use super::*;
use proptest::prelude::*;

/// A message as it was told: its headers, its payload, and whether it was intact.
type Message = (Vec<(String, String)>, String, bool);

#[derive(Debug, Default, PartialEq)]
struct Log {
    headers: Vec<(String, String)>,
    payload: Vec<u8>,
    start: Option<u64>,
    messages: Vec<Message>,
    starts: Vec<u64>,
}

impl Messages for Log {
    fn header(&mut self, name: &[u8], value: &[u8]) {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        self.headers.push((text(name), text(value)));
    }

    fn payload(&mut self, bytes: &[u8], at: u64) {
        assert!(!bytes.is_empty(), "nothing was handed on");
        let start = *self.start.get_or_insert(at);
        assert_eq!(start + offset(self.payload.len()), at);
        self.payload.extend_from_slice(bytes);
    }

    fn end(&mut self, intact: bool) {
        let payload = String::from_utf8_lossy(&std::mem::take(&mut self.payload)).into_owned();
        self.messages.push((std::mem::take(&mut self.headers), payload, intact));
        self.starts.extend(self.start.take());
    }
}

fn read(pieces: &[&[u8]]) -> (Log, bool) {
    let (mut stream, mut log) = (EventStream::new(), Log::default());
    for piece in pieces {
        stream.push(piece, &mut log);
    }
    stream.finish(&mut log);
    stream.finish(&mut log);
    (log, stream.is_broken())
}

fn check(bytes: &[u8], expected: &[Message], broken: bool) {
    let (log, is_broken) = every_way(bytes, read);
    assert_eq!((&log.messages[..], is_broken), (expected, broken));
}

/// A message with the given headers, already written, and payload.
fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(headers.len() + payload.len() + 16).unwrap();
    let mut bytes = total.to_be_bytes().to_vec();
    bytes.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

fn header(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(name.len()).unwrap()];
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(kind);
    if kind == 6 || kind == 7 {
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
    }
    bytes.extend_from_slice(value);
    bytes
}

fn told(headers: &[(&str, &str)], payload: &str, intact: bool) -> Message {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    (headers, payload.to_owned(), intact)
}

/// One header of each type, with two strings among them.
fn every_kind() -> Vec<u8> {
    [
        header("t", 0, b""),
        header("f", 1, b""),
        header(":event-type", 7, b"chunk"),
        header("byte", 2, &[7; 1]),
        header("short", 3, &[7; 2]),
        header("int", 4, &[7; 4]),
        header("long", 5, &[7; 8]),
        header("bytes", 6, &[7; 5]),
        header("none", 6, b""),
        header("time", 8, &[7; 8]),
        header("uuid", 9, &[7; 16]),
        header(":message-type", 7, b"event"),
        header("empty", 7, b""),
    ]
    .concat()
}

const KINDS: &[(&str, &str)] =
    &[(":event-type", "chunk"), (":message-type", "event"), ("empty", "")];

#[test]
fn reads_messages() {
    check(b"", &[], false);
    check(&message(b"", b""), &[told(&[], "", true)], false);
    check(&message(b"", b"{}"), &[told(&[], "{}", true)], false);
    check(&message(&every_kind(), b""), &[told(KINDS, "", true)], false);
    let two = [message(&every_kind(), b"{\"a\":1}"), message(b"", b"{}")].concat();
    check(&two, &[told(KINDS, "{\"a\":1}", true), told(&[], "{}", true)], false);
    let first = offset(two.len() - 16 - 2 - 4 - 7);
    assert_eq!(read(&[&two]).0.starts, [first, offset(two.len() - 6)]);
}

#[test]
fn reads_what_bedrock_sends() {
    let converse = include_str!("../../../tests/captures/bedrock_converse_stream.json");
    let invoke = include_str!("../../../tests/captures/bedrock_invoke_stream_anthropic.json");
    for (capture, first) in [(converse, "messageStart"), (invoke, "chunk")] {
        let capture: serde_json::Value = serde_json::from_str(capture).unwrap();
        let bytes = base64::decode(capture["body_b64"].as_str().unwrap()).unwrap();
        let (log, broken) = every_way(&bytes, read);
        assert!(!broken && log.messages.len() > 3, "{log:?}");
        assert_eq!(log.messages[0].0[0], (":event-type".to_owned(), first.to_owned()));
        for (headers, payload, intact) in &log.messages {
            assert_eq!(headers[2], (":message-type".to_owned(), "event".to_owned()));
            let (mut wrapped, mut text) = (Wrapped::new(), Vec::new());
            wrapped.push(payload.as_bytes(), &mut |piece| text.extend_from_slice(piece));
            assert_eq!((*intact, wrapped.is_whole()), (true, first == "chunk"), "{payload}");
            let said = if wrapped.is_whole() { &text[..] } else { payload.as_bytes() };
            assert!(serde_json::from_slice::<serde_json::Value>(said).is_ok(), "{payload}");
        }
    }
}

#[test]
fn a_message_that_was_cut_off_is_not_intact() {
    let whole = message(&header("n", 7, b"v"), b"{}");
    let after = [message(b"", b"a"), whole].concat();
    check(&after[..17], &[told(&[], "a", true)], false);
    check(&after[..18], &[told(&[], "a", true), told(&[], "", false)], false);
    check(&after[..17 + 12 + 6], &[told(&[], "a", true), told(&[("n", "v")], "", false)], false);
    let most = &after[..after.len() - 1];
    check(most, &[told(&[], "a", true), told(&[("n", "v")], "{}", false)], false);
}

#[test]
fn a_damaged_message_is_not_intact_and_the_next_one_is() {
    let mut bytes = [message(&header("n", 7, b"v"), b"{}"), message(b"", b"b")].concat();
    bytes[12 + 6] = b'[';
    check(&bytes, &[told(&[("n", "v")], "[}", false), told(&[], "b", true)], false);
    bytes[12 + 6] = b'{';
    bytes[12 + 6 + 2] ^= 1;
    check(&bytes, &[told(&[("n", "v")], "{}", false), told(&[], "b", true)], false);
}

#[test]
fn headers_that_cannot_be_read_do_not_hide_the_payload() {
    let good = header("n", 7, b"v");
    for bad in [
        header("m", 10, b"abc"),
        header("", 7, b"v"),
        header("m", 7, b"value")[..7].to_vec(),
        header("m", 5, b"1234"),
        vec![200, b'm'],
        vec![1, b'm'],
        vec![1, b'm', 7, 0],
    ] {
        let bytes = [message(&[good.clone(), bad].concat(), b"{}"), message(b"", b"b")].concat();
        check(&bytes, &[told(&[("n", "v")], "{}", false), told(&[], "b", true)], false);
    }
}

#[test]
fn lengths_without_sense_break_the_stream() {
    let prelude = |total: u32, headers: u32| {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes.extend_from_slice(&message(b"", b"{}"));
        bytes
    };
    let mut damaged = message(b"", b"{}");
    damaged[3] ^= 1;
    for bytes in [
        prelude(0, 0),
        prelude(15, 0),
        prelude(16, 1),
        prelude(u32::MAX, u32::MAX),
        prelude(MAX_HEADERS + 17, MAX_HEADERS + 1),
        prelude(MAX_PAYLOAD + 17, 0),
        damaged,
        b"HTTP/1.1 500 Internal".to_vec(),
    ] {
        check(&bytes, &[told(&[], "", false)], true);
    }
}

#[test]
fn long_values_are_passed_over_and_long_payloads_pass() {
    let long = [header("a", 7, &[b'v'; MAX_VALUE]), header("b", 7, &[b'v'; MAX_VALUE + 1])];
    let bytes = message(&[long.concat(), header("c", 7, b"v")].concat(), &vec![b'p'; 5_000_000]);
    let (mut stream, mut log) = (EventStream::new(), Log::default());
    for piece in bytes.chunks(777) {
        stream.push(piece, &mut log);
    }
    let [(headers, payload, intact)] = &log.messages[..] else { panic!("{}", log.messages.len()) };
    assert_eq!(
        headers.iter().map(|(n, v)| (&n[..], v.len())).collect::<Vec<_>>(),
        [("a", MAX_VALUE), ("c", 1)]
    );
    assert_eq!((payload.len(), *intact), (5_000_000, true));
}

proptest! {
    #[test]
    fn any_division_reads_the_same(
        messages in prop::collection::vec(("[a-z:]{1,9}", "[ -~]{0,30}", "[ -~]{0,60}"), 0..5),
        damage in prop::option::weighted(0.5, (any::<prop::sample::Index>(), any::<u8>())),
        cuts in any_cuts(),
    ) {
        let written = messages.iter().map(|(n, v, p)| message(&header(n, 7, v.as_bytes()), p.as_bytes()));
        let mut bytes = written.collect::<Vec<_>>().concat();
        let expected: Vec<_> = messages.iter().map(|(n, v, p)| told(&[(n, v)], p, true)).collect();
        match damage {
            Some((at, byte)) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            _ => prop_assert_eq!(&read(&[&bytes]).0.messages, &expected),
        }
        prop_assert_eq!(read(&divide(&bytes, &cuts)), read(&[&bytes]));
    }

    #[test]
    fn any_headers_are_read_the_same(
        headers in prop::collection::vec(prop_oneof![0_u8..12, any::<u8>()], 0..60),
        cuts in any_cuts(),
    ) {
        let bytes = [message(&headers, b"{}"), message(b"", b"b")].concat();
        let whole = read(&[&bytes]);
        prop_assert_eq!(read(&divide(&bytes, &cuts)), whole);
        prop_assert_eq!(&read(&[&bytes]).0.messages[1], &told(&[], "b", true));
    }
}

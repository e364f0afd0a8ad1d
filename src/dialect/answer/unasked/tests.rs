//! What is seen of a stream with usage is, byte for byte, the stream without.
//! Compiled under `#[cfg(test)]` only.

use super::*;
use proptest::prelude::*;

fn through(pieces: &[&[u8]]) -> Vec<u8> {
    let mut unasked = Unasked::new();
    let mut seen = Vec::new();
    for piece in pieces {
        seen.extend_from_slice(&unasked.push(Bytes::copy_from_slice(piece)));
    }
    seen.extend_from_slice(&unasked.finish());
    seen
}

fn check(with: &str, without: &str) {
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(show(&through(&[with.as_bytes()])), without);
    for cut in 0..=with.len() {
        let (a, b) = with.as_bytes().split_at(cut);
        assert_eq!(show(&through(&[a, b])), without, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = with.as_bytes().chunks(1).collect();
    assert_eq!(show(&through(&bytes)), without, "byte by byte");
}

#[test]
fn takes_out_nulls_wherever_they_stand() {
    check("data: {\"a\":1,\"usage\":null}\n\n", "data: {\"a\":1}\n\n");
    check("data: {\"a\":1, \"usage\": null, \"b\":2}\n\n", "data: {\"a\":1, \"b\":2}\n\n");
    check("data: {\"usage\":null,\"b\":2}\r\n\r\n", "data: {\"b\":2}\r\n\r\n");
    check("data: {\"usage\" : null , \"b\":2}\r\r", "data: {\"b\":2}\r\r");
    check("data: {\"usage\":null}\n\n", "data: {}\n\n");
    check("data: { \"usage\": null }\n\n", "data: { }\n\n");
    check(
        "data: {\ndata:   \"a\": 1,\ndata:   \"usage\": null\ndata: }\n\n",
        "data: {\ndata:   \"a\": 1\ndata: }\n\n",
    );
}

#[test]
fn leaves_everything_else() {
    for same in [
        "",
        "\n\n\n",
        ": c\n\n: d\n",
        "data: [DONE]\n\n",
        "data: {\"x\":{\"usage\":null}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\n\n",
        "data: {\"choices\":[{\"usage\":null}]}\n\n",
        "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: {\"choices\":[],\"prompt_filter_results\":[{\"usage\":1}]}\n\n",
        "data: {\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: {\"usage\":null,,}\n\n",
        "event: \"usage\"\ndata: x\n\n",
        "data: {\"a\":1}",
        "data: {\"a\":1}\n",
    ] {
        check(same, same);
    }
}

#[test]
fn takes_out_the_chunk_of_usage() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}";
    check(&format!("data: 1\n\n{usage}\n\ndata: [DONE]\n\n"), "data: 1\n\ndata: [DONE]\n\n");
    check(&format!("event: x\r\nid: 7\r\n{usage}\r\n\r\nid: 8\r\n\r\n"), "id: 8\r\n\r\n");
    check(&format!(": c\n{usage}\n\ndata: 1\n\n"), ": c\ndata: 1\n\n");
    check(&format!("data: 1\r\r{usage}\r\r\ndata: 2\r\r"), "data: 1\r\rdata: 2\r\r");
    check(&format!("data: 1\n\n{usage}"), "data: 1\n\n");
    check("data: {\"usage\":{\"a\":1},\"choices\":[ ]}\n\n", "");
}

#[test]
fn passes_whole_frames_without_copying() {
    let frame = Bytes::from_static(b"data: {\"a\":1}\n\n: c\n\ndata: {\"b\":2}\n\n");
    let seen = Unasked::new().push(frame.clone());
    assert_eq!((seen.as_ptr(), seen.len()), (frame.as_ptr(), frame.len()));
}

#[test]
fn holds_at_most_one_part_of_an_event() {
    let mut unasked = Unasked::new();
    assert_eq!(unasked.push(Bytes::from_static(b"data: 1\n\n: ping\n")), "data: 1\n\n: ping\n");
    assert_eq!(unasked.push(Bytes::from_static(b"data: 2")), "");
    assert_eq!(unasked.push(Bytes::from_static(b"\n\nda")), "data: 2\n\n");
    let mut held = 2_usize;
    for _ in 0..1000 {
        let frame = Bytes::from(vec![b'x'; 10_000]);
        held = held + frame.len() - unasked.push(frame).len();
        assert!(held <= HELD, "{held}");
    }
}

#[test]
fn long_events_lose_their_null_only() {
    let long = "x".repeat(HELD + 1);
    let with = format!("data: {{\"choices\":[],\"c\":\"{long}\",\"usage\":null,\"d\":1}}\n\n");
    let without = with.replace(",\"usage\":null", "");
    let usage = with.replace("null", "{\"prompt_tokens\":1}");
    for size in [1, 1000, HELD + 5, usize::MAX] {
        let pieces: Vec<&[u8]> = with.as_bytes().chunks(size).collect();
        assert!(through(&pieces) == without.as_bytes(), "in pieces of {size}");
        let pieces: Vec<&[u8]> = usage.as_bytes().chunks(size).collect();
        assert!(through(&pieces) == usage.as_bytes(), "in pieces of {size}");
    }
    let blanks = format!("data: {{\"a\":1,{}\"usage\":null}}\n\n", " ".repeat(3 * HELD));
    let mut unasked = Unasked::new();
    let mut held = 0_usize;
    for piece in blanks.as_bytes().chunks(4096) {
        held = held + piece.len() - unasked.push(Bytes::copy_from_slice(piece)).len();
        assert!(held <= HELD + 4096, "{held}");
    }
}

/// One event of a stream: its text with usage, and without.
fn event() -> impl Strategy<Value = (String, String)> {
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let line = prop_oneof![Just(String::new()), "(event|id): [a-z]{0,5}"];
    let members = prop::collection::vec(
        prop_oneof![
            Just("\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null,\"}}]".to_owned()),
            Just("\"model\":\"m\"".to_owned()),
            Just("\"x\":{\"usage\":null,\"y\":[]}".to_owned()),
            "\"[a-z]{1,4}\":[1-9]{1,3}",
        ],
        0..4,
    );
    let space = prop_oneof![Just(""), Just(" ")];
    (end, line, members, space, 0..6_usize, 0..8_usize).prop_map(
        |(end, line, members, space, place, kind)| {
            let line = if line.is_empty() { line } else { line + end };
            let joined = |members: &[String]| members.join(&format!(",{space}"));
            let text =
                |members: &[String]| format!("{line}data:{space}{{{}}}{end}{end}", joined(members));
            let mut with = members.clone();
            match kind {
                0 => (format!(": ping{end}{end}"), format!(": ping{end}{end}")),
                1 => (format!("data: [DONE]{end}{end}"), format!("data: [DONE]{end}{end}")),
                2 => {
                    let chunk = "\"choices\":[],\"usage\":{\"prompt_tokens\":3}".to_owned();
                    (text(&[chunk]), String::new())
                }
                3 => (text(&members), text(&members)),
                _ => {
                    let place = place.min(with.len());
                    with.insert(place, format!("\"usage\":{space}null"));
                    (text(&with), text(&members))
                }
            }
        },
    )
}

proptest! {
    #[test]
    fn is_the_stream_without_usage(
        events in prop::collection::vec(event(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let with: String = events.iter().map(|(with, _)| with.as_str()).collect();
        let without: String = events.iter().map(|(_, without)| without.as_str()).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(with.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([with.len()]) {
            pieces.push(&with.as_bytes()[from..cut]);
            from = cut;
        }
        let seen = through(&pieces);
        prop_assert_eq!(String::from_utf8_lossy(&seen), without);
    }

    #[test]
    fn never_depends_on_the_cuts(text in "([\r\n]|data: |\\{|\\}|,|\"usage\"|:|null|\"choices\":\\[\\]|a|:c){0,40}") {
        let whole = through(&[text.as_bytes()]);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(3).collect();
        prop_assert_eq!(through(&pieces), whole.clone());
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        prop_assert_eq!(through(&bytes), whole);
    }
}

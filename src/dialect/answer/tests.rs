//! Readings of answers that captures do not show: nonsense, decoys, encodings, cuts.
//! Compiled under `#[cfg(test)]` only.

use super::*;
use crate::dialect::{Operation, Splice};
use crate::usage::Figure;
use http::{HeaderMap, HeaderValue, StatusCode};

const SSE: &str = "text/event-stream; charset=utf-8";
const JSON: &str = "application/json";

fn asking(operation: Operation, stream: bool, edited: bool) -> Call {
    Call {
        stream,
        edit: edited.then(|| Splice { range: 1..1, with: Bytes::new() }),
        ..Call::plain(operation, "m")
    }
}

fn read(
    call: &Call,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    cut: bool,
) -> (Vec<u8>, Reading) {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        })
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    let once = |size: usize| {
        let mut answer = Answer::new(call, AnswerHead { status, headers: &headers });
        let mut seen = Vec::new();
        for piece in body.chunks(size) {
            seen.extend_from_slice(&answer.push(Bytes::copy_from_slice(piece)));
        }
        let (held, reading) = answer.finish(cut);
        seen.extend_from_slice(&held);
        assert_eq!(answer.reading(), &reading);
        (seen, reading)
    };
    let whole = once(usize::MAX);
    for size in [1, 2, 3, 7, 100] {
        assert!(once(size) == whole, "in pieces of {size}: {:?} {:?}", once(size).1, whole.1);
    }
    whole
}

fn chat(usage: &str) -> Reading {
    let body = format!(
        "{{\"model\":\"m\",\"choices\":[{{\"message\":{{\"content\":\"hello\"}},\
         \"finish_reason\":\"stop\"}}],\"usage\":{usage}}}"
    );
    let call = asking(Operation::OpenAiChat, false, false);
    read(&call, 200, &[("content-type", JSON)], body.as_bytes(), false).1
}

#[test]
fn r021_nonsense_is_counted_and_never_charged() {
    for (usage, anomalies) in [
        (r#"{"prompt_tokens":-1,"completion_tokens":2}"#, 1),
        (r#"{"prompt_tokens":-1,"completion_tokens":-2}"#, 2),
        (r#"{"prompt_tokens":"1","completion_tokens":2}"#, 1),
        (r#"{"prompt_tokens":1.5,"completion_tokens":2}"#, 1),
        (r#"{"prompt_tokens":1e3,"completion_tokens":2}"#, 1),
        (r#"{"prompt_tokens":true,"completion_tokens":2}"#, 1),
        (r#"{"prompt_tokens":[1],"completion_tokens":2}"#, 1),
        (r#"{"prompt_tokens":9007199254740993,"completion_tokens":2}"#, 1),
        (r#"{"prompt_tokens":99999999999999999999999999,"completion_tokens":2}"#, 1),
        (
            r#"{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":2}}"#,
            1,
        ),
        (
            r#"{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":-2}}"#,
            1,
        ),
        (r#"{"prompt_tokens":1}"#, 1),
        (r#""12""#, 1),
        (r#"12"#, 1),
        (r#"[{"prompt_tokens":1}]"#, 1),
    ] {
        let reading = chat(usage);
        assert_eq!(reading.anomalies, anomalies, "{usage}");
        assert!(!reading.usage_present && !reading.usage_final, "{usage}");
        assert!(reading.usage.is_empty() && reading.complete, "{usage}");
    }
    for usage in ["null", "{}", r#"{"prompt_tokens":null}"#] {
        let reading = chat(usage);
        assert_eq!((reading.anomalies, reading.usage_present), (0, false), "{usage}");
    }
}

#[test]
fn zero_is_a_figure() {
    let reading = chat(r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#);
    assert!(reading.usage_present && reading.usage_final);
    assert_eq!(reading.usage.get(Figure::InputTotal), Some(0));
}

#[test]
fn r001_decoys_do_not_matter() {
    let decoy = r#"{"usage":{"prompt_tokens":9,"completion_tokens":9},"model":"x","error":{}}"#;
    let text = serde_json::to_string(decoy).unwrap();
    let body = format!(
        r#"{{"u\u0073age":{{"prompt_tokens":3,"completion_tokens":4}},"x":{decoy},"model":"m",
        "choices":[{{"message":{{"content":{text},"x":{decoy},"tool_calls":[{{"function":{{
        "arguments":{text},"usage":{decoy}}}}}]}},"finish_reason":"stop"}}]}}"#
    );
    let call = asking(Operation::OpenAiChat, false, false);
    let (_, reading) = read(&call, 200, &[("content-type", JSON)], body.as_bytes(), false);
    assert_eq!(reading.usage.total_tokens(), 7);
    assert_eq!((reading.model.as_deref(), reading.error), (Some("m"), false));
}

fn stream(events: &[&str], cut: bool) -> Reading {
    let body: String = events.iter().map(|e| format!("data: {e}\n\n")).collect();
    let call = asking(Operation::OpenAiChat, true, false);
    read(&call, 200, &[("content-type", SSE)], body.as_bytes(), cut).1
}

const SAID: &str =
    r#"{"model":"m","choices":[{"delta":{"content":"hello"},"finish_reason":null}],"usage":null}"#;
const STOP: &str = r#"{"model":"","choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
const NONSENSE: &str = r#"{"choices":[],"usage":{"prompt_tokens":-3,"completion_tokens":4}}"#;

/// `read` compares the cuts; the second event repeats the first and goes on with what is no JSON.
#[test]
fn what_follows_a_document_in_its_event_spoils_it_however_it_comes() {
    let body = format!("data: {SAID}\n\ndata: {SAID}\ndata: more");
    let call = asking(Operation::OpenAiChat, true, false);
    let (_, reading) = read(&call, 200, &[("content-type", SSE)], body.as_bytes(), false);
    assert_eq!((reading.lenient_eof, reading.output_bytes), (false, 10));
}

#[test]
fn the_last_usage_counts() {
    let more = USAGE.replace('3', "5");
    let reading = stream(&[SAID, USAGE, STOP, &more, "[DONE]"], false);
    assert_eq!(reading.usage.total_tokens(), 9);
    assert!(reading.usage_final && reading.complete && reading.done_marker);
    let reading = stream(&[SAID, STOP, USAGE, NONSENSE, "[DONE]"], false);
    assert_eq!((reading.usage_present, reading.anomalies), (false, 1));
    let reading = stream(&[SAID, STOP, NONSENSE, USAGE, "[DONE]"], false);
    assert_eq!((reading.usage_final, reading.anomalies), (true, 1));
}

#[test]
fn a_cut_stream_says_what_went_by() {
    let reading = stream(&[SAID, SAID, "{\"choices\":[{\"delta\":{\"content\":\"hel"], true);
    assert!(reading.truncated && !reading.complete && !reading.usage_present);
    assert_eq!((reading.output_bytes, reading.billable), (13, None));
    let reading = stream(&[SAID, STOP, USAGE], true);
    assert!(reading.truncated && !reading.complete && reading.usage_final);
    assert_eq!(reading.billable, Some(true));
    let reading = stream(&[SAID, STOP], false);
    assert!(reading.truncated, "asked for usage, which did not come");
    let reading = stream(&[SAID, STOP, "[DONE]"], false);
    assert!(reading.complete && !reading.truncated);
}

#[test]
fn errors_in_a_stream() {
    let failed = r#"{"error":{"message":"x","code":500}}"#;
    let reading = stream(&[SAID, failed, "[DONE]"], false);
    assert!(reading.error && !reading.complete && !reading.truncated);
    assert_eq!(reading.billable, None);
    assert_eq!(stream(&[failed], false).billable, Some(false));
    assert!(stream(&["\"not an object\"", "{\"error\":\"x\"}", "}{"], false).error);
}

#[test]
fn json_and_events_are_told_apart_by_the_answer() {
    let events = format!("\u{FEFF}\n: c\n\ndata: {SAID}\n\ndata: {STOP}\n\ndata: {USAGE}\n\n");
    let json = r#"{"choices":[{"message":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
    let streaming = asking(Operation::OpenAiChat, true, false);
    for content_type in [JSON, SSE, "text/plain", "TEXT/EVENT-STREAM"] {
        for body in [events.as_str(), json] {
            let headers = [("content-type", content_type)];
            let (_, reading) = read(&streaming, 200, &headers, body.as_bytes(), false);
            assert_eq!(reading.usage.total_tokens(), 7, "{content_type}: {body}");
            assert!(reading.complete && reading.usage_final, "{content_type}: {body}");
        }
    }
    let (_, reading) = read(&streaming, 502, &[], b"<html>Bad gateway</html>", false);
    assert!(reading.error && reading.billable == Some(false));
    let (_, reading) =
        read(&asking(Operation::OpenAiChat, false, false), 200, &[], b"<html>", false);
    assert!(!reading.complete && !reading.usage_present && reading.billable.is_none());
}

#[test]
fn what_was_not_asked_for_goes_and_is_read_all_the_same() {
    let body = format!("data: {SAID}\n\ndata: {STOP}\n\ndata: {USAGE}\n\ndata: [DONE]\n\n");
    let clean = body.replace(",\"usage\":null", "").replace(&format!("data: {USAGE}\n\n"), "");
    let call = asking(Operation::OpenAiChat, true, true);
    let (seen, reading) = read(&call, 200, &[("content-type", SSE)], body.as_bytes(), false);
    assert_eq!(String::from_utf8_lossy(&seen), clean);
    assert!(reading.usage_final && reading.complete);
    let json = br#"{"error":{"message":"x"},"usage":null}"#;
    assert_eq!(read(&call, 400, &[("content-type", JSON)], json, false).0, json);
    assert_eq!(read(&call, 200, &[("content-type", JSON)], json, false).0, json);
}

#[test]
fn compressed_bytes_pass_untouched() {
    use std::io::Write;
    let body = format!("data: {SAID}\n\ndata: {STOP}\n\ndata: {USAGE}\n\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(body.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let headers = [("content-type", SSE), ("content-encoding", "gzip")];
    let call = asking(Operation::OpenAiChat, true, true);
    let (seen, reading) = read(&call, 200, &headers, &packed, false);
    assert_eq!(seen, packed);
    assert!(reading.usage_final && reading.complete);
    let (_, reading) = read(&call, 200, &headers, &packed[..packed.len() / 2], true);
    assert!(reading.truncated && reading.billable.is_none());
}

#[test]
fn counts_the_text_of_answers() {
    let tools = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}]}"#;
    assert_eq!(stream(&[tools], true).output_bytes, r#"{\"a\":1}"#.len() as u64);
    let audio = r#"{"choices":[{"delta":{"audio":{"data":"AAAAAAAA","transcript":"hi"}}}]}"#;
    assert_eq!(stream(&[audio], true).output_bytes, 2);
    let body = concat!(
        "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"delta\":\"hel\"}\n\n",
        "data: {\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{}\"}\n\n",
        "data: {\"type\":\"response.output_text.done\",\"text\":\"hel\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\
         \"output\":[{\"content\":[{\"text\":\"hel\"}]}],\"usage\":{\"input_tokens\":1,\"output_tokens\":2},\
         \"tool_usage\":{\"image_gen\":{\"input_tokens\":10,\"output_tokens\":20}}}}\n\n",
    );
    let call = asking(Operation::OpenAiResponses, true, false);
    let (_, reading) = read(&call, 200, &[("content-type", SSE)], body.as_bytes(), true);
    assert_eq!(reading.output_bytes, 5);
    assert!(reading.complete && !reading.done_marker, "the terminal event is the end");
    let figures = [Figure::InputTotal, Figure::OutputTotal, Figure::ImageOutput];
    assert_eq!(figures.map(|figure| reading.usage.count(figure)), [1, 2, 0]);
    let painted = reading.sub_usage.iter().map(|sub| figures.map(|f| sub.usage.count(f)));
    assert_eq!(painted.collect::<Vec<_>>(), [[10, 20, 20]], "images that a tool made are apart");
}

/// A JSON answer of chat, completions or responses counts so many characters; `read` compares
/// every way of cutting it.
fn counts(operation: Operation, body: &str, characters: u64) {
    let call = asking(operation, false, false);
    let (_, reading) = read(&call, 200, &[("content-type", JSON)], body.as_bytes(), false);
    assert_eq!(reading.output_characters, characters, "{body}");
}

#[test]
fn r023_characters_of_answers_are_text_and_tool_arguments() {
    for (message, characters) in [
        (r#"{"role":"assistant","content":"Grüße 🙂","refusal":null}"#, 7),
        (r#"{"role":"assistant","content":"\ud83d\ude42\n\u00e9"}"#, 3),
        (r#"{"content":"","refusal":"I can't."}"#, 8),
        (r#"{"content":[{"type":"text","text":"hi"},{"type":"x","x":"no"}]}"#, 2),
        (r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#, 2),
        (r#"{"content":"hi","reasoning":"hmm","reasoning_content":"hmm"}"#, 5),
        (r#"{"content":"hi","reasoning":"hmm","reasoning_content":""}"#, 5),
        (r#"{"reasoning":null,"reasoning_content":"hmm"}"#, 3),
        (r#"{"audio":{"id":"no","data":"UklGRg==","transcript":"hi"}}"#, 2),
        (r#"{"tool_calls":[{"id":"no","function":{"name":"no","arguments":"{\"a\":1}"}}]}"#, 7),
        (r#"{"tool_calls":[{"custom":{"name":"no","input":"ls"}}]}"#, 2),
        (r#"{"function_call":{"name":"no","arguments":"{}"}}"#, 2),
        (r#"{"content":{"text":"no"},"annotations":[{"url_citation":{"title":"no"}}]}"#, 0),
    ] {
        let json = format!("{{\"choices\":[{{\"message\":{message}}},{{\"message\":{message}}}]}}");
        counts(Operation::OpenAiChat, &json, 2 * characters);
        let chunk = format!("{{\"id\":\"x\",\"choices\":[{{\"delta\":{message}}}]}}");
        let streamed = stream(&[&chunk, &chunk, &chunk], false).output_characters;
        assert_eq!(streamed, 3 * characters, "{chunk}");
    }
    counts(Operation::OpenAiCompletions, r#"{"choices":[{"text":"a\tb"},{"text":"é"}]}"#, 4);
    counts(Operation::OpenAiEmbeddings, r#"{"data":[{"embedding":"AAAA"}]}"#, 0);
    counts(
        Operation::OpenAiResponses,
        r#"{"id":"no","status":"completed","instructions":"no","output":[
            {"type":"reasoning","encrypted_content":"no","summary":[{"type":"no","text":"hm"}]},
            {"type":"message","content":[{"type":"no","text":"é!","annotations":[{"title":"no"}]}]},
            {"type":"message","content":[{"type":"refusal","refusal":"no"}]},
            {"type":"function_call","name":"no","arguments":"{}"},
            {"type":"custom_tool_call","input":"ls"},
            {"type":"image_generation_call","result":"AAAA"}]}"#,
        10,
    );
}

#[test]
fn r023_characters_of_a_stream_are_the_sum_of_its_deltas() {
    let said = |text: &str| SAID.replace("hello", text);
    let texts = ["hello", "é", "", r"\ud83d\ude42", r"\ud83d", "x"].map(said);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(stream(&texts, true).output_characters, 5 + 1 + 1 + 1 + 1);
    let cut = r#"{"choices":[{"delta":{"content":"hel"#;
    assert_eq!(stream(&[SAID, cut], true).output_characters, 8);
    let both = |a: &str, b: &str| {
        format!(r#"{{"choices":[{{"delta":{{"reasoning":"{a}","reasoning_content":"{b}"}}}}]}}"#)
    };
    let twice = [both("a", ""), both("ab", "ab"), both("", "abc")];
    assert_eq!(stream(&twice.each_ref().map(String::as_str), true).output_characters, 6);
    let body = concat!(
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"hé\"}\n\n",
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"llo\"}\n\n",
        "data: {\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}\n\n",
        "data: {\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}\n\n",
        "data: {\"delta\":\"AAAA\",\"type\":\"response.output_audio.delta\"}\n\n",
        "data: {\"type\":\"response.audio.transcript.delta\",\"delta\":\"hi\"}\n\n",
        "data: {\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{\\\"\"}\n\n",
        "data: {\"type\":\"response.output_text.done\",\"text\":\"héllo\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\
         \"output\":[{\"content\":[{\"text\":\"héllo\"}]}]}}\n\n",
    );
    let call = asking(Operation::OpenAiResponses, true, false);
    let (_, reading) = read(&call, 200, &[("content-type", SSE)], body.as_bytes(), false);
    assert_eq!(reading.output_characters, 9);
}

#[test]
fn is_final_before_the_last_bytes_go_on() {
    let json = r#"{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
    let events = format!("data: {SAID}\n\ndata: {STOP}\n\ndata: {USAGE}\n\ndata: [DONE]\n\n");
    let terminal = "data: {\"type\":\"response.completed\",\"response\":{\"usage\":\
                    {\"input_tokens\":3,\"output_tokens\":4}}}\n\n";
    for (operation, body) in [
        (Operation::OpenAiChat, json),
        (Operation::OpenAiChat, events.as_str()),
        (Operation::OpenAiResponses, terminal),
    ] {
        let head = AnswerHead { status: StatusCode::OK, headers: &HeaderMap::new() };
        let mut answer = Answer::new(&asking(operation, true, false), head);
        answer.push(Bytes::copy_from_slice(&body.as_bytes()[..body.len() - 2]));
        assert!(!answer.reading().complete, "{body}");
        answer.push(Bytes::copy_from_slice(&body.as_bytes()[body.len() - 2..]));
        let reading = answer.reading().clone();
        assert!(reading.complete && reading.usage_final, "{body}");
        assert_eq!(answer.finish(true).1, reading, "a cut behind the end is none");
    }
}

#[test]
fn long_lines_are_not_held() {
    let mut answer = Answer::new(
        &asking(Operation::OpenAiChat, true, false),
        AnswerHead { status: StatusCode::OK, headers: &HeaderMap::new() },
    );
    answer.push(Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\""));
    let frame = Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..32 {
        assert_eq!(answer.push(frame.clone()).as_ptr(), frame.as_ptr());
    }
    answer.push(Bytes::from_static(b"\"}}]}\n\n"));
    assert_eq!(answer.reading().output_bytes, 32 << 20);
}

#[test]
fn what_comes_before_the_first_event_passes_and_hides_nothing_behind_it() {
    let event =
        "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\n";
    let wanted = event.replace(",\"usage\":null", "");
    let call = asking(Operation::OpenAiChat, true, true);
    for before in ["", "\u{FEFF}", "\n", "\r\n\r\n", " ", "\u{FEFF}\n"] {
        let body = format!("{before}{event}");
        let (seen, _) = read(&call, 200, &[("content-type", SSE)], body.as_bytes(), false);
        assert_eq!(String::from_utf8(seen).unwrap(), format!("{before}{wanted}"));
    }
}

proptest::proptest! {
    /// Whatever stands in a body: the same reading and the same bytes, however it is cut; `read`
    /// compares. Without an edit, the bytes are those that came.
    #[test]
    fn never_depends_on_the_cuts(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "data: ", "data", ":", " ", "\n", "\r", "\r\n", "\n\n", "{", "}", "[", "]", ",", "\"", "\\", "1", "-",
                SAID, STOP, USAGE, NONSENSE, "[DONE]", "\"usage\":", "null", "\"choices\":[]",
                "data: {\"id\":\"a\",\"n\":1,\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\n",
                "data: {\"id\":\"\",\"n\":-2.5e1,\"choices\":[{\"delta\":{\"content\":\"\\u00e9\\\\\"}}],\"usage\":null}\n\n",
                "data: {\"id\":\"a\",\"n\":1,\"choices\":[{\"delta\":{\"content\":\"\\x\"}}],\"usage\":null}\n\n",
                "data: {\"type\":\"response.x.delta\",\"n\":1,\"delta\":\"hi\",\"pad\":\"\"}\r\r",
                "data: {\"type\":\"response.x.delta\",\"n\":12,\"delta\":\"\\n\",\"pad\":\"abc\"}\n\n",
                "\"type\":\"response.completed\"", "\"response\":", "{\"error\":1}", "\u{FEFF}",
            ]),
            0..24,
        ),
        responses in proptest::bool::ANY,
        edited in proptest::bool::ANY,
        cut in proptest::bool::ANY,
    ) {
        let operation =
            if responses { Operation::OpenAiResponses } else { Operation::OpenAiChat };
        let body = pieces.concat();
        let call = asking(operation, true, edited);
        let (seen, reading) = read(&call, 200, &[("content-type", SSE)], body.as_bytes(), cut);
        proptest::prop_assert!(edited || seen == body.as_bytes());
        proptest::prop_assert!(!(reading.complete && reading.truncated));
        proptest::prop_assert!(reading.usage_present || !reading.usage_final);
    }
}

/// A session of many hours in which somebody is written down without ever being answered.
#[test]
fn what_is_used_beside_an_answer_takes_no_more_room_than_it_may() {
    let mut conversation =
        crate::dialect::Conversation::new(&asking(Operation::OpenAiRealtime, false, false));
    for _ in 0..1000 {
        conversation.server(
            br#"{"type":"conversation.item.input_audio_transcription.completed",
                "usage":{"type":"duration","seconds":1.5}}"#,
        );
        assert!(conversation.server_end().is_none());
    }
    let beside = conversation.finish(false).unwrap().reading.sub_usage;
    let ms: u64 = beside.iter().map(|sub| sub.usage.count(Figure::DurationMs)).sum();
    assert_eq!((beside.len(), ms), (32, 1_500_000));
}

#[test]
fn keys_may_be_escaped() {
    let body = r#"{"choices":[{"finish_reason":"stop"}],"us\u0061ge":{"prompt\u005ftokens":7,"completion_tokens":3}}"#;
    let call = asking(Operation::OpenAiChat, false, false);
    let (_, reading) = read(&call, 200, &[("content-type", JSON)], body.as_bytes(), false);
    assert_eq!(reading.usage.total_tokens(), 10);
}

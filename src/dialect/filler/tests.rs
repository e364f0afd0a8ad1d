//! Filled captures keep their figures and nothing of their texts.
//! Compiled under `#[cfg(test)]` only.

use super::*;
use proptest::prelude::*;

fn answer(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    fill_answer(Some(kind), &mut body);
    body
}

fn check(kind: &str, body: &str, filled: &str) {
    assert_eq!(String::from_utf8_lossy(&answer(kind, body.as_bytes())), filled, "{body:?}");
}

#[test]
fn streams_keep_their_frame() {
    check(
        "text/event-stream",
        ": hello you\r\nevent: a.delta\r\ndata: {\"delta\":\"hi\",\r\ndata: \"type\":\"t\"}\r\n\r\ndata: [DONE]\r\n\r\n",
        ": xxxxxxxxx\r\nevent: a.delta\r\ndata: {\"delta\":\"xx\",\r\ndata: \"type\":\"t\"}\r\n\r\ndata: [DONE]\r\n\r\n",
    );
    check("text/event-stream", "{\"text\":\"hi\"}", "{\"text\":\"xx\"}");
    check(
        "text/event-stream",
        "secret\nid: 7\nevent: two words\ndata: hm",
        "xxxxxx\nid: x\nevent: xxxxxxxxx\ndata: xx",
    );
    check("application/json", "data: {\"n\":\"hi\"}\n\n", "data: {\"n\":\"xx\"}\n\n");
    check(
        "text/event-stream",
        "data: {bad\n\ndata: {\"n\":1}\n\n",
        "data: {xxx\n\ndata: {\"n\":1}\n\n",
    );
    check(
        "application/x-ndjson",
        "{\"a\":\"b\"}\nbad\n{\"n\":1}\n",
        "{\"a\":\"x\"}\nxxx\n{\"n\":1}\n",
    );
}

#[test]
fn headers_of_a_message_are_kept_where_they_are_names() {
    fn header(name: &str, kind: u8, value: &str) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        let name = [&[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        [name, [&[kind], &length[..], value.as_bytes()].concat()].concat()
    }
    let headers = [
        header(":event-type", 7, "chunk"),
        header(":event-type", 7, "two words"),
        header("other", 7, "value"),
        header("a name", 7, "value"),
        header("binary", 6, "value"),
    ];
    let headers = headers.concat();
    let lengths = [16 + headers.len(), headers.len()];
    let mut message: Vec<u8> =
        lengths.iter().flat_map(|length| u32::try_from(*length).unwrap().to_be_bytes()).collect();
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(&headers);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    let filled = answer("application/vnd.amazon.eventstream", &message);
    let text = String::from_utf8_lossy(&filled);
    assert!(text.contains(":event-type") && text.contains("chunk") && text.contains("other"));
    for gone in ["two words", "value", "a name", "binary"] {
        assert!(!text.contains(gone), "{gone} is in {text:?}");
    }
    let (said, checksum) = filled.split_at(filled.len() - 4);
    assert_eq!(crc32fast::hash(said).to_be_bytes(), checksum);
}

#[test]
fn what_has_no_form_is_filled_whole() {
    check("text/html", "<p>no</p>\n", "xxxxxxxxx\n");
    check("audio/mpeg", "ID3\u{1}", "xxxx");
    check(
        "text/plain",
        "\u{FEFF} {\"a\":\"b\"}",
        "xxxx {\"a\":\"x\"}".replace("xxxx ", "\u{FEFF} ").as_str(),
    );
}

#[test]
fn a_path_keeps_its_model_and_no_account() {
    for (path, filled) in [
        ("/v1/chat/completions", "/v1/chat/completions"),
        (
            "/model/anthropic.claude-3-5-20241022-v1:0/converse",
            "/model/anthropic.claude-3-5-20241022-v1:0/converse",
        ),
        (
            "/model/arn%3Aaws%3A%3A123456789012%3Ax/invoke",
            "/model/arn%3Aaws%3A%3A111111111111%3Ax/invoke",
        ),
        ("/client/v4/accounts/c0ffee/ai/run/@cf/m", "/client/v4/accounts/xxxxxx/ai/run/@cf/m"),
    ] {
        assert_eq!(fill_path(path), filled);
    }
}

#[test]
fn a_request_keeps_what_it_asks_for() {
    let body = br#"{"model":"m","stream":true,"n":2,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(
        fill_request(Some("application/json"), body).to_string(),
        r#"{"messages":[{"content":"xx","role":"user"}],"model":"m","n":2,"stream":true}"#
    );
    let form = b"--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
        --b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\nhello\r\n\
        --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"secret.wav\"\r\n\r\nRIFF\r\n--b--\r\n";
    assert_eq!(
        fill_request(Some("multipart/form-data; boundary=b"), form).to_string(),
        r#"{"_multipart":true,"file":"x","model":"whisper-1","prompt":"xxxxx"}"#
    );
    assert_eq!(fill_request(None, b"not json"), Value::Null);
}

/// Whether four letters that only a secret is made of stand beside each other.
fn leaks(filled: &[u8]) -> bool {
    filled.windows(4).any(|run| run.iter().all(|byte| b"QZ".contains(byte)))
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[QZ]{4,9}", "[QZ]{4,9} [QZ]{4,9}", "[QZ]{4}\\\\n[QZ]{4}", "[QZ]{4,9}é"]
}

proptest! {
    #[test]
    fn nothing_that_was_said_survives(
        pieces in prop::collection::vec(prop_oneof![
            3 => secret(),
            1 => secret().prop_map(|secret| format!("{{\"content\":\"{secret}\",\"index\":1}}")),
            1 => secret().prop_map(|secret| format!("{{\"input\":{{\"{secret}\":[\"{secret}\"],\"type\":\"{secret}\"}}}}")),
            4 => prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "\r\n", "\n\n", " ", "data: ", "data:", "1", "true",
                "\"content\":", "\"args\":{", "\"metadata\":{\"a b\":", "\u{FEFF}", "\\u0041",
            ]).prop_map(str::to_owned),
        ], 0..30),
        kind in prop::sample::select(vec![
            "application/json", "text/event-stream", "application/x-ndjson", "text/plain",
            "application/vnd.amazon.eventstream",
        ]),
    ) {
        let body = pieces.concat();
        let filled = answer(kind, body.as_bytes());
        prop_assert_eq!(filled.len(), body.len());
        prop_assert!(!leaks(&filled), "{:?}", String::from_utf8_lossy(&filled));
        prop_assert_eq!(&answer(kind, &filled).len(), &filled.len());
    }
}

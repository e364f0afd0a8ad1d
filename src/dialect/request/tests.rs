//! What requests are read as, and how unreadable ones are refused.
//! Compiled under `#[cfg(test)]` only.

use super::*;
use crate::dialect::Splice;
use proptest::prelude::*;

const CHAT: Operation = Operation::OpenAiChat;
const COMPLETIONS: Operation = Operation::OpenAiCompletions;
const RESPONSES: Operation = Operation::OpenAiResponses;
const EMBEDDINGS: Operation = Operation::OpenAiEmbeddings;

fn read(operation: Operation, pieces: &[&[u8]]) -> Result<Call, Unreadable> {
    let mut request = Box::new(Request::new(
        operation,
        crate::dialect::format::asked(operation),
        Named::default(),
    ));
    for piece in pieces {
        request.push(piece)?;
    }
    request.finish()
}

/// The call, after comparing it with that of every split in two and of single bytes.
fn call(operation: Operation, body: &str) -> Call {
    let whole = read(operation, &[body.as_bytes()]).unwrap_or_else(|e| panic!("{body}: {e}"));
    for cut in 0..body.len() {
        let (a, b) = body.as_bytes().split_at(cut);
        assert_eq!(read(operation, &[a, b]), Ok(whole.clone()), "{body} cut at {cut}");
    }
    let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    assert_eq!(read(operation, &bytes), Ok(whole.clone()), "{body} byte by byte");
    whole
}

fn refused(operation: Operation, body: &str) -> Unreadable {
    let whole = read(operation, &[body.as_bytes()]).expect_err(body);
    let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    assert_eq!(read(operation, &bytes), Err(whole.clone()), "{body} byte by byte");
    whole
}

#[test]
fn reads_what_metering_needs() {
    let call = call(
        CHAT,
        r#" {"messages":[{"role":"user","content":"{\"model\":\"decoy\",\"n\":9}"}],"max_tokens":5,
        "model":"gpt-5 🙂","max_completion_tokens":70,"n":3,"service_tier":"flex","stream":null,
        "max_output_tokens":-1,"metadata":{"model":"x","stream":true}} "#,
    );
    assert_eq!(call.model, "gpt-5 🙂");
    assert_eq!((call.output_ceiling, call.answers), (Some(70), 3));
    assert_eq!(call.service_tier.as_deref(), Some("flex"));
    assert_eq!((call.stream, call.input_elsewhere, &call.edit), (false, false, &None));
}

#[test]
fn each_operation_has_its_own_fields() {
    let body = r#"{"model":"m","max_tokens":7,"max_output_tokens":9,"n":2,"best_of":4}"#;
    for (operation, ceiling, answers) in [
        (CHAT, Some(7), 4),
        (COMPLETIONS, Some(7), 4),
        (RESPONSES, Some(9), 1),
        (EMBEDDINGS, None, 1),
    ] {
        let call = call(operation, body);
        assert_eq!((call.output_ceiling, call.answers), (ceiling, answers), "{operation:?}");
    }
    let answers = |body| call(COMPLETIONS, body).answers;
    assert_eq!(answers(r#"{"prompt":"a"}"#), 1);
    assert_eq!(answers(r#"{"prompt":["a","b","c"],"n":2}"#), 6);
    assert_eq!(answers(r#"{"prompt":[1,2,3]}"#), 1);
    assert_eq!(answers(r#"{"prompt":[[1,2],[3]]}"#), 2);
}

#[test]
fn tells_tools_that_the_provider_runs() {
    let told = |body| {
        let call = call(RESPONSES, body);
        (call.hosted_tools, call.searches)
    };
    assert_eq!(told(r#"{"tools":[{"type":"function","name":"web_search"}]}"#), (false, false));
    assert_eq!(told(r#"{"tools":[{"type":"mcp"}]}"#), (true, false));
    assert_eq!(told(r#"{"tools":[{"type":"web_search_preview"}]}"#), (true, true));
    assert_eq!(told(r#"{"input":[{"type":"web_search_call","id":"ws_1"}]}"#), (false, false));
    assert_eq!(told(r#"{"web_search_options":{}}"#), (true, true));
}

#[test]
fn tells_input_that_the_body_does_not_hold() {
    for (body, elsewhere) in [
        (r#"{"input":"image_url input_file","tools":[{"type":"function"}]}"#, false),
        (r#"{"previous_response_id":null,"conversation":null}"#, false),
        (r#"{"messages":[{"content":[{"type":"text","text":"x"}]}]}"#, false),
        (r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#, true),
        (r#"{"input":[{"content":[{"type":"input_image","file_id":"f"}]}]}"#, true),
        (r#"{"input":[{"content":[{"type":"input_file"}]}]}"#, true),
        (r#"{"previous_response_id":"resp_1"}"#, true),
        (r#"{"conversation":{"id":"c"}}"#, true),
        (r#"{"prompt":{"id":"pmpt_1"}}"#, true),
        (r#"{"tools":[{"type":"web_search_preview"}]}"#, true),
        (r#"{"tools":[{"type":"mcp","vector_store_ids":["v"]}]}"#, true),
        (r#"{"tools":[{"type":"mcp"}]}"#, true),
        (r#"{"tools":[{"\u0074ype":"computer_us\u0065"}]}"#, true),
    ] {
        assert_eq!(call(RESPONSES, body).input_elsewhere, elsewhere, "{body}");
    }
}

#[test]
fn tells_what_is_more_or_less_than_its_text() {
    let contents = |operation, body: &str| call(operation, body).contents;
    let none = Contents::default();
    let data = format!("data:image/png;base64,{}", "A".repeat(700));
    let part = format!(r#"{{"type":"image_url","image_url":{{"url":"{data}","detail":"high"}}}}"#);
    let body = format!(r#"{{"messages":[{{"content":[{part},{part}]}}]}}"#);
    let image_bytes = 2 * (data.len() as u64 + 2);
    assert_eq!(contents(CHAT, &body), Contents { images: 2, image_bytes, ..none });
    let body =
        format!(r#"{{"input":[{{"content":[{{"type":"input_image","image_url":"{data}"}}]}}]}}"#);
    let image_bytes = data.len() as u64 + 2;
    assert_eq!(contents(RESPONSES, &body), Contents { images: 1, image_bytes, ..none });
    // Only where parts of messages stand is a text nothing but an image.
    let body = r#"{"messages":[{"content":[{"x":{"image_url":"not told"}}]}]}"#;
    assert_eq!(contents(CHAT, body), Contents { images: 1, ..none });
    let source = r#"{"type":"image","source":{"type":"base64","data":"AAAA"}}"#;
    let body = format!(
        r#"{{"messages":[{{"content":[{source},{{"type":"tool_result","content":[{source}]}}]}}]}}"#
    );
    let messages = Operation::AnthropicMessages;
    assert_eq!(contents(messages, &body), Contents { images: 2, image_bytes: 12, ..none });
    let pdf = r#"{"messages":[{"content":[{"type":"document","source":{"data":"AAAA"}}]}]}"#;
    assert_eq!(contents(messages, pdf), Contents { beyond: true, image_bytes: 6, ..none });
    let tools = r#"[{"name":"f"},{"type":"bash_20250124","name":"bash"}]"#;
    let body = format!(r#"{{"tools":{tools},"tool_choice":{{"type":"auto"}}}}"#);
    let definitions = tools.len() as u64;
    assert_eq!(contents(messages, &body), Contents { definitions, described: 1, ..none });
    let format = r#"{"type":"json_schema","json_schema":{}}"#;
    let body = format!(r#"{{"response_format":{format},"prediction":{{"content":"a"}}}}"#);
    let definitions = format.len() as u64;
    assert_eq!(contents(CHAT, &body), Contents { definitions, predicted: true, ..none });
    assert_eq!(contents(EMBEDDINGS, r#"{"input":["a","b"]}"#), Contents { texts: 2, ..none });
    assert!(contents(CHAT, r#"{"messages":[{"audio":{"id":"audio_1"}}]}"#).beyond);
}

#[test]
fn tools_and_fields_of_unknown_reach_are_the_providers() {
    for (operation, body, hosted) in [
        (CHAT, r#"{"tools":[{"type":"function"},{"type":"custom"}]}"#, false),
        (CHAT, r#"{"tools":[{"type":"openrouter:web_search"}]}"#, true),
        (CHAT, r#"{"models":["a","b"]}"#, true),
        (CHAT, r#"{"plugins":[{"id":"web"}]}"#, true),
        (CHAT, r#"{"search_parameters":{"mode":"auto"}}"#, true),
        (RESPONSES, r#"{"tools":[{"type":"local_shell"}]}"#, false),
        (RESPONSES, r#"{"context_management":[{"type":"compaction"}]}"#, true),
        (Operation::AnthropicMessages, r#"{"tools":[{"type":"advisor_20260301"}]}"#, true),
        (Operation::AnthropicMessages, r#"{"tools":[{"type":"computer_20250124"}]}"#, false),
        (
            Operation::AnthropicMessages,
            r#"{"context_management":{"edits":[{"type":"compact_20260112"}]}}"#,
            true,
        ),
    ] {
        assert_eq!(call(operation, body).hosted_tools, hosted, "{body}");
    }
}

#[test]
fn the_ceiling_keeps_the_name_that_the_request_gives_it() {
    let named = |operation, body| call(operation, body).ceiling_field();
    assert_eq!(named(CHAT, r#"{"max_tokens":5}"#), "max_tokens");
    assert_eq!(
        named(CHAT, r#"{"max_completion_tokens":9,"max_tokens":5}"#),
        "max_completion_tokens"
    );
    assert_eq!(named(CHAT, "{}"), "max_completion_tokens");
    let gemini = r#"{"generation_config":{"max_output_tokens":5}}"#;
    assert_eq!(named(Operation::GeminiGenerate, gemini), "max_output_tokens");
    assert_eq!(named(Operation::GeminiGenerate, "{}"), "maxOutputTokens");
    let ollama = r#"{"options":{"num_predict":-1}}"#;
    assert_eq!(named(Operation::OllamaChat, ollama), "num_predict");
}

#[test]
fn r023_characters_of_requests_are_what_the_model_is_told() {
    for (operation, body, characters) in [
        (CHAT, r#"{"model":"m","messages":[{"role":"user","name":"no","content":"Grüße 🙂"}]}"#, 7),
        (CHAT, r#"{"messages":[{"content":"\ud83d\ude42\n\u00E9\\"},{"content":null}]}"#, 4),
        (
            CHAT,
            r#"{"messages":[{"content":[{"type":"text","text":"é?"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
            {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},
            {"type":"file","file":{"file_data":"AAAA"}},{"type":"refusal","refusal":"no"}]}]}"#,
            4,
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"no"}}]},
            {"role":"tool","tool_call_id":"no","content":"12 °C"}],"prompt":"no","input":"no",
            "tools":[{"function":{"description":"no"}}],"metadata":{"content":"no"}}"#,
            5,
        ),
        (COMPLETIONS, r#"{"prompt":"a\"b","messages":[{"content":"no"}],"suffix":"no"}"#, 3),
        (COMPLETIONS, r#"{"prompt":["ab","é"]}"#, 3),
        (COMPLETIONS, r#"{"prompt":[[1,2],[3]]}"#, 0),
        (RESPONSES, r#"{"instructions":"Be brief.","input":"Hi"}"#, 11),
        (RESPONSES, r#"{"input":[{"role":"user","content":"Hi"}],"prompt":{"id":"no"}}"#, 2),
        (
            RESPONSES,
            r#"{"input":[{"content":[{"type":"input_text","text":"Hi"},
            {"type":"input_image","image_url":"data:AAAA"},
            {"type":"input_file","file_data":"AAAA","filename":"no"}]},
            {"type":"reasoning","encrypted_content":"no","summary":[{"text":"hm"}]},
            {"type":"function_call","arguments":"no"},
            {"type":"function_call_output","call_id":"no","output":"{\"a\":1}"},
            {"type":"function_call_output","output":[{"type":"input_text","text":"ok"}]},
            {"type":"shell_call_output","output":[{"stdout":"a\n","stderr":""}]},
            {"type":"computer_call_output","output":{"image_url":"data:AAAA"}}]}"#,
            2 + 2 + 7 + 2 + 2,
        ),
        (EMBEDDINGS, r#"{"input":"Hi","instructions":"no"}"#, 2),
        (EMBEDDINGS, r#"{"input":["Hi","日本"]}"#, 4),
        (EMBEDDINGS, r#"{"input":[1,2,3]}"#, 0),
    ] {
        assert_eq!(call(operation, body).characters, characters, "{body}");
    }
}

fn edited(operation: Operation, body: &str) -> Option<String> {
    let Splice { range, with } = call(operation, body).edit?;
    let with = std::str::from_utf8(&with).unwrap();
    Some(format!("{}{with}{}", &body[..range.start], &body[range.end..]))
}

#[test]
fn r008_asks_for_usage_and_keeps_other_stream_options() {
    for (body, expected) in [
        (r#"{"stream":true}"#, r#"{"stream_options":{"include_usage":true},"stream":true}"#),
        (
            r#"{"stream":true,"stream_options":null}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":{ },"a":{"b":1},"stream":true}"#,
            r#"{"stream_options":{"include_usage":true },"a":{"b":1},"stream":true}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"x":[1], "include_usage" : null, "y":{}}}"#,
            r#"{"stream":true,"stream_options":{"x":[1], "include_usage" : true, "y":{}}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"x":{"include_usage":true}}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true,"x":{"include_usage":true}}}"#,
        ),
    ] {
        for operation in [CHAT, COMPLETIONS] {
            assert_eq!(edited(operation, body).as_deref(), Some(expected));
        }
        assert_eq!(edited(RESPONSES, body), None);
        assert_eq!(edited(CHAT, &body.replace("\"stream\":true", "\"stream\":false")), None);
    }
    assert_eq!(edited(CHAT, r#"{"stream":true,"stream_options":{"include_usage":true}}"#), None);
}

#[test]
fn refuses_what_is_not_the_operations_request() {
    for (body, param, named) in [
        ("", None, "the body is empty"),
        (" \n", None, "the body is empty"),
        ("not json", None, "found `o` at byte 1"),
        ("[]", None, "`body` must be a JSON object, not an array"),
        ("12 ", None, "not 12"),
        ("null", None, "not null"),
        ("\"x\"", None, "not \"x\""),
        ("{\"model\":\"m\"", None, "ended at byte 12"),
        ("{\"model\":\"m\"}}", None, "found `}` at byte 13"),
        ("{\"model\":\"m\"}{}", None, "found `{` at byte 13"),
        ("{\"model\":\"m\",}", None, "expected a key in quotes"),
        ("{\"model\":7}", Some("model"), "`model` must be a string, not 7"),
        ("{\"model\":[\"m\"]}", Some("model"), "not an array"),
        ("{\"model\":\"\"}", Some("model"), "`model` is empty"),
        ("{\"model\":\"a\\nb\"}", Some("model"), "control character \\u{a}"),
        ("{\"model\":\"m\",\"model\":\"m\"}", Some("model"), "`model` is given twice"),
        ("{\"model\":\"m\",\"mod\\u0065l\":\"x\"}", Some("model"), "given twice"),
        ("{\"stream\":\"true\"}", Some("stream"), "not \"true\""),
        ("{\"stream\":1}", Some("stream"), "must be true, false or null, not 1"),
        ("{\"stream\":true,\"stream\":false}", Some("stream"), "given twice"),
        ("{\"stream_options\":7}", Some("stream_options"), "an object or null, not 7"),
        ("{\"stream_options\":[]}", Some("stream_options"), "not an array"),
        (
            "{\"stream_options\":{\"include_usage\":1}}",
            Some("stream_options.include_usage"),
            "not 1",
        ),
        (
            "{\"stream_options\":{\"include_usage\":true,\"include_usage\":false}}",
            Some("stream_options.include_usage"),
            "given twice",
        ),
        ("{\"max_tokens\":0}", Some("max_tokens"), "from 1 to 10000000, not 0"),
        ("{\"max_tokens\":-1}", Some("max_tokens"), "not -1"),
        ("{\"max_tokens\":1e12}", Some("max_tokens"), "not 1e12"),
        ("{\"max_tokens\":1000000000000}", Some("max_tokens"), "not 1000000000000"),
        ("{\"max_tokens\":99999999999999999999999}", Some("max_tokens"), "not 9999"),
        ("{\"max_tokens\":12.5}", Some("max_tokens"), "not 12.5"),
        ("{\"max_completion_tokens\":\"9\"}", Some("max_completion_tokens"), "not \"9\""),
        ("{\"n\":129}", Some("n"), "a whole number from 1 to 128, not 129"),
        ("{\"n\":true}", Some("n"), "not true"),
        ("{\"best_of\":{}}", Some("best_of"), "not an object"),
        ("{\"service_tier\":5}", Some("service_tier"), "not 5"),
    ] {
        let unreadable = refused(CHAT, body);
        assert_eq!(unreadable.param, param, "{body}");
        assert!(unreadable.message.contains(named), "{body}: {unreadable}");
    }
    for (body, background) in [(r#"{"background":true}"#, true), (r#"{"background":null}"#, false)]
    {
        assert_eq!(call(RESPONSES, body).background, background, "{body}");
    }
    assert!(!call(RESPONSES, r#"{"background":false}"#).stream);
}

#[test]
fn refuses_bombs_with_little_effort() {
    let deep = "{\"a\":".repeat(600);
    assert!(refused(CHAT, &deep).message.contains("512 levels"));
    let hundred = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(call(CHAT, &hundred).model, "");
    let long = format!("{{\"model\":\"{}\"}}", "é".repeat(5000));
    let message = refused(CHAT, &long).message;
    assert!(message.contains("longer than 256 bytes") && message.len() < 200, "{message}");
}

proptest! {
    #[test]
    fn edits_leave_valid_json(
        before in "(\"a\":\\[\\],)?",
        options in prop_oneof![
            Just("null"), Just("{}"), Just("{ }"), Just("{\"x\":1}"),
            Just("{\"include_usage\":false}"), Just("{\"include_usage\":null,\"x\":{\"y\":2}}"),
        ],
        after in "(,\"b\":\\{\"c\":\\{\\}\\})?",
    ) {
        let body = format!("{{{before}\"stream_options\":{options},\"stream\":true{after}}}");
        let edited = edited(CHAT, &body).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&body).unwrap();
        if !expected["stream_options"].is_object() {
            expected["stream_options"] = serde_json::json!({});
        }
        expected["stream_options"]["include_usage"] = true.into();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&edited).unwrap(), expected);
    }
}

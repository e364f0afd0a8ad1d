//! What a dialect reads: requests, answers and conversations.

use crate::{Input, aws};
use bytes::Bytes;
use farebox::dialect::{
    AnswerHead, Call, Conversation, Named, Operation, Splice, read_answer, read_request,
};
use farebox::usage::Reading;
use http::{HeaderMap, HeaderValue, StatusCode, header};

const STATUS: &[u16] = &[200, 200, 201, 400, 429, 500];

const KINDS: &[&str] = &[
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "text/plain; charset=utf-8",
    "audio/mpeg",
    "multipart/form-data; boundary=fare",
    "",
];

/// Choice 3: what the first bits of it say.
const STREAM: u8 = 0;
const EDITED: u8 = 1;
const CUT: u8 = 2;
const REQUEST: u8 = 3;
const FRAMED: u8 = 4;

/// Reads the body as the answer to one of the operations, or as a request for it.
pub fn dialect(bytes: &[u8], operations: &[Operation]) {
    let input = Input::of(bytes);
    let operation = input.one_of(0, operations);
    if input.flag(3, REQUEST) {
        request(&input, operation);
    } else if input.flag(3, FRAMED) {
        let lines = if operation == Operation::BedrockInvoke {
            let lines = input.body.split(|&byte| byte == b'\n').map(aws::wrapped);
            lines.collect::<Vec<_>>().join(&b'\n')
        } else {
            input.body.to_vec()
        };
        answer(&input.with(&aws::messages(&lines)), operation);
    } else {
        answer(&input, operation);
    }
}

fn request(input: &Input<'_>, operation: Operation) {
    let kind = input.one_of(2, KINDS);
    let stream = input.flag(3, STREAM);
    let model = input.flag(3, EDITED).then(|| "named".to_owned());
    let _ = input.same_for_any_split(|pieces| {
        let named = Named { model: model.clone(), stream };
        let mut reader = read_request(operation, named, Some(kind))?;
        for piece in pieces {
            reader.push(piece)?;
        }
        reader.finish()
    });
}

fn call(input: &Input<'_>, operation: Operation) -> Call {
    let edit = Splice { range: 0..0, with: Bytes::new() };
    Call {
        stream: input.flag(3, STREAM),
        edit: input.flag(3, EDITED).then_some(edit),
        ..Call::plain(operation, "asked")
    }
}

fn answer(input: &Input<'_>, operation: Operation) {
    let call = call(input, operation);
    let mut headers = HeaderMap::new();
    let kind = input.one_of(2, KINDS);
    if !kind.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    let status = StatusCode::from_u16(input.one_of(1, STATUS)).expect("a status");
    let (shown, before, reading) = input.same_for_any_split(|pieces| {
        let mut reader = read_answer(&call, AnswerHead { status, headers: &headers });
        let mut shown = Vec::new();
        for piece in pieces {
            shown.extend_from_slice(&reader.push(Bytes::copy_from_slice(piece)));
        }
        // How much text an event has that has not ended may be known sooner or later.
        let before = Reading { output_bytes: 0, output_characters: 0, ..reader.reading().clone() };
        let (held, reading) = reader.finish(input.flag(3, CUT));
        shown.extend_from_slice(&held);
        (shown, before, reading)
    });
    assert!(call.edit.is_some() || shown == input.body, "other bytes than came are shown");
    assert!(shown.len() <= input.body.len(), "more bytes than came are shown");
    for reading in [before, reading] {
        assert!(!(reading.complete && reading.truncated), "complete and truncated");
        assert!(reading.usage_present || !reading.usage_final, "final figures that are not there");
    }
}

/// Reads the body as a conversation, of which each line is a message: of the client where it begins
/// with `>`.
pub fn conversation(bytes: &[u8], operations: &[Operation]) {
    let input = Input::of(bytes);
    let call = call(&input, input.one_of(0, operations));
    input.same_for_any_split(|pieces| {
        let mut session = Conversation::new(&call);
        let mut turns = Vec::new();
        let mut speaker = None;
        for line in pieces.iter().flat_map(|piece| piece.split_inclusive(|&byte| byte == b'\n')) {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            match *speaker.get_or_insert(line[0]) {
                b'>' => session.client(text),
                _ => session.server(text),
            }
            if line.len() > text.len() {
                match speaker.take() {
                    Some(b'>') => session.client_end(),
                    _ => turns.extend(session.server_end()),
                }
            }
        }
        let answering = (session.is_answering(), session.model().map(str::to_owned));
        turns.extend(session.finish(input.flag(3, CUT)));
        (turns, answering)
    });
}

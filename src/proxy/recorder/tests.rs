//! The bounds of a recorder.
//! Compiled under `#[cfg(test)]` only.

use super::super::answer::Unread;
use super::*;
use crate::dialect::{AnswerHead, Operation};
use crate::ids::CallId;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

fn told() -> Told {
    Told {
        id: CallId::new(),
        operation: Operation::OpenAiChat,
        provider: "openai".to_owned(),
        method: Method::POST,
        path: "/v1/chat/completions".to_owned(),
        content_type: None,
        model: "gpt-5".to_owned(),
        stream: true,
        request: Vec::new(),
    }
}

async fn answer(tape: Tape, frames: &[&[u8]]) {
    let head = AnswerHead { status: StatusCode::OK, headers: &HeaderMap::new() };
    let mut reader = tape.over(Unread::boxed(), head);
    for frame in frames {
        assert_eq!(reader.push(Bytes::copy_from_slice(frame)), *frame);
    }
    reader.finish(false);
    reader.finish(false);
}

fn written(folder: &Path) -> Vec<Value> {
    let read = |file: io::Result<std::fs::DirEntry>| {
        serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap()
    };
    folder.read_dir().unwrap().map(read).collect()
}

#[tokio::test]
async fn a_long_body_is_cut_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new/deep");
    let recorder = Recorder::start(&folder).unwrap();
    let half = vec![b'a'; tape::MOST / 2];
    answer(recorder.tape(told).unwrap(), &[b"{", &half, &half, &half]).await;
    recorder.written().await;
    let [recording] = &written(&folder)[..] else { panic!("not one recording") };
    assert_eq!(recording["body"].as_str().unwrap().len(), tape::MOST);
    assert_eq!(
        (&recording["truncated"], &recording["request"]["stream"]),
        (&true.into(), &true.into())
    );
    assert_eq!(recording["wire_splits"][0], 1);
}

#[tokio::test]
async fn calls_without_a_seat_are_not_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new");
    let recorder = Recorder::start(&folder).unwrap();
    let tapes: Vec<_> = (0..SEATS + 3).map(|_| recorder.tape(told)).collect();
    assert_eq!(tapes.iter().flatten().count(), SEATS);
    assert_eq!(recorder.counts.missed.load(Ordering::Relaxed), 3);
    for tape in tapes.into_iter().flatten() {
        answer(tape, &[b"{}"]).await;
    }
    recorder.written().await;
    assert_eq!(written(&folder).len(), SEATS);
    assert!(recorder.tape(told).is_some(), "a seat is free again");
    assert_eq!(recorder.counts.missed.load(Ordering::Relaxed), 0, "it was said");
}

#[tokio::test]
async fn a_full_folder_takes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new");
    Recorder::start(&folder).unwrap();
    for name in 0..writer::FILES - 1 {
        std::fs::write(folder.join(name.to_string()), "{}").unwrap();
    }
    let recorder = Recorder::start(&folder).unwrap();
    let tapes = [(); 2].map(|()| recorder.tape(told).unwrap());
    for tape in tapes {
        answer(tape, &[b"{}"]).await;
    }
    recorder.written().await;
    assert_eq!(written(&folder).len(), writer::FILES);
    assert!(recorder.tape(told).is_none());
    assert!(Recorder::start(&folder).unwrap().tape(told).is_none());
}

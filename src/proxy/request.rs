//! Reads the call: takes in the body, shows it to the dialect as it arrives, keeps the frames as
//! they came. Nothing is copied or scanned twice.

use super::refusal::Refusal;
use crate::clock::Stopwatch;
use crate::dialect::{Call, Found, Named, Operation, Splice, Unreadable, read_request};
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue,
};
use http::request::Parts;
use http::{HeaderMap, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request body that is complete: its frames in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    frames: VecDeque<Bytes>,
    length: u64,
    /// How long the client was waited for.
    pub(super) waited: Duration,
}

/// The longest name of a model.
const MODEL_BYTES: usize = 256;

/// Whether a model may be called so.
pub(super) fn usable_name(model: &str) -> Result<(), Refusal> {
    let message = match model.len() {
        0 => "`model` is missing; name the model that is to answer.".to_owned(),
        n if n > MODEL_BYTES => format!("`model` has {n} bytes; at most {MODEL_BYTES} are read."),
        _ => return Ok(()),
    };
    Err(Refusal::Body(Unreadable { param: Some("model"), message }))
}

/// A body on its way to a provider.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Taken in completely, because it had to be read.
    Read(Frames),
    /// Passed on as it comes, up to a limit.
    Upload(Box<Limited<Incoming>>),
}

impl Outgoing {
    /// No body.
    pub(super) fn none() -> Self {
        Self::Read(Frames::default())
    }

    /// The same body once more. None where it is passed on as it comes.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Read(frames) => Some(Self::Read(frames.clone())),
            Self::Upload(upload) => upload.is_end_stream().then(Self::none),
        }
    }

    /// The same body that names another model, at the place where this one does.
    pub(super) fn naming(self, model: &str, at: Option<&Range<usize>>) -> Self {
        match (self, at) {
            (Self::Read(frames), Some(at)) => {
                let with = serde_json::Value::from(model).to_string().into();
                Self::Read(frames.spliced(&Splice { range: at.clone(), with }))
            }
            (same, _) => same,
        }
    }

    /// A body that is passed on as it comes; refused at once where it announces too many bytes.
    pub(super) fn upload(headers: &HeaderMap, body: Incoming, most: u64) -> Result<Self, Refusal> {
        if announced(headers).is_some_and(|length| length > most) {
            return Err(Refusal::TooLarge(most));
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(Self::Upload(Box::new(Limited::new(body, most))))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Read(frames) => Poll::Ready(frames.pop().map(|frame| Ok(Frame::data(frame)))),
            Self::Upload(upload) => Pin::new(upload.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Read(frames) => frames.frames.is_empty(),
            Self::Upload(upload) => upload.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Read(frames) => SizeHint::with_exact(frames.length),
            Self::Upload(upload) => upload.size_hint(),
        }
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How much body is taken in, and how long a client may pause in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intake {
    pub(super) bytes: u64,
    pub(super) pause: Duration,
}

/// Takes in a metered request.
pub(super) async fn read_call(
    operation: Operation,
    found: &Found,
    headers: &HeaderMap,
    body: Incoming,
    intake: Intake,
) -> Result<(Call, Frames), Refusal> {
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|e| *e != "identity") {
        let encoding = encoding.to_str().unwrap_or("unreadable");
        return Err(Refusal::Body(Unreadable {
            param: None,
            message: format!("Send the body without content-encoding `{encoding}`."),
        }));
    }
    let named = Named { model: found.model.clone(), stream: found.stream };
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let mut reader = read_request(operation, named, kind).map_err(Refusal::Body)?;
    let frames = take_in(headers, body, intake, |frame| reader.push(frame)).await?;
    let mut call = reader.finish().map_err(Refusal::Body)?;
    usable_name(&call.model)?;
    let frames = match &call.edit {
        Some(edit) => {
            call.model_at = call.model_at.map(|at| edit.moved(at));
            frames.spliced(edit)
        }
        None => frames,
    };
    Ok((call, frames))
}

async fn take_in(
    headers: &HeaderMap,
    mut body: Incoming,
    intake: Intake,
    mut show: impl FnMut(&[u8]) -> Result<(), Unreadable>,
) -> Result<Frames, Refusal> {
    if announced(headers).is_some_and(|length| length > intake.bytes) {
        return Err(Refusal::TooLarge(intake.bytes));
    }
    let mut frames = Frames::default();
    while !body.is_end_stream() {
        let watch = Stopwatch::start();
        let came = timeout(intake.pause, body.frame()).await;
        frames.waited = frames.waited.saturating_add(watch.elapsed());
        let frame = match came {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(broken_off()),
            Ok(None) => break,
            Err(_) => return Err(Refusal::SlowBody),
        };
        if let Ok(bytes) = frame.into_data() {
            show(&bytes).map_err(Refusal::Body)?;
            frames.push(bytes);
            if frames.length > intake.bytes {
                return Err(Refusal::TooLarge(intake.bytes));
            }
        }
    }
    Ok(frames)
}

/// The longest body that is taken in although its call is refused, so that the connection can go on.
const LEFT_BYTES: u64 = 1024 * 1024;

/// How long it may take to come.
const LEFT_TIME: Duration = Duration::from_secs(1);

/// The body of a call that is refused before it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    /// It is worth to be taken in.
    short: bool,
    /// The connection says by a header that it ends.
    http1: bool,
}

impl Left {
    pub(super) fn of(head: &Parts) -> Self {
        let short = announced(&head.headers).is_none_or(|length| length <= LEFT_BYTES);
        Self {
            short: short && !head.headers.contains_key(EXPECT),
            http1: head.version <= Version::HTTP_11,
        }
    }

    /// Takes in what the client sends anyway, if that is little; else the connection ends, and the
    /// headers of the refusal say so.
    pub(super) async fn behind(self, body: Incoming, answer: &mut HeaderMap) {
        let taken = self.short && timeout(LEFT_TIME, swallow(body)).await.unwrap_or(false);
        if !taken && self.http1 {
            answer.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Whether the body came to its end.
async fn swallow(mut body: Incoming) -> bool {
    let mut left = LEFT_BYTES;
    while !body.is_end_stream() {
        let length = match body.frame().await {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return false,
            None => return true,
        };
        match left.checked_sub(length as u64) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}

fn broken_off() -> Refusal {
    let message = "The request body broke off before its end.".to_owned();
    Refusal::Body(Unreadable { param: None, message })
}

impl Frames {
    fn push(&mut self, frame: Bytes) {
        self.length += frame.len() as u64;
        self.frames.push_back(frame);
    }

    /// A copy of at most so many bytes.
    pub(super) fn beginning(&self, most: usize) -> Vec<u8> {
        self.frames.iter().flatten().copied().take(most).collect()
    }

    fn pop(&mut self) -> Option<Bytes> {
        let frame = self.frames.pop_front()?;
        self.length = self.length.saturating_sub(frame.len() as u64);
        Some(frame)
    }

    /// The same body with one edit; frames outside it are shared, not copied.
    fn spliced(self, edit: &Splice) -> Self {
        let mut out = Self { waited: self.waited, ..Self::default() };
        let mut start = 0_usize;
        let mut inserted = false;
        for frame in self.frames {
            let end = start + frame.len();
            let before = edit.range.start.clamp(start, end) - start;
            let after = edit.range.end.clamp(start, end) - start;
            if before > 0 {
                out.push(frame.slice(..before));
            }
            if !inserted && edit.range.start <= end {
                out.push(edit.with.clone());
                inserted = true;
            }
            if after < frame.len() {
                out.push(frame.slice(after..));
            }
            start = end;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(frames: &Frames) -> Vec<u8> {
        frames.frames.iter().flatten().copied().collect()
    }

    #[test]
    fn a_splice_lands_in_the_same_place_whatever_the_frames() {
        let body = b"{\"a\":1,\"stream_options\":null}";
        for edit in [24..28, 0..0, 29..29, 1..1, 0..29] {
            let mut expected = body.to_vec();
            expected.splice(edit.clone(), *b"NEW");
            for cut in 0..=body.len() {
                let mut frames = Frames::default();
                frames.push(Bytes::copy_from_slice(&body[..cut]));
                frames.push(Bytes::copy_from_slice(&body[cut..]));
                let edit = Splice { range: edit.clone(), with: Bytes::from_static(b"NEW") };
                let spliced = frames.spliced(&edit);
                assert_eq!(whole(&spliced), expected, "{edit:?} cut at {cut}");
                assert_eq!(spliced.length, expected.len() as u64);
            }
        }
    }
}

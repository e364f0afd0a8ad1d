//! Fills what was taken down and writes it, one recording after the other, on a thread of its own.

use super::Counts;
use super::tape::{Answer, MOST, Told};
use crate::dialect::capture::Recording;
use crate::dialect::filler::{fill_answer, fill_path, fill_request};
use crate::framing::decompress::Decoder;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The most recordings in a folder.
pub(super) const FILES: usize = 1000;

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Job {
    Write(Box<(Told, Answer, OwnedSemaphorePermit)>),
    /// To say that everything before is written.
    Last(oneshot::Sender<()>),
}

/// Writes recordings.
pub(super) struct Writer {
    folder: PathBuf,
    /// How many more there may be.
    left: usize,
    counts: Arc<Counts>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, counts: Arc<Counts>) -> io::Result<Self> {
        let left = FILES.saturating_sub(folder.read_dir()?.count());
        let writer = Self { folder, left, counts };
        writer.look();
        Ok(writer)
    }

    /// Runs until nobody can hand anything in any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            match job {
                Job::Write(tape) => {
                    let (told, answer, seat) = *tape;
                    self.write(told, answer);
                    drop(seat);
                }
                // Who asked may have stopped waiting.
                Job::Last(done) => drop(done.send(())),
            }
            self.look();
        }
    }

    fn write(&mut self, told: Told, answer: Answer) {
        if self.left == 0 {
            return;
        }
        let path = self.folder.join(format!("{}.json", told.id));
        let text = recording(told, answer).to_json().to_string();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match file.and_then(|mut file| file.write_all(text.as_bytes())) {
            Ok(()) => self.left -= 1,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "an answer is not recorded")
            }
        }
    }

    /// Says what is not recorded.
    fn look(&self) {
        let missed = self.counts.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            tracing::warn!(missed, "answers are not recorded: too many calls at a time");
        }
        if self.left == 0 && !self.counts.full.swap(true, Ordering::Relaxed) {
            let folder = self.folder.display();
            tracing::warn!(
                %folder,
                "no more answers are recorded: the folder holds {FILES} files; move them away and \
                 start again"
            );
        }
    }
}

/// The recording of a call, with filler for all that was said.
fn recording(told: Told, answer: Answer) -> Recording {
    let mut request = fill_request(told.content_type.as_deref(), &told.request);
    if request.is_null() {
        request = json!({ "model": told.model, "stream": told.stream });
    }
    let (mut body, splits, truncated) = plain(&answer);
    fill_answer(answer.content_type.as_deref(), &mut body);
    Recording {
        operation: told.operation,
        provider: told.provider,
        method: told.method,
        path: fill_path(&told.path),
        request,
        status: answer.status,
        content_type: answer.content_type,
        figures: answer.figures,
        body,
        splits,
        truncated: truncated || answer.truncated,
    }
}

/// The body decompressed, and where its pieces end then.
fn plain(answer: &Answer) -> (Vec<u8>, Vec<usize>, bool) {
    let mut decoder = Decoder::new(answer.encoding.as_deref(), Beginning::default());
    let (mut splits, mut from) = (Vec::new(), 0);
    for &to in &answer.cuts {
        decoder.push(answer.body.get(from..to).unwrap_or_default());
        from = to;
        let length = decoder.get().map_or(0, |plain| plain.bytes.len());
        if length > splits.last().copied().unwrap_or(0) {
            splits.push(length);
        }
    }
    // The last one is the end of the body, which is no split.
    splits.pop();
    let Some(plain) = decoder.inner() else { return (Vec::new(), Vec::new(), true) };
    let unread = plain.bytes.is_empty() && !answer.body.is_empty();
    (std::mem::take(&mut plain.bytes), splits, plain.went_on || unread)
}

/// As much as is kept of a body.
#[derive(Default)]
struct Beginning {
    bytes: Vec<u8>,
    went_on: bool,
}

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let free = MOST.saturating_sub(self.bytes.len());
        self.went_on |= bytes.len() > free;
        self.bytes.extend_from_slice(bytes.get(..free).unwrap_or(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

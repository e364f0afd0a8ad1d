//! Records answers as captures, with filler for all that was said, so that what was read wrongly can
//! be shown to others. Off unless a folder is named.
//!
//! Calls never wait for it. So many calls at a time have a seat, and a seat is free again once its
//! recording is written; a call without one is not recorded, and counted. What was said stays in
//! memory until it is filled, and is never written.

mod tape;
mod writer;

pub(super) use tape::{Tape, Told};

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use writer::{Job, Writer};

/// How many calls are recorded at a time, each with at most [`tape::MOST`] bytes of its request and
/// of its answer.
const SEATS: usize = 32;

/// How long a stopping proxy waits for the last recordings.
const LAST: Duration = Duration::from_secs(5);

/// Where recordings are handed in. Clones share everything.
#[derive(Debug, Clone)]
pub struct Recorder {
    jobs: SyncSender<Job>,
    seats: Arc<Semaphore>,
    counts: Arc<Counts>,
}

/// What the calls and the writer tell each other.
#[derive(Debug, Default)]
struct Counts {
    /// Calls without a seat, since the writer looked last.
    missed: AtomicU64,
    /// The folder holds as many recordings as it may.
    full: AtomicBool,
}

impl Recorder {
    /// Records into a folder, which nobody else may read; it is made if it is not there. The error
    /// says what is wrong with it.
    pub fn start(folder: &Path) -> Result<Self, String> {
        let shown = folder.display();
        let told = |error: io::Error| format!("--record {shown}: {error}");
        let there = private_folder(folder).map_err(told)?;
        let mode = there.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "--record {shown}: others may look into it (mode {mode:o}); chmod 700 {shown}, or \
                 name a folder that is not there yet"
            ));
        }
        // Who has a seat always finds room; the one more is for the last job.
        let (jobs, queue) = sync_channel(SEATS + 1);
        let counts = Arc::new(Counts::default());
        let writer = Writer::new(PathBuf::from(folder), counts.clone()).map_err(told)?;
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(told)?;
        tracing::warn!(
            folder = %shown,
            "RECORDING ANSWERS: what was said is replaced by filler, but models, figures, lengths and \
             times of calls are kept; stop it once you have what you need"
        );
        Ok(Self { jobs, seats: Arc::new(Semaphore::new(SEATS)), counts })
    }

    /// A tape for a call, if there is a seat for it.
    pub(super) fn tape(&self, told: impl FnOnce() -> Told) -> Option<Tape> {
        if self.counts.full.load(Ordering::Relaxed) {
            return None;
        }
        match self.seats.clone().try_acquire_owned() {
            Ok(seat) => Some(Tape::new(told(), seat, self.jobs.clone())),
            Err(_) => {
                self.counts.missed.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Resolves when all that was handed in is written, or has taken too long.
    pub(super) async fn written(&self) {
        let (done, all) = oneshot::channel();
        if self.jobs.try_send(Job::Last(done)).is_ok() {
            // Whether it took too long or the writer is gone: there is no more to wait for.
            let _ = tokio::time::timeout(LAST, all).await;
        }
    }
}

fn private_folder(folder: &Path) -> io::Result<Metadata> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.metadata()
}

#[cfg(test)]
mod tests;

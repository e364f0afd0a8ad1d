//! The thread that commits the embedded ledger's changes to the store in groups.
//!
//! Invariant: it sleeps while nothing changes, and it commits once more before it ends.

use super::super::OpenError;
use super::super::order::Unavailable;
use super::Inner;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

const FOREVER: Duration = Duration::from_secs(3600);

type Answer = oneshot::Sender<Result<(), String>>;

enum Wish {
    Wake,
    Tidy,
    Flush(Answer),
}

/// The handle of the thread.
pub struct Writer {
    wishes: Option<Sender<Wish>>,
    awake: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(inner: Arc<Inner>) -> Result<Self, OpenError> {
        let (wishes, received) = channel();
        let awake = Arc::new(AtomicBool::new(false));
        let woken = awake.clone();
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || run(&inner, &received, &woken))
            .map_err(|why| OpenError(format!("cannot start the ledger's thread: {why}")))?;
        Ok(Self { wishes: Some(wishes), awake, thread: Some(thread) })
    }

    /// Something changed.
    pub fn wake(&self) {
        if !self.awake.swap(true, Ordering::AcqRel) {
            self.wish(Wish::Wake);
        }
    }

    /// Clears the store of what has expired.
    pub fn tidy(&self) {
        self.wish(Wish::Tidy);
    }

    /// Commits now.
    pub async fn flush(&self) -> Result<(), Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Flush(answer));
        let gone = || Unavailable("the ledger's thread is gone".to_owned());
        answered.await.map_err(|_| gone())?.map_err(Unavailable)
    }

    fn wish(&self, wish: Wish) {
        // The receiver lives as long as this sender; were it gone, flushing would say so.
        let _ = self.wishes.as_ref().map(|wishes| wishes.send(wish));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.wishes = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread panicked");
        }
    }
}

fn run(inner: &Inner, wishes: &Receiver<Wish>, awake: &AtomicBool) {
    let group = Duration::from_millis(inner.options.commit_ms);
    let mut open = true;
    let mut failed = false;
    while open {
        let mut answers = Vec::new();
        let waited = match (failed, wishes.recv_timeout(if failed { group } else { FOREVER })) {
            (false, Ok(Wish::Wake)) => wishes.recv_timeout(group),
            (_, waited) => waited,
        };
        match waited {
            Ok(Wish::Flush(answer)) => answers.push(answer),
            Ok(Wish::Tidy) => {
                if let Err(why) = inner.store.sweep_records(inner.options.clock.now()) {
                    tracing::warn!("expired records stay in the ledger's store: {why}");
                }
            }
            Ok(Wish::Wake) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => open = false,
        }
        awake.store(false, Ordering::Release);
        let committed = inner.commit();
        failed = committed.is_err();
        if let Err(why) = &committed {
            tracing::error!("{why}; trying again");
        }
        for answer in answers {
            // Whoever asked may have gone.
            let _ = answer.send(committed.clone());
        }
    }
}

//! Threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on one thread from its first byte to its last, and so do the connections to
//! providers that its calls use. No call is woken across threads.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// A set of serving threads. They end when this is dropped.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<Worker>,
    next: AtomicUsize,
    /// Closing it ends the threads.
    open: Option<watch::Sender<()>>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// As many as there are processors.
    pub fn start() -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let (open, closed) = watch::channel(());
        let threads = (0..count).map(|number| Worker::start(number, closed.clone()));
        Ok(Self {
            threads: threads.collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
            open: Some(open),
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

    /// The next one in turn, and its number.
    pub(super) fn next(&self) -> Option<(usize, &Handle)> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let number = turn.checked_rem(self.threads.len())?;
        Some((number, &self.threads.get(number)?.runtime))
    }
}

impl Worker {
    fn start(number: usize, mut closed: watch::Receiver<()>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let thread =
            std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                runtime.block_on(async {
                    // Nothing is ever sent: the error says that the sender is gone.
                    let _ = closed.changed().await;
                });
            })?;
        Ok(Self { runtime: handle, thread: Some(thread) })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.open = None;
        for worker in &mut self.threads {
            if worker.thread.take().is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("a worker had panicked");
            }
        }
    }
}

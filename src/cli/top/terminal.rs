//! The terminal while `top` is on it: raw, on the other screen, and as it was before afterwards.

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, poll, read};
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use std::io::{self, Write};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};

/// How soon the thread that reads keys sees that nobody wants them.
const PATIENCE: Duration = Duration::from_millis(100);
const KEYS: usize = 64;

/// A terminal in use; dropping it restores what was there.
pub(super) struct Terminal {
    out: io::Stdout,
}

impl Terminal {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<Self> {
        enable_raw_mode()?;
        let mut terminal = Self { out: io::stdout() };
        queue!(terminal.out, EnterAlternateScreen, Hide)?;
        terminal.out.flush()?;
        Ok(terminal)
    }

    /// Its columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        let (columns, lines) = size().unwrap_or((80, 24));
        (usize::from(columns.max(1)), usize::from(lines.max(1)))
    }

    /// Shows these lines, in one write.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        for (row, line) in lines.iter().enumerate() {
            let row = u16::try_from(row).unwrap_or(u16::MAX);
            queue!(self.out, MoveTo(0, row), Print(line), Clear(ClearType::UntilNewLine))?;
        }
        queue!(self.out, Clear(ClearType::FromCursorDown))?;
        self.out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing is left to do where this fails: the terminal is gone.
        let _ = queue!(self.out, Show, LeaveAlternateScreen);
        let _ = self.out.flush();
        let _ = disable_raw_mode();
    }
}

/// What happens on the terminal, until nobody receives it.
pub(super) fn events() -> Receiver<Event> {
    let (sender, receiver) = channel(KEYS);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let event = match poll(PATIENCE) {
                Ok(false) => continue,
                Ok(true) => read(),
                Err(why) => Err(why),
            };
            if !event.is_ok_and(|event| sender.blocking_send(event).is_ok()) {
                return;
            }
        }
    });
    receiver
}

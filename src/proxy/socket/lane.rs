//! One direction of a session: bytes are read, shown, and written as they came.
//!
//! One piece is on its way at a time, so a side that does not take bytes is not read from for. Our
//! own frames are put in between two messages only, and nothing follows them.

use crate::framing::websocket::{Frames, Socket};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are on their way at a time.
const PIECE: usize = 16 * 1024;

/// Sees what goes by.
pub(super) trait Watch: Socket {
    /// Whether what was shown may go on yet.
    fn may_pass(&self) -> bool;
}

/// Why a direction does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The side that it comes from hung up.
    Ended,
    /// The side that it goes to takes nothing any more.
    Unwritable,
    /// What came is no WebSocket any more. It was passed on.
    Broken,
    /// The last words were said.
    Concluded,
}

/// One direction.
pub(super) struct Lane {
    frames: Frames,
    piece: Box<[u8]>,
    length: usize,
    written: usize,
    flushed: bool,
    /// To be put in where a message ends.
    last: Option<Vec<u8>>,
    concluding: bool,
    moved: bool,
}

impl Lane {
    /// A direction; frames of a client are masked.
    pub(super) fn new(masked: bool) -> Self {
        Self {
            frames: Frames::new(masked),
            piece: vec![0; PIECE].into_boxed_slice(),
            length: 0,
            written: 0,
            flushed: true,
            last: None,
            concluding: false,
            moved: false,
        }
    }

    /// Whether a close went by.
    pub(super) fn is_closed(&self) -> bool {
        self.frames.is_closed()
    }

    /// Whether bytes have moved since this was asked last.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Ends with these frames, where the current message does.
    pub(super) fn conclude(&mut self, last: Vec<u8>) {
        self.last = Some(last);
    }

    /// Moves what can be moved.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        watch: &mut impl Watch,
    ) -> Poll<Stop> {
        loop {
            if !watch.may_pass() {
                return Poll::Pending;
            }
            if ready!(self.write(cx, to)).is_err() {
                return Poll::Ready(Stop::Unwritable);
            }
            if self.concluding {
                // It has been told all; whether it hears of the end does not matter.
                let _ = ready!(Pin::new(to).poll_shutdown(cx));
                return Poll::Ready(Stop::Concluded);
            }
            if self.frames.is_broken() {
                return Poll::Ready(Stop::Broken);
            }
            if self.begins_to_conclude() {
                continue;
            }
            match ready!(self.read(cx, from)) {
                Ok(length @ 1..) => self.show(length, watch),
                Ok(0) | Err(_) => return Poll::Ready(Stop::Ended),
            }
        }
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.piece.get(self.written..self.length)
            && !rest.is_empty()
        {
            let written = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.flushed = false;
            self.moved = true;
        }
        if !self.flushed {
            ready!(Pin::new(to).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Puts the last words in, if this is where they may stand. Behind a close nothing may.
    fn begins_to_conclude(&mut self) -> bool {
        let closed = self.frames.is_closed();
        if !closed && !self.frames.at_boundary() {
            return false;
        }
        let Some(last) = self.last.take() else { return false };
        if !closed {
            (self.length, self.written) = (last.len(), 0);
            self.piece = last.into_boxed_slice();
        }
        self.concluding = true;
        true
    }

    fn read(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(&mut self.piece);
        ready!(Pin::new(from).poll_read(cx, &mut room))?;
        self.moved = true;
        Poll::Ready(Ok(room.filled().len()))
    }

    /// Shows a piece. If there are last words, it is cut where they may stand.
    fn show(&mut self, length: usize, watch: &mut impl Watch) {
        (self.length, self.written) = (length, 0);
        let piece = self.piece.get(..length).unwrap_or_default();
        if self.last.is_none() {
            self.frames.push(piece, watch);
            return;
        }
        for (at, byte) in piece.iter().enumerate() {
            self.frames.push(std::slice::from_ref(byte), watch);
            if self.frames.at_boundary() {
                self.length = at + 1;
                return;
            }
        }
    }
}

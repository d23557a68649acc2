//! Room: a glommio socket in the shape that hyper reads and writes.
//!
//! Reads go straight into hyper's buffer, vectored writes straight from the blocks of a body. On the way it
//! tells the connection's [`Watch`] what moves. hyper answers a head that it cannot parse by itself, without
//! the headers that every S3 answer has; that answer is recognised here (nothing else can be under way) and
//! replaced.
//! Invariants: no time-out of its own (a stream's time-out outlives a dropped read), no flag on the descriptor
//! is changed. May use unsafe: for memory that a read has not filled yet, and to adopt a listening socket.

#![expect(
    unsafe_code,
    reason = "reads into memory not filled yet, and adopts a socket; see each SAFETY"
)]

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use futures_io::{AsyncRead, AsyncWrite};
use glommio::net::{AcceptedTcpStream, TcpListener, TcpStream};
use hyper::rt::{Read, ReadBufCursor, Write};

use super::watch::Watch;

/// Makes the answer to a head that is no HTTP: gets the status that hyper would send, gives the whole answer.
pub type Refuse = Rc<dyn Fn(u16) -> Bytes>;

/// A socket that has been accepted and belongs to no shard yet.
pub type Accepted = AcceptedTcpStream;

/// One connection's socket.
pub struct Socket {
    stream: TcpStream,
    watch: Rc<Watch>,
    refuse: Refuse,
    refusal: Option<Bytes>,
    ended: bool,
    /// Bytes written since other tasks last had their turn.
    written: usize,
}

impl Socket {
    /// Binds an accepted socket to this shard and switches the delay of small segments off.
    pub fn new(accepted: Accepted, watch: Rc<Watch>, refuse: Refuse) -> io::Result<Self> {
        let stream = accepted.bind_to_executor();
        stream.set_nodelay(true)?;
        Ok(Self { stream, watch, refuse, refusal: None, ended: false, written: 0 })
    }

    /// Whether the client has said that it sends nothing more.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the last answer was one to a head that is no HTTP.
    pub fn has_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// Reads and forgets. Ready at the end of what the client sends, at an error, or after `len_max` bytes.
    pub async fn discard(&mut self, len_max: u64) {
        let mut scratch = vec![0; DISCARD_LEN];
        let mut left = len_max;
        while left > 0 && !self.ended {
            let read = |context: &mut Context<'_>| {
                self.watch.register(context);
                if self.watch.is_cut() {
                    return Poll::Ready(Ok(0));
                }
                Pin::new(&mut self.stream).poll_read(context, &mut scratch)
            };
            match std::future::poll_fn(read).await {
                Ok(0) | Err(_) => return,
                Ok(len) => left = left.saturating_sub(len as u64),
            }
        }
    }

    /// Sends our answer instead of hyper's, which counts as taken once ours has gone.
    fn poll_refusal(
        &mut self,
        context: &mut Context<'_>,
        hypers_len: usize,
    ) -> Poll<io::Result<usize>> {
        while let Some(refusal) = self.refusal.as_mut().filter(|refusal| refusal.has_remaining()) {
            match Pin::new(&mut self.stream).poll_write(context, refusal) {
                Poll::Ready(sent) => refusal.advance(sent?),
                Poll::Pending => {
                    self.watch.write_blocked();
                    return Poll::Pending;
                }
            }
        }
        self.watch.sent();
        Poll::Ready(Ok(hypers_len))
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &mut *self;
        // SAFETY: `as_mut` asks that no byte be made uninitialised; `recv` below only writes bytes.
        let free = unsafe { cursor.as_mut() };
        // SAFETY: the slice has the length and alignment of the one it is made of; its bytes are never read:
        // the stream hands pointer and length to recv(2), which writes a prefix of them.
        let free = unsafe { &mut *(std::ptr::from_mut::<[MaybeUninit<u8>]>(free) as *mut [u8]) };
        let len = ready!(Pin::new(&mut socket.stream).poll_read(context, free))?;
        // SAFETY: recv(2) has written the first `len` bytes.
        unsafe { cursor.advance(len) };
        if len == 0 {
            socket.ended = true;
        } else {
            socket.watch.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = &mut *self;
        if socket.refusal.is_none() && socket.watch.is_settled() {
            socket.refusal =
                pieces.first().and_then(|head| refused_status(head)).map(&*socket.refuse);
        }
        if socket.refusal.is_some() {
            return socket.poll_refusal(context, pieces.iter().map(|piece| piece.len()).sum());
        }
        // A socket that takes everything would keep hyper writing: others get their turn in between.
        if socket.written >= TURN_LEN && glommio::executor().need_preempt() {
            socket.written = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let sent = Pin::new(&mut socket.stream).poll_write_vectored(context, pieces);
        match &sent {
            Poll::Ready(sent) => {
                socket.written += sent.as_ref().copied().unwrap_or_default();
                socket.watch.sent();
            }
            Poll::Pending => {
                socket.written = 0;
                socket.watch.write_blocked();
            }
        }
        sent
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes the socket when its own buffer is empty; the socket has none.
        self.watch.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

/// Gives a last word to a socket that nobody will serve, as far as it takes it at once, and closes it.
pub fn dismiss(accepted: Accepted, answer: &[u8]) {
    let mut stream = accepted.bind_to_executor();
    let context = &mut Context::from_waker(Waker::noop());
    // Best effort: the client is turned away either way.
    let _ = Pin::new(&mut stream).poll_write(context, answer);
}

/// The status in the head of an error that hyper sends by itself.
fn refused_status(head: &[u8]) -> Option<u16> {
    let status =
        head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    let status: u16 = std::str::from_utf8(status).ok()?.parse().ok()?;
    (400..500).contains(&status).then_some(status)
}

/// Gives a listening socket to this shard. It was bound outside so that a second node on the same address
/// fails to start: glommio's own `bind` lets both share it.
pub fn adopt(listener: std::net::TcpListener) -> TcpListener {
    // SAFETY: the descriptor is a listening socket, and `into_raw_fd` has given up its ownership.
    unsafe { TcpListener::from_raw_fd(listener.into_raw_fd()) }
}

const DISCARD_LEN: usize = 64 * 1024;
/// What a connection may write at least before it yields.
const TURN_LEN: usize = 128 * 1024;

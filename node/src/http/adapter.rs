//! Room: a glommio socket, plain or under TLS, in the shape that hyper reads and writes.
//!
//! Plain reads go straight into hyper's buffer, vectored writes straight from the blocks of a body. On the way it
//! tells the connection's [`Watch`] what moves. hyper answers a head that it cannot parse by itself, without
//! the headers that every S3 answer has; that answer is recognised here (nothing else can be under way) and
//! replaced. So is the answer to what [`Framing`] objects to: hyper gets bytes instead that it cannot take.
//! Under TLS at most 64 KiB are encrypted at a time and wait for the socket.
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
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsAcceptor;
use futures_rustls::server::TlsStream;
use glommio::net::{AcceptedTcpStream, TcpListener, TcpStream};
use hyper::rt::{Read, ReadBufCursor, Write};
use rustls::ServerConfig;

use super::framing::{Found, Framing};
use super::watch::Watch;

/// Makes the whole answer to what never becomes a request.
pub type Refuse = Rc<dyn Fn(Refusal) -> Bytes>;

/// What never becomes a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A head that is no HTTP, or could be read in two ways; the status that HTTP has for it.
    Head(u16),
    /// A head that came too slowly.
    LateHead,
    /// Something that is no TLS, where TLS is spoken.
    NoTls,
}

/// A socket that has been accepted and belongs to no shard yet.
pub type Accepted = AcceptedTcpStream;

/// One connection's socket.
pub struct Socket {
    stream: Stream,
    watch: Rc<Watch>,
    refuse: Refuse,
    refusal: Option<Bytes>,
    framing: Framing,
    /// The first byte of a request, read before there was anybody to take it.
    first: Option<u8>,
    /// What was objected to, and what hyper has not yet got in its place.
    objection: Option<Objection>,
    ended: bool,
    /// Bytes written since other tasks last had their turn.
    written: usize,
}

struct Objection {
    status: u16,
    to_head: bool,
    instead: &'static [u8],
    /// Whom to wake when the answers before it have gone.
    waker: Option<Waker>,
}

/// What opening a connection came to.
pub enum Opened {
    /// Requests may come.
    Ready(Socket),
    /// The client spoke no TLS and has been told so, in plain HTTP.
    Refused(Socket),
    /// The handshake failed, or was cut.
    Failed,
    /// The client left, or had to, before it said anything.
    Silent,
}

impl Socket {
    /// Binds an accepted socket to this shard, switches the delay of small segments off and, with `tls`, shakes
    /// hands. The handshake is part of the first head: the watch cuts it when that takes too long.
    pub async fn open(
        accepted: Accepted,
        tls: Option<Arc<ServerConfig>>,
        watch: Rc<Watch>,
        refuse: Refuse,
    ) -> Opened {
        let stream = accepted.bind_to_executor();
        // A socket that takes no option is one whose client has gone.
        if stream.set_nodelay(true).is_err() {
            return Opened::Silent;
        }
        let mut wire =
            Wire { stream, watch: Rc::clone(&watch), ahead: Vec::new(), taken: 0, turn: 0 };
        let Some(config) = tls else {
            return Opened::Ready(Self::over(Stream::Plain(wire), watch, refuse));
        };
        let leaves = |watch: &Watch| watch.is_cut() || watch.is_draining();
        let first = unless(&watch, leaves, |context| wire.poll_first(context)).await;
        let Ok(Some(first)) = first else {
            return Opened::Silent;
        };
        if first != HANDSHAKE_RECORD {
            let mut socket = Self::over(Stream::Plain(wire), watch, refuse);
            socket.refuse_plain().await;
            return Opened::Refused(socket);
        }
        let mut handshake = Box::new(TlsAcceptor::from(config).accept(wire));
        let shaken = |context: &mut Context<'_>| Pin::new(&mut handshake).poll(context);
        match unless(&watch, Watch::is_cut, shaken).await {
            Ok(stream) => Opened::Ready(Self::over(Stream::Tls(Box::new(stream)), watch, refuse)),
            Err(_failed) => Opened::Failed,
        }
    }

    fn over(stream: Stream, watch: Rc<Watch>, refuse: Refuse) -> Self {
        Self {
            stream,
            watch,
            refuse,
            refusal: None,
            framing: Framing::default(),
            first: None,
            objection: None,
            ended: false,
            written: 0,
        }
    }

    /// Says in plain HTTP that only TLS is spoken here, and closes this side.
    async fn refuse_plain(&mut self) {
        self.refusal = Some((self.refuse)(Refusal::NoTls));
        let watch = Rc::clone(&self.watch);
        let told = unless(&watch, Watch::is_cut, |context| {
            ready!(self.poll_refusal(context, 0))?;
            self.stream.poll_close(context)
        });
        // Best effort: the client is turned away either way.
        let _ = told.await;
    }

    /// Waits for the next request with no memory but its own. False if none will come: the client has ended, or
    /// the connection must.
    pub async fn wait_for_request(&mut self) -> bool {
        let watch = Rc::clone(&self.watch);
        std::future::poll_fn(|context| {
            watch.register(context);
            if watch.is_cut() {
                return Poll::Ready(false);
            }
            let mut first = [0];
            match self.stream.poll_read(context, &mut first) {
                Poll::Ready(Ok(1)) => {
                    self.first = Some(first[0]);
                    watch.received(true);
                    Poll::Ready(true)
                }
                Poll::Ready(_ended) => {
                    self.ended = true;
                    Poll::Ready(false)
                }
                Poll::Pending if watch.is_draining() => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Tells the client that nothing more comes, unless the connection is to be cut.
    pub async fn close(&mut self) {
        let watch = Rc::clone(&self.watch);
        // Best effort: the connection ends either way.
        let _ = unless(&watch, Watch::is_cut, |context| self.stream.poll_close(context)).await;
    }

    /// Whether the client has said that it sends nothing more.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the client may go on sending what nobody reads, because it broke the rules of HTTP.
    pub fn has_refused(&self) -> bool {
        self.refusal.is_some() || self.objection.is_some()
    }

    /// Says why to a client whose head came too slowly, as far as the socket takes it at once.
    pub fn refuse_late_head(&mut self) {
        let answer = (self.refuse)(Refusal::LateHead);
        let context = &mut Context::from_waker(Waker::noop());
        // Best effort: the connection ends either way.
        if let Poll::Ready(Ok(_len)) = self.stream.poll_write(context, &[IoSlice::new(&answer)]) {
            let _ = self.stream.poll_close(context);
        }
    }

    /// Looks at what was received; says how much of it hyper may have.
    fn judge(&mut self, bytes: &[u8]) -> usize {
        let Err(Found { offence, at, in_body, instead }) = self.framing.read(bytes) else {
            return bytes.len();
        };
        self.objection =
            Some(Objection { status: offence.status(), to_head: !in_body, instead, waker: None });
        at
    }

    /// Gives hyper what it cannot take, in place of what was objected to. In place of a head, once the answers
    /// to the requests before it have gone: so the answer to it is the only one under way.
    fn poll_instead(
        &mut self,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(objection) = &mut self.objection else { return Poll::Ready(Ok(())) };
        if objection.to_head && !self.watch.is_settled() {
            objection.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let (now, later) =
            objection.instead.split_at(objection.instead.len().min(cursor.remaining()));
        cursor.put_slice(now);
        objection.instead = later;
        Poll::Ready(Ok(()))
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
                // What is thrown away need not be decrypted first.
                Pin::new(&mut self.stream.wire().stream).poll_read(context, &mut scratch)
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
            let sent = ready!(self.stream.poll_write(context, &[IoSlice::new(refusal)]))?;
            refusal.advance(sent);
        }
        Poll::Ready(Ok(hypers_len))
    }
}

/// What `poll` comes to, or an error once the connection `ends`.
async fn unless<T, E: From<io::Error>>(
    watch: &Watch,
    ends: impl Fn(&Watch) -> bool,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T, E>>,
) -> Result<T, E> {
    std::future::poll_fn(|context| {
        watch.register(context);
        // First what has already come: a handshake that has begun goes on while the node drains.
        match poll(context) {
            Poll::Pending if ends(watch) => {
                Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut).into()))
            }
            other => other,
        }
    })
    .await
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &mut *self;
        if socket.objection.is_some() {
            return socket.poll_instead(context, cursor);
        }
        // SAFETY: `as_mut` asks that no byte be made uninitialised; `recv` below only writes bytes.
        let free = unsafe { cursor.as_mut() };
        // SAFETY: the slice has the length and alignment of the one it is made of; its bytes are never read:
        // the stream hands pointer and length to recv(2), or copies decrypted bytes in: both write a prefix.
        let free = unsafe { &mut *(std::ptr::from_mut::<[MaybeUninit<u8>]>(free) as *mut [u8]) };
        let len = match socket.first.take().zip(free.split_first_mut()) {
            None => ready!(socket.stream.poll_read(context, free))?,
            Some((first, (place, rest))) => {
                *place = first;
                // More of it is likely to be there. What ends the connection is found by the next read.
                match socket.stream.poll_read(context, rest) {
                    Poll::Ready(Ok(len)) => 1 + len,
                    Poll::Ready(Err(_)) | Poll::Pending => 1,
                }
            }
        };
        let taken = socket.judge(&free[..len]);
        // SAFETY: the first `len` bytes have been written, and `taken` is no more than that.
        unsafe { cursor.advance(taken) };
        if len == 0 {
            socket.ended = true;
        } else {
            socket.watch.received(socket.framing.is_in_head());
            if taken == 0 {
                return socket.poll_instead(context, cursor);
            }
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
            let hypers = pieces.first().and_then(|head| refused_status(head));
            let ours = socket.objection.as_ref().map(|objection| objection.status);
            let status = hypers.map(|hypers| ours.unwrap_or(hypers));
            socket.refusal = status.map(|status| (socket.refuse)(Refusal::Head(status)));
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
        let sent = socket.stream.poll_write(context, pieces);
        match &sent {
            Poll::Ready(sent) => socket.written += sent.as_ref().copied().unwrap_or_default(),
            Poll::Pending => socket.written = 0,
        }
        sent
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes the socket when its own buffer is empty.
        ready!(self.stream.poll_flush(context))?;
        self.watch.flushed();
        if self.watch.is_settled()
            && let Some(waker) = self.objection.as_mut().and_then(|at| at.waker.take())
        {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_close(context)
    }
}

/// What a connection speaks.
enum Stream {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

impl Stream {
    fn wire(&mut self) -> &mut Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }

    /// Writes to a prefix of `free` and never reads it. 0 = the client sends nothing more.
    fn poll_read(&mut self, context: &mut Context<'_>, free: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(wire) => Pin::new(&mut wire.stream).poll_read(context, free),
            Self::Tls(stream) => match Pin::new(stream).poll_read(context, free) {
                // Closed without a word of TLS, as many clients do. HTTP frames its messages itself, so that one
                // cut short is never taken for a whole one.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(0))
                }
                other => other,
            },
        }
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(wire) => Pin::new(wire).poll_write_vectored(context, pieces),
            // Takes 64 KiB at most, the limit of what may wait encrypted.
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_nothing_waits) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Tells the client that nothing more comes.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(wire) => Pin::new(wire).poll_close(context),
            Self::Tls(stream) => Pin::new(stream).poll_close(context),
        }
    }
}

/// The bytes as they travel.
struct Wire {
    stream: TcpStream,
    watch: Rc<Watch>,
    /// What TLS will read next; it asks for 4 KiB at a time, which would be a system call each. Empty while nothing
    /// comes: a connection at rest holds no buffer.
    ahead: Vec<u8>,
    /// How much of that it has read.
    taken: usize,
    /// Bytes read ahead since other tasks last had their turn.
    turn: usize,
}

impl Wire {
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            return Poll::Ready(Ok(()));
        }
        // TLS reads on until there is something for HTTP: records that carry nothing must not hold up others.
        if self.turn >= AHEAD_LEN && glommio::executor().need_preempt() {
            self.turn = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut ahead = vec![0; AHEAD_LEN];
        let Poll::Ready(len) = Pin::new(&mut self.stream).poll_read(context, &mut ahead)? else {
            self.turn = 0;
            return Poll::Pending;
        };
        self.turn += len;
        ahead.truncate(len);
        self.ahead = ahead;
        Poll::Ready(Ok(()))
    }

    /// The first byte that the client sends; it stays to be read.
    fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        ready!(self.poll_fill(context))?;
        Poll::Ready(Ok(self.ahead.first().copied()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        free: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_fill(context))?;
        let wire = &mut *self;
        let rest = &wire.ahead[wire.taken..];
        let len = rest.len().min(free.len());
        free[..len].copy_from_slice(&rest[..len]);
        wire.taken += len;
        if wire.taken == wire.ahead.len() {
            (wire.ahead, wire.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Wire {
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
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        match &sent {
            Poll::Ready(sent) => self.watch.sent(sent.as_ref().copied().unwrap_or_default()),
            Poll::Pending => self.watch.write_blocked(),
        }
        sent
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
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

/// What a client hears under TLS that is turned away before a handshake: a fatal alert, "internal error" (RFC 8446
/// section 6).
pub const TURNED_AWAY: &[u8] = &[21, 3, 3, 0, 2, 2, 80];

const DISCARD_LEN: usize = 64 * 1024;
/// What is read ahead of TLS: two full records.
const AHEAD_LEN: usize = 32 * 1024;
/// The first byte of whatever a TLS client sends first.
const HANDSHAKE_RECORD: u8 = 22;
/// What a connection may write at least before it yields.
const TURN_LEN: usize = 128 * 1024;

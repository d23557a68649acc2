//! Room: bodies: what comes in as a [`BodySource`], what goes out as hyper wants it.
//!
//! Invariants: no byte of a body is copied here: incoming frames are slices of hyper's read buffer, outgoing
//! blocks go to the socket where the disk put them. A stream that ends before its length is an error, and
//! hyper cuts the connection, so that a client never takes half an object for the whole.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::Stream;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::exchange_record::Exchange;
use super::late::{LateBody, Sent};
use super::pump::Pumped;
use super::watch::Watch;
use crate::disk::Block;
use crate::exchange::{BlockSource, BodyError, BodySource, Response, StreamError};
use crate::seam::{Local, Spawn};

/// A request's body. The first `next` lets hyper send `100 Continue`. When the operation lets go of it, what
/// is left goes back to the [`Exchange`].
pub(super) struct RequestBody {
    incoming: Option<Incoming>,
    watch: Rc<Watch>,
    exchange: Rc<Exchange>,
    state: Reading,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    More,
    Ended,
    Failed(BodyError),
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, watch: Rc<Watch>, exchange: Rc<Exchange>) -> Self {
        let state = if incoming.is_end_stream() { Reading::Ended } else { Reading::More };
        Self { incoming: Some(incoming), watch, exchange, state }
    }

    /// Reads what is left, at most `len_max` bytes. Whether it came to the end.
    pub(super) async fn finish(&mut self, len_max: u64) -> bool {
        let mut left = len_max;
        while let Some(next) = self.next().await {
            match next.map(|bytes| left.checked_sub(bytes.len() as u64)) {
                Ok(Some(rest)) => left = rest,
                Ok(None) | Err(_) => return false,
            }
        }
        true
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let incoming = match (self.state, &mut self.incoming) {
                (Reading::Failed(error), _) => return Poll::Ready(Some(Err(error))),
                (Reading::Ended, _) | (Reading::More, None) => return Poll::Ready(None),
                (Reading::More, Some(incoming)) => incoming,
            };
            let Poll::Ready(frame) = Pin::new(incoming).poll_frame(context) else {
                if self.watch.is_body_stalled() {
                    self.state = Reading::Failed(BodyError::TimedOut);
                    continue;
                }
                self.watch.await_body(context.waker());
                return Poll::Pending;
            };
            let len = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            self.watch.body_moved(len.map_or(0, Bytes::len));
            match frame {
                None => self.state = Reading::Ended,
                Some(Err(_error)) => {
                    self.state = Reading::Failed(BodyError::Disconnected);
                    // Broken chunks may go on.
                    self.watch.leave_body_unread();
                }
                // Trailers of HTTP itself mean nothing to S3; those of aws-chunked are inside the data.
                Some(Ok(frame)) => {
                    if let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) {
                        self.exchange.took(data.len() as u64);
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }
}

impl BodySource for RequestBody {
    fn next(&mut self) -> Local<'_, Option<Result<Bytes, BodyError>>> {
        Box::pin(std::future::poll_fn(|context| self.poll_next(context)))
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.watch.body_over();
        if let Some(incoming) = self.incoming.take().filter(|_| self.state == Reading::More) {
            self.exchange.leave(incoming);
        }
    }
}

/// A response's body.
pub(super) struct ResponseBody {
    content: Content,
    /// What is left of it; `None` while nobody knows.
    left: Option<u64>,
    exchange: Rc<Exchange>,
}

enum Content {
    Whole(Bytes),
    Stream(Pin<Box<dyn Stream<Item = Result<Block, StreamError>>>>),
    Late(LateBody),
    Cut,
}

impl ResponseBody {
    pub(super) fn whole(bytes: Bytes, exchange: Rc<Exchange>) -> Self {
        Self { left: Some(bytes.len() as u64), content: Content::Whole(bytes), exchange }
    }

    /// An answer that is sent ahead of what it says.
    pub(super) fn late(rest: Local<'static, Response>, exchange: Rc<Exchange>) -> Self {
        Self { left: None, content: Content::Late(exchange.late_body(rest)), exchange }
    }

    /// A long stream is pumped by a task of the bulk queue, one block ahead, so that verifying it does not
    /// hold up the shard's heads; the pump ends when the connection lets go of the body.
    pub(super) fn stream(
        len: u64,
        source: Box<dyn BlockSource>,
        bulk: &dyn Spawn,
        exchange: Rc<Exchange>,
    ) -> Self {
        let stream: Pin<Box<dyn Stream<Item = _>>> = if len < PUMPED_LEN_MIN {
            Box::pin(blocks_of(source))
        } else {
            Box::pin(Pumped::start(source, bulk))
        };
        Self { left: Some(len), content: Content::Stream(stream), exchange }
    }

    /// Counts `piece` as given, or notices that the source gives more than it announced.
    fn give<T: Buf>(&mut self, piece: T) -> Result<T, Cut> {
        let len = piece.remaining() as u64;
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(len).ok_or(Cut)?;
        }
        self.exchange.gave(len);
        if self.left == Some(0) {
            self.exchange.complete();
        }
        Ok(piece)
    }

    /// Counts what is sent of a late answer.
    fn give_late(&mut self, sent: Sent) -> Result<Bytes, Cut> {
        match sent {
            Sent::Ahead(bytes) => self.give(bytes),
            Sent::Last(bytes, trace) => {
                self.left = Some(bytes.len() as u64);
                self.exchange.tell(trace);
                self.give(bytes)
            }
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if self.left == Some(0) {
            self.exchange.complete();
        }
        self.exchange.over();
    }
}

fn blocks_of(source: Box<dyn BlockSource>) -> impl Stream<Item = Result<Block, StreamError>> {
    futures_util::stream::unfold(source, |mut source| async {
        let block = source.next().await?;
        Some((block, source))
    })
}

impl Body for ResponseBody {
    type Data = Piece;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Cut>>> {
        let body = &mut *self;
        let piece = match &mut body.content {
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                if bytes.is_empty() {
                    return Poll::Ready(None);
                }
                body.give(bytes).map(Piece::Bytes)
            }
            Content::Stream(stream) => match ready!(stream.as_mut().poll_next(context)) {
                Some(Ok(block)) => body.give(block).map(Piece::Block),
                None if body.left == Some(0) => return Poll::Ready(None),
                Some(Err(StreamError)) | None => Err(Cut),
            },
            Content::Late(late) => {
                let (id, host_id) = (body.exchange.id(), body.exchange.host_id());
                match ready!(late.poll_next(context, id, host_id)) {
                    Some(sent) => body.give_late(sent).map(Piece::Bytes),
                    None => return Poll::Ready(None),
                }
            }
            Content::Cut => Err(Cut),
        };
        if piece.is_err() {
            body.content = Content::Cut;
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A body that ends before its length; hyper closes the connection.
#[derive(Debug)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body was cut short")
    }
}

impl std::error::Error for Cut {}

/// A piece of a response body, where it lies.
pub(super) enum Piece {
    Block(Block),
    Bytes(Bytes),
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match self {
            Self::Block(block) => block.remaining(),
            Self::Bytes(bytes) => bytes.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Block(block) => block.chunk(),
            Self::Bytes(bytes) => bytes.chunk(),
        }
    }

    fn advance(&mut self, len: usize) {
        match self {
            Self::Block(block) => block.advance(len),
            Self::Bytes(bytes) => bytes.advance(len),
        }
    }
}

/// Streams shorter than this are read where the connection runs: a hand-over would cost more.
const PUMPED_LEN_MIN: u64 = 256 * 1024;

//! Room: one request and its response, as plain values between the HTTP side and the operations.
//!
//! Must not: name hyper or glommio. `http` makes a [`Request`] from what came over the socket and sends the
//! [`Response`]; `operation` turns the one into the other.

use std::net::SocketAddr;

use bytes::Bytes;
use protocol::request::Head;

use crate::disk::Block;
use crate::seam::Local;

/// One request: its head, and its body still on the socket.
pub struct Request {
    /// Method, target, query and headers.
    pub head: Head,
    /// The identifier that every response carries: 16 upper-case alphanumerics.
    pub id: String,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// The body; the first call of `next` is what sends `100 Continue`.
    pub body: Box<dyn BodySource>,
}

/// A request body as it comes off the wire, transfer coding already removed.
pub trait BodySource {
    /// The next bytes, or `None` at the end of a complete body.
    fn next(&mut self) -> Local<'_, Option<Result<Bytes, BodyError>>>;
}

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The client went away or broke the framing: fewer bytes than announced.
    Disconnected,
    /// No byte arrived within the body time-out.
    TimedOut,
}

/// What goes back to the client.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Header names (lower case) and values, without date, connection and length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: ResponseBody,
    /// What the access line says of this request beyond what HTTP knows.
    pub trace: Trace,
}

impl Response {
    /// Waits for what is late.
    pub async fn whole(self) -> Self {
        let mut response = self;
        while let ResponseBody::Late(rest) = response.body {
            response = rest.await;
        }
        response
    }
}

/// The body of a response.
pub enum ResponseBody {
    /// No body; `Content-Length: 0` unless the headers name a length (HEAD).
    Empty,
    /// A body in memory.
    Bytes(Bytes),
    /// Verified blocks of exactly `len` bytes in all.
    Stream {
        /// The bytes that `source` yields, announced as Content-Length.
        len: u64,
        /// Where they come from.
        source: Box<dyn BlockSource>,
    },
    /// The checks are over, and what is left may take long: the whole answer, an XML document, once it is there.
    /// Until then status and headers are what may be sent ahead of it to keep the client waiting: a 200 and what
    /// is known already. An error that comes later than that can only be told in the body.
    /// Cancel: dropping it is dropping the request.
    Late(Local<'static, Response>),
}

/// A stream of verified blocks.
pub trait BlockSource {
    /// The next block, or `None` after the last one. After an error the connection is cut, so that the client
    /// sees a short body and never wrong bytes.
    fn next(&mut self) -> Local<'_, Option<Result<Block, StreamError>>>;

    /// Completes when others need the memory that this stream holds, while nobody takes its blocks.
    fn asked_back(&self) -> Local<'static, ()>;

    /// Gives that memory back, if the caller drops the block that came last: it will be the next one again.
    fn give_back(&mut self);
}

/// A body that cannot be finished. The cause has been logged and counted where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamError;

/// Facts for the access line.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// The S3 operation's name, if the request got that far.
    pub operation: Option<&'static str>,
    /// The bucket of the target.
    pub bucket: Option<String>,
    /// The key of the target.
    pub key: Option<String>,
    /// The version that the answer tells, or that the request named.
    pub version: Option<String>,
    /// The bucket was named by the host.
    pub virtual_host: bool,
    /// The access key that signed.
    pub access_key: Option<String>,
    /// The S3 error code of an error response.
    pub error: Option<&'static str>,
    /// The ways that a copy took, e.g. `share`, in the order of first use, joined by `+`.
    pub way: Option<String>,
}

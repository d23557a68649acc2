//! Room: one connection from its accept to its close, request by request.
//!
//! hyper parses, frames and keeps alive; this room turns its requests into plain ones, bounds how many are
//! served at once, keeps heads and bodies apart (long bodies run in the bulk queue), turns a panic into a 500,
//! and ends the connection when its [`Watch`] says so.
//! Cancel: when the client goes away, the future of its request is dropped.
//! Source: RFC 9112; S3 "Common response headers" (x-amz-request-id, x-amz-id-2).

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::FutureExt;
use hyper::Version;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use protocol::error::S3Error;
use protocol::request::Head;

use super::adapter::{Accepted, Opened, Socket, TURNED_AWAY};
use super::body::{RequestBody, ResponseBody};
use super::exchange_record::{Asked, Exchange};
use super::framing::FIELDS_MAX;
use super::head::head_of;
use super::tls::TlsKeys;
use super::watch::{Phase, Watch, Watched, Watchman};
use super::{late, respond};
use crate::access_line::AccessLog;
use crate::config::Config;
use crate::exchange::{self, Request, Response};
use crate::log;
use crate::metrics::Metrics;
use crate::seam::{Clock, Local, Random, Spawn, in_queue};
use crate::shard::Handler;
use crate::shard::hand_over::Arrival;

/// The HTTP side of one shard.
pub struct Http {
    /// Who answers.
    pub handler: Rc<dyn Handler>,
    /// Time-outs, bounds, the host id.
    pub config: Arc<Config>,
    /// The node's figures.
    pub metrics: Arc<Metrics>,
    /// Where access lines go.
    pub access: AccessLog,
    /// What every socket speaks TLS with; none: plain HTTP.
    pub tls: Option<Arc<TlsKeys>>,
    /// This shard's number.
    pub shard: usize,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// For request ids.
    pub random: Rc<dyn Random>,
    /// Where long bodies run.
    pub bulk: Rc<dyn Spawn>,
    /// Who waits, and for how long.
    pub watchman: Rc<Watchman>,
}

impl Http {
    /// Serves one connection to its end. It is watched from this call on, not from the first poll.
    pub fn serve(self: Rc<Self>, arrival: Arrival<Accepted>) -> impl Future<Output = ()> {
        let watched = self.watchman.watch();
        self.serve_watched(arrival, watched)
    }

    async fn serve_watched(self: Rc<Self>, arrival: Arrival<Accepted>, watched: Watched) {
        let Arrival { socket, peer, ticket } = arrival;
        let watch = Rc::clone(&watched.watch);
        let http = Rc::clone(&self);
        let refuse = Rc::new(move |refusal| http.refuse(peer, &respond::refusal(refusal)));
        let tls = self.tls.as_ref().map(|keys| keys.config());
        match Socket::open(socket, tls, Rc::clone(&watch), refuse).await {
            Opened::Ready(socket) => {
                self.metrics.tls_handshakes.add(u64::from(self.tls.is_some()));
                self.run(socket, peer, watch).await;
            }
            Opened::Refused(socket) => {
                self.metrics.tls_handshakes_failed.add(1);
                linger(socket, &watch).await;
            }
            Opened::Failed => {
                self.metrics.tls_handshakes_failed.add(1);
            }
            Opened::Silent => {}
        }
        drop((watched, ticket));
    }

    /// Serves requests until the connection ends. While nothing comes for some time, the connection holds its
    /// socket and little else: hyper is made anew for the next request.
    async fn run(self: Rc<Self>, mut socket: Socket, peer: SocketAddr, watch: Rc<Watch>) {
        loop {
            if !socket.wait_for_request().await {
                break;
            }
            // In a box, so that a connection without a request has no room for it.
            let serving = Box::pin(Rc::clone(&self).serve_requests(socket, peer, &watch));
            let (end, left) = serving.await;
            socket = left;
            match end {
                End::Dozes => {}
                End::Over if watch.is_cut() => {
                    if watch.is_late_head() {
                        socket.refuse_late_head();
                    }
                    return;
                }
                End::Over => return linger(socket, &watch).await,
            }
        }
        if watch.is_late_head() {
            socket.refuse_late_head();
        } else {
            socket.close().await;
        }
    }

    async fn serve_requests(
        self: Rc<Self>,
        socket: Socket,
        peer: SocketAddr,
        watch: &Rc<Watch>,
    ) -> (End, Socket) {
        let service = {
            let watch = Rc::clone(watch);
            service_fn(move |request| Rc::clone(&self).exchange(request, peer, Rc::clone(&watch)))
        };
        let mut connection = http1::Builder::new()
            // The watch has finer time-outs, and no timer for each request.
            .header_read_timeout(None)
            .max_header_size(HEAD_LEN_MAX)
            .max_headers(FIELDS_MAX)
            .max_buf_size(BUFFERED_LEN_MAX)
            .serve_connection(socket, service);
        let mut announced = false;
        let end = poll_fn(|context| {
            watch.register(context);
            if watch.is_cut() {
                return Poll::Ready(End::Over);
            }
            // An error has been answered, as far as it can be.
            if Pin::new(&mut connection).poll(context).is_ready() {
                return Poll::Ready(End::Over);
            }
            if watch.is_draining() && !announced {
                // After the poll: a request that has already arrived is still served.
                announced = true;
                Pin::new(&mut connection).graceful_shutdown();
                return Pin::new(&mut connection).poll(context).map(|_ended| End::Over);
            }
            // What hyper has read then is no more than empty lines.
            if watch.is_dozing() { Poll::Ready(End::Dozes) } else { Poll::Pending }
        })
        .await;
        (end, connection.into_parts().io)
    }

    /// One request and its answer. It cannot fail: every error is an answer.
    async fn exchange(
        self: Rc<Self>,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
        watch: Rc<Watch>,
    ) -> Result<hyper::Response<ResponseBody>, Infallible> {
        let (parts, incoming) = request.into_parts();
        let asked = self.asked(&parts, peer);
        let exchange = Exchange::begin(Rc::clone(&self), Rc::clone(&watch), peer, asked);
        let is_head = parts.method == hyper::Method::HEAD;
        let expects_in_vain = incoming.is_end_stream() && parts.headers.contains_key(EXPECT);
        let long = incoming.size_hint().upper().is_none_or(|len| len > INLINE_BODY_LEN_MAX);
        let body = RequestBody::new(incoming, Rc::clone(&watch), Rc::clone(&exchange));
        let response = match self.admit(&parts, &exchange) {
            Err(error) => {
                drop(body);
                respond::error(&error, exchange.id(), &self.config.host_id)
            }
            Ok(head) => {
                let id = exchange.id().to_owned();
                let request = Request { head, id, peer, body: Box::new(body) };
                let answer = guarded(
                    self.handler.serve(request),
                    exchange.id().to_owned(),
                    self.config.host_id.clone(),
                );
                let answer = async {
                    let response =
                        if long { in_queue(&*self.bulk, answer).await } else { answer.await };
                    if is_head || parts.version == Version::HTTP_10 {
                        // No chunks for whoever is older than they are.
                        return response.whole().await;
                    }
                    late::in_time(response, &*self.clock, self.config.http.keepalive_after).await
                };
                until_expired(answer, &watch).await.unwrap_or_else(|| {
                    let error = S3Error::request_timeout();
                    respond::error(&error, exchange.id(), &self.config.host_id)
                })
            }
        };
        let keep = settle_body(&parts, &exchange, &watch).await;
        let mut answer =
            respond::build(response, is_head, &exchange, &self.config.host_id, &*self.bulk);
        // An expectation with an empty body gets no `100 Continue`, which botocore takes for an early refusal; it
        // would then misread the next answer on this connection.
        // The connection hears of a drain in its next turn, which may come after this answer.
        let leaves = watch.is_draining() || self.watchman.is_leaving();
        if !keep || expects_in_vain || leaves {
            // RFC 9112 section 9.6: the client learns from the answer that no request may follow.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }

    fn admit(&self, parts: &Parts, exchange: &Exchange) -> Result<Head, S3Error> {
        if exchange.is_one_too_many() {
            self.metrics.requests_refused.add(1);
            return Err(S3Error::slow_down());
        }
        head_of(parts, &self.config, exchange.peer())
    }

    /// What the access line says of this head. Whom the request is for is believed of a trusted proxy only.
    fn asked(&self, parts: &Parts, peer: SocketAddr) -> Asked {
        let text = |name: &str| {
            let value = parts.headers.get(name)?;
            let text = String::from_utf8_lossy(value.as_bytes());
            Some(text.chars().take(TOLD_LEN_MAX).collect())
        };
        let trusted = self.config.http.trusted_proxies.contains(&peer.ip());
        Asked {
            method: parts.method.as_str().chars().take(TOLD_LEN_MAX).collect(),
            forwarded_for: trusted.then(|| text("x-forwarded-for")).flatten(),
            user_agent: text("user-agent"),
        }
    }

    /// The whole answer to what never became a request (a head that is no HTTP, a connection too many), with
    /// its access line.
    pub fn refuse(self: &Rc<Self>, peer: SocketAddr, error: &S3Error) -> Bytes {
        let nobody = self.watchman.watch();
        let watch = Rc::clone(&nobody.watch);
        let nothing = Asked { method: "-".into(), ..Asked::default() };
        let exchange = Exchange::begin(Rc::clone(self), watch, peer, nothing);
        let response = respond::error(error, exchange.id(), &self.config.host_id);
        exchange.answer(response.status, response.trace.clone());
        exchange.complete();
        respond::raw(&response, exchange.id(), &self.config.host_id)
    }

    /// The last word to a connection that nobody will serve: the whole answer, or under TLS, where nobody will shake
    /// hands with it, an alert.
    pub fn turn_away(self: &Rc<Self>, peer: SocketAddr, error: &S3Error) -> Bytes {
        let answer = self.refuse(peer, error);
        if self.tls.is_some() { Bytes::from_static(TURNED_AWAY) } else { answer }
    }

    /// 16 upper-case letters and digits, each as likely as the others.
    pub(super) fn new_request_id(&self) -> String {
        const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut id = String::with_capacity(REQUEST_ID_LEN);
        let mut bytes = [0; REQUEST_ID_LEN + 4];
        while id.len() < REQUEST_ID_LEN {
            self.random.fill(&mut bytes);
            let fair = bytes.iter().filter(|byte| **byte < 252);
            let digits = fair.map(|byte| char::from(DIGITS[usize::from(byte % 36)]));
            id.extend(digits.take(REQUEST_ID_LEN - id.len()));
        }
        id
    }
}

/// The answer, or nothing once the request has taken too long: the operation is dropped then, as if the client
/// had gone away.
async fn until_expired<T>(answer: impl Future<Output = T>, watch: &Watch) -> Option<T> {
    let mut answer = pin!(answer);
    poll_fn(|context| {
        if let Poll::Ready(answer) = answer.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        // Whoever finds it expired wakes the connection, and this is polled with it.
        if watch.is_expired() { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// How a stretch of requests came to its end.
enum End {
    /// The connection goes on, when there is something for it to do.
    Dozes,
    /// No request will follow.
    Over,
}

/// Reads what the operation left of a short body, so that the connection can be kept. Whether it can: not when
/// a long body, or one that waits for `100 Continue`, is left.
async fn settle_body(parts: &Parts, exchange: &Rc<Exchange>, watch: &Rc<Watch>) -> bool {
    let unread = exchange.take_unread();
    if watch.is_expired() {
        watch.leave_body_unread();
        return false;
    }
    let Some(incoming) = unread else {
        return !watch.is_body_stalled() && !watch.is_body_unread();
    };
    let short = incoming.size_hint().upper().is_some_and(|len| len <= INLINE_BODY_LEN_MAX);
    let waits = exchange.bytes_in() == 0 && parts.headers.contains_key(EXPECT);
    if short && !waits {
        let mut body = RequestBody::new(incoming, Rc::clone(watch), Rc::clone(exchange));
        if body.finish(INLINE_BODY_LEN_MAX).await {
            return true;
        }
    }
    watch.leave_body_unread();
    false
}

/// The answer, or a 500 if making it panics: one broken request must not take the shard with it.
fn guarded(
    answer: Local<'static, Response>,
    id: String,
    host_id: String,
) -> Local<'static, Response> {
    Box::pin(async move {
        let answer = AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no text");
            log::error("request_panicked", &[("id", &id), ("panic", &text)]);
            respond::error(&S3Error::internal(), &id, &host_id)
        });
        let Response { status, headers, body, trace } = answer;
        let body = match body {
            exchange::ResponseBody::Late(rest) => {
                exchange::ResponseBody::Late(guarded(rest, id, host_id))
            }
            body => body,
        };
        Response { status, headers, body, trace }
    })
}

/// Closing a socket that holds unread bytes resets the connection and can destroy an answer on its way: so the
/// client's body, refused half-way, is read to its end for a moment.
async fn linger(mut socket: Socket, watch: &Watch) {
    let sending = watch.is_body_unread() || socket.has_refused();
    if sending && !socket.has_ended() && !watch.is_draining() {
        watch.enter(Phase::Linger);
        socket.discard(LINGER_LEN_MAX).await;
    }
}

const REQUEST_ID_LEN: usize = 16;
/// S3 allows 8 KiB of headers; the request line with a key and a presigned query comes on top.
const HEAD_LEN_MAX: usize = 32 * 1024;
/// What hyper may hold of one connection, in each direction, before it waits.
const BUFFERED_LEN_MAX: usize = 64 * 1024;
/// A request with a longer body runs in the bulk queue.
const INLINE_BODY_LEN_MAX: u64 = 64 * 1024;
/// Characters of a header that the access line takes.
const TOLD_LEN_MAX: usize = 256;
/// A client that goes on longer than this after a refusal is reset.
const LINGER_LEN_MAX: u64 = 256 << 20;

//! Room: the book-keeping of one request, from its head to the last byte of its answer.
//!
//! Holds: one [`Exchange`], shared by the request's body, the service and the response's body. When the last
//! of them is gone the request is over: it is counted and its access line goes out.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use protocol::time::Timestamp;

use super::connection::Http;
use super::late::LateBody;
use super::watch::{Phase, Watch};
use crate::access_line::Record;
use crate::exchange::{Response, Trace};
use crate::metrics::Finished;
use crate::seam::Local;

/// What the access line says of a request's head beyond its target.
#[derive(Default)]
pub(super) struct Asked {
    /// The method; `-` where no request could be made out.
    pub(super) method: String,
    /// What a trusted proxy says about its client.
    pub(super) forwarded_for: Option<String>,
    /// What the client says that it is.
    pub(super) user_agent: Option<String>,
}

/// One request and its answer, while they last.
pub(super) struct Exchange {
    http: Rc<Http>,
    watch: Rc<Watch>,
    id: String,
    peer: SocketAddr,
    asked: Asked,
    time: Timestamp,
    began: Duration,
    answered: Cell<Option<(u16, Duration)>>,
    trace: RefCell<Trace>,
    bytes_in: Cell<u64>,
    bytes_out: Cell<u64>,
    complete: Cell<bool>,
    one_too_many: bool,
    unread: Cell<Option<Incoming>>,
}

impl Exchange {
    /// A request begins.
    pub(super) fn begin(
        http: Rc<Http>,
        watch: Rc<Watch>,
        peer: SocketAddr,
        asked: Asked,
    ) -> Rc<Self> {
        watch.enter(Phase::Exchange);
        let open = http.metrics.requests_open.add(1);
        http.metrics.shard(http.shard).requests_open.add(1);
        Rc::new(Self {
            one_too_many: open >= http.config.http.max_requests as u64,
            id: http.new_request_id(),
            time: http.clock.now(),
            began: http.clock.monotonic(),
            http,
            watch,
            peer,
            asked,
            answered: Cell::new(None),
            trace: RefCell::default(),
            bytes_in: Cell::new(0),
            bytes_out: Cell::new(0),
            complete: Cell::new(false),
            unread: Cell::new(None),
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn host_id(&self) -> &str {
        &self.http.config.host_id
    }

    /// Whether more requests than allowed are being served, this one included.
    pub(super) fn is_one_too_many(&self) -> bool {
        self.one_too_many
    }

    /// The operation took bytes of the request's body.
    pub(super) fn took(&self, len: u64) {
        self.bytes_in.set(self.bytes_in.get() + len);
    }

    /// The operation lets go of a body that it has not read to its end.
    pub(super) fn leave(&self, unread: Incoming) {
        self.unread.set(Some(unread));
    }

    /// What the operation left of the body.
    pub(super) fn take_unread(&self) -> Option<Incoming> {
        self.unread.take()
    }

    /// The bytes of the body that have been read.
    pub(super) fn bytes_in(&self) -> u64 {
        self.bytes_in.get()
    }

    /// The connection got bytes of the response's body.
    pub(super) fn gave(&self, len: u64) {
        self.bytes_out.set(self.bytes_out.get() + len);
    }

    /// There is an answer.
    pub(super) fn answer(&self, status: u16, trace: Trace) {
        self.watch.answered();
        self.answered.set(Some((status, self.http.clock.monotonic())));
        *self.trace.borrow_mut() = trace;
    }

    /// More is known of the request than when its answer began.
    pub(super) fn tell(&self, trace: Trace) {
        *self.trace.borrow_mut() = trace;
    }

    /// The body of this request's answer, which has not been made yet.
    pub(super) fn late_body(&self, rest: Local<'static, Response>) -> LateBody {
        let clock = Rc::clone(&self.http.clock);
        LateBody::new(rest, clock, self.http.config.http.keepalive_interval)
    }

    /// The whole answer has been given to the connection.
    pub(super) fn complete(&self) {
        self.complete.set(true);
    }

    /// The connection has let go of the answer: it waits for the next request, or ends.
    pub(super) fn over(&self) {
        self.watch.over();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let answered = self.answered.get();
        let micros = |until: Duration| {
            u64::try_from(until.saturating_sub(self.began).as_micros()).unwrap_or(u64::MAX)
        };
        let total_us = micros(self.http.clock.monotonic());
        let status = answered.map(|(status, _)| status);
        let first_byte_us = answered.map_or(total_us, |(_, at)| micros(at));
        let trace = self.trace.take();
        let asked = std::mem::take(&mut self.asked);
        let metrics = self.http.metrics.shard(self.http.shard);
        metrics.request(Finished {
            operation: trace.operation,
            status,
            error: trace.error,
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            first_byte_us,
            total_us,
        });
        self.http.access.write(Record {
            time: self.time,
            id: std::mem::take(&mut self.id),
            peer: self.peer,
            forwarded_for: asked.forwarded_for,
            user_agent: asked.user_agent,
            tls: self.http.config.tls.is_some(),
            method: asked.method,
            status,
            trace,
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            first_byte_us,
            total_us,
            complete: self.complete.get(),
        });
        metrics.requests_open.sub(1);
        // Last: whoever sees that no request is open finds the lines of all of them.
        self.http.metrics.requests_open.sub(1);
    }
}

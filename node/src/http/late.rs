//! Room: answers that take long: a normal one if it is there in time, else a 200 whose body keeps the client waiting.
//!
//! What is sent ahead: the XML declaration first (clients take white space before it for a broken document), then a
//! space each interval, so that no read time-out of a client or a proxy runs out. Then the rest of the document, which
//! may be an error: clients look for one in the body of such an answer.
//! Invariant: a body never ends without a root element, which a client could take for success.
//! Cancel: dropping the body drops the work.
//! Source: S3 CopyObject, UploadPartCopy and CompleteMultipartUpload, "200 OK response can contain an error".

use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use protocol::error::S3Error;
use protocol::xml::DECLARATION;

use super::respond;
use crate::exchange::{Response, ResponseBody, Trace};
use crate::log;
use crate::seam::{Clock, Local};

/// The whole answer if it is there within `after`; else what it was, to be sent ahead.
pub(super) async fn in_time(response: Response, clock: &dyn Clock, after: Duration) -> Response {
    let Response { status, headers, body, trace } = response;
    let body = match body {
        ResponseBody::Late(rest) => match select(rest, clock.sleep(after)).await {
            Either::Left((whole, _)) => return whole,
            Either::Right(((), rest)) => ResponseBody::Late(rest),
        },
        body => body,
    };
    Response { status, headers, body, trace }
}

/// The body of an answer whose head has been sent.
pub(super) struct LateBody {
    work: Work,
    clock: Rc<dyn Clock>,
    interval: Duration,
}

enum Work {
    /// Nothing of the body has been sent.
    Ahead(Local<'static, Response>),
    UnderWay {
        rest: Local<'static, Response>,
        pause: Local<'static, ()>,
    },
    Over,
}

/// What is to be sent next.
pub(super) enum Sent {
    /// There will be more.
    Ahead(Bytes),
    /// The last bytes, and what is known of the request now.
    Last(Bytes, Trace),
}

impl LateBody {
    pub(super) fn new(
        rest: Local<'static, Response>,
        clock: Rc<dyn Clock>,
        interval: Duration,
    ) -> Self {
        Self { work: Work::Ahead(rest), clock, interval: interval.max(INTERVAL_MIN) }
    }

    /// The next bytes; `None` after the last ones. `id` and `host_id` are those of the request.
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        id: &str,
        host_id: &str,
    ) -> Poll<Option<Sent>> {
        match std::mem::replace(&mut self.work, Work::Over) {
            Work::Over => Poll::Ready(None),
            Work::Ahead(rest) => {
                self.wait(rest);
                Poll::Ready(Some(Sent::Ahead(Bytes::from_static(DECLARATION.as_bytes()))))
            }
            Work::UnderWay { mut rest, mut pause } => {
                if let Poll::Ready(whole) = rest.as_mut().poll(context) {
                    let trace = whole.trace.clone();
                    return Poll::Ready(Some(Sent::Last(root(&whole, id, host_id), trace)));
                }
                let paused = pause.as_mut().poll(context);
                if paused.is_ready() {
                    self.wait(rest);
                } else {
                    self.work = Work::UnderWay { rest, pause };
                }
                ready!(paused);
                Poll::Ready(Some(Sent::Ahead(Bytes::from_static(b" "))))
            }
        }
    }

    fn wait(&mut self, rest: Local<'static, Response>) {
        let pause = self.clock.sleep(self.interval);
        self.work = Work::UnderWay { rest, pause };
    }
}

/// The answer's document without its declaration.
fn root(whole: &Response, id: &str, host_id: &str) -> Bytes {
    match &whole.body {
        ResponseBody::Bytes(document) if document.starts_with(DECLARATION.as_bytes()) => {
            document.slice(DECLARATION.len()..)
        }
        ResponseBody::Empty
        | ResponseBody::Bytes(_)
        | ResponseBody::Stream { .. }
        | ResponseBody::Late(_) => {
            log::error("answer_unsendable", &[("id", &id), ("problem", &"no XML document")]);
            root(&respond::error(&S3Error::internal(), id, host_id), id, host_id)
        }
    }
}

/// Whatever is configured, a client that waits costs no more than this.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::task::Waker;

    use protocol::time::Timestamp;

    use super::*;
    use crate::testing::TestNode;

    /// Time that passes when it is told to.
    #[derive(Default)]
    struct ByHand(Rc<Cell<Duration>>);

    impl ByHand {
        fn pass(&self, seconds: u64) {
            self.0.set(self.0.get() + Duration::from_secs(seconds));
        }
    }

    impl Clock for ByHand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn monotonic(&self) -> Duration {
            self.0.get()
        }

        fn sleep(&self, duration: Duration) -> Local<'static, ()> {
            let (now, end) = (Rc::clone(&self.0), self.0.get() + duration);
            Box::pin(std::future::poll_fn(move |_| {
                if now.get() < end { Poll::Pending } else { Poll::Ready(()) }
            }))
        }

        fn pause(&self) -> Local<'static, ()> {
            Box::pin(std::future::ready(()))
        }

        fn give_way(&self) -> Local<'static, ()> {
            self.pause()
        }
    }

    const AFTER: Duration = Duration::from_secs(5);
    const ID: &str = "0123456789ABCDEF";

    /// What a body gives until it waits or ends.
    fn given(body: &mut LateBody) -> (String, Option<Trace>) {
        let (mut text, mut told) = (String::new(), None);
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(sent)) = body.poll_next(&mut context, ID, "host") {
            let bytes = match sent {
                Sent::Ahead(bytes) => bytes,
                Sent::Last(bytes, trace) => {
                    told = Some(trace);
                    bytes
                }
            };
            text.push_str(std::str::from_utf8(&bytes).expect("text"));
        }
        (text, told)
    }

    /// A node, and a copy on it that has passed its checks.
    fn copying() -> (TestNode, Response) {
        let node = TestNode::new();
        node.send("PUT", "/bkt", &[], b"");
        node.put("/bkt/source", &vec![7; 100_000]);
        let upload = node.create_upload("/bkt/copy", &[]);
        let target = format!("/bkt/copy?partNumber=1&uploadId={upload}");
        let source = [("x-amz-copy-source", "bkt/source")];
        let response = node.run(node.respond("PUT", &target, &source, b""));
        (node, response)
    }

    #[test]
    fn a_copy_that_is_done_in_time_is_answered_as_ever() {
        let (node, response) = copying();
        let clock = ByHand::default();
        let response = node.run(in_time(response, &clock, AFTER));
        let ResponseBody::Bytes(body) = &response.body else { panic!("not whole") };
        assert_eq!((response.status, body.starts_with(DECLARATION.as_bytes())), (200, true));
        assert_eq!(response.trace.way.as_deref(), Some("share"));
    }

    #[test]
    fn a_slow_copy_keeps_the_client_waiting_with_spaces() {
        let (node, response) = copying();
        let clock = Rc::new(ByHand::default());
        let mut response = {
            let mut early: Local<'_, Response> = Box::pin(in_time(response, &*clock, AFTER));
            let mut context = Context::from_waker(Waker::noop());
            assert!(early.as_mut().poll(&mut context).is_pending());
            clock.pass(5);
            // Nobody has answered the copy's question meanwhile.
            let Poll::Ready(response) = early.as_mut().poll(&mut context) else {
                panic!("too late")
            };
            response
        };
        assert_eq!(response.headers, [("content-type".to_owned(), "application/xml".to_owned())]);
        let ResponseBody::Late(rest) = std::mem::replace(&mut response.body, ResponseBody::Empty)
        else {
            panic!("not late")
        };
        let mut body = LateBody::new(rest, clock.clone(), AFTER);
        assert_eq!(given(&mut body).0, DECLARATION);
        assert_eq!(given(&mut body).0, "");
        for _ in 0..3 {
            clock.pass(4);
            assert_eq!(given(&mut body).0, "");
            clock.pass(1);
            assert_eq!(given(&mut body).0, " ");
        }
        let mut end = (String::new(), None);
        while end.1.is_none() {
            node.settle();
            end = given(&mut body);
        }
        let (text, trace) = (end.0, end.1.expect("the end"));
        assert!(text.starts_with("<CopyPartResult ") && text.ends_with("</CopyPartResult>"));
        assert_eq!((trace.way.as_deref(), trace.error), (Some("share"), None));
        assert_eq!(given(&mut body).0, "", "that was all");
    }

    #[test]
    fn what_fails_late_is_told_in_the_body() {
        let (node, response) = copying();
        let ResponseBody::Late(rest) = response.body else { panic!("not late") };
        let mut body = LateBody::new(rest, Rc::new(ByHand::default()), AFTER);
        assert_eq!(given(&mut body).0, DECLARATION);
        // The upload goes away under the copy.
        assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 409);
        node.send("DELETE", "/bkt/source", &[], b"");
        assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204);
        let mut end = (String::new(), None);
        while end.1.is_none() {
            node.settle();
            end = given(&mut body);
        }
        let (text, trace) = (end.0, end.1.expect("the end"));
        assert!(text.starts_with("<Error><Code>"), "{text}");
        assert!(
            text.contains(&format!("<RequestId>{ID}</RequestId>")) && text.ends_with("</Error>")
        );
        assert!(trace.error.is_some_and(|code| text.contains(code)));
    }

    #[test]
    fn a_body_never_ends_without_a_root() {
        for body in [ResponseBody::Empty, ResponseBody::Bytes("text".into())] {
            let whole =
                Response { status: 200, headers: Vec::new(), body, trace: Trace::default() };
            let rest = Box::pin(std::future::ready(whole));
            let mut body = LateBody::new(rest, Rc::new(ByHand::default()), AFTER);
            let (text, _) = given(&mut body);
            let root = text.strip_prefix(DECLARATION).expect("a declaration");
            assert!(root.starts_with("<Error><Code>InternalError</Code>"), "{text}");
        }
    }
}

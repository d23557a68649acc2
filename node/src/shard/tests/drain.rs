//! How shards come to their end.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use futures_util::FutureExt;

use super::*;
use crate::disk::glommio::blocking_with;
use crate::seam::Spawn;

#[test]
fn draining_finishes_what_is_in_flight() {
    // One shard: once the idle connection has ended, the busy one has heard of the drain too.
    let mut node = Node::start(1, |_| {});
    let mut idle = node.connect();
    assert_eq!(idle.get("hello").text(), "hello");
    let mut busy = node.connect();
    busy.send("GET /bkt/wait HTTP/1.1\r\nhost: a\r\n\r\n");
    node.arrived.recv().expect("arrived");
    let (address, go) = (node.address, node.go.clone());
    let reader = std::thread::spawn(move || {
        // The idle connection ends at once; then nobody listens any more; the busy one is still answered.
        assert!(idle.rest().is_empty());
        let refused = TcpStream::connect(address).expect_err("nobody listens");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        go.send(()).expect("waits");
        let answer = busy.answer(false);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(busy.rest().is_empty());
        answer.text().to_owned()
    });
    assert_eq!(node.drain(), Drained::Finished);
    assert_eq!(reader.join().expect("no panic"), "waited");
}

#[test]
fn draining_ends_even_if_a_request_does_not() {
    let mut node = Node::start(1, |config| {
        config.http.drain_timeout = Duration::from_millis(200);
    });
    let mut busy = node.connect();
    busy.send("GET /bkt/wait HTTP/1.1\r\nhost: a\r\n\r\n");
    node.arrived.recv().expect("arrived");
    assert_eq!(node.drain(), Drained::Cut);
    assert!(busy.rest().is_empty());
    assert!(node.lines().contains(" status=none "));
}

/// Serves nothing, and panics when its shard ends.
struct BreaksAtTheEnd;

impl Handler for BreaksAtTheEnd {
    fn serve(&self, _request: Request) -> Local<'static, Response> {
        Box::pin(std::future::ready(response(204, ResponseBody::Empty)))
    }

    fn close(&self) -> Local<'static, ()> {
        Box::pin(async { panic!("told to") })
    }
}

#[test]
fn a_shard_that_fails_while_it_drains_is_told_and_not_waited_for() {
    let factory: Factory =
        Arc::new(|_seat| Box::pin(async { Ok(Rc::new(BreaksAtTheEnd) as Rc<dyn Handler>) }));
    let shards = Shards::start(&quiet_plan(2), &factory).expect("started");
    let never = flume::bounded(0);
    let began = Instant::now();
    let drained = shards.drain(Duration::from_secs(3600), &never.1);
    let problem = drained.expect_err("both have failed");
    assert!(problem.starts_with("shard ") && problem.ends_with(" panicked"), "{problem}");
    assert!(began.elapsed() < Duration::from_secs(3600));
}

/// Leaves work on a blocking thread when its shard ends.
struct LeavesWork(Arc<AtomicBool>);

impl Handler for LeavesWork {
    fn serve(&self, _request: Request) -> Local<'static, Response> {
        Box::pin(std::future::ready(response(204, ResponseBody::Empty)))
    }

    fn close(&self) -> Local<'static, ()> {
        let ended = Arc::clone(&self.0);
        Box::pin(async move {
            let work = blocking_with(move || {
                // It takes its time.
                std::thread::sleep(Duration::from_millis(100));
                ended.store(true, Relaxed);
                Ok(())
            });
            assert!(work.now_or_never().is_none());
        })
    }
}

#[test]
fn a_shard_ends_after_the_work_of_its_blocking_threads() {
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    let factory: Factory = Arc::new(move |_seat| {
        let handler = LeavesWork(Arc::clone(&told));
        Box::pin(async { Ok(Rc::new(handler) as Rc<dyn Handler>) })
    });
    let shards = Shards::start(&quiet_plan(1), &factory).expect("started");
    let never = flume::bounded(0);
    assert_eq!(shards.drain(Duration::from_secs(3600), &never.1), Ok(Drained::Finished));
    assert!(ended.load(Relaxed), "its thread would panic");
}

/// Starts something when it is dropped, as files without a name do.
struct StartsWhenDropped(Rc<dyn Spawn>, Arc<AtomicBool>);

impl Drop for StartsWhenDropped {
    fn drop(&mut self) {
        self.0.spawn(Box::pin(std::future::ready(())));
        self.1.store(true, Relaxed);
    }
}

#[test]
fn work_that_never_ends_is_dropped_with_its_shard_and_starts_nothing() {
    let dropped = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&dropped);
    let factory: Factory = Arc::new(move |seat| {
        let last = StartsWhenDropped(Rc::clone(&seat.bulk), Arc::clone(&told));
        seat.bulk.spawn(Box::pin(async move {
            let _last = last;
            // Only what waits for its turn is dropped.
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            })
            .await;
        }));
        let handler = LeavesWork(Arc::default());
        Box::pin(async { Ok(Rc::new(handler) as Rc<dyn Handler>) })
    });
    let shards = Shards::start(&quiet_plan(1), &factory).expect("started");
    let never = flume::bounded(0);
    assert_eq!(shards.drain(Duration::from_secs(3600), &never.1), Ok(Drained::Finished));
    assert!(dropped.load(Relaxed));
}

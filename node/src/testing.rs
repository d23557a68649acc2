//! Room: a node in memory, for tests: the real operations, stages and collector on the in-memory forms of the seams.
//!
//! Single-threaded and without real time: every future is polled in turn until the wanted one is ready. A test that
//! waits for something that never happens fails instead of hanging.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use meta::id::{FOLDER_SLOTS, Sequence};
use meta::memory::MemoryStore;
use meta::store::{Store, StoreError};
use protocol::request::{Head, Headers, Method};
use protocol::sign::sign::{Signer, Unsigned};
use protocol::sign::{Credential, PayloadMode};
use protocol::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::admission::Admission;
use crate::bell;
use crate::catalog::{Catalog, CommitStage, ReadStage, ThreadMailbox};
use crate::collect::{Collector, Damaged};
use crate::config::Config;
use crate::digest::Kernel;
use crate::disk::Disk;
use crate::disk::memory::MemoryDisk;
use crate::epoch::EpochBoard;
use crate::exchange::{BodyError, BodySource, Request, Response, ResponseBody};
use crate::flush::{FlushQueue, FlushStage};
use crate::housekeeping::Housekeeping;
use crate::machine::{Machine, MachineParts};
use crate::metrics::Metrics;
use crate::operation;
use crate::seam::{Clock, Local, Random, Spawn};
use crate::stage::Turn;

/// Polls that one request may take before it counts as stuck.
const POLLS_MAX: usize = 10_000_000;

/// A node without threads, sockets or files.
pub(crate) struct TestNode {
    pub(crate) machine: Rc<Machine>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) disk: MemoryDisk,
    pub(crate) time: Rc<TestTime>,
    board: Arc<EpochBoard>,
    tasks: Rc<Tasks>,
    stages: Stages,
}

/// The stages of the node, driven by turns.
struct Stages {
    commit: CommitStage,
    flush: FlushStage,
    read: ReadStage,
}

impl Stages {
    /// One turn of each; whether there was nothing to do.
    fn turn(&self) -> bool {
        let idle = [self.read.turn(), self.flush.turn()] == [Turn::Idle; 2];
        // Whoever waited was told of a store that failed.
        let committed = self.commit.turn().unwrap_or(Turn::Worked);
        idle && committed == Turn::Idle
    }
}

/// What came back, body read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) way: Option<String>,
    /// The body was cut off.
    pub(crate) cut: bool,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The text of the first XML element of that name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let text = String::from_utf8(self.body.clone()).ok()?;
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.replace("&quot;", "\"").replace("&amp;", "&"))
    }
}

impl TestNode {
    pub(crate) fn new() -> Self {
        Self::with(MemoryDisk::new(1 << 32), |_| {})
    }

    /// A node on this disk, with a changed configuration.
    pub(crate) fn with(disk: MemoryDisk, change: impl FnOnce(&mut Config)) -> Self {
        Self::with_slots(disk, FOLDER_SLOTS, change)
    }

    /// The same, with so few ids a folder that leases come and go.
    pub(crate) fn with_slots(
        disk: MemoryDisk,
        folder_slots: u16,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let root = Credential { access_key: "test".into(), secret_key: "test-secret".into() };
        let mut config = Config::new("unused".into(), root);
        change(&mut config);
        let config = Arc::new(config);
        let store = Arc::new(MemoryStore::new());
        let board = EpochBoard::new(1, Sequence::new(0));
        let metrics = Arc::new(Metrics::new(1));
        let time = Rc::new(TestTime { millis: Cell::new(1_790_000_000_000) });
        let tasks = Rc::new(Tasks::default());
        // The collector is driven by hand: nobody hears when something is committed.
        let (ring, _) = bell::bell();
        let (mailbox, commit, read) =
            ThreadMailbox::new(store.clone(), board.clone(), metrics.clone(), ring);
        let (queue, flush) = FlushQueue::new(Arc::new(disk.clone()), metrics.clone());
        let stages = Stages { commit, flush, read };
        let catalog = Catalog::new(Rc::new(mailbox));
        let shared: Rc<dyn Disk> = Rc::new(disk.clone());
        let machine = Machine::assemble(MachineParts {
            admission: Admission::new(config.disk_reserve, metrics.clone()),
            flush: Rc::new(queue),
            settings: config,
            disk: shared,
            catalog,
            clock: time.clone(),
            random: Rc::new(Counting(Cell::new(0))),
            spawn: tasks.clone(),
            bulk: tasks.clone(),
            metrics,
            board: board.clone(),
            kernel: Kernel::best(),
            shard: 0,
            shards: 1,
            folder_slots,
        });
        Self { machine, store, disk, time, board, tasks, stages }
    }

    /// Drives `future` and every task to its end.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..POLLS_MAX {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                self.settle();
                return value;
            }
            self.go_on(&mut context);
        }
        panic!("nothing will ever wake this request");
    }

    /// Polls every task once and gives each stage a turn; says whether nothing is left to do.
    fn go_on(&self, context: &mut Context<'_>) -> bool {
        let tasks = self.tasks.poll_all(context);
        self.stages.turn() && tasks == 0
    }

    /// Answers one question if one was asked, and lets nothing else go on.
    pub(crate) fn answer_a_question(&self) -> Turn {
        self.stages.read.turn()
    }

    /// Polls `future` so many times, and lets all else go on after each; says whether it is done.
    pub(crate) fn poll<T>(&self, future: &mut Local<'_, T>, times: usize) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..times {
            if future.as_mut().poll(&mut context).is_ready() {
                return true;
            }
            self.go_on(&mut context);
        }
        false
    }

    /// Takes all tasks away, so that nothing of what is under way goes on.
    pub(crate) fn set_tasks_aside(&self) -> Vec<Local<'static, ()>> {
        std::mem::take(&mut *self.tasks.waiting.borrow_mut())
    }

    /// Lets them go on.
    pub(crate) fn put_tasks_back(&self, tasks: Vec<Local<'static, ()>>) {
        self.tasks.waiting.borrow_mut().extend(tasks);
    }

    /// Drives tasks and stages until nothing is left to do.
    pub(crate) fn settle(&self) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..POLLS_MAX {
            if self.go_on(&mut context) {
                return;
            }
        }
        panic!("a task never ends");
    }

    /// Signs and serves one request. `target` is path and query as on the wire.
    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answered {
        self.run(self.start(method, target, headers, body))
    }

    /// The same as a future, to be interleaved with others or dropped.
    pub(crate) fn start(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> impl Future<Output = Answered> + use<> {
        let response = self.respond(method, target, headers, body);
        async move { read_all(response.await).await }
    }

    /// The same, up to where the response begins.
    pub(crate) fn respond(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> impl Future<Output = Response> + use<> {
        let request = self.request(method, target, headers, body);
        let machine = self.machine.clone();
        async move { operation::serve(&machine, request).await }
    }

    fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut signed = Headers::new();
        signed.insert("host", "node.test");
        signed.insert("content-length", body.len().to_string());
        for (name, value) in headers {
            signed.insert(*name, *value);
        }
        let signer = Signer {
            credential: &self.machine.settings.root,
            region: &self.machine.settings.region,
            now: self.time.now(),
        };
        let payload = PayloadMode::Hash(Sha256::digest(body).into());
        let unsigned = Unsigned { method, path, query, headers: &signed, payload };
        for (name, value) in signer.sign(&unsigned).headers {
            signed.insert(name, value);
        }
        let query = (!query.is_empty()).then_some(query);
        Request {
            head: Head::new(Method::parse(method), path, query, signed, &[])
                .expect("a valid target"),
            id: "0123456789ABCDEF".into(),
            peer: ([127, 0, 0, 1], 1).into(),
            body: Box::new(Whole(Some(Bytes::copy_from_slice(body)))),
        }
    }

    /// Serves one request that nobody has signed, whose body comes in these pieces.
    pub(crate) fn start_unsigned(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        pieces: &Rc<RefCell<VecDeque<Bytes>>>,
    ) -> impl Future<Output = Answered> + use<> {
        let mut list = Headers::new();
        list.insert("host", "node.test");
        headers.iter().for_each(|(name, value)| list.insert(*name, *value));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let request = Request {
            head: Head::new(Method::parse(method), path, query, list, &[]).expect("a valid target"),
            id: "0123456789ABCDEF".into(),
            peer: ([127, 0, 0, 1], 1).into(),
            body: Box::new(Pieces(pieces.clone())),
        };
        let machine = self.machine.clone();
        async move { read_all(operation::serve(&machine, request).await).await }
    }

    /// Puts an object and expects it to be stored.
    pub(crate) fn put(&self, target: &str, body: &[u8]) {
        let answered = self.send("PUT", target, &[], body);
        assert_eq!(answered.status, 200, "{answered:?}");
    }

    /// Gets an object and expects it to be whole.
    pub(crate) fn get(&self, target: &str) -> Vec<u8> {
        let answered = self.send("GET", target, &[], b"");
        assert_eq!((answered.status, answered.cut), (200, false), "{target}");
        answered.body
    }

    /// Creates an upload.
    pub(crate) fn create_upload(&self, target: &str, headers: &[(&str, &str)]) -> String {
        let answered = self.send("POST", &format!("{target}?uploads"), headers, b"");
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.element("UploadId").expect("an upload id")
    }

    /// Completes an upload of these part numbers and ETags (with quotes).
    pub(crate) fn complete(&self, target: &str, upload: &str, parts: &[(u16, String)]) -> Answered {
        let document = Self::list_of(parts);
        self.send("POST", &format!("{target}?uploadId={upload}"), &[], document.as_bytes())
    }

    /// The document that lists these parts.
    pub(crate) fn list_of(parts: &[(u16, String)]) -> String {
        use std::fmt::Write;
        let mut document = String::from("<CompleteMultipartUpload>");
        for (number, etag) in parts {
            write!(document, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
                .expect("a string takes all");
        }
        document.push_str("</CompleteMultipartUpload>");
        document
    }

    /// One pass of the collector: what a reader that still lives may need stays.
    pub(crate) fn collect_what_may_go(&self) {
        self.run(self.collector().pass()).expect("nothing fails");
    }

    /// Lets the collector do all there is to do.
    pub(crate) fn collect(&self) {
        let collector = self.collector();
        let (ring, ear) = bell::bell();
        // Nobody can ring any more: the collector ends when nothing is left to do.
        drop(ring);
        self.run(collector.run(&ear));
    }

    pub(crate) fn housekeeping(&self) -> Housekeeping {
        Housekeeping {
            catalog: self.machine.catalog.clone(),
            disk: self.machine.disk.clone(),
            clock: self.machine.clock.clone(),
            metrics: self.machine.metrics.clone(),
        }
    }

    pub(crate) fn collector(&self) -> Collector {
        Collector {
            catalog: self.machine.catalog.clone(),
            disk: self.machine.disk.clone(),
            clock: self.machine.clock.clone(),
            board: self.board.clone(),
            metrics: self.machine.metrics.clone(),
            damaged: Damaged::default(),
        }
    }
}

async fn read_all(response: Response) -> Answered {
    let Response { status, headers, body, trace } = response.whole().await;
    let (mut bytes, mut cut) = (Vec::new(), false);
    match body {
        ResponseBody::Empty | ResponseBody::Late(_) => {}
        ResponseBody::Bytes(whole) => bytes.extend_from_slice(&whole),
        ResponseBody::Stream { len, mut source } => {
            while let Some(block) = source.next().await {
                match block {
                    Ok(block) => bytes.extend_from_slice(&block),
                    Err(_) => cut = true,
                }
            }
            cut |= bytes.len() as u64 != len;
        }
    }
    Answered { status, headers, body: bytes, way: trace.way, cut }
}

struct Whole(Option<Bytes>);

impl BodySource for Whole {
    fn next(&mut self) -> Local<'_, Option<Result<Bytes, BodyError>>> {
        let next = self.0.take().filter(|bytes| !bytes.is_empty());
        Box::pin(async move { next.map(Ok) })
    }
}

/// What has come of a body; what nobody asked for stays there.
struct Pieces(Rc<RefCell<VecDeque<Bytes>>>);

impl BodySource for Pieces {
    fn next(&mut self) -> Local<'_, Option<Result<Bytes, BodyError>>> {
        let next = self.0.borrow_mut().pop_front();
        Box::pin(async move { next.map(Ok) })
    }
}

/// Time that stands still unless somebody sleeps.
pub(crate) struct TestTime {
    pub(crate) millis: Cell<u64>,
}

impl Clock for TestTime {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.get())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.millis.get())
    }

    fn sleep(&self, duration: Duration) -> Local<'static, ()> {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.millis.set(self.millis.get().saturating_add(millis));
        self.pause()
    }

    fn pause(&self) -> Local<'static, ()> {
        let mut paused = false;
        Box::pin(std::future::poll_fn(move |context| {
            if std::mem::replace(&mut paused, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    fn give_way(&self) -> Local<'static, ()> {
        self.pause()
    }
}

/// Never the same eight bytes twice.
struct Counting(Cell<u64>);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for some in bytes.chunks_mut(8) {
            self.0.set(self.0.get() + 1);
            some.copy_from_slice(&self.0.get().to_le_bytes()[..some.len()]);
        }
    }
}

#[derive(Default)]
struct Tasks {
    waiting: RefCell<Vec<Local<'static, ()>>>,
}

impl Tasks {
    /// Polls every task once; says how many are left.
    fn poll_all(&self, context: &mut Context<'_>) -> usize {
        let round = std::mem::take(&mut *self.waiting.borrow_mut());
        for mut task in round {
            if task.as_mut().poll(context).is_pending() {
                self.waiting.borrow_mut().push(task);
            }
        }
        self.waiting.borrow().len()
    }
}

impl Spawn for Tasks {
    fn spawn(&self, task: Local<'static, ()>) {
        self.waiting.borrow_mut().push(task);
    }
}

/// What a store says while it is asked outside of a request.
pub(crate) fn ask<T>(
    node: &TestNode,
    question: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
) -> T {
    question(&*node.store).expect("the store is well")
}

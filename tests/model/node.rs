//! Room: the node under test: the real operations, stages and collector on the in-memory forms of the seams.
//!
//! Single-threaded, one request at a time: every future is polled in turn until the wanted one is ready. Time stands
//! still while a request is served, so that the reference knows every date.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use meta::id::FOLDER_SLOTS;
use meta::memory::MemoryStore;
use meta::{invariant, query};
use node::admission::Admission;
use node::bell;
use node::catalog::{Catalog, CommitStage, ReadStage, ThreadMailbox};
use node::collect::{Collector, Damaged};
use node::config::Config;
use node::digest::Kernel;
use node::disk::memory::MemoryDisk;
use node::epoch::EpochBoard;
use node::exchange::{BodyError, BodySource, Request, Response, ResponseBody};
use node::flush::{FlushQueue, FlushStage};
use node::machine::{Machine, MachineParts};
use node::metrics::Metrics;
use node::operation;
use node::rewrite::Rewriter;
use node::seam::{Clock, Local, Random, Spawn};
use node::stage::Turn;
use protocol::percent;
use protocol::request::{Head, Headers, Method};
use protocol::sign::sign::{Signer, Unsigned};
use protocol::sign::{Credential, PayloadMode, SigningKey};
use protocol::time::Timestamp;
use tenon_tests::random;

use crate::content::{base64, digest};
use crate::names::Names;
use crate::wire::{Answer, Ask, Body, Told};
use crate::xml::{self, Node as Element};

/// Nothing is logged.
pub(crate) fn quiet() {
    node::log::start_into(std::io::sink());
}

/// Polls that one request may take before it counts as stuck.
const POLLS_MAX: usize = 300_000;

/// Where time begins: in September 2026, within a second.
pub(crate) const BEGINNING_MS: u64 = 1_790_000_000_345;

/// A node without threads, sockets or files.
pub(crate) struct Node {
    machine: Rc<Machine>,
    store: Arc<MemoryStore>,
    board: Arc<EpochBoard>,
    pub(crate) time: Rc<Time>,
    tasks: Rc<Tasks>,
    commit: CommitStage,
    flush: FlushStage,
    read: ReadStage,
    key: SigningKey,
    day: String,
}

impl Node {
    /// An empty node. Half of its looks at the store are answered on the shard, the others on a reader thread.
    pub(crate) fn new(seed: u64) -> Self {
        let root = Credential { access_key: "test".into(), secret_key: "test-secret".into() };
        let mut config = Config::new("unused".into(), root);
        config.etag_md5_up_to = 5 << 30;
        let (config, store) = (Arc::new(config), Arc::new(MemoryStore::new()));
        store.set_forgetful(2, random::mix(seed));
        let last = query::last_sequence(&*store).expect("an empty store can be read");
        let (board, metrics) = (EpochBoard::new(1, last), Arc::new(Metrics::new(1)));
        let time = Rc::new(Time { now: Cell::new(BEGINNING_MS), slept: Cell::default() });
        let (tasks, disk) = (Rc::new(Tasks::default()), MemoryDisk::new(1 << 34));
        // The collector is driven by hand: nobody hears when something is committed.
        let (ring, _) = bell::bell();
        let (mailbox, commit, read) =
            ThreadMailbox::new(store.clone(), board.clone(), metrics.clone(), ring);
        let (queue, flush) = FlushQueue::new(Arc::new(disk.clone()), metrics.clone());
        let machine = Machine::assemble(MachineParts {
            admission: Admission::new(config.disk_reserve, metrics.clone()),
            flush: Rc::new(queue),
            settings: config,
            disk: Rc::new(disk),
            catalog: Catalog::new(Rc::new(mailbox)),
            clock: time.clone(),
            random: Rc::new(Seeded(RefCell::new(random::Random::from_seed(seed)))),
            spawn: tasks.clone(),
            bulk: tasks.clone(),
            metrics,
            board: board.clone(),
            kernel: Kernel::best(),
            shard: 0,
            shards: 1,
            folder_slots: FOLDER_SLOTS,
        });
        let now = time.now();
        let key = signer(&machine, now).key();
        Self { machine, store, board, time, tasks, commit, flush, read, key, day: now.amz_day() }
    }

    /// Sends a request and reads the answer to its end; `None` if it holds a name that stands for nothing yet.
    pub(crate) fn send(&mut self, ask: &Ask, names: &Names) -> Option<Result<Answer, String>> {
        let request = self.request(ask, names)?;
        let machine = self.machine.clone();
        let answered =
            self.run(async move { operation::serve(&machine, request).await.whole().await });
        Some(self.read(answered, ask.method == "HEAD"))
    }

    fn request(&mut self, ask: &Ask, names: &Names) -> Option<Request> {
        let (path, query) = target(ask, names)?;
        let body = match &ask.body {
            Body::Empty => Bytes::new(),
            Body::Content(content) => content.bytes.clone(),
            Body::Document(root) => names.resolve(&root.to_text())?.into(),
        };
        let mut headers = Headers::new();
        headers.insert("host", "node.test");
        headers.insert("content-length", body.len().to_string());
        if matches!(ask.body, Body::Document(_)) && ask.get_param("uploadId").is_none() {
            headers.insert("content-md5", base64(&digest("MD5", &body)));
        }
        for (name, value) in &ask.headers {
            headers.insert(name.as_str(), names.resolve(value)?);
        }
        if let Some(source) = &ask.source {
            let mut text = percent::encode_path(&format!("{}/{}", source.bucket, source.key));
            if let Some(version) = &source.version {
                text = format!("{text}?versionId={}", names.resolve(version)?);
            }
            headers.insert("x-amz-copy-source", text);
        }
        self.sign(ask.method, &path, &query, &mut headers);
        let query = (!query.is_empty()).then_some(query.as_str());
        let head = Head::new(Method::parse(ask.method), &path, query, headers, &[]);
        Some(Request {
            head: head.expect("a valid target"),
            id: "0123456789ABCDEF".into(),
            peer: ([127, 0, 0, 1], 1).into(),
            body: Box::new(Whole(Some(body))),
        })
    }

    fn sign(&mut self, method: &str, path: &str, query: &str, headers: &mut Headers) {
        let now = self.time.now();
        let signer = signer(&self.machine, now);
        if self.day != now.amz_day() {
            self.key = signer.key();
            self.day = now.amz_day();
        }
        let payload = PayloadMode::Unsigned;
        let unsigned = Unsigned { method, path, query, headers, payload };
        for (name, value) in signer.sign_with(&self.key, &unsigned).headers {
            headers.insert(name, value);
        }
    }

    fn read(&self, response: Response, is_head: bool) -> Result<Answer, String> {
        let Response { status, headers, body, .. } = response;
        let told = match body {
            ResponseBody::Empty | ResponseBody::Late(_) => Told::Nothing,
            ResponseBody::Bytes(whole) if is_head => return Err(format!("a body: {whole:?}")),
            ResponseBody::Bytes(document) => {
                if xml::has_namespace(&document) == (status >= 300) {
                    return Err(format!("the namespace: {document:?}"));
                }
                Told::Document(Element::parse(&document)?)
            }
            ResponseBody::Stream { len, mut source } => {
                let read = async {
                    let mut bytes = Vec::new();
                    while let Some(block) = source.next().await {
                        bytes.extend_from_slice(&block.map_err(|cut| format!("cut: {cut:?}"))?);
                    }
                    Ok::<_, String>(bytes)
                };
                let bytes = self.run(read)?;
                if bytes.len() as u64 != len {
                    return Err(format!("{} bytes instead of {len}", bytes.len()));
                }
                Told::Bytes(bytes.into())
            }
        };
        Ok(Answer { status, headers, body: told })
    }

    /// Lets go of everything that nothing names, and rewrites what is sparse.
    pub(crate) fn tidy(&self) {
        let collector = Collector {
            catalog: self.machine.catalog.clone(),
            disk: self.machine.disk.clone(),
            clock: self.machine.clock.clone(),
            board: self.board.clone(),
            metrics: self.machine.metrics.clone(),
            damaged: Damaged::default(),
        };
        self.run(collector.pass()).expect("nothing fails");
        self.run(Rewriter::new(self.machine.clone()).pass()).expect("nothing fails");
    }

    /// What does not hold of the records.
    pub(crate) fn broken(&self) -> Vec<String> {
        let found = invariant::check(&*self.store).expect("the store is well");
        found.into_iter().map(|violation| format!("{violation:?}")).collect()
    }

    /// Drives `future` and every task to its end.
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        let mut done = None;
        for _ in 0..POLLS_MAX {
            if done.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(&mut context)
            {
                done = Some(value);
            }
            let idle = self.go_on(&mut context);
            if idle && let Some(value) = done {
                return value;
            }
        }
        panic!(
            "nothing will ever wake this request; {} tasks, done: {}",
            self.tasks.waiting.borrow().len(),
            done.is_some()
        );
    }

    /// Polls every task once and gives each stage a turn; says whether nothing is left to do.
    fn go_on(&self, context: &mut Context<'_>) -> bool {
        let tasks = self.tasks.poll_all(context);
        let idle = [self.read.turn(), self.flush.turn()] == [Turn::Idle; 2];
        let committed = self.commit.turn().expect("the store does not fail");
        idle && committed == Turn::Idle && tasks == 0
    }
}

fn signer(machine: &Machine, now: Timestamp) -> Signer<'_> {
    let settings = &machine.settings;
    Signer { credential: &settings.root, region: &settings.region, now }
}

fn target(ask: &Ask, names: &Names) -> Option<(String, String)> {
    let mut path = String::from("/");
    if let Some(bucket) = &ask.bucket {
        path.push_str(bucket);
    }
    if let Some(key) = &ask.key {
        path.push('/');
        path.push_str(&percent::encode_path(key));
    }
    let pairs = ask.query.iter().map(|(name, value)| {
        let value = percent::encode(&names.resolve(value)?);
        Some(if value.is_empty() { format!("{name}=") } else { format!("{name}={value}") })
    });
    Some((path, pairs.collect::<Option<Vec<_>>>()?.join("&")))
}

struct Whole(Option<Bytes>);

impl BodySource for Whole {
    fn next(&mut self) -> Local<'_, Option<Result<Bytes, BodyError>>> {
        let next = self.0.take().filter(|bytes| !bytes.is_empty());
        Box::pin(async move { next.map(Ok) })
    }
}

/// Dates that move when they are told to. Who sleeps has slept at once.
pub(crate) struct Time {
    /// Milliseconds since 1970.
    pub(crate) now: Cell<u64>,
    slept: Cell<Duration>,
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now.get()) + self.slept.get()
    }

    fn sleep(&self, duration: Duration) -> Local<'static, ()> {
        self.slept.set(self.slept.get() + duration);
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

/// The node's source of unpredictable bytes, which a seed predicts.
struct Seeded(RefCell<random::Random>);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.0.borrow_mut().next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
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

//! Room: what the node says about itself on standard error, one line per event.
//!
//! Must not: block a shard. A line goes into a bounded queue and a thread of its own writes it; when the
//! queue is full the line is dropped and counted.
//! Holds: the process-wide queue, set once by [`start`]. Before that (and in tests) lines are written at once.
//! Must not: be given a secret, a signature or a customer key.

use std::fmt::Display;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::time::Timestamp;

use crate::config::LogFormat;
use crate::line::LineWriter;

/// How much an event matters to whoever runs the node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Level {
    /// Something is broken and will stay so until somebody acts.
    Error,
    /// Something is wrong, and the node works on.
    Warn,
    /// A step in the node's life.
    Info,
}

impl Level {
    /// All levels, the most important first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warn, Self::Info];

    /// The name in configuration and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }
}

/// From now on writes only events that matter at least as much as `level`. May be called at any time.
pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// From now on writes events in this format. May be called at any time.
pub fn set_format(format: LogFormat) {
    JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

fn format() -> LogFormat {
    if JSON.load(Ordering::Relaxed) { LogFormat::Json } else { LogFormat::Text }
}

/// The lines of events that were dropped since the start because too many waited.
pub fn dropped() -> u64 {
    QUEUE.get().map_or(0, LineQueue::dropped)
}

/// The least important events that are written now.
pub fn level() -> Level {
    let level = LEVEL.load(Ordering::Relaxed);
    Level::ALL.into_iter().find(|known| *known as u8 == level).unwrap_or(Level::Info)
}

/// One key and its value in a log line.
pub type Field<'a> = (&'static str, &'a dyn Display);

/// Starts the writer thread. Later calls change nothing.
pub fn start() {
    start_into(std::io::stderr());
}

/// The same with another place for the lines: for tests that make a node complain a million times.
pub fn start_into(out: impl Write + Send + 'static) {
    QUEUE.get_or_init(|| LineQueue::start("log", out));
}

/// Waits until every line given so far has been written, at most some seconds.
pub fn finish() {
    if let Some(queue) = QUEUE.get() {
        queue.flush();
    }
}

/// Says that something is broken.
pub fn error(event: &'static str, fields: &[Field<'_>]) {
    say(Level::Error, event, fields);
}

/// Says that something is wrong while the node works on.
pub fn warn(event: &'static str, fields: &[Field<'_>]) {
    say(Level::Warn, event, fields);
}

/// Says that the node reached a step of its life.
pub fn info(event: &'static str, fields: &[Field<'_>]) {
    say(Level::Info, event, fields);
}

fn say(level: Level, event: &'static str, fields: &[Field<'_>]) {
    if level as u8 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let (format, mut text) = (format(), String::new());
    let mut writer = LineWriter::resume(format, &mut text);
    for (key, value) in fields {
        writer.text(key, value);
    }
    let line = Event { format, level, text, event, time: now() };
    match QUEUE.get() {
        Some(queue) => queue.push(line),
        None => {
            let mut text = String::new();
            line.render(&mut text);
            eprint!("{text}");
        }
    }
}

/// Wall-clock time for a log line.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

struct Event {
    format: LogFormat,
    level: Level,
    time: Timestamp,
    event: &'static str,
    /// The fields, as the format wants them.
    text: String,
}

impl Line for Event {
    fn render(&self, out: &mut String) {
        let mut line = LineWriter::begin(self.format, out);
        line.text("time", &self.time.iso8601());
        line.text("level", &self.level.as_str());
        line.text("event", &self.event);
        line.more(&self.text);
        line.end();
    }
}

static QUEUE: OnceLock<LineQueue<Event>> = OnceLock::new();
static LEVEL: AtomicU8 = AtomicU8::new(Level::Info as u8);
static JSON: AtomicBool = AtomicBool::new(false);

/// A value that becomes a line of text, made on the writer's thread.
pub trait Line: Send + 'static {
    /// Appends the line, with its line end.
    fn render(&self, out: &mut String);
}

/// A bounded queue of lines and the thread that writes them.
pub struct LineQueue<T> {
    sender: flume::Sender<Item<T>>,
    dropped: AtomicU64,
}

enum Item<T> {
    Line(T),
    Flush(flume::Sender<()>),
}

impl<T: Line> LineQueue<T> {
    /// Starts a thread named `name` that writes to `out`. If no thread can be had, every line is dropped and
    /// counted.
    pub fn start(name: &str, out: impl Write + Send + 'static) -> Self {
        let (sender, receiver) = flume::bounded(QUEUE_LEN_MAX);
        let spawned = std::thread::Builder::new()
            .name(format!("tenon-{name}"))
            .spawn(move || write_lines(&receiver, out));
        if let Err(error) = spawned {
            eprintln!("tenon: no thread for the {name} writer: {error}");
        }
        Self { sender, dropped: AtomicU64::new(0) }
    }

    /// Queues a line, or drops and counts it.
    pub fn push(&self, line: T) {
        if self.sender.try_send(Item::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The lines that wait to be written.
    pub fn len(&self) -> usize {
        self.sender.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.sender.is_empty()
    }

    /// The lines dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until every line queued so far has been written, at most some seconds.
    pub fn flush(&self) {
        let (done, wait) = flume::bounded(1);
        if self.sender.send_timeout(Item::Flush(done), FLUSH_WAIT_MAX).is_ok() {
            // A writer that is stuck on a full pipe must not keep the process from ending.
            let _ = wait.recv_timeout(FLUSH_WAIT_MAX);
        }
    }
}

/// Sleeps in `recv` only while nothing comes: under load it naps between rounds, so that the shards that push
/// do not pay for waking it each time.
fn write_lines<T: Line>(receiver: &flume::Receiver<Item<T>>, mut out: impl Write) {
    let mut text = String::new();
    while let Ok(first) = receiver.recv() {
        let mut waiting = Some(first);
        while let Some(item) = waiting.take() {
            for item in std::iter::once(item).chain(receiver.try_iter().take(ROUND_LINES_MAX)) {
                match item {
                    Item::Line(line) => line.render(&mut text),
                    Item::Flush(done) => {
                        write_text(&mut out, &mut text);
                        let _ = done.send(());
                    }
                }
            }
            write_text(&mut out, &mut text);
            std::thread::sleep(NAP);
            waiting = receiver.try_recv().ok();
        }
    }
}

/// A reader that went away is no reason to stop serving: the text is lost.
fn write_text(out: &mut impl Write, text: &mut String) {
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    text.clear();
    text.shrink_to(TEXT_KEPT_BYTES);
}

const QUEUE_LEN_MAX: usize = 16_384;
const ROUND_LINES_MAX: usize = 1024;
const TEXT_KEPT_BYTES: usize = 256 * 1024;
const NAP: Duration = Duration::from_millis(4);
/// A busy host takes its time, and the last lines say why the node ended.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    struct Text(String);
    impl Line for Text {
        fn render(&self, out: &mut String) {
            out.push_str(&self.0);
            out.push('\n');
        }
    }

    #[test]
    fn flush_waits_for_everything_queued() {
        #[derive(Clone, Default)]
        struct Sink(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
        impl Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().expect("no panic while writing").extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let sink = Sink::default();
        let queue = LineQueue::start("test", sink.clone());
        for number in 0..3000 {
            queue.push(Text(number.to_string()));
        }
        queue.flush();
        let text = String::from_utf8(sink.0.lock().expect("no panic").clone()).expect("text");
        let expected: String = (0..3000).map(|number| format!("{number}\n")).collect();
        assert_eq!(text, expected);
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        /// Blocks until it is allowed to write.
        struct Gate(flume::Receiver<()>);
        impl Write for Gate {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (open, gate) = flume::bounded(0);
        let queue = LineQueue::start("test", Gate(gate));
        for _ in 0..QUEUE_LEN_MAX + 2 * ROUND_LINES_MAX + 2 {
            queue.push(Text(String::new()));
        }
        assert!(queue.dropped() > 0);
        drop(open);
        queue.flush();
    }
}

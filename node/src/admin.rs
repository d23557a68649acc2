//! Room: the admin socket: `/healthz`, `/readyz`, `/metrics`.
//!
//! It comes up before anything that can take long and answers while shards start, drain or hang; so it lives
//! on threads of its own with blocking sockets and shares only atomics with the rest.
//! Must not: be reachable by clients of S3; it is bound to loopback unless told otherwise.
//! Source: DESIGN section 10.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::access_line::AccessLog;
use crate::log;
use crate::metrics::Metrics;

/// Where the node is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Phase {
    /// Not serving yet.
    Starting,
    /// Serving.
    Serving,
    /// Ending: finishes what it has.
    Draining,
}

impl Phase {
    /// Every phase, in its order.
    pub const ALL: [Self; 3] = [Self::Starting, Self::Serving, Self::Draining];

    /// What `/readyz` says.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Draining => "draining",
        }
    }
}

/// The phase, for whoever asks over HTTP.
pub struct Readiness(AtomicU8);

impl Default for Readiness {
    fn default() -> Self {
        Self(AtomicU8::new(Phase::Starting as u8))
    }
}

impl Readiness {
    /// Enters a phase.
    pub fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }

    /// The phase now.
    pub fn get(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            _ => Phase::Draining,
        }
    }
}

/// What the admin socket can tell.
pub struct Admin {
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    access: AccessLog,
    /// Those that are being answered. They ask the store, which waits for its disk: were one stuck, they must not
    /// take all connections and `/healthz` with them.
    scrapes: Arc<AtomicUsize>,
}

impl Admin {
    /// Tells the node's phase, its figures, and how many access lines wait or are lost.
    pub fn new(readiness: Arc<Readiness>, metrics: Arc<Metrics>, access: AccessLog) -> Self {
        Self { readiness, metrics, access, scrapes: Arc::default() }
    }

    /// Binds `address` and serves it until the process ends. Gives the address that was bound.
    pub fn start(self, address: SocketAddr) -> std::io::Result<SocketAddr> {
        let listener = TcpListener::bind(address)?;
        let bound = listener.local_addr()?;
        self.tell();
        std::thread::Builder::new()
            .name("tenon-admin".into())
            .spawn(move || accept(&Arc::new(self), &listener))?;
        Ok(bound)
    }

    /// Has the figures tell what only this room knows.
    fn tell(&self) {
        let (readiness, access) = (Arc::clone(&self.readiness), self.access.clone());
        let began = Instant::now();
        self.metrics.watch(move |text| {
            let phase = readiness.get();
            let help = "Where the node is in its life: 1 for the phase that it is in.";
            let mut family = text.gauge("tenon_phase", help);
            for known in Phase::ALL {
                family.sample(&[("phase", known.as_str())], u8::from(known == phase));
            }
            let help = "Time since the admin socket came up.";
            text.gauge("tenon_uptime_seconds", help).value(began.elapsed().as_secs());
            let help = "Lines that nobody could be told, because too many waited to be written.";
            let mut family = text.counter("tenon_lines_dropped_total", help);
            family.sample(&[("log", "access")], access.dropped());
            family.sample(&[("log", "events")], log::dropped());
            let help = "Access lines that wait to be written.";
            text.gauge("tenon_access_lines_waiting", help).value(access.waiting());
        });
    }

    fn answer(&self, method: &str, path: &str) -> Answer {
        if !matches!(method, "GET" | "HEAD") {
            return Answer::text("405 Method Not Allowed", "method not allowed\n".into());
        }
        match path {
            "/healthz" => Answer::text("200 OK", "ok\n".into()),
            "/readyz" => {
                let phase = self.readiness.get();
                let status = if phase == Phase::Serving { "200 OK" } else { UNAVAILABLE };
                Answer::text(status, format!("{}\n", phase.as_str()))
            }
            "/metrics" => match Slot::take(&self.scrapes, SCRAPES_MAX) {
                Some(_slot) => Answer {
                    status: "200 OK",
                    kind: "text/plain; version=0.0.4; charset=utf-8",
                    body: self.metrics.render(),
                },
                None => Answer::text(UNAVAILABLE, "too many scrapes at once\n".into()),
            },
            _ => Answer::text("404 Not Found", "not found\n".into()),
        }
    }
}

struct Answer {
    status: &'static str,
    kind: &'static str,
    body: String,
}

impl Answer {
    fn text(status: &'static str, body: String) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body }
    }
}

fn accept(admin: &Arc<Admin>, listener: &TcpListener) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _peer)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: nothing to do but wait for one.
                log::warn("admin_accept", &[("error", &error)]);
                std::thread::sleep(ACCEPT_PAUSE);
                continue;
            }
        };
        let Some(slot) = Slot::take(&open, CONNECTIONS_MAX) else { continue };
        let admin = Arc::clone(admin);
        let spawned = std::thread::Builder::new().name("tenon-admin".into()).spawn(move || {
            // A client that goes away half-way is its own problem.
            let _ = serve(&admin, stream);
            drop(slot);
        });
        if let Err(error) = spawned {
            log::warn("admin_thread", &[("error", &error)]);
        }
    }
}

/// One of the few things that may be done at once.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    /// One more, if fewer than `max` are taken.
    fn take(taken: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let slot = Self(Arc::clone(taken));
        (taken.fetch_add(1, Ordering::Relaxed) < max).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One request, one answer, then the connection is closed.
fn serve(admin: &Admin, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    let Some(head) = read_head(&mut stream)? else {
        return Ok(());
    };
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let path = target.split_once('?').map_or(target, |(path, _query)| path);
    let answer = admin.answer(method, path);
    let body = if method == "HEAD" { "" } else { answer.body.as_str() };
    let text = format!(
        "HTTP/1.1 {}\r\ncontent-type: {}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         connection: close\r\n\r\n{body}",
        answer.status,
        answer.kind,
        answer.body.len(),
    );
    stream.write_all(text.as_bytes())
}

/// The head as text, or `None` if it is too long, too slow, or not one.
fn read_head(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let deadline = Instant::now() + HEAD_TIME_MAX;
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let len = stream.read(&mut piece)?;
        head.extend_from_slice(&piece[..len]);
        if len == 0 || head.len() > HEAD_LEN_MAX || Instant::now() > deadline {
            return Ok(None);
        }
    }
    Ok(String::from_utf8(head).ok())
}

const UNAVAILABLE: &str = "503 Service Unavailable";
const CONNECTIONS_MAX: usize = 16;
const SCRAPES_MAX: usize = 4;
const HEAD_LEN_MAX: usize = 8192;
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
const SILENCE_MAX: Duration = Duration::from_secs(2);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    fn get(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    #[test]
    fn readiness_follows_the_phase() {
        let readiness = Arc::new(Readiness::default());
        let access = AccessLog::start(std::io::sink(), LogFormat::Text);
        let admin = Admin::new(Arc::clone(&readiness), Arc::new(Metrics::new(1)), access);
        let address = admin.start("127.0.0.1:0".parse().expect("address")).expect("bound");
        let status = |path: &str| {
            let answer = get(address, &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
            answer[9..12].to_owned()
        };
        assert_eq!((status("/healthz"), status("/readyz")), ("200".into(), "503".into()));
        readiness.set(Phase::Serving);
        assert_eq!((status("/healthz"), status("/readyz?x=1")), ("200".into(), "200".into()));
        readiness.set(Phase::Draining);
        assert_eq!((status("/healthz"), status("/readyz")), ("200".into(), "503".into()));
        assert_eq!(status("/nothing"), "404");
        let metrics = get(address, "GET /metrics HTTP/1.1\r\n\r\n");
        assert!(metrics.contains("\ntenon_connections_open 0\n"), "{metrics}");
        assert!(get(address, "POST /healthz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        let head = get(address, "HEAD /readyz HTTP/1.1\r\n\r\n");
        assert!(head.ends_with("\r\n\r\n") && head.contains("content-length: 9"), "{head}");
    }

    #[test]
    fn scrapes_that_are_stuck_leave_room_for_health_checks() {
        let access = AccessLog::start(std::io::sink(), LogFormat::Text);
        let admin = Admin::new(Arc::default(), Arc::new(Metrics::new(1)), access);
        let status = |path| admin.answer("GET", path).status;
        assert_eq!(status("/metrics"), "200 OK");
        let take = |_| Slot::take(&admin.scrapes, SCRAPES_MAX).expect("there is room");
        let stuck: Vec<Slot> = (0..SCRAPES_MAX).map(take).collect();
        assert_eq!(status("/metrics"), UNAVAILABLE);
        assert_eq!(status("/healthz"), "200 OK");
        drop(stuck);
        assert_eq!(status("/metrics"), "200 OK");
    }
}

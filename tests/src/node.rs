//! Room: a real node: the built program as a process of its own, on free ports, with its own data.
//!
//! Holds: the process, which is killed when this is dropped, and its log, of which a failing test prints the
//! end. Waits for conditions (`/readyz`, the end of the process), never for time to pass.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use protocol::sign::Credential;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::client::S3;
use crate::http::{Connection, Reply};
use crate::metrics::Metrics;
use crate::random::{Random, mix};
use crate::scratch::{Scratch, program_folder};
use crate::tls::Identity;

/// The access key of every test node.
pub const ACCESS_KEY: &str = "TENONTESTKEY";
/// Its secret.
pub const SECRET_KEY: &str = "tenon-test-secret-key";

/// The domain of a test node that has one (`TENON_DOMAIN`). Certificates of test nodes are good for it.
pub const DOMAIN: &str = "s3.test";

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const LOG_LINES_SHOWN: usize = 60;

/// A running node, or one that was stopped and can be started again on the same data.
pub struct Node {
    child: Option<Child>,
    address: SocketAddr,
    further: Vec<SocketAddr>,
    admin: SocketAddr,
    data: PathBuf,
    log: PathBuf,
    settings: Vec<(String, String)>,
    identity: Option<Identity>,
    program: PathBuf,
    user: Option<u32>,
    scratch: Scratch,
}

/// What `tenon fsck` said.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its exit code.
    pub code: i32,
    /// All that it wrote.
    pub text: String,
}

impl Node {
    /// Starts a node with new data in a folder of its own.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, None, &[])
    }

    /// Starts a node with its data in `data`, or else in a folder of its own; `settings` are variables of its
    /// environment, such as `TENON_ETAG_MD5_UP_TO`.
    pub fn start_with(name: &str, data: Option<&Path>, settings: &[(&str, &str)]) -> Self {
        let mut node = Self::new(name, data, settings);
        node.start_again();
        node
    }

    /// Starts a node that speaks TLS, with new data and an identity of its own.
    pub fn start_tls(name: &str, settings: &[(&str, &str)]) -> Self {
        let mut node = Self::new_tls(name, settings);
        node.start_again();
        node
    }

    /// The same, not started yet.
    pub fn new_tls(name: &str, settings: &[(&str, &str)]) -> Self {
        let mut node = Self::new(name, None, settings);
        node.identity = Some(Identity::new(node.scratch.path()));
        node
    }

    /// A node that is not started yet; for the rest see [`Node::start_with`].
    pub fn new(name: &str, data: Option<&Path>, settings: &[(&str, &str)]) -> Self {
        let scratch = Scratch::new(name);
        let data = data.map_or_else(|| scratch.path().join("data"), Path::to_path_buf);
        Self {
            child: None,
            address: free_address(),
            further: Vec::new(),
            admin: free_address(),
            data,
            log: scratch.path().join("node.log"),
            settings: owned(settings),
            identity: None,
            program: program(),
            user: None,
            scratch,
        }
    }

    /// Starts the node that was stopped or killed, on the same data and addresses, and waits until it serves.
    pub fn start_again(&mut self) {
        if let Some(status) = self.try_start() {
            panic!("the node ended before it was ready: {status}");
        }
    }

    /// Starts the node, which must end by itself before it is ready. Says how.
    pub fn start_in_vain(&mut self) -> ExitStatus {
        self.try_start().expect("the node is ready although it should not be")
    }

    /// Starts the node. Returns once it is ready, or has ended: then says how.
    pub fn try_start(&mut self) -> Option<ExitStatus> {
        self.spawn();
        self.wait_ready()
    }

    /// Starts the node, and does not wait for anything.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "the node is running");
        fs::create_dir_all(&self.data).expect("the data folder can be made");
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.expect("the log can be written");
        let mut command = clean_command(&self.program);
        command.arg("serve").arg("--data").arg(&self.data);
        for address in std::iter::once(&self.address).chain(&self.further) {
            command.arg("--listen").arg(address.to_string());
        }
        command.arg("--admin-listen").arg(self.admin.to_string());
        command.env("TENON_ROOT_ACCESS_KEY", ACCESS_KEY).env("TENON_ROOT_SECRET_KEY", SECRET_KEY);
        if let Some(identity) = &self.identity {
            command.env("TENON_TLS_CERT", identity.certificate_file());
            command.env("TENON_TLS_KEY", identity.key_file());
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        self.child = Some(command.spawn().expect("the program can be started"));
    }

    /// Returns once the node that was spawned is ready, or has ended: then says how.
    pub fn wait_ready(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Ok(reply) = self.ask_admin("/readyz")
                && reply.status == 200
            {
                return None;
            }
            if let Some(status) = self.ended() {
                return Some(status);
            }
            assert!(Instant::now() < deadline, "the node was not ready within {READY_WITHIN:?}");
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn child_mut(&mut self) -> &mut Child {
        self.child.as_mut().expect("the node is running")
    }

    /// Asks the admin listener.
    ///
    /// # Errors
    /// As those of [`Connection`].
    pub fn ask_admin(&self, path: &str) -> io::Result<Reply> {
        let mut connection = Connection::open(self.admin)?;
        let host = self.admin;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        connection.send(request.as_bytes())?;
        connection.receive(false)
    }

    /// The node's own figures.
    pub fn metrics(&self) -> Metrics {
        let reply = self.ask_admin("/metrics").expect("the admin listener answers");
        assert_eq!(reply.status, 200);
        Metrics::from_text(reply.text())
    }

    /// How clients reach it.
    pub fn s3(&self) -> S3 {
        S3 {
            address: self.address,
            credential: Credential {
                access_key: ACCESS_KEY.to_owned(),
                secret_key: SECRET_KEY.to_owned(),
            },
            region: "us-east-1".to_owned(),
            tls: self.identity.as_ref().map(|identity| identity.client(&[])),
        }
    }

    /// What a node that was started to speak TLS shows to its clients.
    ///
    /// # Panics
    /// If it speaks no TLS.
    pub fn identity(&self) -> &Identity {
        self.identity.as_ref().expect("a node that speaks TLS")
    }

    /// Where its admin listener is.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The bytes of its memory that are in use now (VmRSS).
    pub fn resident(&self) -> u64 {
        let id = self.child.as_ref().expect("the node is running").id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a process has one");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok()).expect("a number of KiB") << 10
    }

    /// The process, which must be running.
    ///
    /// # Panics
    /// If it is not.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the node is running").id()
    }

    /// Whether it serves virtual-host style requests below [`DOMAIN`].
    pub fn has_domain(&self) -> bool {
        self.settings.iter().any(|(name, value)| name == "TENON_DOMAIN" && value == DOMAIN)
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What the node has written to stdout and stderr, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks the node to stop (SIGTERM), which it must do in good order.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert!(status.success(), "the node ended with {status}");
    }

    /// Stops the node as a crash does (SIGKILL).
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Stops every thread of the node where it is (SIGSTOP) and waits until all stand. What is left is to kill it.
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
        let id = Pid::from_child(self.child_mut());
        let (_, status) = waitpid(Some(id), WaitOptions::UNTRACED)
            .expect("a child can be waited for")
            .expect("it was waited for");
        assert!(status.stopped(), "the node has ended by itself: {status:?}");
    }

    /// How the node has ended by itself; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.child_mut().try_wait().expect("a child can be asked");
        if ended.is_some() {
            self.child = None;
        }
        ended
    }

    /// Stops the node as a crash does, unless it has ended by itself: then says how.
    pub fn kill_if_running(&mut self) -> Option<ExitStatus> {
        let ended = self.ended();
        if ended.is_none() {
            self.kill();
        }
        ended
    }

    /// From the next start on it is this program, which ends up as that under test.
    pub fn run(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// From the next start on it runs as this user and group.
    pub fn run_as(&mut self, user: u32) {
        self.user = Some(user);
    }

    /// From the next start on it listens for clients there.
    pub fn listen_on(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// A folder that lasts as long as the node.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Other variables of its environment, from the next start on.
    pub fn set(&mut self, settings: &[(&str, &str)]) {
        self.settings = owned(settings);
    }

    /// Listens on the loopback address of IPv6 too, on the port of the other, from the next start on. Gives it.
    pub fn listen_on_ipv6(&mut self) -> SocketAddr {
        let address = SocketAddr::from((Ipv6Addr::LOCALHOST, self.address.port()));
        self.further.push(address);
        address
    }

    /// Panics if the node has ended by itself.
    pub fn must_be_running(&mut self) {
        if let Some(status) = self.ended() {
            panic!("the node has ended by itself: {status}");
        }
    }

    /// Runs `tenon fsck` with these further flags on the data of this node, which must not be running.
    pub fn fsck(&self, flags: &[&str]) -> Checked {
        assert!(self.child.is_none(), "the node is running");
        let mut command = clean_command(&self.program);
        command.arg("fsck").arg("--data").arg(&self.data).args(flags);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let output = command.output().expect("the program can be started");
        let said = [output.stdout, output.stderr].concat();
        let code = output.status.code().expect("fsck is not killed by a signal");
        Checked { code, text: String::from_utf8_lossy(&said).into_owned() }
    }

    /// Panics unless fsck finds nothing wrong with the data of this node, which must not be running.
    pub fn must_be_clean(&self, flags: &[&str]) {
        let checked = self.fsck(flags);
        assert_eq!(checked.code, 0, "fsck {flags:?}: {}", checked.text);
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) {
        let id = Pid::from_child(self.child_mut());
        kill_process(id, signal).expect("the child has not been waited for");
    }

    /// Waits until the node has ended by itself. Says how.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + STOPPED_WITHIN;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "the node did not end within {STOPPED_WITHIN:?}");
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("---- the end of the node's log ----\n{}\n----", shown.join("\n"));
        }
    }
}

/// The program under test: `TENON_TEST_PROGRAM`, or the one beside this test, which must have been built.
pub fn program() -> PathBuf {
    let beside = || program_folder().join("tenon");
    let path = env::var_os("TENON_TEST_PROGRAM").map_or_else(beside, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: build it first, by `cargo build --release` or scripts/test",
        path.display()
    );
    path
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A program, without whatever the caller's environment says of Tenon: that must not reach a test.
fn clean_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TENON_"))
    {
        command.env_remove(name);
    }
    command
}

/// An address on which nobody listens at this moment. Its port is none of those that the system gives to clients: one
/// of them would often enough have it before the node does. Each process and each call begins to look elsewhere.
pub fn free_address() -> SocketAddr {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let seed = mix((u64::from(std::process::id()) << 32) + call);
    let mut random = Random::from_seed(seed);
    let mut ports = std::iter::repeat_with(|| random.within(10_000..32_000));
    let port = ports.by_ref().take(1000).filter_map(|port| u16::try_from(port).ok()).find(free);
    SocketAddr::from(([127, 0, 0, 1], port.expect("a port is free")))
}

//! Room: HAProxy as Debian has it, with the configuration that `scripts/haproxy.cfg` gives as an example.
//!
//! Holds: the process, which is killed when this is dropped. Only addresses, ports and the pace of the checks are
//! replaced, so that the example is what is tested.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tenon_tests::http::Connection;
use tenon_tests::node::{Node, free_address};
use tenon_tests::scratch::Scratch;
use tenon_tests::source::workspace;

const PROGRAM: &str = "/usr/sbin/haproxy";
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The proxy's program, if this machine has it.
pub(crate) fn program() -> Option<PathBuf> {
    Some(PathBuf::from(PROGRAM)).filter(|path| path.is_file())
}

/// A running proxy.
pub(crate) struct Proxy {
    child: Child,
    address: SocketAddr,
    _scratch: Scratch,
}

impl Proxy {
    /// Starts the proxy in front of these nodes and waits until it listens.
    pub(crate) fn start(program: &Path, nodes: &[&Node; 2]) -> Self {
        let scratch = Scratch::new("proxy");
        let address = free_address();
        let file = scratch.path().join("haproxy.cfg");
        fs::write(&file, configuration(address, nodes)).expect("a file can be written");
        let child = Command::new(program)
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the proxy can be started");
        let mut proxy = Self { child, address, _scratch: scratch };
        let deadline = Instant::now() + LISTENS_WITHIN;
        while Connection::open(address).is_err() {
            proxy.must_be_running();
            assert!(Instant::now() < deadline, "the proxy does not listen");
            thread::sleep(POLL_INTERVAL);
        }
        proxy
    }

    /// Where clients reach it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Panics if the proxy has ended by itself.
    pub(crate) fn must_be_running(&mut self) {
        let ended = self.child.try_wait().expect("a child can be asked");
        assert!(ended.is_none(), "the proxy has ended by itself: {ended:?}");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The example with the addresses of this test. Each of them must occur in it once.
fn configuration(address: SocketAddr, nodes: &[&Node; 2]) -> String {
    let path = workspace().join("scripts/haproxy.cfg");
    let mut text = fs::read_to_string(path).expect("the example is there");
    let mut replace = |example: &str, by: String| {
        assert_eq!(text.matches(example).count(), 1, "{example:?} in the example");
        text = text.replace(example, &by);
    };
    let server = |node: &Node| format!("{} port {}", node.s3().address, node.admin().port());
    replace("bind 127.0.0.1:9100", format!("bind {address}"));
    replace("127.0.0.1:9000 port 9001", server(nodes[0]));
    replace("127.0.0.1:9010 port 9011", server(nodes[1]));
    replace("check inter 1s", "check inter 100ms".to_owned());
    text
}

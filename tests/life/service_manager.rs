//! Room: what a service manager hears of a node by sd_notify(3), and when.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;

use rustix::process::Signal;
use tenon_tests::node::Node;

use crate::{SOON, readyz};

/// The end of the socket where the service manager listens.
struct Manager(UnixDatagram);

impl Manager {
    /// Listens under a name without a file.
    fn listen(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("a short name");
        let socket = UnixDatagram::bind_addr(&address).expect("nobody has this name");
        socket.set_read_timeout(Some(SOON)).expect("a time");
        Self(socket)
    }

    /// The next message, by lines.
    fn heard(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let len = self.0.recv(&mut bytes).expect("the node says something");
        let text = String::from_utf8_lossy(&bytes[..len]);
        text.lines().map(str::to_owned).collect()
    }

    /// Whether there is nothing more to hear.
    fn is_silent(&self) -> bool {
        self.0.set_nonblocking(true).expect("a socket");
        let silent = self.0.recv(&mut [0; 16]).is_err();
        self.0.set_nonblocking(false).expect("a socket");
        silent
    }
}

#[test]
fn ready_reloading_and_stopping_are_told_in_order() {
    let name = format!("tenon-test-{}", process::id());
    let manager = Manager::listen(&name);
    let settings = [("NOTIFY_SOCKET", &*format!("@{name}")), ("TENON_HTTP_DRAIN_DELAY", "3s")];
    let mut node = Node::start_with("notify", None, &settings);
    assert_eq!(manager.heard(), ["STATUS=opening the data"]);
    let ready = manager.heard();
    assert_eq!(ready[0], "READY=1");
    assert_eq!(ready[1], format!("STATUS=serving on {}", node.s3().address));
    assert_eq!(readyz(&node).expect("answered").0, 200);
    assert!(manager.is_silent());

    node.signal(Signal::HUP);
    let reloading = manager.heard();
    assert_eq!(reloading[0], "RELOADING=1");
    let now = reloading[1].strip_prefix("MONOTONIC_USEC=").expect("the time of the reload");
    assert!(now.parse::<u64>().expect("a number") > 0);
    assert_eq!(manager.heard()[0], "READY=1");

    node.stop();
    // 3 s of delay, 30 s of drain and a minute for the rest.
    assert_eq!(manager.heard(), ["STOPPING=1", "EXTEND_TIMEOUT_USEC=93000000", "STATUS=draining"]);
    assert!(manager.is_silent());
}

#[test]
fn a_start_in_vain_says_why() {
    let name = format!("tenon-test-vain-{}", process::id());
    let manager = Manager::listen(&name);
    let settings = [("NOTIFY_SOCKET", &*format!("@{name}")), ("TENON_REGION", "US East")];
    let mut node = Node::new("vain", None, &settings);
    assert_eq!(node.start_in_vain().code(), Some(2));
    assert_eq!(manager.heard(), ["STATUS=TENON_REGION: a region is made of a-z, 0-9 and -"]);
    assert!(manager.is_silent(), "ready was never said");
}

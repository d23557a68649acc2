//! Room: the life of a node as a process: start, service manager, reload, drain, end; its user and its files.
//!
//! Every node here is a process of its own. Waits for conditions, never for time to pass.

mod cold_start;
mod lifecycle;
mod reload;
mod service_manager;
mod start_and_stop;
mod unit;
mod user;

use std::thread;
use std::time::{Duration, Instant};

use tenon_tests::node::Node;

const SOON: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `true`.
#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {SOON:?}: {what}");
        thread::sleep(POLL_INTERVAL);
    }
}

/// Status and first word of the answer to `/readyz`; `None` when nobody answers.
fn readyz(node: &Node) -> Option<(u16, String)> {
    let reply = node.ask_admin("/readyz").ok()?;
    Some((reply.status, reply.text().trim_end().to_owned()))
}

/// Waits until the node has logged so many lines with this text.
#[track_caller]
fn wait_for_log(node: &Node, text: &str, count: usize) {
    wait_until(text, || node.log().matches(text).count() >= count);
}

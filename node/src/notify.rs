//! Room: what the service manager is told: ready, reloading, stopping, and a line of status.
//!
//! Without `NOTIFY_SOCKET` in the environment nobody is told anything. Blocks, so no shard may come here.
//! Source: sd_notify(3); systemd.service(5), `Type=notify`.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::log;

/// The node has come to this point of its start.
pub fn starting(status: &str) {
    tell(&format!("STATUS={status}"));
}

/// The node serves, or serves again after it has told of a reload.
pub fn ready(status: &str) {
    tell(&format!("READY=1\nSTATUS={status}"));
}

/// The node reads its settings again. [`ready`] must follow.
pub fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
}

/// The node stops, which may take as long as this.
pub fn stopping(within: Duration) {
    let micros = within.as_micros();
    tell(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={micros}\nSTATUS=draining"));
}

/// The node ends because of this.
pub fn failed(problem: &str) {
    // A status is one line.
    tell(&format!("STATUS={}", problem.replace(char::is_control, " ")));
}

fn tell(message: &str) {
    // The node works without a service manager that listens.
    if let Err(error) = send(message) {
        log::warn("service_manager", &[("error", &error)]);
    }
}

/// Sends the message to the socket that the environment names: a path or, behind an `@`, a name without a file.
fn send(message: &str) -> io::Result<()> {
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

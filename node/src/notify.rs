//! Room: what the service manager is told: ready, reloading, stopping, and a line of status.
//!
//! Without `NOTIFY_SOCKET` in the environment nobody is told anything. Blocks, so no shard may come here.
//! Source: sd_notify(3); systemd.service(5), `Type=notify`.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::log;

/// The node has come to this point of its start.
pub fn starting(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The node serves, or serves again after it has told of a reload.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The node reads its settings again. [`ready`] must follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => log::warn("service_manager", &[("error", &error)]),
    }
}

/// The node stops, which may take as long as this.
pub fn stopping(within: Duration) {
    let micros = u32::try_from(within.as_micros()).unwrap_or(u32::MAX);
    let status = NotifyState::Status("draining");
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(micros), status]);
}

/// The node ends because of this.
pub fn failed(problem: &str) {
    // A status is one line.
    let line = problem.replace(char::is_control, " ");
    tell(&[NotifyState::Status(&line)]);
}

fn tell(state: &[NotifyState<'_>]) {
    // The node works without a service manager that listens.
    if let Err(error) = sd_notify::notify(state) {
        log::warn("service_manager", &[("error", &error)]);
    }
}

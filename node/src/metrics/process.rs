//! Room: what the system knows of this process, under the names that all exporters give it, and of its threads.
//!
//! Runs on the thread that makes the text, so no shard pays for it. A figure that cannot be read is left out.
//! Source: <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>; proc(5).

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Resource, getrlimit};

use super::text::{Text, seconds};

/// A thread that lives as long as the node, by what it does and its number in the system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Thread {
    name: String,
    id: i32,
}

impl Thread {
    /// The calling thread.
    pub(super) fn this(name: String) -> Self {
        Self { name, id: rustix::thread::gettid().as_raw_nonzero().get() }
    }

    /// The processor time that it has used, in microseconds; `None` if it has ended.
    fn cpu_us(&self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.id)).ok()?;
        Some(text.split(' ').next()?.parse::<u64>().ok()? / 1000)
    }
}

pub(super) fn render(threads: &[Thread], text: &mut Text) {
    let help = "The version of this program; always 1.";
    text.gauge("tenon_build_info", help).sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    render_times(text);
    render_memory(text);
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the folder itself, open for this look.
        let open = open.count().saturating_sub(1);
        text.gauge("process_open_fds", "File descriptors that are open.").value(open);
    }
    if let Some(max) = getrlimit(Resource::Nofile).current {
        text.gauge("process_max_fds", "File descriptors that may be open.").value(max);
    }
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for thread in threads {
        if let Some(cpu) = thread.cpu_us() {
            *times.entry(&thread.name).or_default() += cpu;
        }
    }
    let help = "Processor time of threads by what they do; its rate is the part of the time that a shard is busy.";
    let mut family = text.counter("tenon_thread_cpu_seconds_total", help);
    for (name, cpu) in times {
        family.sample(&[("thread", name)], seconds(cpu));
    }
}

fn render_times(text: &mut Text) {
    let Some(stat) = fs::read_to_string("/proc/self/stat").ok() else { return };
    // The name of the program may hold anything, parentheses too.
    let Some((_, stat)) = stat.rsplit_once(") ") else { return };
    // Numbered as in proc(5), where the first one behind the name is the third.
    let field = |number: usize| stat.split(' ').nth(number - 3)?.parse::<u64>().ok();
    if let (Some(user), Some(system)) = (field(14), field(15)) {
        let help = "Processor time of this process.";
        text.counter("process_cpu_seconds_total", help).value(seconds((user + system) * TICK_US));
    }
    if let (Some(booted), Some(started)) = (boot_time(), field(22)) {
        let help = "When this process started, in Unix time.";
        let started = booted * 1_000_000 + started * TICK_US;
        text.gauge("process_start_time_seconds", help).value(seconds(started));
    }
}

fn render_memory(text: &mut Text) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.split_whitespace().next()?.parse::<u64>().ok()
    };
    let families = [
        ("process_resident_memory_bytes", "Memory of this process.", field("VmRSS"), 1024),
        ("process_virtual_memory_bytes", "Address space of this process.", field("VmSize"), 1024),
        ("process_threads", "Threads of this process.", field("Threads"), 1),
    ];
    for (name, help, value, unit) in families {
        if let Some(value) = value {
            text.gauge(name, help).value(value * unit);
        }
    }
}

/// When the system started, in seconds of Unix time.
fn boot_time() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// The unit of times in /proc, on Linux always.
const TICK_US: u64 = 10_000;

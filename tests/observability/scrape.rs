//! Room: what a scrape says, and what it costs.

use std::thread;

use tenon_tests::node::Node;

use super::exposition::Exposition;

/// The figures of a node after a small load, checked.
pub(crate) fn figures(node: &Node) -> Exposition {
    let reply = node.ask_admin("/metrics").expect("the admin listener answers");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let figures = Exposition::of(&reply.text());
    assert_eq!(figures.complaints, Vec::<String>::new(), "{}", reply.text());
    figures
}

#[test]
fn figures_are_what_prometheus_wants() {
    let node = Node::start("scrape");
    let before = figures(&node);
    super::load(&node.s3());
    let after = figures(&node);
    for (name, family) in &before.families {
        assert!(after.families.contains_key(name), "{name} was there before the load");
        if family.kind != "counter" {
            continue;
        }
        for sample in &family.samples {
            let same = |other: &&super::exposition::Sample| other.labels == sample.labels;
            let later = after.families[name].samples.iter().find(same).expect("it stays");
            assert!(later.value >= sample.value, "{name} counts: {sample:?} and {later:?}");
        }
    }
    let metrics = node.metrics();
    let sum = |name: &str, labels: &[(&str, &str)]| metrics.sum(name, labels);
    assert!(
        sum("tenon_requests_total", &[("operation", "UploadPartCopy"), ("status", "200")]) > 1.5
    );
    assert!(sum("tenon_request_errors_total", &[("code", "NoSuchKey")]) > 0.5);
    assert!(sum("tenon_request_errors_total", &[("code", "BucketNotEmpty")]) > 0.5);
    assert!(sum("tenon_response_bytes_total", &[("operation", "GetObject")]) > f64::from(12 << 20));
    assert!(sum("tenon_copy_pieces_total", &[("way", "inline")]) > 0.5);
    assert!(sum("tenon_commit_round_commands_sum", &[]) > 9.5);
    assert!(sum("tenon_flush_round_files_count", &[]) > 0.5);
    assert!(sum("tenon_table_cache_misses_total", &[]) > 0.5);
    assert!(sum("tenon_rocksdb_write_buffer_bytes", &[]) > 0.5);
    assert!(sum("tenon_rocksdb_log_bytes", &[]) > 0.5);
    assert!(sum("tenon_rocksdb_keys_estimated", &[("space", "objects")]) > 0.5);
    assert!(sum("tenon_named_bytes", &[]) > f64::from(6 << 20));
    assert!(sum("tenon_leases_open", &[]) > 0.5);
    assert!(sum("tenon_buffer_capacity_bytes", &[("pool", "put")]) > f64::from(1 << 20));
    assert!(sum("tenon_buffer_used_bytes", &[]) < 0.5, "nothing is under way");
    assert!(sum("tenon_phase", &[("phase", "serving")]) > 0.5);
    assert!(sum("process_open_fds", &[]) > 5.0);
}

/// Nanoseconds of processor time that the thread called `name` has used.
fn cpu_of(pid: u32, name: &str) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the node runs");
    let cpu = |path: std::path::PathBuf| {
        let called = std::fs::read_to_string(path.join("comm")).ok()?;
        let spent = std::fs::read_to_string(path.join("schedstat")).ok()?;
        (called.trim() == name).then(|| spent.split(' ').next()?.parse::<u64>().ok())?
    };
    tasks.flatten().filter_map(|task| cpu(task.path())).sum()
}

/// A scrape is made of what shards have counted, on a thread of the admin socket. Many of them at once must not be
/// felt on a shard; what a shard does at rest is measured beside them.
#[test]
fn a_scrape_costs_no_shard_a_millisecond() {
    const SCRAPES: u64 = 200;
    let mut node = Node::start_with("scrape-cost", None, &[("TENON_SHARDS", "2")]);
    super::load(&node.s3());
    let pid = node.pid();
    let shards = || ["tenon-shard-0", "tenon-shard-1"].map(|name| cpu_of(pid, name));
    let before = shards();
    thread::scope(|scope| {
        for _ in 0..4 {
            let node = &node;
            scope.spawn(move || {
                for _ in 0..SCRAPES / 4 {
                    assert_eq!(node.ask_admin("/metrics").expect("answered").status, 200);
                }
            });
        }
    });
    for (before, after) in before.into_iter().zip(shards()) {
        let each = (after - before) / SCRAPES;
        println!("{each} ns of a shard for each scrape, its own work at rest included");
        assert!(each < 1_000_000, "{each} ns of a shard for each scrape");
    }
    node.stop();
}

/// Whatever a shard does, and whether there is one at all: the figures are told.
#[test]
fn the_figures_of_a_node_that_does_not_serve_are_told() {
    let metrics = node::metrics::Metrics::new(4);
    let figures = Exposition::of(&metrics.render());
    assert_eq!(figures.complaints, Vec::<String>::new());
    assert!(figures.families.contains_key("tenon_shard_connections"));
}

//! Room: the load generator as a person uses it: every scenario briefly against a node, and what it writes.
//!
//! Must not: assert a time or a rate. What is compared is what was done, what was verified, and what is left.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tenon_tests::client::Call;
use tenon_tests::node::{self, Node};
use tenon_tests::scratch::program_folder;

const REQUESTS: u64 = 12;
const ROUNDS: usize = 2;

/// What `tenon bench` says when it has been run with these arguments and the keys of the node.
fn run(node: &Node, arguments: &str) -> Output {
    let s3 = node.s3();
    Command::new(node::program())
        .arg("bench")
        .args(arguments.split_whitespace())
        .env("AWS_ACCESS_KEY_ID", &s3.credential.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &s3.credential.secret_key)
        .env("AWS_DEFAULT_REGION", &s3.region)
        .output()
        .expect("the program can be started")
}

/// The points that a scenario writes, which must end well and leave nothing.
fn points(node: &Node, scenario: &str) -> Vec<Value> {
    let (json, html) = (node.folder().join("run.json"), node.folder().join("run.html"));
    let picture = node.folder().join("run.svg");
    let line = format!(
        "{scenario} --url {url} --against {url} --name first --against-name second --rounds {ROUNDS} \
         --requests {REQUESTS} --warmup 0 --samples 3 --server-pid {pid} --note durable -q \
         --json {} --html {} --picture {}",
        json.display(),
        html.display(),
        picture.display(),
        url = node.s3().url(),
        pid = node.pid(),
    );
    let output = run(node, &line);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {} {said} {complaint}", output.status);
    assert!(complaint.is_empty(), "{scenario}: {complaint}");
    assert!(said.contains("first") && said.contains("A beside B"), "{said}");

    let gone = node.s3().call(&Call::new("HEAD", "/tenon-bench")).expect("the node answers");
    assert_eq!(gone.status, 404, "{scenario} has left its bucket");

    let page = fs::read_to_string(html).expect("a report");
    assert!(page.starts_with("<!") && page.contains("<svg") && page.contains("second"));
    assert!(!page.contains("src=\"http"), "a report needs nothing else");
    assert!(fs::read_to_string(picture).expect("a picture").contains("<svg"));

    let text = fs::read_to_string(json).expect("lines");
    assert!(!text.contains(&node.s3().credential.secret_key), "a secret was written");
    let mut lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let run: Value = lines.next().expect("a run");
    assert_eq!(run["kind"], "run");
    assert_eq!(run["endpoints"].as_array().map(Vec::len), Some(2));
    assert_eq!((&run["notes"][0], &run["rounds"]), (&"durable".into(), &ROUNDS.into()));
    lines.collect()
}

/// Each operation was measured on both endpoints, in all rounds, without an error, and what was read back was right.
fn must_be(points: &[Value], operations: &[&str]) {
    let measured: BTreeSet<&str> =
        points.iter().filter_map(|point| point["work"]["operation"].as_str()).collect();
    assert_eq!(measured, operations.iter().copied().collect::<BTreeSet<_>>());
    for endpoint in [0, 1] {
        let of = points.iter().filter(|point| point["endpoint"] == endpoint);
        assert!(of.count() >= operations.len(), "{points:?}");
    }
    for point in points {
        assert_eq!(point["kind"], "point");
        assert_eq!(point["errors"], serde_json::json!({}), "{point}");
        assert_eq!(point["verified"]["wrong"], 0, "{point}");
        let rounds = point["rounds"].as_array().expect("rounds");
        assert!((1..=ROUNDS).contains(&rounds.len()), "{point}");
        for round in rounds {
            let latency = &round["latency"];
            let at = |name: &str| latency[name].as_f64().expect("a latency");
            let order = ["min_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"].map(at);
            assert!(order.is_sorted() && order[0] > 0.0, "{latency}");
        }
        let curve = point["curve"].as_array().expect("a curve");
        assert_eq!(curve.last().map(|last| &last["quantile"]), Some(&1.0.into()));
    }
}

fn sum(points: &[Value], operation: &str, figure: &str) -> u64 {
    let of = points.iter().filter(|point| point["work"]["operation"] == operation);
    let rounds = of.flat_map(|point| point["rounds"].as_array().expect("rounds"));
    rounds.map(|round| round[figure].as_u64().expect("a count")).sum()
}

fn verified(points: &[Value], what: &str) -> u64 {
    points.iter().map(|point| point["verified"][what].as_u64().expect("a count")).sum()
}

#[test]
fn part_copies_are_measured_and_read_back() {
    let node = Node::start("bench-copy");
    let points = points(&node, "copy --size 1MiB,5MiB --concurrency 1,3 --offset unaligned");
    must_be(&points, &["copy part"]);
    let cases = 4 * 2 * ROUNDS as u64;
    assert_eq!(sum(&points, "copy part", "operations"), cases * REQUESTS);
    assert_eq!(sum(&points, "copy part", "logical_bytes"), cases / 2 * REQUESTS * (6 << 20));
    assert!(verified(&points, "bytes") >= cases * (1 << 20));
    // The process of the first endpoint was named, that of the second was not.
    let counted = |point: &&Value| point["median"]["server_cpu_s"].is_number();
    assert!(points.iter().filter(counted).all(|point| point["endpoint"] == 0));
    assert_eq!(points.iter().filter(counted).count(), points.len() / 2);
}

#[test]
fn sources_of_parts_are_copied_and_uploads_completed() {
    let node = Node::start("bench-complete");
    let scenario = "copy --size 5MiB --concurrency 2 --source-parts 3 --source-size 17MiB --complete --complete-parts 2";
    let points = points(&node, scenario);
    must_be(&points, &["all", "copy part", "complete"]);
    let completed = sum(&points, "complete", "operations");
    assert_eq!(sum(&points, "all", "operations"), 2 * ROUNDS as u64 * REQUESTS);
    assert!(completed >= 2 * ROUNDS as u64 && verified(&points, "samples") > 0);
}

#[test]
fn objects_are_stored_and_fetched() {
    let node = Node::start("bench-objects");
    for operation in ["put", "get"] {
        let scenario = format!("{operation} --size 300KiB,1 --concurrency 3 --threads 2");
        let points = points(&node, &scenario);
        must_be(&points, &[operation]);
        let cases = 2 * ROUNDS as u64;
        assert_eq!(sum(&points, operation, "logical_bytes"), cases * REQUESTS * ((300 << 10) + 1));
        assert!(verified(&points, "samples") > 0);
    }
}

#[test]
fn small_objects_live_and_die() {
    let node = Node::start("bench-small");
    let points = points(&node, "small --concurrency 4");
    must_be(&points, &["put", "get", "head", "delete"]);
    for operation in ["put", "get", "head"] {
        assert_eq!(sum(&points, operation, "operations"), 2 * ROUNDS as u64 * REQUESTS);
    }
    assert!(sum(&points, "delete", "operations") > 0 && verified(&points, "samples") > 0);
}

#[test]
fn listings_have_all_keys() {
    let node = Node::start("bench-list");
    let points = points(&node, "list --keys 1234 --concurrency 2");
    must_be(&points, &["list", "list with delimiter"]);
    let sizes: BTreeSet<u64> =
        points.iter().filter_map(|point| point["work"]["size"].as_u64()).collect();
    assert_eq!(sizes, BTreeSet::from([13, 1000]));
}

#[test]
fn a_mix_arrives_at_fixed_times() {
    let node = Node::start("bench-mixed");
    let points = points(
        &node,
        "mixed --mix get=1,put=1,copy=1 --keys 8 --size 2KiB --concurrency 2 --rate 500",
    );
    let all: Vec<Value> =
        points.iter().filter(|point| point["work"]["operation"] == "all").cloned().collect();
    must_be(&all, &["all"]);
    assert_eq!(sum(&all, "all", "operations"), 2 * ROUNDS as u64 * REQUESTS);
    assert!(all.iter().all(|point| point["median"]["late"].is_number()));
}

/// Whoever ends a run early, by Ctrl-C or a time limit, must not find its uploads and objects months later.
#[test]
fn a_run_that_is_interrupted_takes_away_what_it_stored() {
    let node = Node::start("bench-interrupted");
    let s3 = node.s3();
    let load = Command::new(node::program())
        .args(["bench", "copy", "--size", "1MiB", "--duration", "86400", "--url", &s3.url()])
        .env("AWS_ACCESS_KEY_ID", &s3.credential.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &s3.credential.secret_key)
        .env("AWS_DEFAULT_REGION", &s3.region)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let begun = || {
        let uploads =
            s3.call(&Call::new("GET", "/tenon-bench").query("uploads")).expect("an answer");
        String::from_utf8_lossy(&uploads.body).contains("<UploadId>")
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !begun() {
        assert!(Instant::now() < deadline, "the load does not begin");
        thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&load), Signal::INT).expect("it runs");
    let output = load.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Interrupted"), "{said}");
    let gone = s3.call(&Call::new("HEAD", "/tenon-bench")).expect("the node answers");
    assert_eq!(gone.status, 404, "{said}");
}

#[test]
fn what_cannot_be_measured_ends_with_its_code() {
    let node = Node::start("bench-errors");
    let url = node.s3().url();
    for (arguments, code) in [
        ("copy --size 6GiB".to_owned(), 2),
        ("copy --url https://127.0.0.1:1".to_owned(), 2),
        (format!("put --url {url} --data /nowhere"), 2),
        (format!("put --url {url} --secret-key wrong-secret"), 1),
        (format!("report {}", node.folder().join("missing").display()), 2),
        ("--help".to_owned(), 0),
    ] {
        let output = run(&node, &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
        assert!(code == 0 || !said.is_empty(), "{arguments}: no reason was given");
    }
}

#[test]
fn tenon_says_when_the_load_generator_is_missing() {
    let node = Node::new("bench-alone", None, &[]);
    let alone = node.folder().join("tenon");
    fs::copy(node::program(), &alone).expect("a copy of the program");
    let output = Command::new(alone).args(["bench", "copy"]).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("tenon-bench must lie beside"), "{said}");
    assert!(program_folder().join("tenon-bench").is_file(), "the load generator is not built");
}

//! Room: appending to one object by several clients at once, with nothing but If-Match between them: by reading
//! and writing the whole, and by copying the old bytes within the node. Every line is there exactly once, and the
//! lines of each client in their order.

use std::collections::BTreeMap;
use std::sync::{Barrier, Mutex};
use std::thread;

use tenon_tests::client::{
    Call, S3, abort_upload, complete_upload, copy_part, create_bucket, create_upload,
    put_versioning, upload_part,
};
use tenon_tests::http::Reply;
use tenon_tests::node::Node;

use crate::{etag, must, number_from, send};

const CLIENTS: usize = 8;
const PATH: &str = "/append/log";

/// Part of an upload that is not its last has at least so many bytes, so the log begins with them.
const BASE_LEN: usize = 5 << 20;

fn line(client: usize, number: usize) -> String {
    format!("client {client} line {number}\n")
}

/// What is wrong with a log to which each client has appended `lines` lines.
fn complaints(log: &str, lines: usize) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, line) in log.split_inclusive('\n').enumerate() {
        places.entry(line).or_default().push(at);
    }
    let mut complaints = Vec::new();
    for client in 0..CLIENTS {
        let mut last = None;
        for number in 0..lines {
            let line = line(client, number);
            match places.remove(line.as_str()).as_deref() {
                None => complaints.push(format!("{line:?} is missing")),
                Some([at]) => {
                    if last.is_some_and(|last| last > *at) {
                        complaints.push(format!("{line:?} comes too early"));
                    }
                    last = Some(*at);
                }
                Some(more) => complaints.push(format!("{line:?} is there {} times", more.len())),
            }
        }
    }
    complaints.extend(places.keys().map(|line| format!("{line:?} was never appended")));
    complaints
}

/// Tries `append` until it has worked. Only a lost condition is a reason to try again.
fn until_it_works(append: impl Fn() -> Reply) -> usize {
    for lost in 0.. {
        let reply = append();
        match reply.status {
            200 => return lost,
            // No object, another object, or one that was written since the upload began.
            404 | 409 | 412 => {}
            status => panic!("{status}: {}", reply.text()),
        }
    }
    unreachable!("somebody always gets on")
}

/// All clients append all their lines, each in its own way.
fn by_all(lines: usize, append: impl Fn(&str) -> Reply + Sync) {
    let start = Barrier::new(CLIENTS);
    let lost: usize = thread::scope(|scope| {
        let (append, start) = (&append, &start);
        let client = |client| {
            scope.spawn(move || {
                start.wait();
                let lost =
                    (0..lines).map(|number| until_it_works(|| append(&line(client, number))));
                lost.sum::<usize>()
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).sum()
    });
    println!("{} lines, {lost} tries in vain", CLIENTS * lines);
    assert!(lost > 0, "nobody ever stood in another's way");
}

fn start(name: &str) -> (Node, S3) {
    let node = Node::start(name);
    let s3 = node.s3();
    must(&s3, &create_bucket("append"));
    (node, s3)
}

/// Looks at the log now, and again after a restart.
fn must_be_complete(mut node: Node, s3: &S3, base: &[u8], lines: usize) {
    let verify = || {
        let log = must(s3, &Call::new("GET", PATH)).body;
        assert!(log.starts_with(base), "the beginning of the log has changed");
        let text = std::str::from_utf8(&log[base.len()..]).expect("lines are text");
        assert_eq!(complaints(text, lines), [""; 0]);
    };
    verify();
    node.stop();
    node.must_be_clean(&["--verify"]);
    node.start_again();
    verify();
    node.stop();
}

/// What was read and one line more, and the condition under which it may replace what was read. All clients race
/// for the first line as well.
fn appended(read: &Reply, line: &str) -> (Vec<u8>, (&'static str, String)) {
    let (mut log, condition) = match read.status {
        404 => (Vec::new(), ("if-none-match", "*".to_owned())),
        _ => (read.body.clone(), ("if-match", etag(read))),
    };
    log.extend_from_slice(line.as_bytes());
    (log, condition)
}

#[test]
fn appends_by_reading_and_writing_lose_nothing() {
    // rule: put/append-by-if-match
    let lines = number_from("TENON_TEST_CONCURRENCY_APPENDS", 6);
    let (node, s3) = start("append");
    by_all(lines, |line| {
        let read = send(&s3, &Call::new("GET", PATH));
        let (log, condition) = appended(&read, line);
        send(&s3, &Call::new("PUT", PATH).header(condition.0, condition.1).body(log))
    });
    must_be_complete(node, &s3, b"", lines);
}

/// Each append makes a version, which is the one before it and one line more.
#[test]
fn appends_in_a_bucket_with_versions_keep_each_state_of_the_log() {
    // rule: put/append-by-if-match, put/version-id
    let lines = number_from("TENON_TEST_CONCURRENCY_APPENDS", 6);
    let (node, s3) = start("append-versions");
    must(&s3, &put_versioning("append", "Enabled"));
    let versions = Mutex::new(Vec::new());
    by_all(lines, |line| {
        let read = send(&s3, &Call::new("GET", PATH));
        let (log, condition) = appended(&read, line);
        let put = send(&s3, &Call::new("PUT", PATH).header(condition.0, condition.1).body(log));
        if put.status == 200 {
            let id = put.header("x-amz-version-id").expect("a version").to_owned();
            versions.lock().expect("nobody has panicked").push(id);
        }
        put
    });
    let mut states: Vec<Vec<u8>> = versions
        .into_inner()
        .expect("nobody has panicked")
        .iter()
        .map(|id| must(&s3, &Call::new("GET", PATH).query(format!("versionId={id}"))).body)
        .collect();
    states.sort_by_key(Vec::len);
    assert_eq!(states.len(), CLIENTS * lines);
    let log = must(&s3, &Call::new("GET", PATH)).body;
    for (count, state) in (1..).zip(&states) {
        assert_eq!(state.split_inclusive(|byte| *byte == b'\n').count(), count);
        assert!(log.starts_with(state), "state {count} is no beginning of the log");
    }
    must_be_complete(node, &s3, b"", lines);
}

#[test]
fn appends_by_copying_parts_lose_nothing() {
    // rule: complete/append-by-if-match
    let lines = number_from("TENON_TEST_CONCURRENCY_APPENDS", 6);
    let (node, s3) = start("append-parts");
    let base: Vec<u8> = (0..BASE_LEN).map(|at| u8::try_from(at % 251).expect("a byte")).collect();
    must(&s3, &Call::new("PUT", PATH).body(base.clone()));
    by_all(lines, |line| {
        let old = etag(&must(&s3, &Call::new("HEAD", PATH)));
        let id = must(&s3, &create_upload(PATH)).element("UploadId").expect("an upload id");
        let copy = copy_part(PATH, &id, 1, PATH, None).header("x-amz-copy-source-if-match", &*old);
        let copied = send(&s3, &copy);
        let completed = if copied.status == 200 {
            let first = copied.element("ETag").expect("an ETag");
            let second = etag(&must(&s3, &upload_part(PATH, &id, 2).body(line)));
            let complete = complete_upload(PATH, &id, &[(1, first), (2, second)]);
            send(&s3, &complete.header("if-match", old))
        } else {
            copied
        };
        if completed.status != 200 {
            assert_eq!(send(&s3, &abort_upload(PATH, &id)).status, 204);
        }
        completed
    });
    let uploads = must(&s3, &Call::new("GET", "/append").query("uploads="));
    assert!(!uploads.text().contains("<Upload>"), "{}", uploads.text());
    must_be_complete(node, &s3, &base, lines);
}

#[test]
fn a_log_that_is_not_right_is_noticed() {
    let order = |numbers: &[usize]| {
        let mut log = String::new();
        for client in 0..CLIENTS {
            let numbers = if client == 3 { numbers } else { &[0, 1] };
            numbers.iter().for_each(|number| log.push_str(&line(client, *number)));
        }
        log
    };
    assert_eq!(complaints(&order(&[0, 1]), 2), [""; 0]);
    for (numbers, complaint) in [
        (&[0][..], "\"client 3 line 1\\n\" is missing"),
        (&[0, 1, 1], "\"client 3 line 1\\n\" is there 2 times"),
        (&[1, 0], "\"client 3 line 1\\n\" comes too early"),
        (&[0, 1, 2], "\"client 3 line 2\\n\" was never appended"),
    ] {
        assert_eq!(complaints(&order(numbers), 2), [complaint]);
    }
}

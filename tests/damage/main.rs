//! Room: damage to what lies on disk, done to a stopped node: what it touches is answered with a clear error, and
//! everything else is served.
//!
//! Knows of the inside only what an operator sees: files in `blobs` hold plain bytes, files in `meta` are those of
//! RocksDB.

mod blobs;
mod metadata;
mod repair;
mod versions;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tenon_tests::client::{Call, S3, create_bucket};
use tenon_tests::content::Content;
use tenon_tests::http::Connection;
use tenon_tests::node::Node;

/// A node and what it holds.
struct Patient {
    node: Node,
    s3: S3,
    objects: BTreeMap<String, Content>,
}

impl Patient {
    fn new() -> Self {
        let node = Node::start("damage");
        let s3 = node.s3();
        let created = s3.call(&create_bucket("damage")).expect("the node answers");
        assert_eq!(created.status, 200, "{}", created.text());
        Self { node, s3, objects: BTreeMap::new() }
    }

    fn put(&mut self, path: impl Into<String>, len: u64) -> Content {
        let path = path.into();
        let number = u64::try_from(self.objects.len()).expect("few");
        let content = Content::new(1000 + number, len);
        let mut session = self.s3.session().expect("the node listens");
        let put = session.put(Call::new("PUT", &path), &content).expect("the node answers");
        assert_eq!(put.status, 200, "{}", put.text());
        self.objects.insert(path, content.clone());
        content
    }

    /// What a GET of these bytes, or of all, gives.
    fn read(&self, path: &str, range: Option<std::ops::Range<u64>>) -> Given {
        let call = Call::new("GET", path);
        let call = match range {
            Some(range) => call.header("range", format!("bytes={}-{}", range.start, range.end - 1)),
            None => call,
        };
        self.given(&call)
    }

    fn given(&self, call: &Call) -> Given {
        let mut connection = Connection::open(self.s3.address).expect("the node listens");
        connection.send(&self.s3.wire(call)).expect("the node takes a request");
        let mut bytes = Vec::new();
        match connection.receive_into(false, |piece| bytes.extend_from_slice(piece)) {
            Ok(reply) if reply.status < 300 => Given::Whole(bytes),
            Ok(reply) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Given::Refused { status: reply.status, text }
            }
            Err(_) => Given::Cut(bytes),
        }
    }

    /// The node answers with an error, or cuts a body short before its first wrong byte.
    fn must_be_touched(&self, path: &str) {
        match self.read(path, None) {
            Given::Refused { status, text } => must_be_internal_error(path, status, &text),
            Given::Cut(bytes) => {
                let len = u64::try_from(bytes.len()).expect("a length fits");
                let sent = self.objects[path].slice(0..len);
                assert_eq!(sent.first_difference(&bytes), None, "{path}: a wrong byte was sent");
            }
            Given::Whole(_) => panic!("{path} is served although it is damaged"),
        }
    }

    fn must_be_whole(&self, path: &str) {
        match self.read(path, None) {
            Given::Whole(bytes) => {
                assert_eq!(self.objects[path].first_difference(&bytes), None, "{path}");
            }
            given => panic!("{path}: {given:?}"),
        }
    }

    /// All but these are served.
    fn others_must_be_whole(&self, touched: &[&str]) {
        for path in self.objects.keys().filter(|path| !touched.contains(&path.as_str())) {
            self.must_be_whole(path);
        }
    }

    /// Panics unless the log has a line at level error with this event.
    fn must_have_logged(&self, event: &str) {
        let line = format!(" level=error event={event} ");
        assert!(self.node.log().contains(&line), "no{line}in the log");
    }

    /// Starting fails, and the node says why. Returns what it said.
    fn must_refuse_to_start(&mut self, what: &str) -> String {
        let before = self.node.log().len();
        let status = self.node.start_in_vain();
        let said = self.node.log()[before..].to_owned();
        assert!(status.code().is_some_and(|code| code != 0), "{what}: {status}: {said}");
        assert!(said.contains(" level=error event=cannot_serve "), "{what}: {said}");
        assert!(!said.contains("panicked"), "{what}: {said}");
        said
    }
}

/// What a GET gives.
#[derive(Debug)]
enum Given {
    Whole(Vec<u8>),
    Cut(Vec<u8>),
    Refused { status: u16, text: String },
}

fn must_be_internal_error(what: &str, status: u16, text: &str) {
    assert_eq!(status, 500, "{what}: {text}");
    assert!(text.contains("<Code>InternalError</Code>"), "{what}: {text}");
    assert!(text.contains("<Message>"), "{what}: {text}");
}

fn flip_a_bit(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).expect("the file is there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("the file is long enough");
    file.write_all_at(&[byte[0] ^ 0x10], at).expect("the file can be written");
    file.sync_all().expect("the file can be written");
}

/// All files below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

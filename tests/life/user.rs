//! Room: a node needs no privilege, and what it writes is nobody else's business.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{getuid, umask};
use tenon_tests::client::{Call, create_bucket};
use tenon_tests::node::{ACCESS_KEY, Node, SECRET_KEY, program};
use tenon_tests::scratch::all_scratches;
use tenon_tests::skip::skip;

/// Nobody, who owns nothing.
const ORDINARY: u32 = 65534;

/// A folder that an ordinary user can reach, with the program in it and a folder of his own.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let scratches = all_scratches();
        let open = |path: &Path| {
            fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
        };
        let base = if scratches.ancestors().all(open) { scratches } else { env::temp_dir() };
        let folder = base.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("data")).expect("a folder can be made");
        fs::copy(program(), folder.join("tenon")).expect("the program can be copied");
        if getuid().is_root() {
            chown(folder.join("data"), Some(ORDINARY), Some(ORDINARY)).expect("root may do so");
        }
        Self { folder }
    }

    fn program(&self) -> PathBuf {
        self.folder.join("tenon")
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Files and folders below this one.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn an_ordinary_user_can_run_a_node_and_others_cannot_read_its_files() {
    let place = Place::new("ordinary");
    let mut node = Node::new("ordinary-log", Some(&place.data()), &[]);
    let user = getuid();
    if user.is_root() {
        node.run_as(ORDINARY);
        node.run(place.program());
    }
    // What the one who starts it allows must not matter.
    let before = umask(rustix::fs::Mode::empty());
    node.spawn();
    umask(before);
    assert_eq!(node.wait_ready(), None);
    let s3 = node.s3();
    assert_eq!(s3.call(&create_bucket("own")).expect("answered").status, 200);
    for (path, len) in [("/own/small", 10), ("/own/large", 9 << 20)] {
        let reply = s3.call(&Call::new("PUT", path).body(vec![7; len])).expect("answered");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let reply = s3.call(&Call::new("GET", path)).expect("answered");
        assert_eq!((reply.status, reply.body.len()), (200, len));
    }
    node.stop();
    let expected = if user.is_root() { ORDINARY } else { user.as_raw() };
    let files = below(&place.data());
    assert!(files.iter().any(|path| path.to_string_lossy().contains("blobs")), "{files:?}");
    for path in files {
        let found = fs::metadata(&path).expect("there");
        assert_eq!(found.uid(), expected, "{}", path.display());
        assert_eq!(found.mode() & 0o077, 0, "{}: {:o}", path.display(), found.mode());
    }
}

#[test]
fn too_little_locked_memory_is_refused_in_words() {
    let prlimit = Path::new("/usr/bin/prlimit");
    if !prlimit.is_file() {
        return skip("the limit of locked memory", "no prlimit on this machine");
    }
    let place = Place::new("memlock");
    let mut command = Command::new(prlimit);
    command.arg("--memlock=65536:65536").arg(place.program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"]);
    command.arg(place.data());
    command.env_clear().env("TENON_ROOT_ACCESS_KEY", ACCESS_KEY);
    command.env("TENON_ROOT_SECRET_KEY", SECRET_KEY);
    if getuid().is_root() {
        command.uid(ORDINARY).gid(ORDINARY);
    }
    let output = command.output().expect("it can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("locked memory is 64 KiB") && said.contains("LimitMEMLOCK"), "{said}");
    assert_eq!(below(&place.data()), [] as [PathBuf; 0], "nothing was written");
}

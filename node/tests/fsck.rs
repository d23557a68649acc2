//! `tenon fsck` as a program: what it refuses to look at, and its exit codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn fsck(data: &Path, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenon"));
    command.env_remove("TENON_DATA").env_remove("TENON_META_DIR");
    command.arg("fsck").arg("--data").arg(data).args(flags).output().expect("started")
}

#[track_caller]
fn unchecked(data: &Path, words: &str) {
    let output = fsck(data, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(said.contains(words), "{words} in {said}");
}

#[test]
fn what_cannot_be_checked_is_told_and_left_alone() {
    let home = tempfile::tempdir().expect("a temporary directory");
    unchecked(&home.path().join("nowhere"), "nowhere");
    unchecked(home.path(), "no data of a node");
    assert_eq!(fs::read_dir(home.path()).expect("listed").count(), 0);

    let format = home.path().join("format");
    fs::write(&format, "tenon 99\n").expect("written");
    unchecked(home.path(), "tenon 99");

    let lock = fs::File::open(home.path()).expect("opened");
    lock.try_lock().expect("nobody holds it");
    unchecked(home.path(), "in use");
    drop(lock);
    assert_eq!(fs::read_dir(home.path()).expect("listed").count(), 1);
}

//! Room: scripts/tenon.service: it is a good unit, and a node can do all its work under its system-call filter.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tenon_tests::client::{
    Call, complete_upload, copy_part, create_bucket, create_upload, upload_part,
};
use tenon_tests::node::{Node, program};
use tenon_tests::skip::skip;
use tenon_tests::source::workspace;

use crate::wait_for_log;

fn unit() -> String {
    fs::read_to_string(workspace().join("scripts/tenon.service")).expect("the unit is there")
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn the_unit_is_good() {
    if !runs("systemd-analyze") {
        return skip("scripts/tenon.service", "no systemd-analyze on this machine");
    }
    let node = Node::new("unit", None, &[]);
    let file = node.folder().join("tenon.service");
    let program = program();
    let text = unit().replace("/usr/local/bin/tenon", program.to_str().expect("text"));
    fs::write(&file, text).expect("our folder");
    let output = Command::new("systemd-analyze").arg("verify").arg(&file).output();
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let ours = said.lines().filter(|line| line.contains("tenon")).collect::<Vec<_>>();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

/// A program that runs the node under the filter of this unit.
fn filtered(folder: &Path, unit: &str) -> PathBuf {
    let (unit_file, script) = (folder.join("filtered.service"), folder.join("filtered"));
    fs::write(&unit_file, unit).expect("our folder");
    let filter = workspace().join("tests/life/filtered.py");
    let line =
        format!("#!/bin/sh\nexec python3 -B {:?} {unit_file:?} {:?} \"$@\"\n", filter, program());
    fs::write(&script, line).expect("our folder");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("our file");
    script
}

/// Whether this machine can run a program under a filter; says so if not.
fn can_filter() -> bool {
    let able = ["python3", "systemd-analyze", "cc"].into_iter().find(|program| !runs(program));
    if let Some(missing) = able {
        skip("the system-call filter of scripts/tenon.service", &format!("no {missing}"));
    }
    able.is_none()
}

#[test]
fn a_node_does_all_its_work_under_the_filter_of_the_unit() {
    if !can_filter() {
        return;
    }
    let mut node = Node::new_tls("filter", &[("TENON_COPY_FORBID", "share")]);
    node.run(filtered(node.folder(), &unit()));
    node.start_again();
    let s3 = node.s3();
    let good = |call: &Call| {
        let reply = s3.call(call).expect("answered");
        assert!((200..300).contains(&reply.status), "{}", reply.text());
        reply
    };
    good(&create_bucket("own"));
    for (path, len) in [("/own/small", 10), ("/own/large", 9 << 20)] {
        good(&Call::new("PUT", path).body(vec![7; len]));
        assert_eq!(good(&Call::new("GET", path)).body.len(), len);
    }
    let id = good(&create_upload("/own/joined")).element("UploadId").expect("an id");
    let own = good(&upload_part("/own/joined", &id, 1).body(vec![8; 6 << 20]));
    let copied = good(&copy_part("/own/joined", &id, 2, "/own/large", Some(1..9 << 20)));
    let parts = [
        (1, own.header("etag").expect("an ETag").to_owned()),
        (2, copied.element("ETag").expect("an ETag")),
    ];
    good(&complete_upload("/own/joined", &id, &parts));
    assert_eq!(good(&Call::new("GET", "/own/joined")).body.len(), (15 << 20) - 1);
    good(&Call::new("GET", "/own").query("list-type=2"));
    good(&Call::new("DELETE", "/own/large"));
    assert!(node.metrics().sum("process_open_fds", &[]) > 0.0);
    node.signal(Signal::HUP);
    wait_for_log(&node, "event=reloaded certificate=reloaded", 1);
    node.stop();
    // What a crash left is tidied up under the filter as well.
    node.start_again();
    node.kill();
    node.start_again();
    node.stop();
}

#[test]
fn the_filter_of_this_test_filters() {
    if !can_filter() {
        return;
    }
    const SIGSYS: i32 = 31;
    for forbidden in ["~io_uring_setup", "~fsync fdatasync", "~accept4 listen"] {
        let mut node = Node::new("forbidden", None, &[]);
        let all = "SystemCallErrorNumber=EPERM";
        let unit = unit().replace(all, &format!("SystemCallFilter={forbidden}\n{all}"));
        node.run(filtered(node.folder(), &unit));
        assert_eq!(node.start_in_vain().signal(), Some(SIGSYS), "{forbidden}: {}", node.log());
    }
}

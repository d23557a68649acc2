//! Room: further clients, unchanged from their registries and with their default settings, against a real node: rclone, s3cmd,
//! s5cmd, restic, two file systems, a container registry; and the official ones with a very large object.
//!
//! What they do and check stands in `tests/clients`; here each gets a node of its own. A client that this machine does
//! not have is skipped out loud: scripts/test installs them.
//! `TENON_TEST_LAYER_LEN`: the length of the layer that goes through the container registry (default 256 MiB; scripts/test
//! --clients: 4 GiB).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tenon_tests::node::Node;
use tenon_tests::program::{
    aws_cli_1, aws_cli_2, client_file, debian, other_python, python, run, s5cmd,
};
use tenon_tests::skip::skip;

/// Larger than rclone's limit of one CopyObject (4,768 MiB).
const GIANT_LEN: &str = "6442450944";
/// Runs a shell script of `tests/clients` on a node of its own with these settings.
fn run_script(script: &str, arguments: &[&OsStr], settings: &[(&str, &str)]) {
    if python().is_none() {
        return skip(script, "no Python with boto3, which looks at what the client has done");
    }
    let mut node = Node::start_with(script.trim_end_matches(".sh"), None, settings);
    let file = client_file(script);
    let arguments: Vec<&OsStr> =
        [file.as_os_str()].into_iter().chain(arguments.iter().copied()).collect();
    run(&mut node, Path::new("bash"), &arguments);
    node.stop();
}

fn missing(program: &str) {
    skip(program, "not installed (scripts/test installs it)");
}

#[test]
fn the_aws_cli_and_boto3_copy_a_giant() {
    // rule: client/aws-cli, client/boto3
    let programs: Vec<PathBuf> = [aws_cli_1(), aws_cli_2()].into_iter().flatten().collect();
    if programs.len() < 2 {
        skip("giants.sh", "no AWS CLI of one version (scripts/test installs both)");
    }
    let giant = [OsStr::new(GIANT_LEN)];
    let arguments: Vec<&OsStr> =
        giant.into_iter().chain(programs.iter().map(|program| program.as_os_str())).collect();
    run_script("giants.sh", &arguments, &[]);
}

#[test]
fn rclone_copies_and_syncs() {
    // rule: client/rclone
    match debian("rclone") {
        Some(_) => run_script("rclone.sh", &[GIANT_LEN.as_ref()], &[]),
        None => missing("rclone"),
    }
}

#[test]
fn s3cmd_copies_and_syncs() {
    // rule: client/s3cmd
    match debian("s3cmd") {
        Some(_) => run_script("s3cmd.sh", &[GIANT_LEN.as_ref()], &[]),
        None => missing("s3cmd"),
    }
}

#[test]
fn s5cmd_copies_and_syncs() {
    // rule: client/s5cmd
    match s5cmd() {
        Some(program) => {
            // It copies by CopyObject only.
            let settings = [("TENON_COPY_MAX_OBJECT", "5TiB")];
            run_script("s5cmd.sh", &[program.as_os_str(), GIANT_LEN.as_ref()], &settings);
        }
        None => missing("s5cmd"),
    }
}

#[test]
fn restic_backs_up_and_restores() {
    // rule: client/restic
    match debian("restic") {
        Some(_) => run_script("restic.sh", &[], &[]),
        None => missing("restic"),
    }
}

#[test]
fn s3fs_is_a_file_system() {
    // rule: client/s3fs
    if debian("s3fs").is_none() {
        return missing("s3fs");
    }
    if !Path::new("/dev/fuse").exists() {
        return skip("s3fs", "no /dev/fuse: nothing can be mounted here");
    }
    run_script("s3fs_fuse.sh", &[], &[]);
}

#[test]
fn fsspec_reads_writes_and_copies() {
    // rule: client/fsspec
    let Some(python) = other_python() else {
        return skip("fsspec_s3fs.py", "no Python with s3fs (scripts/test makes one)");
    };
    let mut node = Node::start("fsspec");
    run(&mut node, &python, &[client_file("fsspec_s3fs.py").as_os_str()]);
    node.stop();
}

#[test]
fn a_container_registry_finalises_layers_by_part_copies() {
    // rule: client/registry
    if debian("docker-registry").is_none() {
        return missing("docker-registry");
    }
    let Some(python) = python() else {
        return skip("registry.py", "no Python with boto3 (scripts/test makes one)");
    };
    let len = std::env::var("TENON_TEST_LAYER_LEN").unwrap_or_else(|_| "268435456".into());
    let mut node = Node::start("registry");
    run(&mut node, &python, &[client_file("registry.py").as_os_str(), len.as_ref()]);
    node.stop();
}

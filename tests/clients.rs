//! Room: real clients, unchanged and with their default settings, against a real node.
//!
//! What they do and check stands in `tests/clients`; here each gets a node of its own. A client that this
//! machine does not have is skipped out loud: scripts/test installs them.

use std::ffi::OsStr;

use tenon_tests::node::Node;
use tenon_tests::program::{aws_cli_1, aws_cli_2, client_file, python, run};
use tenon_tests::skip::skip;

fn run_python(script: &str) {
    let Some(python) = python() else {
        return skip(script, "no Python with boto3 (scripts/test makes one)");
    };
    let mut node = Node::start(script.trim_end_matches(".py"));
    run(&mut node, &python, &[client_file(script).as_os_str()]);
    node.stop();
}

fn run_command_line(program: Option<std::path::PathBuf>, version: &str) {
    let Some(program) = program else {
        return skip(&format!("AWS CLI {version}"), "not installed (scripts/test installs it)");
    };
    let mut node = Node::start("command-line");
    let arguments = [client_file("command_line.sh"), program];
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    run(&mut node, OsStr::new("bash").as_ref(), &arguments);
    node.stop();
}

#[test]
fn boto3_copies_ranges() {
    run_python("copied_ranges.py");
}

#[test]
fn boto3_changes_sources_between_copy_and_complete() {
    run_python("changing_sources.py");
}

#[test]
fn boto3_handles_buckets_and_objects() {
    run_python("objects.py");
}

#[test]
fn aws_cli_1_does_the_main_job() {
    run_command_line(aws_cli_1(), "1.x");
}

#[test]
fn aws_cli_2_does_the_main_job() {
    run_command_line(aws_cli_2(), "2.x");
}

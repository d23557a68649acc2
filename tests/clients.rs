//! Room: real clients, unchanged and with their default settings, against a real node.
//!
//! What they do and check stands in `tests/clients`; here each gets a node of its own. A client that this
//! machine does not have is skipped out loud: scripts/test installs them.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use tenon_tests::node::{DOMAIN, Node};
use tenon_tests::program::{aws_cli_1, aws_cli_2, client_file, python, run};
use tenon_tests::skip::skip;

/// Over what a client speaks with its node.
#[derive(Clone, Copy, PartialEq)]
enum Over {
    Http,
    Https,
    /// HTTPS, with the bucket in the host.
    Domain,
}

impl Over {
    fn start(self, name: &str) -> Node {
        match self {
            Self::Http => Node::start(name),
            Self::Https => Node::start_tls(name, &[]),
            Self::Domain => Node::start_tls(name, &[("TENON_DOMAIN", DOMAIN)]),
        }
    }
}

fn run_python(script: &str, over: Over) {
    let Some(python) = python() else {
        return skip(script, "no Python with boto3 (scripts/test makes one)");
    };
    let mut node = over.start(script.trim_end_matches(".py"));
    run(&mut node, &python, &[client_file(script).as_os_str()]);
    node.stop();
}

fn run_urls(over: Over) {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("urls.py", "no curl (scripts/test installs it)");
    }
    run_python("urls.py", over);
}

fn run_forms(over: Over) {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("posts.py", "no curl (scripts/test installs it)");
    }
    run_python("posts.py", over);
}

fn run_command_line(program: Option<PathBuf>, version: &str, script: &str, over: Over) {
    let Some(program) = program else {
        return skip(&format!("AWS CLI {version}"), "not installed (scripts/test installs it)");
    };
    let mut node = over.start(script.trim_end_matches(".sh"));
    let arguments = [client_file(script), program];
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    run(&mut node, OsStr::new("bash").as_ref(), &arguments);
    node.stop();
}

#[test]
fn boto3_copies_ranges() {
    // rule: client/boto3
    run_python("copied_ranges.py", Over::Http);
}

#[test]
fn boto3_copies_ranges_over_https() {
    run_python("copied_ranges.py", Over::Https);
}

#[test]
fn boto3_changes_sources_between_copy_and_complete() {
    run_python("changing_sources.py", Over::Http);
}

#[test]
fn boto3_changes_sources_between_copy_and_complete_over_https() {
    run_python("changing_sources.py", Over::Https);
}

#[test]
fn boto3_handles_buckets_and_objects() {
    run_python("objects.py", Over::Http);
}

#[test]
fn boto3_handles_buckets_and_objects_over_https() {
    // rule: client/boto3
    run_python("objects.py", Over::Https);
}

#[test]
fn boto3_sends_and_checks_the_younger_checksums() {
    // rule: checksum/names
    run_python("checksums.py", Over::Http);
}

#[test]
fn boto3_sends_and_checks_their_trailers_over_https() {
    // rule: checksum/trailer
    run_python("checksums.py", Over::Https);
}

#[test]
fn boto3_copies_whole_objects() {
    run_python("whole_copies.py", Over::Http);
}

#[test]
fn boto3_reads_objects_by_part() {
    run_python("parts.py", Over::Http);
}

#[test]
fn boto3_handles_versions() {
    run_python("versions.py", Over::Http);
}

#[test]
fn boto3_handles_versions_below_a_domain() {
    run_python("versions.py", Over::Domain);
}

#[test]
fn boto3_looks_after_buckets() {
    run_python("buckets.py", Over::Http);
}

#[test]
fn boto3_puts_and_reads_lifecycle_rules() {
    run_python("lifecycle.py", Over::Http);
}

#[test]
fn forms_of_boto3_are_sent_by_curl_and_urllib3() {
    // rule: post/stored
    run_forms(Over::Http);
}

#[test]
fn forms_of_boto3_are_sent_below_a_domain() {
    // rule: post/location
    run_forms(Over::Domain);
}

#[test]
fn boto3_locks_objects_and_names_storage_classes() {
    run_python("locks.py", Over::Http);
}

#[test]
fn aws_cli_1_handles_versions() {
    run_command_line(aws_cli_1(), "1.x", "versions.sh", Over::Http);
}

#[test]
fn aws_cli_2_handles_versions() {
    run_command_line(aws_cli_2(), "2.x", "versions.sh", Over::Http);
}

#[test]
fn aws_cli_1_does_the_main_job() {
    run_command_line(aws_cli_1(), "1.x", "command_line.sh", Over::Http);
}

#[test]
fn aws_cli_1_does_the_main_job_over_https() {
    // rule: client/aws-cli
    run_command_line(aws_cli_1(), "1.x", "command_line.sh", Over::Https);
}

#[test]
fn aws_cli_2_does_the_main_job() {
    run_command_line(aws_cli_2(), "2.x", "command_line.sh", Over::Http);
}

#[test]
fn aws_cli_2_does_the_main_job_over_https() {
    // rule: client/aws-cli
    run_command_line(aws_cli_2(), "2.x", "command_line.sh", Over::Https);
}

#[test]
fn aws_cli_1_checks_certificates_as_it_is_told() {
    run_command_line(aws_cli_1(), "1.x", "certificates.sh", Over::Https);
}

#[test]
fn aws_cli_2_checks_certificates_as_it_is_told() {
    run_command_line(aws_cli_2(), "2.x", "certificates.sh", Over::Https);
}

#[test]
fn boto3_finds_buckets_below_a_domain() {
    run_python("objects.py", Over::Domain);
}

#[test]
fn aws_cli_1_does_the_main_job_below_a_domain() {
    run_command_line(aws_cli_1(), "1.x", "command_line.sh", Over::Domain);
}

#[test]
fn aws_cli_2_does_the_main_job_below_a_domain() {
    run_command_line(aws_cli_2(), "2.x", "command_line.sh", Over::Domain);
}

#[test]
fn curl_uses_the_urls_of_boto3() {
    run_urls(Over::Http);
}

#[test]
fn curl_uses_the_urls_of_boto3_over_https() {
    run_urls(Over::Https);
}

#[test]
fn curl_uses_the_urls_of_boto3_below_a_domain() {
    run_urls(Over::Domain);
}

/// Settings with which every copy and completion is answered before it is over, and every copied range is read.
const LATE: [(&str, &str); 3] = [
    ("TENON_HTTP_KEEPALIVE_AFTER", "0s"),
    ("TENON_HTTP_KEEPALIVE_INTERVAL", "5ms"),
    ("TENON_ETAG_MD5_UP_TO", "5GiB"),
];

#[test]
fn boto3_finds_errors_in_answers_that_were_sent_ahead() {
    let Some(python) = python() else {
        return skip("long_answers.py", "no Python with boto3 (scripts/test makes one)");
    };
    let mut node = Node::start_with("long-answers", None, &LATE);
    let data = node.data().to_path_buf();
    let script = client_file("long_answers.py");
    run(&mut node, &python, &[script.as_os_str(), data.as_os_str()]);
    node.stop();
}

#[test]
fn boto3_waits_for_answers_that_were_sent_ahead_over_https() {
    let Some(python) = python() else {
        return skip("boto3 that waits", "no Python with boto3 (scripts/test makes one)");
    };
    let mut node = Node::start_tls("late-answers", &LATE[..2]);
    run(&mut node, &python, &[client_file("whole_copies.py").as_os_str()]);
    node.stop();
}

#[test]
fn aws_cli_2_waits_for_answers_that_were_sent_ahead() {
    let Some(program) = aws_cli_2() else {
        return skip("AWS CLI 2.x that waits", "not installed (scripts/test installs it)");
    };
    let mut node = Node::start_with("late-answers-cli", None, &LATE);
    let arguments = [client_file("command_line.sh"), program, "134217728".into()];
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    run(&mut node, OsStr::new("bash").as_ref(), &arguments);
    node.stop();
}

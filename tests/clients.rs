//! Room: real clients, unchanged and with their default settings, against a real node.
//!
//! What they do and check stands in `tests/clients`; here each gets a node of its own. A client that this
//! machine does not have is skipped out loud: scripts/test installs them.

use std::ffi::OsStr;
use std::path::PathBuf;

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
    run_python("objects.py", Over::Https);
}

#[test]
fn aws_cli_1_does_the_main_job() {
    run_command_line(aws_cli_1(), "1.x", "command_line.sh", Over::Http);
}

#[test]
fn aws_cli_1_does_the_main_job_over_https() {
    run_command_line(aws_cli_1(), "1.x", "command_line.sh", Over::Https);
}

#[test]
fn aws_cli_2_does_the_main_job() {
    run_command_line(aws_cli_2(), "2.x", "command_line.sh", Over::Http);
}

#[test]
fn aws_cli_2_does_the_main_job_over_https() {
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
    run_python("urls.py", Over::Http);
}

#[test]
fn curl_uses_the_urls_of_boto3_over_https() {
    run_python("urls.py", Over::Https);
}

#[test]
fn curl_uses_the_urls_of_boto3_below_a_domain() {
    run_python("urls.py", Over::Domain);
}

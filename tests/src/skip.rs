//! Room: tests that this machine cannot run. A skip is said out loud; it is never mistaken for a pass.

use std::io::{Write, stderr};

/// Says that `what` is not tested and why, past the capture of the test runner.
///
/// # Panics
/// If `TENON_TEST_NO_SKIP` is set: for machines that are supposed to be able to run everything.
pub fn skip(what: &str, why: &str) {
    let line = format!("\n==== SKIPPED: {what}: {why}\n");
    assert!(std::env::var_os("TENON_TEST_NO_SKIP").is_none(), "{line}");
    // The macros for printing are captured while a test runs; the stream itself is not.
    stderr().write_all(line.as_bytes()).expect("stderr takes a line");
}

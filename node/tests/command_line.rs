//! The program itself: what it refuses, in which words, with which exit code.

use std::process::{Command, Output};

/// Runs `tenon` with these arguments and nothing of Tenon in its environment but `variables`.
fn tenon(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenon"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENON_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(variables.iter().copied()).output().expect("started")
}

fn refused(arguments: &[&str], variables: &[(&str, &str)], words: &str) {
    let output = tenon(arguments, variables);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?} {variables:?}: {said}");
    assert!(said.contains(words), "{arguments:?} {variables:?}: {said}");
    assert!(output.stdout.is_empty());
}

const CREDENTIAL: [(&str, &str); 2] =
    [("TENON_ROOT_ACCESS_KEY", "root"), ("TENON_ROOT_SECRET_KEY", "correct horse")];

#[test]
fn there_is_no_default_credential() {
    refused(&["serve", "--data", "/tmp/nowhere"], &[], "TENON_ROOT_ACCESS_KEY");
    refused(&["serve", "--data", "/tmp/nowhere"], &CREDENTIAL[..1], "TENON_ROOT_SECRET_KEY");
    let short = [CREDENTIAL[0], ("TENON_ROOT_SECRET_KEY", "1234567")];
    refused(&["serve", "--data", "/tmp/nowhere"], &short, "8 characters");
}

#[test]
fn bad_arguments_are_named() {
    refused(&["serve"], &CREDENTIAL, "--data");
    refused(&["serve", "--data", "/tmp/nowhere", "--listen", "9000"], &CREDENTIAL, "--listen");
    refused(&["serve", "--data", "/tmp/nowhere", "--speed", "9"], &CREDENTIAL, "--speed");
    refused(&["fly"], &CREDENTIAL, "fly");
    refused(&[], &CREDENTIAL, "Usage");
    let settings = [CREDENTIAL[0], CREDENTIAL[1], ("TENON_HTTP_BODY_TIMEOUT", "soon")];
    refused(&["serve", "--data", "/tmp/nowhere"], &settings, "TENON_HTTP_BODY_TIMEOUT");
}

#[test]
fn what_is_not_built_is_refused() {
    let domain = ["serve", "--data", "/tmp/nowhere", "--domain", "s3.example.test"];
    refused(&domain, &CREDENTIAL, "not built");
    let tls = ["serve", "--data", "/tmp/nowhere", "--tls-cert", "a", "--tls-key", "b"];
    refused(&tls, &CREDENTIAL, "not built");
    refused(&["serve", "--data", "/tmp/nowhere", "--config", "a"], &CREDENTIAL, "not built");
}

#[test]
fn help_goes_to_standard_output() {
    let output = tenon(&["serve", "--help"], &[]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    for word in ["--data", "--admin-listen", "TENON_ROOT_SECRET_KEY_FILE", "TENON_COPY_FORBID"] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

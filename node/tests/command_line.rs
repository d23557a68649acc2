//! The program itself: what it refuses, in which words, with which exit code.

use std::fs;
use std::path::{Path, PathBuf};
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
    let sse = [CREDENTIAL[0], CREDENTIAL[1], ("TENON_SSE_DEFAULT", "AES256")];
    refused(&["serve", "--data", "/tmp/nowhere"], &sse, "not built");
}

#[test]
fn the_settings_in_force_are_told_with_their_origin() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("tenon.toml");
    fs::write(&file, "data = '/tmp/nowhere'\n[http]\nbody_timeout = '9s'\n").expect("written");
    let path = file.to_str().expect("text");
    let check = ["serve", "--check-config", "--config", path, "--shards", "2"];
    let variables = [CREDENTIAL[0], CREDENTIAL[1], ("TENON_REGION", "eu-1"), ("TENON_SPEED", "9")];
    let output = tenon(&check, &variables);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for line in [
        format!("data = \"/tmp/nowhere\"  # {path}:1:1"),
        format!("body_timeout = \"9s\"  # {path}:3:1"),
        "shards = 2  # --shards".into(),
        "region = \"eu-1\"  # TENON_REGION".into(),
        "meta_dir = \"/tmp/nowhere/meta\"  # default".into(),
        "secret_key = \"***\"  # TENON_ROOT_SECRET_KEY".into(),
    ] {
        assert!(told.lines().any(|told| told == line), "{line} in\n{told}");
    }
    assert!(!told.contains(CREDENTIAL[1].1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("TENON_SPEED"));
    assert!(!Path::new("/tmp/nowhere").exists(), "no data is touched");

    fs::write(&file, "[http]\nbody_timout = '9s'\n").expect("written");
    refused(&check, &variables, ":2:1: http.body_timout is not a setting");
    fs::write(&file, "data = '/tmp/nowhere'\n[tls]\ncert = '/no/cert'\nkey = '/no/key'\n")
        .expect("written");
    refused(&check, &variables, "/no/cert");
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

/// Everything below a folder, by name.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn the_doctor_tells_of_the_host_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let data = home.path().join("data");
    let arguments = ["doctor", "--data", data.to_str().expect("text")];
    // Before there is a directory, in an empty one, and beside a node that holds it.
    let mut lock = None;
    for words in ["not there yet", "data", "a node uses it now"] {
        let before = files_below(home.path());
        let output = tenon(&arguments, &[]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains(words), "{words} in {said}");
        for what in
            ["file system", "reflink", "O_DIRECT", "io_uring", "open files", "simd", "clock"]
        {
            assert!(said.contains(what), "{what} in {said}");
        }
        assert_eq!(files_below(home.path()), before);
        if words == "not there yet" {
            fs::create_dir(&data).expect("made");
        } else if lock.is_none() {
            let folder = fs::File::open(&data).expect("opened");
            folder.try_lock().expect("nobody holds it");
            lock = Some(folder);
        }
    }
    drop(lock);
}

#[test]
fn the_doctor_says_what_stops_a_node() {
    let home = tempfile::tempdir().expect("a temporary directory");
    fs::write(home.path().join("format"), "tenon 99\n").expect("written");
    let path = home.path().to_str().expect("text");
    let output = tenon(&["doctor"], &[("TENON_DATA", path)]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("failure  format") && said.contains("tenon 99"), "{said}");
    let file = home.path().join("format/data");
    let output = tenon(&["doctor", "--data", file.to_str().expect("text")], &[]);
    assert_eq!(output.status.code(), Some(1));
    refused(&["doctor"], &[], "--data");
}

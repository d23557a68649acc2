//! Room: client programs that come from outside: boto3, the AWS CLI in its two major versions, and further ones.
//!
//! They run with their default settings, in an empty home, with nothing of the caller's AWS configuration.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::node::{DOMAIN, Node};
use crate::scratch::Scratch;
use crate::source::workspace;

/// The length of the largest object of the scripts.
const BIG_LEN: &str = "TENON_TEST_BIG_LEN";
const BIG_LEN_UNDER_TLS: &str = "268435456";

/// A file in `tests/clients`.
pub fn client_file(name: &str) -> PathBuf {
    workspace().join("tests/clients").join(name)
}

/// The Python that has boto3: `TENON_TEST_PYTHON`, or what scripts/test left in the cache.
pub fn python() -> Option<PathBuf> {
    found("TENON_TEST_PYTHON", cached("clients/bin/python"))
}

/// The Python that has s3fs, which wants another boto3: `TENON_TEST_OTHER_PYTHON`, or what scripts/test left in the cache.
pub fn other_python() -> Option<PathBuf> {
    found("TENON_TEST_OTHER_PYTHON", cached("other-clients/bin/python"))
}

/// s5cmd: `TENON_TEST_S5CMD`, or what scripts/test left in the cache.
pub fn s5cmd() -> Option<PathBuf> {
    found("TENON_TEST_S5CMD", cached("other-clients/bin/s5cmd"))
}

/// A program of a Debian package.
pub fn debian(program: &str) -> Option<PathBuf> {
    Some(Path::new("/usr/bin").join(program)).filter(|path| path.is_file())
}

/// The AWS CLI 1.x: `TENON_TEST_AWS1`, or what scripts/test left in the cache.
pub fn aws_cli_1() -> Option<PathBuf> {
    found("TENON_TEST_AWS1", cached("clients/bin/aws"))
}

/// The AWS CLI 2.x: `TENON_TEST_AWS2`, or Debian's.
pub fn aws_cli_2() -> Option<PathBuf> {
    let program = found("TENON_TEST_AWS2", Some(PathBuf::from("/usr/bin/aws")))?;
    let output = Command::new(&program).arg("--version").output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    said.starts_with(b"aws-cli/2.").then_some(program)
}

fn found(variable: &str, otherwise: Option<PathBuf>) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).or(otherwise).filter(|path| path.is_file())
}

fn cached(program: &str) -> Option<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(&env::var_os("HOME")?).join(".cache"),
    };
    Some(base.join("tenon").join(program))
}

/// Runs `program` with `arguments` as a client of `node`, in an empty folder. A node with a domain is asked below
/// it: buckets stand in the host.
///
/// # Panics
/// If it fails, with all that it said.
pub fn run(node: &mut Node, program: &Path, arguments: &[&OsStr]) {
    let home = Scratch::new("client");
    let s3 = node.s3();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home.path());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("AWS_") || name.starts_with("PYTHON") || name.ends_with("_proxy") {
            command.env_remove(&*name);
        }
    }
    command
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .env("AWS_ENDPOINT_URL", s3.url())
        .env("AWS_ACCESS_KEY_ID", &s3.credential.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &s3.credential.secret_key)
        .env("AWS_DEFAULT_REGION", &s3.region)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("TENON_TEST_METRICS", format!("http://{}/metrics", node.admin()))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    // Scripts look at what a client has done with boto3.
    command.envs(python().map(|python| ("TENON_TEST_PYTHON", python)));
    if s3.tls.is_some() {
        command.env("AWS_CA_BUNDLE", node.identity().authority_file());
        if env::var_os(BIG_LEN).is_none() {
            // The gigabyte of the scripts' default has been seen over HTTP; under TLS it is the same from HTTP up.
            command.env(BIG_LEN, BIG_LEN_UNDER_TLS);
        }
    }
    if node.has_domain() {
        let config = home.path().join("config");
        fs::write(&config, "[default]\ns3 =\n  addressing_style = virtual\n").expect("a new file");
        let scheme = if s3.tls.is_some() { "https" } else { "http" };
        command
            .env("AWS_ENDPOINT_URL", format!("{scheme}://{DOMAIN}:{}", s3.address.port()))
            .env("AWS_CONFIG_FILE", config)
            .env("PYTHONPATH", client_file("resolver"))
            .env("TENON_TEST_DOMAIN", DOMAIN);
    }
    let output = command.output().expect("the client can be started");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    println!("{said}");
    assert!(output.status.success(), "{} {arguments:?}: {}", program.display(), output.status);
    node.must_be_running();
}

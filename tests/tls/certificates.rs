//! Room: certificates and keys: their forms, what is wrong with them at the start, and their change at run time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use tenon_tests::http::Connection;
use tenon_tests::node::Node;
use tenon_tests::skip::skip;
use tenon_tests::tls::Identity;

use crate::{HELLO_BYTES, figure, must_serve, open, start, until};

/// 31 December 2041, 00:00 UTC, in seconds since 1970.
const END_OF_2041: f64 = 2_272_060_800.0;

fn shown(connection: &mut Connection) -> CertificateDer<'static> {
    let chain = connection.tls().peer_certificates().expect("the node shows a certificate");
    chain[0].clone().into_owned()
}

#[test]
fn a_new_certificate_is_taken_on_sighup_without_dropping_a_connection() {
    let mut node = start("tls-reload", &[]);
    let s3 = node.s3();
    let client = node.identity().client(&[]);
    let mut before = open(&s3, &client);
    must_serve(&mut before, &s3);
    let first = shown(&mut before);

    let second = node.identity().renew(2041);
    assert_ne!(first, second);
    node.signal(rustix::process::Signal::HUP);
    until("the new certificate", || shown(&mut open(&s3, &node.identity().client(&[]))) == second);
    must_serve(&mut before, &s3);
    assert_eq!(shown(&mut before), first, "an open connection goes on as it is");
    let mut after = open(&s3, &client);
    let kind = after.tls().handshake_kind();
    assert_eq!(kind, Some(HandshakeKind::Full), "nobody resumes a session of the old one");
    must_serve(&mut after, &s3);
    assert_eq!(figure(&node, "tenon_tls_certificate_expiry_timestamp_seconds"), END_OF_2041);

    fs::write(node.identity().key_file(), "no key").expect("our file");
    node.signal(rustix::process::Signal::HUP);
    until("the complaint", || node.log().contains("certificate_kept"));
    assert!(node.log().contains("node.key: no private key"), "{}", node.log());
    assert_eq!(shown(&mut open(&s3, &client)), second, "a bad file changes nothing");
    must_serve(&mut before, &s3);

    let third = node.identity().renew(2042);
    node.signal(rustix::process::Signal::HUP);
    until("the third certificate", || shown(&mut open(&s3, &node.identity().client(&[]))) == third);
    node.stop();
}

#[test]
fn what_cannot_work_is_refused_at_start() {
    type Spoil = fn(&Identity);
    let cases: &[(Spoil, &str)] = &[
        (|it| fs::remove_file(it.certificate_file()).expect("our file"), "node.pem: No such file"),
        (|it| fs::write(it.certificate_file(), "").expect("our file"), "node.pem: no certificate"),
        (
            |it| {
                let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
                fs::write(it.certificate_file(), broken).expect("our file");
            },
            "node.pem: this certificate does not parse",
        ),
        (|it| fs::write(it.key_file(), "").expect("our file"), "node.key: no private key"),
        (
            |it| {
                let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
                fs::write(it.key_file(), text).expect("our file");
            },
            "node.key: this private key is encrypted",
        ),
        (
            |it| {
                let old = fs::read(it.key_file()).expect("our file");
                it.renew(2041);
                fs::write(it.key_file(), old).expect("our file");
            },
            "node.key: not the key of",
        ),
    ];
    let mut node = start("tls-refused", &[]);
    node.stop();
    for (spoil, problem) in cases {
        node.identity().renew(2040);
        spoil(node.identity());
        let status = node.start_in_vain();
        assert_eq!(status.code(), Some(2), "{problem}");
        let log = node.log();
        assert!(log.contains(problem), "{problem} is not in {log}");
    }

    node.identity().renew(2021);
    let open_to_all = fs::Permissions::from_mode(0o644);
    fs::set_permissions(node.identity().key_file(), open_to_all).expect("our file");
    node.start_again();
    let log = node.log();
    assert!(log.contains("level=warn event=certificate"), "{log}");
    for warning in ["read or write this key (mode 644)", "expired on 2021-12-31"] {
        assert!(log.contains(warning), "{warning} is not in {log}");
    }
    node.stop();
}

fn openssl(arguments: &[&str]) -> Option<String> {
    let output = Command::new("openssl").args(arguments).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    Some(String::from_utf8(output.stdout).expect("PEM is text"))
}

#[test]
fn keys_of_every_kind_and_form_are_read() {
    const P256: &str = "ec_paramgen_curve:P-256";
    let kinds: [(&str, &[&str]); 4] = [
        ("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("ecdsa", &["-algorithm", "EC", "-pkeyopt", P256]),
        ("ecdsa", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        ("ed25519", &["-algorithm", "ED25519"]),
    ];
    let mut node = start("tls-keys", &[]);
    let s3 = node.s3();
    for (kind, arguments) in kinds {
        let Some(key) = openssl(&[&["genpkey"], arguments].concat()) else {
            return skip("forms of keys", "no openssl");
        };
        node.stop();
        fs::write(node.identity().key_file(), &key).expect("our file");
        let path = node.identity().key_file();
        let path = path.to_str().expect("a plain path");
        // PKCS#8 as it came, and the older form of this kind: PKCS#1 or SEC1.
        let older = (kind != "ed25519").then(|| openssl(&["pkey", "-in", path, "-traditional"]));
        for written in [Some(key.clone()), older.flatten()].into_iter().flatten() {
            node.identity().adopt(&key, &written);
            node.start_again();
            must_serve(&mut open(&s3, &node.identity().client(&[])), &s3);
            let said = format!("key={kind}");
            assert!(node.log().contains(&said), "{said}: {written}");
            node.stop();
        }
        node.start_again();
    }
    node.stop();
}

fn curl(node: &Node, arguments: &[&str]) -> Option<(bool, Vec<u8>)> {
    let mut s3 = node.s3();
    let address = s3.address;
    s3.address = ([127, 0, 0, 1], address.port()).into();
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]);
    command.args(["--aws-sigv4", "aws:amz:us-east-1:s3", "--user"]);
    command.arg(format!("{}:{}", s3.credential.access_key, s3.credential.secret_key));
    command.args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
    let output = command.args(arguments).output().ok()?;
    Some((output.status.success(), output.stdout))
}

#[test]
fn curl_trusts_the_authority() {
    let mut node = start("tls-curl", &[]);
    let authority = node.identity().authority_file();
    let authority = authority.to_str().expect("a plain path");
    let port = node.s3().address.port();
    for (host, version) in [("localhost", "1.2"), ("127.0.0.1", "1.3")] {
        let url = format!("https://{host}:{port}/tls/hello");
        let (least, most) = (format!("--tlsv{version}"), version);
        let trusting = ["--cacert", authority, &least, "--tls-max", most, &url];
        let Some((done, bytes)) = curl(&node, &trusting) else {
            return skip("curl over TLS", "no curl");
        };
        assert!(done && bytes == HELLO_BYTES, "{url}: {}", String::from_utf8_lossy(&bytes));
        let told = curl(&node, &[&*url]);
        assert_eq!(told, Some((false, Vec::new())), "nobody vouches for the node");
        assert_eq!(curl(&node, &["--insecure", &url]), Some((true, HELLO_BYTES.to_vec())));
    }
    node.stop();
}

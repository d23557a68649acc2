//! Room: names that are too long, operations that are not built, and what is no HTTP at all.

use tenon_tests::client::{Call, copy_part};
use tenon_tests::http::Connection;

use crate::{TARGET, TEN, Victim, expected};

#[test]
fn keys_end_at_1024_bytes() {
    let mut victim = Victim::new();
    let path = format!("/hostile/{}", "k".repeat(1025));
    let too_long = expected(400, "KeyTooLongError");
    for method in ["PUT", "GET", "DELETE"] {
        victim.must_refuse(method, &Call::new(method, &*path), &too_long);
    }
    let source = format!("hostile/{}", "k".repeat(1025));
    let call = copy_part(TARGET, &victim.upload_id, 1, &source, None);
    victim.must_refuse("copy source", &call, &too_long);
    // Bytes count, not characters, and not their escapes: three escapes are one character of three bytes.
    let path = format!("/hostile/{}k", "%E6%97%A5".repeat(341));
    let reply = victim.call(&Call::new("PUT", &*path).body("x"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    victim.must_refuse("escapes", &Call::new("PUT", format!("{path}k")), &too_long);
    victim.must_refuse(
        "bad escape",
        &Call::new("GET", "/hostile/%ZZ"),
        &expected(400, "InvalidURI"),
    );
    victim.must_refuse(
        "bad UTF-8",
        &Call::new("GET", "/hostile/%FF"),
        &expected(400, "InvalidURI"),
    );
    victim.node.stop();
}

#[test]
fn what_is_not_built_is_refused() {
    let mut victim = Victim::new();
    let path = "/hostile/refused";
    let refused = expected(501, "NotImplemented");
    let put = || Call::new("PUT", path).body("x");
    for (name, value) in [
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-write-offset-bytes", "0"),
    ] {
        victim.must_refuse(name, &put().header(name, value), &refused);
    }
    for query in ["acl=", "retention=", "legal-hold=", "renameObject="] {
        victim.must_refuse(query, &put().query(query), &refused);
    }
    for query in ["versioning=", "policy=", "lifecycle=", "cors=", "replication=", "encryption="] {
        victim.must_refuse(
            query,
            &Call::new("PUT", "/hostile").query(query).body("<x/>"),
            &refused,
        );
    }
    victim.must_refuse("a copy of objects", &put().header("x-amz-copy-source", TEN), &refused);
    victim.must_refuse("select", &Call::new("POST", TEN).query("select=&select-type=2"), &refused);
    victim.must_refuse("a method", &Call::new("PATCH", TEN), &expected(405, "MethodNotAllowed"));
    victim.must_not_exist(path);
    victim.node.stop();
}

/// What is no HTTP has no S3 error; it must be turned away and do no harm.
#[test]
fn what_is_no_http_is_turned_away() {
    let mut victim = Victim::new();
    let host = victim.s3.address;
    let header = format!("x-filler: {}\r\n", "y".repeat(1000));
    let cases = [
        ("garbage", "\0\u{1}GARBAGE\r\n\r\n".to_owned()),
        ("no version", format!("GET {TEN}\r\n\r\n")),
        (
            "two lengths",
            format!(
                "PUT {TEN} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"
            ),
        ),
        ("no number", format!("PUT {TEN} HTTP/1.1\r\nhost: {host}\r\ncontent-length: x\r\n\r\n")),
        (
            "a megabyte of headers",
            format!("GET {TEN} HTTP/1.1\r\nhost: {host}\r\n{}\r\n", header.repeat(1000)),
        ),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned()),
    ];
    for (what, wire) in cases {
        let mut connection = Connection::open(host).expect("the node listens");
        // The node may hang up before it has taken all: that is an answer too.
        if connection.send(wire.as_bytes()).is_ok() && connection.close_sending().is_ok() {
            match connection.receive(false) {
                Ok(reply) => {
                    assert!((400..500).contains(&reply.status), "{what}: {}", reply.status);
                }
                Err(error) => assert!(connection.is_closed().is_ok(), "{what}: {error}"),
            }
        }
        victim.must_serve(what);
    }
    victim.node.stop();
}

//! Room: names that are too long, and operations that are not built.

use tenon_tests::client::{Call, copy_part};

use crate::{TARGET, TEN, Victim, expected};

#[test]
fn keys_end_at_1024_bytes() {
    // rule: every/key-length
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
    // rule: every/not-built
    let mut victim = Victim::new();
    let path = "/hostile/refused";
    let refused = expected(501, "NotImplemented");
    let put = || Call::new("PUT", path).body("x");
    for (name, value) in [
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-object-lock-event-hold", "ON"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-write-offset-bytes", "0"),
    ] {
        victim.must_refuse(name, &put().header(name, value), &refused);
    }
    for query in ["annotation=", "renameObject="] {
        victim.must_refuse(query, &put().query(query), &refused);
    }
    for query in ["policy=", "notification=", "replication=", "encryption="] {
        victim.must_refuse(
            query,
            &Call::new("PUT", "/hostile").query(query).body("<x/>"),
            &refused,
        );
    }
    victim.must_refuse("select", &Call::new("POST", TEN).query("select=&select-type=2"), &refused);
    victim.must_refuse("a method", &Call::new("PATCH", TEN), &expected(405, "MethodNotAllowed"));
    victim.must_not_exist(path);
    victim.node.stop();
}

//! Room: buckets in the host: what they serve, and hosts that are none or too many.

use tenon_tests::client::{Call, complete_upload, copy_part, create_upload};
use tenon_tests::http::{Connection, Reply};
use tenon_tests::node::{DOMAIN, Node};

use crate::presigned::wire;
use crate::{TEN, TEN_BYTES, Victim, expected};

fn victim() -> Victim {
    Victim::of(Node::start_with("hosts", None, &[("TENON_DOMAIN", DOMAIN)]))
}

impl Victim {
    /// A presigned `call` (signed as it goes over the wire) to this host.
    fn at(&self, host: &str, call: &Call) -> Reply {
        let mut connection = Connection::open(self.s3.address).expect("the node listens");
        let wire = wire(host, call, &self.s3.presign(host, call));
        connection.send(&wire).expect("the node takes bytes");
        connection.receive(call.method == "HEAD").expect("the node answers")
    }

    fn must_at(&self, host: &str, call: &Call, status: u16) -> Reply {
        let reply = self.at(host, call);
        assert_eq!(reply.status, status, "{host} {} {}", call.method, reply.text());
        reply
    }
}

#[test]
fn a_bucket_may_stand_in_the_host() {
    // rule: host/bucket, host/path
    let mut victim = victim();
    let host = "hostile.s3.test:9000";
    assert_eq!(victim.must_at(host, &Call::new("GET", "/ten"), 200).body, TEN_BYTES);
    let host = "HOSTILE.S3.Test";
    assert_eq!(victim.must_at(host, &Call::new("GET", "/ten"), 200).body, TEN_BYTES);
    // All of the path is the key, the bucket's name in it too.
    victim.must_at(host, &Call::new("GET", TEN), 404);
    victim.must_at(host, &Call::new("PUT", "/hostile/ten").body("inner"), 200);
    assert_eq!(victim.call(&Call::new("GET", "/hostile/hostile/ten")).body, b"inner");
    let list = victim.must_at(host, &Call::new("GET", "/").query("list-type=2"), 200);
    assert_eq!(list.elements("Key"), ["hostile/ten", "ten"]);
    victim.must_at(host, &Call::new("HEAD", "/"), 200);

    let created = victim.must_at("my.own.s3.test", &Call::new("PUT", "/"), 200);
    assert_eq!(created.header("location"), Some("/my.own"));
    let upload = victim.must_at("my.own.s3.test", &create_upload("/big%20%C3%A9"), 200);
    let upload = upload.element("UploadId").expect("an upload has an id");
    let copy = copy_part("/big%20%C3%A9", &upload, 1, TEN, None);
    let copied = victim.must_at("my.own.s3.test", &copy, 200).element("ETag").expect("an ETag");
    let complete = complete_upload("/big%20%C3%A9", &upload, &[(1, copied)]);
    let completed = victim.must_at("my.own.s3.test", &complete, 200);
    let location = Some("http://my.own.s3.test/big%20%C3%A9".to_owned());
    assert_eq!(completed.element("Location"), location);
    let reply = victim.call(&Call::new("GET", "/my.own/big%20%C3%A9"));
    assert_eq!((reply.status, &*reply.body), (200, TEN_BYTES));
    // The domain itself, and what only looks like it.
    for host in
        [DOMAIN, "s3.test:80", "localhost", "[::1]", "hostile.s3.test.elsewhere", "xs3.test"]
    {
        assert_eq!(victim.must_at(host, &Call::new("GET", TEN), 200).body, TEN_BYTES, "{host}");
        let names = victim.must_at(host, &Call::new("GET", "/"), 200).elements("Name");
        assert_eq!(names, ["hostile", "my.own"], "{host}");
    }
    victim.node.stop();
}

#[test]
fn a_request_goes_to_one_host() {
    // rule: host/one, host/no-bucket
    let mut victim = victim();
    let call = Call::new("GET", "/ten");
    let (host, other) = ("hostile.s3.test", "another.s3.test");
    let query = victim.s3.presign(host, &call);
    let get = |target: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("host: {host}\r\n")).collect();
        format!("GET {target}?{query} HTTP/1.1\r\n{hosts}\r\n").into_bytes()
    };
    let bad = expected(400, "BadRequest");
    let mismatch = expected(403, "SignatureDoesNotMatch");
    for (what, target, hosts, refusal) in [
        ("no host", "/ten", &[][..], &bad),
        ("no host beside the target", "http://hostile.s3.test/ten", &[], &bad),
        ("two hosts", "/ten", &[host, other], &bad),
        ("two equal hosts", "/ten", &[host, host], &bad),
        ("a list of hosts", "/ten", &["hostile.s3.test, another.s3.test"], &bad),
        ("a user", "/ten", &["user@hostile.s3.test"], &bad),
        ("a user in the target", "http://user@hostile.s3.test/ten", &[host], &bad),
        ("another host", "/ten", &[other], &mismatch),
        ("another host in the target", "http://another.s3.test/ten", &[host], &mismatch),
        ("no bucket", "/ten", &["ab.s3.test"], &expected(400, "InvalidBucketName")),
        ("another scheme", "ftp://hostile.s3.test/ten", &[host], &expected(400, "InvalidURI")),
    ] {
        victim.must_refuse_wire(what, &get(target, hosts), refusal);
    }
    // The target's host counts, whatever the header says.
    for hosts in [[host], [other]] {
        let reply = victim.answer(&get("http://hostile.s3.test/ten", &hosts));
        assert_eq!((reply.status, &*reply.body), (200, TEN_BYTES), "{}", reply.text());
    }
    victim.node.stop();
}

//! Room: access lines and events: one line each, whatever a client sends, and the same request id everywhere.

use std::collections::BTreeMap;

use serde_json::Value;
use tenon_tests::client::{Call, create_bucket};
use tenon_tests::http::{Connection, Reply};
use tenon_tests::node::Node;

/// The access lines of a node that has ended, by request id.
fn access_lines(log: &str) -> BTreeMap<String, Value> {
    let lines = log.lines().map(|line| {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value.is_object() && value["time"].is_string(), "{line}");
        value
    });
    let requests = lines.filter(|line| line.get("event").is_none());
    requests.map(|line| (line["id"].as_str().expect("an id").to_owned(), line)).collect()
}

#[test]
fn every_line_is_json_and_says_what_was_asked() {
    let mut node = Node::start_tls("lines-json", &[("TENON_LOG_FORMAT", "json")]);
    super::load(&node.s3());
    let s3 = node.s3();
    // What a key may hold, and what an agent may claim.
    let odd = "/seen/a%22b%5C%0A%1B%5B2J%E2%80%AE%C3%B6";
    let call = Call::new("PUT", odd).body("x").header("user-agent", "a \"b\" {c}");
    let put = s3.call(&call).expect("answered");
    assert_eq!(put.status, 200, "{}", put.text());
    let range = Call::new("GET", "/seen/large").header("range", "bytes=0-99");
    let got = s3.call(&range).expect("answered");
    node.stop();

    let lines = access_lines(&node.log());
    let line = |reply: &Reply| &lines[reply.header("x-amz-request-id").expect("an id")];
    let expected = serde_json::json!({
        "operation": "PutObject", "bucket": "seen", "key": "a\"b\\\n\u{1b}[2J\u{202e}ö", "status": 200,
        "method": "PUT", "access_key": tenon_tests::node::ACCESS_KEY, "bytes_in": 1, "bytes_out": 0,
        "user_agent": "a \"b\" {c}", "tls": true,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&line(&put)[name], value, "{name}");
    }
    assert_eq!(line(&got)["status"], 206);
    assert_eq!(line(&got)["bytes_out"], 100);
    assert!(line(&got)["total_us"].as_u64() >= line(&got)["first_byte_us"].as_u64());
    let copies: Vec<&Value> =
        lines.values().filter(|line| line["operation"] == "UploadPartCopy").collect();
    let mut ways: Vec<_> = copies.iter().map(|line| line["way"].as_str().expect("a way")).collect();
    ways.sort_unstable();
    assert_eq!(ways, ["inline", "share"]);
    let missing = lines.values().find(|line| line["error"] == "NoSuchKey").expect("a line");
    assert_eq!(missing["status"], 404);
}

#[test]
fn no_line_shows_a_secret() {
    let mut node = Node::start_with("lines-secret", None, &[("TENON_DOMAIN", "s3.test")]);
    let s3 = node.s3();
    s3.call(&create_bucket("seen")).expect("answered");
    let call = Call::new("PUT", "/seen/key").body("x");
    let (_, signed) = s3.head(&call, 1);
    let wire = s3.wire(&call);
    let mut connection = Connection::open(s3.address).expect("the node listens");
    connection.send(&wire).expect("sent");
    assert_eq!(connection.receive(false).expect("answered").status, 200);
    let token = Call::new("GET", "/seen/key").header("x-amz-security-token", "very-secret-token");
    s3.call(&token).expect("answered");
    let wrong = String::from_utf8_lossy(&wire).replace("Signature=", "Signature=0");
    let mut connection = Connection::open(s3.address).expect("the node listens");
    connection.send(wrong.as_bytes()).expect("sent");
    connection.receive(false).expect("answered");
    let presigned = s3.presign("seen.s3.test", &Call::new("GET", "/key"));
    let mut connection = Connection::open(s3.address).expect("the node listens");
    let request = format!("GET /key?{presigned} HTTP/1.1\r\nhost: seen.s3.test\r\n\r\n");
    connection.send(request.as_bytes()).expect("sent");
    assert_eq!(connection.receive(false).expect("answered").body, b"x");
    node.stop();
    let log = node.log();
    let authorization = signed.headers.iter().find(|(name, _)| *name == "authorization");
    let (_, authorization) = authorization.expect("a signed request has one");
    let signature = authorization.rsplit('=').next().expect("it has a signature");
    assert!(signature.len() == 64, "{authorization}");
    let in_url = presigned.rsplit('=').next().expect("it ends with its signature");
    for secret in
        [signature, in_url, "very-secret-token", tenon_tests::node::SECRET_KEY, "Signature="]
    {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
    assert!(log.contains(" operation=PutObject bucket=seen key=key status=200 "), "{log}");
    let by_url = log
        .lines()
        .find(|line| line.contains(" operation=GetObject ") && line.contains(" status=200 "));
    assert!(by_url.is_some_and(|line| line.ends_with(" virtual_host=true")), "{log}");
}

/// Every way in which the node says no before an operation is asked, and some of those in which one says it.
#[test]
fn every_refusal_has_a_request_id_that_its_access_line_has_too() {
    let settings = [("TENON_LOG_FORMAT", "json"), ("TENON_HTTP_MAX_CONNECTIONS", "3")];
    let mut node = Node::start_with("lines-refused", None, &settings);
    let s3 = node.s3();
    let host = s3.address;
    let long = "x".repeat(60_000);
    let cases: Vec<(String, bool)> = vec![
        (format!("GET /b/k HTTP/1.1\r\nhost: {host}\r\n\r\n"), false),
        (format!("HEAD /b/k HTTP/1.1\r\nhost: {host}\r\n\r\n"), true),
        (format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"), false),
        (format!("BREW /b/k HTTP/1.1\r\nhost: {host}\r\n\r\n"), false),
        (format!("GET /b?acl HTTP/1.1\r\nhost: {host}\r\n\r\n"), false),
        (format!("GET /UPPER/k HTTP/1.1\r\nhost: {host}\r\n\r\n"), false),
        ("nonsense\r\n\r\n".to_owned(), false),
        ("GET /b HTTP/1.1\r\n\r\n".to_owned(), false),
        (format!("GET /b HTTP/1.1\r\nhost: {host}\r\nx-long: {long}\r\n\r\n"), false),
        (format!("GET /{long} HTTP/1.1\r\nhost: {host}\r\n\r\n"), false),
        (format!("PUT /b/k HTTP/1.1\r\nhost: {host}\r\ncontent-length: x\r\n\r\n"), false),
        (
            format!(
                "PUT /b/k HTTP/1.1\r\nhost: {host}\r\nauthorization: AWS4 x\r\ncontent-length: 0\r\n\r\n"
            ),
            false,
        ),
    ];
    let mut ids = Vec::new();
    for (request, is_head) in cases {
        let mut connection = Connection::open(s3.address).expect("the node listens");
        connection.send(request.as_bytes()).expect("sent");
        let reply = connection.receive(is_head).expect("answered");
        assert!(reply.status >= 400, "{request:.60}");
        ids.push((request, reply));
    }
    while node.metrics().sum("tenon_connections_open", &[]) > 0.5 {}
    let held: Vec<_> = (0..3).map(|_| s3.session().expect("the node listens")).collect();
    while node.metrics().sum("tenon_connections_open", &[]) < 2.5 {}
    let mut turned_away = Connection::open(s3.address).expect("the kernel accepts");
    let reply = turned_away.receive(false).expect("answered without a request");
    assert_eq!(reply.status, 503);
    ids.push(("a connection too many".to_owned(), reply));
    drop(held);
    node.stop();
    let lines = access_lines(&node.log());
    for (request, reply) in ids {
        let id = reply.header("x-amz-request-id").unwrap_or_else(|| panic!("no id: {request:.60}"));
        assert_eq!(id.len(), 16, "{request:.60}");
        let line = lines.get(id).unwrap_or_else(|| panic!("no line: {request:.60}"));
        assert_eq!(line["status"], reply.status, "{request:.60}");
        assert!(reply.element("RequestId").is_none_or(|told| told == id), "{request:.60}");
        if !reply.body.is_empty() {
            assert_eq!(line["error"].as_str(), reply.element("Code").as_deref(), "{request:.60}");
        }
    }
}

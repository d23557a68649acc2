//! Room: many clients at one key of a real node: of those that demand an absent key one wins, and nothing is
//! lost of what is appended under If-Match.
//!
//! `TENON_TEST_CONCURRENCY_ROUNDS` (contests of each kind, default 3) and `TENON_TEST_CONCURRENCY_APPENDS` (of
//! each client, default 6).

mod append;
mod contest;

use std::env;

use tenon_tests::client::{Call, S3};
use tenon_tests::http::Reply;

fn number_from(variable: &str, default: usize) -> usize {
    match env::var(variable) {
        Ok(text) => text.parse().expect("the variable is a number"),
        Err(_) => default,
    }
}

/// Sends `call` on a connection of its own.
fn send(s3: &S3, call: &Call) -> Reply {
    s3.call(call).expect("the node answers")
}

/// Sends `call`, which must be answered 200.
fn must(s3: &S3, call: &Call) -> Reply {
    let reply = send(s3, call);
    assert_eq!(reply.status, 200, "{} {}: {}", call.method, call.path, reply.text());
    reply
}

fn etag(reply: &Reply) -> String {
    reply.header("etag").expect("an ETag").to_owned()
}

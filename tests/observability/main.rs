//! Room: what an operator sees of a node: figures, access lines, and the dashboard and alerts that read them.
//!
//! Real nodes, a little of everything as their load. What the queries of `scripts/` name must be what a node tells.

mod boards;
mod exposition;
mod lines;
mod query;
mod scrape;

use tenon_tests::client::{
    Call, S3, abort_upload, complete_upload, copy_part, create_bucket, create_upload, upload_part,
};
use tenon_tests::http::Reply;

/// A little of every operation, and some that fail.
fn load(s3: &S3) {
    let mut session = s3.session().expect("the node listens");
    let mut call = |call: Call, status: u16| -> Reply {
        let reply = session.call(&call).expect("the node answers");
        assert_eq!(reply.status, status, "{call:?}: {}", reply.text());
        reply
    };
    let large = vec![b'x'; 6 << 20];
    call(create_bucket("seen"), 200);
    call(Call::new("PUT", "/seen/small").body("ten bytes."), 200);
    call(Call::new("PUT", "/seen/large").body(large), 200);
    call(Call::new("GET", "/seen/large"), 200);
    call(Call::new("GET", "/seen/small").header("range", "bytes=2-4"), 206);
    call(Call::new("HEAD", "/seen/small"), 200);
    let id = call(create_upload("/seen/joined"), 200).element("UploadId").expect("an id");
    let target = "/seen/joined";
    let copied = call(copy_part(target, &id, 1, "/seen/large", Some(1..6 << 20)), 200);
    let inline = call(copy_part(target, &id, 2, "/seen/small", None), 200);
    let part = |reply: &Reply| reply.element("ETag").expect("an ETag").replace("&quot;", "");
    let parts = [(1, part(&copied)), (2, part(&inline))];
    call(complete_upload(target, &id, &parts), 200);
    call(Call::new("GET", target), 200);
    let id = call(create_upload("/seen/given-up"), 200).element("UploadId").expect("an id");
    call(upload_part("/seen/given-up", &id, 1).body("part"), 200);
    call(abort_upload("/seen/given-up", &id), 204);
    call(Call::new("GET", "/seen").query("list-type=2"), 200);
    call(Call::new("GET", "/seen/missing"), 404);
    call(Call::new("DELETE", "/seen"), 409);
    call(Call::new("DELETE", "/seen/small"), 204);
}

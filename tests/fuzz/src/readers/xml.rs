//! Room: XML bodies of all kinds, each read by every operation that takes one.
//!
//! Promises: a refusal is the client's mistake and can be read; a document that was read, written as clients read it
//! back, reads the same; text that was written reads back.

use protocol::error::S3Error;
use protocol::lifecycle::Lifecycle;
use protocol::lock::LockConfiguration;
use protocol::operation::{
    bucket_versioning, complete_upload, create_bucket, delete_objects, object_tagging,
};
use protocol::versioning::Versioning;
use protocol::xml::read::Body;
use protocol::xml::write::Document;

use super::{REGION, check_error};

pub(crate) fn run(bytes: &[u8]) {
    if let Some(tags) = read(object_tagging::parse_body(bytes)) {
        let again = object_tagging::parse_body(&object_tagging::get_answer(&tags).body);
        assert_eq!(again, Ok(tags));
    }
    if let Some(versioning) = read(bucket_versioning::parse_body(bytes)) {
        let again = bucket_versioning::parse_body(&bucket_versioning::get_answer(versioning).body);
        assert_eq!(again, Ok(versioning));
    }
    if let Some(lock) = read(LockConfiguration::parse(bytes)) {
        assert_eq!(LockConfiguration::parse(&lock.document().finish()), Ok(lock));
    }
    if let Some(mut lifecycle) = read(Lifecycle::parse(bytes)) {
        lifecycle.name_rules([7; 16]);
        assert_eq!(Lifecycle::parse(lifecycle.kept().as_bytes()), Ok(lifecycle));
    }
    read(complete_upload::parse_body(bytes));
    read(create_bucket::parse_body(bytes, REGION));
    for versioning in [Versioning::Unversioned, Versioning::Enabled, Versioning::Suspended] {
        if let Some(list) = read(delete_objects::parse_body(bytes, versioning)) {
            list.keys.iter().filter_map(|key| key.wanted.as_ref().err()).for_each(check_error);
        }
    }
    check_text(bytes);
}

fn read<T>(result: Result<T, S3Error>) -> Option<T> {
    result.inspect_err(check_error).ok()
}

/// What is written as text reads back, save for what XML has no way to say.
fn check_text(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let document = Document::leaf("R", text).finish();
    let written = Body::open(&document, "R").and_then(|mut body| {
        let text = body.text()?;
        body.end()?;
        Ok(text)
    });
    match written {
        Ok(again) => assert_eq!(again, text),
        Err(_) => assert!(text.contains(|c: char| c.is_control()), "{text:?}"),
    }
}

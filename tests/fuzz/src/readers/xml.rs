//! Room: XML bodies of all kinds, each read by every operation that takes one.
//!
//! Promises: a refusal is the client's mistake and can be read; a document is of one kind; what was read, written as it
//! is kept or as clients read it back, reads the same; a list that leaves everything to its owner grants nothing to
//! others; text that was written reads back.

use std::fmt::Debug;

use protocol::acl::Acl;
use protocol::cors::Cors;
use protocol::error::S3Error;
use protocol::lifecycle::{Lifecycle, TransitionMinimum};
use protocol::lock::LockConfiguration;
use protocol::operation::{
    bucket_versioning, complete_upload, create_bucket, delete_objects, object_legal_hold,
    object_retention, object_tagging, request_payment,
};
use protocol::ownership::ObjectOwnership;
use protocol::public_access::PublicAccessBlock;
use protocol::tagging::{TagSet, Tagged};
use protocol::versioning::Versioning;
use protocol::xml::read::Body;
use protocol::xml::write::Document;

use super::{NOW, account, check_error};

pub(crate) fn run(bytes: &[u8]) {
    let kinds = [
        check_kept(bytes, LockConfiguration::parse, |lock| lock.document().into_text()),
        check_kept(bytes, ObjectOwnership::parse, |owner| owner.document().into_text()),
        check_kept(bytes, PublicAccessBlock::parse, |block| block.document().into_text()),
        check_kept(bytes, Cors::parse, |cors| cors.document().into_text()),
        check_lifecycle(bytes),
        check_tagging(bytes),
        check_versioning(bytes),
        check_locks_of_version(bytes),
        check_acl(bytes),
        check_create_bucket(bytes),
        check_delete(bytes),
        read(complete_upload::parse_body(bytes)).is_some(),
        read(request_payment::parse_body(bytes)).is_some(),
    ];
    // Their root elements have different names.
    assert!(kinds.iter().filter(|is_of_kind| **is_of_kind).count() <= 1, "{kinds:?}");
    check_text(bytes);
}

fn read<T>(result: Result<T, S3Error>) -> Option<T> {
    result.inspect_err(check_error).ok()
}

/// What is kept of a configuration always parses again, into the same. Returns whether there was something to keep.
fn check_kept<T: PartialEq + Debug>(
    bytes: &[u8],
    parse: fn(&[u8]) -> Result<T, S3Error>,
    document: fn(&T) -> String,
) -> bool {
    let Some(found) = read(parse(bytes)) else { return false };
    assert_eq!(parse(document(&found).as_bytes()), Ok(found));
    true
}

fn check_lifecycle(bytes: &[u8]) -> bool {
    let Some(mut found) = read(Lifecycle::parse(bytes)) else { return false };
    found.name_rules([7; 16]);
    for minimum in [TransitionMinimum::VariesByStorageClass, TransitionMinimum::default()] {
        found.minimum = minimum;
        assert_eq!(Lifecycle::parse(found.kept().as_bytes()).as_ref(), Ok(&found));
    }
    // What clients read does not have what they say in a header; it is the default here.
    assert_eq!(Lifecycle::parse(&found.document().finish()), Ok(found));
    true
}

fn check_tagging(bytes: &[u8]) -> bool {
    let of_object = read(object_tagging::parse_body(bytes));
    if let Some(tags) = &of_object {
        let again = object_tagging::parse_body(&object_tagging::get_answer(tags).body);
        assert_eq!(again.as_ref(), Ok(tags));
    }
    let parse = |bytes: &[u8]| TagSet::parse(Tagged::Bucket, bytes);
    check_kept(bytes, parse, |tags| tags.document().into_text()) || of_object.is_some()
}

fn check_versioning(bytes: &[u8]) -> bool {
    let Some(versioning) = read(bucket_versioning::parse_body(bytes)) else { return false };
    let again = bucket_versioning::parse_body(&bucket_versioning::get_answer(versioning).body);
    assert_eq!(again, Ok(versioning));
    true
}

fn check_locks_of_version(bytes: &[u8]) -> bool {
    let retention = read(object_retention::parse_body(bytes, NOW));
    if let Some(some @ Some(retention)) = retention {
        assert!(retention.until > NOW, "{retention:?}");
        let answer = object_retention::get_answer(some).expect("there is one");
        assert_eq!(object_retention::parse_body(&answer.body, NOW), Ok(some));
    }
    let held = read(object_legal_hold::parse_body(bytes));
    if held.is_some() {
        let answer = object_legal_hold::get_answer(held).expect("there is one");
        assert_eq!(object_legal_hold::parse_body(&answer.body).ok(), held);
    }
    assert!(retention.is_none() || held.is_none());
    retention.is_some() || held.is_some()
}

fn check_acl(bytes: &[u8]) -> bool {
    const PUBLIC: &str = "<Grant><Grantee><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>\
         <Permission>READ</Permission></Grant>";
    let parse = |bytes: &[u8]| Acl::of_document(bytes, &account(), "PUT");
    let Some(found) = read(parse(bytes)) else { return false };
    let text = str::from_utf8(bytes).expect("XML is text");
    // Where its name stands twice, these are the tags of the list.
    let name_twice = text.matches("AccessControlList").count() == 2;
    if let Some(end) = text.rfind("</AccessControlList").filter(|_| name_twice)
        && text.contains("<AccessControlList>")
    {
        let more = format!("{}{PUBLIC}{}", &text[..end], &text[end..]);
        assert!(
            matches!(parse(more.as_bytes()), Ok(Acl::Others { public: true, .. })),
            "everybody is forgotten: {more}"
        );
    }
    let is_plain = !["&", "<!", "<?"].iter().any(|word| text.contains(word));
    if found == Acl::Owner && is_plain {
        let id = account().canonical_id();
        assert!(text.matches(&id).count() >= 2, "nobody is the owner: {text}");
        let other = text.replace(&id, &"0".repeat(id.len()));
        assert!(parse(other.as_bytes()).is_err(), "another is the owner: {other}");
    }
    true
}

/// The document of CreateBucket, which may be no document at all. Returns whether it is one.
fn check_create_bucket(bytes: &[u8]) -> bool {
    let found = ["us-east-1", "eu-west-1", "here"]
        .map(|region| read(create_bucket::parse_body(bytes, region)));
    assert!(found.iter().flatten().count() <= 1, "a bucket is in one region: {found:?}");
    let is_some = found.iter().any(Option::is_some);
    for tags in found.iter().flatten() {
        let again = TagSet::parse(Tagged::Bucket, tags.document().into_text().as_bytes());
        assert_eq!(again.as_ref(), Ok(tags));
    }
    is_some && !bytes.trim_ascii().is_empty()
}

fn check_delete(bytes: &[u8]) -> bool {
    let of = |versioning| {
        let list = read(delete_objects::parse_body(bytes, versioning));
        let keys = list.iter().flat_map(|list| &list.keys);
        keys.filter_map(|key| key.wanted.as_ref().err()).for_each(check_error);
        list.is_some()
    };
    [Versioning::Unversioned, Versioning::Enabled, Versioning::Suspended].map(of).contains(&true)
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

//! Configurations of buckets, and lists, against what S3 says of each.

use std::rc::Rc;

use meta::key;
use meta::query;
use meta::store::{Batch, Space, Store};
use protocol::name::BucketName;

use super::rules::{base64, expect, md5};
use super::{bytes, node_with_bucket};
use crate::testing::{Answered, TestNode, ask};

fn put(node: &TestNode, target: &str, document: &str) -> Answered {
    let proof = base64(&md5(document.as_bytes()));
    node.send("PUT", target, &[("content-md5", &proof)], document.as_bytes())
}

fn get(node: &TestNode, target: &str) -> Answered {
    node.send("GET", target, &[], b"")
}

fn delete(node: &TestNode, target: &str) -> u16 {
    node.send("DELETE", target, &[], b"").status
}

const RULES: &str = "<CORSConfiguration><CORSRule><AllowedOrigin>https://a.test</AllowedOrigin>\
     <AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>\
     <AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader></CORSRule></CORSConfiguration>";
/// A request that nobody has signed.
fn unsigned(node: &TestNode, method: &str, target: &str, headers: &[(&str, &str)]) -> Answered {
    node.run(node.start_unsigned(method, target, headers, &Rc::default()))
}

const TAGS: &str =
    "<Tagging><TagSet><Tag><Key>team</Key><Value>media</Value></Tag></TagSet></Tagging>";
const WRITER: &str = "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>";
const BLOCK_LISTS: &str = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>";

#[test]
fn a_document_is_put_read_back_and_taken_away() {
    // rule: bucket-tagging/round-trip, bucket-tagging/not-there, ownership/not-there, public-access/not-there
    // rule: configuration/delete, configuration/owner, configuration/integrity
    let node = node_with_bucket();
    assert_eq!(
        get(&node, "/bkt?tagging").element("Message").as_deref(),
        Some("The TagSet does not exist")
    );
    for (name, document, put_status, element, absent) in [
        ("tagging", TAGS, 204, ("Key", "team"), "NoSuchTagSet"),
        (
            "ownershipControls",
            WRITER,
            200,
            ("ObjectOwnership", "ObjectWriter"),
            "OwnershipControlsNotFoundError",
        ),
        (
            "publicAccessBlock",
            BLOCK_LISTS,
            200,
            ("BlockPublicAcls", "true"),
            "NoSuchPublicAccessBlockConfiguration",
        ),
        // rule: cors/round-trip, cors/not-there
        ("cors", RULES, 200, ("AllowedOrigin", "https://a.test"), "NoSuchCORSConfiguration"),
    ] {
        let target = format!("/bkt?{name}");
        let unproven = node.send("PUT", &target, &[], document.as_bytes());
        expect(&unproven, 400, "InvalidRequest");
        expect(&put(&node, &target, "<Other/>"), 400, "MalformedXML");
        assert_eq!(put(&node, &target, document).status, put_status, "{name}");
        let got = get(&node, &target);
        assert_eq!((got.status, got.element(element.0).as_deref()), (200, Some(element.1)));
        assert_eq!(got.header("content-type"), Some("application/xml"));
        let foreign = [("x-amz-expected-bucket-owner", "111111111111")];
        expect(&node.send("GET", &target, &foreign, b""), 403, "AccessDenied");
        for _ in 0..2 {
            assert_eq!(delete(&node, &target), 204, "{name}");
            expect(&get(&node, &target), 404, absent);
        }
        for (method, body) in [("PUT", document), ("DELETE", "")] {
            let proof = base64(&md5(body.as_bytes()));
            let headers = [foreign[0], ("content-md5", proof.as_str())];
            let refused = node.send(method, &target, &headers, body.as_bytes());
            expect(&refused, 403, "AccessDenied");
        }
        expect(&get(&node, &target), 404, absent);
        let elsewhere = format!("/none?{name}");
        expect(&get(&node, &elsewhere), 404, "NoSuchBucket");
        expect(&put(&node, &elsewhere, document), 404, "NoSuchBucket");
    }
}

#[test]
fn an_empty_tag_set_is_none() {
    // rule: bucket-tagging/not-there
    let node = node_with_bucket();
    for document in [TAGS, "<Tagging><TagSet/></Tagging>"] {
        assert_eq!(put(&node, "/bkt?tagging", document).status, 204, "{document}");
    }
    expect(&get(&node, "/bkt?tagging"), 404, "NoSuchTagSet");
}

/// It once counted as taken away.
#[test]
fn a_document_that_is_named_and_lost_is_damage() {
    let node = TestNode::new();
    let headers = [("x-amz-bucket-object-lock-enabled", "true")];
    assert_eq!(node.send("PUT", "/bkt", &headers, b"").status, 200);
    let lifecycle = "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/><Expiration>\
         <Days>1</Days></Expiration></Rule></LifecycleConfiguration>";
    assert_eq!(put(&node, "/bkt?tagging", TAGS).status, 204);
    assert_eq!(put(&node, "/bkt?lifecycle", lifecycle).status, 200);
    let name = BucketName::parse("bkt").expect("a name");
    let bucket = ask(&node, |store| query::bucket(store, &name)).expect("it is there");
    let mut batch = Batch::new();
    for (kind, _) in &bucket.configs {
        batch.delete(Space::Buckets, key::config(bucket.id, *kind));
    }
    node.store.commit(batch).expect("the store is well");
    for configuration in
        ["tagging", "ownershipControls", "publicAccessBlock", "lifecycle", "object-lock"]
    {
        expect(&get(&node, &format!("/bkt?{configuration}")), 500, "InternalError");
    }
    // What cannot be told to be without a lock is not written.
    expect(&node.send("PUT", "/bkt/key", &[], b"x"), 500, "InternalError");
    assert_eq!(put(&node, "/bkt?tagging", TAGS).status, 204, "it can be put again");
    assert_eq!(get(&node, "/bkt?tagging").status, 200);
}

#[test]
fn a_new_bucket_is_its_owners_and_blocks_the_public() {
    // rule: ownership/new-bucket, public-access/new-bucket, acl/told
    let node = node_with_bucket();
    let ownership = get(&node, "/bkt?ownershipControls");
    assert_eq!(ownership.element("ObjectOwnership").as_deref(), Some("BucketOwnerEnforced"));
    let blocked = get(&node, "/bkt?publicAccessBlock");
    for switch in
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
    {
        assert_eq!(blocked.element(switch).as_deref(), Some("true"), "{switch}");
    }
    assert_eq!(node.send("PUT", "/bkt/key", &[], b"1").status, 200);
    for target in ["/bkt?acl", "/bkt/key?acl"] {
        let list = get(&node, target);
        assert_eq!(list.element("Permission").as_deref(), Some("FULL_CONTROL"), "{target}");
    }
    expect(&get(&node, "/bkt/none?acl"), 404, "NoSuchKey");
}

#[test]
fn a_bucket_is_made_with_what_it_is_told() {
    // rule: create-bucket/ownership, create-bucket/tags, create-bucket/object-lock
    let node = TestNode::new();
    let body = "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>1</Value></Tag></Tags>\
         </CreateBucketConfiguration>";
    let headers = [
        ("x-amz-object-ownership", "BucketOwnerPreferred"),
        ("x-amz-bucket-object-lock-enabled", "true"),
        ("x-amz-acl", "private"),
    ];
    assert_eq!(node.send("PUT", "/made", &headers, body.as_bytes()).status, 200);
    assert_eq!(get(&node, "/made?tagging").element("Value").as_deref(), Some("1"));
    let ownership = get(&node, "/made?ownershipControls").element("ObjectOwnership");
    assert_eq!(ownership.as_deref(), Some("BucketOwnerPreferred"));
    assert_eq!(get(&node, "/made?versioning").element("Status").as_deref(), Some("Enabled"));
    assert_eq!(delete(&node, "/made"), 204);
    assert_eq!(node.send("PUT", "/made", &[], b"").status, 200);
    expect(&get(&node, "/made?tagging"), 404, "NoSuchTagSet");
    // rule: create-bucket/acl
    let public = [("x-amz-object-ownership", "ObjectWriter"), ("x-amz-acl", "public-read")];
    let answer = node.send("PUT", "/public", &public, b"");
    expect(&answer, 400, "InvalidBucketAclWithBlockPublicAccessError");
}

/// Suspending it was once our fault: 500.
#[test]
fn a_bucket_with_object_lock_keeps_its_versions() {
    // rule: versioning/object-lock
    let node = TestNode::new();
    let headers = [("x-amz-bucket-object-lock-enabled", "true")];
    assert_eq!(node.send("PUT", "/made", &headers, b"").status, 200);
    let set = |status: &str| {
        let document =
            format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        put(&node, "/made?versioning", &document)
    };
    expect(&set("Suspended"), 409, "InvalidBucketState");
    assert_eq!(set("Enabled").status, 200);
    assert_eq!(get(&node, "/made?versioning").element("Status").as_deref(), Some("Enabled"));
}

#[test]
fn lists_that_say_what_is_so_are_taken_and_others_refused() {
    // rule: acl/enforced, acl/on-writes, acl/others, acl/blocked, acl/nothing-asked, acl/header-and-document
    let node = node_with_bucket();
    assert_eq!(node.send("PUT", "/bkt/key", &[], &bytes(1, 100)).status, 200);
    let told = String::from_utf8(get(&node, "/bkt?acl").body).expect("text");
    let copy = ("x-amz-copy-source", "bkt/key");
    let writes = [
        ("PUT", "/bkt/new", None),
        ("PUT", "/bkt/copy", Some(copy)),
        ("POST", "/bkt/upload?uploads", None),
        ("PUT", "/bkt/key?acl", None),
        ("PUT", "/bkt?acl", None),
    ];
    let send = |(method, target, more): (&str, &str, Option<(&str, &str)>), acl: &str| {
        let headers: Vec<_> = more.into_iter().chain([("x-amz-acl", acl)]).collect();
        node.send(method, target, &headers, b"")
    };
    for write in writes {
        for acl in ["private", "bucket-owner-full-control"] {
            assert_eq!(send(write, acl).status, 200, "{write:?} {acl}");
        }
        expect(&send(write, "public-read"), 400, "AccessControlListNotSupported");
        expect(&send(write, "everyone"), 400, "InvalidArgument");
    }
    for target in ["/bkt/key?acl", "/bkt?acl"] {
        assert_eq!(put(&node, target, &told).status, 200, "what is told can be put back");
        expect(&put(&node, target, "<AccessControlPolicy/>"), 400, "MalformedACLError");
        expect(&node.send("PUT", target, &[], b""), 400, "MissingSecurityHeader");
        let proof = base64(&md5(told.as_bytes()));
        let both = [("x-amz-acl", "private"), ("content-md5", proof.as_str())];
        expect(&node.send("PUT", target, &both, told.as_bytes()), 400, "UnexpectedContent");
        // rule: acl/integrity
        assert_eq!(node.send("PUT", target, &[], told.as_bytes()).status, 200);
        let wrong = [("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")];
        expect(&node.send("PUT", target, &wrong, told.as_bytes()), 400, "BadDigest");
    }
    assert_eq!(put(&node, "/bkt?ownershipControls", WRITER).status, 200);
    for write in writes {
        expect(&send(write, "public-read"), 403, "AccessDenied");
        expect(&send(write, "aws-exec-read"), 501, "NotImplemented");
    }
    assert_eq!(delete(&node, "/bkt?publicAccessBlock"), 204);
    for write in writes {
        expect(&send(write, "public-read"), 501, "NotImplemented");
    }
    assert_eq!(send(("PUT", "/bkt/read", None), "bucket-owner-read").status, 200);
    // S3: where nothing is said of ownership, there are lists.
    assert_eq!(delete(&node, "/bkt?ownershipControls"), 204);
    expect(&send(writes[0], "public-read"), 501, "NotImplemented");
}

#[test]
fn what_a_bucket_never_has_is_answered_as_of_a_new_one() {
    // rule: configuration/empty, configuration/lists, configuration/not-there, configuration/put-refused
    let node = node_with_bucket();
    for name in [
        "notification",
        "logging",
        "accelerate",
        "policyStatus",
        "requestPayment",
        "abac",
        "analytics",
        "inventory",
        "metrics",
        "intelligent-tiering",
    ] {
        assert_eq!(get(&node, &format!("/bkt?{name}")).status, 200, "{name}");
        expect(&get(&node, &format!("/none?{name}")), 404, "NoSuchBucket");
    }
    for name in ["website", "replication", "policy", "encryption", "metadataConfiguration"] {
        assert_eq!(get(&node, &format!("/bkt?{name}")).status, 404, "{name}");
        assert_eq!(delete(&node, &format!("/bkt?{name}")), 204, "{name}");
    }
    for name in [
        "notification",
        "logging",
        "website",
        "replication",
        "policy",
        "encryption",
        "accelerate",
        "abac",
        "analytics&id=a",
        "inventory&id=a",
        "metrics&id=a",
        "intelligent-tiering&id=a",
    ] {
        expect(&put(&node, &format!("/bkt?{name}"), "<A/>"), 501, "NotImplemented");
    }
    let payer = |payer: &str| {
        let document = format!(
            "<RequestPaymentConfiguration><Payer>{payer}</Payer></RequestPaymentConfiguration>"
        );
        put(&node, "/bkt?requestPayment", &document)
    };
    // rule: request-payment/owner-pays, request-payment/requester, request-payment/malformed
    let unproven =
        b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>";
    // rule: configuration/integrity, configuration/owner
    let refused = node.send("PUT", "/bkt?requestPayment", &[], unproven);
    expect(&refused, 400, "InvalidRequest");
    let foreign = [("x-amz-expected-bucket-owner", "111111111111")];
    for target in ["/bkt?policy", "/bkt?encryption", "/bkt?logging", "/bkt?acl"] {
        expect(&node.send("GET", target, &foreign, b""), 403, "AccessDenied");
    }
    expect(&node.send("DELETE", "/bkt?policy", &foreign, b""), 403, "AccessDenied");
    assert_eq!(payer("BucketOwner").status, 200);
    expect(&payer("Requester"), 501, "NotImplemented");
    expect(&payer("Nobody"), 400, "MalformedXML");
}

#[test]
fn pages_of_allowed_origins_may_use_a_bucket() {
    // rule: cors/preflight, cors/unsigned, cors/not-enabled, cors/not-allowed, cors/actual, cors/errors
    let node = node_with_bucket();
    let origin = ("origin", "https://a.test");
    let ask = |target: &str, method: &str| {
        let sent = [origin, ("access-control-request-method", method)];
        unsigned(&node, "OPTIONS", target, &sent)
    };
    expect(&ask("/none/key", "PUT"), 404, "NoSuchBucket");
    expect(&ask("/bkt/key", "PUT"), 403, "AccessForbidden");
    assert_eq!(put(&node, "/bkt?cors", RULES).status, 200);
    for target in ["/bkt/key", "/bkt", "/bkt/key?uploads"] {
        let told = ask(target, "PUT");
        assert_eq!((told.status, told.body.len()), (200, 0), "{told:?}");
        assert_eq!(told.header("access-control-allow-origin"), Some("https://a.test"));
        expect(&ask(target, "DELETE"), 403, "AccessForbidden");
    }
    expect(&unsigned(&node, "OPTIONS", "/bkt/key", &[]), 400, "BadRequest");

    let allowed = |answered: &Answered| {
        let origin = answered.header("access-control-allow-origin").map(str::to_owned);
        assert_eq!(origin.is_some(), answered.header("vary").is_some());
        assert_eq!(
            origin.is_some(),
            answered.header("access-control-expose-headers") == Some("ETag")
        );
        origin.is_some()
    };
    for (method, target, headers, status) in [
        ("PUT", "/bkt/key", &[origin][..], 200),
        ("GET", "/bkt/key", &[origin], 200),
        ("GET", "/bkt/key", &[origin, ("if-none-match", "*")], 304),
        ("GET", "/bkt/none", &[origin], 404),
        ("GET", "/bkt?list-type=2", &[origin], 200),
        ("PUT", "/bkt/copy", &[origin, ("x-amz-copy-source", "bkt/key")], 200),
    ] {
        let answered = node.send(method, target, headers, b"");
        assert_eq!(answered.status, status, "{method} {target}");
        assert!(allowed(&answered), "{method} {target}: {answered:?}");
    }
    let nobody = unsigned(&node, "GET", "/bkt/key", &[origin]);
    assert_eq!((nobody.status, allowed(&nobody)), (403, true));
    for (method, target, headers) in [
        ("GET", "/bkt/key", &[][..]),
        ("GET", "/bkt/key", &[("origin", "https://b.test")]),
        ("DELETE", "/bkt/copy", &[origin]),
        ("GET", "/", &[origin]),
    ] {
        assert!(!allowed(&node.send(method, target, headers, b"")), "{method} {target}");
    }
    assert_eq!(delete(&node, "/bkt?cors"), 204);
    assert!(!allowed(&node.send("GET", "/bkt/key", &[origin], b"")));
}

#[test]
fn a_cors_configuration_has_bounds() {
    // rule: cors/limits
    let node = node_with_bucket();
    let long = RULES.replace("https://a.test", &"a".repeat(70_000));
    expect(&put(&node, "/bkt?cors", &long), 400, "MaxMessageLengthExceeded");
    let rule =
        RULES.trim_start_matches("<CORSConfiguration>").trim_end_matches("</CORSConfiguration>");
    let many = format!("<CORSConfiguration>{}</CORSConfiguration>", rule.repeat(101));
    expect(&put(&node, "/bkt?cors", &many), 400, "MalformedXML");
}

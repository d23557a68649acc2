use alloc::format;
use alloc::string::String;

use super::*;
use crate::operation::testing::head;

fn account() -> AccountId {
    AccountId::parse("000000000000").unwrap()
}

fn asked(headers: &[(&str, &str)], of: AclOf) -> Result<Option<Acl>, S3Error> {
    Acl::of_headers(&head("PUT", "/bucket/key", headers), of, &account())
}

fn policy(grants: &str) -> String {
    let owner = format!("<Owner><ID>{}</ID></Owner>", account().canonical_id());
    format!(
        "<AccessControlPolicy>{owner}<AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
    )
}

fn grant(grantee: &str, permission: &str) -> String {
    format!("<Grant><Grantee>{grantee}</Grantee><Permission>{permission}</Permission></Grant>")
}

const OTHERS: Acl = Acl::Others { by: CANNED, public: false };
const PUBLIC: Acl = Acl::Others { by: CANNED, public: true };

#[test]
fn canned_lists_come_to_the_owner_or_to_others() {
    // rule: acl/canned, acl/unknown-canned
    use AclOf::{Bucket, Object};
    for (name, of_object, of_bucket) in [
        ("private", Some(Acl::Owner), Some(Acl::Owner)),
        ("bucket-owner-full-control", Some(Acl::Owner), Some(Acl::Owner)),
        ("bucket-owner-read", Some(Acl::OwnerByList), Some(Acl::Owner)),
        ("public-read", Some(PUBLIC), Some(PUBLIC)),
        ("public-read-write", Some(PUBLIC), Some(PUBLIC)),
        ("authenticated-read", Some(PUBLIC), Some(PUBLIC)),
        ("aws-exec-read", Some(OTHERS), Some(OTHERS)),
        ("log-delivery-write", None, Some(OTHERS)),
        ("Private", None, None),
        ("everyone", None, None),
    ] {
        for (of, expected) in [(Object, of_object), (Bucket, of_bucket)] {
            let found = asked(&[(CANNED, name)], of);
            match expected {
                Some(acl) => assert_eq!(found, Ok(Some(acl)), "{name} of {of:?}"),
                None => {
                    let error = found.unwrap_err();
                    assert_eq!(error.code, ErrorCode::InvalidArgument, "{name} of {of:?}");
                    assert_eq!(error.detail("ArgumentName"), Some(CANNED));
                    assert_eq!(error.detail("ArgumentValue"), Some(name));
                }
            }
        }
    }
    assert_eq!(asked(&[], Object), Ok(None));
    assert_eq!(asked(&[(CANNED, "")], Object), Ok(None));
}

#[test]
fn grants_in_headers() {
    // rule: acl/grant-headers, acl/unknown-grantee, acl/address
    let id = account().canonical_id();
    let full = |value: &str| asked(&[("x-amz-grant-full-control", value)], AclOf::Object);
    let others = |public| Ok(Some(Acl::Others { by: GRANTS, public }));
    let own = format!("id=\"{id}\"");
    assert_eq!(full(&own), Ok(Some(Acl::Owner)));
    let reader = asked(&[("x-amz-grant-read", &own)], AclOf::Object);
    assert_eq!(reader, others(false), "the owner would lose something");
    let everybody = "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"";
    assert_eq!(full(everybody), others(true));
    assert_eq!(full(&format!("{own}, {everybody}")), others(true));
    assert_eq!(full("uri=http://acs.amazonaws.com/groups/s3/LogDelivery"), others(false));
    for (value, code, argument) in [
        ("id=\"someone\"", ErrorCode::InvalidArgument, Some("CanonicalUser/ID")),
        ("uri=\"http://nowhere\"", ErrorCode::InvalidArgument, Some("Group/URI")),
        ("emailAddress=\"a@b.c\"", ErrorCode::MethodNotAllowed, None),
        ("nobody", ErrorCode::InvalidArgument, Some("x-amz-grant-full-control")),
        ("name=\"a\"", ErrorCode::InvalidArgument, Some("x-amz-grant-full-control")),
    ] {
        let error = full(value).unwrap_err();
        assert_eq!((error.code, error.detail("ArgumentName")), (code, argument), "{value}");
    }
    let unknown = asked(&[("x-amz-grant-everything", &own)], AclOf::Object).unwrap_err();
    assert_eq!(unknown.code, ErrorCode::InvalidArgument);
}

#[test]
fn a_canned_list_or_grants_but_not_both() {
    // rule: acl/both
    let id = format!("id={}", account().canonical_id());
    let headers = [(CANNED, "private"), ("x-amz-grant-read", id.as_str())];
    let error = asked(&headers, AclOf::Object).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    assert_eq!(error.message, "Specifying both Canned ACLs and Header Grants is not allowed");
}

#[test]
fn grants_in_a_document() {
    // rule: acl/document, acl/malformed, acl/unknown-grantee, acl/address
    let id = account().canonical_id();
    let read = |text: &str| Acl::of_document(text.as_bytes(), &account(), "PUT");
    let own = format!("<ID>{id}</ID>");
    let told = String::from_utf8(document(&account()).finish()).unwrap();
    assert_eq!(read(&told), Ok(Acl::Owner), "what is told can be put back");
    assert_eq!(read(&policy(&grant(&own, "FULL_CONTROL"))), Ok(Acl::Owner));
    let by = "AccessControlPolicy";
    assert_eq!(read(&policy("")), Ok(Acl::Others { by, public: false }), "nobody may anything");
    let everybody = "<URI>http://acs.amazonaws.com/groups/global/AuthenticatedUsers</URI>";
    let both = format!("{}{}", grant(&own, "FULL_CONTROL"), grant(everybody, "READ"));
    assert_eq!(read(&policy(&both)), Ok(Acl::Others { by, public: true }));
    for (document, code) in [
        (String::new(), ErrorCode::MalformedAclError),
        ("<AccessControlPolicy/>".into(), ErrorCode::MalformedAclError),
        (policy("").replace("<Owner>", "<Other>"), ErrorCode::MalformedAclError),
        (policy(&grant("", "READ")), ErrorCode::MalformedAclError),
        (policy(&grant(&own, "EVERYTHING")), ErrorCode::MalformedAclError),
        (policy("<Grant/>"), ErrorCode::MalformedAclError),
        (policy(&grant("<ID>someone</ID>", "READ")), ErrorCode::InvalidArgument),
        (policy(&grant("<URI>nowhere</URI>", "READ")), ErrorCode::InvalidArgument),
        (policy(&grant("<EmailAddress>a@b.c</EmailAddress>", "READ")), ErrorCode::MethodNotAllowed),
        (policy("").replace(&id, "someone"), ErrorCode::AccessDenied),
    ] {
        assert_eq!(read(&document).unwrap_err().code, code, "{document}");
    }
}

#[test]
fn nothing_of_a_list_is_forgotten_for_standing_twice() {
    // rule: acl/malformed
    let id = account().canonical_id();
    let own = format!("<ID>{id}</ID>");
    let all = "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>";
    let full = grant(&own, "FULL_CONTROL");
    let grantee = |who: &str| format!("<Grantee>{who}</Grantee>");
    for document in [
        policy(&grant(&format!("{all}{own}"), "FULL_CONTROL")),
        policy(&full.replacen("<Grant>", &format!("<Grant>{}", grantee(all)), 1)),
        policy(&full.replacen("<Grant>", "<Grant><Permission>READ</Permission>", 1)),
        policy(&full).replacen("<Owner>", "<Owner><ID>another</ID>", 1),
        policy(&full).replacen("<Owner>", "<Owner><ID>another</ID></Owner><Owner>", 1),
    ] {
        let error = Acl::of_document(document.as_bytes(), &account(), "PUT").unwrap_err();
        assert_eq!(error.code, ErrorCode::MalformedAclError, "{document}");
    }
}

#[test]
fn what_a_bucket_takes() {
    // rule: acl/enforced, acl/others, acl/blocked
    use ObjectOwnership::{BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter};
    let code = |acl: Acl, ownership, block| acl.check(ownership, block).err().map(|e| e.code);
    for block in [false, true] {
        assert_eq!(code(Acl::Owner, BucketOwnerEnforced, block), None);
        for acl in [Acl::OwnerByList, OTHERS, PUBLIC] {
            let refused = Some(ErrorCode::AccessControlListNotSupported);
            assert_eq!(code(acl, BucketOwnerEnforced, block), refused, "{acl:?}");
        }
    }
    let error = PUBLIC.check(BucketOwnerEnforced, true).unwrap_err();
    assert_eq!((error.status(), &*error.message), (400, "The bucket does not allow ACLs"));
    for ownership in [BucketOwnerPreferred, ObjectWriter] {
        for acl in [Acl::Owner, Acl::OwnerByList] {
            assert_eq!(code(acl, ownership, true), None);
        }
        assert_eq!(code(OTHERS, ownership, true), Some(ErrorCode::NotImplemented));
        assert_eq!(code(PUBLIC, ownership, false), Some(ErrorCode::NotImplemented));
        assert_eq!(code(PUBLIC, ownership, true), Some(ErrorCode::AccessDenied));
    }
}

#[test]
fn what_a_new_bucket_takes() {
    // rule: create-bucket/acl
    use ObjectOwnership::{BucketOwnerEnforced, ObjectWriter};
    let code = |acl: Acl, ownership| acl.check_new_bucket(ownership).err().map(|e| e.code);
    assert_eq!(code(Acl::Owner, BucketOwnerEnforced), None);
    let conflict = Some(ErrorCode::InvalidBucketAclWithObjectOwnership);
    assert_eq!(code(PUBLIC, BucketOwnerEnforced), conflict);
    assert_eq!(code(Acl::Owner, ObjectWriter), None);
    let blocked = PUBLIC.check_new_bucket(ObjectWriter).unwrap_err();
    assert_eq!(blocked.code, ErrorCode::InvalidBucketAclWithBlockPublicAccessError);
    assert_eq!(
        blocked.message,
        "Bucket cannot have public ACLs set with BlockPublicAccess enabled"
    );
    assert_eq!(code(OTHERS, ObjectWriter), Some(ErrorCode::NotImplemented));
    assert_eq!(code(Acl::OwnerByList, ObjectWriter), None);
}

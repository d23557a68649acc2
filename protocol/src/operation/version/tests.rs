//! Room: tests of which version is meant, and of what is said where it names no object.

use alloc::format;

use super::*;
use crate::error::ErrorCode;
use crate::operation::testing::head;

const ID: VersionId = VersionId::Number(7);
const NULL: VersionId = VersionId::Null;
const MARKER: Named<()> =
    Named::Marker(Marker { id: ID, modified: Timestamp::from_millis(1_576_278_963_000) });

fn key() -> ObjectKey {
    ObjectKey::parse("k").unwrap()
}

/// Each state in which a bucket has versions.
const VERSIONED: [Versioning; 2] = [Versioning::Enabled, Versioning::Suspended];

#[test]
fn the_query_names_a_version_or_none() {
    let read = |query: &str| asked(&head("GET", &format!("/bucket/key{query}"), &[]));
    assert_eq!(read(""), Ok(None));
    assert_eq!(read("?versionId=null"), Ok(Some(NULL)));
    assert_eq!(read(&format!("?versionId={ID}")), Ok(Some(ID)));
    // rule: version-id/malformed
    for bad in ["v1", "NULL", "0123456789abcdef0123456789abcdef"] {
        let error = read(&format!("?versionId={bad}")).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message, "Invalid version id specified");
        assert_eq!(error.detail("ArgumentName"), Some("versionId"));
        assert_eq!(error.detail("ArgumentValue"), Some(bad));
    }
    // rule: version-id/empty
    for empty in ["?versionId", "?versionId="] {
        let error = read(empty).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message, "Version id cannot be the empty string");
        assert_eq!(error.detail("ArgumentName"), Some("versionId"));
    }
}

#[test]
fn only_the_null_version_is_where_there_are_no_versions() {
    // rule: version-id/unversioned-bucket
    let key = key();
    let new =
        |version, versioning| Asked::new(&key, version, versioning).map(|asked| asked.version());
    assert_eq!(new(None, Versioning::Unversioned), Ok(None));
    assert_eq!(new(Some(NULL), Versioning::Unversioned), Ok(Some(NULL)));
    let error = new(Some(ID), Versioning::Unversioned).unwrap_err();
    assert_eq!(error.message, "Invalid version id specified");
    assert_eq!(error.detail("ArgumentValue"), Some(ID.to_string().as_str()));
    for versioning in VERSIONED {
        assert_eq!(new(Some(ID), versioning), Ok(Some(ID)));
    }
}

#[test]
fn sources_name_versions() {
    let read = |text: &str, versioning| {
        let source = CopySource::parse(&format!("src/key{text}")).unwrap();
        Asked::of_source(&source, versioning)
            .map(|asked| asked.version())
            .map_err(|error| (error.code, error.message))
    };
    let invalid = Err((ErrorCode::InvalidArgument, "Invalid version id specified".into()));
    let numbered = format!("?versionId={ID}");
    for versioning in VERSIONED {
        assert_eq!(read("", versioning), Ok(None));
        assert_eq!(read(&numbered, versioning), Ok(Some(ID)));
        assert_eq!(read("?versionId=null", versioning), Ok(Some(NULL)));
        // rule: copy-version/malformed
        assert_eq!(read("?versionId=v1", versioning), invalid);
    }
    assert_eq!(read("?versionId=null", Versioning::Unversioned), Ok(Some(NULL)));
    // rule: copy-version/unversioned-numbered
    assert_eq!(read(&numbered, Versioning::Unversioned), invalid);
}

/// Code, message, method of the refusal, and headers.
fn told(
    error: &S3Error,
) -> (ErrorCode, &str, Option<&str>, &[(&'static str, alloc::string::String)]) {
    (error.code, &error.message, error.detail("ResourceType"), &error.headers)
}

#[test]
fn what_is_not_there_is_a_key_or_a_version() {
    let key = key();
    for (version, versioning, expected) in [
        // rule: get/no-such-key
        (None, Versioning::Unversioned, ErrorCode::NoSuchKey),
        (Some(NULL), Versioning::Unversioned, ErrorCode::NoSuchKey),
        (None, Versioning::Enabled, ErrorCode::NoSuchKey),
        // rule: get/no-such-version
        (Some(ID), Versioning::Enabled, ErrorCode::NoSuchVersion),
        (Some(NULL), Versioning::Suspended, ErrorCode::NoSuchVersion),
    ] {
        let asked = Asked::new(&key, version, versioning).unwrap();
        let error = Named::<()>::Nothing.to_read(&asked, &Method::Get).unwrap_err();
        assert_eq!((error.code, error.detail("Key")), (expected, Some("k")));
        let id = version.filter(|_| expected == ErrorCode::NoSuchVersion);
        assert_eq!(error.detail("VersionId"), id.map(|id| id.to_string()).as_deref());
        // rule: copy-version/unknown
        assert_eq!(Named::<()>::Nothing.to_copy(&asked), Err(error.clone()));
        // rule: tagging/unknown
        assert_eq!(Named::<()>::Nothing.to_tag(&asked, &Method::Get), Err(error));
    }
}

#[test]
fn a_delete_marker_is_no_object() {
    let (key, id) = (key(), ID.to_string());
    let header = |name, value: &str| (name, alloc::string::String::from(value));
    let marked = [header("x-amz-delete-marker", "true"), header("x-amz-version-id", &id)];
    let allow = header("allow", "DELETE");
    for versioning in VERSIONED {
        let latest = Asked::new(&key, None, versioning).unwrap();
        let by_id = Asked::new(&key, Some(ID), versioning).unwrap();
        // rule: get/delete-marker-latest
        let error = MARKER.to_read(&latest, &Method::Get).unwrap_err();
        assert_eq!((error.code, &error.headers[..]), (ErrorCode::NoSuchKey, &marked[..]));
        assert_eq!(error.detail("Key"), Some("k"));
        // rule: get/delete-marker-by-id
        let error = MARKER.to_read(&by_id, &Method::Get).unwrap_err();
        let modified = header("last-modified", "Fri, 13 Dec 2019 23:16:03 GMT");
        let headers = [&[allow.clone()][..], &marked, &[modified]].concat();
        assert_eq!((error.code, &error.headers), (ErrorCode::MethodNotAllowed, &headers));
        assert_eq!(error.detail("Method"), Some("GET"));
        assert_eq!(error.detail("ResourceType"), Some("DeleteMarker"));
        // rule: tagging/delete-marker
        for asked in [&latest, &by_id] {
            let error = MARKER.to_tag(asked, &Method::Put).unwrap_err();
            assert_eq!(error.code, ErrorCode::MethodNotAllowed);
            assert_eq!(error.detail("Method"), Some("PUT"));
            assert_eq!(error.headers, [&[allow.clone()][..], &marked].concat());
        }
        // rule: copy-version/marker-latest
        let error = MARKER.to_copy(&latest).unwrap_err();
        assert_eq!(
            told(&error),
            (ErrorCode::NoSuchKey, "The specified key does not exist.", None, &[][..])
        );
        // rule: copy-version/marker-by-id
        let error = MARKER.to_copy(&by_id).unwrap_err();
        let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
        assert_eq!(told(&error), (ErrorCode::InvalidRequest, message, None, &[][..]));
    }
}

#[test]
fn an_object_is_given_to_whoever_asks() {
    let key = key();
    let asked = Asked::new(&key, Some(ID), Versioning::Enabled).unwrap();
    assert_eq!(Named::Object(1).to_read(&asked, &Method::Get), Ok(1));
    assert_eq!(Named::Object(1).to_copy(&asked), Ok(1));
    assert_eq!(Named::Object(1).to_tag(&asked, &Method::Get), Ok(1));
}

//! Room: DeleteObjects: the list of keys in the body, and what became of each.
//!
//! Invariants: at most [`DELETE_KEYS_MAX`] keys are ever held, whatever the body says. What is wrong
//! with one key is told of that key alone.
//! Source: S3 API Reference, DeleteObjects.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::common::Common;
use super::delete_condition::DeleteCondition;
use super::delete_object::Deleted;
use super::unbuilt;
use super::version::Asked;
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::limits::DELETE_KEYS_MAX;
use crate::lock;
use crate::name::{ObjectKey, VersionId};
use crate::request::Head;
use crate::route::Operation;
use crate::versioning::Versioning;
use crate::xml::read::Body;
use crate::xml::write::{Document, Element};

/// What the head of a DeleteObjects request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteObjectsInput {
    /// Retentions in mode GOVERNANCE are no obstacle.
    pub bypass: bool,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl DeleteObjectsInput {
    /// Reads the head of the request.
    ///
    /// # Errors
    /// `InvalidBucketOwnerAWSAccountID` or `InvalidArgument` for parties that S3 would not take.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::DeleteObjects)?;
        let bypass = lock::bypass(head)?;
        Ok(Self { bypass, common: Common::parse(head, Operation::DeleteObjects)? })
    }
}

/// What proves the body: S3 demands it of what deletes so much.
pub const INTEGRITY: Integrity = Integrity::Required;

/// The body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteList {
    /// Each key, in the order of the body; one may stand there twice.
    pub keys: Vec<ListedKey>,
    /// The answer names only what was not deleted.
    pub quiet: bool,
}

/// One key of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// The key, as sent.
    pub name: String,
    /// The version, as sent.
    pub version: Option<String>,
    /// What to delete, or why this cannot be asked.
    pub wanted: Result<Wanted, S3Error>,
}

/// One delete of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The key.
    pub key: ObjectKey,
    /// The version to take away for good; `None` to delete the key.
    pub version: Option<VersionId>,
    /// What must hold of the object.
    pub condition: DeleteCondition,
}

/// Reads the body. `versioning` is that of the bucket.
///
/// # Errors
/// `MalformedXML` for anything but a list of 1 to [`DELETE_KEYS_MAX`] objects that have a key each.
pub fn parse_body(bytes: &[u8], versioning: Versioning) -> Result<DeleteList, S3Error> {
    let mut body = Body::open(bytes, "Delete")?;
    let (mut keys, mut quiet) = (Vec::new(), None);
    while let Some(name) = body.child()? {
        match name.as_str() {
            "Object" if keys.len() == DELETE_KEYS_MAX => return Err(S3Error::malformed_xml()),
            "Object" => keys.push(object(&mut body, versioning)?),
            "Quiet" => once(&mut quiet, flag(body.text()?.trim())?)?,
            _ => body.skip()?,
        }
    }
    body.end()?;
    if keys.is_empty() {
        return Err(S3Error::malformed_xml());
    }
    Ok(DeleteList { keys, quiet: quiet.unwrap_or(false) })
}

fn object(body: &mut Body<'_>, versioning: Versioning) -> Result<ListedKey, S3Error> {
    let (mut key, mut version, mut etag) = (None, None, None);
    let (mut modified, mut size) = (None, None);
    while let Some(name) = body.child()? {
        let field = match name.as_str() {
            "Key" => &mut key,
            "VersionId" => &mut version,
            "ETag" => &mut etag,
            "LastModifiedTime" => &mut modified,
            "Size" => &mut size,
            _ => {
                body.skip()?;
                continue;
            }
        };
        once(field, body.text()?)?;
    }
    let name = key.filter(|key| !key.is_empty()).ok_or_else(S3Error::malformed_xml)?;
    let unbuilt = [(modified, "x-amz-if-match-last-modified-time"), (size, "x-amz-if-match-size")];
    let said = |value: &str| !value.trim().is_empty();
    let unbuilt = unbuilt.into_iter().find(|(value, _)| value.as_deref().is_some_and(said));
    let wanted = match unbuilt {
        // S3: these are for directory buckets only.
        Some((_, header)) => Err(S3Error::not_implemented(Some(header), None)),
        None => {
            let etag = etag.as_deref().unwrap_or_default();
            wanted(&name, version.as_deref(), versioning, etag)
        }
    };
    Ok(ListedKey { name, version, wanted })
}

fn wanted(
    name: &str,
    version: Option<&str>,
    versioning: Versioning,
    etag: &str,
) -> Result<Wanted, S3Error> {
    let key = ObjectKey::parse(name)?;
    // S3: in a list, a version id that cannot be is one that does not exist, an empty one, too.
    let unknown = |id| S3Error::no_such_version(&key, id);
    let known = |id| match VersionId::parse(id) {
        Some(version) if Asked::new(&key, Some(version), versioning).is_ok() => Ok(version),
        _ => Err(unknown(id)),
    };
    let version = version.map(known).transpose()?;
    Ok(Wanted { key, version, condition: DeleteCondition::from_text(etag)? })
}

fn flag(text: &str) -> Result<bool, S3Error> {
    match text {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(S3Error::malformed_xml()),
    }
}

/// Remembers the value of an element that may stand there once.
fn once<T>(field: &mut Option<T>, value: T) -> Result<(), S3Error> {
    if field.replace(value).is_some() { Err(S3Error::malformed_xml()) } else { Ok(()) }
}

/// The answer of DeleteObjects: what became of each key of the list, in its order. A key that named
/// nothing is deleted too.
#[must_use]
pub fn answer<'a>(
    list: &'a DeleteList,
    outcomes: impl IntoIterator<Item = &'a Result<Deleted, S3Error>>,
) -> Answer {
    Answer::xml(Document::new("DeleteResult", |root| {
        for (listed, outcome) in list.keys.iter().zip(outcomes) {
            match outcome {
                Ok(_) if list.quiet => {}
                Ok(deleted) => {
                    root.nest("Deleted", |element| {
                        element
                            .text("Key", &listed.name)
                            .text_if("VersionId", listed.version.as_deref());
                        write_marker(element, *deleted);
                    });
                }
                Err(error) => {
                    root.nest("Error", |element| {
                        element
                            .text("Key", &listed.name)
                            .text_if("VersionId", listed.version.as_deref())
                            .text("Code", error.code.as_str())
                            .text("Message", &error.message);
                    });
                }
            }
        }
    }))
}

/// The delete marker that was written, or taken away for good.
fn write_marker(element: &mut Element<'_>, deleted: Deleted) {
    if let Deleted::Marked(id) | Deleted::Version { id, marker: true } = deleted {
        element.flag("DeleteMarker", true).text("DeleteMarkerVersionId", &id.to_string());
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::error::ErrorCode;
    use crate::etag::ETag;
    use crate::operation::testing::body;

    fn listed(objects: &str) -> DeleteList {
        listed_in(Versioning::Unversioned, objects)
    }

    fn listed_in(versioning: Versioning, objects: &str) -> DeleteList {
        parse_body(format!("<Delete>{objects}</Delete>").as_bytes(), versioning).unwrap()
    }

    fn wanted(object: &str) -> Result<(String, DeleteCondition), ErrorCode> {
        let list = listed(&format!("<Object>{object}</Object>"));
        let [listed] = list.keys.try_into().unwrap();
        listed
            .wanted
            .map(|wanted| (String::from(wanted.key.as_str()), wanted.condition))
            .map_err(|error| error.code)
    }

    #[test]
    fn a_list_as_clients_send_it() {
        // rule: delete-objects/document
        let list = parse_body(
            b"<?xml version=\"1.0\"?>\n<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
              <Object><Key>a</Key></Object><Object><VersionId>null</VersionId><Key>a</Key></Object>\
              <Quiet>true</Quiet><Unknown><x/></Unknown></Delete>",
            Versioning::Unversioned,
        )
        .unwrap();
        assert!(list.quiet);
        let found: Vec<_> =
            list.keys.iter().map(|key| (key.name.as_str(), key.version.as_deref())).collect();
        assert_eq!(found, [("a", None), ("a", Some("null"))]);
        assert!(list.keys.iter().all(|key| key.wanted.is_ok()));
        assert!(!listed("<Object><Key>a</Key></Object>").quiet);
    }

    #[test]
    fn keys_may_hold_whatever_a_text_can() {
        // rule: delete-objects/keys
        let list = listed("<Object><Key> a&#13;&#10;b&#x1;&lt;&amp; </Key></Object>");
        assert_eq!(list.keys[0].name, " a\r\nb\u{1}<& ");
        let list = listed(&format!("<Object><Key>{}</Key></Object>", "&#x1F;".repeat(1024)));
        assert!(list.keys[0].wanted.is_ok());
    }

    #[test]
    fn what_is_wrong_with_one_key_is_told_of_that_key() {
        // rule: delete-objects/each-by-itself
        let etag = ETag::from_text("abc").unwrap();
        let any = DeleteCondition::IfMatchAny;
        let long = "k".repeat(1025);
        for (object, expected) in [
            ("<Key>k</Key>", Ok(DeleteCondition::None)),
            ("<Key>k</Key><ETag/><Size/>", Ok(DeleteCondition::None)),
            // rule: delete-objects/version-unknown
            ("<Key>k</Key><VersionId/>", Err(ErrorCode::NoSuchVersion)),
            ("<Key>k</Key><ETag>\"abc\"</ETag>", Ok(DeleteCondition::IfMatch(etag.clone()))),
            ("<ETag>abc</ETag><Key>k</Key>", Ok(DeleteCondition::IfMatch(etag))),
            ("<Key>k</Key><ETag>*</ETag>", Ok(any)),
            ("<Key>k</Key><VersionId>v1</VersionId>", Err(ErrorCode::NoSuchVersion)),
            ("<Key>k</Key><Size>5</Size>", Err(ErrorCode::NotImplemented)),
            (
                "<Key>k</Key><LastModifiedTime>2026-01-01T00:00:00Z</LastModifiedTime>",
                Err(ErrorCode::NotImplemented),
            ),
            (&*format!("<Key>{long}</Key>"), Err(ErrorCode::KeyTooLongError)),
        ] {
            let found = wanted(object).map(|(key, condition)| {
                assert_eq!(key, "k");
                condition
            });
            assert_eq!(found, expected, "{object}");
        }
    }

    #[test]
    fn anything_but_a_list_is_malformed() {
        // rule: delete-objects/malformed
        let one = "<Object><Key>k</Key></Object>";
        assert_eq!(listed(&one.repeat(1000)).keys.len(), 1000);
        for bad in [
            "",
            "garbage",
            "<Other/>",
            "<Delete/>",
            "<Delete><Quiet>true</Quiet></Delete>",
            "<Delete><Object/></Delete>",
            "<Delete><Object><Key></Key></Object></Delete>",
            "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
            "<Delete><Object><Key><x/></Key></Object></Delete>",
            "<Delete><Object><Key>k</Key></Object><Quiet>maybe</Quiet></Delete>",
            "<Delete><Object><Key>k</Key></Object><Quiet>true</Quiet><Quiet>true</Quiet></Delete>",
            "<Delete><Object><Key>k</Key></Object></Delete>tail",
            &format!("<Delete>{}</Delete>", one.repeat(1001)),
        ] {
            let error = parse_body(bad.as_bytes(), Versioning::Enabled).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedXml, "{bad}");
        }
    }

    #[test]
    fn the_answer_tells_of_each_key() {
        // rule: delete-objects/answer
        let list = listed(
            "<Object><Key>a&amp;b</Key></Object>\
             <Object><Key>c</Key><VersionId>null</VersionId></Object>\
             <Object><Key>d</Key></Object>",
        );
        let outcomes = [Ok(Deleted::Key), Ok(Deleted::Key), Err(S3Error::internal())];
        let error = "<Error><Key>d</Key><Code>InternalError</Code>\
             <Message>We encountered an internal error. Please try again.</Message></Error>";
        assert_eq!(
            body(&answer(&list, &outcomes)),
            format!(
                "<DeleteResult><Deleted><Key>a&amp;b</Key></Deleted>\
                 <Deleted><Key>c</Key><VersionId>null</VersionId></Deleted>{error}</DeleteResult>"
            )
        );
        let quiet = DeleteList { quiet: true, ..list };
        assert_eq!(
            body(&answer(&quiet, &outcomes)),
            format!("<DeleteResult>{error}</DeleteResult>")
        );
    }

    #[test]
    fn a_version_is_read_where_the_bucket_has_versions() {
        // rule: delete-objects/version-unknown
        let id = VersionId::Number(7);
        let object =
            |text: &str| format!("<Object><Key>k</Key><VersionId>{text}</VersionId></Object>");
        let version = |versioning, text: &str| {
            let [listed] = listed_in(versioning, &object(text)).keys.try_into().unwrap();
            assert_eq!(listed.version.as_deref(), Some(text));
            listed.wanted.map(|wanted| wanted.version).map_err(|error| error.code)
        };
        let unknown = Err(ErrorCode::NoSuchVersion);
        for versioning in [Versioning::Enabled, Versioning::Suspended] {
            assert_eq!(version(versioning, &id.to_string()), Ok(Some(id)));
            assert_eq!(version(versioning, "null"), Ok(Some(VersionId::Null)));
            assert_eq!(version(versioning, "v1"), unknown);
        }
        assert_eq!(version(Versioning::Unversioned, "null"), Ok(Some(VersionId::Null)));
        assert_eq!(version(Versioning::Unversioned, &id.to_string()), unknown);
    }

    #[test]
    fn the_answer_tells_of_delete_markers() {
        // rule: delete-objects/marker
        let id = VersionId::Number(7);
        let list = listed_in(
            Versioning::Enabled,
            &format!(
                "<Object><Key>a</Key></Object>\
                 <Object><Key>b</Key><VersionId>{id}</VersionId></Object>\
                 <Object><Key>c</Key><VersionId>{id}</VersionId></Object>"
            ),
        );
        let outcomes = [
            Ok(Deleted::Marked(id)),
            Ok(Deleted::Version { id, marker: false }),
            Ok(Deleted::Version { id, marker: true }),
        ];
        let marker = format!(
            "<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>{id}</DeleteMarkerVersionId>"
        );
        let version = format!("<VersionId>{id}</VersionId>");
        assert_eq!(
            body(&answer(&list, &outcomes)),
            format!(
                "<DeleteResult><Deleted><Key>a</Key>{marker}</Deleted>\
                 <Deleted><Key>b</Key>{version}</Deleted>\
                 <Deleted><Key>c</Key>{version}{marker}</Deleted></DeleteResult>"
            )
        );
    }
}

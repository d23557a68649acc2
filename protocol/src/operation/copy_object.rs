//! Room: CopyObject.
//!
//! Source: S3 API Reference, CopyObject; S3 User Guide, "Copying, moving, and renaming objects" and
//! "Checking object integrity", for the checksum of a copy.

use alloc::string::String;

use super::common::Common;
use super::put_object::tags;
use super::upload_part_copy::body_not_empty;
use super::write_condition::WriteCondition;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use crate::copy_source::CopySource;
use crate::error::S3Error;
use crate::etag::ETag;
use crate::lock::ObjectLock;
use crate::metadata::{self, ObjectMetadata};
use crate::name::{BucketName, ObjectKey, VersionId};
use crate::precondition::CopyConditions;
use crate::range::check_copy_len;
use crate::request::Head;
use crate::route::Operation;
use crate::storage_class::StorageClass;
use crate::tagging::TagSet;
use crate::time::Timestamp;
use crate::versioning::Versioning;
use crate::xml::write::Document;

/// What a CopyObject request says.
#[derive(Debug, Clone)]
pub struct CopyObjectInput {
    /// The object to copy from.
    pub source: CopySource,
    /// The conditions on the source.
    pub conditions: CopyConditions,
    /// The headers to keep with the copy; `None` for those of the source.
    pub metadata: Option<ObjectMetadata>,
    /// Where a website sends who asks for the copy. The source's own is never copied.
    pub website_redirect: Option<String>,
    /// The copy's tags; `None` for those of the source.
    pub tags: Option<TagSet>,
    /// The copy's storage class; that of the source is of no account.
    pub storage_class: StorageClass,
    /// What is to protect the copy, save what its bucket adds; that of the source is of no account.
    pub lock: ObjectLock,
    /// The checksum that the copy is to have; `None` where the source decides.
    pub checksum: Option<ChecksumAlgorithm>,
    /// Under what condition the copy is written.
    pub condition: WriteCondition,
    /// Who must own the two buckets, who pays.
    pub common: Common,
}

/// What the copy depends on of its source.
#[derive(Debug, Clone, Copy)]
pub struct SourceFacts<'a> {
    /// Its length in bytes.
    pub len: u64,
    /// Its checksum.
    pub checksum: Option<&'a Checksum>,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// Which version it is.
    pub version: VersionId,
}

impl CopyObjectInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for the source and for directives that S3 does not know; `NotImplemented`
    /// for what [`unbuilt`] lists and for conditions that S3 does not take; `InvalidRequest` for a
    /// checksum that S3 does not offer and for a body; what metadata and tags may have wrong with
    /// them, where those of the request are asked for.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        let source = CopySource::parse(head.headers.get("x-amz-copy-source").unwrap_or_default())?;
        let own_metadata = replaces(head, "x-amz-metadata-directive", "metadata")?;
        let own_tags = replaces(head, "x-amz-tagging-directive", "tagging")?;
        unbuilt::refuse(head, Operation::CopyObject)?;
        version::check_none(head)?;
        if head.headers.get_non_empty("content-length").is_some_and(|length| length != "0") {
            return Err(body_not_empty());
        }
        let checksum = head.headers.get_non_empty("x-amz-checksum-algorithm");
        Ok(Self {
            source,
            conditions: CopyConditions::parse(head),
            metadata: own_metadata.then(|| ObjectMetadata::parse(head)).transpose()?,
            website_redirect: metadata::website_redirect(head)?,
            tags: own_tags.then(|| tags(head)).transpose()?,
            storage_class: StorageClass::of_head(head)?,
            lock: ObjectLock::of_head(head)?,
            checksum: checksum.map(ChecksumAlgorithm::parse).transpose()?,
            condition: WriteCondition::parse(head)?,
            common: Common::parse(head, Operation::CopyObject)?,
        })
    }

    /// Whether this source may be copied to this place. `versioning` is that of the place's bucket;
    /// `len_max` the longest source in bytes, S3's is [`COPY_LEN_MAX`](crate::limits::COPY_LEN_MAX).
    ///
    /// # Errors
    /// `InvalidRequest` for a copy of an object to itself that changes nothing, and for one that is
    /// too long.
    pub fn check(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        versioning: Versioning,
        source: SourceFacts<'_>,
        len_max: u64,
    ) -> Result<(), S3Error> {
        let same_key = self.source.bucket == *bucket && self.source.key == *key;
        let to_itself = same_key && self.replaces_its_source(versioning, source);
        if to_itself && !self.changes(source) {
            return Err(S3Error::invalid_request(
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
            ));
        }
        check_copy_len(source.len, len_max)
    }

    /// Whether a copy to the source's own key takes the place of the source. A version that is asked
    /// for by its id becomes the latest one by being copied, which is a change.
    fn replaces_its_source(&self, versioning: Versioning, source: SourceFacts<'_>) -> bool {
        match versioning {
            Versioning::Unversioned => true,
            Versioning::Enabled => false,
            Versioning::Suspended => {
                self.source.version.is_none() && source.version == VersionId::Null
            }
        }
    }

    /// Whether an object that is copied to itself is another one afterwards. Tags alone do not count.
    fn changes(&self, source: SourceFacts<'_>) -> bool {
        let has = |algorithm| {
            let own = source.checksum.filter(|own| own.kind == ChecksumType::FullObject);
            own.is_some_and(|own| own.value.algorithm() == algorithm)
        };
        self.metadata.is_some()
            || self.website_redirect.is_some()
            || self.storage_class != source.storage_class
            || self.checksum.is_some_and(|asked| !has(asked))
    }

    /// The algorithm of the checksum of a copy of an object that has `source`; the copy's is always one
    /// of the whole content.
    #[must_use]
    pub fn algorithm_of_copy(&self, source: Option<&Checksum>) -> ChecksumAlgorithm {
        let own = source.map(|checksum| checksum.value.algorithm());
        self.checksum.or(own).unwrap_or(ChecksumAlgorithm::Crc64Nvme)
    }

    /// The metadata of a copy of an object that has `source`.
    #[must_use]
    pub fn metadata_of_copy(&self, source: &ObjectMetadata) -> ObjectMetadata {
        let website_redirect = self.website_redirect.clone();
        let kept = self.metadata.as_ref().unwrap_or(source);
        ObjectMetadata { website_redirect, ..kept.clone() }
    }

    /// The tags of a copy of an object that has `source`.
    #[must_use]
    pub fn tags_of_copy(&self, source: &TagSet) -> TagSet {
        self.tags.as_ref().unwrap_or(source).clone()
    }
}

/// Whether a directive asks for what the request says instead of what the source has.
fn replaces(head: &Head, directive: &str, what: &str) -> Result<bool, S3Error> {
    match head.headers.get_non_empty(directive) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        other => {
            let message = alloc::format!("Unknown {what} directive.");
            Err(S3Error::invalid_argument(directive, other, message))
        }
    }
}

/// The answer of CopyObject.
#[must_use]
pub fn answer(modified: Timestamp, etag: &ETag, checksum: &Checksum) -> Answer {
    Answer::xml(Document::new("CopyObjectResult", |root| {
        root.text("LastModified", &modified.truncated_to_second().iso8601())
            .text("ETag", &etag.quoted())
            .text(checksum.value.algorithm().element(), &checksum.text())
            .text("ChecksumType", checksum.kind.as_str());
    }))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;
    use crate::checksum::ChecksumValue;
    use crate::error::ErrorCode;
    use crate::limits::COPY_LEN_MAX;
    use crate::operation::testing::{body, head};

    const SOURCE: (&str, &str) = ("x-amz-copy-source", "src/key");

    fn parse(headers: &[(&str, &str)]) -> Result<CopyObjectInput, S3Error> {
        let all: Vec<_> = [SOURCE].iter().chain(headers).copied().collect();
        CopyObjectInput::parse(&head("PUT", "/bucket/key", &all))
    }

    #[test]
    fn metadata_and_tags_come_from_the_source_unless_they_are_replaced() {
        // rule: copy/metadata-directive, copy/tagging-directive, copy/redirect
        let given =
            [("x-amz-meta-color", "red"), ("content-type", "text/plain"), ("x-amz-tagging", "a=1")];
        let source = ObjectMetadata {
            content_type: Some("image/png".into()),
            website_redirect: Some("/elsewhere".into()),
            ..ObjectMetadata::default()
        };
        let tags = TagSet::parse_header("b=2").unwrap();
        let kept = parse(&given).unwrap();
        let copied = kept.metadata_of_copy(&source);
        assert_eq!(copied.content_type.as_deref(), Some("image/png"));
        assert_eq!((copied.website_redirect, copied.user.len()), (None, 0));
        assert_eq!(kept.tags_of_copy(&tags), tags);

        let directives =
            [("x-amz-metadata-directive", "REPLACE"), ("x-amz-tagging-directive", "REPLACE")];
        let replaced = parse(&[&given[..], &directives].concat()).unwrap();
        let made = replaced.metadata_of_copy(&source);
        assert_eq!(made.content_type.as_deref(), Some("text/plain"));
        assert_eq!(made.user, [("color".to_string(), "red".to_string())]);
        assert_eq!(replaced.tags_of_copy(&tags), TagSet::parse_header("a=1").unwrap());
        let bare = parse(&directives).unwrap();
        assert_eq!(bare.metadata_of_copy(&source), ObjectMetadata::default());
        assert!(bare.tags_of_copy(&tags).is_empty());

        let redirect = parse(&[("x-amz-website-redirect-location", "/here")]).unwrap();
        assert_eq!(redirect.metadata_of_copy(&source).website_redirect.as_deref(), Some("/here"));
    }

    fn facts(len: u64, checksum: Option<&Checksum>, version: VersionId) -> SourceFacts<'_> {
        SourceFacts { len, checksum, storage_class: StorageClass::Standard, version }
    }

    #[test]
    fn a_class_is_asked_for_and_never_copied() {
        // rule: copy/storage-class
        assert_eq!(parse(&[]).unwrap().storage_class, StorageClass::Standard);
        let asked = parse(&[("x-amz-storage-class", "ONEZONE_IA")]).unwrap();
        assert_eq!(asked.storage_class, StorageClass::OnezoneIa);
        // What is not asked for is STANDARD, which is a change of an object that is not.
        let (bucket, key) = (BucketName::parse("src").unwrap(), ObjectKey::parse("key").unwrap());
        let source = SourceFacts {
            storage_class: StorageClass::OnezoneIa,
            ..facts(1, None, VersionId::Null)
        };
        let check = |input: &CopyObjectInput| {
            input.check(&bucket, &key, Versioning::Unversioned, source, COPY_LEN_MAX)
        };
        assert_eq!(check(&parse(&[]).unwrap()), Ok(()));
        assert_eq!(check(&asked).unwrap_err().code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn what_is_ignored_need_not_be_right() {
        // rule: copy/metadata-directive
        let long = "x".repeat(3000);
        let given = [("x-amz-meta-a", long.as_str()), ("x-amz-tagging", "a=1&a=2")];
        assert!(parse(&given).is_ok());
        for directive in ["x-amz-metadata-directive", "x-amz-tagging-directive"] {
            assert!(parse(&[given[0], given[1], (directive, "REPLACE")]).is_err(), "{directive}");
        }
    }

    #[test]
    fn faults_have_their_names() {
        // rule: copy/unknown-directive, copy/no-body
        for (headers, code, told) in [
            (
                &[("x-amz-metadata-directive", "MOVE")][..],
                ErrorCode::InvalidArgument,
                "Unknown metadata directive.",
            ),
            (
                &[("x-amz-tagging-directive", "copy")],
                ErrorCode::InvalidArgument,
                "Unknown tagging directive.",
            ),
            (
                &[("content-length", "3")],
                ErrorCode::InvalidRequest,
                "The request included a body. Requests of this type must not include a non-empty body.",
            ),
            (
                &[("x-amz-website-redirect-location", "here")],
                ErrorCode::InvalidRedirectLocation,
                "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
            ),
        ] {
            let error = parse(headers).unwrap_err();
            assert_eq!((error.code, error.message.as_ref()), (code, told));
        }
        for (name, value) in [
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-copy-source-server-side-encryption-customer-key", "a2V5"),
            ("x-amz-object-lock-event-hold", "ON"),
            ("x-amz-storage-class", "DEEP_ARCHIVE"),
            ("if-match", "*"),
        ] {
            let error = parse(&[(name, value)]).unwrap_err();
            assert_eq!(error.code, ErrorCode::NotImplemented, "{name}");
        }
        let error = parse(&[("x-amz-checksum-algorithm", "CRC16")]).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn an_object_is_copied_to_itself_only_if_that_changes_it() {
        // rule: copy/to-itself, copy/five-gib
        let (bucket, key) = (BucketName::parse("src").unwrap(), ObjectKey::parse("key").unwrap());
        let crc32 = Checksum::full_object(ChecksumValue::from_crc32(1));
        let parts = [ChecksumValue::from_crc32(1)];
        let composite = Checksum::composite(ChecksumAlgorithm::Crc32, parts.into_iter());
        let refused = |headers: &[(&str, &str)], checksum| {
            let source = facts(1, checksum, VersionId::Null);
            let input = parse(headers).unwrap();
            input.check(&bucket, &key, Versioning::Unversioned, source, COPY_LEN_MAX).is_err()
        };
        let algorithm = |name| [("x-amz-checksum-algorithm", name)];
        assert!(refused(&[], Some(&crc32)));
        assert!(refused(&[("x-amz-metadata-directive", "COPY")], Some(&crc32)));
        assert!(refused(&[("x-amz-tagging-directive", "REPLACE")], Some(&crc32)));
        assert!(refused(&[("x-amz-storage-class", "STANDARD")], Some(&crc32)));
        assert!(!refused(&[("x-amz-storage-class", "STANDARD_IA")], Some(&crc32)));
        assert!(refused(&[("x-amz-acl", "private")], Some(&crc32)));
        assert!(refused(&[("x-amz-object-annotation-directive", "EXCLUDE")], Some(&crc32)));
        assert!(refused(&algorithm("CRC32"), Some(&crc32)));
        assert!(!refused(&algorithm("SHA1"), Some(&crc32)));
        assert!(!refused(&algorithm("CRC32"), Some(&composite)));
        assert!(!refused(&[("x-amz-metadata-directive", "REPLACE")], Some(&crc32)));
        assert!(!refused(&[("x-amz-website-redirect-location", "/a")], Some(&crc32)));

        let source = facts(1, Some(&crc32), VersionId::Null);
        let error =
            parse(&[]).unwrap().check(&bucket, &key, Versioning::Unversioned, source, COPY_LEN_MAX);
        assert_eq!(
            error.map_err(|error| (error.code, error.message)),
            Err((
                ErrorCode::InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without \
                 changing the object's metadata, storage class, website redirect location or \
                 encryption attributes."
                    .into()
            ))
        );

        let other = ObjectKey::parse("other").unwrap();
        let to_other = |len, len_max| {
            let source = facts(len, None, VersionId::Null);
            parse(&[]).unwrap().check(&bucket, &other, Versioning::Unversioned, source, len_max)
        };
        for len_max in [COPY_LEN_MAX, 6 << 40] {
            assert_eq!(to_other(len_max, len_max), Ok(()));
            assert_eq!(
                to_other(len_max + 1, len_max).unwrap_err().message,
                format!(
                    "The specified copy source is larger than the maximum allowable size for a copy source: {len_max}"
                )
            );
        }
    }

    #[test]
    fn versions_are_copied_to_their_own_key() {
        // rule: copy/self-with-versions
        let (bucket, key) = (BucketName::parse("src").unwrap(), ObjectKey::parse("key").unwrap());
        let (null, number) = (VersionId::Null, VersionId::Number(7));
        let allowed = |source: &str, versioning, version| {
            let request = head("PUT", "/src/key", &[("x-amz-copy-source", source)]);
            let source = facts(1, None, version);
            CopyObjectInput::parse(&request)
                .unwrap()
                .check(&bucket, &key, versioning, source, COPY_LEN_MAX)
                .is_ok()
        };
        for (source, versioning, version, expected) in [
            ("src/key", Versioning::Unversioned, null, false),
            ("src/key?versionId=null", Versioning::Unversioned, null, false),
            ("src/key", Versioning::Enabled, number, true),
            ("src/key", Versioning::Enabled, null, true),
            ("src/key?versionId=null", Versioning::Enabled, null, true),
            ("src/key", Versioning::Suspended, null, false),
            ("src/key", Versioning::Suspended, number, true),
            ("src/key?versionId=null", Versioning::Suspended, null, true),
        ] {
            let found = allowed(source, versioning, version);
            assert_eq!(found, expected, "{source} {versioning:?} {version}");
        }
    }

    #[test]
    fn the_source_says_which_checksum_a_copy_has_unless_the_request_does() {
        // rule: copy/checksum
        use ChecksumAlgorithm as A;
        let sha = ChecksumValue::from_bytes(A::Sha256, &[7; 32]).unwrap();
        let whole = Checksum::full_object(sha);
        let composite = Checksum::composite(A::Sha256, [sha].into_iter());
        let (plain, asked) =
            (parse(&[]).unwrap(), parse(&[("x-amz-checksum-algorithm", "crc32c")]).unwrap());
        assert_eq!(plain.algorithm_of_copy(None), A::Crc64Nvme);
        assert_eq!(plain.algorithm_of_copy(Some(&whole)), A::Sha256);
        assert_eq!(plain.algorithm_of_copy(Some(&composite)), A::Sha256);
        assert_eq!(asked.algorithm_of_copy(Some(&whole)), A::Crc32c);
    }

    #[test]
    fn the_answer_is_a_document() {
        // rule: copy/answer
        let answer = answer(
            Timestamp::from_millis(1_576_278_963_999),
            &ETag::from_text("abc").unwrap(),
            &Checksum::full_object(ChecksumValue::from_crc32(0xCBF4_3926)),
        );
        assert_eq!(
            body(&answer),
            "<CopyObjectResult><LastModified>2019-12-13T23:16:03.000Z</LastModified>\
             <ETag>&quot;abc&quot;</ETag><ChecksumCRC32>y/Q5Jg==</ChecksumCRC32>\
             <ChecksumType>FULL_OBJECT</ChecksumType></CopyObjectResult>"
        );
    }
}

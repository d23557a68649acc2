//! Room: CreateMultipartUpload.
//!
//! Source: S3 API Reference, CreateMultipartUpload; S3 User Guide, "Checking object integrity", for
//! which types an algorithm has.

use alloc::format;
use alloc::string::ToString;

use super::common::Common;
use super::put_object::tags;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::checksum::{ChecksumAlgorithm, ChecksumType};
use crate::error::S3Error;
use crate::lock::ObjectLock;
use crate::metadata::ObjectMetadata;
use crate::name::{BucketName, ObjectKey, UploadId};
use crate::request::Head;
use crate::route::Operation;
use crate::storage_class::StorageClass;
use crate::tagging::TagSet;
use crate::xml::write::Document;

/// What a CreateMultipartUpload request says of the object to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUploadInput {
    /// The headers to keep with the object.
    pub metadata: ObjectMetadata,
    /// The object's tags.
    pub tags: TagSet,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// What is to protect the object, save what its bucket adds.
    pub lock: ObjectLock,
    /// The checksum that parts and object are to have; `None` where the request asks for none.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl CreateUploadInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `NotImplemented` for what [`unbuilt`] lists; `InvalidRequest` for a checksum that S3 does
    /// not offer; what metadata, tags, storage class and lock may have wrong with them.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::CreateMultipartUpload)?;
        version::check_none(head)?;
        Ok(Self {
            metadata: ObjectMetadata::parse(head)?,
            tags: tags(head)?,
            storage_class: StorageClass::of_head(head)?,
            lock: ObjectLock::of_head(head)?,
            checksum: checksum(head)?,
            common: Common::parse(head, Operation::CreateMultipartUpload)?,
        })
    }
}

fn checksum(head: &Head) -> Result<Option<(ChecksumAlgorithm, ChecksumType)>, S3Error> {
    let algorithm = head.headers.get_non_empty("x-amz-checksum-algorithm");
    let kind = head.headers.get_non_empty("x-amz-checksum-type");
    let Some(algorithm) = algorithm.map(ChecksumAlgorithm::parse).transpose()? else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(S3Error::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let kind = kind.map_or_else(|| Ok(algorithm.default_type()), ChecksumType::parse)?;
    if algorithm.allows(kind) {
        Ok(Some((algorithm, kind)))
    } else {
        Err(S3Error::invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.as_str(),
            algorithm.lower()
        )))
    }
}

/// The answer of CreateMultipartUpload. S3: the checksum is told only where one was asked for.
#[must_use]
pub fn answer(
    bucket: &BucketName,
    key: &ObjectKey,
    upload_id: &UploadId,
    checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
) -> Answer {
    let answer = Answer::xml(Document::new("InitiateMultipartUploadResult", |root| {
        root.text("Bucket", bucket.as_str())
            .text("Key", key.as_str())
            .text("UploadId", &upload_id.to_string());
    }));
    match checksum {
        None => answer,
        Some((algorithm, kind)) => answer
            .with("x-amz-checksum-algorithm", algorithm.name())
            .with("x-amz-checksum-type", kind.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};
    use crate::time::Timestamp;

    fn parsed(
        headers: &[(&str, &str)],
    ) -> Result<Option<(ChecksumAlgorithm, ChecksumType)>, S3Error> {
        CreateUploadInput::parse(&head("POST", "/bucket/key?uploads", headers))
            .map(|input| input.checksum)
    }

    #[test]
    fn an_algorithm_has_its_types() {
        // rule: create-upload/checksum, checksum/types, checksum/type-alone
        // rule: checksum/type-not-offered, checksum/unknown-type
        use ChecksumType::{Composite, FullObject};
        const ALGORITHM: &str = "x-amz-checksum-algorithm";
        const TYPE: &str = "x-amz-checksum-type";
        let message = |headers: &[(&str, &str)]| {
            let error = parsed(headers).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest);
            error.message.into_owned()
        };
        assert_eq!(parsed(&[]), Ok(None));
        assert_eq!(parsed(&[(ALGORITHM, "")]), Ok(None));
        for algorithm in ChecksumAlgorithm::ALL {
            let name = (ALGORITHM, algorithm.name());
            assert_eq!(parsed(&[name]), Ok(Some((algorithm, algorithm.default_type()))));
            for kind in [FullObject, Composite] {
                let headers = [name, (TYPE, kind.as_str())];
                if algorithm.allows(kind) {
                    assert_eq!(parsed(&headers), Ok(Some((algorithm, kind))));
                } else {
                    let expected = format!(
                        "The {} checksum type cannot be used with the {} checksum algorithm.",
                        kind.as_str(),
                        algorithm.lower()
                    );
                    assert_eq!(message(&headers), expected);
                }
            }
            let unknown = message(&[name, (TYPE, "HALF")]);
            assert_eq!(unknown, "Value for x-amz-checksum-type header is invalid.");
        }
        assert_eq!(
            message(&[(TYPE, "COMPOSITE")]),
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        );
        assert!(message(&[(ALGORITHM, "CRC16")]).starts_with("Checksum algorithm provided is"));
    }

    #[test]
    fn the_answer_names_the_upload() {
        // rule: create-upload/answer
        let id = UploadId::new(Timestamp::from_millis(1), [0xab; 16]);
        let (bucket, key) =
            (BucketName::parse("bucket").unwrap(), ObjectKey::parse("a&b").unwrap());
        let plain = answer(&bucket, &key, &id, None);
        assert_eq!(
            body(&plain),
            "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>a&amp;b</Key>\
             <UploadId>0000000000000001abababababababababababababababab</UploadId>\
             </InitiateMultipartUploadResult>"
        );
        assert_eq!(plain.header("x-amz-checksum-algorithm"), None);
        let checksum = Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite));
        let summed = answer(&bucket, &key, &id, checksum);
        assert_eq!(summed.header("x-amz-checksum-algorithm"), Some("CRC32"));
        assert_eq!(summed.header("x-amz-checksum-type"), Some("COMPOSITE"));
    }
}

//! Room: the errors of S3 whose sentence or details are fixed, one constructor each, grouped by what
//! went wrong.
//!
//! Source: S3 "Error responses", and the texts that the service is known to send.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};

use super::{ErrorCode, S3Error};
use crate::limits::{
    CLOCK_SKEW_MAX_MS, HEADER_SECTION_LEN_MAX, KEY_LEN_MAX, PART_LEN_MIN, USER_METADATA_LEN_MAX,
};
use crate::time::Timestamp;

/// Errors of who asks.
impl S3Error {
    /// The caller may not do this.
    pub fn access_denied() -> Self {
        Self::new(ErrorCode::AccessDenied, "Access Denied")
    }

    /// S3: "UploadPartCopy", x-amz-copy-source: all `x-amz-` headers must be signed.
    pub fn headers_not_signed(names: &[&str]) -> Self {
        Self::new(
            ErrorCode::AccessDenied,
            "There were headers present in the request which were not signed",
        )
        .with("HeadersNotSigned", names.join(", "))
    }

    /// No such access key.
    pub fn invalid_access_key_id(access_key: &str) -> Self {
        Self::new(
            ErrorCode::InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records.",
        )
        .with("AWSAccessKeyId", access_key)
    }

    /// The signature is another one; the caller adds what it compared.
    pub fn signature_does_not_match() -> Self {
        Self::new(
            ErrorCode::SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        )
    }

    /// The request is too old or from the future. `request_time` is the text that the client sent.
    pub fn request_time_too_skewed(request_time: &str, now: Timestamp) -> Self {
        Self::new(
            ErrorCode::RequestTimeTooSkewed,
            "The difference between the request time and the current time is too large.",
        )
        .with("RequestTime", request_time)
        .with("ServerTime", now.iso8601())
        .with("MaxAllowedSkewMilliseconds", CLOCK_SKEW_MAX_MS.to_string())
    }

    /// `message` goes after the fixed beginning.
    pub fn authorization_header_malformed(message: &str) -> Self {
        Self::new(
            ErrorCode::AuthorizationHeaderMalformed,
            format!("The authorization header is malformed; {message}"),
        )
    }

    /// A session token where none is known.
    pub fn invalid_token() -> Self {
        Self::new(ErrorCode::InvalidToken, "The provided token is malformed or otherwise invalid.")
    }

    /// The expected owner is not twelve digits.
    pub fn invalid_bucket_owner(value: &str) -> Self {
        Self::new(
            ErrorCode::InvalidBucketOwnerAwsAccountId,
            format!(
                "The value of the expected bucket owner parameter must be an AWS Account ID... [{value}]"
            ),
        )
    }
}

/// Errors of what is asked for.
impl S3Error {
    /// No such bucket.
    pub fn no_such_bucket(bucket: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::NoSuchBucket, "The specified bucket does not exist")
            .with("BucketName", bucket.as_ref())
    }

    /// Not a bucket name.
    pub fn invalid_bucket_name(name: &str) -> Self {
        Self::new(ErrorCode::InvalidBucketName, "The specified bucket is not valid.")
            .with("BucketName", name)
    }

    /// CreateBucket of one's own bucket.
    pub fn bucket_already_owned_by_you(bucket: impl AsRef<str>) -> Self {
        Self::new(
            ErrorCode::BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it.",
        )
        .with("BucketName", bucket.as_ref())
    }

    /// CreateBucket of someone else's bucket.
    pub fn bucket_already_exists(bucket: impl AsRef<str>) -> Self {
        Self::new(
            ErrorCode::BucketAlreadyExists,
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
        )
        .with("BucketName", bucket.as_ref())
    }

    /// DeleteBucket of a bucket with objects.
    pub fn bucket_not_empty(bucket: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::BucketNotEmpty, "The bucket you tried to delete is not empty")
            .with("BucketName", bucket.as_ref())
    }

    /// No such object.
    pub fn no_such_key(key: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::NoSuchKey, "The specified key does not exist.")
            .with("Key", key.as_ref())
    }

    /// The key is longer than it may be. `len` in bytes.
    pub fn key_too_long(len: usize) -> Self {
        Self::new(ErrorCode::KeyTooLongError, "Your key is too long")
            .with("Size", len.to_string())
            .with("MaxSizeAllowed", KEY_LEN_MAX.to_string())
    }

    /// No such upload for this bucket and key. `upload_id` is the text that the client sent.
    pub fn no_such_upload(upload_id: &str) -> Self {
        Self::new(
            ErrorCode::NoSuchUpload,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        )
        .with("UploadId", upload_id)
    }

    /// No such version of this object.
    pub fn no_such_version(key: impl AsRef<str>, version: &str) -> Self {
        Self::new(ErrorCode::NoSuchVersion, "The specified version does not exist.")
            .with("Key", key.as_ref())
            .with("VersionId", version)
    }

    /// A version id that is none, or any but `null` in a bucket that never had versions.
    pub fn invalid_version_id(value: &str) -> Self {
        Self::invalid_argument("versionId", Some(value), "Invalid version id specified")
    }

    /// `versionId` is there, and has no value.
    pub fn empty_version_id() -> Self {
        Self::invalid_argument("versionId", Some(""), "Version id cannot be the empty string")
    }

    /// The bucket has no lifecycle.
    pub fn no_such_lifecycle(bucket: impl AsRef<str>) -> Self {
        Self::new(
            ErrorCode::NoSuchLifecycleConfiguration,
            "The lifecycle configuration does not exist",
        )
        .with("BucketName", bucket.as_ref())
    }

    /// The method is not for this resource (`BUCKET`, `OBJECT`, `SERVICE`, …).
    pub fn method_not_allowed(method: &str, resource: &str) -> Self {
        Self::new(
            ErrorCode::MethodNotAllowed,
            "The specified method is not allowed against this resource.",
        )
        .with("Method", method)
        .with("ResourceType", resource)
    }

    /// The request target does not decode.
    pub fn invalid_uri(target: &str) -> Self {
        Self::new(ErrorCode::InvalidUri, "Couldn't parse the specified URI.").with("URI", target)
    }
}

/// Errors of how it is asked.
impl S3Error {
    /// A header or parameter `name` has a value that it may not have; no value, no element.
    pub fn invalid_argument(
        name: impl Into<String>,
        value: Option<&str>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let error = Self::new(ErrorCode::InvalidArgument, message).with("ArgumentName", name);
        match value {
            Some(value) => error.with("ArgumentValue", value),
            None => error,
        }
    }

    /// The request makes no sense, for the reason given.
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// Part of S3 that this server does not have: the header that asked for it, and a sentence.
    pub fn not_implemented(header: Option<&str>, additional: Option<&str>) -> Self {
        let mut error = Self::new(
            ErrorCode::NotImplemented,
            "A header you provided implies functionality that is not implemented",
        );
        if let Some(header) = header {
            error = error.with("Header", header);
        }
        match additional {
            Some(additional) => error.with("additionalMessage", additional),
            None => error,
        }
    }

    /// A header that must be there is not.
    pub fn missing_header(name: &str) -> Self {
        Self::invalid_request(format!("Missing required header for this request: {name}"))
    }

    /// A condition did not hold; `condition` is the header in the spelling that S3 answers.
    pub fn precondition_failed(condition: &str) -> Self {
        Self::new(
            ErrorCode::PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold",
        )
        .with("Condition", condition)
    }

    /// The key changed under a conditional write; `condition` as in `precondition_failed`.
    pub fn conditional_request_conflict(condition: &str, key: impl AsRef<str>) -> Self {
        Self::new(
            ErrorCode::ConditionalRequestConflict,
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        )
        .with("Condition", condition)
        .with("Key", key.as_ref())
    }

    /// A range that has nothing in common with an object of `size` bytes.
    pub fn invalid_range(requested: &str, size: u64) -> Self {
        Self::new(ErrorCode::InvalidRange, "The requested range is not satisfiable")
            .with("RangeRequested", requested)
            .with("ActualObjectSize", size.to_string())
            .with_header("content-range", format!("bytes */{size}"))
    }

    /// GetObject of a part that the object does not have.
    pub fn invalid_part_number(requested: u16, actual_count: u32) -> Self {
        Self::new(ErrorCode::InvalidPartNumber, "The requested partnumber is not satisfiable")
            .with("ActualPartCount", actual_count.to_string())
            .with("PartNumberRequested", requested.to_string())
    }

    /// Too many bytes of user metadata.
    pub fn metadata_too_large(size: usize) -> Self {
        Self::new(
            ErrorCode::MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size",
        )
        .with("Size", size.to_string())
        .with("MaxSizeAllowed", USER_METADATA_LEN_MAX.to_string())
    }

    /// Too many bytes of headers.
    pub fn header_section_too_large() -> Self {
        Self::new(
            ErrorCode::RequestHeaderSectionTooLarge,
            "The request header and query parameters used to make the request exceed the maximum allowed size.",
        )
        .with("MaxSizeAllowed", HEADER_SECTION_LEN_MAX.to_string())
    }

    /// A tag that is not allowed.
    pub fn invalid_tag(key: &str, value: Option<&str>, message: &'static str) -> Self {
        let error = Self::new(ErrorCode::InvalidTag, message).with("TagKey", key);
        match value {
            Some(value) => error.with("TagValue", value),
            None => error,
        }
    }

    /// No such storage class.
    pub fn invalid_storage_class(requested: &str) -> Self {
        Self::new(ErrorCode::InvalidStorageClass, "The storage class you specified is not valid")
            .with("StorageClassRequested", requested)
    }

    /// The location constraint is not one.
    pub fn invalid_location_constraint(requested: &str) -> Self {
        Self::new(
            ErrorCode::InvalidLocationConstraint,
            "The specified location-constraint is not valid",
        )
        .with("LocationConstraint", requested)
    }

    /// The location constraint is not the one of this endpoint.
    pub fn illegal_location_constraint(requested: &str) -> Self {
        Self::new(
            ErrorCode::IllegalLocationConstraintException,
            format!(
                "The {requested} location constraint is incompatible for the region specific endpoint this request was sent to."
            ),
        )
    }
}

/// Errors of object lock.
impl S3Error {
    /// What protects the version does not let this happen.
    pub fn locked() -> Self {
        Self::new(ErrorCode::AccessDenied, "Access Denied because object protected by object lock.")
    }

    /// A retention that would be over at once. `argument` is the header or the element, `value` the
    /// date.
    pub fn retain_until_passed(argument: &'static str, value: &str) -> Self {
        Self::invalid_argument(
            argument,
            Some(value),
            "The retain until date must be in the future!",
        )
    }

    /// Retentions and legal holds are only in buckets with object lock.
    pub fn bucket_without_lock() -> Self {
        Self::invalid_request("Bucket is missing Object Lock Configuration")
    }

    /// GetObjectLockConfiguration of a bucket without object lock.
    pub fn no_lock_configuration(bucket: impl AsRef<str>) -> Self {
        Self::new(
            ErrorCode::ObjectLockConfigurationNotFoundError,
            "Object Lock configuration does not exist for this bucket",
        )
        .with("BucketName", bucket.as_ref())
    }

    /// Nobody ever asked for what would be told of this version.
    pub fn no_object_lock() -> Self {
        Self::new(
            ErrorCode::NoSuchObjectLockConfiguration,
            "The specified object does not have a ObjectLock configuration",
        )
    }

    /// Object lock needs versions.
    pub fn lock_needs_versioning() -> Self {
        Self::new(
            ErrorCode::InvalidBucketState,
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        )
    }

    /// Versions cannot be suspended under object lock.
    pub fn lock_keeps_versioning() -> Self {
        Self::new(
            ErrorCode::InvalidBucketState,
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
        )
    }

    /// What is to be locked must prove its bytes.
    pub fn lock_needs_integrity() -> Self {
        Self::invalid_request(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
        )
    }
}

/// Errors of bodies.
impl S3Error {
    /// Fewer or more bytes than Content-Length, or the decoded length, promised.
    pub fn incomplete_body() -> Self {
        Self::new(
            ErrorCode::IncompleteBody,
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        )
    }

    /// The framing of an aws-chunked body broke off or is not framing.
    pub fn body_terminated() -> Self {
        Self::new(ErrorCode::IncompleteBody, "The request body terminated unexpectedly")
    }

    /// A length is needed and missing.
    pub fn missing_content_length() -> Self {
        Self::new(
            ErrorCode::MissingContentLength,
            "You must provide the Content-Length HTTP header.",
        )
    }

    /// The XML body does not parse, or does not fit the operation.
    pub fn malformed_xml() -> Self {
        Self::new(
            ErrorCode::MalformedXml,
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    }

    /// The XML body is too long.
    pub fn max_message_length_exceeded(max: u64) -> Self {
        Self::new(ErrorCode::MaxMessageLengthExceeded, "Your request was too large.")
            .with("MaxMessageLengthBytes", max.to_string())
    }

    /// The upload is longer than `max` bytes.
    pub fn entity_too_large(proposed: u64, max: u64) -> Self {
        Self::new(
            ErrorCode::EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size",
        )
        .with("ProposedSize", proposed.to_string())
        .with("MaxSizeAllowed", max.to_string())
    }

    /// A part that is not the last one is too short. `etag` without quotes.
    pub fn part_too_small(proposed: u64, part_number: u16, etag: &str) -> Self {
        Self::new(
            ErrorCode::EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with("ProposedSize", proposed.to_string())
        .with("MinSizeAllowed", PART_LEN_MIN.to_string())
        .with("PartNumber", part_number.to_string())
        .with("ETag", etag)
    }

    /// A listed part is not there or is another one. `etag` is the claimed one, without quotes.
    pub fn invalid_part(upload_id: &str, part_number: u64, etag: &str) -> Self {
        Self::new(
            ErrorCode::InvalidPart,
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        )
        .with("UploadId", upload_id)
        .with("PartNumber", part_number.to_string())
        .with("ETag", etag)
    }

    /// The listed parts do not ascend.
    pub fn invalid_part_order(upload_id: &str) -> Self {
        Self::new(
            ErrorCode::InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        )
        .with("UploadId", upload_id)
    }

    /// Content-MD5 is not the base64 of 16 bytes.
    pub fn invalid_digest(value: &str) -> Self {
        Self::new(ErrorCode::InvalidDigest, "The Content-MD5 you specified was invalid.")
            .with("Content-MD5", value)
    }

    /// The body has another MD5 than Content-MD5 says; both in base64.
    pub fn content_md5_mismatch(expected: &str, calculated: &str) -> Self {
        Self::new(
            ErrorCode::BadDigest,
            "The Content-MD5 you specified did not match what we received.",
        )
        .with("ExpectedDigest", expected)
        .with("CalculatedDigest", calculated)
    }

    /// The body has another checksum than the header or trailer says. `algorithm` as it shall stand
    /// in the sentence: upper case for uploads, lower case at CompleteMultipartUpload.
    pub fn checksum_mismatch(algorithm: &str) -> Self {
        Self::new(
            ErrorCode::BadDigest,
            format!("The {algorithm} you specified did not match the calculated checksum."),
        )
    }

    /// The header of this name has a value that it may not have.
    pub fn invalid_header_value(name: &str) -> Self {
        Self::invalid_request(format!("Value for {name} header is invalid."))
    }

    /// The trailer of this name has a value that it may not have.
    pub fn invalid_trailer_value(name: &str) -> Self {
        Self::invalid_request(format!("Value for {name} trailing header is invalid."))
    }

    /// More than one checksum in one request.
    pub fn multiple_checksums() -> Self {
        Self::invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    }

    /// The body does not have the signed SHA-256; both in hex.
    pub fn content_sha256_mismatch(client: &str, computed: &str) -> Self {
        Self::new(
            ErrorCode::XAmzContentSha256Mismatch,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
        .with("ClientComputedContentSHA256", client)
        .with("S3ComputedContentSHA256", computed)
    }

    /// Chunk number `chunk` (from 1) of an aws-chunked body is too short.
    pub fn invalid_chunk_size(chunk: u64, len: u64) -> Self {
        Self::new(
            ErrorCode::InvalidChunkSizeError,
            "Only the last chunk is allowed to have a size less than 8192 bytes",
        )
        .with("Chunk", chunk.to_string())
        .with("BadChunkSize", len.to_string())
    }

    /// The trailer of a body does not parse.
    pub fn malformed_trailer() -> Self {
        Self::new(
            ErrorCode::MalformedTrailerError,
            "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        )
    }

    /// A body where none may be.
    pub fn unexpected_body() -> Self {
        Self::invalid_request(
            "The request included a body. Requests of this type must not include a non-empty body.",
        )
    }
}

/// Errors of the server.
impl S3Error {
    /// Our fault; the log says more.
    pub fn internal() -> Self {
        Self::new(ErrorCode::InternalError, "We encountered an internal error. Please try again.")
    }

    /// Too much at once; asks for a pause of one second.
    pub fn slow_down() -> Self {
        Self::new(ErrorCode::SlowDown, "Please reduce your request rate.")
            .with_header("retry-after", "1")
    }

    /// Not now (starting, stopping); asks for a pause of one second.
    pub fn service_unavailable() -> Self {
        Self::new(ErrorCode::ServiceUnavailable, "Service is unable to handle request.")
            .with_header("retry-after", "1")
    }

    /// The disk is full.
    pub fn insufficient_storage() -> Self {
        Self::new(
            ErrorCode::InsufficientStorage,
            "There is not enough free space to store the data of this request.",
        )
    }

    /// The client stopped sending.
    pub fn request_timeout() -> Self {
        Self::new(
            ErrorCode::RequestTimeout,
            "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
        )
    }

    /// Another change to the same thing is under way.
    pub fn operation_aborted() -> Self {
        Self::new(
            ErrorCode::OperationAborted,
            "A conflicting conditional operation is currently in progress against this resource. Please try again.",
        )
    }
}

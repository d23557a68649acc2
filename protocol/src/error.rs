//! Room: the errors of S3: code, status, text, details, and their XML.
//!
//! Holds: one constructor for each error whose text or details are fixed, so that a text stands in
//! one place. Whoever answers an error takes a constructor from here; [`S3Error::new`] is for texts
//! that belong to one operation only.
//!
//! Source: S3 "Error responses", and the texts that the service is known to send.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::time::Timestamp;

/// One code per line: the variant, its status, and the name where it differs from the variant.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident $status:literal $name:literal;)*) => {
        /// The codes of S3 that we can answer.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text of `<Code>`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status that goes with the code.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

error_codes! {
    /// The caller may not do this.
    AccessDenied 403 "AccessDenied";
    /// The Authorization header does not parse, or names a wrong region or service.
    AuthorizationHeaderMalformed 400 "AuthorizationHeaderMalformed";
    /// The query parameters of a presigned request do not parse.
    AuthorizationQueryParametersError 400 "AuthorizationQueryParametersError";
    /// The body does not have the digest that the client gave.
    BadDigest 400 "BadDigest";
    /// A request that S3 refuses under no better code (too many tags).
    BadRequest 400 "BadRequest";
    /// Another account owns a bucket of this name.
    BucketAlreadyExists 409 "BucketAlreadyExists";
    /// The caller already owns this bucket.
    BucketAlreadyOwnedByYou 409 "BucketAlreadyOwnedByYou";
    /// Only an empty bucket can be deleted.
    BucketNotEmpty 409 "BucketNotEmpty";
    /// Something else changed the key while a conditional write was under way.
    ConditionalRequestConflict 409 "ConditionalRequestConflict";
    /// The upload is longer than it may be.
    EntityTooLarge 400 "EntityTooLarge";
    /// A part that is not the last one is shorter than it may be.
    EntityTooSmall 400 "EntityTooSmall";
    /// The session token is too old.
    ExpiredToken 400 "ExpiredToken";
    /// The location constraint is not the one of this endpoint.
    IllegalLocationConstraintException 400 "IllegalLocationConstraintException";
    /// The body ended before, or went on after, its declared length.
    IncompleteBody 400 "IncompleteBody";
    /// The disk is full; unlike 503 it is not retried by SDKs.
    InsufficientStorage 507 "InsufficientStorage";
    /// Our fault.
    InternalError 500 "InternalError";
    /// No such access key.
    InvalidAccessKeyId 403 "InvalidAccessKeyId";
    /// A header or parameter has a value that it may not have.
    InvalidArgument 400 "InvalidArgument";
    /// Not a bucket name.
    InvalidBucketName 400 "InvalidBucketName";
    /// The expected owner is not an account id.
    InvalidBucketOwnerAwsAccountId 400 "InvalidBucketOwnerAWSAccountID";
    /// A chunk of an aws-chunked body is too short.
    InvalidChunkSizeError 400 "InvalidChunkSizeError";
    /// Content-MD5 is not the base64 of 16 bytes.
    InvalidDigest 400 "InvalidDigest";
    /// The location constraint is not one.
    InvalidLocationConstraint 400 "InvalidLocationConstraint";
    /// A listed part is not there, or is another one.
    InvalidPart 400 "InvalidPart";
    /// The object has no part of this number.
    InvalidPartNumber 416 "InvalidPartNumber";
    /// The listed parts do not ascend.
    InvalidPartOrder 400 "InvalidPartOrder";
    /// The range has nothing in common with the object.
    InvalidRange 416 "InvalidRange";
    /// The website redirect is neither a path nor a URL.
    InvalidRedirectLocation 400 "InvalidRedirectLocation";
    /// The request as a whole makes no sense.
    InvalidRequest 400 "InvalidRequest";
    /// No such storage class.
    InvalidStorageClass 400 "InvalidStorageClass";
    /// A tag that is not allowed.
    InvalidTag 400 "InvalidTag";
    /// A session token that we did not give out.
    InvalidToken 403 "InvalidToken";
    /// The request target does not decode.
    InvalidUri 400 "InvalidURI";
    /// The key is too long.
    KeyTooLongError 400 "KeyTooLongError";
    /// The trailer of a body does not parse.
    MalformedTrailerError 400 "MalformedTrailerError";
    /// The XML body does not parse, or does not fit the operation.
    MalformedXml 400 "MalformedXML";
    /// The XML body is too long.
    MaxMessageLengthExceeded 400 "MaxMessageLengthExceeded";
    /// Too much user metadata.
    MetadataTooLarge 400 "MetadataTooLarge";
    /// The method is not for this resource.
    MethodNotAllowed 405 "MethodNotAllowed";
    /// Content-Length, or the length of a decoded body, is needed and missing.
    MissingContentLength 411 "MissingContentLength";
    /// No such bucket.
    NoSuchBucket 404 "NoSuchBucket";
    /// No such object.
    NoSuchKey 404 "NoSuchKey";
    /// No tags.
    NoSuchTagSet 404 "NoSuchTagSet";
    /// No such multipart upload.
    NoSuchUpload 404 "NoSuchUpload";
    /// No such version.
    NoSuchVersion 404 "NoSuchVersion";
    /// Part of S3, not of this server.
    NotImplemented 501 "NotImplemented";
    /// Another change to the same thing is under way.
    OperationAborted 409 "OperationAborted";
    /// A condition did not hold.
    PreconditionFailed 412 "PreconditionFailed";
    /// Too many bytes of headers.
    RequestHeaderSectionTooLarge 400 "RequestHeaderSectionTooLarge";
    /// The client's clock is too far from ours.
    RequestTimeTooSkewed 403 "RequestTimeTooSkewed";
    /// The client stopped sending.
    RequestTimeout 400 "RequestTimeout";
    /// The server cannot answer now.
    ServiceUnavailable 503 "ServiceUnavailable";
    /// The signature is another one.
    SignatureDoesNotMatch 403 "SignatureDoesNotMatch";
    /// Too much at once.
    SlowDown 503 "SlowDown";
    /// The body does not have the signed SHA-256.
    XAmzContentSha256Mismatch 400 "XAmzContentSHA256Mismatch";
}

/// An answer that is an error: its code, its sentence, the further elements of its XML in their
/// order, and headers that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Error {
    /// The code; it decides the status.
    pub code: ErrorCode,
    /// `<Message>`.
    pub message: Cow<'static, str>,
    /// Further elements, in order: name and text.
    pub details: Vec<(&'static str, String)>,
    /// Response headers of this error, names in lower case.
    pub headers: Vec<(&'static str, String)>,
}

impl fmt::Display for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl core::error::Error for S3Error {}

impl S3Error {
    /// An error without details.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    /// Adds an element after those already there.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Adds a response header; `name` is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The text of the detail of this name.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    /// The error document. Unlike every other answer it carries no namespace.
    pub fn to_xml(&self, request_id: &str, host_id: &str) -> Vec<u8> {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        push_element(&mut xml, "Code", self.code.as_str());
        push_element(&mut xml, "Message", &self.message);
        for (name, value) in &self.details {
            push_element(&mut xml, name, value);
        }
        push_element(&mut xml, "RequestId", request_id);
        push_element(&mut xml, "HostId", host_id);
        xml.push_str("</Error>");
        xml.into_bytes()
    }
}

fn push_element(xml: &mut String, name: &str, text: &str) {
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\n' | '\t' => xml.push(c),
            // Not characters of XML 1.0: shown as references, as S3 does.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                xml.push_str(&format!("&#x{:X};", u32::from(c)));
            }
            c => xml.push(c),
        }
    }
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

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
        .with("MaxAllowedSkewMilliseconds", crate::limits::CLOCK_SKEW_MAX_MS.to_string())
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
            .with("MaxSizeAllowed", crate::limits::KEY_LEN_MAX.to_string())
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

    /// The object or bucket has no tags.
    pub fn no_such_tag_set(bucket: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::NoSuchTagSet, "The TagSet does not exist")
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
        .with("MaxSizeAllowed", crate::limits::USER_METADATA_LEN_MAX.to_string())
    }

    /// Too many bytes of headers.
    pub fn header_section_too_large() -> Self {
        Self::new(
            ErrorCode::RequestHeaderSectionTooLarge,
            "Your request header section exceeds the maximum allowed request header section size.",
        )
        .with("MaxSizeAllowed", crate::limits::HEADER_SECTION_LEN_MAX.to_string())
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
        .with("MinSizeAllowed", crate::limits::PART_LEN_MIN.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_details_in_order_and_no_namespace() {
        let xml = S3Error::invalid_argument("partNumber", Some("<0&\"\u{1}"), "Bad > part")
            .to_xml("REQUEST", "HOST");
        assert_eq!(
            core::str::from_utf8(&xml).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidArgument</Code>\
             <Message>Bad &gt; part</Message><ArgumentName>partNumber</ArgumentName>\
             <ArgumentValue>&lt;0&amp;&quot;&#x1;</ArgumentValue>\
             <RequestId>REQUEST</RequestId><HostId>HOST</HostId></Error>"
        );
    }

    #[test]
    fn codes_are_distinct_and_their_statuses_are_errors() {
        for (i, code) in ErrorCode::ALL.iter().enumerate() {
            assert!((400..600).contains(&code.status()), "{code:?}");
            for other in &ErrorCode::ALL[i + 1..] {
                assert_ne!(code.as_str(), other.as_str());
            }
        }
    }

    #[test]
    fn argument_without_value_has_no_value_element() {
        let error = S3Error::invalid_argument("x", None, "m");
        assert_eq!(error.details, [("ArgumentName", String::from("x"))]);
    }

    #[test]
    fn unsatisfiable_range_tells_the_size_twice() {
        let error = S3Error::invalid_range("bytes=100-200", 10);
        assert_eq!(error.status(), 416);
        assert_eq!(error.detail("RangeRequested"), Some("bytes=100-200"));
        assert_eq!(error.detail("ActualObjectSize"), Some("10"));
        assert_eq!(error.headers, [("content-range", String::from("bytes */10"))]);
    }
}

//! Room: the codes of S3 that we can answer, and the HTTP status of each.
//!
//! Source: S3 "Error responses", list of error codes.

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
    /// The bucket has no access control lists.
    AccessControlListNotSupported 400 "AccessControlListNotSupported";
    /// No CORS rule allows this.
    AccessForbidden 403 "AccessForbidden";
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
    /// The document about a bucket's versions says nothing of them.
    IllegalVersioningConfigurationException 400 "IllegalVersioningConfigurationException";
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
    /// A new bucket was to have a list that lets the public in.
    InvalidBucketAclWithBlockPublicAccessError 400 "InvalidBucketAclWithBlockPublicAccessError";
    /// A new bucket was to have a list and none.
    InvalidBucketAclWithObjectOwnership 400 "InvalidBucketAclWithObjectOwnership";
    /// Not a bucket name.
    InvalidBucketName 400 "InvalidBucketName";
    /// The expected owner is not an account id.
    InvalidBucketOwnerAwsAccountId 400 "InvalidBucketOwnerAWSAccountID";
    /// What the bucket is does not allow this.
    InvalidBucketState 409 "InvalidBucketState";
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
    /// The policy of a form does not parse.
    InvalidPolicyDocument 400 "InvalidPolicyDocument";
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
    /// The body is no form.
    MalformedPostRequest 400 "MalformedPOSTRequest";
    /// The document is no access control list.
    MalformedAclError 400 "MalformedACLError";
    /// The trailer of a body does not parse.
    MalformedTrailerError 400 "MalformedTrailerError";
    /// The XML body does not parse, or does not fit the operation.
    MalformedXml 400 "MalformedXML";
    /// The XML body is too long.
    MaxMessageLengthExceeded 400 "MaxMessageLengthExceeded";
    /// The fields of a form are too long.
    MaxPostPreDataLengthExceeded 400 "MaxPostPreDataLengthExceeded";
    /// The bucket has no metadata tables.
    MetadataConfigurationNotFound 404 "MetadataConfigurationNotFound";
    /// Too much user metadata.
    MetadataTooLarge 400 "MetadataTooLarge";
    /// The method is not for this resource.
    MethodNotAllowed 405 "MethodNotAllowed";
    /// Content-Length, or the length of a decoded body, is needed and missing.
    MissingContentLength 411 "MissingContentLength";
    /// A header that says what is to be granted is missing.
    MissingSecurityHeader 400 "MissingSecurityHeader";
    /// The bucket has no CORS rules.
    NoSuchCorsConfiguration 404 "NoSuchCORSConfiguration";
    /// No such bucket.
    NoSuchBucket 404 "NoSuchBucket";
    /// The bucket has no policy.
    NoSuchBucketPolicy 404 "NoSuchBucketPolicy";
    /// The bucket has no configuration of this id.
    NoSuchConfiguration 404 "NoSuchConfiguration";
    /// No such object.
    NoSuchKey 404 "NoSuchKey";
    /// The bucket has no lifecycle.
    NoSuchLifecycleConfiguration 404 "NoSuchLifecycleConfiguration";
    /// Nobody ever asked for a retention, or a legal hold, of this version.
    NoSuchObjectLockConfiguration 404 "NoSuchObjectLockConfiguration";
    /// The bucket was never told what to block.
    NoSuchPublicAccessBlockConfiguration 404 "NoSuchPublicAccessBlockConfiguration";
    /// No tags.
    NoSuchTagSet 404 "NoSuchTagSet";
    /// No such multipart upload.
    NoSuchUpload 404 "NoSuchUpload";
    /// No such version.
    NoSuchVersion 404 "NoSuchVersion";
    /// The bucket is no website.
    NoSuchWebsiteConfiguration 404 "NoSuchWebsiteConfiguration";
    /// Part of S3, not of this server.
    NotImplemented 501 "NotImplemented";
    /// The bucket has no object lock.
    ObjectLockConfigurationNotFoundError 404 "ObjectLockConfigurationNotFoundError";
    /// Another change to the same thing is under way.
    OperationAborted 409 "OperationAborted";
    /// The bucket was never told who owns its objects.
    OwnershipControlsNotFoundError 404 "OwnershipControlsNotFoundError";
    /// A condition did not hold.
    PreconditionFailed 412 "PreconditionFailed";
    /// The bucket is not replicated.
    ReplicationConfigurationNotFoundError 404 "ReplicationConfigurationNotFoundError";
    /// Too many bytes of headers.
    RequestHeaderSectionTooLarge 400 "RequestHeaderSectionTooLarge";
    /// The client's clock is too far from ours.
    RequestTimeTooSkewed 403 "RequestTimeTooSkewed";
    /// The client stopped sending.
    RequestTimeout 400 "RequestTimeout";
    /// The bucket encrypts nothing.
    ServerSideEncryptionConfigurationNotFoundError 404 "ServerSideEncryptionConfigurationNotFoundError";
    /// The server cannot answer now.
    ServiceUnavailable 503 "ServiceUnavailable";
    /// The signature is another one.
    SignatureDoesNotMatch 403 "SignatureDoesNotMatch";
    /// Too much at once.
    SlowDown 503 "SlowDown";
    /// The request has a body and must have none.
    UnexpectedContent 400 "UnexpectedContent";
    /// The body does not have the signed SHA-256.
    XAmzContentSha256Mismatch 400 "XAmzContentSHA256Mismatch";
}

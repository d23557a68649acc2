//! Room: the numbers of S3, each with its page. The machine's own limits live in `node`.
//!
//! Units: bytes unless the name says otherwise. S3 writes "MB" and "GB" for powers of two.

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Highest part number. S3: "Amazon S3 multipart upload limits".
pub const PART_NUMBER_MAX: u16 = 10_000;
/// Most parts of one object. S3: "Amazon S3 multipart upload limits".
pub const PARTS_MAX: usize = 10_000;
/// Shortest part, the last one of the list excepted; judged only at CompleteMultipartUpload.
/// S3: "Amazon S3 multipart upload limits".
pub const PART_LEN_MIN: u64 = 5 * MIB;
/// Longest part. S3: "Amazon S3 multipart upload limits".
pub const PART_LEN_MAX: u64 = 5 * GIB;
/// Longest object of one PutObject. S3: "Uploading objects".
pub const PUT_LEN_MAX: u64 = 5 * GIB;
/// Longest source of one CopyObject unless a node copies longer ones, longest range of one UploadPartCopy. S3:
/// "CopyObject".
pub const COPY_LEN_MAX: u64 = 5 * GIB;
/// Longest object: as many parts as there may be, each as long as it may be.
pub const OBJECT_LEN_MAX: u64 = PARTS_MAX as u64 * PART_LEN_MAX;
/// Longest key, in bytes of UTF-8. S3: "Naming Amazon S3 objects".
pub const KEY_LEN_MAX: usize = 1024;
/// Shortest bucket name. S3: "General purpose bucket naming rules".
pub const BUCKET_NAME_LEN_MIN: usize = 3;
/// Longest bucket name. S3: "General purpose bucket naming rules".
pub const BUCKET_NAME_LEN_MAX: usize = 63;
/// User metadata of one object: names without the prefix, and values. S3: "Working with object
/// metadata".
pub const USER_METADATA_LEN_MAX: usize = 2048;
/// Names and values of all request headers. S3: "Error responses", RequestHeaderSectionTooLarge.
pub const HEADER_SECTION_LEN_MAX: usize = 8192;
/// Tags of one object. S3: "Categorizing your objects using tags".
pub const TAGS_MAX: usize = 10;
/// Tags of one bucket. S3: PutBucketTagging.
pub const BUCKET_TAGS_MAX: usize = 50;
/// Longest tag key, in Unicode characters. S3: "Categorizing your objects using tags".
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Longest tag value, in Unicode characters. S3: "Categorizing your objects using tags".
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Longest CORS configuration in bytes. S3: PutBucketCors.
pub const CORS_LEN_MAX: u64 = 64 * 1024;
/// Most rules of one CORS configuration. S3: PutBucketCors.
pub const CORS_RULES_MAX: usize = 100;
/// Longest id of a CORS rule, in Unicode characters. S3: "CORSRule", ID.
pub const CORS_ID_CHARS_MAX: usize = 255;
/// Most rules of one lifecycle. S3: "PutBucketLifecycleConfiguration".
pub const LIFECYCLE_RULES_MAX: usize = 1000;
/// Longest id of a lifecycle rule, in Unicode characters. S3: "LifecycleRule", ID.
pub const LIFECYCLE_ID_CHARS_MAX: usize = 255;
/// Most versions that a lifecycle rule keeps whatever their age. S3: "NoncurrentVersionExpiration".
pub const LIFECYCLE_KEPT_MAX: u32 = 100;
/// Largest size that a lifecycle rule may compare with; S3 names this number in its refusals.
pub const LIFECYCLE_SIZE_MAX: u64 = 1_099_511_627_776_000;
/// Default and cap of one page of a listing (keys, parts, uploads). S3: "ListObjectsV2", max-keys.
pub const LIST_MAX: u32 = 1000;
/// Default and cap of one page of ListBuckets. S3: "ListBuckets", max-buckets.
pub const LIST_BUCKETS_MAX: u32 = 10_000;
/// How far a request's date may be from ours, either way, in milliseconds. S3: "Error responses",
/// RequestTimeTooSkewed.
pub const CLOCK_SKEW_MAX_MS: u64 = 15 * 60 * 1000;
/// Longest life of a presigned request, in seconds. S3: "Authenticating Requests: Using Query
/// Parameters", X-Amz-Expires.
pub const PRESIGN_LIFE_MAX_S: u64 = 604_800;
/// Longest XML body of a request, CompleteMultipartUpload excepted (our choice).
pub const XML_BODY_MAX: u64 = MIB;
/// Longest body of CompleteMultipartUpload: 10,000 parts of about 300 bytes, and room (our choice).
pub const COMPLETE_BODY_MAX: u64 = 8 * MIB;
/// Most keys of one DeleteObjects. S3: "DeleteObjects".
pub const DELETE_KEYS_MAX: usize = 1000;
/// Longest body of DeleteObjects: as many keys as there may be, each as long as it may be, each byte
/// written as a reference of six characters, and room (our choice).
pub const DELETE_BODY_MAX: u64 = 8 * MIB;
/// Shortest aws-chunked chunk, the last one with data excepted. S3: "Signature Calculations for
/// the Authorization Header: Transferring Payload in Multiple Chunks".
pub const CHUNK_LEN_MIN: u64 = 8192;
/// A line of aws-chunked framing: ours. A signed chunk's first line has at most 99 bytes, a trailer
/// with SHA-256 has 68.
pub const CHUNK_LINE_LEN_MAX: usize = 256;

const _: () = assert!(PARTS_MAX == PART_NUMBER_MAX as usize);
const _: () = assert!(PART_LEN_MIN < PART_LEN_MAX);
const _: () = assert!((DELETE_KEYS_MAX * (6 * KEY_LEN_MAX + 512)) as u64 <= DELETE_BODY_MAX);
const _: () = assert!(COPY_LEN_MAX <= PART_LEN_MAX);
const _: () = assert!(PRESIGN_LIFE_MAX_S == 7 * 24 * 60 * 60);

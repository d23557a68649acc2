//! Room: the price of understanding a request before anything is done: head, route, signature, XML.
//!
//! Source of the question: a part copy that is shared costs one synced batch, so what a request costs
//! beside it is what bounds how many of them a core can serve.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use protocol::etag::ETag;
use protocol::name::{AccountId, BucketName};
use protocol::operation::list_objects::v2::ListObjectsV2Input;
use protocol::operation::list_objects::{ListedObject, ObjectPage, v2};
use protocol::operation::listing::PageEnd;
use protocol::operation::upload_part_copy::UploadPartCopyInput;
use protocol::operation::{complete_upload, delete_objects};
use protocol::request::{Head, Headers, Method};
use protocol::route::route;
use protocol::sign::sign::{Signer, Unsigned};
use protocol::sign::{Credential, Keyring, PayloadMode, Scope, SigningKey, authenticate};
use protocol::storage_class::StorageClass;
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

const REGION: &str = "us-east-1";
const NOW: Timestamp = Timestamp::from_millis(1_576_278_963_000);
const COPY_PATH: &str = "/backups/2026/11/disk-0017.img";
const COPY_QUERY: &str = "partNumber=17&uploadId=BrMH4XVgAAAAAAAAAAAAAAAAAAD_a9Yz";

/// A request as it comes off the wire, with everything that signing added.
struct Sent {
    method: &'static str,
    path: &'static str,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Sent {
    fn head(&self) -> Head {
        let headers = self.headers.iter().cloned().collect();
        Head::new(Method::parse(self.method), self.path, Some(&self.query), headers, &[])
            .expect("a head that S3 takes")
    }
}

fn credential() -> Credential {
    Credential {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
    }
}

fn headers(lines: &[(&str, &str)]) -> Headers {
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// What the SDKs send beside what they sign for a part copy.
fn copy_headers() -> Headers {
    headers(&[
        ("host", "s3.example.com:9000"),
        ("x-amz-copy-source", "/backups/2026/10/disk-0017.img"),
        ("x-amz-copy-source-range", "bytes=8589934592-8657043455"),
        ("amz-sdk-invocation-id", "8f3c5a1e-6a41-4f6e-9a42-f5a1c7d7e8a9"),
        ("amz-sdk-request", "attempt=1"),
        ("accept-encoding", "identity"),
        ("user-agent", "Boto3/1.40.1 md/Botocore#1.40.1 ua/2.1 os/linux md/arch#x86_64"),
        ("content-length", "0"),
    ])
}

/// A part copy signed in its header.
fn part_copy() -> Sent {
    let (credential, headers) = (credential(), copy_headers());
    let signer = Signer { credential: &credential, region: REGION, now: NOW };
    let (path, query) = (COPY_PATH, COPY_QUERY);
    let payload = PayloadMode::Unsigned;
    let unsigned = Unsigned { method: "PUT", path, query, headers: &headers, payload };
    let added = signer.sign(&unsigned).headers;
    let added = added.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes()));
    let given = headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    Sent { method: "PUT", path, query: query.to_owned(), headers: given.chain(added).collect() }
}

/// A GET of an object by a presigned URL.
fn presigned_get() -> Sent {
    let (credential, headers) = (credential(), headers(&[("host", "s3.example.com:9000")]));
    let signer = Signer { credential: &credential, region: REGION, now: NOW };
    let (path, payload) = (COPY_PATH, PayloadMode::Unsigned);
    let unsigned = Unsigned { method: "GET", path, query: "", headers: &headers, payload };
    let query = signer.presign(&unsigned, 3600);
    let given = headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    Sent { method: "GET", path, query, headers: given.collect() }
}

/// A keyring that has derived the day's key before, as a node's has.
struct Kept {
    credential: Credential,
    key: SigningKey,
}

impl Kept {
    fn new() -> Self {
        let credential = credential();
        let scope =
            Scope { day: NOW.amz_day(), region: REGION.to_owned(), service: "s3".to_owned() };
        let key = SigningKey::derive(&credential.secret_key, &scope);
        Self { credential, key }
    }
}

impl Keyring for Kept {
    fn secret(&self, access_key: &str) -> Option<&str> {
        self.credential.secret(access_key)
    }

    fn signing_key(&self, access_key: &str, _: &Scope) -> Option<SigningKey> {
        self.secret(access_key).map(|_| self.key.clone())
    }
}

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    for (name, sent) in [("part copy", part_copy()), ("presigned GET", presigned_get())] {
        group.bench_function(BenchmarkId::new("read", name), |bencher| {
            bencher.iter(|| black_box(&sent).head());
        });
        let head = sent.head();
        group.bench_function(BenchmarkId::new("route", name), |bencher| {
            bencher.iter(|| route(black_box(&head)).expect("an operation"));
        });
    }
    let head = part_copy().head();
    group.bench_function("input of a part copy", |bencher| {
        bencher.iter(|| UploadPartCopyInput::parse(black_box(&head)).expect("a part copy"));
    });
    group.finish();
}

fn signatures(criterion: &mut Criterion) {
    let (plain, kept) = (credential(), Kept::new());
    let mut group = criterion.benchmark_group("Signature V4");
    for (name, sent) in [("header", part_copy()), ("presigned", presigned_get())] {
        let head = sent.head();
        let rings: [(&str, &dyn Keyring); 2] = [("key derived", &plain), ("key kept", &kept)];
        for (ring, keyring) in rings {
            group.bench_function(BenchmarkId::new(name, ring), |bencher| {
                bencher.iter(|| {
                    authenticate(black_box(&head), REGION, keyring, NOW).expect("signed right")
                });
            });
        }
    }
    group.finish();
}

fn etag(number: usize) -> ETag {
    ETag::from_text(&format!("{number:032x}")).expect("an ETag")
}

/// The body that completes an upload of so many parts.
fn complete_body(parts: usize) -> Vec<u8> {
    let part = |number: usize| {
        let etag = etag(number).quoted();
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    };
    let parts: String = (1..=parts).map(part).collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}\
         </CompleteMultipartUpload>"
    )
    .into_bytes()
}

fn delete_body(keys: usize) -> Vec<u8> {
    let object = |number: usize| format!("<Object><Key>logs/2026/{number:08}</Key></Object>");
    let objects: String = (0..keys).map(object).collect();
    format!("<Delete><Quiet>true</Quiet>{objects}</Delete>").into_bytes()
}

fn listed(number: usize) -> ListedObject {
    ListedObject {
        key: format!("logs/2026/11/{number:08}.json.gz"),
        modified: NOW,
        etag: etag(number),
        len: 4096,
        checksum: None,
        storage_class: StorageClass::Standard,
    }
}

fn documents(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("XML");
    for parts in [16, 10_000] {
        let body = complete_body(parts);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("read parts", parts), &body, |bencher, body| {
            bencher.iter(|| complete_upload::parse_body(black_box(body)).expect("a list of parts"));
        });
    }
    let body = delete_body(1000);
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function(BenchmarkId::new("read keys to delete", 1000), |bencher| {
        bencher.iter(|| {
            let list = delete_objects::parse_body(black_box(&body), Versioning::Unversioned);
            list.expect("a list of keys")
        });
    });

    let list = headers(&[("host", "s3.example.com:9000")]);
    let list = Head::new(Method::Get, "/logs", Some("list-type=2&prefix=logs/"), list, &[]);
    let input = ListObjectsV2Input::parse(&list.expect("a head")).expect("a listing");
    let bucket = BucketName::parse("logs").expect("a bucket's name");
    let owner = AccountId::parse("000000000000").expect("an account");
    let page = ObjectPage {
        objects: (0..1000).map(listed).collect(),
        ended_with: Some(PageEnd::Name(listed(999).key)),
        ..ObjectPage::default()
    };
    let len = v2::answer(&input, &bucket, &owner, &page).body.len();
    group.throughput(Throughput::Bytes(len as u64));
    group.bench_function(BenchmarkId::new("write a page of keys", 1000), |bencher| {
        bencher.iter(|| v2::answer(&input, &bucket, &owner, black_box(&page)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = heads, signatures, documents
}
criterion_main!(benches);

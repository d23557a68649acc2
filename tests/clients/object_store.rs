//! Room: the object store of Rust's data tools (`object_store` of Apache Arrow), unchanged, against a real node.
//!
//! What is read back is compared byte for byte, by the library and, where it keeps things to itself, by raw requests.
//! It never tries twice: a failure is the node's answer.

use std::future::Future;
use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum, S3CopyIfNotExists};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    Attribute, AttributeValue, Attributes, Error, GetOptions, GetRange, GetResult, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, RetryConfig, TagSet,
    UpdateVersion, WriteMultipart,
};
use tenon_tests::client::{Call, create_bucket};
use tenon_tests::content::Content;
use tenon_tests::node::Node;

const BUCKET: &str = "arrow";
const MIB: u64 = 1 << 20;
/// The library's own length of a part.
const PART_LEN: u64 = 5 * MIB;
/// More than a page of a listing, and more than one DeleteObjects takes.
const MANY: u16 = 1_005;
const AT_ONCE: usize = 16;

/// Runs what a client does on a node of its own, which must be clean afterwards.
fn on_a_node<F: Future<Output = ()>>(name: &str, client: impl FnOnce(Shop) -> F) {
    // The library asks for it, although nothing speaks TLS here; the next test finds it in place.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut node = Node::start(name);
    let reply = node.s3().call(&create_bucket(BUCKET)).expect("the node answers");
    assert_eq!(reply.status, 200);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    runtime.block_on(client(Shop::new(&node)));
    drop(runtime);
    assert!(
        node.metrics().sum("tenon_copy_physical_bytes_total", &[]) < 1.0,
        "a copy has moved bytes"
    );
    node.stop();
    node.must_be_clean(&[]);
}

/// The library's way to the node, and the raw one.
struct Shop {
    store: AmazonS3,
    raw: tenon_tests::client::S3,
}

impl Shop {
    fn new(node: &Node) -> Self {
        let raw = node.s3();
        Self { store: Self::builder(&raw).build().expect("it can be configured"), raw }
    }

    fn builder(raw: &tenon_tests::client::S3) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_endpoint(raw.url())
            .with_allow_http(true)
            .with_region(&raw.region)
            .with_bucket_name(BUCKET)
            .with_access_key_id(&raw.credential.access_key)
            .with_secret_access_key(&raw.credential.secret_key)
            .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
    }

    async fn put(&self, key: &str, content: &Content) -> UpdateVersion {
        let put = self.store.put(&Path::from(key), content.bytes().into()).await;
        put.unwrap_or_else(|error| panic!("PUT {key}: {error}")).into()
    }

    async fn must_hold(&self, key: &str, content: &Content) {
        let got = self.store.get(&Path::from(key)).await;
        let got = got.unwrap_or_else(|error| panic!("GET {key}: {error}"));
        assert_eq!(got.meta.size, content.len(), "{key}");
        let bytes = got.bytes().await.expect("the body arrives");
        must_be(key, &bytes, content);
    }

    async fn must_be_missing(&self, key: &str) {
        let head = self.store.head(&Path::from(key)).await;
        assert!(matches!(head, Err(Error::NotFound { .. })), "{key}: {head:?}");
    }

    async fn keys(&self) -> Vec<String> {
        keys_of(self.store.list(None).try_collect().await.expect("it can be listed"))
    }

    /// The tags of a key, as `name=value`.
    fn tags(&self, key: &str) -> Vec<String> {
        let call = Call::new("GET", format!("/{BUCKET}/{key}")).query("tagging=");
        let reply = self.raw.call(&call).expect("the node answers");
        assert_eq!(reply.status, 200);
        let (names, values) = (reply.elements("Key"), reply.elements("Value"));
        names.iter().zip(&values).map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// How many uploads are open.
    fn uploads(&self) -> usize {
        let call = Call::new("GET", format!("/{BUCKET}")).query("uploads=");
        let reply = self.raw.call(&call).expect("the node answers");
        assert_eq!(reply.status, 200);
        reply.elements("UploadId").len()
    }
}

fn must_be(what: &str, bytes: &[u8], content: &Content) {
    assert_eq!(bytes.len() as u64, content.len(), "{what}");
    assert_eq!(content.first_difference(bytes), None, "{what}");
}

fn keys_of(listed: Vec<ObjectMeta>) -> Vec<String> {
    listed.into_iter().map(|meta| meta.location.to_string()).collect()
}

fn attributes() -> Attributes {
    let metadata = Attribute::Metadata("colour".into());
    let pairs = [
        (Attribute::CacheControl, "max-age=60"),
        (Attribute::ContentDisposition, "attachment; filename=\"a.bin\""),
        (Attribute::ContentEncoding, "zstd"),
        (Attribute::ContentLanguage, "de"),
        (Attribute::ContentType, "application/vnd.apache.parquet"),
        (metadata, "dark blue"),
    ];
    pairs.into_iter().map(|(name, value)| (name, AttributeValue::from(value))).collect()
}

fn tags() -> TagSet {
    let mut tags = TagSet::default();
    tags.push("team", "data + tools");
    tags.push("stage", "raw/1");
    tags
}

#[test]
fn object_store_puts_and_gets_with_attributes_and_tags() {
    on_a_node("object_store_puts", async |shop| {
        for (key, len) in [("empty", 0), ("one", 1), ("plain/größe +&=%.bin", 3 * MIB + 7)] {
            let content = Content::new(len, len);
            shop.put(key, &content).await;
            shop.must_hold(key, &content).await;
        }
        let path = Path::from("dressed");
        let options =
            PutOptions { attributes: attributes(), tags: tags(), ..PutOptions::default() };
        let put = shop.store.put_opts(&path, "dressed".into(), options).await;
        let etag = put.expect("it can be put").e_tag;
        let got = shop.store.get(&path).await.expect("it can be read");
        assert_eq!(got.attributes, attributes());
        assert_eq!(got.meta.e_tag, etag);
        assert_eq!(got.bytes().await.expect("the body arrives"), "dressed");
        assert_eq!(shop.tags("dressed"), ["team=data + tools", "stage=raw/1"]);

        let head = GetOptions { head: true, ..GetOptions::default() };
        let head = shop.store.get_opts(&path, head).await.expect("it has a head");
        assert_eq!(head.attributes, attributes());
        assert_eq!((head.meta.size, head.meta.e_tag), (7, etag));
        shop.must_be_missing("nowhere").await;
    });
}

#[test]
fn object_store_reads_ranges() {
    on_a_node("object_store_ranges", async |shop| {
        let (path, content) = (Path::from("long"), Content::new(3, 4 * MIB + 11));
        let len = content.len();
        shop.put("long", &content).await;
        // Close ones are read at once and cut by the library.
        let ranges = [0..1, 5..70_000, MIB - 1..MIB + 1, 2 * MIB..len, len - 1..len];
        let got = shop.store.get_ranges(&path, &ranges).await.expect("ranges can be read");
        for (range, bytes) in ranges.iter().zip(got) {
            must_be("get_ranges", &bytes, &content.slice(range.clone()));
            let bytes = shop.store.get_range(&path, range.clone()).await.expect("a range");
            must_be("get_range", &bytes, &content.slice(range.clone()));
        }
        let open = [
            (GetRange::Suffix(9), len - 9..len),
            (GetRange::Offset(MIB + 3), MIB + 3..len),
            // What reaches beyond the end is cut.
            (GetRange::Bounded(len - 4..len + 100), len - 4..len),
        ];
        for (range, expected) in open {
            let got = range_of(&shop, &path, range).await;
            assert_eq!(got.range, expected);
            assert_eq!(got.meta.size, len);
            let bytes = got.bytes().await.expect("the body arrives");
            must_be("an open range", &bytes, &content.slice(expected));
        }
        let beyond = Range { start: len, end: len + 1 };
        assert!(shop.store.get_range(&path, beyond).await.is_err(), "nothing is there");
    });
}

async fn range_of(shop: &Shop, path: &Path, range: GetRange) -> GetResult {
    let options = GetOptions { range: Some(range), ..GetOptions::default() };
    shop.store.get_opts(path, options).await.expect("the range can be read")
}

#[test]
fn object_store_uploads_in_parts() {
    on_a_node("object_store_parts", async |shop| {
        let content = Content::new(4, 3 * PART_LEN + 4_321);
        let options = PutMultipartOptions {
            attributes: attributes(),
            tags: tags(),
            ..PutMultipartOptions::default()
        };
        let path = Path::from("parts/large");
        let upload = shop.store.put_multipart_opts(&path, options).await.expect("an upload");
        let mut writer = WriteMultipart::new(upload);
        for piece in content.bytes().chunks(700_001) {
            writer.wait_for_capacity(2).await.expect("parts arrive");
            writer.write(piece);
        }
        let put = writer.finish().await.expect("the upload can be completed");
        shop.must_hold("parts/large", &content).await;
        let head = shop.store.head(&path).await.expect("it has a head");
        assert_eq!(head.e_tag, put.e_tag);
        assert!(head.e_tag.is_some_and(|etag| etag.ends_with("-4\"")));
        assert_eq!(shop.tags("parts/large"), ["team=data + tools", "stage=raw/1"]);
        let got = shop.store.get(&path).await.expect("it can be read");
        assert_eq!(got.attributes, attributes());

        let upload = shop.store.put_multipart(&Path::from("given-up")).await.expect("an upload");
        let mut writer = WriteMultipart::new(upload);
        writer.put(Bytes::from(Content::new(5, PART_LEN + 1).bytes()));
        assert_eq!(shop.uploads(), 1);
        writer.abort().await.expect("it can be given up");
        shop.must_be_missing("given-up").await;
        assert_eq!(shop.uploads(), 0);
    });
}

#[test]
fn object_store_uploads_parts_by_number() {
    on_a_node("object_store_numbers", async |shop| {
        let (path, content) = (Path::from("by-number"), Content::new(6, PART_LEN + 5));
        let id = shop.store.create_multipart(&path).await.expect("an upload");
        let mut parts = Vec::new();
        for (index, range) in [(1, PART_LEN..content.len()), (0, 0..PART_LEN)] {
            let bytes = content.slice(range).bytes();
            parts.push(shop.store.put_part(&path, &id, index, bytes.into()).await.expect("a part"));
        }
        parts.reverse();
        shop.store.complete_multipart(&path, &id, parts).await.expect("it can be completed");
        shop.must_hold("by-number", &content).await;
        let again = shop.store.create_multipart(&path).await.expect("an upload");
        shop.store.abort_multipart(&path, &again).await.expect("it can be given up");
        assert_eq!(shop.uploads(), 0);
    });
}

#[test]
fn object_store_sends_checksums() {
    on_a_node("object_store_checksums", async |shop| {
        let algorithms =
            [(Checksum::SHA256, "ChecksumSHA256"), (Checksum::CRC64NVME, "ChecksumCRC64NVME")];
        for (algorithm, element) in algorithms {
            let store = Shop::builder(&shop.raw).with_checksum_algorithm(algorithm).build();
            let shop = Shop { store: store.expect("it can be configured"), raw: shop.raw.clone() };
            let content = Content::new(7, 2 * PART_LEN + 3);
            shop.put("whole", &content).await;
            shop.must_hold("whole", &content).await;
            let upload = shop.store.put_multipart(&Path::from("parts")).await.expect("an upload");
            let mut writer = WriteMultipart::new(upload);
            writer.write(&content.bytes());
            writer.finish().await.expect("the upload can be completed");
            shop.must_hold("parts", &content).await;
            for key in ["whole", "parts"] {
                let call = Call::new("GET", format!("/{BUCKET}/{key}")).query("attributes=");
                let call = call.header("x-amz-object-attributes", "Checksum");
                let reply = shop.raw.call(&call).expect("the node answers");
                assert!(reply.element(element).is_some(), "{key}: {}", reply.text());
            }
        }
    });
}

#[test]
fn object_store_copies_and_renames() {
    on_a_node("object_store_copies", async |shop| {
        let (source, small) = (Content::new(8, 9 * MIB + 1), Content::new(9, 5));
        let path = Path::from;
        shop.put("from", &source).await;
        shop.put("small", &small).await;
        shop.put("empty", &Content::default()).await;

        shop.store.copy(&path("from"), &path("to")).await.expect("it can be copied");
        shop.must_hold("to", &source).await;
        shop.store.copy(&path("small"), &path("to")).await.expect("over what is there");
        shop.must_hold("to", &small).await;

        // rule: complete/if-none-match-any
        // rule: part-copy/empty-source
        let sources = [("from", &source), ("small", &small), ("empty", &Content::default())];
        for (from, content) in sources {
            let to = format!("first/{from}");
            let copied = shop.store.copy_if_not_exists(&path(from), &Path::from(to.as_str())).await;
            copied.unwrap_or_else(|error| panic!("{from}: {error}"));
            shop.must_hold(&to, content).await;
            let again =
                shop.store.copy_if_not_exists(&path("small"), &Path::from(to.as_str())).await;
            assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{from}: {again:?}");
            shop.must_hold(&to, content).await;
        }
        let nothing = shop.store.copy_if_not_exists(&path("nowhere"), &path("x")).await;
        assert!(matches!(nothing, Err(Error::NotFound { .. })), "{nothing:?}");
        assert_eq!(shop.uploads(), 0, "the library gives its uploads up");

        shop.store.rename(&path("from"), &path("renamed")).await.expect("it can be renamed");
        shop.must_hold("renamed", &source).await;
        shop.must_be_missing("from").await;
        let taken = shop.store.rename_if_not_exists(&path("small"), &path("renamed")).await;
        assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "{taken:?}");
        shop.must_hold("renamed", &source).await;
        shop.must_hold("small", &small).await;
        shop.store.rename_if_not_exists(&path("small"), &path("new")).await.expect("it is free");
        shop.must_hold("new", &small).await;
        shop.must_be_missing("small").await;
    });
}

#[test]
fn one_of_many_copies_is_the_first() {
    on_a_node("object_store_race", async |shop| {
        let contents: Vec<Content> = (0..8).map(|seed| Content::new(seed, 1_000 + seed)).collect();
        let sources: Vec<Path> = (0..8).map(|n| Path::from(format!("from/{n}"))).collect();
        for (source, content) in sources.iter().zip(&contents) {
            shop.put(source.as_ref(), content).await;
        }
        let to = Path::from("to");
        let copies = sources.iter().map(|source| shop.store.copy_if_not_exists(source, &to));
        let results = futures_util::future::join_all(copies).await;
        let won: Vec<usize> = (0..8).filter(|at| results[*at].is_ok()).collect();
        assert_eq!(won.len(), 1, "{results:?}");
        for result in results.iter().filter_map(|result| result.as_ref().err()) {
            // A 409 (another Complete in between) is the same news.
            assert!(matches!(result, Error::AlreadyExists { .. }), "{result:?}");
        }
        shop.must_hold("to", &contents[won[0]]).await;
    });
}

#[test]
fn object_store_puts_on_condition() {
    on_a_node("object_store_conditions", async |shop| {
        let path = Path::from("state");
        let put = async |mode: PutMode, text: &'static str| {
            let options = PutOptions::from(mode);
            shop.store.put_opts(&path, text.into(), options).await.map(UpdateVersion::from)
        };
        let none = UpdateVersion { e_tag: Some("\"nothing\"".into()), version: None };
        let early = put(PutMode::Update(none), "too early").await;
        assert!(matches!(early, Err(Error::Precondition { .. })), "{early:?}");
        let first = put(PutMode::Create, "first").await.expect("the key is free");
        let again = put(PutMode::Create, "again").await;
        assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
        let second = put(PutMode::Update(first.clone()), "second").await.expect("nothing changed");
        let stale = put(PutMode::Update(first), "stale").await;
        assert!(matches!(stale, Err(Error::Precondition { .. })), "{stale:?}");
        let got = shop.store.get(&path).await.expect("it can be read");
        assert_eq!(got.meta.e_tag, second.e_tag);
        assert_eq!(got.bytes().await.expect("the body arrives"), "second");

        let known = GetOptions { if_none_match: second.e_tag.clone(), ..GetOptions::default() };
        let got = shop.store.get_opts(&path, known).await;
        assert!(matches!(got, Err(Error::NotModified { .. })), "{got:?}");
        let other = GetOptions { if_match: Some("\"other\"".into()), ..GetOptions::default() };
        let got = shop.store.get_opts(&path, other).await;
        assert!(matches!(got, Err(Error::Precondition { .. })), "{got:?}");

        let all = (0..8).map(|_| put(PutMode::Update(second.clone()), "third"));
        let results = futures_util::future::join_all(all).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    });
}

#[test]
fn object_store_lists_and_deletes_more_than_a_page() {
    on_a_node("object_store_lists", async |shop| {
        let names: Vec<String> = (0..MANY).map(|n| format!("many/{n:04}")).collect();
        let body = Content::new(1, 2);
        let puts = names.iter().map(|name| shop.put(name, &body));
        stream::iter(puts).buffer_unordered(AT_ONCE).for_each(async |_| ()).await;
        let odd = ["a b/c+d", "many.txt"];
        for key in odd {
            shop.put(key, &Content::new(2, 3)).await;
        }
        let mut expected: Vec<String> = names.clone();
        expected.extend(odd.map(str::to_owned));
        expected.sort();
        assert_eq!(shop.keys().await, expected);

        let under = Path::from("many");
        let listed = shop.store.list(Some(&under)).try_collect().await.expect("a listing");
        assert_eq!(keys_of(listed), names);
        let after = Path::from("many/0498");
        let listed = shop.store.list_with_offset(Some(&under), &after);
        let listed = listed.try_collect().await.expect("a listing");
        assert_eq!(keys_of(listed), names[499..]);

        let level = shop.store.list_with_delimiter(None).await.expect("a listing");
        let folders: Vec<&str> = level.common_prefixes.iter().map(AsRef::as_ref).collect();
        assert_eq!(folders, ["a b", "many"]);
        assert!(level.objects.iter().all(|meta| meta.size == 3));
        assert_eq!(keys_of(level.objects), ["many.txt"]);

        // Deleting what is not there is a success.
        let mut doomed = names.clone();
        doomed.push("never there".to_owned());
        let paths: Vec<_> = doomed.iter().map(|name| Ok(Path::from(name.as_str()))).collect();
        let gone = shop.store.delete_stream(stream::iter(paths).boxed());
        let gone: Vec<Path> = gone.try_collect().await.expect("all can be deleted");
        assert_eq!(gone.len(), doomed.len());
        assert_eq!(shop.keys().await, ["a b/c+d", "many.txt"]);
        shop.store.delete(&Path::from("many.txt")).await.expect("it can be deleted");
        shop.must_be_missing("many.txt").await;
    });
}

//! Room: one random request about what there is.

use tenon_tests::random::Random;

use crate::choice::{BUCKETS, Choice};
use crate::content::{Content, base64};
use crate::names::Names;
use crate::reference::checksum::{self, ALGORITHMS};
use crate::reference::{Reference, Upload};
use crate::wire::{Ask, Body};
use crate::xml::Node;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The bucket of this number.
    Make(usize),
    /// Versioning of the bucket of this number.
    Version(usize, &'static str),
    /// What nothing names goes away.
    Tidy,
    Put,
    Read,
    Copy,
    Delete,
    DeleteMany,
    Tags,
    Attributes,
    CreateUpload,
    UploadPart,
    UploadPartCopy,
    Complete,
    Abort,
    ListParts,
    ListUploads,
    ListObjects,
    ListVersions,
    Buckets,
}

/// How often each is drawn.
const WEIGHTS: [(Kind, u64); 20] = [
    (Kind::Put, 18),
    (Kind::Read, 20),
    (Kind::Copy, 9),
    (Kind::Delete, 8),
    (Kind::DeleteMany, 4),
    (Kind::Tags, 5),
    (Kind::Attributes, 4),
    (Kind::CreateUpload, 8),
    (Kind::UploadPart, 12),
    (Kind::UploadPartCopy, 7),
    (Kind::Complete, 8),
    (Kind::Abort, 1),
    (Kind::ListParts, 3),
    (Kind::ListUploads, 4),
    (Kind::ListObjects, 8),
    (Kind::ListVersions, 6),
    (Kind::Buckets, 4),
    (Kind::Version(0, "Enabled"), 1),
    (Kind::Version(0, "Suspended"), 1),
    (Kind::Tidy, 1),
];

/// A kind by its weight.
pub(crate) fn kind(random: &mut Random) -> Kind {
    let mut place = random.within(0..WEIGHTS.iter().map(|(_, weight)| weight).sum());
    for (kind, weight) in WEIGHTS {
        if place < weight {
            return kind;
        }
        place -= weight;
    }
    Kind::Tidy
}

/// The states of versioning that the first two buckets begin with.
pub(crate) fn beginning(random: &mut Random) -> Vec<Kind> {
    let mut steps = vec![Kind::Make(0), Kind::Make(1)];
    for bucket in 0..2 {
        match random.within(0..4) {
            0 | 1 => steps.push(Kind::Version(bucket, "Enabled")),
            2 => steps.push(Kind::Version(bucket, "Suspended")),
            _ => {}
        }
    }
    steps
}

/// The request of a step; none where there is nothing to ask.
pub(crate) fn request(kind: Kind, seed: u64, reference: &Reference, names: &Names) -> Option<Ask> {
    let mut choice = Choice { random: Random::from_seed(seed), reference, names };
    Some(match kind {
        Kind::Tidy => return None,
        Kind::Make(place) => Ask::new("PUT", BUCKETS[place], None),
        Kind::Version(place, status) => {
            let place = if seed == 0 { place } else { choice.one(&[0, 1, 1, 2]) };
            let document = Node::new("VersioningConfiguration").with("Status", status);
            let ask = Ask::new("PUT", BUCKETS[place], None).param("versioning", "");
            Ask { body: Body::Document(document), ..ask }
        }
        Kind::Put => choice.put(),
        Kind::Read => choice.read(),
        Kind::Copy => choice.copy(),
        Kind::Delete => choice.delete(),
        Kind::DeleteMany => choice.delete_many(),
        Kind::Tags => choice.tags(),
        Kind::Attributes => choice.attributes(),
        Kind::CreateUpload => choice.create_upload(),
        Kind::UploadPart => choice.upload_part(),
        Kind::UploadPartCopy => choice.upload_part_copy(),
        Kind::Complete => choice.complete(),
        Kind::Abort => choice.abort(),
        Kind::ListParts => choice.list_parts(),
        Kind::ListUploads => choice.list_uploads(),
        Kind::ListObjects => choice.list_objects(),
        Kind::ListVersions => choice.list_versions(),
        Kind::Buckets => choice.buckets(),
    })
}

impl Choice<'_> {
    fn put(&mut self) -> Ask {
        let (bucket, key, content) = (self.bucket(), self.key(), self.content(1));
        let ask = Ask::new("PUT", bucket, Some(key));
        let ask = self.kept(ask);
        let ask = self.write_condition(ask, 15);
        let ask = self.sum(ask, &content, 40);
        Ask { body: Body::Content(content), ..ask }
    }

    fn read(&mut self) -> Ask {
        let bucket = self.bucket();
        let key = self.read_key(bucket);
        let large = self.large().filter(|_| self.chance(20));
        let (bucket, key) = large.unwrap_or_else(|| (bucket.to_owned(), key.to_owned()));
        let (bucket, key) = (&*bucket, &*key);
        let method = self.one(&["GET", "GET", "GET", "HEAD"]);
        let ask = self.conditions(Ask::new(method, bucket, Some(key)), "", bucket, key);
        let range = self.maybe(25, Self::range);
        let part =
            self.maybe(15, |choice| choice.one(&["1", "1", "1", "2", "2", "3", "0", "10001", "x"]));
        let version = self.version(bucket, key, 25);
        // Which of two faults is told is not S3's to say.
        let version = version.filter(|id| part.is_none() || !is_malformed(id));
        let mode = self.maybe(40, |_| "ENABLED");
        let other = self.maybe(5, |_| "no-store");
        let ask = ask.header_if("range", range).header_if("x-amz-checksum-mode", mode);
        let ask = part.into_iter().fold(ask, |ask, part| ask.param("partNumber", part));
        let ask = version.into_iter().fold(ask, |ask, id| ask.param("versionId", id));
        other.into_iter().fold(ask, |ask, value| ask.param("response-cache-control", value))
    }

    fn copy(&mut self) -> Ask {
        let (bucket, key) = (self.bucket(), self.key());
        let ask = Ask::new("PUT", bucket, Some(key));
        let ask = self.kept(ask);
        let ask = self.source(ask);
        let ask = self.write_condition(ask, 10);
        let directive = |choice: &mut Self| choice.one(&["REPLACE", "REPLACE", "COPY", "replace"]);
        let (headers, tags) = (self.maybe(40, directive), self.maybe(30, directive));
        let algorithm = self.maybe(30, |choice| choice.one(&ALGORITHMS).0);
        ask.header_if("x-amz-metadata-directive", headers)
            .header_if("x-amz-tagging-directive", tags)
            .header_if("x-amz-checksum-algorithm", algorithm)
    }

    fn delete(&mut self) -> Ask {
        let bucket = self.bucket();
        let key = self.deleted_key(bucket);
        let version = self.version(bucket, key, 40);
        let condition = self.maybe(10, |choice| choice.one_etag(bucket, key));
        let ask = Ask::new("DELETE", bucket, Some(key)).header_if("if-match", condition);
        version.into_iter().fold(ask, |ask, id| ask.param("versionId", id))
    }

    fn delete_many(&mut self) -> Ask {
        let bucket = self.bucket();
        let mut document = Node::new("Delete");
        for _ in 0..self.one(&[1, 1, 2, 3, 5, 0]) {
            let key = self.key();
            let version = self.version(bucket, key, 50);
            let etag = self.maybe(10, |choice| choice.one_etag(bucket, key));
            let object = Node::new("Object").with("Key", key);
            document = document.and(object.with_if("VersionId", version).with_if("ETag", etag));
        }
        let quiet = self.maybe(25, |_| true);
        let ask = Ask::new("POST", bucket, None).param("delete", "");
        Ask { body: Body::Document(document.with_if("Quiet", quiet)), ..ask }
    }

    fn tags(&mut self) -> Ask {
        let bucket = self.bucket();
        let key = self.read_key(bucket);
        let method = self.one(&["GET", "GET", "PUT", "PUT", "DELETE"]);
        let names = self.one(&[&["a"][..], &["a", "b"], &[], &["a", "a"], &["aws:x"]]);
        let version = self.version(bucket, key, 30);
        let ask = Ask::new(method, bucket, Some(key)).param("tagging", "");
        let ask = version.into_iter().fold(ask, |ask, id| ask.param("versionId", id));
        if method != "PUT" {
            return ask;
        }
        let set = names.iter().fold(Node::new("TagSet"), |set, name| {
            set.and(Node::new("Tag").with("Key", name).with("Value", "1 + 2"))
        });
        Ask { body: Body::Document(Node::new("Tagging").and(set)), ..ask }
    }

    fn attributes(&mut self) -> Ask {
        let bucket = self.bucket();
        let key = self.read_key(bucket);
        let version = self.version(bucket, key, 30);
        let all = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize";
        let asked = self.one(&[all, all, "ETag", "ObjectParts", "Checksum, ObjectSize", ""]);
        let version = version.filter(|id| !asked.is_empty() || !is_malformed(id));
        let max = self.maybe(20, |choice| choice.one(&[1, 2, 5000]));
        let marker = self.maybe(20, |choice| choice.one(&[0, 1, 2]));
        let ask = Ask::new("GET", bucket, Some(key)).param("attributes", "");
        let ask = version.into_iter().fold(ask, |ask, id| ask.param("versionId", id));
        ask.header("x-amz-object-attributes", asked)
            .header_if("x-amz-max-parts", max)
            .header_if("x-amz-part-number-marker", marker)
    }

    fn create_upload(&mut self) -> Ask {
        let (bucket, key) = (self.bucket(), self.key());
        let ask = self.kept(Ask::new("POST", bucket, Some(key)).param("uploads", ""));
        let algorithm = self.maybe(60, |choice| choice.one(&ALGORITHMS).0);
        let kind = self.maybe(30, |choice| choice.one(&["FULL_OBJECT", "COMPOSITE", "OTHER"]));
        ask.header_if("x-amz-checksum-algorithm", algorithm).header_if("x-amz-checksum-type", kind)
    }

    /// An upload, or what was or looks like one: bucket, key, id, and the upload if it is open.
    fn upload(&mut self) -> (String, String, String, Option<&'static str>) {
        self.upload_of(0)
    }

    /// The same; most of the open ones have so many parts at least.
    fn upload_of(&mut self, parts: usize) -> (String, String, String, Option<&'static str>) {
        let (mut open, mut few) = (Vec::new(), Vec::new());
        let mut over = Vec::new();
        for (name, bucket) in &self.reference.buckets {
            for upload in &bucket.uploads {
                let algorithm = upload.sum.map(|(algorithm, _)| algorithm);
                let kind = if upload.parts.len() < parts { &mut few } else { &mut open };
                kind.push((name.clone(), upload.key.clone(), upload.id.clone(), algorithm));
            }
            for (key, id) in bucket.ended() {
                over.push((name.clone(), key.to_owned(), id.to_owned(), None));
            }
        }
        // The latest ones are asked for most.
        let latest = open.len().saturating_sub(2);
        let late = self.of(&open[latest..]);
        open.extend(few);
        let (any, over) = (self.of(&open), self.of(&over));
        let (stray, key) = (self.bucket().to_owned(), self.key().to_owned());
        let stray = (stray, key.clone(), "nothing".to_owned(), None);
        match self.random.within(0..20) {
            0..13 => late.or(any).unwrap_or(stray),
            13..17 => any.unwrap_or(stray),
            17 | 18 => over.unwrap_or(stray),
            _ => late.map_or(stray, |(bucket, _, id, sum)| (bucket, key, id, sum)),
        }
    }

    fn open(&self, bucket: &str, id: &str) -> Option<&Upload> {
        self.reference.buckets.get(bucket)?.uploads.iter().find(|upload| upload.id == id)
    }

    fn number(&mut self) -> &'static str {
        self.one(&["1", "1", "1", "1", "2", "2", "2", "3", "3", "10000", "0", "10001"])
    }

    /// The number of a part. Those with checksums must have no gaps, and behind a large first one a second is welcome.
    fn number_for(&mut self, bucket: &str, id: &str) -> &'static str {
        let (number, is_next) = (self.number(), self.chance(50));
        let Some(upload) = self.open(bucket, id).filter(|_| is_next) else { return number };
        match upload.parts.get(&1) {
            Some(first) if first.content.len() >= 5 << 20 => "2",
            None if upload.sum.is_some() => "1",
            _ => number,
        }
    }

    fn upload_part(&mut self) -> Ask {
        let (bucket, key, id, algorithm) = self.upload();
        let number = self.number_for(&bucket, &id);
        let content = self.content(if number == "1" { 25 } else { 3 });
        let ask = Ask::new("PUT", &bucket, Some(&key)).param("uploadId", id);
        let ask = ask.param("partNumber", number);
        let ask = match algorithm.filter(|_| self.chance(90)) {
            Some(algorithm) => self.sum_by(ask, &content, algorithm, 90),
            None => self.sum(ask, &content, 30),
        };
        Ask { body: Body::Content(content), ..ask }
    }

    fn upload_part_copy(&mut self) -> Ask {
        let (bucket, key, id, _) = self.upload();
        let number = self.number_for(&bucket, &id);
        let ask = Ask::new("PUT", &bucket, Some(&key)).param("uploadId", id);
        let ask = self.source(ask.param("partNumber", number));
        let (first, len) =
            (self.one(&[0_u64, 0, 0, 1, 9, 4999, 65_536]), self.one(&[0_u64, 1, 9, 99, 65_535]));
        let large = self.one(&[(5 << 20) - 1, 5 << 20]);
        let range = match self.random.within(0..10) {
            0..4 => Some(format!("bytes={first}-{}", first + len)),
            4 => Some(format!("bytes={first}-{}", first + large)),
            5 if self.chance(20) => Some(self.range()),
            _ => None,
        };
        ask.header_if("x-amz-copy-source-range", range)
    }

    fn complete(&mut self) -> Ask {
        let (bucket, key, id, _) = self.upload_of(1);
        let ask = Ask::new("POST", &bucket, Some(&key)).param("uploadId", &id);
        let ended = self.reference.buckets.get(&bucket).and_then(|bucket| bucket.list_of(&id));
        let ask = self.write_condition(ask, 35);
        let (flaw, which) = (self.random.within(0..30), self.random.next_u64());
        let mut document = Node::new("CompleteMultipartUpload");
        let Some(upload) = self.open(&bucket, &id) else {
            let list = ended.unwrap_or(&[]);
            for (number, etag) in list.iter().skip(usize::from(flaw == 0)) {
                let (number, etag) = match flaw {
                    1..3 => (number + 1, etag.as_str()),
                    3..5 => (*number, "0123"),
                    _ => (*number, etag.as_str()),
                };
                document = document.and(listed(number, etag));
            }
            return Ask { body: Body::Document(document), ..ask };
        };
        let mut contents = Vec::new();
        let mut parts = Vec::new();
        for (number, part) in &upload.parts {
            // A lone gap must not make the whole list useless.
            if upload.sum.is_some() && *number as usize != parts.len() + 1 && flaw != 1 {
                break;
            }
            // A short part must be the last one; let it be so most of the time.
            parts.push(listed(i64::from(*number), &part.etag).with_if(
                &Choice::sum_element(upload.sum.map_or("", |(algorithm, _)| algorithm)),
                part.sum.as_ref().filter(|_| flaw != 2),
            ));
            contents.push(part.content.clone());
            if part.content.len() < 5 << 20 && flaw != 3 {
                break;
            }
        }
        match flaw {
            4 => parts.reverse(),
            5 => parts.push(listed(7, "0123")),
            6 => parts = vec![listed(0, "0123")],
            7 => parts = parts.into_iter().map(|part| part.with("ChecksumSHA1", "AAAA")).collect(),
            9..12 => {
                // A checksum as it must look, but another one, or by another algorithm.
                let own = upload.sum.map_or("CRC32", |(algorithm, _)| algorithm);
                let algorithm = if flaw == 9 { "SHA256" } else { own };
                let wrong = base64(&Content::pattern(9, 9).digest(algorithm));
                let name = Choice::sum_element(algorithm);
                if let Some(part) = parts.last_mut() {
                    part.children.retain(|child| !child.name.starts_with("Checksum"));
                    part.children.push(Node::leaf(&name, wrong));
                }
            }
            _ => {}
        }
        let document = parts.into_iter().fold(document, Node::and);
        let body = if flaw == 8 { Body::Empty } else { Body::Document(document) };
        let content = Content::joined(&contents);
        let ask = match which % 12 {
            0 => ask.header("x-amz-mp-object-size", content.len()),
            1 => ask.header("x-amz-mp-object-size", self.one(&["7", "-1", "x"])),
            2 => self.sum(ask, &content, 100),
            3 => ask.header("x-amz-checksum-type", self.one(&["FULL_OBJECT", "COMPOSITE", "X"])),
            _ => ask,
        };
        Ask { body, ..ask }
    }

    fn abort(&mut self) -> Ask {
        let (bucket, key, id, _) = self.upload();
        Ask::new("DELETE", &bucket, Some(&key)).param("uploadId", id)
    }

    fn list_parts(&mut self) -> Ask {
        let (bucket, key, id, _) = self.upload_of(2);
        let ask = Ask::new("GET", &bucket, Some(&key)).param("uploadId", id);
        let max = self.maybe(40, |choice| choice.one(&["0", "1", "2", "5000", "-1", "x"]));
        let marker = self.maybe(40, |choice| choice.one(&["0", "1", "2", "9999", "-1", "x"]));
        let ask = max.into_iter().fold(ask, |ask, max| ask.param("max-parts", max));
        marker.into_iter().fold(ask, |ask, marker| ask.param("part-number-marker", marker))
    }

    /// Which names a listing asks for, and how they are shown.
    fn listing(&mut self, ask: Ask, max: &'static str) -> Ask {
        let prefix =
            self.maybe(30, |choice| choice.one(&["a", "a/", "a/b", "b/ü", "", "q", "\u{1}"]));
        let delimiter =
            self.maybe(50, |choice| choice.one(&["/", "/", "/", "b", "//", "/b", "ü", ""]));
        let size = self.maybe(60, |choice| {
            choice.one(&["1", "1", "2", "2", "3", "5", "0", "5000", "-1", "x"])
        });
        let encoding =
            self.maybe(30, |choice| choice.one(&["url", "url", "url", "url", "", "gzip"]));
        let ask = prefix.into_iter().fold(ask, |ask, text| ask.param("prefix", text));
        let ask = delimiter.into_iter().fold(ask, |ask, text| ask.param("delimiter", text));
        let ask = size.into_iter().fold(ask, |ask, text| ask.param(max, text));
        encoding.into_iter().fold(ask, |ask, text| ask.param("encoding-type", text))
    }

    fn marker(&mut self) -> &'static str {
        let key = self.key();
        self.one(&[key, key, key, "a/c", "a0", "", "zz"])
    }

    fn list_objects(&mut self) -> Ask {
        let ask = Ask::new("GET", self.bucket(), None);
        let second = self.chance(50);
        let ask = self.listing(ask, "max-keys");
        let marker = self.maybe(40, Self::marker);
        let token = self.token(30);
        let owner = self.maybe(30, |choice| choice.one(&["true", "false"]));
        if !second {
            return marker.into_iter().fold(ask, |ask, text| ask.param("marker", text));
        }
        let ask = ask.param("list-type", "2");
        let ask = marker.into_iter().fold(ask, |ask, text| ask.param("start-after", text));
        let ask = owner.into_iter().fold(ask, |ask, text| ask.param("fetch-owner", text));
        token.into_iter().fold(ask, |ask, text| ask.param("continuation-token", text))
    }

    /// The token of a page, of the last ones.
    fn token(&mut self, percent: u64) -> Option<String> {
        let all = self.reference.tokens_of_objects();
        let known: Vec<String> =
            all.into_iter().filter(|token| self.names.resolve(token).is_some()).collect();
        let token = self.of(&known[known.len().saturating_sub(3)..]);
        self.chance(percent).then_some(token).flatten()
    }

    fn list_versions(&mut self) -> Ask {
        let bucket = self.bucket();
        let ask = self.listing(Ask::new("GET", bucket, None).param("versions", ""), "max-keys");
        let marker = self.maybe(50, Self::marker);
        let id = self.marked_version(bucket, marker.unwrap_or_default());
        let ask = marker.into_iter().fold(ask, |ask, text| ask.param("key-marker", text));
        id.into_iter().fold(ask, |ask, text| ask.param("version-id-marker", text))
    }

    fn list_uploads(&mut self) -> Ask {
        let (bucket, key, id, _) = self.upload();
        let ask = Ask::new("GET", &bucket, None).param("uploads", "");
        let ask = self.listing(ask, "max-uploads");
        let marker = self.marker().to_owned();
        let own = self.open(&bucket, &id).is_some_and(|upload| upload.key == key);
        match self.random.within(0..6) {
            0 | 1 => ask,
            2 | 3 => ask.param("key-marker", marker),
            _ if own => ask.param("key-marker", key).param("upload-id-marker", id),
            _ => ask,
        }
    }

    fn buckets(&mut self) -> Ask {
        let bucket = self.bucket();
        let service = Ask { bucket: None, ..Ask::new("GET", "", None) };
        let max = self.maybe(50, |choice| choice.one(&["1", "2", "10000"]));
        let prefix = self.maybe(30, |choice| choice.one(&["a", "gamma", "x"]));
        match self.random.within(0..10) {
            0 | 1 => {
                let ask = max.into_iter().fold(service, |ask, max| ask.param("max-buckets", max));
                prefix.into_iter().fold(ask, |ask, prefix| ask.param("prefix", prefix))
            }
            2 | 3 => Ask::new("HEAD", bucket, None),
            4 | 5 => Ask::new("DELETE", bucket, None),
            6 => Ask::new("GET", bucket, None).param("versioning", ""),
            _ => Ask::new("PUT", bucket, None),
        }
    }
}

/// Whether no node has ever given out such a version id.
fn is_malformed(id: &str) -> bool {
    id.is_ascii() && id != "null"
}

fn listed(number: i64, etag: &str) -> Node {
    let node = Node::new("Part").with("PartNumber", number);
    node.with("ETag", if number % 2 == 0 { format!("\"{etag}\"") } else { etag.to_owned() })
}

/// Every algorithm has a header and an element.
#[test]
fn the_algorithms_are_named() {
    assert_eq!(checksum::header("CRC64NVME"), "x-amz-checksum-crc64nvme");
    assert_eq!(checksum::element("SHA1"), "ChecksumSHA1");
}

//! Room: GetObject, HeadObject, GetObjectAttributes.
//!
//! Source: S3 "GetObject", "HeadObject", "GetObjectAttributes".

use super::checksum::{Kind, Sum, element, header};
use super::condition::{self, Failed};
use super::{
    Answered, Bucket, Fault, Object, Reference, Version, key, list, range, storage_class, version,
};
use crate::wire::{Answer, Ask, Told};
use crate::xml::Node;

/// Which bytes a read asks for.
enum Wanted {
    All,
    Bytes(usize, usize),
    /// The part of this place, and its bytes.
    Part(usize, usize, usize),
}

impl Reference {
    /// The version that a request names, or the latest one.
    pub(super) fn find<'a>(
        &self,
        bucket: &'a Bucket,
        ask: &Ask,
        id: Option<&str>,
    ) -> Result<&'a Version, Fault> {
        bucket.check_id(id)?;
        let name = key(ask);
        match id {
            Some(id) => bucket.version(name, id).ok_or_else(|| match bucket.versioning {
                super::Versioning::Never => Fault::no_such_key(name),
                _ => Fault::no_such_version(name, id),
            }),
            None => bucket.latest(name).ok_or_else(|| Fault::no_such_key(name)),
        }
    }

    /// The version that is read, and what it holds.
    fn readable<'a>(
        &self,
        bucket: &'a Bucket,
        ask: &Ask,
        id: Option<&str>,
    ) -> Result<(&'a Version, &'a Object), Fault> {
        let found = self.find(bucket, ask, id)?;
        let Some(object) = &found.object else {
            let fault = match id {
                Some(_) => Fault::delete_marker(ask.method)
                    .header("last-modified", list::http_date(found.modified)),
                None => Fault::no_such_key(key(ask)),
            };
            return Err(fault.of_marker(&found.id));
        };
        Ok((found, object))
    }

    pub(super) fn read(&mut self, ask: &Ask) -> Answered {
        let id = version::id_of(ask)?;
        let part = part_number(ask)?;
        let bucket = self.bucket(ask)?;
        let (found, object) = self.readable(bucket, ask, id)?;
        let shown = bucket.shown(found);
        match condition::failed(ask, "", found, object, self.now) {
            None => {}
            Some(Failed::Match) => return Err(Fault::precondition("If-Match")),
            Some(Failed::Unmodified) => return Err(Fault::precondition("If-Unmodified-Since")),
            Some(Failed::NoneMatch | Failed::Modified) => {
                let cached = object.headers.iter().find(|(name, _)| name == "cache-control");
                return Ok(Answer::empty(304)
                    .header("etag", format!("\"{}\"", object.etag))
                    .header("last-modified", list::http_date(found.modified))
                    .header_if("cache-control", cached.map(|(_, value)| value)));
            }
        }
        let size = object.content.len();
        let wanted = match (part, ask.get_header("range")) {
            (Some(number), _) => of_part(object, number)?,
            (None, Some(text)) => match range::of_read(text, size)? {
                None => Wanted::All,
                Some((first, end)) => Wanted::Bytes(first, end),
            },
            (None, None) => Wanted::All,
        };
        let (first, end) = match wanted {
            Wanted::All => (0, size),
            Wanted::Bytes(first, end) | Wanted::Part(_, first, end) => (first, end),
        };
        let answer = described(ask, found, object, shown);
        let answer = partial(answer, ask, object, &wanted, size);
        if ask.method == "HEAD" {
            return Ok(answer.header("content-length", end - first));
        }
        Ok(Answer { body: Told::Bytes(object.content.bytes.slice(first..end)), ..answer })
    }

    pub(super) fn attributes(&mut self, ask: &Ask) -> Answered {
        let id = version::id_of(ask)?;
        let asked = ask.get_header("x-amz-object-attributes").ok_or_else(|| {
            Fault::request("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
        })?;
        let asked: Vec<&str> = asked.split(',').map(str::trim).collect();
        let number = |name: &str| ask.get_header(name).map(|text| text.parse().expect("a number"));
        let max: usize = number("x-amz-max-parts").unwrap_or(1000).min(1000);
        let marker: usize = number("x-amz-part-number-marker").unwrap_or(0);
        let bucket = self.bucket(ask)?;
        let (found, object) = self.readable(bucket, ask, id)?;
        let mut root = Node::new("GetObjectAttributesResponse");
        if asked.contains(&"ETag") {
            root = root.with("ETag", &object.etag);
        }
        if asked.contains(&"Checksum")
            && let Some(sum) = &object.sum
        {
            let tree = Node::new("Checksum").with(&element(sum.algorithm), &sum.value);
            root = root.and(tree.with("ChecksumType", sum.kind.name()));
        }
        if asked.contains(&"ObjectParts") && object.parts.is_some() {
            root = root.and(parts(object, max, marker));
        }
        if asked.contains(&"StorageClass") {
            root = root.with("StorageClass", &object.class);
        }
        if asked.contains(&"ObjectSize") {
            root = root.with("ObjectSize", object.content.len());
        }
        let answer = Answer::document(root);
        Ok(answer
            .header("last-modified", list::http_date(found.modified))
            .header_if("x-amz-version-id", bucket.shown(found)))
    }
}

fn parts(object: &Object, max: usize, marker: usize) -> Node {
    let parts = object.parts.as_deref().unwrap_or_default();
    let root = Node::new("ObjectParts").with("PartsCount", parts.len());
    let Some(Sum { algorithm, kind: Kind::Composite, .. }) = &object.sum else { return root };
    let behind: Vec<_> = (1..).zip(parts).filter(|(number, _)| *number > marker).collect();
    let shown = &behind[..max.min(behind.len())];
    let next = shown.last().map_or(0, |(number, _)| *number);
    let mut root = root
        .with("PartNumberMarker", marker)
        .with("NextPartNumberMarker", next)
        .with("MaxParts", max)
        .with("IsTruncated", behind.len() > shown.len());
    for (number, part) in shown {
        let tree = Node::new("Part").with("PartNumber", number).with("Size", part.len);
        root = root.and(tree.with_if(&element(algorithm), part.sum.as_ref()));
    }
    root
}

/// The part that the query names.
fn part_number(ask: &Ask) -> Result<Option<usize>, Fault> {
    let Some(text) = ask.get_param("partNumber") else { return Ok(None) };
    let number = text.parse().ok().filter(|number| (1..=10_000).contains(number));
    let number = number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        Fault::argument("partNumber", text, message)
    })?;
    if ask.get_header("range").is_some() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(Fault::request(message));
    }
    Ok(Some(number))
}

fn of_part(object: &Object, number: usize) -> Result<Wanted, Fault> {
    let lengths = match &object.parts {
        Some(parts) => parts.iter().map(|part| part.len).collect(),
        None => vec![object.content.len()],
    };
    if number > lengths.len() {
        return Err(Fault::new(
            416,
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
        )
        .with("ActualPartCount", lengths.len())
        .with("PartNumberRequested", number));
    }
    let first: usize = lengths[..number - 1].iter().sum();
    Ok(Wanted::Part(number, first, first + lengths[number - 1]))
}

/// The headers of an object, some of them in other words if the request says so.
fn described(ask: &Ask, found: &Version, object: &Object, shown: Option<&str>) -> Answer {
    let mut answer = Answer::empty(200)
        .header("accept-ranges", "bytes")
        .header("etag", format!("\"{}\"", object.etag))
        .header("last-modified", list::http_date(found.modified))
        .header_if("x-amz-version-id", shown);
    answer.headers.extend(object.headers.iter().cloned());
    answer.headers.extend(storage_class::told(&object.class));
    for (name, value) in &ask.query {
        if let Some(name) = name.strip_prefix("response-") {
            answer.headers.retain(|(have, _)| have != name);
            answer = answer.header(name, value);
        }
    }
    let tags = Some(object.tags.len()).filter(|count| *count > 0);
    answer.header_if("x-amz-tagging-count", tags)
}

/// What depends on how much of the object is read.
fn partial(mut answer: Answer, ask: &Ask, object: &Object, wanted: &Wanted, size: usize) -> Answer {
    let checksums = ask.get_header("x-amz-checksum-mode") == Some("ENABLED");
    let bytes = |first: &usize, end: &usize| format!("bytes {first}-{}/{size}", end - 1);
    match wanted {
        Wanted::All => answer.with_sum(object.sum.as_ref().filter(|_| checksums)),
        Wanted::Bytes(first, end) => {
            answer.status = 206;
            answer.header("content-range", bytes(first, end))
        }
        Wanted::Part(number, first, end) => {
            if first < end {
                answer.status = 206;
                answer = answer.header("content-range", bytes(first, end));
            }
            let count = object.parts.as_ref().map(Vec::len);
            answer = answer.header_if("x-amz-mp-parts-count", count);
            match &object.sum {
                Some(sum) if checksums && count.is_none() => answer.with_sum(Some(sum)),
                Some(sum) if checksums && sum.kind == Kind::Composite => {
                    let parts = object.parts.as_deref().unwrap_or_default();
                    let value = parts[number - 1].sum.as_ref();
                    answer
                        .header_if(&header(sum.algorithm), value)
                        .header("x-amz-checksum-type", "COMPOSITE")
                }
                Some(sum) if checksums && count == Some(1) => answer.with_sum(Some(sum)),
                _ => answer,
            }
        }
    }
}

//! Room: multipart uploads up to their end: CreateMultipartUpload, UploadPart, UploadPartCopy, AbortMultipartUpload,
//! ListParts.
//!
//! Source: S3 API Reference, the pages of these operations.

use std::collections::BTreeMap;

use super::bucket::account;
use super::checksum::{self, Kind, element, header};
use super::{
    Answered, Bucket, Fault, Part, Reference, Upload, key, list, object, range, storage_class, tags,
};
use crate::wire::{Answer, Ask};
use crate::xml::Node;

impl Bucket {
    /// The open upload that a request names.
    pub(super) fn upload(&self, ask: &Ask) -> Result<&Upload, Fault> {
        let id = ask.get_param("uploadId").unwrap_or_default();
        let found = self.uploads.iter().find(|upload| upload.id == id && upload.key == key(ask));
        found.ok_or_else(|| Fault::no_such_upload(id))
    }

    fn keep(&mut self, ask: &Ask, number: u32, part: Part) {
        let id = ask.get_param("uploadId").unwrap_or_default();
        let upload = self.uploads.iter_mut().find(|upload| upload.id == id);
        upload.expect("it was looked up").parts.insert(number, part);
    }
}

fn number(ask: &Ask) -> Result<u32, Fault> {
    let text = ask.get_param("partNumber").unwrap_or_default();
    let number = text.parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        Fault::argument("partNumber", text, message)
    })
}

impl Reference {
    pub(super) fn create_upload(&mut self, ask: &Ask) -> Answered {
        let (headers, tags, class) =
            (object::kept(ask)?, tags::of_header(ask)?, storage_class::of(ask)?);
        let sum = checksum::of_upload(ask)?;
        self.bucket(ask)?;
        let (id, begun, initiated) = (self.name('u'), self.next(), self.now);
        let upload = Upload {
            id: id.clone(),
            key: key(ask).to_owned(),
            begun,
            initiated,
            headers,
            tags,
            class,
            sum,
            parts: BTreeMap::new(),
        };
        self.bucket_mut(ask)?.uploads.push(upload);
        let root = Node::new("InitiateMultipartUploadResult")
            .with("Bucket", ask.bucket.as_deref().unwrap_or_default())
            .with("Key", key(ask))
            .with("UploadId", id);
        Ok(Answer::document(root)
            .header_if("x-amz-checksum-algorithm", sum.map(|(algorithm, _)| algorithm))
            .header_if("x-amz-checksum-type", sum.map(|(_, kind)| kind.name())))
    }

    pub(super) fn upload_part(&mut self, ask: &Ask) -> Answered {
        let number = number(ask)?;
        let claimed = checksum::claimed(ask)?;
        let upload = self.bucket(ask)?.upload(ask)?;
        let sent = claimed.as_ref().map(|(algorithm, _)| *algorithm);
        let told = match (upload.sum, sent) {
            (Some((wanted, _)), Some(sent)) if wanted == sent => Some(wanted),
            (Some((wanted, Kind::Full)), None) => Some(wanted),
            (Some((wanted, _)), other) => {
                let (wanted, other) =
                    (wanted.to_lowercase(), other.unwrap_or("null").to_lowercase());
                return Err(Fault::request(format!(
                    "Checksum Type mismatch occurred, expected checksum Type: {wanted}, actual checksum Type: {other}"
                )));
            }
            (None, sent) => sent,
        };
        let stored = upload.sum.is_some();
        let content = object::body(ask);
        checksum::check(claimed.as_ref(), &content)?;
        let sum = told.map(|algorithm| checksum::value(&content, algorithm));
        let etag = content.etag();
        let answer = Answer::empty(200).header("etag", format!("\"{etag}\""));
        let answer = answer.header_if(&header(told.unwrap_or_default()), sum.as_ref());
        let sum = sum.filter(|_| stored);
        let part = Part { content, etag, sum, modified: self.now };
        self.bucket_mut(ask)?.keep(ask, number, part);
        Ok(answer)
    }

    pub(super) fn upload_part_copy(&mut self, ask: &Ask) -> Answered {
        let number = number(ask)?;
        let header = ask.headers.iter().find(|(name, _)| name == "x-amz-copy-source-range");
        let header = header.map(|(_, value)| value.as_str());
        let ends = header.map(range::of_copy).transpose()?;
        let algorithm = self.bucket(ask)?.upload(ask)?.sum.map(|(algorithm, _)| algorithm);
        let found = self.source(ask)?;
        let size = found.object.content.len();
        let (first, end) = match (ends, header) {
            (Some(ends), Some(header)) => range::in_source(ends, header, size)?,
            _ => (0, size),
        };
        let content = found.object.content.slice(first, end);
        let sum = algorithm.map(|algorithm| checksum::value(&content, algorithm));
        let etag = content.etag();
        let root = Node::new("CopyPartResult")
            .with("LastModified", list::date(self.now))
            .with("ETag", format!("\"{etag}\""))
            .with_if(&element(algorithm.unwrap_or_default()), sum.as_ref());
        let part = Part { content, etag, sum, modified: self.now };
        self.bucket_mut(ask)?.keep(ask, number, part);
        Ok(Answer::document(root).header_if("x-amz-copy-source-version-id", found.shown))
    }

    pub(super) fn abort(&mut self, ask: &Ask) -> Answered {
        let id = self.bucket(ask)?.upload(ask)?.id.clone();
        self.bucket_mut(ask)?.uploads.retain(|upload| upload.id != id);
        Ok(Answer::empty(204))
    }

    pub(super) fn list_parts(&mut self, ask: &Ask) -> Answered {
        let max = list::count(ask, "max-parts")?.map_or(1000, |max| max.min(1000));
        let marker = list::count(ask, "part-number-marker")?.unwrap_or(0);
        let upload = self.bucket(ask)?.upload(ask)?;
        let behind: Vec<_> =
            upload.parts.iter().filter(|(number, _)| **number as usize > marker).collect();
        let shown = &behind[..max.min(behind.len())];
        let mut root = Node::new("ListPartsResult")
            .with("Bucket", ask.bucket.as_deref().unwrap_or_default())
            .with("Key", key(ask))
            .with("UploadId", &upload.id)
            .with("PartNumberMarker", marker)
            .with("NextPartNumberMarker", shown.last().map_or(0, |(number, _)| **number))
            .with("MaxParts", max)
            .with("IsTruncated", max > 0 && behind.len() > shown.len())
            .and(account("Initiator"))
            .and(account("Owner"))
            .with("StorageClass", &upload.class)
            .with_algorithm(upload.sum);
        for (number, part) in shown {
            let algorithm = upload.sum.map_or("", |(algorithm, _)| algorithm);
            let tree = Node::new("Part")
                .with("PartNumber", number)
                .with("LastModified", list::date(part.modified))
                .with("ETag", format!("\"{}\"", part.etag))
                .with("Size", part.content.len())
                .with_if(&element(algorithm), part.sum.as_ref());
            root = root.and(tree);
        }
        Ok(Answer::document(root))
    }
}

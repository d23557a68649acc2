//! Room: UploadPartCopy, and CompleteMultipartUpload of what was copied.
//!
//! Each client copies ranges of one source into an upload of its own, one part behind the other. A source of one part
//! is stored by one PutObject; one of many is made by part copies of a base of 64 MiB, or by uploading its parts where
//! the endpoint cannot copy.

use std::ops::Range;

use crate::client::{Client, Failure, Source, Upload};
use crate::content::Content;
use crate::load::{Done, Watch, Worker};
use crate::measurement::{Verified, Work};

use super::site::{Measured, Site, verify};
use super::size;
use super::verify::{Piece, draw, object};

const MIB: u64 = 1 << 20;
/// Source: S3 "Multipart upload limits".
const PART_LEN_MIN: u64 = 5 * MIB;
const PUT_LEN_MAX: u64 = 5 << 30;
const PARTS_MAX: u64 = 10_000;
/// What sources of many parts are copied from.
const BASE_LEN: u64 = 64 * MIB;
/// Parts of an upload that are completed to be read back.
const PARTS_READ_BACK: usize = 2;

/// Copies of one length.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) size: u64,
    pub(crate) concurrency: usize,
    /// Where the ranges begin beyond multiples of their length.
    pub(crate) offset: u64,
    pub(crate) source_parts: u64,
    /// The length of the source; `None`: no longer than it must be.
    pub(crate) source_size: Option<u64>,
    /// Parts after which an upload is completed.
    pub(crate) complete: Option<usize>,
}

/// An object that is copied from.
#[derive(Clone, Debug)]
struct Origin {
    key: String,
    len: u64,
    content: Content,
}

impl Copy {
    pub(super) fn label(&self) -> String {
        let offset = if self.offset == 0 { String::new() } else { format!(" at {}", self.offset) };
        format!("copy {}{offset} x {}", size(self.size), self.concurrency)
    }

    pub(super) fn round(
        &self,
        site: &mut Site,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Measured>, Failure> {
        let origin = self.origin(site)?;
        let folder = site.next_folder("copy");
        let len = self.size.min(origin.len - self.offset);
        let copier = |number: usize| Copier {
            case: self.clone(),
            origin: origin.clone(),
            len,
            folder: format!("{folder}{number}/"),
            slot: number as u64,
            upload: None,
            parts: Vec::new(),
            completed: Vec::new(),
        };
        let works = self.works(&origin, len);
        let (mut points, left) =
            site.measure(&works, &site.plan(self.concurrency), watch, copier)?;
        verify(&mut points, self.read_back(site, &origin, len, left)?);
        Ok(points)
    }

    fn works(&self, origin: &Origin, len: u64) -> Vec<Work> {
        let copy = Work {
            scenario: "copy".to_owned(),
            operation: "copy part".to_owned(),
            size: len,
            concurrency: u32::try_from(self.concurrency).unwrap_or(u32::MAX),
            offset: Some(self.offset),
            source_parts: u32::try_from(self.source_parts).ok(),
            source_size: Some(origin.len),
            ..Work::default()
        };
        let complete =
            self.complete.map(|_| Work { operation: "complete".to_owned(), ..copy.clone() });
        std::iter::once(copy).chain(complete).collect()
    }

    /// The source, made if it is missing.
    fn origin(&self, site: &mut Site) -> Result<Origin, Failure> {
        let least = self.size + self.offset;
        let wanted = self.source_size.map_or(least, |len| len.max(least));
        let len = if self.source_parts == 1 { wanted.min(PUT_LEN_MAX) } else { wanted };
        let part_len = len.div_ceil(self.source_parts);
        if self.source_parts > 1 && (part_len < PART_LEN_MIN || self.source_parts > PARTS_MAX) {
            let parts = self.source_parts;
            let message = format!("a source of {} cannot have {parts} parts", size(len));
            return Err(Failure::new("BadArguments", &message));
        }
        let key = format!("{}source-{len}-{}", site.prefix, self.source_parts);
        let content = self.content(site, &key, part_len);
        let origin = Origin { key, len, content };
        if site.made.insert(origin.key.clone()) {
            self.make(site, &origin, part_len)?;
        }
        Ok(origin)
    }

    /// Whether the parts of the source are copies of the base.
    fn is_of_base(&self, part_len: u64) -> bool {
        self.source_parts > 1 && part_len <= BASE_LEN
    }

    fn content(&self, site: &Site, key: &str, part_len: u64) -> Content {
        if self.is_of_base(part_len) {
            return site.pattern.content(&base(site)).repeated(part_len);
        }
        site.pattern.content(key)
    }

    fn make(&self, site: &mut Site, origin: &Origin, part_len: u64) -> Result<(), Failure> {
        if self.source_parts == 1 {
            let Origin { key, len, content } = origin.clone();
            return site.ask(async |client| client.put(&key, content, 0..len).await);
        }
        let base = base(site);
        if self.is_of_base(part_len) && site.made.insert(base.clone()) {
            let content = site.pattern.content(&base);
            site.ask(async |client| client.put(&base, content, 0..BASE_LEN).await)?;
        }
        let base = self.is_of_base(part_len).then_some(base);
        site.ask(async |client| assemble(client, origin, part_len, base.as_deref()).await)
    }

    /// Reads a sample back and takes all away.
    fn read_back(
        &self,
        site: &Site,
        origin: &Origin,
        len: u64,
        left: Vec<Copied>,
    ) -> Result<Verified, Failure> {
        let mut dice = site.dice();
        let piece =
            |start: u64| Piece { content: origin.content.clone(), range: start..start + len };
        let (mut open, mut objects) = (Vec::new(), Vec::new());
        for copied in left {
            objects.extend(copied.completed);
            open.extend(copied.upload.map(|upload| (upload, copied.parts)));
        }
        let with_parts = |(_, parts): &(Upload, Vec<Part>)| !parts.is_empty();
        let (chosen, mut rest): (Vec<_>, Vec<_>) = open.into_iter().partition(with_parts);
        let drawn = draw(chosen.len(), site.settings.samples, &mut dice);
        let at_once = if len >= PART_LEN_MIN { PARTS_READ_BACK } else { 1 };
        let mut verified = Verified::default();
        let mut keys: Vec<String> = objects.iter().map(|(key, _)| key.clone()).collect();
        let sample = draw(objects.len(), site.settings.samples, &mut dice);
        let mut samples: Vec<(String, Vec<u64>)> =
            sample.into_iter().map(|index| objects[index].clone()).collect();
        for (index, (upload, parts)) in chosen.into_iter().enumerate() {
            if !drawn.contains(&index) || self.complete.is_some() {
                rest.push((upload, parts));
                continue;
            }
            let some = draw(parts.len(), at_once, &mut dice);
            let listed: Vec<_> =
                some.iter().map(|at| (parts[*at].number, parts[*at].etag.clone())).collect();
            site.ask(async |client| client.complete(&upload, &listed).await)?;
            keys.push(upload.key.clone());
            samples.push((upload.key, some.iter().map(|at| parts[*at].start).collect()));
        }
        for (key, starts) in samples {
            let pieces: Vec<Piece> = starts.into_iter().map(piece).collect();
            verified.add(site.ask(async |client| object(client, &key, &pieces, &mut dice).await)?);
        }
        let uploads: Vec<Upload> = rest.into_iter().map(|(upload, _)| upload).collect();
        site.each(&uploads, async |client, upload| client.abort(upload).await)?;
        site.each(&keys, async |client, key| client.delete(key).await)?;
        Ok(verified)
    }
}

/// The key of what sources of many parts are copied from.
fn base(site: &Site) -> String {
    format!("{}base", site.prefix)
}

/// Makes an object of parts, each a copy of the beginning of `base`, or uploaded where there is none.
async fn assemble(
    client: &mut Client,
    origin: &Origin,
    part_len: u64,
    base: Option<&str>,
) -> Result<(), Failure> {
    let upload = client.create_upload(&origin.key).await?;
    let mut parts = Vec::new();
    let mut base = base;
    for (number, start) in
        (1..).zip((0..origin.len).step_by(usize::try_from(part_len).unwrap_or(usize::MAX)))
    {
        let end = origin.len.min(start + part_len);
        let copied = match base {
            None => None,
            Some(key) => {
                let source = Source { key, range: Some(0..end - start) };
                client.copy_part(&upload, number, &source).await.ok()
            }
        };
        let etag = match copied {
            Some(etag) => etag,
            None => {
                base = None;
                client.upload_part(&upload, number, origin.content.clone(), start..end).await?
            }
        };
        parts.push((number, etag));
    }
    client.complete(&upload, &parts).await
}

/// A part that was copied.
#[derive(Clone, Debug)]
struct Part {
    number: u16,
    /// Where its range begins in the source.
    start: u64,
    etag: String,
}

/// What a client leaves.
struct Copied {
    upload: Option<Upload>,
    parts: Vec<Part>,
    completed: Vec<(String, Vec<u64>)>,
}

/// One client.
struct Copier {
    case: Copy,
    origin: Origin,
    len: u64,
    folder: String,
    /// Counts the copies, so that they go over the whole source.
    slot: u64,
    upload: Option<Upload>,
    parts: Vec<Part>,
    completed: Vec<(String, Vec<u64>)>,
}

const COPY: usize = 0;
const COMPLETE: usize = 1;

impl Copier {
    fn range(&mut self) -> Range<u64> {
        let slots = ((self.origin.len - self.case.offset) / self.len).max(1);
        let start = self.case.offset + self.slot % slots * self.len;
        self.slot += 1;
        start..start + self.len
    }

    async fn copy(&mut self, client: &mut Client) -> Result<Done, Failure> {
        let range = self.range();
        let start = range.start;
        let whole = range == (0..self.origin.len);
        let source = Source { key: &self.origin.key, range: (!whole).then_some(range) };
        let number = u16::try_from(self.parts.len() + 1).unwrap_or(u16::MAX);
        let upload = self.upload.as_ref().expect("it was prepared");
        let etag = client.copy_part(upload, number, &source).await?;
        self.parts.push(Part { number, start, etag });
        Ok(Done { operation: COPY, bytes: self.len })
    }

    async fn complete(&mut self, client: &mut Client) -> Result<Done, Failure> {
        let upload = self.upload.take().expect("it was prepared");
        let parts = std::mem::take(&mut self.parts);
        let starts = parts.iter().map(|part| part.start).collect();
        let listed: Vec<_> = parts.into_iter().map(|part| (part.number, part.etag)).collect();
        client.complete(&upload, &listed).await?;
        self.completed.push((upload.key, starts));
        Ok(Done { operation: COMPLETE, bytes: 0 })
    }
}

impl Worker for Copier {
    type Left = Copied;

    async fn prepare(&mut self, client: &mut Client) -> Result<bool, Failure> {
        if self.parts.len() as u64 == PARTS_MAX
            && let Some(full) = self.upload.take()
        {
            self.parts.clear();
            client.abort(&full).await?;
        }
        if self.upload.is_none() {
            let key = format!("{}{}", self.folder, self.slot);
            self.upload = Some(client.create_upload(&key).await?);
        }
        Ok(true)
    }

    async fn operate(&mut self, client: &mut Client) -> Result<Done, Failure> {
        if self.case.complete == Some(self.parts.len()) {
            return self.complete(client).await;
        }
        self.copy(client).await
    }

    fn leave(self) -> Copied {
        Copied { upload: self.upload, parts: self.parts, completed: self.completed }
    }
}

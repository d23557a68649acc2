//! Room: predicates on bytes: parts and pieces add up.

use std::collections::BTreeMap;

use super::census::Census;
use crate::extent::pieces_max;
use crate::fingerprint::Fingerprint;
use crate::id::ManifestId;
use crate::record::{Content, ObjectRecord, Piece, PieceList, VersionRecord};

/// Parts add up to their object and pieces to their whole, in length and fingerprint; pages begin where their
/// record says; the bounds on the number of pieces hold.
pub(super) fn contents_add_up(census: &Census) -> Vec<String> {
    let mut found = Vec::new();
    let mut manifests = BTreeMap::new();
    for ((bucket, key), object) in &census.objects {
        if let Err(what) = object_adds_up(census, &mut manifests, object) {
            found.push(format!("object {:?} of bucket {bucket}: {what}", key.as_str()));
        }
    }
    for ((bucket, key, generation), version) in &census.versions {
        if let VersionRecord::Object(object) = version
            && let Err(what) = object_adds_up(census, &mut manifests, object)
        {
            let key = key.as_str();
            found.push(format!("version {generation} of {key:?} of bucket {bucket}: {what}"));
        }
    }
    for ((manifest, number), part) in &census.parts {
        let sum = pieces_add_up(census, &part.pieces);
        if sum != Ok((part.len, part.fingerprint)) {
            found.push(format!("part {number} of manifest {manifest}: {sum:?}"));
        }
    }
    found
}

fn object_adds_up(
    census: &Census,
    manifests: &mut BTreeMap<ManifestId, Result<PartsSum, String>>,
    object: &ObjectRecord,
) -> Result<(), String> {
    let sum = match &object.content {
        Content::Pieces(pieces) => pieces_add_up(census, pieces)?,
        Content::Parts(manifest) | Content::Copied(manifest) => {
            // Thousands of objects may have the same parts.
            let sum = manifests.entry(manifest.id);
            let sum = sum.or_insert_with(|| parts_add_up(census, manifest.id)).as_ref()?;
            if (&sum.page_starts, sum.count) != (&manifest.page_starts, manifest.parts) {
                let PartsSum { page_starts, count, .. } = sum;
                return Err(format!("{count} parts on pages at {page_starts:?}, not {manifest:?}"));
            }
            (sum.len, sum.fingerprint)
        }
    };
    let said = (object.len, object.fingerprint);
    if sum == said { Ok(()) } else { Err(format!("{sum:?}, not {said:?}")) }
}

/// What the parts of a manifest add up to.
struct PartsSum {
    page_starts: Vec<u64>,
    count: u32,
    len: u64,
    fingerprint: Fingerprint,
}

fn parts_add_up(census: &Census, manifest: ManifestId) -> Result<PartsSum, String> {
    let mut sum =
        PartsSum { page_starts: Vec::new(), count: 0, len: 0, fingerprint: Fingerprint::EMPTY };
    let pages = census.manifest_pages.range((manifest, 0)..=(manifest, u32::MAX));
    for (number, ((_, page), entries)) in (0..).zip(pages) {
        if *page != number {
            return Err("a page is missing".to_owned());
        }
        sum.page_starts.push(sum.len);
        for entry in &entries.entries {
            let part = census.parts.get(&(manifest, entry.number));
            let part = part.ok_or("a part is missing")?;
            if (entry.start, entry.len) != (sum.len, part.len) {
                return Err(format!("{entry:?} of {}", sum.len));
            }
            sum.fingerprint = sum.fingerprint.then(part.fingerprint, part.len);
            sum.len = sum.len.checked_add(part.len).ok_or("more bytes than can be")?;
            sum.count += 1;
        }
    }
    Ok(sum)
}

fn pieces_add_up(census: &Census, list: &PieceList) -> Result<(u64, Fingerprint), String> {
    let mut sum = Sum { len: 0, fingerprint: Fingerprint::EMPTY, count: 0 };
    match list {
        PieceList::Short(pieces) => sum.add(pieces)?,
        PieceList::Long { list, page_starts, .. } => {
            for (page, page_start) in (0..).zip(page_starts) {
                let page = census.piece_pages.get(&(*list, page)).ok_or("a page is missing")?;
                if sum.len != *page_start {
                    return Err(format!("a page begins at {}, not at {page_start}", sum.len));
                }
                sum.add(&page.pieces)?;
            }
        }
    }
    let Sum { len, fingerprint, count } = sum;
    if len != list.len() {
        return Err(format!("{len} bytes in a list of {}", list.len()));
    }
    if count > pieces_max(len) {
        return Err(format!("{count} pieces for {len} bytes"));
    }
    Ok((len, fingerprint))
}

struct Sum {
    len: u64,
    fingerprint: Fingerprint,
    count: u64,
}

impl Sum {
    fn add(&mut self, pieces: &[Piece]) -> Result<(), &'static str> {
        for piece in pieces {
            self.fingerprint = self.fingerprint.then(piece.fingerprint(), piece.len());
            self.len = self.len.checked_add(piece.len()).ok_or("more bytes than can be")?;
            self.count += 1;
        }
        Ok(())
    }
}

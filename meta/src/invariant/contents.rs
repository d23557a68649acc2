//! Room: predicates on bytes: parts and pieces add up.

use super::census::Census;
use crate::extent::pieces_max;
use crate::fingerprint::Fingerprint;
use crate::record::{Content, ObjectRecord, Piece, PieceList};

/// Parts add up to their object and pieces to their whole, in length and fingerprint; pages begin where their
/// record says; the bounds on the number of pieces hold.
pub(super) fn contents_add_up(census: &Census) -> Vec<String> {
    let mut found = Vec::new();
    for ((bucket, key), object) in &census.objects {
        if let Err(what) = object_adds_up(census, object) {
            found.push(format!("object {:?} of bucket {bucket}: {what}", key.as_str()));
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

fn object_adds_up(census: &Census, object: &ObjectRecord) -> Result<(), String> {
    let sum = match &object.content {
        Content::Pieces(pieces) => pieces_add_up(census, pieces)?,
        Content::Parts { manifest, parts, page_starts } => {
            let (mut len, mut fingerprint, mut count) = (0_u64, Fingerprint::EMPTY, 0_u32);
            for (page, page_start) in (0..).zip(page_starts) {
                let page =
                    census.manifest_pages.get(&(*manifest, page)).ok_or("a page is missing")?;
                if len != *page_start {
                    return Err(format!("a page begins at {len}, not at {page_start}"));
                }
                for entry in &page.entries {
                    let part = census.parts.get(&(*manifest, entry.number));
                    let part = part.ok_or("a part is missing")?;
                    if (entry.start, entry.len) != (len, part.len) {
                        return Err(format!("{entry:?} of {len}"));
                    }
                    fingerprint = fingerprint.then(part.fingerprint, part.len);
                    len = len.checked_add(part.len).ok_or("more bytes than can be")?;
                    count += 1;
                }
            }
            if count != *parts {
                return Err(format!("{count} parts, not {parts}"));
            }
            (len, fingerprint)
        }
    };
    let said = (object.len, object.fingerprint);
    if sum == said { Ok(()) } else { Err(format!("{sum:?}, not {said:?}")) }
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

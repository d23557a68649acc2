//! Room: files against records, both ways: what lies in `blobs/` and `lost/`, and what should.
//!
//! Must not: change anything.
//! Holds: a few words for each file: its length and whether others may read it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use meta::id::{BlobId, FolderId};
use meta::{invariant, repair};
use protocol::range::ByteRange;

use super::report::{Kind, Report};
use crate::disk::glommio::{folder_of, is_lost_blob, slot_of};
use crate::disk::raw;

/// What lies in a data directory.
#[derive(Default)]
pub(super) struct Walk {
    /// The blob files, by their names.
    pub(super) files: BTreeMap<BlobId, FileFacts>,
    /// The folders of blob files.
    pub(super) folders: BTreeMap<FolderId, FolderFacts>,
    /// What is not called as anything that a node makes.
    pub(super) strays: Vec<PathBuf>,
    /// Files in the lost folder, and their bytes.
    pub(super) lost: (u64, u64),
    /// What somebody else has put into the lost folder.
    pub(super) foreign: Vec<PathBuf>,
}

impl Walk {
    /// What a plan for repairing needs to know.
    pub(super) fn found(&self, bad: &BTreeMap<BlobId, Vec<ByteRange>>) -> repair::Files {
        let folders = self.folders.keys().map(|folder| folder.get());
        repair::Files {
            lens: self.files.iter().map(|(blob, facts)| (*blob, facts.len)).collect(),
            bad: bad.clone(),
            last_folder: folders.max().unwrap_or_default(),
        }
    }
}

/// One blob file.
#[derive(Clone, Copy)]
pub(super) struct FileFacts {
    pub(super) len: u64,
    /// Others than the node's user may read or write it.
    pub(super) open: bool,
}

/// One folder.
#[derive(Clone, Copy, Default)]
pub(super) struct FolderFacts {
    pub(super) open: bool,
    pub(super) empty: bool,
}

/// Looks at everything.
pub(super) fn walk(data: &Path) -> io::Result<Walk> {
    let mut walk = Walk::default();
    // A start makes it before the format is written: without it something is amiss with the directory, not with all
    // that it held.
    fs::metadata(raw::blobs(data))
        .map_err(|error| io::Error::new(error.kind(), format!("blobs: {error}")))?;
    for entry in entries(&raw::blobs(data))? {
        let (name, path, facts) = entry?;
        match folder_of(&name).filter(|folder| folder.get() <= FOLDER_MAX) {
            Some(folder) if facts.is_dir() => {
                let before = walk.files.len() + walk.strays.len();
                walk_folder(&mut walk, folder, &path)?;
                let empty = before == walk.files.len() + walk.strays.len();
                walk.folders.insert(folder, FolderFacts { open: is_open(&facts), empty });
            }
            _ if is_probe(&name) => {}
            _ => walk.strays.push(path),
        }
    }
    for entry in entries(&raw::lost(data))? {
        let (name, path, facts) = entry?;
        if is_lost_blob(&name) || is_ours_in_lost(&name) {
            walk.lost = (walk.lost.0 + 1, walk.lost.1 + facts.len());
        } else {
            walk.foreign.push(path);
        }
    }
    Ok(walk)
}

fn walk_folder(walk: &mut Walk, folder: FolderId, path: &Path) -> io::Result<()> {
    for entry in entries(path)? {
        let (name, path, facts) = entry?;
        match slot_of(&name) {
            Some(slot) if facts.is_file() => {
                let facts = FileFacts { len: facts.len(), open: is_open(&facts) };
                walk.files.insert(BlobId::in_folder(folder, slot), facts);
            }
            _ => walk.strays.push(path),
        }
    }
    Ok(())
}

type Entry = (String, PathBuf, fs::Metadata);

/// What is in a folder; nothing, if it is not there. Links are told as such, not followed.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<Entry>>> {
    let found = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(found?),
    };
    Ok(found.into_iter().flatten().map(|entry| {
        let entry = entry?;
        let facts = entry.path().symlink_metadata()?;
        Ok((entry.file_name().to_string_lossy().into_owned(), entry.path(), facts))
    }))
}

fn is_open(facts: &fs::Metadata) -> bool {
    facts.mode() & 0o077 != 0
}

/// A start that was cut off leaves them; the next one uses them again.
fn is_probe(name: &str) -> bool {
    name.starts_with(".probe-")
}

/// What a repair puts into the lost folder. A node empties that folder of its own leavings only.
fn is_ours_in_lost(name: &str) -> bool {
    [ORPHAN, RECORDS, STRAY, TAIL].iter().any(|front| name.starts_with(front))
}

/// Compares the files with the records, and tells what does not fit.
pub(super) fn compare(walk: &Walk, known: &invariant::Report, report: &mut Report<'_>) {
    for (blob, record) in &known.blobs {
        let problem = match walk.files.get(blob) {
            None => "the file is missing".to_owned(),
            Some(file) if file.len < record.len => {
                format!("the file ends at {} of {} bytes", file.len, record.len)
            }
            Some(file) if file.len > record.len => {
                format!("the file has {} bytes, its record says {}", file.len, record.len)
            }
            Some(_) => continue,
        };
        report.say(Kind::Damage, FILES, format_args!("{}: {problem}", name(*blob)));
    }
    let mut left_over = BTreeMap::<FolderId, u64>::new();
    for (blob, facts) in &walk.files {
        if facts.open {
            let what = format_args!("{}: others than its owner may read it", name(*blob));
            report.say(Kind::Damage, FILES, what);
        }
        if known.blobs.contains_key(blob) || known.taken.contains(blob) {
            continue;
        }
        if known.open_leases.contains(&blob.folder()) {
            *left_over.entry(blob.folder()).or_default() += 1;
        } else {
            report.say(Kind::Damage, FILES, format_args!("{}: nobody names it", name(*blob)));
        }
    }
    for (folder, count) in left_over {
        let what = format_args!(
            "blobs/{:08x}: {count} files left by a crash or a kill; the next start moves them to lost/",
            folder.get()
        );
        report.say(Kind::Note, FILES, what);
    }
    compare_folders(walk, known, report);
}

fn compare_folders(walk: &Walk, known: &invariant::Report, report: &mut Report<'_>) {
    for (folder, facts) in &walk.folders {
        let place = format!("blobs/{:08x}", folder.get());
        if facts.open {
            report.say(
                Kind::Damage,
                FILES,
                format_args!("{place}: others than its owner may read it"),
            );
        }
        if facts.empty && !known.open_leases.contains(folder) {
            report.say(
                Kind::Note,
                FILES,
                format_args!("{place}: empty; the next start removes it"),
            );
        }
    }
    for stray in &walk.strays {
        let what = format_args!("{}: no node makes such a name", stray.display());
        report.say(Kind::Damage, FILES, what);
    }
    for foreign in &walk.foreign {
        let what = format_args!("{}: not Tenon's; left alone", foreign.display());
        report.say(Kind::Note, FILES, what);
    }
    if let (count @ 1.., bytes) = walk.lost {
        report.say(Kind::Note, FILES, format_args!("lost/: {count} files, {bytes} bytes"));
    }
}

/// A blob as its file is called.
pub(super) fn name(blob: BlobId) -> String {
    format!("blobs/{:08x}/{:03x}", blob.folder().get(), blob.slot())
}

/// No counting gets there, and a blob's number still has room for its slot.
const FOLDER_MAX: u64 = 1 << 50;

/// What a line about files is marked with.
pub(super) const FILES: &str = "files";

/// How names begin that a repair gives in the lost folder: blobs that nobody names, records, strays, ends of files that
/// were too long.
pub(super) const ORPHAN: &str = "orphan-";
pub(super) const RECORDS: &str = "records-";
pub(super) const STRAY: &str = "stray-";
pub(super) const TAIL: &str = "tail-";

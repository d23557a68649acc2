//! Room: carrying a repair out: records first, then files.
//!
//! Invariants: a record is written down in `lost/`, durably, before it is taken out; a file that nobody names is
//! moved there, never deleted, and gets a name there that no node ever removes; an end that a file has too much is
//! copied there before it is cut off. A repair that was cut off is begun again: nothing of it has to be undone.
//! May touch: the metadata store, `blobs/` and `lost/`, of a data directory that this process holds alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use meta::id::BlobId;
use meta::invariant;
use meta::repair::{self, Plan, Taken};
use meta::rocks::RocksStore;

use super::files::{FILES, ORPHAN, RECORDS, STRAY, TAIL, Walk};
use super::report::{Kind, Report, object};
use crate::disk::glommio::{blob_path, folder_path, lost_name};
use crate::disk::raw;
use crate::log;

/// Repairs everything that can be repaired, and tells it.
///
/// # Errors
/// For the operator. What was done until then is sound.
pub(super) fn repair(
    data: &Path,
    store: &RocksStore,
    walk: &Walk,
    found: &repair::Files,
    report: &mut Report<'_>,
) -> Result<(), String> {
    let lost = raw::lost(data);
    raw::make_folder(&lost).map_err(|error| at(&lost, &error))?;
    let plan = repair::plan(store, found).map_err(|error| error.to_string())?;
    let mut journal = Journal { lost: &lost, open: None };
    plan.carry_out(store, &mut |taken| journal.write_down(taken))?;
    tell(&plan, &journal, report);
    let known = invariant::examine(store).map_err(|error| error.to_string())?;
    let mut files = Files { data, lost: &lost, report };
    files.put_right(walk, &known).map_err(|(path, error)| at(&path, &error))
}

fn tell(plan: &Plan, journal: &Journal<'_>, report: &mut Report<'_>) {
    let place = journal.name();
    let mut others = 0;
    for removal in &plan.removals {
        if removal.known && removal.replacement.is_none() {
            let what = format_args!("{} is taken out: {}", removal.what, removal.why);
            report.say(Kind::Repaired, "records", what);
        } else {
            others += 1;
        }
    }
    if others > 0 {
        report.say(
            Kind::Repaired,
            "records",
            format_args!("{others} others are taken out or replaced"),
        );
    }
    if let Some(place) = place {
        let what = format_args!("what was taken out is written down in {}", place.display());
        report.say(Kind::Note, "records", what);
    }
    let mut fixes: BTreeMap<&str, u64> = BTreeMap::new();
    for fix in &plan.fixes {
        *fixes.entry(fix.space.name()).or_default() += 1;
    }
    for (space, count) in fixes {
        report.say(
            Kind::Repaired,
            "records",
            format_args!("{space}: {count} values are made anew"),
        );
    }
}

/// Where records are written down before they go: one JSON object a line.
struct Journal<'a> {
    lost: &'a Path,
    open: Option<(PathBuf, File)>,
}

impl Journal<'_> {
    fn name(&self) -> Option<&Path> {
        self.open.as_ref().map(|(path, _)| path.as_path())
    }

    fn write_down(&mut self, taken: &[Taken<'_>]) -> Result<(), String> {
        if taken.is_empty() {
            return Ok(());
        }
        let lines: String = taken.iter().map(line).collect();
        let (path, file) = match &mut self.open {
            Some(open) => open,
            none => none.insert(begin(self.lost)?),
        };
        file.write_all(lines.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| at(path, &error))
    }
}

fn begin(lost: &Path) -> Result<(PathBuf, File), String> {
    let time: String = log::now().iso8601().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let path = free_name(lost, &format!("{RECORDS}{time}.jsonl"));
    let file = OpenOptions::new().append(true).create_new(true).mode(raw::FILE_MODE).open(&path);
    let file = file.map_err(|error| at(&path, &error))?;
    raw::sync_folder(lost).map_err(|error| at(lost, &error))?;
    Ok((path, file))
}

fn line(taken: &Taken<'_>) -> String {
    let removal = taken.removal;
    let key = removal.key.escape_ascii().to_string();
    let (key_hex, value_hex) = (hex(&removal.key), hex(&taken.value));
    object(&[
        ("space", &removal.space.name()),
        ("what", &removal.what.as_str()),
        ("why", &removal.why.as_str()),
        ("key", &key.as_str()),
        ("key_hex", &key_hex.as_str()),
        ("value_hex", &value_hex.as_str()),
    ]) + "\n"
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The files, once the records are sound.
struct Files<'a, 'r> {
    data: &'a Path,
    lost: &'a Path,
    report: &'a mut Report<'r>,
}

type Failed = (PathBuf, io::Error);

impl Files<'_, '_> {
    fn put_right(&mut self, walk: &Walk, known: &invariant::Report) -> Result<(), Failed> {
        for (folder, facts) in &walk.folders {
            let path = folder_path(self.data, *folder);
            if facts.open {
                self.close(&path, raw::FOLDER_MODE)?;
            }
        }
        for (blob, facts) in &walk.files {
            let path = blob_path(self.data, *blob);
            if facts.open {
                self.close(&path, raw::FILE_MODE)?;
            }
            match known.blobs.get(blob) {
                Some(record) if facts.len > record.len => {
                    self.cut(*blob, &path, record.len).map_err(|error| (path, error))?;
                }
                Some(_) => {}
                // The next start sweeps the open leases, the collector unlinks what is taken.
                None if known.taken.contains(blob) => {}
                None if known.open_leases.contains(&blob.folder()) => {}
                None => self.move_away(&path, &format!("{ORPHAN}{}", lost_name(*blob)))?,
            }
        }
        for stray in &walk.strays {
            let from = stray.strip_prefix(raw::blobs(self.data)).unwrap_or(stray);
            let name = from.to_string_lossy().replace('/', "-");
            self.move_away(stray, &format!("{STRAY}{name}"))?;
        }
        Ok(())
    }

    /// Takes from others what only the node's user may do.
    fn close(&mut self, path: &Path, mode: u32) -> Result<(), Failed> {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(|error| (path.to_owned(), error))?;
        self.told(path, "only its owner may read it now");
        Ok(())
    }

    fn move_away(&mut self, path: &Path, name: &str) -> Result<(), Failed> {
        let to = free_name(self.lost, name);
        let moved = fs::rename(path, &to).and_then(|()| {
            raw::sync_folder(self.lost)?;
            path.parent().map_or(Ok(()), raw::sync_folder)
        });
        moved.map_err(|error| (path.to_owned(), error))?;
        self.told(path, &format!("moved to {}", to.display()));
        Ok(())
    }

    /// Copies what a file has behind `len` away, and ends it there.
    fn cut(&mut self, blob: BlobId, path: &Path, len: u64) -> io::Result<()> {
        let to = free_name(self.lost, &format!("{TAIL}{}", lost_name(blob)));
        let mut from = OpenOptions::new().read(true).write(true).open(path)?;
        from.seek(SeekFrom::Start(len))?;
        let mut tail =
            OpenOptions::new().write(true).create_new(true).mode(raw::FILE_MODE).open(&to)?;
        io::copy(&mut Read::by_ref(&mut from), &mut tail)?;
        tail.sync_all()?;
        raw::sync_folder(self.lost)?;
        from.set_len(len)?;
        from.sync_all()?;
        self.told(path, &format!("ends at {len} bytes again; the rest is in {}", to.display()));
        Ok(())
    }

    fn told(&mut self, path: &Path, what: &str) {
        let path = path.strip_prefix(self.data).unwrap_or(path);
        self.report.say(Kind::Repaired, FILES, format_args!("{}: {what}", path.display()));
    }
}

/// The name in the lost folder, or that name with a number: nothing there is ever replaced.
fn free_name(lost: &Path, name: &str) -> PathBuf {
    let numbered = (1_u64..).map(|number| lost.join(format!("{name}.{number}")));
    let mut names = std::iter::once(lost.join(name)).chain(numbered);
    names.find(|path| path.symlink_metadata().is_err()).expect("numbers do not end")
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

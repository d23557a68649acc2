//! Room: `tenon fsck`: the data of a node that does not run, every record against every file.
//!
//! Order: take the directory, read every record, compare with the files, on demand compare every byte; then, if it is
//! asked for, repair, and look once more. Until something is repaired nothing is changed: the metadata store is opened
//! to look at it only.
//! May touch: the data directory, which it holds alone meanwhile.
//! Memory: the records (the bytes of small objects left out), and a few words for each file: 1.5 KiB for each version
//! of one extent (measured with 100,000 objects, and with as many versions). What is found is printed at once.
//! Exit codes: 0 all is well, 1 all that was found is repaired, 2 usage, 4 problems are left, 8 could not check.

mod bytes;
mod files;
mod repair;
mod report;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use meta::id::BlobId;
use meta::invariant;
use meta::repair::{Plan, plan};
use meta::rocks::RocksStore;
use meta::store::StoreError;
use protocol::range::ByteRange;

use self::files::Walk;
use self::report::{Kind, Report, complain};
use crate::config::{FsckFlags, Places};
use crate::disk::raw;
use crate::format;

/// Checks, repairs if that is asked for, prints what it finds, and says with the exit code how it stands.
pub fn run(flags: FsckFlags) -> ExitCode {
    let FsckFlags { places, verify, repair, json } = flags;
    let places = match places.resolve(std::env::vars_os()) {
        Ok(places) => places,
        Err(error) => {
            complain(json, &error.to_string());
            return ExitCode::from(USAGE);
        }
    };
    let mut to = io::stdout();
    let mut report = Report::new(&mut to, json);
    let wish = Wish { verify, repair };
    match Fsck::open(places).and_then(|fsck| fsck.run(wish, &mut report)) {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            complain(json, &problem);
            ExitCode::from(UNCHECKED)
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Wish {
    verify: bool,
    repair: bool,
}

/// A data directory that is held.
struct Fsck {
    data: PathBuf,
    meta_dir: PathBuf,
    /// The lock goes with it.
    _lock: std::os::fd::OwnedFd,
}

/// What was seen in one look.
struct Look {
    problems: u64,
    walk: Walk,
    bad: BTreeMap<BlobId, Vec<ByteRange>>,
    blobs: u64,
    bytes: u64,
    /// Whether all records that there are could be seen; else nothing must be repaired.
    whole: bool,
}

impl Fsck {
    fn open(places: Places) -> Result<Self, String> {
        let Places { data, meta_dir } = places;
        let data = data.canonicalize().map_err(|error| format!("{}: {error}", data.display()))?;
        let lock = raw::lock(&data).map_err(|error| error.to_string())?;
        if !format::read(&data)? {
            return Err(format!("{} holds no data of a node", data.display()));
        }
        Ok(Self { data, meta_dir, _lock: lock })
    }

    /// The exit code; an error if nothing could be checked.
    fn run(&self, wish: Wish, report: &mut Report<'_>) -> Result<u8, String> {
        let first = self.look_only(wish.verify, None, report)?;
        let mut left = first.problems;
        if wish.repair && first.problems > 0 && first.whole {
            match self.repair(&first, report) {
                Ok(()) => left = self.look_only(wish.verify, Some(&first.bad), report)?.problems,
                Err(problem) => report.say(Kind::Damage, "repair", problem),
            }
        }
        let (code, verdict) = match (first.problems, left) {
            (0, _) => (0, "all is well".to_owned()),
            (found, 0) => (REPAIRED, format!("{found} problems, all repaired")),
            (found, left) if wish.repair => (LEFT, format!("{found} problems, {left} are left")),
            (found, _) => (LEFT, format!("{found} problems")),
        };
        let numbers = [
            ("blobs", first.blobs),
            ("files", first.walk.files.len() as u64),
            ("bytes compared", first.bytes),
        ];
        report.summary(&numbers, &verdict);
        Ok(code)
    }

    fn repair(&self, first: &Look, report: &mut Report<'_>) -> Result<(), String> {
        let store = RocksStore::open(&self.meta_dir, CACHE_LEN);
        let store = store.map_err(|error| format!("nothing is repaired: {error}"))?;
        let found = first.walk.found(&first.bad);
        repair::repair(&self.data, &store, &first.walk, &found, report)
    }

    /// Looks at everything and changes nothing. `bad` are the bytes that an earlier look found not to match: files
    /// do not change, so they are not read again.
    fn look_only(
        &self,
        verify: bool,
        bad: Option<&BTreeMap<BlobId, Vec<ByteRange>>>,
        report: &mut Report<'_>,
    ) -> Result<Look, String> {
        let store = RocksStore::open_read_only(&self.meta_dir, CACHE_LEN)
            .map_err(|error| format!("{}: {error}", self.meta_dir.display()))?;
        let walk = files::walk(&self.data);
        let walk = walk.map_err(|error| format!("{}: {error}", self.data.display()))?;
        let known = examine(&store, &self.meta_dir, report)?;
        files::compare(&walk, &known, report);
        let mut look = Look {
            problems: 0,
            walk,
            bad: BTreeMap::new(),
            blobs: known.blobs.len() as u64,
            bytes: 0,
            whole: true,
        };
        match bad {
            Some(bad) => look.bad.clone_from(bad),
            None if verify => {
                let compared = bytes::compare(&store, &self.data, &known.blobs);
                let compared = compared.map_err(|error| error.to_string())?;
                (look.bad, look.bytes) = (compared.bad, compared.bytes);
            }
            None => {}
        }
        drop(known);
        look.problems = report.take_problems();
        if verify || look.problems > 0 || bad.is_some() {
            let found = look.walk.found(&look.bad);
            match plan(&store, &found) {
                Ok(plan) => tell(&plan, &look, report),
                Err(StoreError::Corrupt(what)) => {
                    look.whole = false;
                    touched(&store, &what, report)?;
                }
                Err(failed @ StoreError::Failed(_)) => return Err(failed.to_string()),
            }
        }
        look.problems += report.take_problems();
        Ok(look)
    }
}

/// Reads every record and tells what does not hold.
fn examine(
    store: &RocksStore,
    folder: &Path,
    report: &mut Report<'_>,
) -> Result<invariant::Report, String> {
    let known = invariant::examine(store).map_err(|error| error.to_string())?;
    for unreadable in &known.unreadable {
        report.say(Kind::Damage, "records", unreadable);
        for file in store.files_named_in(&unreadable.problem) {
            let what = format!(
                "{} is damaged: it holds {} entries of {}, from {} to {}",
                folder.join(&file.name).display(),
                file.entries,
                file.space,
                file.first.escape_ascii(),
                file.last.escape_ascii()
            );
            report.say(Kind::Damage, "store", what);
        }
    }
    for violation in &known.violations {
        report.say(Kind::Damage, violation.predicate, &violation.what);
    }
    Ok(known)
}

/// What clients lose, and bytes that are not what was written.
fn tell(plan: &Plan, look: &Look, report: &mut Report<'_>) {
    for (blob, ranges) in &look.bad {
        let read = plan.read.get(blob).map_or(&[][..], Vec::as_slice);
        for range in ranges {
            let (start, end) = (range.start(), range.end());
            let name = files::name(*blob);
            let what = format!("{name}: bytes {start} to {end} are not what was written");
            if read.iter().any(|read| read.start() < end && start < read.end()) {
                report.say(Kind::Damage, "bytes", what);
            } else {
                report.say(Kind::Note, "bytes", format_args!("{what}; nothing reads them"));
            }
        }
    }
    for removal in plan.removals.iter().filter(|removal| removal.known) {
        report.say(Kind::Lost, "records", format_args!("{}: {}", removal.what, removal.why));
    }
    // Everything else has been told as what does not hold; but a plan is never passed over in silence.
    if look.problems == 0 {
        let removals = plan.removals.iter().filter(|removal| !removal.known);
        for removal in removals {
            report.say(Kind::Damage, "records", format_args!("{}: {}", removal.what, removal.why));
        }
        for fix in &plan.fixes {
            report.say(Kind::Damage, "records", format_args!("{} must be made anew", fix.what));
        }
    }
}

/// The store itself is damaged: nobody knows all that is missing, so nothing can be repaired; but what can be found
/// and not be read is told.
fn touched(store: &RocksStore, what: &str, report: &mut Report<'_>) -> Result<(), String> {
    let advice = "no repair goes on without it; put the file back from a copy";
    report.say(Kind::Damage, "store", format_args!("{what}: {advice}"));
    let told = meta::repair::touched(store, &mut |bucket, key, version, why| {
        let (bucket, key) = (bucket.as_str(), key.as_str());
        let version = version.map(|version| format!("version {version} of "));
        let what = version.unwrap_or_else(|| "object ".to_owned());
        report.say(Kind::Lost, "records", format_args!("{what}{bucket}/{key}: {why}"));
    });
    match told {
        Err(StoreError::Failed(failed)) => Err(failed),
        // The list of buckets is damaged itself, which has been told.
        Err(StoreError::Corrupt(_)) | Ok(()) => Ok(()),
    }
}

const REPAIRED: u8 = 1;
const USAGE: u8 = 2;
const LEFT: u8 = 4;
const UNCHECKED: u8 = 8;

/// For blocks of the metadata store; everything is read once.
const CACHE_LEN: usize = 32 * 1024 * 1024;

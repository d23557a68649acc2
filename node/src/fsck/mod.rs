//! Room: `tenon fsck`: the data of a node that does not run, every record against every file.
//!
//! Order: take the directory, read every record, compare with the files, on demand compare every byte. Nothing is
//! changed: the metadata store is opened to look at it only.
//! May touch: the data directory, which it holds alone meanwhile.
//! Memory: the records without the bytes of small objects; see `meta::invariant`.
//! Exit codes: 0 all is well, 2 usage, 4 problems, 8 could not check.

mod bytes;
mod files;
mod report;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use meta::invariant;
use meta::rocks::RocksStore;
use meta::store::StoreError;

use self::files::Walk;
use self::report::{Kind, Report, complain};
use crate::config::{FsckFlags, Places};
use crate::disk::raw;
use crate::format;

/// Checks, prints what it finds, and says with the exit code how it stands.
pub fn run(flags: FsckFlags) -> ExitCode {
    let FsckFlags { places, verify, json } = flags;
    let places = match places.resolve(std::env::vars_os()) {
        Ok(places) => places,
        Err(error) => {
            complain(json, &error.to_string());
            return ExitCode::from(USAGE);
        }
    };
    let mut to = io::stdout();
    let mut report = Report::new(&mut to, json);
    match check(&places, verify, &mut report) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(LEFT),
        Err(problem) => {
            complain(json, &problem);
            ExitCode::from(UNCHECKED)
        }
    }
}

/// The number of problems; an error if nothing could be checked.
fn check(places: &Places, verify: bool, report: &mut Report<'_>) -> Result<u64, String> {
    let data = places.data.canonicalize();
    let data = data.map_err(|error| format!("{}: {error}", places.data.display()))?;
    let lock = raw::lock(&data).map_err(|error| error.to_string())?;
    if !format::read(&data)? {
        return Err(format!("{} holds no data of a node", data.display()));
    }
    let store = RocksStore::open_read_only(&places.meta_dir, CACHE_LEN)
        .map_err(|error| format!("{}: {error}", places.meta_dir.display()))?;
    let seen = look(&data, &store, verify, report)?;
    drop(lock);
    let problems = report.take_problems();
    let verdict = match problems {
        0 => "all is well".to_owned(),
        problems => format!("{problems} problems"),
    };
    report.summary(
        &[("blobs", seen.blobs), ("files", seen.files), ("bytes compared", seen.bytes)],
        &verdict,
    );
    Ok(problems)
}

/// How much was looked at.
struct Seen {
    blobs: u64,
    files: u64,
    bytes: u64,
}

fn look(
    data: &Path,
    store: &RocksStore,
    verify: bool,
    report: &mut Report<'_>,
) -> Result<Seen, String> {
    let walk = files::walk(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let known = examine(store, report)?;
    files::compare(&walk, &known, report);
    let mut seen = Seen { blobs: known.blobs.len() as u64, files: count(&walk), bytes: 0 };
    if verify {
        let compared =
            bytes::compare(store, data, &known.blobs).map_err(|error| error.to_string())?;
        for (blob, ranges) in &compared.bad {
            for range in ranges {
                let (start, end) = (range.start(), range.end());
                let what = format!("bytes {start} to {end} are not what was written");
                report.say(Kind::Damage, "bytes", format_args!("{}: {what}", files::name(*blob)));
            }
        }
        seen.bytes = compared.bytes;
    }
    Ok(seen)
}

fn count(walk: &Walk) -> u64 {
    walk.files.len() as u64
}

/// Reads every record and tells what does not hold.
fn examine(store: &RocksStore, report: &mut Report<'_>) -> Result<invariant::Report, String> {
    let known = invariant::examine(store).map_err(|error: StoreError| error.to_string())?;
    for unreadable in &known.unreadable {
        report.say(Kind::Damage, "records", unreadable);
        for file in store.files_named_in(&unreadable.problem) {
            let what = format!(
                "meta/{} is damaged: it holds {} entries of {}, from {} to {}",
                file.name,
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

const USAGE: u8 = 2;
const LEFT: u8 = 4;
const UNCHECKED: u8 = 8;

/// For blocks of the metadata store; everything is read once.
const CACHE_LEN: usize = 32 * 1024 * 1024;

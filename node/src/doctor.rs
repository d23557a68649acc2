//! Room: `tenon doctor`: what this host offers a node, line by line, and what to change.
//!
//! May touch: a folder of its own inside the data directory (or inside the nearest folder above it that is there),
//! which is gone when it ends; nothing else. A node that serves is not disturbed: its lock is asked for, not taken.
//! Invariant: what would stop `tenon serve` is a failure, what makes it slower or poorer is a warning.
//! Source: host.rs and disk/raw.rs, which decide at start what is only told here.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::{Resource, getrlimit};

use crate::config::{PlaceFlags, Places, Reserve};
use crate::disk::raw::{self, Facts};
use crate::disk::{ALIGN, Space};
use crate::format;
use crate::host;

/// Looks at the host and prints what it found: exit 0 if a node could run, 1 if not, 2 for wrong arguments.
pub fn run(flags: PlaceFlags) -> ExitCode {
    let places = match flags.resolve(std::env::vars_os()) {
        Ok(places) => places,
        Err(error) => {
            say(io::stderr(), &format_args!("error: {error}\n"));
            return ExitCode::from(2);
        }
    };
    let checks = examine(&places);
    let failures = checks.iter().filter(|check| check.grade == Grade::Failure).count();
    let lines: String = checks.iter().map(|check| format!("{check}\n")).collect();
    let verdict = match failures {
        0 => "A node can run here.\n",
        _ => "A node cannot run here.\n",
    };
    say(io::stdout(), &format_args!("{lines}{verdict}"));
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(mut to: impl io::Write, text: &fmt::Arguments<'_>) {
    // Whoever closed the pipe does not want to know.
    let _ = to.write_fmt(*text);
}

/// How a thing stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Grade {
    Ok,
    /// The node runs, but something is slower or poorer than it could be.
    Warning,
    /// The node does not start, or cannot work.
    Failure,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Check {
    grade: Grade,
    what: &'static str,
    found: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Ok => "ok",
            Grade::Warning => "warning",
            Grade::Failure => "failure",
        };
        write!(f, "{grade:<8} {:<15} {}", self.what, self.found)
    }
}

fn ok(what: &'static str, found: impl Into<String>) -> Check {
    Check { grade: Grade::Ok, what, found: found.into() }
}

fn warning(what: &'static str, found: impl Into<String>) -> Check {
    Check { grade: Grade::Warning, what, found: found.into() }
}

fn failure(what: &'static str, found: impl Into<String>) -> Check {
    Check { grade: Grade::Failure, what, found: found.into() }
}

fn examine(places: &Places) -> Vec<Check> {
    let mut checks = vec![kernel(), cores(), simd()];
    checks.push(match host::check_io_uring() {
        Ok(()) => ok("io_uring", "works"),
        Err(error) => failure("io_uring", error.to_string()),
    });
    checks.push(open_files(getrlimit(Resource::Nofile).maximum));
    checks.push(locked_memory(getrlimit(Resource::Memlock).maximum));
    checks.push(time_source(&read_line(CLOCK_SOURCE)));
    checks.push(synchronised(raw::clock_is_synchronised()));
    checks.extend(data_directory(&places.data));
    checks.extend(meta_directory(places));
    checks
}

fn kernel() -> Check {
    let release = read_line("/proc/sys/kernel/osrelease");
    ok("kernel", format!("Linux {release}, {}", std::env::consts::ARCH))
}

fn cores() -> Check {
    match std::thread::available_parallelism() {
        Ok(cores) => ok("cores", format!("{cores}, a shard for each unless told otherwise")),
        Err(error) => warning("cores", format!("{error}; say how many shards with --shards")),
    }
}

/// What checksums are computed with.
fn simd() -> Check {
    #[cfg(target_arch = "x86_64")]
    let found = {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("vpclmulqdq") {
            Some("AVX-512 with carry-less multiplication")
        } else if has!("avx2") && has!("pclmulqdq") {
            Some("AVX2 with carry-less multiplication")
        } else if has!("sse4.2") && has!("pclmulqdq") {
            Some("SSE4.2 with carry-less multiplication")
        } else {
            None
        }
    };
    #[cfg(target_arch = "aarch64")]
    let found = {
        use std::arch::is_aarch64_feature_detected as has;
        (has!("crc") && has!("aes")).then_some("NEON with CRC and polynomial multiplication")
    };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let found = None;
    match found {
        Some(level) => ok("simd", level),
        None => warning("simd", "none that checksums could use; they will be slow here"),
    }
}

/// The node raises its soft limits to the hard ones, so those count.
fn open_files(limit: Option<u64>) -> Check {
    const WANTED: usize = 10_000;
    let said = limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
    match host::connections(WANTED, limit) {
        Ok(WANTED) => ok("open files", said),
        Ok(fewer) => warning(
            "open files",
            format!(
                "{said}: enough for {fewer} connections instead of {WANTED}; raise the limit (ulimit -Hn, LimitNOFILE=, \
                 --ulimit nofile)"
            ),
        ),
        Err(error) => failure("open files", error.to_string()),
    }
}

/// The number of shards that a node has unless it is told another one.
fn core_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn locked_memory(limit: Option<u64>) -> Check {
    match host::check_memlock(limit, core_count()) {
        Ok(()) => ok("locked memory", limit.map_or_else(|| "no limit".to_owned(), size)),
        Err(error) => failure("locked memory", error.to_string()),
    }
}

fn time_source(source: &str) -> Check {
    match source {
        "" => ok("time source", "monotonic; the host does not say from what"),
        "hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" | "pit" => warning(
            "time source",
            format!(
                "{source} is slow to read, and every request asks for the time; see dmesg for why the processor's \
                 counter is not trusted"
            ),
        ),
        source => ok("time source", format!("monotonic, from {source}")),
    }
}

fn synchronised(found: io::Result<bool>) -> Check {
    const WHY: &str = "signatures are refused when clocks differ by 15 minutes";
    match found {
        Ok(true) => ok("clock", "synchronised"),
        Ok(false) => {
            warning("clock", format!("not synchronised: run chronyd or systemd-timesyncd; {WHY}"))
        }
        Err(error) => warning("clock", format!("cannot tell whether it is right ({error}); {WHY}")),
    }
}

fn data_directory(data: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    let place = match nearest(data) {
        Ok(place) => place,
        Err(error) => return vec![failure("data directory", error)],
    };
    if place != data {
        let said = format!("{} is not there yet, will be made", data.display());
        checks.push(ok("data directory", said));
    } else {
        checks.push(match raw::is_in_use(data) {
            Ok(false) => ok("data directory", data.display().to_string()),
            Ok(true) => ok("data directory", format!("{} (a node uses it now)", data.display())),
            Err(error) => failure("data directory", error.to_string()),
        });
        checks.push(match format::read(data) {
            Ok(true) => ok("format", "known"),
            Ok(false) => ok("format", "none yet, will be written"),
            Err(problem) => failure("format", problem),
        });
        checks.extend(scattered(data));
    }
    match probe_in(&place) {
        Ok(facts) => checks.extend(file_system(&facts)),
        Err(error) => checks.push(failure("writing", unwritable(&place, &error))),
    }
    checks.push(room("space", &place, raw::space(&place)));
    checks
}

/// The metadata may lie on another file system, which must offer what the store asks of it.
fn meta_directory(places: &Places) -> Vec<Check> {
    let place = match nearest(&places.meta_dir) {
        Ok(place) => place,
        Err(error) => return vec![failure("metadata", error)],
    };
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    if nearest(&places.data).is_ok_and(|data| device(&data) == device(&place)) {
        return vec![ok("metadata", "on the file system of the data directory")];
    }
    let facts = match probe_in(&place) {
        Ok(facts) => facts,
        Err(error) => return vec![failure("metadata", unwritable(&place, &error))],
    };
    let said = format!("{} ({})", places.meta_dir.display(), facts.file_system);
    let found = match facts.direct {
        true => ok("metadata", said),
        false => failure("metadata", format!("{said} refuses O_DIRECT: {CHOOSE}")),
    };
    vec![found, room("metadata space", &place, raw::space(&place))]
}

fn file_system(facts: &Facts) -> Vec<Check> {
    let name = &facts.file_system;
    let mut checks = vec![match name.as_str() {
        "xfs" | "btrfs" | "ext4" => ok("file system", name),
        _ => warning("file system", format!("{name} is not one that Tenon is tested on; {CHOOSE}")),
    }];
    checks.push(match (facts.direct, facts.direct_align) {
        (false, _) => failure("O_DIRECT", format!("{name} refuses it; {CHOOSE}")),
        (true, None) => ok("O_DIRECT", format!("works on a grid of {ALIGN} bytes")),
        (true, Some(align)) => {
            ok("O_DIRECT", format!("works on a grid of {ALIGN} bytes (asks for {align})"))
        }
    });
    checks.push(if facts.ways.clone {
        ok("reflink", format!("{name} clones ranges"))
    } else {
        let advice = match name.as_str() {
            "xfs" => "make it anew with mkfs.xfs -m reflink=1",
            _ => "XFS and btrfs do",
        };
        let instead = "small parts of large blobs are copied byte by byte";
        warning("reflink", format!("{name} does not clone ranges, so {instead}; {advice}"))
    });
    let kernel = [("copy_file_range", facts.ways.copy_file_range), ("splice", facts.ways.splice)];
    checks.extend(kernel.map(|(way, works)| match works {
        true => ok(way, "works"),
        false => warning(way, "refused: where it would copy, the next way does"),
    }));
    checks
}

fn room(what: &'static str, place: &Path, space: io::Result<Space>) -> Check {
    let Space { free, total } = match space {
        Ok(space) => space,
        Err(error) => return failure(what, format!("{}: {error}", place.display())),
    };
    let said = format!("{} free of {}", size(free), size(total));
    let reserve = Reserve::Fraction(0.01).of(total);
    if free > reserve {
        return ok(what, said);
    }
    let reserve = size(reserve);
    warning(what, format!("{said}: writes are refused below {reserve} (TENON_DISK_RESERVE)"))
}

/// Folders of the data directory that lie elsewhere: files cannot be moved or cloned between file systems.
fn scattered(data: &Path) -> Vec<Check> {
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev());
    let Ok(home) = device(data) else { return Vec::new() };
    let folders = ["blobs", "lost"].map(|name| data.join(name));
    let away = folders.iter().filter(|path| device(path).is_ok_and(|there| there != home));
    let said = |path: &PathBuf| format!("{} lies on another file system", path.display());
    away.map(|path| failure("folders", format!("{}; move it back", said(path)))).collect()
}

/// The folder itself, or else the nearest one above it that is there.
fn nearest(path: &Path) -> Result<PathBuf, String> {
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    for (steps, place) in absolute.ancestors().enumerate() {
        match fs::metadata(place) {
            Ok(found) if found.is_dir() => {
                return Ok(if steps == 0 { path.to_owned() } else { place.to_owned() });
            }
            Ok(_) => return Err(format!("{} is not a folder", place.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {error}", place.display())),
        }
    }
    Err(format!("{}: no such folder", path.display()))
}

/// Tries the file system in a folder of its own, so that nothing that is there comes into its way.
fn probe_in(place: &Path) -> io::Result<Facts> {
    let own = place.join(format!(".tenon-doctor-{}", std::process::id()));
    DirBuilder::new().mode(raw::FOLDER_MODE).create(&own)?;
    let facts = raw::probe(&own);
    fs::remove_dir_all(&own)?;
    facts
}

fn unwritable(place: &Path, error: &io::Error) -> String {
    format!("{}: {error}; the user that runs the node must own it", place.display())
}

/// Bytes in the unit that reads best.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = (1..UNITS.len()).take_while(|unit| bytes >> (10 * unit) > 0).last().unwrap_or(0);
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    match (unit, tenths % 10) {
        (0, _) | (_, 0) => format!("{} {}", tenths / 10, UNITS[unit]),
        (_, tenth) => format!("{}.{tenth} {}", tenths / 10, UNITS[unit]),
    }
}

/// The one line of such a file; nothing if there is none.
fn read_line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

const CHOOSE: &str = "use XFS, btrfs or ext4";
const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::DiskWays;

    const XFS: fn() -> Facts = || Facts {
        file_system: "xfs".to_owned(),
        ways: DiskWays { clone: true, copy_file_range: true, splice: true },
        direct: true,
        direct_align: Some(512),
    };

    fn grades(checks: &[Check]) -> Vec<(&'static str, Grade)> {
        checks.iter().map(|check| (check.what, check.grade)).collect()
    }

    #[test]
    fn file_systems_are_judged_by_what_a_node_needs() {
        use Grade::{Failure, Ok, Warning};
        let found = file_system(&XFS());
        assert!(found.iter().all(|check| check.grade == Ok), "{found:?}");
        assert_eq!(found[2].to_string(), "ok       reflink         xfs clones ranges");
        let ways = DiskWays { clone: false, ..XFS().ways };
        let ext4 = Facts { file_system: "ext4".to_owned(), ways, ..XFS() };
        assert!(grades(&file_system(&ext4)).contains(&("reflink", Warning)));
        let odd = Facts { file_system: "0x1234".to_owned(), direct: false, ..XFS() };
        assert_eq!(
            grades(&file_system(&odd))[..2],
            [("file system", Warning), ("O_DIRECT", Failure)]
        );
    }

    #[test]
    fn limits_and_clocks_are_judged_as_at_start() {
        let judged = [
            (open_files(Some(100)), Grade::Failure),
            (open_files(Some(4096)), Grade::Warning),
            (open_files(Some(1 << 20)), Grade::Ok),
            (open_files(None), Grade::Ok),
            (locked_memory(Some(64 << 10)), Grade::Failure),
            (locked_memory(Some(8 << 20)), Grade::Ok),
            (time_source("tsc"), Grade::Ok),
            (time_source("hpet"), Grade::Warning),
            (synchronised(Ok(true)), Grade::Ok),
            (synchronised(Ok(false)), Grade::Warning),
            (synchronised(Err(io::ErrorKind::PermissionDenied.into())), Grade::Warning),
        ];
        for (check, grade) in judged {
            assert_eq!(check.grade, grade, "{check}");
        }
        let here = Path::new("/");
        let full = Space { free: 10 << 20, total: 1 << 30 };
        assert_eq!(room("space", here, Ok(full)).grade, Grade::Warning);
        let roomy = Space { free: 1 << 29, total: 1 << 30 };
        let said = room("space", here, Ok(roomy));
        assert_eq!((said.grade, said.found.as_str()), (Grade::Ok, "512 MiB free of 1 GiB"));
    }

    #[test]
    fn sizes_are_told_in_their_best_unit() {
        let told = [0, 1023, 1536, 64 << 20, (1 << 40) + (1 << 39), u64::MAX].map(size);
        assert_eq!(
            told,
            ["0 bytes", "1023 bytes", "1.5 KiB", "64 MiB", "1.5 TiB", "16777215.9 TiB"]
        );
    }

    #[test]
    fn the_nearest_folder_that_is_there_is_tried() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (file, deep) = (home.path().join("file"), home.path().join("a/b/c"));
        assert_eq!(nearest(&deep), Ok(home.path().to_owned()));
        assert_eq!(nearest(home.path()), Ok(home.path().to_owned()));
        fs::write(&file, "").expect("written");
        assert!(nearest(&file.join("data")).is_err());
        assert!(probe_in(home.path()).is_ok());
        assert_eq!(fs::read_dir(home.path()).expect("listed").count(), 1, "nothing is left behind");
    }
}

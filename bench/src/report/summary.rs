//! Room: what was found, in sentences that need no plot.
//!
//! Invariants: every figure in a sentence stands in the table too; a sentence is only made of what was measured.

use crate::measurement::{Figures, Work, count, ratio};

use super::model::{Report, Row, at_a_time, families, label, plural, singular, size, with_article};
use super::plots::capital;
use super::units;

/// The most telling size of a copy.
const TELLING: u64 = 64 << 20;

/// What was found, the most telling first.
pub(super) fn sentences(report: &Report<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for (scenario, operation) in report.kinds() {
        let rows = report.rows_of(scenario, operation);
        match scenario {
            "copy" if operation == "copy part" => all.extend(copies(report, &rows)),
            _ => all.extend(fastest(report, &rows)),
        }
    }
    all.extend(failures(report));
    all
}

/// The row that says most about latency: the fewest at a time, the size next to the telling one.
pub(super) fn telling<'r, 'a>(rows: &[&'r Row<'a>]) -> Option<&'r Row<'a>> {
    let far = |row: &&&Row<'_>| {
        let work = row.work;
        let plain = work.source_parts.unwrap_or(1) == 1 && work.offset.unwrap_or(0) == 0;
        (work.rate.is_some(), work.concurrency, !plain, off_telling(work))
    };
    rows.iter().min_by_key(far).copied()
}

/// How far a size is from the telling one, in hundredths of a factor, so that it can be compared as a whole.
#[expect(clippy::cast_possible_truncation, reason = "a logarithm is small")]
pub(super) fn off_telling(work: &Work) -> i64 {
    let off = count(work.size.max(1)) / count(TELLING);
    (off.ln().abs() * 100.0) as i64
}

fn copies(report: &Report<'_>, rows: &[&Row<'_>]) -> Vec<String> {
    let mut all = Vec::new();
    let Some(row) = telling(rows) else { return all };
    all.push(latency(report, row));
    all.extend(flatness(report, rows, row));
    let most = rows.iter().filter(|row| row.figures(0).is_some());
    let rate = |row: &Row<'_>| row.figures(0).map_or(0.0, |figures| figures.operations_per_s);
    if let Some(most) = most.max_by(|one, other| rate(one).total_cmp(&rate(other)))
        && most.work != row.work
    {
        all.extend(throughput(report, most));
    }
    all.extend(device(report, row));
    all.extend(cpu(report, row));
    all
}

/// `One at a time, a 64 MiB part copy takes 1.3 ms …`
pub(super) fn latency(report: &Report<'_>, row: &Row<'_>) -> String {
    let p50 = |figures: &Figures| figures.latency.p50_us;
    let what = with_article(&label(row.work));
    let what = format!("{}, {what} takes", capital(&at_a_time(row.work)));
    match (row.both(p50), row.figures(0), row.figures(1)) {
        (Some((a, b)), ..) => {
            let (than, times) = compare(a, b);
            let (a, b) = (units::time(a), units::time(b));
            let (one, other) = (report.name(0), report.name(1));
            format!("{what} {a} with {one}, {times} {than} {other} ({b}).")
        }
        (None, Some(figures), _) => {
            format!("{what} {} with {}.", units::time(p50(figures)), report.name(0))
        }
        (None, None, Some(figures)) => {
            let (time, name) = (units::time(p50(figures)), report.name(1));
            format!("{what} {time} with {name}.")
        }
        (None, None, None) => format!("No {} succeeded.", singular(row.work)),
    }
}

/// How many times less or more `a` takes than `b`.
fn compare(a: f64, b: f64) -> (&'static str, String) {
    if a <= b {
        ("faster than", units::times(ratio(b, a).unwrap_or(1.0)))
    } else {
        ("slower than", units::times(ratio(a, b).unwrap_or(1.0)))
    }
}

fn flatness(report: &Report<'_>, rows: &[&Row<'_>], like: &Row<'_>) -> Option<String> {
    let vary = |work: &mut Work| {
        work.size = 0;
        work.source_size = None;
    };
    let all = families(rows, vary);
    let family = all.into_iter().find(|family| family.iter().any(|row| row.work == like.work))?;
    let (min, max) =
        (family.iter().min_by_key(|r| r.work.size)?, family.iter().max_by_key(|r| r.work.size)?);
    if min.work.size == max.work.size {
        return None;
    }
    let spread = |index: usize| {
        let times = family.iter().map(|row| Some(row.figures(index)?.latency.p50_us));
        let times = times.collect::<Option<Vec<f64>>>()?;
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        ratio(times.iter().copied().fold(0.0, f64::max), least)
    };
    let (from, to) = (size(min.work), size(max.work));
    let a = units::times(spread(0)?);
    let name = report.name(0);
    let other = spread(1).map_or_else(String::new, |spread| {
        format!("; that of {} by {}", report.name(1), units::times(spread))
    });
    Some(format!("From {from} to {to} the time of {name} differs by {a} at most{other}."))
}

/// `64 at a time, it makes 5,210 part copies of 8 MiB a second …`
fn throughput(report: &Report<'_>, row: &Row<'_>) -> Option<String> {
    let figures = row.figures(0)?;
    let per_s = units::digits(figures.operations_per_s);
    let (name, what, size, at) =
        (report.name(0), plural(row.work), size(row.work), at_a_time(row.work));
    let size = if size.is_empty() { size } else { format!(" of {size}") };
    let bytes = match figures.logical_bytes_per_s {
        bytes if bytes > 0.0 && row.work.size >= 1 << 20 => format!(" ({})", units::rate(bytes)),
        _ => String::new(),
    };
    let than = row.both(|figures| figures.operations_per_s).map_or_else(String::new, |(a, b)| {
        let other = report.name(1);
        match a >= b {
            true => format!(", {} as many as {other}", units::times(ratio(a, b).unwrap_or(1.0))),
            false => format!(", {} fewer than {other}", units::times(ratio(b, a).unwrap_or(1.0))),
        }
    });
    Some(format!("{}, {name} makes {per_s} {what}{size} a second{bytes}{than}.", capital(&at)))
}

/// For each operation the point at which the first endpoint does most.
fn fastest(report: &Report<'_>, rows: &[&Row<'_>]) -> Option<String> {
    let rate = |row: &Row<'_>| row.figures(0).map_or(0.0, |figures| figures.operations_per_s);
    let bytes = |row: &Row<'_>| row.figures(0).map_or(0.0, |figures| figures.logical_bytes_per_s);
    let big = rows.iter().any(|row| row.work.size >= 1 << 20 && row.work.scenario != "list");
    let best = rows.iter().max_by(|one, other| match big {
        true => bytes(one).total_cmp(&bytes(other)),
        false => rate(one).total_cmp(&rate(other)),
    });
    throughput(report, best?)
}

fn device(report: &Report<'_>, row: &Row<'_>) -> Option<String> {
    let said = |index: usize| {
        let figures = row.figures(index)?;
        let (written, read) = (figures.written_per_gib()?, figures.read_per_gib()?);
        let (written, read) = (units::bytes_f(written), units::bytes_f(read));
        Some(format!("{} wrote {written} and read {read}", report.name(index)))
    };
    let said: Vec<String> = (0..2).filter_map(said).collect();
    if said.is_empty() {
        return None;
    }
    Some(format!("On the device, for each GiB copied, {}.", said.join("; ")))
}

fn cpu(report: &Report<'_>, row: &Row<'_>) -> Option<String> {
    let said = |index: usize| {
        let seconds = units::digits(row.figures(index)?.cpu_s_per_gib()?);
        Some(format!("{} took {seconds} s", report.name(index)))
    };
    let said: Vec<String> = (0..2).filter_map(said).collect();
    if said.is_empty() {
        return None;
    }
    Some(format!("Of CPU time, for each GiB copied, {}.", said.join("; ")))
}

/// Errors and samples that were wrong: nobody should have to look for them.
pub(super) fn failures(report: &Report<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for index in 0..report.endpoints().len() {
        let points = || report.rows.iter().filter_map(|row| row.points[index]);
        let failed: u64 = points().flat_map(|point| point.errors.values()).sum();
        let wrong: u64 = points().map(|point| point.verified.wrong).sum();
        let name = report.name(index);
        if wrong > 0 {
            all.push(format!(
                "{name} gave back wrong bytes: {} of the samples!",
                units::whole(wrong)
            ));
        }
        if failed > 0 {
            let mut codes: Vec<&str> =
                points().flat_map(|point| point.errors.keys()).map(String::as_str).collect();
            codes.sort_unstable();
            codes.dedup();
            let (count, codes) = (units::whole(failed), codes.join(", "));
            all.push(format!("{count} requests to {name} failed ({codes})."));
        }
    }
    all
}

/// What was read back, over all points.
pub(super) fn verified(report: &Report<'_>) -> Option<String> {
    let points = || report.rows.iter().flat_map(|row| row.points.iter().flatten());
    let samples: u64 = points().map(|point| point.verified.samples).sum();
    let bytes: u64 = points().map(|point| point.verified.bytes).sum();
    let wrong: u64 = points().map(|point| point.verified.wrong).sum();
    (samples > 0).then(|| {
        let (samples, bytes) = (units::whole(samples), units::size(bytes));
        match wrong {
            0 => {
                format!("{samples} samples ({bytes}) were read back and were right, byte for byte.")
            }
            wrong => format!("{} of {samples} samples ({bytes}) were wrong.", units::whole(wrong)),
        }
    })
}

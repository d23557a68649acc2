//! Room: all figures, one row for each piece of work and endpoint.
//!
//! Invariant: what was not measured is an empty place, never a nought.

use crate::measurement::{Figures, Point, Work};

use super::model::{Report, at_a_time, conditions, label};
use super::svg::escape;
use super::units;

/// The table, as HTML.
pub(super) fn table(report: &Report<'_>) -> String {
    let columns = columns();
    let shown: Vec<&Column> = columns
        .iter()
        .filter(|column| points(report).any(|p| (column.value)(p).is_some()))
        .collect();
    let mut text =
        String::from("<div class=\"scroll\"><table><thead><tr><th>work</th><th>endpoint</th>");
    for column in &shown {
        text.push_str(&format!("<th>{}</th>", column.name));
    }
    text.push_str("</tr></thead><tbody>\n");
    for row in &report.rows {
        for (index, point) in row.points.iter().enumerate() {
            let Some(point) = point else { continue };
            let (work, name) = (escape(&describe(row.work)), escape(&report.name(index)));
            text.push_str(&format!("<tr><td>{work}</td><td>{name}</td>"));
            for column in &shown {
                let value = (column.value)(point).unwrap_or_default();
                text.push_str(&format!("<td>{}</td>", escape(&value)));
            }
            text.push_str("</tr>\n");
        }
    }
    text.push_str("</tbody></table></div>\n");
    text
}

/// One piece of work in words.
pub(super) fn describe(work: &Work) -> String {
    let parts = [label(work), at_a_time(work), conditions(work)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

struct Column {
    name: &'static str,
    value: fn(&Point) -> Option<String>,
}

fn points<'r>(report: &'r Report<'_>) -> impl Iterator<Item = &'r Point> {
    report.rows.iter().flat_map(|row| row.points.iter().flatten().copied())
}

fn columns() -> [Column; 15] {
    let column = |name, value| Column { name, value };
    [
        column("a second", |p| done(p).map(|f| units::digits(f.operations_per_s))),
        column("bytes", |p| {
            let rate = done(p)?.logical_bytes_per_s;
            (rate > 0.0).then(|| units::rate(rate))
        }),
        column("p50", |p| done(p).map(|f| units::time(f.latency.p50_us))),
        column("p90", |p| done(p).map(|f| units::time(f.latency.p90_us))),
        column("p99", |p| done(p).map(|f| units::time(f.latency.p99_us))),
        column("p99.9", |p| done(p).map(|f| units::time(f.latency.p999_us))),
        column("longest", |p| done(p).map(|f| units::time(f.latency.max_us))),
        column("CPU an<br>operation", |p| Some(units::time(p.median.cpu_us_per_operation()?))),
        column("CPU s<br>a GiB", |p| Some(units::digits(p.median.cpu_s_per_gib()?))),
        column("written<br>a GiB", |p| Some(units::bytes_f(p.median.written_per_gib()?))),
        column("read<br>a GiB", |p| Some(units::bytes_f(p.median.read_per_gib()?))),
        column("memory", |p| p.median.server_rss_bytes.map(units::size)),
        column("sent<br>late", |p| p.median.late.map(units::whole)),
        column("failed", |p| Some(units::whole(p.errors.values().sum()))),
        column("samples<br>right", |p| {
            let verified = p.verified;
            let right = verified.samples.saturating_sub(verified.wrong);
            (verified.samples > 0).then(|| format!("{right} of {}", verified.samples))
        }),
    ]
}

/// The figures, if there is an operation that they are of.
fn done(point: &Point) -> Option<&Figures> {
    (point.median.operations > 0).then_some(&point.median)
}

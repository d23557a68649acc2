//! Room: the results of a run as plain text, for a terminal and for a log.
//!
//! Must not: measure. Empty columns are left out.

use crate::measurement::{Figures, Line, Point, Run, Work, ratio};
use crate::report::{bytes, describe, digits, rate, time, times};

type Column = (&'static str, fn(&Point) -> String);

const COLUMNS: [Column; 13] = [
    ("ops/s", |point| digits(point.median.operations_per_s)),
    ("bytes", |point| optional(Some(point.median.logical_bytes_per_s).filter(|r| *r > 0.0), rate)),
    ("p50", |point| latency(point, point.median.latency.p50_us)),
    ("p90", |point| latency(point, point.median.latency.p90_us)),
    ("p99", |point| latency(point, point.median.latency.p99_us)),
    ("p99.9", |point| latency(point, point.median.latency.p999_us)),
    ("max", |point| latency(point, point.median.latency.max_us)),
    ("CPU/op", |point| optional(point.median.cpu_us_per_operation(), time)),
    ("CPU/GiB", |point| optional(point.median.cpu_s_per_gib(), |s| time(s * 1e6))),
    ("written/GiB", |point| optional(point.median.written_per_gib(), bytes)),
    ("read/GiB", |point| optional(point.median.read_per_gib(), bytes)),
    ("late", |point| point.median.late.map(|late| late.to_string()).unwrap_or_default()),
    ("errors", errors),
];

/// The table of all points, and beneath each pair how the endpoints compare.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut names: &[_] = &[];
    let mut text = String::new();
    let mut rows: Vec<(&Work, Vec<&Point>)> = Vec::new();
    for line in lines {
        match line {
            Line::Run(run) => {
                names = &run.endpoints;
                text.push_str(&head(run));
            }
            Line::Point(point) => match rows.iter_mut().find(|(work, _)| **work == point.work) {
                Some((_, points)) => points.push(point),
                None => rows.push((&point.work, vec![point])),
            },
        }
    }
    let all = || rows.iter().flat_map(|(_, points)| points);
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .filter(|(_, cell)| all().any(|point| !cell(point).is_empty()))
        .collect();
    let mut cells = vec![
        std::iter::once(String::new())
            .chain(columns.iter().map(|(name, _)| (*name).to_owned()))
            .collect(),
    ];
    let mut notes = Vec::new();
    for (work, points) in &rows {
        notes.push((cells.len(), describe(work)));
        for point in points {
            let name = names.get(point.endpoint).map_or("", |endpoint| &*endpoint.name);
            let values = columns.iter().map(|(_, cell)| cell(point));
            cells.push(std::iter::once(format!("  {name}")).chain(values).collect::<Vec<String>>());
        }
        if let [a, b] = points[..] {
            notes.push((cells.len(), compare(&a.median, &b.median)));
        }
    }
    text.push_str(&aligned(&cells, &notes));
    text.push_str(&verified(lines));
    text
}

fn head(run: &Run) -> String {
    let [load, ..] = run.host.load;
    let host =
        format!("{}, {} cores, {}, load {load}\n", run.host.cpu, run.host.cores, run.host.kernel);
    let rounds = format!("medians of {} rounds\n", run.rounds);
    let endpoints =
        run.endpoints.iter().map(|endpoint| format!("{}: {}\n", endpoint.name, endpoint.url));
    format!("\n{host}{}{rounds}\n", endpoints.collect::<String>())
}

fn optional(figure: Option<f64>, text: fn(f64) -> String) -> String {
    figure.map(text).unwrap_or_default()
}

fn latency(point: &Point, us: f64) -> String {
    if point.median.operations == 0 { String::new() } else { time(us) }
}

fn errors(point: &Point) -> String {
    let told = point.errors.iter().map(|(code, times)| format!("{times} {code}"));
    told.collect::<Vec<_>>().join(", ")
}

/// How A does beside B.
fn compare(a: &Figures, b: &Figures) -> String {
    let rate = ratio(a.operations_per_s, b.operations_per_s);
    let latency = ratio(b.latency.p50_us, a.latency.p50_us);
    let cpu = a
        .server_cpu_s
        .zip(b.server_cpu_s)
        .and_then(|_| ratio(b.cpu_us_per_operation()?, a.cpu_us_per_operation()?));
    let parts = [("as many a second", rate), ("as fast (p50)", latency), ("as little CPU", cpu)];
    let parts =
        parts.into_iter().filter_map(|(what, ratio)| Some(format!("{} {what}", times(ratio?))));
    format!("    A beside B: {}", parts.collect::<Vec<_>>().join(", "))
}

/// Columns under each other, with `notes` as lines of their own above the row of their number.
fn aligned(cells: &[Vec<String>], notes: &[(usize, String)]) -> String {
    let columns = cells.first().map_or(0, Vec::len);
    let width =
        |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for at in 0..=cells.len() {
        for (_, note) in notes.iter().filter(|(row, _)| *row == at) {
            text.push_str(note);
            text.push('\n');
        }
        let Some(row) = cells.get(at) else { break };
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => line.push_str(&format!("{cell:<width$}")),
                _ => line.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn verified(lines: &[Line]) -> String {
    let mut sum = crate::measurement::Verified::default();
    for line in lines {
        if let Line::Point(point) = line {
            sum.add(point.verified);
        }
    }
    let len = bytes(crate::measurement::count(sum.bytes));
    format!("\n{} samples read back and compared ({len}), {} wrong\n", sum.samples, sum.wrong)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::measurement::{Endpoint, Latency};

    fn point(endpoint: usize, p50_us: f64) -> Line {
        let median = Figures {
            operations: 10,
            operations_per_s: 1e6 / p50_us,
            latency: Latency { p50_us, ..Latency::default() },
            ..Figures::default()
        };
        let work = Work {
            scenario: "copy".into(),
            operation: "copy part".into(),
            size: 1 << 20,
            concurrency: 1,
            ..Work::default()
        };
        Line::Point(Box::new(Point { work, endpoint, median, ..Point::default() }))
    }

    #[test]
    fn endpoints_stand_under_each_other_and_are_compared() {
        let endpoint = |name: &str| Endpoint { name: name.into(), ..Endpoint::default() };
        let run = Run { endpoints: vec![endpoint("tenon"), endpoint("weed")], ..Run::default() };
        let mut lines = vec![Line::Run(run), point(0, 1000.0), point(1, 200_000.0)];
        let text = table(&lines);
        let row = |name: &str| text.lines().find(|line| line.starts_with(name)).map(str::len);
        assert_eq!(row("  tenon"), row("  weed"));
        assert!(text.contains("200 × as fast"), "{text}");
        assert!(!text.contains("errors") && !text.contains("CPU/op"), "{text}");

        if let Some(Line::Point(point)) = lines.last_mut() {
            point.errors = BTreeMap::from([("SlowDown".into(), 3)]);
        }
        assert!(table(&lines).contains("3 SlowDown"));
    }
}

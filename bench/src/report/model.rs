//! Room: the points of one or several runs in an order that can be drawn and told.
//!
//! Invariants: each work is there once, in the order in which it was first measured, with at most one point an
//! endpoint: the last. All points are of the same one or two endpoints.

use crate::measurement::{Endpoint, Figures, Line, Point, Run, Work};

use super::svg::shortened;
use super::units;

/// What a report is made of.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// How it was measured, in order.
    pub(super) runs: Vec<&'a Run>,
    /// What was measured.
    pub(super) rows: Vec<Row<'a>>,
}

/// One piece of work on each endpoint.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    /// The work.
    pub(super) work: &'a Work,
    /// By the index of the endpoint.
    pub(super) points: [Option<&'a Point>; 2],
}

impl<'a> Report<'a> {
    /// Puts the lines in order.
    ///
    /// # Errors
    /// In words: no run, other endpoints, no point.
    pub(super) fn new(lines: &'a [Line]) -> Result<Self, String> {
        let mut report = Self { runs: Vec::new(), rows: Vec::new() };
        for line in lines {
            match line {
                Line::Run(run) => report.add_run(run)?,
                Line::Point(point) => report.add_point(point)?,
            }
        }
        if report.rows.is_empty() {
            return Err("no point was measured".to_owned());
        }
        Ok(report)
    }

    /// The endpoints, one or two.
    pub(super) fn endpoints(&self) -> &'a [Endpoint] {
        // A run of the first endpoint alone may stand beside runs of both.
        let all = self.runs.iter().map(|run| run.endpoints.as_slice());
        all.max_by_key(|endpoints| endpoints.len()).unwrap_or_default()
    }

    /// What plots call the endpoint `index`.
    pub(super) fn name(&self, index: usize) -> String {
        match self.endpoints().get(index).map(|endpoint| endpoint.name.trim()) {
            None | Some("") => ["A", "B"].get(index).map_or("?", |name| name).to_owned(),
            Some(name) => shortened(name, 26),
        }
    }

    /// The rows of one scenario and operation.
    pub(super) fn rows_of(&self, scenario: &str, operation: &str) -> Vec<&Row<'a>> {
        let fits = |row: &&Row<'_>| {
            row.work.scenario == scenario && row.work.operation == operation && row.is_measured()
        };
        self.rows.iter().filter(fits).collect()
    }

    /// Each scenario with each of its operations, in the order in which they were measured.
    pub(super) fn kinds(&self) -> Vec<(&'a str, &'a str)> {
        let mut kinds = Vec::new();
        for row in &self.rows {
            let kind = (row.work.scenario.as_str(), row.work.operation.as_str());
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    fn add_run(&mut self, run: &'a Run) -> Result<(), String> {
        if !(1..=2).contains(&run.endpoints.len()) {
            return Err("a run is of one endpoint or of two".to_owned());
        }
        let known = self.endpoints().iter().zip(&run.endpoints);
        if known.clone().any(|(one, other)| one.name != other.name) {
            return Err("the runs are of different endpoints".to_owned());
        }
        self.runs.push(run);
        Ok(())
    }

    fn add_point(&mut self, point: &'a Point) -> Result<(), String> {
        if point.endpoint >= self.endpoints().len() {
            return Err("a point is of an endpoint that no run before it has".to_owned());
        }
        let at = self.rows.iter().position(|row| *row.work == point.work);
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row { work: &point.work, points: [None; 2] });
            self.rows.len() - 1
        });
        self.rows[at].points[point.endpoint] = Some(point);
        Ok(())
    }
}

impl<'a> Row<'a> {
    /// The figures of the endpoint `index`, if any operation succeeded there.
    pub(super) fn figures(&self, index: usize) -> Option<&'a Figures> {
        let figures = &(*self.points.get(index)?)?.median;
        (figures.operations > 0).then_some(figures)
    }

    /// Whether any endpoint did any of the work.
    pub(super) fn is_measured(&self) -> bool {
        (0..2).any(|index| self.figures(index).is_some())
    }

    /// `figure` of both endpoints, if both did the work.
    pub(super) fn both(&self, figure: impl Fn(&Figures) -> f64) -> Option<(f64, f64)> {
        Some((figure(self.figures(0)?), figure(self.figures(1)?)))
    }
}

/// Rows whose work is the same but for what `vary` takes out of it, in order.
pub(super) fn families<'r, 'a>(
    rows: &[&'r Row<'a>],
    vary: impl Fn(&mut Work),
) -> Vec<Vec<&'r Row<'a>>> {
    let mut families: Vec<(Work, Vec<&Row<'_>>)> = Vec::new();
    for row in rows {
        let mut rest = row.work.clone();
        vary(&mut rest);
        match families.iter_mut().find(|(known, _)| *known == rest) {
            Some((_, family)) => family.push(row),
            None => families.push((rest, vec![row])),
        }
    }
    families.into_iter().map(|(_, family)| family).collect()
}

/// What an operation is called in a sentence, many of it.
pub(super) fn plural(work: &Work) -> String {
    match work.operation.as_str() {
        "copy part" => "part copies".to_owned(),
        "complete" => "completed uploads".to_owned(),
        "put" | "get" | "head" | "delete" => format!("{}s", work.operation.to_uppercase()),
        "list" => "listings".to_owned(),
        "list with delimiter" => "listings with a delimiter".to_owned(),
        "all" => "operations of the mix".to_owned(),
        other => other.to_owned(),
    }
}

/// What an operation is called by itself.
pub(super) fn singular(work: &Work) -> String {
    match work.operation.as_str() {
        "copy part" => "part copy".to_owned(),
        "complete" => "CompleteMultipartUpload".to_owned(),
        "put" | "get" | "head" | "delete" => work.operation.to_uppercase(),
        "list" => "listing".to_owned(),
        "list with delimiter" => "listing with a delimiter".to_owned(),
        "all" => "operation of the mix".to_owned(),
        other => other.to_owned(),
    }
}

/// How long what one operation is about is, as `64 MiB` or `1,000 keys`; empty if it is about no bytes.
pub(super) fn size(work: &Work) -> String {
    match (work.scenario.as_str(), work.size) {
        (_, 0) => String::new(),
        ("list", keys) => format!("{} keys", units::whole(keys)),
        (_, size) => units::size(size),
    }
}

/// How many requests there are at a time.
pub(super) fn at_a_time(work: &Work) -> String {
    match (work.rate, work.concurrency) {
        (Some(rate), _) => format!("{} a second at fixed times", units::digits(rate)),
        (None, 1) => "one at a time".to_owned(),
        (None, many) => format!("{} at a time", units::whole(u64::from(many))),
    }
}

/// What else was asked for, beside size and number at a time; empty where nothing was.
pub(super) fn conditions(work: &Work) -> String {
    let mut all = Vec::new();
    if work.operation == "copy part" {
        all.extend(work.offset.map(|offset| match offset {
            0 => "aligned ranges".to_owned(),
            offset => format!("ranges that begin {} off", units::size(offset)),
        }));
        all.extend(work.source_parts.map(|parts| match parts {
            1 => "source stored by one PUT".to_owned(),
            parts => format!("source of {} parts", units::whole(u64::from(parts))),
        }));
    }
    if work.scenario != "copy" {
        all.extend(work.keys.map(|keys| format!("{} objects there", units::whole(keys))));
    }
    all.join(", ")
}

/// The work in one line, for tables and bars.
pub(super) fn label(work: &Work) -> String {
    match (work.scenario.as_str(), size(work)) {
        (_, size) if size.is_empty() => singular(work),
        ("list", keys) => format!("{} of {keys}", singular(work)),
        (_, size) => format!("{size} {}", singular(work)),
    }
}

/// The label with its article: `a 64 MiB part copy`, `an 8 MiB part copy`.
pub(super) fn with_article(label: &str) -> String {
    let number: String = label.chars().take_while(char::is_ascii_digit).collect();
    let spoken_open = number.starts_with('8') || matches!(number.as_str(), "11" | "18");
    format!("{} {label}", if spoken_open { "an" } else { "a" })
}

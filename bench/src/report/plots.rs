//! Room: which plots a set of points makes, and what they say at their edges.
//!
//! Invariants: a plot is only made of what was measured; a line has at least two places.

use crate::measurement::{Figures, Point, Work, count};

use super::bars::{Bars, Group};
use super::chart::{Axis, Chart, Place, Series};
use super::model::{Report, Row, at_a_time, conditions, families, label, plural, singular, size};
use super::scale::Scale;
use super::{chart, summary, units};

/// Two endpoints so far apart are drawn on an axis of ratios.
const FAR_APART: f64 = 12.0;

/// A drawing for a page.
pub(super) struct Plot(
    /// The drawing, as an element of a page.
    pub(super) String,
);

impl From<&Chart> for Plot {
    fn from(chart: &Chart) -> Self {
        Self(chart.draw().inline(chart::SIZE, &chart.title))
    }
}

impl From<&Bars> for Plot {
    fn from(bars: &Bars) -> Self {
        Self(bars.draw().inline(bars.size(), &bars.title))
    }
}

/// Charts of what tells most, and the others of their kind.
pub(super) type Charts = (Vec<Chart>, Vec<Chart>);

/// Latency over size: a chart for each work that was done in several sizes. At the fewest requests at a time
/// and at the most it tells most.
pub(super) fn latency_over_size(report: &Report<'_>) -> Charts {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for (scenario, operation) in report.kinds().into_iter().filter(|(name, _)| *name != "list") {
        let rows = report.rows_of(scenario, operation);
        let vary = |work: &mut Work| {
            work.size = 0;
            work.source_size = None;
        };
        let mut families = families(&rows, vary);
        families.retain(|family| family.len() > 1);
        let at_a_time = || families.iter().map(|family| family[0].work.concurrency);
        let ends = [at_a_time().min(), at_a_time().max()];
        for family in &families {
            let telling = ends.contains(&Some(family[0].work.concurrency));
            let to = if telling { &mut first } else { &mut others };
            to.push(over_size(report, family));
        }
    }
    (first, others)
}

fn over_size(report: &Report<'_>, family: &[&Row<'_>]) -> Chart {
    let work = family[0].work;
    let place = |row: &Row<'_>, figures: &Figures, name: &str| {
        let latency = figures.latency;
        let (p50, p99) = (units::time(latency.p50_us), units::time(latency.p99_us));
        Place {
            x: count(row.work.size),
            y: latency.p50_us,
            until: Some(latency.p99_us),
            told: format!("{name}, {}: p50 {p50}, p99 {p99}", size(row.work)),
            value: p50,
        }
    };
    let series = lines(report, family, place);
    let x: Vec<f64> = family.iter().map(|row| count(row.work.size)).collect();
    let ticks = in_order(family.iter().map(|row| (count(row.work.size), size(row.work))));
    let x = Axis { label: "size".to_owned(), scale: Scale::log_tight(x), ticks };
    Chart {
        title: format!("How long a {} takes, by its size", singular(work)),
        subtitle: joined(&[at_a_time(work), conditions(work), "line p50, shade up to p99".into()]),
        x,
        y: times_axis(&series),
        series,
    }
}

/// Throughput over concurrency: a chart for each work that was done so. The one with the most steps tells most, and
/// of several the one whose size is the telling one.
pub(super) fn throughput_over_concurrency(report: &Report<'_>) -> Charts {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for (scenario, operation) in report.kinds() {
        let rows = report.rows_of(scenario, operation);
        let rows: Vec<&Row<'_>> = rows.into_iter().filter(|row| row.work.rate.is_none()).collect();
        let mut families = families(&rows, |work| work.concurrency = 0);
        families.retain(|family| family.len() > 1);
        families.sort_by_key(|family| {
            (std::cmp::Reverse(family.len()), summary::off_telling(family[0].work))
        });
        let mut charts = families.iter().map(|family| over_concurrency(report, family));
        first.extend(charts.next());
        others.extend(charts);
    }
    (first, others)
}

fn over_concurrency(report: &Report<'_>, family: &[&Row<'_>]) -> Chart {
    let work = family[0].work;
    let in_bytes = matches!(work.operation.as_str(), "put" | "get") && work.size >= 1 << 20;
    let rate = |figures: &Figures| match in_bytes {
        true => figures.logical_bytes_per_s,
        false => figures.operations_per_s,
    };
    let write = |value: f64| if in_bytes { units::rate(value) } else { units::digits(value) };
    let place = |row: &Row<'_>, figures: &Figures, name: &str| {
        let at = at_a_time(row.work);
        let per_s = units::digits(figures.operations_per_s);
        let bytes = units::rate(figures.logical_bytes_per_s);
        Place {
            x: f64::from(row.work.concurrency),
            y: rate(figures),
            until: None,
            value: write(rate(figures)),
            told: format!("{name}, {at}: {per_s} a second, {bytes}"),
        }
    };
    let series = lines(report, family, place);
    let x = family.iter().map(|row| f64::from(row.work.concurrency));
    let scale = Scale::log_tight(x.clone());
    let ticks = in_order(x.map(|value| (value, units::digits(value))));
    let y: Vec<f64> = series.iter().flat_map(|line| line.places.iter().map(|p| p.y)).collect();
    let (title, label) = match in_bytes {
        true => (format!("Throughput of {} of {}", plural(work), size(work)), "bytes a second"),
        false => {
            (format!("{} a second, by how many at a time", capital(&plural(work))), "a second")
        }
    };
    let of = if in_bytes { String::new() } else { size(work) };
    let scale_y = if is_far_apart(&series) { Scale::log(y) } else { Scale::linear(y) };
    Chart {
        title,
        subtitle: joined(&[of, conditions(work), axis_note(scale_y)]),
        x: Axis { label: "requests at a time".to_owned(), scale, ticks },
        y: Axis {
            label: label.to_owned(),
            scale: scale_y,
            ticks: scale_y.ticks().into_iter().map(|tick| (tick, write(tick))).collect(),
        },
        series,
    }
}

/// The curve of percentiles of each work, the one with the most operations of its kind first.
pub(super) fn percentiles(report: &Report<'_>) -> Charts {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for (scenario, operation) in report.kinds() {
        let mut rows = report.rows_of(scenario, operation);
        rows.retain(|row| row.points.iter().flatten().any(|point| point.curve.len() > 1));
        let best = rows.iter().enumerate().max_by_key(|(_, row)| fewest_operations(row));
        let best = best.map(|(index, _)| index);
        for (index, row) in rows.into_iter().enumerate() {
            let to = if Some(index) == best { &mut first } else { &mut others };
            to.push(curve(report, row));
        }
    }
    (first, others)
}

fn fewest_operations(row: &Row<'_>) -> u64 {
    row.points.iter().flatten().map(|point| point.median.operations).min().unwrap_or(0)
}

fn curve(report: &Report<'_>, row: &Row<'_>) -> Chart {
    let mut series = Vec::new();
    for (endpoint, point) in row.points.iter().enumerate() {
        if let Some(point) = point {
            let name = report.name(endpoint);
            series.push(Series { endpoint, places: curve_of(point), name, marked: false });
        }
    }
    let rarest =
        series.iter().flat_map(|line| &line.places).map(|place| place.x).fold(10.0, f64::max);
    let scale = Scale::Log { start: 1.0, end: rarest };
    let names = [(1.0, "0 %"), (2.0, "50 %"), (10.0, "90 %"), (100.0, "99 %"), (1e3, "99.9 %")];
    let names = names.into_iter().chain([(1e4, "99.99 %"), (1e5, "99.999 %"), (1e6, "99.9999 %")]);
    let ticks = names.filter(|(at, _)| *at <= rarest).map(|(at, name)| (at, name.to_owned()));
    Chart {
        title: format!("Percentiles of latency: {}", label(row.work)),
        subtitle: joined(&[at_a_time(row.work), conditions(row.work)]),
        x: Axis {
            label: "share of operations that took no longer".to_owned(),
            scale,
            ticks: ticks.collect(),
        },
        y: times_axis(&series),
        series,
    }
}

/// The curve as steps of rarity: an operation in one, ten, a hundred …
fn curve_of(point: &Point) -> Vec<Place> {
    let total = point.curve.last().map_or(0, |last| last.operations);
    let mut places: Vec<Place> = Vec::new();
    for quantile in &point.curve {
        // Beyond the last operation there is nothing to be rarer than it.
        let rarity = 1.0 / (1.0 - quantile.quantile).max(1.0 / count(total.max(1)));
        let (x, y) = (rarity.max(1.0), quantile.us);
        places.push(Place { x, y, until: None, value: String::new(), told: String::new() });
    }
    places
}

/// CPU, bytes written and bytes read for each GiB, for works that move bytes; in this order.
pub(super) fn costs(report: &Report<'_>) -> Vec<Bars> {
    let big = |row: &&Row<'_>| row.work.size >= 1 << 20 && row.work.scenario != "list";
    let rows: Vec<&Row<'_>> = report.rows.iter().filter(big).collect();
    let bytes = |value: f64| units::bytes_f(value);
    let seconds = |value: f64| units::time(value * 1e6);
    let written: fn(&Figures) -> Option<f64> = Figures::written_per_gib;
    let less = "less is better";
    let all = [
        ("Bytes written to the device for each GiB", &bytes as &dyn Fn(f64) -> String, written),
        ("Bytes read from the device for each GiB", &bytes, Figures::read_per_gib),
        ("Server CPU time for each GiB", &seconds, Figures::cpu_s_per_gib),
    ];
    let all = all.map(|(title, write, figure)| bars(report, &rows, (title, less), write, &figure));
    let small = |row: &&Row<'_>| row.work.size < 1 << 20 || row.work.scenario == "list";
    let rows: Vec<&Row<'_>> = report.rows.iter().filter(small).collect();
    let title = ("Server CPU time for each operation", less);
    let small = bars(report, &rows, title, &units::time, &Figures::cpu_us_per_operation);
    all.into_iter().chain([small]).flatten().collect()
}

/// Operations a second of what is small, and of mixes.
pub(super) fn small_rates(report: &Report<'_>) -> Option<Bars> {
    let small = |row: &&Row<'_>| matches!(row.work.scenario.as_str(), "small" | "mixed" | "list");
    let rows: Vec<&Row<'_>> = report.rows.iter().filter(small).collect();
    let rate = |figures: &Figures| Some(figures.operations_per_s);
    bars(report, &rows, ("Small operations a second", "more is better"), &units::digits, &rate)
}

/// How many times faster the first endpoint is than the second, by the work.
pub(super) fn ratios(report: &Report<'_>) -> Option<Bars> {
    let mut groups = Vec::new();
    for row in &report.rows {
        let Some((a, b)) = row.both(|figures| figures.operations_per_s) else { continue };
        if b > 0.0 && a > 0.0 {
            // The bar is of the endpoint that is ahead.
            let bar = (usize::from(a < b), a / b, units::times(a / b));
            groups.push(Group { label: short(row.work), bars: vec![bar] });
        }
    }
    if groups.is_empty() {
        return None;
    }
    let values = groups.iter().map(|group| group.bars[0].1);
    let (min, max) = (values.clone().fold(1.0, f64::min), values.fold(2.0, f64::max));
    let ratios =
        format!("operations a second of {} to those of {}", report.name(0), report.name(1));
    Some(Bars {
        title: format!("How many times faster {} is", report.name(0)),
        subtitle: format!("{ratios}; bars begin at 1 ×; logarithmic axis"),
        names: Vec::new(),
        scale: Scale::Log { start: min, end: max },
        origin: 1.0,
        groups,
    })
}

fn bars(
    report: &Report<'_>,
    rows: &[&Row<'_>],
    (title, better): (&str, &str),
    write: &dyn Fn(f64) -> String,
    figure: &dyn Fn(&Figures) -> Option<f64>,
) -> Option<Bars> {
    let mut groups = Vec::new();
    for row in rows {
        let of = |index: usize| {
            let value = figure(row.figures(index)?)?;
            Some((index, value, write(value)))
        };
        let bars: Vec<(usize, f64, String)> = (0..2).filter_map(of).collect();
        if !bars.is_empty() {
            groups.push(Group { label: short(row.work), bars });
        }
    }
    if groups.is_empty() {
        return None;
    }
    let max = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.1).fold(0.0, f64::max);
    let max = if max > 0.0 { max } else { 1.0 };
    Some(Bars {
        title: title.to_owned(),
        subtitle: better.to_owned(),
        names: (0..report.endpoints().len()).map(|index| report.name(index)).collect(),
        scale: Scale::Linear { end: max },
        origin: 0.0,
        groups,
    })
}

/// The work in so few words as tell the bars apart.
fn short(work: &Work) -> String {
    let at = match (work.rate, work.concurrency) {
        (Some(rate), _) => format!("{}/s", units::digits(rate)),
        (None, many) => format!("× {many}"),
    };
    let mut text = format!("{} {at}", label(work));
    match work.source_parts {
        Some(parts) if parts > 1 => text.push_str(&format!(", {parts} parts")),
        _ => {}
    }
    if work.offset.is_some_and(|offset| offset > 0) {
        text.push_str(", unaligned");
    }
    text
}

fn lines(
    report: &Report<'_>,
    family: &[&Row<'_>],
    place: impl Fn(&Row<'_>, &Figures, &str) -> Place,
) -> Vec<Series> {
    let mut series = Vec::new();
    for endpoint in 0..report.endpoints().len() {
        let name = report.name(endpoint);
        let figures = family.iter().filter_map(|row| Some((row, row.figures(endpoint)?)));
        let mut places: Vec<Place> = figures.map(|(row, f)| place(row, f, &name)).collect();
        places.sort_by(|one, other| one.x.total_cmp(&other.x));
        if !places.is_empty() {
            series.push(Series { endpoint, name, places, marked: true });
        }
    }
    series
}

/// Ticks as they follow each other on an axis, each once.
fn in_order(ticks: impl Iterator<Item = (f64, String)>) -> Vec<(f64, String)> {
    let mut ticks: Vec<(f64, String)> = ticks.collect();
    ticks.sort_by(|one, other| one.0.total_cmp(&other.0));
    ticks.dedup_by(|one, other| one.1 == other.1);
    ticks
}

/// An axis of times in ratios, shades included.
fn times_axis(series: &[Series]) -> Axis {
    let places = series.iter().flat_map(|line| &line.places);
    let scale = Scale::log(places.flat_map(|place| [place.y, place.until.unwrap_or(place.y)]));
    let ticks = scale.ticks().into_iter().map(|tick| (tick, units::time(tick))).collect();
    Axis { label: "latency".to_owned(), scale, ticks }
}

fn is_far_apart(series: &[Series]) -> bool {
    let most = |line: &Series| line.places.iter().map(|place| place.y).fold(0.0, f64::max);
    match series {
        [one, other] => {
            let (one, other) = (most(one), most(other));
            one.max(other) > FAR_APART * one.min(other)
        }
        _ => false,
    }
}

fn axis_note(scale: Scale) -> String {
    match scale {
        Scale::Linear { .. } => String::new(),
        Scale::Log { .. } => "logarithmic axis".to_owned(),
    }
}

fn joined(parts: &[String]) -> String {
    let parts: Vec<&str> =
        parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// The same with a capital at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map_or_else(String::new, |first| first.to_uppercase().chain(signs).collect())
}

//! Room: whether a node's figures are what Prometheus wants: an equal of `promtool check metrics`, and stricter.
//!
//! Source: Prometheus text exposition format 0.0.4; <https://prometheus.io/docs/practices/naming/>.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of one sample.
pub(crate) type Labels = BTreeMap<String, String>;

/// One sample of a family.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sample {
    /// With `_bucket`, `_sum` or `_count` at its end where it is part of a histogram.
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// A name with its samples.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

/// All families by name.
#[derive(Default, Debug)]
pub(crate) struct Exposition {
    pub(crate) families: BTreeMap<String, Family>,
    pub(crate) complaints: Vec<String>,
}

impl Exposition {
    /// Reads a text and judges it.
    pub(crate) fn of(text: &str) -> Self {
        let mut reading = Self::default();
        let mut current = String::new();
        for line in text.lines() {
            if let Err(problem) = reading.line(line, &mut current) {
                reading.complaints.push(format!("{problem}: {line}"));
            }
        }
        if !text.ends_with('\n') {
            reading.complaints.push("the last line has no end".to_owned());
        }
        let families = std::mem::take(&mut reading.families);
        for (name, family) in &families {
            let found = judge(name, family);
            reading.complaints.extend(found.into_iter().map(|what| format!("{name}: {what}")));
        }
        reading.families = families;
        reading
    }

    fn line(&mut self, line: &str, current: &mut String) -> Result<(), &'static str> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or("no help")?;
            let family = Family { help: help.to_owned(), ..Family::default() };
            *current = name.to_owned();
            return match self.families.insert(name.to_owned(), family) {
                None => Ok(()),
                Some(_) => Err("a second HELP"),
            };
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("no type")?;
            let family = self.families.get_mut(name).filter(|_| name == current);
            let family = family.ok_or("a TYPE without its HELP before it")?;
            if !family.kind.is_empty() || !family.samples.is_empty() {
                return Err("a second TYPE, or one behind a sample");
            }
            kind.clone_into(&mut family.kind);
            return Ok(());
        }
        let sample = sample(line)?;
        let family = self.families.get_mut(current).ok_or("a sample without a family")?;
        let suffixes: &[&str] =
            if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        let known = suffixes.iter().any(|suffix| sample.name == format!("{current}{suffix}"));
        if family.kind.is_empty() || !known {
            return Err("a sample outside of its family");
        }
        family.samples.push(sample);
        Ok(())
    }

    /// The names of samples, and for each the labels and their values that occur.
    pub(crate) fn series(&self) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
        let mut series: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for sample in self.families.values().flat_map(|family| &family.samples) {
            let labels = series.entry(sample.name.clone()).or_default();
            for (label, value) in &sample.labels {
                labels.entry(label.clone()).or_default().insert(value.clone());
            }
        }
        series
    }
}

/// Takes a line apart: `name{label="value",…} number`.
fn sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").ok_or("a label without a value")?;
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next().ok_or("a value without an end")? {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match chars.next() {
                        Some((_, 'n')) => '\n',
                        Some((_, c @ ('"' | '\\'))) => c,
                        _ => return Err("an unknown escape"),
                    }),
                    (_, c) => value.push(c),
                }
            };
            if labels.insert(label.to_owned(), value).is_some() {
                return Err("a label twice");
            }
            rest = &after[end + 1..];
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    let value = value.parse().map_err(|_no_number| "the value is no number")?;
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// What is wrong with a family.
fn judge(name: &str, family: &Family) -> Vec<String> {
    let mut complaints = named(name, family);
    if family.help.trim().is_empty() || !family.help.ends_with('.') {
        complaints.push(format!("its help is no sentence: {:?}", family.help));
    }
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        if !seen.insert((&sample.name, &sample.labels)) {
            complaints.push(format!("twice: {sample:?}"));
        }
        let histogram = family.kind == "histogram";
        for label in sample.labels.keys() {
            if !is_name(label) || label.starts_with("__") || (label == "le" && !histogram) {
                complaints.push(format!("no name for a label: {label}"));
            }
        }
        if family.kind != "gauge" && !(sample.value >= 0.0 && sample.value.is_finite()) {
            complaints.push(format!("it cannot have counted that: {sample:?}"));
        }
    }
    if family.kind == "histogram" {
        complaints.extend(histograms(name, family));
    }
    complaints
}

/// What is wrong with the name of a family.
fn named(name: &str, family: &Family) -> Vec<String> {
    let mut complaints = Vec::new();
    if !is_name(name) || !(name.starts_with("tenon_") || name.starts_with("process_")) {
        complaints.push("no name for a metric".to_owned());
    }
    match (family.kind.as_str(), name.ends_with("_total")) {
        ("counter", true) | ("gauge" | "histogram", false) => {}
        (kind, _) => complaints.push(format!("no name for a {kind}")),
    }
    let words: Vec<&str> = name.trim_end_matches("_total").split('_').collect();
    let wrong = [
        "ms",
        "us",
        "ns",
        "millis",
        "milliseconds",
        "microseconds",
        "minutes",
        "kib",
        "mib",
        "kilobytes",
        "percent",
        "counter",
        "gauge",
        "histogram",
        "count",
        "sum",
        "bucket",
        "info_total",
    ];
    complaints.extend(
        words.iter().filter(|word| wrong.contains(word)).map(|word| format!("the word {word}")),
    );
    for unit in ["seconds", "bytes"] {
        if words.contains(&unit) && words.last() != Some(&unit) {
            complaints.push(format!("the unit {unit} is not at its end"));
        }
    }
    complaints
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// One histogram of a family: its limits with their counts, its sum and its count.
#[derive(Default)]
struct Histogram {
    buckets: Vec<(String, f64)>,
    sum: Option<f64>,
    count: Option<f64>,
}

/// What is wrong with the histograms of a family, one for each set of labels.
fn histograms(name: &str, family: &Family) -> Vec<String> {
    let mut all: BTreeMap<Labels, Histogram> = BTreeMap::new();
    let mut complaints = Vec::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        let le = labels.remove("le");
        let Histogram { buckets, sum, count } = all.entry(labels).or_default();
        match (sample.name.strip_prefix(name), le) {
            (Some("_bucket"), Some(le)) => buckets.push((le, sample.value)),
            (Some("_sum"), None) => *sum = Some(sample.value),
            (Some("_count"), None) => *count = Some(sample.value),
            _ => complaints.push(format!("no part of a histogram: {sample:?}")),
        }
    }
    for (labels, Histogram { buckets, sum, count }) in all {
        let limits: Vec<f64> = buckets.iter().filter_map(|(le, _)| le.parse().ok()).collect();
        let counts: Vec<f64> = buckets.iter().map(|(_, value)| *value).collect();
        if limits.len() != counts.len() || !limits.is_sorted_by(|one, next| one < next) {
            complaints.push(format!("its limits do not ascend: {labels:?}"));
        }
        if !counts.is_sorted() {
            complaints.push(format!("it is not cumulative: {labels:?}"));
        }
        let last = buckets.last().filter(|(le, _)| le == "+Inf").map(|(_, value)| *value);
        if last.is_none() || last != count || sum.is_none() {
            complaints.push(format!("it is not complete: {labels:?}"));
        }
    }
    complaints
}

#[test]
fn planted_faults_are_found() {
    let good = "# HELP tenon_a_total Things.\n# TYPE tenon_a_total counter\ntenon_a_total{x=\"a\\\"b\"} 1\n\
                # HELP tenon_b_seconds Times.\n# TYPE tenon_b_seconds histogram\n\
                tenon_b_seconds_bucket{le=\"0.1\"} 1\ntenon_b_seconds_bucket{le=\"+Inf\"} 2\n\
                tenon_b_seconds_sum 3.5\ntenon_b_seconds_count 2\n";
    assert_eq!(Exposition::of(good).complaints, Vec::<String>::new());
    let faults = [
        ("# HELP tenon_a_total Things.\n", ""),
        ("# TYPE tenon_a_total counter\n", ""),
        ("a_total counter", "a_total gauge"),
        ("tenon_a_total", "tenon_a"),
        ("tenon_a_total", "tenon_a_ms_total"),
        ("tenon_a_total", "tenon_seconds_a_total"),
        ("tenon_a_total", "a_total"),
        ("Things.", ""),
        ("tenon_a_total{x=\"a\\\"b\"} 1", "tenon_a_total 1\ntenon_a_total 1"),
        ("tenon_a_total{x=\"a\\\"b\"} 1", "tenon_a_total -1"),
        ("tenon_a_total{x=\"a\\\"b\"} 1", "tenon_a_total{X=\"1\"} 1"),
        ("tenon_a_total{x=\"a\\\"b\"} 1", "tenon_a_total{le=\"1\"} 1"),
        ("tenon_a_total{x=\"a\\\"b\"} 1", "tenon_a_total{x=\"a} 1"),
        ("tenon_a_total{x=\"a\\\"b\"} 1", "tenon_other 1"),
        ("le=\"0.1\"} 1", "le=\"0.1\"} 3"),
        ("tenon_b_seconds_bucket{le=\"+Inf\"} 2\n", ""),
        ("count 2", "count 3"),
        ("tenon_b_seconds_sum 3.5\n", ""),
        ("le=\"0.1\"", "le=\"x\""),
        (" 3.5", " x"),
        ("count 2\n", "count 2"),
    ];
    for (from, to) in faults {
        let bad = good.replacen(from, to, if from.starts_with("tenon_a_total{") { 1 } else { 9 });
        assert_ne!(bad, good);
        assert_ne!(Exposition::of(&bad).complaints, Vec::<String>::new(), "{bad}");
    }
}

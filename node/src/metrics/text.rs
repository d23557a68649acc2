//! Room: figures as the text that Prometheus reads.
//!
//! Invariants: HELP and TYPE come once, before the samples of their family; label values are escaped; a histogram
//! is cumulative and ends with `+Inf`.
//! Source: Prometheus text exposition format 0.0.4.

use std::fmt::{Display, Write as _};

use super::figure::Seen;

/// A text that grows family by family.
#[derive(Default)]
pub struct Text(String);

/// Names and values that tell the samples of a family apart.
pub type Labels<'a> = [(&'a str, &'a str)];

impl Text {
    /// Begins a family that only grows; its name ends in `_total`.
    pub fn counter<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        debug_assert!(name.ends_with("_total"), "{name} counts");
        self.family(name, help, "counter")
    }

    /// Begins a family that goes up and down.
    pub fn gauge<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, help, "gauge")
    }

    /// Begins a family of histograms.
    pub fn histogram<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, help, "histogram")
    }

    /// Ends the text.
    pub fn finish(self) -> String {
        self.0
    }

    fn family<'a>(&'a mut self, name: &'a str, help: &str, kind: &str) -> Family<'a> {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {}", help.trim());
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        Family { text: &mut self.0, name }
    }
}

/// The family that is being written.
pub struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Family<'_> {
    /// The only sample of a family without labels.
    pub fn value(&mut self, value: impl Display) {
        self.sample(&[], value);
    }

    /// One sample.
    pub fn sample(&mut self, labels: &Labels<'_>, value: impl Display) {
        self.line("", labels, None, &value);
    }

    /// The samples of one histogram.
    pub fn seen(&mut self, labels: &Labels<'_>, seen: &Seen) {
        let show = |value: u64| if seen.bounds.micros { seconds(value) } else { value.to_string() };
        let mut below = 0;
        for (class, count) in seen.counts.iter().enumerate() {
            below += count;
            let limit = seen.bounds.limits.get(class);
            let limit = limit.map_or_else(|| "+Inf".to_owned(), |limit| show(*limit));
            self.line("_bucket", labels, Some(&limit), &below);
        }
        self.line("_sum", labels, None, &show(seen.sum));
        self.line("_count", labels, None, &below);
    }

    fn line(&mut self, suffix: &str, labels: &Labels<'_>, le: Option<&str>, value: &dyn Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let le = le.map(|le| ("le", le));
        let mut before = '{';
        for (label, value) in labels.iter().copied().chain(le) {
            self.text.push(before);
            before = ',';
            self.text.push_str(label);
            self.text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\n' => self.text.push_str("\\n"),
                    '"' | '\\' => self.text.extend(['\\', c]),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        if before == ',' {
            self.text.push('}');
        }
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, " {value}");
    }
}

/// Microseconds as a decimal number of seconds, without floating point.
pub(super) fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    let text = text.trim_end_matches('0');
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::figure::{Histogram, ROUND_SIZES};

    #[test]
    fn seconds_have_no_trailing_zeros() {
        assert_eq!(seconds(0), "0");
        assert_eq!(seconds(1_000_000), "1");
        assert_eq!(seconds(2_500_000), "2.5");
        assert_eq!(seconds(10_000_000), "10");
        assert_eq!(seconds(1), "0.000001");
    }

    #[test]
    fn families_have_help_and_type_and_escaped_labels() {
        let mut text = Text::default();
        let mut family = text.counter("tenon_things_total", " Things. ");
        family.sample(&[("a", "x\"y\\z\nw"), ("b", "")], 3);
        text.gauge("tenon_now", "Now.").value(4);
        assert_eq!(
            text.finish(),
            "# HELP tenon_things_total Things.\n# TYPE tenon_things_total counter\n\
             tenon_things_total{a=\"x\\\"y\\\\z\\nw\",b=\"\"} 3\n\
             # HELP tenon_now Now.\n# TYPE tenon_now gauge\ntenon_now 4\n"
        );
    }

    #[test]
    fn histograms_are_cumulative() {
        let sizes = Histogram::new(&ROUND_SIZES);
        [1, 1, 3, 10_000].into_iter().for_each(|size| sizes.observe(size));
        let mut text = Text::default();
        text.histogram("tenon_sizes", "Sizes.").seen(&[("stage", "x")], &sizes.seen());
        let text = text.finish();
        for line in [
            "tenon_sizes_bucket{stage=\"x\",le=\"1\"} 2",
            "tenon_sizes_bucket{stage=\"x\",le=\"2\"} 2",
            "tenon_sizes_bucket{stage=\"x\",le=\"4\"} 3",
            "tenon_sizes_bucket{stage=\"x\",le=\"512\"} 3",
            "tenon_sizes_bucket{stage=\"x\",le=\"+Inf\"} 4",
            "tenon_sizes_sum{stage=\"x\"} 10005",
            "tenon_sizes_count{stage=\"x\"} 4",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
    }
}

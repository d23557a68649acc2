//! Room: the figures that a node gives out of itself, in Prometheus' text format.

/// One reading of all figures.
pub struct Metrics {
    text: String,
}

impl Metrics {
    /// What the admin listener answered.
    pub fn from_text(text: String) -> Self {
        Self { text }
    }

    /// The sum of the samples called `name` that have all of these labels, zero if there is none.
    ///
    /// # Panics
    /// If nothing at all is called `name`: a test of a figure that does not exist proves nothing.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let mut known = false;
        let mut sum = 0.0;
        for line in self.text.lines() {
            if line.starts_with("# ") {
                known |= line.split(' ').nth(2) == Some(name);
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap_or((line, ""));
            let (series_name, series_labels) = series.split_once('{').unwrap_or((series, ""));
            if series_name != name {
                continue;
            }
            known = true;
            let has =
                |(key, value): &(&str, &str)| series_labels.contains(&format!("{key}=\"{value}\""));
            if labels.iter().all(has) {
                sum += value.parse::<f64>().expect("a sample is a number");
            }
        }
        assert!(known, "no metric is called {name}; there are:\n{}", self.text);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_what_is_not_asked_for() {
        let text = "# TYPE a_total counter\na_total{way=\"x\",shard=\"0\"} 3\na_total{way=\"x\",shard=\"1\"} 4\n\
                    a_total{way=\"y\",shard=\"1\"} 8\na_total_other 5\nb 0.5\n# TYPE c_total counter\n";
        let metrics = Metrics::from_text(text.to_owned());
        let equal = |sum: f64, expected: f64| assert!((sum - expected).abs() < 1e-9, "{sum}");
        equal(metrics.sum("a_total", &[]), 15.0);
        equal(metrics.sum("a_total", &[("way", "x")]), 7.0);
        equal(metrics.sum("a_total", &[("way", "x"), ("shard", "1")]), 4.0);
        equal(metrics.sum("b", &[]), 0.5);
        equal(metrics.sum("c_total", &[]), 0.0);
    }

    #[test]
    #[should_panic(expected = "no metric is called")]
    fn an_unknown_name_is_a_mistake() {
        Metrics::from_text(String::new()).sum("a", &[]);
    }
}

//! Room: latencies of a round, and the figures that are made of them.
//!
//! Units: nanoseconds inside, three digits exact; microseconds outside.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::measurement::{Latency, Quantile, count};

/// An hour: what takes longer counts as an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;
/// Points of the curve for each halving of what is left to 1.
const CURVE_TICKS_PER_HALF: u32 = 4;

/// How long operations took.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub(crate) fn new() -> Self {
        let bounds = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS);
        Self(bounds.expect("these bounds make a histogram"))
    }

    /// Counts one.
    pub(crate) fn record(&mut self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(LONGEST_NS);
        self.0.saturating_record(ns.max(1));
    }

    /// Counts all of another.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// How many were counted.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// The usual figures.
    pub(crate) fn summary(&self) -> Latency {
        if self.0.is_empty() {
            return Latency::default();
        }
        let at = |quantile| us(self.0.value_at_quantile(quantile).min(self.0.max()));
        Latency {
            min_us: us(self.0.min()),
            mean_us: self.0.mean() / 1000.0,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: us(self.0.max()),
        }
    }

    /// The whole curve, denser towards its end.
    pub(crate) fn curve(&self) -> Vec<Quantile> {
        let mut operations = 0;
        let steps = self.0.iter_quantiles(CURVE_TICKS_PER_HALF).map(|step| {
            operations += step.count_since_last_iteration();
            let us = us(step.value_iterated_to().min(self.0.max()));
            Quantile { quantile: step.quantile_iterated_to().min(1.0), us, operations }
        });
        steps.collect()
    }
}

/// Nanoseconds in microseconds.
fn us(ns: u64) -> f64 {
    count(ns) / 1000.0
}

/// The middle of these figures, or the mean of the two in the middle; `None` if there are none.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let (low, high) =
        (figures.get(figures.len().checked_sub(1)? / 2)?, figures.get(figures.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: std::ops::RangeInclusive<u64>) -> Latencies {
        let mut latencies = Latencies::new();
        for us in range {
            latencies.record(Duration::from_micros(us));
        }
        latencies
    }

    fn near(figure: f64, expected: f64) -> bool {
        (figure - expected).abs() <= expected / 500.0
    }

    #[test]
    fn percentiles_of_a_thousand_even_steps() {
        let summary = of(1..=1000).summary();
        for (figure, expected) in [
            (summary.min_us, 1.0),
            (summary.mean_us, 500.5),
            (summary.p50_us, 500.0),
            (summary.p90_us, 900.0),
            (summary.p99_us, 990.0),
            (summary.p999_us, 999.0),
            (summary.max_us, 1000.0),
        ] {
            assert!(near(figure, expected), "{figure} is not {expected}");
        }
        assert_eq!(Latencies::new().summary(), Latency::default());
    }

    #[test]
    fn two_halves_make_the_whole() {
        let mut halves = of(1..=400);
        halves.add(&of(401..=1000));
        assert_eq!(halves.summary(), of(1..=1000).summary());
        assert_eq!(halves.len(), 1000);
    }

    #[test]
    fn the_curve_rises_to_all_operations() {
        let curve = of(1..=1000).curve();
        assert!(curve.windows(2).all(|pair| pair[0].us <= pair[1].us));
        assert!(curve.windows(2).all(|pair| pair[0].quantile <= pair[1].quantile));
        let last = curve.last().expect("a curve");
        assert_eq!((last.operations, last.quantile), (1000, 1.0));
        assert!(Latencies::new().curve().is_empty());
    }

    #[test]
    fn an_hour_and_more_is_an_hour() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(5 * 3600));
        latencies.record(Duration::ZERO);
        assert_eq!(latencies.len(), 2);
        assert!(near(latencies.summary().max_us, 3.6e9));
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}

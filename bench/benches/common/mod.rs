//! Room: what all micro-benches have in common.

use std::time::Duration;

use criterion::Criterion;

/// Short measurements: there are many benches, and the machines that run them are small.
pub(crate) fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

//! Room: made-up runs of a plausible form, for tests of the report.

use std::collections::BTreeMap;

use crate::measurement::{
    DeviceBytes, Endpoint, Figures, Host, Latency, Line, Point, Quantile, Run, Verified, Work,
    count,
};

const MIB: u64 = 1 << 20;

/// A run against two endpoints.
pub(crate) fn run() -> Run {
    let endpoint = |name: &str, port: u16| Endpoint {
        name: name.into(),
        url: format!("http://127.0.0.1:{port}"),
        server: Some(name.into()),
        pid: Some(4711),
        process: Some(format!("{name} serve --data /data")),
        device: Some("7:3 loop3".into()),
        file_system: Some("XFS, reflink".into()),
    };
    Run {
        title: "Part copies, streams and small objects".into(),
        version: "0.1.0".into(),
        command: ["tenon", "bench", "copy", "--url", "http://127.0.0.1:9000"]
            .map(String::from)
            .into(),
        began: "2026-11-22T19:04:00.000Z".into(),
        host: Host {
            cpu: "Intel(R) Xeon(R) Processor @ 2.80GHz".into(),
            cores: 2,
            memory_bytes: 24 << 30,
            kernel: "Linux 6.18.0".into(),
            load: [0.42, 0.51, 0.77],
        },
        endpoints: vec![endpoint("Tenon", 9000), endpoint("SeaweedFS 4.48", 8333)],
        rounds: 5,
        warmup_s: 1.0,
        duration_s: Some(5.0),
        seed: 17,
        threads: 1,
        notes: vec!["Tenon syncs before it answers, the other does not".into()],
        ..Run::default()
    }
}

/// Figures as if `p50_us` had been measured with so many at a time.
pub(crate) fn figures(work: &Work, p50_us: f64) -> Figures {
    let per_s = f64::from(work.concurrency) * 1e6 / p50_us;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    let operations = (per_s * 5.0) as u64;
    let logical_bytes = if work.scenario == "list" { 0 } else { operations * work.size };
    Figures {
        wall_s: 5.0,
        operations,
        operations_per_s: per_s,
        logical_bytes,
        logical_bytes_per_s: count(logical_bytes) / 5.0,
        latency: Latency {
            min_us: p50_us * 0.7,
            mean_us: p50_us * 1.1,
            p50_us,
            p90_us: p50_us * 1.4,
            p99_us: p50_us * 2.2,
            p999_us: p50_us * 4.0,
            max_us: p50_us * 9.0,
        },
        server_cpu_s: Some(per_s * 5.0 * p50_us * 3e-7),
        server_rss_bytes: Some(100 * MIB),
        client_cpu_s: 1.0,
        ..Figures::default()
    }
}

/// A point with a curve.
pub(crate) fn point(work: &Work, endpoint: usize, p50_us: f64) -> Point {
    let mut median = figures(work, p50_us);
    if work.size >= MIB {
        let moved = if endpoint == 0 { 1 << 18 } else { median.logical_bytes * 2 };
        let read = if endpoint == 0 { 0 } else { median.logical_bytes / 3 };
        median.device = Some(DeviceBytes { read, written: moved });
    }
    let operations = median.operations * 5;
    let at = |quantile: f64, times: f64| Quantile {
        quantile,
        us: p50_us * times,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of it"
        )]
        operations: (count(operations) * quantile).ceil() as u64,
    };
    let curve = [(0.0, 0.7), (0.25, 0.9), (0.5, 1.0), (0.75, 1.15), (0.9, 1.4), (0.95, 1.7)];
    let curve = curve.into_iter().chain([(0.99, 2.2), (0.999, 4.0), (0.9999, 7.0), (1.0, 9.0)]);
    Point {
        work: work.clone(),
        endpoint,
        rounds: vec![median.clone(); 5],
        median,
        curve: curve.map(|(quantile, times)| at(quantile, times)).collect(),
        errors: BTreeMap::new(),
        verified: Verified { samples: 4, bytes: 4 * work.size, wrong: 0 },
    }
}

/// A part copy.
pub(crate) fn copy(size: u64, concurrency: u32) -> Work {
    Work {
        scenario: "copy".into(),
        operation: "copy part".into(),
        size,
        concurrency,
        offset: Some(0),
        source_parts: Some(1),
        source_size: Some(size.max(64 * MIB)),
        ..Work::default()
    }
}

/// An operation of another scenario.
pub(crate) fn other(scenario: &str, operation: &str, size: u64, concurrency: u32) -> Work {
    let (scenario, operation) = (scenario.into(), operation.into());
    Work { scenario, operation, size, concurrency, ..Work::default() }
}

/// Everything that can be measured, on both endpoints.
pub(crate) fn everything() -> Vec<Line> {
    let mut lines = vec![Line::Run(run())];
    let mut add = |work: &Work, a: f64, b: f64| {
        lines.push(Line::Point(Box::new(point(work, 0, a))));
        lines.push(Line::Point(Box::new(point(work, 1, b))));
    };
    for concurrency in [1, 32] {
        let many = f64::from(concurrency).powf(0.7);
        for (mib, a, b) in [
            (1, 980.0, 6_100.0),
            (8, 1_010.0, 31_000.0),
            (64, 1_130.0, 232_000.0),
            (1024, 1_260.0, 2_850_000.0),
            (5120, 1_390.0, 14_400_000.0),
        ] {
            add(&copy(mib * MIB, concurrency), a * many, b * many * 1.6);
        }
    }
    for concurrency in [8, 64] {
        let many = f64::from(concurrency).powf(0.7);
        add(&copy(8 * MIB, concurrency), 1_010.0 * many, 31_000.0 * many * 1.8);
    }
    for (operation, a, b) in [("put", 91_000.0, 400_000.0), ("get", 41_000.0, 64_000.0)] {
        for concurrency in [1, 8] {
            let many = f64::from(concurrency).powf(0.8);
            add(&other(operation, operation, 64 * MIB, concurrency), a * many, b * many);
        }
    }
    for (operation, a, b) in [
        ("put", 1_600.0, 7_600.0),
        ("get", 820.0, 4_210.0),
        ("head", 640.0, 2_120.0),
        ("delete", 1_500.0, 2_480.0),
    ] {
        add(&other("small", operation, 4096, 16), a, b);
    }
    add(&Work { keys: Some(1_000_000), ..other("list", "list", 1000, 1) }, 3_900.0, 9_800.0);
    lines
}

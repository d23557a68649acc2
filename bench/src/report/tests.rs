//! Room: the report as a whole, made of made-up runs.

use proptest::prelude::*;

use super::fixture::{copy, everything, other, point, run};
use super::{html, picture, summary};
use crate::measurement::{Endpoint, Line, Point, Run};

const MIB: u64 = 1 << 20;

fn of(points: impl IntoIterator<Item = Point>) -> Vec<Line> {
    let points = points.into_iter().map(|point| Line::Point(Box::new(point)));
    std::iter::once(Line::Run(run())).chain(points).collect()
}

/// The figures behind each `name="` in a picture.
fn attributes(svg: &str, name: &str) -> Vec<f64> {
    let start = format!(" {name}=\"");
    let rest = svg.split(&start).skip(1);
    rest.map(|rest| rest.split('"').next().unwrap().parse().expect("a number")).collect()
}

#[test]
fn a_run_of_everything_is_told_and_drawn() {
    let lines = everything();
    let page = html(&lines).unwrap();
    for expect in [
        "One at a time, a 64 MiB part copy takes 1.13 ms with Tenon, 328 × faster than SeaweedFS 4.48 (371 ms).",
        "From 1 MiB to 5 GiB the time of Tenon differs by 1.42 × at most.",
        "16 at a time, Tenon makes 10,000 PUTs of 4 KiB a second, 4.75 × as many as SeaweedFS 4.48.",
        "wrote 948 B and read 0 B; SeaweedFS 4.48 wrote 2 GiB and read 341 MiB",
        "were right, byte for byte",
        "How long a part copy takes, by its size",
        "Part copies a second, by how many at a time",
        "Bytes written to the device for each GiB",
        "Percentiles of latency: 4 KiB HEAD",
        "How many times faster Tenon is",
        "Linux 6.18.0",
        "0.42 over 1 minute",
    ] {
        assert!(page.contains(expect), "{expect}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert_eq!(page.matches("<figure>").count(), page.matches("<svg").count());
    assert_eq!(page.matches("<tbody>").count(), 1);
    assert_eq!(page.matches("<tr>").count(), lines.len());
}

#[test]
fn a_page_needs_nothing_but_itself() {
    for text in [html(&everything()).unwrap(), picture(&everything()).unwrap()] {
        for outside in ["<script", "<link", "<img", "src=", "href=", "url(", "@import"] {
            assert!(!text.contains(outside), "{outside}");
        }
        assert!(!text.contains("NaN") && !text.contains("inf\"") && !text.contains("inf "));
    }
}

#[test]
fn what_endpoints_say_is_escaped() {
    let evil = "</svg><script>alert(1)</script>";
    let mut bad = run();
    bad.title = evil.into();
    bad.notes = vec![evil.into()];
    bad.command = vec![evil.into()];
    bad.endpoints[1] = Endpoint {
        name: evil.into(),
        server: Some(evil.into()),
        process: Some(evil.into()),
        ..Endpoint::default()
    };
    let mut lines = everything();
    lines[0] = Line::Run(bad);
    let mut failed = point(&copy(MIB, 2), 1, 900.0);
    failed.errors.insert(evil.into(), 1);
    lines.push(Line::Point(Box::new(failed)));
    for text in [html(&lines).unwrap(), picture(&lines).unwrap()] {
        assert!(!text.contains("<script"));
    }
}

#[test]
fn one_endpoint_is_enough() {
    let mut alone = run();
    alone.endpoints.truncate(1);
    alone.title.clear();
    let work = copy(8 * MIB, 1);
    let lines = [Line::Run(alone), Line::Point(Box::new(point(&work, 0, 1_000.0)))];
    let sentences = summary(&lines).unwrap();
    assert_eq!(sentences[0], "One at a time, an 8 MiB part copy takes 1 ms with Tenon.");
    let page = html(&lines).unwrap();
    assert!(page.contains("<h1>Tenon</h1>") && !page.contains("SeaweedFS"));
    assert!(!page.contains("How many times faster"));
    assert!(picture(&lines).unwrap().contains("</svg>"));
}

#[test]
fn a_slower_endpoint_is_called_slower() {
    let work = copy(64 * MIB, 1);
    let sentences = summary(&of([point(&work, 0, 3_000.0), point(&work, 1, 1_000.0)])).unwrap();
    let expect = "One at a time, a 64 MiB part copy takes 3 ms with Tenon, 3 × slower than SeaweedFS 4.48 (1 ms).";
    assert_eq!(sentences[0], expect);
    let work = other("small", "put", 4096, 16);
    let sentences = summary(&of([point(&work, 0, 3_200.0), point(&work, 1, 1_600.0)])).unwrap();
    assert_eq!(
        sentences,
        ["16 at a time, Tenon makes 5,000 PUTs of 4 KiB a second, 2 × fewer than SeaweedFS 4.48."]
    );
}

#[test]
fn failures_and_wrong_bytes_stand_out() {
    let work = copy(64 * MIB, 1);
    let mut bad = point(&work, 0, 1_000.0);
    bad.errors.insert("SlowDown".into(), 3);
    bad.verified.wrong = 1;
    let mut none = point(&work, 1, 1_000.0);
    none.median.operations = 0;
    let lines = of([bad, none]);
    let page = html(&lines).unwrap();
    assert!(page.contains("<p class=\"wrong\">Tenon gave back wrong bytes: 1 of the samples!</p>"));
    assert!(page.contains("<p class=\"wrong\">3 requests to Tenon failed (SlowDown).</p>"));
    assert!(page.contains("1 of 8 samples"));
    // Nothing succeeded on the other: there is no ratio to it.
    assert!(!summary(&lines).unwrap()[0].contains("SeaweedFS"));
}

#[test]
fn several_runs_of_the_same_endpoints_make_one_page() {
    let work = copy(64 * MIB, 1);
    let mut lines = of([point(&work, 0, 9_000.0)]);
    lines.extend(of([point(&work, 0, 2_000.0), point(&copy(MIB, 1), 0, 1_000.0)]));
    let sentences = summary(&lines).unwrap();
    assert!(sentences[0].contains("takes 2 ms"), "the later measurement counts: {sentences:?}");
    assert!(sentences[1].contains("differs by 2 ×"), "{sentences:?}");
    assert_eq!(html(&lines).unwrap().matches("<dl>").count(), 2);
}

#[test]
fn a_run_of_the_first_endpoint_stands_beside_one_of_both() {
    let (small, large) = (copy(MIB, 1), copy(1024 * MIB, 1));
    let mut alone = run();
    alone.endpoints.truncate(1);
    let alone = [Line::Run(alone), Line::Point(Box::new(point(&large, 0, 2_000.0)))];
    let both = of([point(&small, 0, 1_000.0), point(&small, 1, 9_000.0)]);
    for lines in [[&alone[..], &both].concat(), [&both[..], &alone].concat()] {
        let page = html(&lines).unwrap();
        assert!(page.contains("From 1 MiB to 1 GiB the time of Tenon differs by 2 × at most."));
        assert!(page.contains("SeaweedFS 4.48") && page.contains("9 ms"));
    }
}

/// A bar that begins anywhere but at one says that the slower endpoint is the faster.
#[test]
fn bars_of_ratios_part_at_one() {
    let (fast, slow) = (copy(MIB, 1), copy(8 * MIB, 1));
    let points = [
        point(&fast, 0, 1_000.0),
        point(&fast, 1, 4_000.0),
        point(&slow, 0, 4_000.0),
        point(&slow, 1, 1_000.0),
    ];
    let page = html(&of(points)).unwrap();
    let (_, plot) = page.split_once("aria-label=\"How many times faster Tenon is\"").unwrap();
    let plot = plot.split("</svg>").next().unwrap();
    let rects: String = plot.lines().filter(|line| line.starts_with("<rect")).collect();
    let (bars, long) = (attributes(&rects, "x"), attributes(&rects, "width"));
    let axis = attributes(plot, "x1")[0];
    assert_eq!((bars.len(), long.len()), (2, 2), "{rects}");
    assert!((bars[0] - axis).abs() < 0.2, "ahead: from one to the right");
    assert!((bars[1] + long[1] - axis).abs() < 0.2, "behind: from one to the left");
    assert!((long[0] - long[1]).abs() < 0.3, "as many times either way");
    assert!(plot.contains("bar-0") && plot.contains("bar-1"));
}

#[test]
fn what_cannot_be_reported_is_said() {
    let work = copy(MIB, 1);
    let lone = Line::Point(Box::new(point(&work, 0, 1.0)));
    let mut renamed = run();
    renamed.endpoints[1].name = "another".into();
    for (lines, expect) in [
        (vec![], "no point was measured"),
        (vec![Line::Run(run())], "no point was measured"),
        (vec![lone.clone()], "a point is of an endpoint that no run before it has"),
        (of([point(&work, 2, 1.0)]), "a point is of an endpoint that no run before it has"),
        (vec![Line::Run(Run::default())], "a run is of one endpoint or of two"),
        (vec![Line::Run(run()), lone, Line::Run(renamed)], "the runs are of different endpoints"),
    ] {
        assert_eq!(html(&lines).unwrap_err(), expect);
        assert_eq!(picture(&lines).unwrap_err(), expect);
    }
}

proptest! {
    /// Whatever was measured, all of it stands inside the picture.
    #[test]
    fn nothing_is_drawn_outside(
        times in prop::collection::vec((1.0..1e9_f64, 1.0..1e9_f64), 1..7),
        concurrency in 1..500_u32,
    ) {
        let mut points = Vec::new();
        for (index, (a, b)) in times.into_iter().enumerate() {
            let mib = 1_u64 << (2 * index);
            points.push(point(&copy(mib * MIB, concurrency), 0, a));
            points.push(point(&copy(mib * MIB, concurrency), 1, b));
            let small = other("small", "put", 4096, u32::try_from(index).unwrap() + concurrency);
            points.push(point(&small, 0, b));
            points.push(point(&small, 1, a));
        }
        let lines = of(points);
        let page = html(&lines).unwrap();
        prop_assert!(!page.contains("NaN"));
        for svg in page.split("<svg viewBox=\"0 0 ").skip(1) {
            let svg = svg.split("</svg>").next().unwrap();
            let (wide, rest) = svg.split_once(' ').unwrap();
            let wide: f64 = wide.parse().unwrap();
            let tall: f64 = rest.split('"').next().unwrap().parse().unwrap();
            for name in ["x", "x1", "x2", "cx"] {
                for x in attributes(svg, name) {
                    prop_assert!((0.0..=wide).contains(&x), "{name}={x}");
                }
            }
            for name in ["y", "y1", "y2", "cy"] {
                for y in attributes(svg, name) {
                    prop_assert!((0.0..=tall).contains(&y), "{name}={y}");
                }
            }
        }
    }
}

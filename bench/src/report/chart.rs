//! Room: lines over an axis: latency over size, throughput over concurrency, curves of percentiles.
//!
//! Invariants: nothing is drawn outside the picture; every axis says what it shows and in which unit.

use super::scale::Scale;
use super::svg::{Anchor, Canvas, width};

/// The natural size of a chart, in pixels.
pub(super) const SIZE: (f64, f64) = (640.0, 400.0);

/// Lines of one or two endpoints over one axis.
#[derive(Debug)]
pub(super) struct Chart {
    /// What is shown.
    pub(super) title: String,
    /// Under which conditions, and what the shades mean.
    pub(super) subtitle: String,
    /// Across.
    pub(super) x: Axis,
    /// Upwards.
    pub(super) y: Axis,
    /// The lines.
    pub(super) series: Vec<Series>,
}

/// One axis.
#[derive(Debug)]
pub(super) struct Axis {
    /// What it shows, with its unit.
    pub(super) label: String,
    /// How it is divided.
    pub(super) scale: Scale,
    /// Where it has names, and which.
    pub(super) ticks: Vec<(f64, String)>,
}

/// The line of one endpoint.
#[derive(Debug)]
pub(super) struct Series {
    /// The index of the endpoint.
    pub(super) endpoint: usize,
    /// Its name.
    pub(super) name: String,
    /// Where it goes.
    pub(super) places: Vec<Place>,
    /// Whether each place gets a marker.
    pub(super) marked: bool,
}

/// One place of a line.
#[derive(Debug)]
pub(super) struct Place {
    /// Across.
    pub(super) x: f64,
    /// Upwards.
    pub(super) y: f64,
    /// The end of the shade that begins at `y`.
    pub(super) until: Option<f64>,
    /// What is written beside it; may be empty.
    pub(super) value: String,
    /// What a reader is told who points at it.
    pub(super) told: String,
}

/// The picture's inner rectangle, where lines are.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Chart {
    /// The drawing, of [`SIZE`].
    pub(super) fn draw(&self) -> Canvas {
        let ticks = self.y.ticks.iter().map(|(_, name)| width(name, 12.0));
        let left = 34.0 + ticks.fold(0.0, f64::max);
        let frame = Frame { left, right: SIZE.0 - 22.0, top: 88.0, bottom: SIZE.1 - 52.0 };
        let mut canvas = Canvas::default();
        canvas.text("title", Anchor::Start, (0.0, 18.0), &self.title);
        canvas.text("quiet", Anchor::Start, (0.0, 38.0), &self.subtitle);
        self.draw_legend(&mut canvas);
        self.draw_axes(&mut canvas, &frame);
        for series in &self.series {
            self.draw_band(&mut canvas, &frame, series);
        }
        for series in &self.series {
            self.draw_line(&mut canvas, &frame, series);
        }
        for series in &self.series {
            self.draw_values(&mut canvas, &frame, series);
        }
        canvas
    }

    fn at(&self, frame: &Frame, x: f64, y: f64) -> (f64, f64) {
        let across = self.x.scale.place(x).clamp(0.0, 1.0);
        let up = self.y.scale.place(y).clamp(0.0, 1.0);
        // An axis of ratios has no foot to stand on, but values below its lowest line.
        let foot = if matches!(self.y.scale, Scale::Log { .. }) { 18.0 } else { 0.0 };
        (
            frame.left + across * (frame.right - frame.left),
            frame.bottom - foot - up * (frame.bottom - foot - frame.top),
        )
    }

    fn draw_legend(&self, canvas: &mut Canvas) {
        let mut x = 0.0;
        for series in &self.series {
            let index = series.endpoint;
            canvas.line(&format!("line-{index}"), (x + 1.0, 58.0), (x + 29.0, 58.0));
            canvas.marker(index, (x + 15.0, 58.0), &series.name);
            canvas.text("", Anchor::Start, (x + 37.0, 62.0), &series.name);
            x += 60.0 + width(&series.name, 12.0);
        }
    }

    fn draw_axes(&self, canvas: &mut Canvas, frame: &Frame) {
        for (value, name) in &self.y.ticks {
            let y = self.at(frame, 0.0, *value).1;
            canvas.line("grid", (frame.left, y), (frame.right, y));
            canvas.text("quiet", Anchor::End, (frame.left - 8.0, y + 4.0), name);
        }
        canvas.line("axis", (frame.left, frame.bottom), (frame.right, frame.bottom));
        let mut free = 0.0;
        for (value, name) in &self.x.ticks {
            let x = self.at(frame, *value, 0.0).0;
            canvas.line("axis", (x, frame.bottom), (x, frame.bottom + 5.0));
            // A name that would run into the one before it is left out, its tick is not.
            let half = width(name, 12.0) / 2.0;
            if x - half >= free {
                canvas.text("quiet", Anchor::Middle, (x, frame.bottom + 20.0), name);
                free = x + half + 4.0;
            }
        }
        let middle = (frame.left + frame.right) / 2.0;
        canvas.text("quiet", Anchor::Middle, (middle, frame.bottom + 42.0), &self.x.label);
        let middle = (frame.top + frame.bottom) / 2.0;
        canvas.text_upwards("quiet", (13.0, middle), &self.y.label);
    }

    fn draw_band(&self, canvas: &mut Canvas, frame: &Frame, series: &Series) {
        let ends = series.places.iter().filter_map(|place| Some((place, place.until?)));
        let there = ends.clone().map(|(place, _)| self.at(frame, place.x, place.y));
        let back = ends.rev().map(|(place, until)| self.at(frame, place.x, until));
        let outline: Vec<(f64, f64)> = there.chain(back).collect();
        if outline.len() > 2 {
            canvas.shape(&format!("band-{}", series.endpoint), &outline);
        }
    }

    fn draw_line(&self, canvas: &mut Canvas, frame: &Frame, series: &Series) {
        let places: Vec<(f64, f64)> =
            series.places.iter().map(|place| self.at(frame, place.x, place.y)).collect();
        if places.len() > 1 {
            canvas.path(&format!("line-{}", series.endpoint), &places);
        }
        if series.marked {
            for (at, place) in places.iter().zip(&series.places) {
                canvas.marker(series.endpoint, *at, &place.told);
            }
        }
    }

    /// Values stand on the side of their line where the other line is not; shades only go upwards.
    fn draw_values(&self, canvas: &mut Canvas, frame: &Frame, series: &Series) {
        for place in series.places.iter().filter(|place| !place.value.is_empty()) {
            let (x, y) = self.at(frame, place.x, place.y);
            let others = self.series.iter().filter(|other| other.endpoint != series.endpoint);
            let mut others = others.flat_map(|other| &other.places);
            let other = others.find(|other| same(other.x, place.x));
            let above = other.is_some_and(|other| other.y < place.y);
            let y = if above { y - 10.0 } else { y + 19.0 };
            // Beside the ends of the axis there is no room for the half of a text.
            let half = width(&place.value, 11.0) / 2.0;
            let x = x.clamp(frame.left + half, SIZE.0 - half);
            let y = if y > frame.bottom - 3.0 { y - 29.0 } else { y };
            let class = format!("value value-{}", series.endpoint);
            canvas.text(&class, Anchor::Middle, (x, y), &place.value);
        }
    }
}

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= one.abs() * 1e-9
}

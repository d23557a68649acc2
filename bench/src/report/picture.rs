//! Room: the one picture that stands for a run: its first sentence over its most telling plots.

use super::model::Report;
use super::svg::{Anchor, Canvas, wrapped};
use super::{bars, chart, plots, style, summary};

const MARGIN: f64 = 28.0;
const FONT: f64 = 23.0;
const LINE: f64 = 31.0;

/// The picture as a document by itself: one plot, or two side by side.
pub(super) fn picture(report: &Report<'_>) -> String {
    let drawings = drawings(report);
    let columns = if drawings.len() > 1 { 2.0 } else { 1.0 };
    let wide = MARGIN + columns * (bars::WIDTH + MARGIN);
    let sentence = summary::sentences(report).into_iter().next().unwrap_or_default();
    // The sentence stands in a bold font, a tenth wider than a plain one.
    let lines = wrapped(&sentence, FONT * 1.1, wide - 2.0 * MARGIN);

    let mut canvas = Canvas::default();
    let mut y = MARGIN + 18.0;
    let mut heading = Canvas::default();
    for line in &lines {
        heading.text("big", Anchor::Start, (MARGIN, y), line);
        y += LINE;
    }
    let tall = drawings.iter().map(|(_, (_, h))| *h).fold(0.0, f64::max);
    let size = (wide, y + tall + MARGIN);
    canvas.ground(size);
    canvas.group((0.0, 0.0), &heading);
    let mut x = MARGIN;
    for (drawing, _) in &drawings {
        canvas.group((x, y), drawing);
        x += bars::WIDTH + MARGIN;
    }
    canvas.document(size, &sentence, &style::plots())
}

/// The two plots that say most.
fn drawings(report: &Report<'_>) -> Vec<(Canvas, (f64, f64))> {
    let mut drawings: Vec<(Canvas, (f64, f64))> = Vec::new();
    let charts = plots::latency_over_size(report).0.into_iter().take(1);
    let charts = charts.chain(plots::throughput_over_concurrency(report).0.into_iter().take(1));
    drawings.extend(charts.map(|chart| (chart.draw(), chart::SIZE)));
    let rest = plots::small_rates(report).into_iter().chain(plots::ratios(report));
    let rest = rest.chain(plots::costs(report)).map(|bars| (bars.draw(), bars.size()));
    drawings.extend(rest);
    if drawings.is_empty() {
        let curves = plots::percentiles(report).0;
        drawings.extend(curves.iter().map(|chart| (chart.draw(), chart::SIZE)));
    }
    drawings.truncate(2);
    drawings
}

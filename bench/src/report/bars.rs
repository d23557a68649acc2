//! Room: bars side by side: what each endpoint takes or does for the same work, and how many times more.
//!
//! Invariants: bars of amounts begin at nought; bars of ratios at one, to the right where the first endpoint is
//! ahead and to the left where the second is; each has its value beside it.

use super::scale::Scale;
use super::svg::{Anchor, Canvas, shortened, width};

/// The natural width of a set of bars, in pixels.
pub(super) const WIDTH: f64 = 640.0;

const BAR: f64 = 17.0;
const GAP: f64 = 16.0;
const TOP: f64 = 88.0;

/// Bars in groups.
#[derive(Debug)]
pub(super) struct Bars {
    /// What is shown.
    pub(super) title: String,
    /// Under which conditions, in which unit.
    pub(super) subtitle: String,
    /// The endpoints' names, by index; empty for ratios.
    pub(super) names: Vec<String>,
    /// How far the bars go.
    pub(super) scale: Scale,
    /// The figure at which they begin.
    pub(super) origin: f64,
    /// One group for each piece of work.
    pub(super) groups: Vec<Group>,
}

/// The bars of one piece of work.
#[derive(Debug)]
pub(super) struct Group {
    /// The work.
    pub(super) label: String,
    /// Amounts by endpoint, with what is written beside them.
    pub(super) bars: Vec<(usize, f64, String)>,
}

impl Bars {
    /// The natural size, in pixels.
    pub(super) fn size(&self) -> (f64, f64) {
        let groups: f64 = self.groups.iter().map(height).sum();
        (WIDTH, TOP + groups)
    }

    /// The drawing.
    pub(super) fn draw(&self) -> Canvas {
        let mut canvas = Canvas::default();
        canvas.text("title", Anchor::Start, (0.0, 18.0), &self.title);
        canvas.text("quiet", Anchor::Start, (0.0, 38.0), &self.subtitle);
        self.draw_legend(&mut canvas);

        let labels = self.groups.iter().map(|group| width(&cut(&group.label), 12.0));
        let labels = labels.fold(0.0, f64::max) + 12.0;
        let all = || self.groups.iter().flat_map(|group| &group.bars);
        let values = all().map(|(_, _, text)| width(text, 11.0)).fold(0.0, f64::max) + 14.0;
        // Values of bars to the left stand to the left of them.
        let left = if all().any(|bar| bar.1 < self.origin) { labels + values } else { labels };
        let room = WIDTH - left - values;
        let place = |value: f64| left + self.scale.place(value).clamp(0.0, 1.0) * room;
        let origin = place(self.origin);

        let mut y = TOP;
        for group in &self.groups {
            let middle = y + (height(group) - GAP) / 2.0;
            let label = cut(&group.label);
            canvas.text("", Anchor::End, (labels - 10.0, middle + 4.0), &label);
            for (number, (index, value, text)) in group.bars.iter().enumerate() {
                #[expect(clippy::cast_precision_loss, reason = "there are two bars")]
                let y = y + number as f64 * BAR;
                let end = place(*value);
                let long = (end - origin).abs().max(1.5);
                let told = self.names.get(*index).map_or_else(
                    || format!("{}: {text}", group.label),
                    |name| format!("{name}, {}: {text}", group.label),
                );
                let backwards = *value < self.origin;
                let from = if backwards { origin - long } else { origin };
                canvas.bar(&format!("bar-{index}"), (from, y), (long, BAR - 2.0), &told);
                let class = format!("value value-{index}");
                let (anchor, x) = match backwards {
                    true => (Anchor::End, from - 6.0),
                    false => (Anchor::Start, from + long + 6.0),
                };
                canvas.text(&class, anchor, (x, y + BAR - 6.0), text);
            }
            y += height(group);
        }
        canvas.line("axis", (origin, TOP - 6.0), (origin, y - GAP + 6.0));
        canvas
    }

    fn draw_legend(&self, canvas: &mut Canvas) {
        let mut x = 0.0;
        for (index, name) in self.names.iter().enumerate() {
            canvas.bar(&format!("bar-{index}"), (x, 51.0), (14.0, 14.0), name);
            canvas.text("", Anchor::Start, (x + 21.0, 62.0), name);
            x += 44.0 + width(name, 12.0);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are two bars")]
fn height(group: &Group) -> f64 {
    group.bars.len() as f64 * BAR + GAP
}

fn cut(label: &str) -> String {
    shortened(label, 42)
}

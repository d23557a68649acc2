//! Room: from figures to places: the scale of an axis and where its ticks stand.
//!
//! Invariants: every figure given to [`Scale::over`] has a place between 0 and 1; a logarithmic scale is only made
//! of figures above nought.

/// How an axis is divided.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Scale {
    /// From nought on, in equal steps.
    Linear {
        /// The end of the axis.
        end: f64,
    },
    /// In equal ratios.
    Log {
        /// The beginning of the axis.
        start: f64,
        /// Its end.
        end: f64,
    },
}

impl Scale {
    /// A scale from nought that holds all of `values`.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>) -> Self {
        let max = values.into_iter().fold(0.0, f64::max);
        let step = step(max);
        let end = if max > 0.0 { (max / step).ceil() * step } else { 1.0 };
        Self::Linear { end }
    }

    /// A scale in ratios that holds all of `values` above nought, with some room at its ends.
    pub(super) fn log(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().filter(|value| *value > 0.0).collect();
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(0.0, f64::max);
        if max <= 0.0 {
            return Self::Log { start: 1.0, end: 10.0 };
        }
        let start = round_number(min * 0.8, false);
        let end = round_number(max * 1.25, true);
        Self::Log { start, end }
    }

    /// A scale in ratios that ends so close behind `values` that their markers have room.
    pub(super) fn log_tight(values: impl IntoIterator<Item = f64> + Clone) -> Self {
        let min = values.clone().into_iter().fold(f64::INFINITY, f64::min);
        let max = values.into_iter().fold(0.0, f64::max);
        let room = (max / min).powf(0.06).max(1.2);
        Self::Log { start: min / room, end: max * room }
    }

    /// Where `value` stands: 0 at the beginning, 1 at the end.
    pub(super) fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear { end } => value / end,
            Self::Log { start, end } => (value.max(start) / start).ln() / (end / start).ln(),
        }
    }

    /// Round figures to put names on.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear { end } => {
                let step = step(end);
                (0_u32..20)
                    .map(|number| f64::from(number) * step)
                    .take_while(|value| *value <= end * 1.0001)
                    .collect()
            }
            Self::Log { start, end } => log_ticks(start, end),
        }
    }
}

/// A round step that parts `max` into four to eight.
fn step(max: f64) -> f64 {
    if max <= 0.0 {
        return 1.0;
    }
    let rough = max / 4.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let fits = [5.0, 2.0, 1.0].into_iter().find(|factor| factor * decade <= rough * 1.0001);
    fits.unwrap_or(1.0) * decade
}

/// The nearest of 1, 2 and 5 times a power of ten that is not above `value`, or not below it.
fn round_number(value: f64, up: bool) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade);
    let fits = |factor: &&f64| if up { **factor >= value } else { **factor <= value * 1.0001 };
    let found = if up { factors.iter().find(fits) } else { factors.iter().rev().find(fits) };
    found.copied().unwrap_or(decade)
}

/// Powers of ten; between them 2 and 5, or 3, where the axis is short.
fn log_ticks(start: f64, end: f64) -> Vec<f64> {
    let decades = (end / start).log10();
    let factors: &[f64] = match decades {
        d if d <= 2.0 => &[1.0, 2.0, 5.0],
        d if d <= 3.5 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let mut decade = 10_f64.powf(start.log10().floor());
    let mut ticks = Vec::new();
    while decade <= end * 1.0001 && ticks.len() < 40 {
        let all = factors.iter().map(|factor| factor * decade);
        ticks.extend(all.filter(|tick| (start * 0.9999..=end * 1.0001).contains(tick)));
        decade *= 10.0;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(Scale::linear([3.7]).ticks(), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Scale::linear([10.0]).ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Scale::linear([0.0]), Scale::Linear { end: 1.0 });
        assert_eq!(Scale::log([1300.0, 3000.0]), Scale::Log { start: 1000.0, end: 5000.0 });
        assert_eq!(Scale::log([1300.0, 3000.0]).ticks(), [1000.0, 2000.0, 5000.0]);
        assert_eq!(Scale::log([2.0, 90_000.0]).ticks(), [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]);
        assert_eq!(Scale::log([0.0]), Scale::Log { start: 1.0, end: 10.0 });
    }

    proptest! {
        #[test]
        fn every_figure_has_a_place(values in prop::collection::vec(1e-6..1e12_f64, 1..9)) {
            for scale in [
                Scale::linear(values.iter().copied()),
                Scale::log(values.iter().copied()),
                Scale::log_tight(values.iter().copied()),
            ] {
                for value in &values {
                    let place = scale.place(*value);
                    prop_assert!((-1e-9..=1.000_1).contains(&place), "{scale:?} {value} {place}");
                }
                let ticks = scale.ticks();
                prop_assert!(ticks.len() <= 20, "{scale:?} {ticks:?}");
                prop_assert!(ticks.iter().all(|t| (-1e-9..=1.000_1).contains(&scale.place(*t))));
            }
        }
    }
}

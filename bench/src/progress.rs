//! Room: what a person sees while it is measured: a bar on a terminal, plain lines in a log.
//!
//! Must not: measure, or write to the standard output, which belongs to the results.
//! Holds: the bar of the step that runs, and how many steps there are.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::measurement::{count, ratio};
use crate::report::{rate, time};

/// How far a run is, on the standard error.
#[derive(Debug)]
pub struct Progress {
    show: Show,
    steps: usize,
    done: usize,
    label: String,
    until: Until,
}

#[derive(Debug)]
enum Show {
    Nothing,
    Lines,
    Bar(ProgressBar),
}

/// When a step is over.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Until {
    /// After so many seconds.
    Seconds(f64),
    /// After so many operations.
    Operations(u64),
}

/// What a step has come to so far.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Sample {
    /// Seconds since it began.
    pub elapsed_s: f64,
    /// Operations that succeeded.
    pub operations: u64,
    /// Bytes of theirs, as a client sees it; 0 if they have none.
    pub logical_bytes: u64,
    /// Operations that failed.
    pub failed: u64,
    /// The median of their latencies in microseconds.
    pub p50_us: f64,
}

impl Sample {
    /// As it is shown: rates, median, errors.
    fn text(&self) -> String {
        let per_s = ratio(count(self.operations), self.elapsed_s).unwrap_or(0.0);
        let mut text = format!("{per_s:.0}/s");
        if self.logical_bytes > 0 {
            let bytes = ratio(count(self.logical_bytes), self.elapsed_s).unwrap_or(0.0);
            text.push_str(&format!(", {}", rate(bytes)));
        }
        if self.operations > 0 {
            text.push_str(&format!(", p50 {}", time(self.p50_us)));
        }
        match self.failed {
            0 => {}
            1 => text.push_str(", 1 error"),
            many => text.push_str(&format!(", {many} errors")),
        }
        text
    }
}

impl Progress {
    /// For a run of so many steps. A bar if the standard error is a terminal, else a line as each step
    /// ends; nothing at all if `quiet`.
    pub fn new(quiet: bool, steps: usize) -> Self {
        let show = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Show::Nothing,
            (false, false) => Show::Lines,
            (false, true) => Show::Bar(bar()),
        };
        Self { show, steps, done: 0, label: String::new(), until: Until::Seconds(0.0) }
    }

    /// Says what is prepared or tidied up, beside the steps.
    pub fn say(&mut self, text: &str) {
        match &self.show {
            Show::Nothing => {}
            Show::Lines => eprintln!("{text}"),
            Show::Bar(bar) => {
                bar.set_length(0);
                bar.set_position(0);
                bar.set_prefix(text.to_owned());
                bar.set_message("");
                bar.tick();
            }
        }
    }

    /// Begins the next step.
    pub fn start(&mut self, label: &str, until: Until) {
        self.done += 1;
        self.label = format!("[{}/{}] {label}", self.done, self.steps);
        self.until = until;
        if let Show::Bar(bar) = &self.show {
            bar.set_length(thousandths(1.0));
            bar.set_prefix(self.label.clone());
            self.show(&Sample::default());
        }
    }

    /// Shows how the step goes; a few times a second is enough.
    pub fn show(&mut self, sample: &Sample) {
        if let Show::Bar(bar) = &self.show {
            let part = match self.until {
                Until::Seconds(all) => ratio(sample.elapsed_s, all),
                Until::Operations(all) => {
                    ratio(count(sample.operations + sample.failed), count(all))
                }
            };
            bar.set_position(thousandths(part.unwrap_or(0.0)));
            bar.set_message(sample.text());
        }
    }

    /// Ends the step with what came of it: a line, which on a terminal stays above the bar.
    pub fn finish(&mut self, sample: &Sample) {
        let line = format!("{}: {}", self.label, sample.text());
        match &self.show {
            Show::Nothing => {}
            Show::Lines => eprintln!("{line}"),
            Show::Bar(bar) => bar.println(line),
        }
    }

    /// Takes the bar away, so that the results stand alone.
    pub fn end(self) {
        if let Show::Bar(bar) = &self.show {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {msg}");
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A part of the whole as the bar counts it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1,000")]
fn thousandths(part: f64) -> u64 {
    (part.clamp(0.0, 1.0) * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_says_what_there_is_to_say() {
        let mut sample = Sample { elapsed_s: 2.0, operations: 2468, ..Sample::default() };
        sample.p50_us = 1350.0;
        assert_eq!(sample.text(), "1234/s, p50 1.35 ms");
        sample.logical_bytes = 2_500_000_000;
        sample.failed = 1;
        assert_eq!(sample.text(), "1234/s, 1.25 GB/s, p50 1.35 ms, 1 error");
        assert_eq!(Sample { failed: 2, ..Sample::default() }.text(), "0/s, 2 errors");
    }

    #[test]
    fn a_bar_never_runs_over() {
        assert_eq!(thousandths(0.5), 500);
        assert_eq!(thousandths(1.7), 1000);
        assert_eq!(thousandths(f64::NAN), 0);
    }

    #[test]
    fn steps_are_counted() {
        let mut progress = Progress::new(true, 2);
        progress.start("64 MiB part copy, Tenon", Until::Operations(10));
        progress.show(&Sample::default());
        progress.finish(&Sample::default());
        progress.say("cleaning up");
        progress.start("64 MiB part copy, other", Until::Seconds(1.0));
        assert_eq!(progress.label, "[2/2] 64 MiB part copy, other");
        progress.end();
    }
}

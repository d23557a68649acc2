//! Room: the report of a run: a page that a person reads without explanation, and a picture of it.
//!
//! Must not: measure, or read a clock or a file; the same lines make the same page. Nothing is fetched
//! when the page is read: no script, no font, no picture from elsewhere.
//! Holds: nothing. `model` puts the points in order, `summary` says them in sentences, `plots` chooses what is
//! drawn, `chart` and `bars` draw it, `page` puts all together.
//! Invariant: whatever an endpoint says of itself is escaped.

mod bars;
mod chart;
#[cfg(test)]
mod fixture;
mod model;
mod page;
mod picture;
mod plots;
mod scale;
mod style;
mod summary;
mod svg;
mod table;
#[cfg(test)]
mod tests;
mod units;

use self::model::Report;
pub use self::units::{bytes_f as bytes, digits, rate, size, time, times, whole};
use crate::measurement::{Line, Work};

/// One piece of work in words, such as `64 MiB part copy, 8 at a time, aligned ranges`.
pub fn describe(work: &Work) -> String {
    table::describe(work)
}

/// The self-contained page of one run, or of several of the same endpoints whose lines follow each other.
///
/// # Errors
/// If the lines begin with no run, are of different endpoints, or hold no point; in words.
pub fn html(lines: &[Line]) -> Result<String, String> {
    Report::new(lines).map(|report| page::page(&report))
}

/// One picture with the most telling figures, as a SVG document that stands by itself.
///
/// # Errors
/// As [`html`].
pub fn picture(lines: &[Line]) -> Result<String, String> {
    Report::new(lines).map(|report| picture::picture(&report))
}

/// The sentences that the page begins with.
///
/// # Errors
/// As [`html`].
pub fn summary(lines: &[Line]) -> Result<Vec<String>, String> {
    Report::new(lines).map(|report| summary::sentences(&report))
}

//! Room: the figures of copies, by way: what clients asked for, and what it cost.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::time::Timestamp;

use super::figure::Counter;
use super::text::Text;
use crate::config::Way;

/// What went each way.
#[derive(Default)]
pub(super) struct CopyMetrics {
    ways: [WayMetrics; Way::ALL.len()],
    inline_pieces: Counter,
    inline_bytes: Counter,
}

#[derive(Default)]
struct WayMetrics {
    pieces: Counter,
    logical_bytes: Counter,
    physical_bytes: Counter,
    refused: Counter,
    rewritten: Counter,
    /// When a refusal was last told, in milliseconds of the wall clock; 0 for never.
    refusal_told: AtomicU64,
}

/// Bytes that a client asked to copy.
#[derive(Clone, Copy, Debug)]
pub struct CopiedBytes(pub u64);

/// Bytes that a copy read and wrote.
#[derive(Clone, Copy, Debug)]
pub struct MovedBytes(pub u64);

impl CopyMetrics {
    /// Counts one piece of a copy: the bytes that the client asked for and those that really moved.
    pub(super) fn copied(&self, way: Way, logical: CopiedBytes, physical: MovedBytes) {
        let metrics = &self.ways[way as usize];
        metrics.pieces.add(1);
        metrics.logical_bytes.add(logical.0);
        metrics.physical_bytes.add(physical.0);
    }

    /// Counts one piece whose bytes lie inside a record, before and after.
    pub(super) fn copied_inline(&self, logical: CopiedBytes) {
        self.inline_pieces.add(1);
        self.inline_bytes.add(logical.0);
    }

    /// Counts bytes of a new blob that takes the place of a sparse one.
    pub(super) fn rewritten(&self, way: Way, bytes: u64) {
        self.ways[way as usize].rewritten.add(bytes);
    }

    /// Counts a way that was refused. Says whether the log shall hear of it: once a minute and way is enough.
    #[must_use]
    pub(super) fn refused(&self, way: Way, now: Timestamp) -> bool {
        let metrics = &self.ways[way as usize];
        metrics.refused.add(1);
        let now = now.as_millis();
        let due =
            |told: u64| (told == 0 || now.abs_diff(told) >= REFUSAL_INTERVAL_MS).then_some(now);
        metrics.refusal_told.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }

    pub(super) fn render(&self, text: &mut Text) {
        type Figure = fn(&WayMetrics) -> &Counter;
        /// Family, help, figure of a way, and of what is inline where that means something.
        type Row<'a> = (&'a str, &'a str, Figure, Option<u64>);
        let families: [Row<'_>; 5] = [
            (
                "tenon_copy_pieces_total",
                "Pieces of copies, by the way that they went.",
                |way| &way.pieces,
                Some(self.inline_pieces.get()),
            ),
            (
                "tenon_copy_logical_bytes_total",
                "Bytes that clients asked to copy.",
                |way| &way.logical_bytes,
                Some(self.inline_bytes.get()),
            ),
            (
                "tenon_copy_physical_bytes_total",
                "Bytes that copies read and wrote.",
                |way| &way.physical_bytes,
                None,
            ),
            (
                "tenon_copy_refused_total",
                "Ways that the file system refused; the next one was taken.",
                |way| &way.refused,
                None,
            ),
            (
                "tenon_rewritten_bytes_total",
                "Bytes of new blobs that took the place of sparse ones.",
                |way| &way.rewritten,
                None,
            ),
        ];
        for (name, help, figure, inline) in families {
            let mut family = text.counter(name, help);
            for (way, metrics) in Way::ALL.iter().zip(&self.ways) {
                family.sample(&[("way", way.as_str())], figure(metrics).get());
            }
            if let Some(inline) = inline {
                family.sample(&[("way", "inline")], inline);
            }
        }
    }
}

/// How long the log is silent after a refused way.
const REFUSAL_INTERVAL_MS: u64 = 60_000;

//! Room: whether the file system has room for another write.
//!
//! Below `disk.reserve` whatever stores bytes or names is refused before it begins, so that reads, deletes, aborts
//! and the metadata that they write go on. Completing an upload goes on too: it stores no bytes, and it is what
//! lets space come back.
//! Holds: how many bytes may still be let in. One shard measures once a second; in between every write is taken
//! off by the length it announces, so that a burst cannot eat the reserve between two measurements.
//! Must not: ask the file system when a request comes in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::config::Reserve;
use crate::disk::{Disk, DiskError, Space};
use crate::log;
use crate::metrics::Metrics;
use crate::seam::Clock;

/// How old the figures may get.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// The room of one data directory, known to all shards.
pub struct Admission {
    reserve: Reserve,
    metrics: Arc<Metrics>,
    /// Bytes that may be written before only the reserve is left.
    left: AtomicU64,
}

impl Admission {
    /// Lets everything in until it is measured for the first time.
    #[must_use]
    pub fn new(reserve: Reserve, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { reserve, metrics, left: AtomicU64::new(u64::MAX) })
    }

    /// Lets a write of `len` bytes in; false if that would touch the reserve. Of a write that moves no bytes `len`
    /// is 0: it is let in as long as there is anything beside the reserve.
    #[must_use]
    pub fn admit(&self, len: u64) -> bool {
        let take = |left: u64| left.checked_sub(len).filter(|_| left > 0);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Asks the file system once.
    ///
    /// # Errors
    /// What the disk says; the figures stay as they were.
    pub async fn measure(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        let Space { free, total } = disk.free().await?;
        self.metrics.free_bytes.set(free);
        self.metrics.total_bytes.set(total);
        self.left.store(free.saturating_sub(self.reserve.of(total)), Ordering::Relaxed);
        Ok(())
    }

    /// Keeps the figures fresh, for ever.
    pub async fn keep_measuring(&self, disk: &dyn Disk, clock: &dyn Clock) {
        loop {
            clock.sleep(MEASURE_INTERVAL).await;
            if let Err(error) = self.measure(disk).await {
                log::warn("free_space_unknown", &[("cause", &error)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::memory::MemoryDisk;
    use crate::disk::tests::block_on;

    const KIB: u64 = 1024;

    #[test]
    fn a_burst_between_two_measurements_leaves_the_reserve_alone() {
        let metrics = Arc::new(Metrics::new(1));
        let admission = Admission::new(Reserve::Bytes(40 * KIB), metrics.clone());
        assert!(admission.admit(1 << 40), "nothing is known yet");
        let disk = MemoryDisk::new(100 * KIB);
        block_on(admission.measure(&disk)).expect("measured");
        assert_eq!((metrics.free_bytes.get(), metrics.total_bytes.get()), (100 * KIB, 100 * KIB));
        assert!(admission.admit(50 * KIB));
        assert!(!admission.admit(50 * KIB), "the reserve would be touched");
        assert!(admission.admit(10 * KIB) && !admission.admit(0), "only the reserve is left");
        block_on(admission.measure(&disk)).expect("measured");
        assert!(admission.admit(0) && admission.admit(60 * KIB), "nothing was written after all");
    }
}

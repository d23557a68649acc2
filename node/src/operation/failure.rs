//! Room: how inner errors become S3 errors, and how loudly they are logged. The one place that decides both.
//!
//! Invariant: corruption is never reported as absence, and no inner text reaches a client.

use meta::command::Refusal;
use protocol::error::S3Error;

use crate::blob::{ReadError, TableLoadError};
use crate::catalog::CatalogError;
use crate::copy::CopyError;
use crate::disk::DiskError;
use crate::exchange::BodyError;
use crate::flush::FlushError;
use crate::lease::LeaseError;
use crate::log;
use crate::machine::{Machine, PublishError};

/// A question failed, or a command was refused for a reason that its operation did not expect.
pub(super) fn catalog(error: CatalogError) -> S3Error {
    match error {
        CatalogError::Busy => S3Error::slow_down(),
        CatalogError::Refused(Refusal::NoSuchBucket) => {
            // It was there when the operation began.
            S3Error::operation_aborted()
        }
        CatalogError::Refused(refusal) => {
            log::error("command_refused", &[("refusal", &format!("{refusal:?}"))]);
            S3Error::internal()
        }
        CatalogError::Corrupt(text) => {
            log::error("metadata_damaged", &[("found", &text)]);
            S3Error::internal()
        }
        CatalogError::Failed(text) => {
            log::error("metadata_failed", &[("cause", &text)]);
            S3Error::internal()
        }
    }
}

/// A file could not be written, synced or cloned.
pub(super) fn disk(error: &DiskError) -> S3Error {
    match error {
        DiskError::NoSpace => S3Error::insufficient_storage(),
        DiskError::Busy => S3Error::slow_down(),
        other => {
            log::error("disk_failed", &[("cause", other)]);
            S3Error::internal()
        }
    }
}

/// New files could not be made durable.
fn flush(error: &FlushError) -> S3Error {
    match error {
        FlushError::Busy => S3Error::slow_down(),
        FlushError::Disk(error) => disk(error),
    }
}

/// Stored bytes could not be read or are not what was stored.
pub(super) fn read(machine: &Machine, error: &ReadError) -> S3Error {
    match error {
        ReadError::Table { error: TableLoadError::Busy, .. } => return S3Error::slow_down(),
        ReadError::Corrupt { .. } | ReadError::CorruptInline | ReadError::Contradiction { .. } => {
            machine.metrics.corrupt_blocks.add(1);
        }
        ReadError::Disk { .. } | ReadError::Table { .. } => {}
    }
    machine.metrics.read_failures.add(1);
    log::error("read_failed", &[("cause", error)]);
    S3Error::internal()
}

/// No blob id was to be had.
pub(super) fn lease(error: LeaseError) -> S3Error {
    match error {
        LeaseError::Catalog(error) => catalog(error),
        LeaseError::Disk(error) => disk(&error),
    }
}

/// New bytes could not be made durable and named.
pub(super) fn publish(error: PublishError) -> S3Error {
    match error {
        PublishError::Flush(error) => flush(&error),
        PublishError::Catalog(error) => catalog(error),
    }
}

/// A range could not be copied.
pub(super) fn copy(machine: &Machine, error: CopyError) -> S3Error {
    match error {
        CopyError::Read(error) => read(machine, &error),
        CopyError::Disk(error) => disk(&error),
        CopyError::Flush(error) => flush(&error),
        CopyError::Lease(error) => lease(error),
    }
}

/// The request body ended before its end.
pub(super) fn body(error: BodyError) -> S3Error {
    match error {
        BodyError::Disconnected => S3Error::incomplete_body(),
        BodyError::TimedOut => S3Error::request_timeout(),
    }
}

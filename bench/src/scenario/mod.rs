//! Room: what can be measured: each scenario makes what it needs, runs its rounds, and verifies what it did.
//!
//! Order of a round: make what is missing (once for each endpoint), measure, read a sample back, take away what
//! the round has made.

mod copy;
mod list;
mod mixed;
mod objects;
mod site;
mod verify;

pub(crate) use copy::Copy;
pub(crate) use list::List;
pub(crate) use mixed::{Mixed, Weights};
pub(crate) use objects::{Get, Put, Small};
pub(crate) use site::{Measured, Settings, Site, Whose};

use crate::client::Failure;
use crate::load::Watch;

/// One piece of work, for one set of parameters.
#[derive(Clone, Debug)]
pub(crate) enum Case {
    Copy(Copy),
    Put(Put),
    Get(Get),
    Small(Small),
    List(List),
    Mixed(Mixed),
}

impl Case {
    /// Runs it once on one endpoint. Each operation of the scenario is a point of its own.
    ///
    /// # Errors
    /// When it cannot be prepared or nothing of it succeeds; single failures are counted instead.
    pub(crate) fn round(
        &self,
        site: &mut Site,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Measured>, Failure> {
        match self {
            Self::Copy(case) => case.round(site, watch),
            Self::Put(case) => case.round(site, watch),
            Self::Get(case) => case.round(site, watch),
            Self::Small(case) => case.round(site, watch),
            Self::List(case) => case.round(site, watch),
            Self::Mixed(case) => case.round(site, watch),
        }
    }

    /// What a person calls it.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Copy(case) => case.label(),
            Self::Put(case) => format!("put {} x {}", size(case.size), case.concurrency),
            Self::Get(case) => format!("get {} x {}", size(case.size), case.concurrency),
            Self::Small(case) => format!("small {} x {}", size(case.size), case.concurrency),
            Self::List(case) => case.label(),
            Self::Mixed(case) => format!("mixed {} x {}", size(case.size), case.concurrency),
        }
    }
}

/// `64 MiB`, and `65537 B` for what is no whole number of a larger unit.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = |shift: &u32| bytes > 0 && bytes.is_multiple_of(1 << shift);
    match units.iter().find(|(shift, _)| whole(shift)) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} B"),
    }
}

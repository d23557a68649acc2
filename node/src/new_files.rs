//! Room: files on their way to being named: who owns them until a record does.
//!
//! Invariant: an id leaves here in exactly one of three ways: named by a durable record and settled, abandoned
//! or dropped (a cancelled request): durably unlinked, then settled, or left for the replayed state to decide.
//! Once the command that names it may be on its way, a dropped id is left alone: a record may name it already.

use std::rc::Rc;

use meta::id::BlobId;

use crate::disk::Unsynced;
use crate::epoch::EpochGuard;
use crate::lease::{LeaseError, Leases};
use crate::machine::Machine;

/// The new files of one request.
pub struct NewFiles {
    leases: Rc<Leases>,
    ids: Vec<BlobId>,
    /// Their command may be on its way.
    entrusted: bool,
    /// Keeps what the command shares resolvable until it is committed or refused.
    epoch: Option<EpochGuard>,
    /// What the flush stage needs of the files that are written.
    pub unsynced: Vec<Unsynced>,
}

impl NewFiles {
    /// No files yet.
    pub fn none(machine: &Machine) -> Self {
        Self {
            leases: machine.leases.clone(),
            ids: Vec::new(),
            entrusted: false,
            epoch: None,
            unsynced: Vec::new(),
        }
    }

    /// Lets the epoch live until these files, and whatever the same command shares, are named or given up: the
    /// request may be gone by then, and its command still on the way.
    pub fn hold(&mut self, epoch: EpochGuard) {
        self.epoch = Some(epoch);
    }

    /// A fresh id for a file that is to be created.
    ///
    /// # Errors
    /// When no id is to be had.
    pub async fn reserve(&mut self) -> Result<BlobId, LeaseError> {
        let id = self.leases.take().await?;
        self.ids.push(id);
        Ok(id)
    }

    /// The id's file was never created and never will be: gives the id up.
    pub fn give_up(&mut self, id: BlobId) {
        self.ids.retain(|have| *have != id);
        self.leases.abandon([id]);
    }

    /// From here on only the verdict on their command says what becomes of the files; dropped without one, they
    /// stay as they are until the next start.
    pub fn entrust(&mut self) {
        self.entrusted = true;
    }

    /// Every file has its record now.
    pub fn named(mut self) {
        for id in self.ids.drain(..) {
            self.leases.settle(id);
        }
    }

    /// No record will ever name these: they are unlinked in the background.
    pub fn abandon(mut self) {
        self.leases.abandon(self.ids.drain(..));
    }

    /// Whether a record names them is not known: they stay as they are until the next start.
    pub fn leave(mut self) {
        self.ids.clear();
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        if self.entrusted {
            return;
        }
        self.leases.abandon(self.ids.drain(..));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestNode;

    #[test]
    fn a_file_whose_command_is_on_its_way_is_not_unlinked_by_going_away() {
        for (entrusted, left) in [(false, 0), (true, 1)] {
            let node = TestNode::new();
            let mut files = NewFiles::none(&node.machine);
            let id = node.run(files.reserve()).expect("an id");
            node.run(node.machine.disk.create(id)).expect("a file");
            if entrusted {
                files.entrust();
            }
            drop(files);
            node.settle();
            assert_eq!(node.disk.blobs().len(), left);
        }
    }
}

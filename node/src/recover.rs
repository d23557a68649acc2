//! Room: after a start, before the first request: files against records.
//!
//! Only folders of open leases can hold files that nobody names; each such file is moved to `lost/`, where an
//! operator can look at it. What was taken by the collector but may not be unlinked yet is left to the collector.
//! Of a folder whose records cannot be read nothing is touched: it is told, and its lease stays open.
//! Invariants: a file that a record names is never touched; what was unlinked before the start is durably gone
//! before its lease is closed, or a power cut could bring it back where nobody looks any more.

use meta::command::CloseLease;
use meta::id::FolderId;
use meta::query::{self, BlobState};

use crate::catalog::{Catalog, CatalogError};
use crate::disk::{Disk, DiskError};
use crate::log;

/// What the sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Folders that were looked at.
    pub folders: u64,
    /// Files that were moved to `lost/`.
    pub lost: u64,
}

/// Why the sweep could not be finished; the node does not start then.
#[derive(Debug)]
pub enum SweepError {
    /// A question or command failed.
    Catalog(CatalogError),
    /// A folder could not be read, or a file not moved.
    Disk(DiskError),
}

impl From<CatalogError> for SweepError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<DiskError> for SweepError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// Sweeps the folders of all open leases and closes these.
///
/// # Errors
/// Nothing is lost by one: what was not swept is swept by the next start.
pub async fn sweep(catalog: &Catalog, disk: &dyn Disk) -> Result<Swept, SweepError> {
    let mut swept = Swept::default();
    for (folder, _) in catalog.ask(query::open_leases).await? {
        match sweep_folder(catalog, disk, folder).await {
            Ok(lost) => swept.lost += lost,
            // All else is to be served. Nobody is given an id of that folder any more.
            Err(SweepError::Catalog(CatalogError::Corrupt(found))) => {
                log::error("folder_not_swept", &[("folder", &folder), ("found", &found)]);
                continue;
            }
            Err(other) => return Err(other),
        }
        swept.folders += 1;
        catalog.commit(CloseLease { folder }.into()).await?;
    }
    Ok(swept)
}

async fn sweep_folder(
    catalog: &Catalog,
    disk: &dyn Disk,
    folder: FolderId,
) -> Result<u64, SweepError> {
    let blobs = match disk.list_folder(folder).await {
        Ok(blobs) => blobs,
        // The lease was committed, and the crash came before the folder was durable.
        Err(DiskError::Missing) => return Ok(0),
        Err(other) => return Err(other.into()),
    };
    let asked = blobs.clone();
    let states = catalog.ask(move |store| query::blob_states(store, &asked)).await?;
    let mut lost = 0;
    for (blob, state) in blobs.into_iter().zip(states) {
        match state {
            BlobState::Named | BlobState::Taken => {}
            BlobState::Unknown => {
                disk.move_to_lost(blob).await?;
                lost += 1;
            }
        }
    }
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use bytes::Bytes;
    use meta::command::{Command, Reply};
    use meta::id::BlobId;
    use meta::key;
    use meta::memory::MemoryStore;
    use meta::round::Round;
    use meta::store::{Advance, Batch, Pair, Peek, Space, Store, StoreError, Visit};

    use super::*;
    use crate::catalog::{Mailbox, Question};
    use crate::disk::memory::MemoryDisk;
    use crate::seam::Local;
    use crate::testing::{TestNode, ask};

    /// A store that cannot read the records of the blobs of one folder.
    struct Unreadable {
        store: Arc<MemoryStore>,
        folder: FolderId,
    }

    impl Store for Unreadable {
        fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
            let blob = key::blob_of(key).filter(|_| space == Space::Blobs);
            if blob.is_some_and(|blob| blob.folder() == self.folder) {
                return Err(StoreError::Corrupt("a damaged table file".into()));
            }
            self.store.get(space, key)
        }

        fn peek(&self, space: Space, key: &[u8]) -> Result<Peek, StoreError> {
            self.store.peek(space, key)
        }

        fn scan(
            &self,
            space: Space,
            from: &[u8],
            visit: &mut dyn FnMut(&[u8], &[u8]) -> Visit,
        ) -> Result<(), StoreError> {
            self.store.scan(space, from, visit)
        }

        fn scan_pair(
            &self,
            spaces: [Space; 2],
            from: [&[u8]; 2],
            visit: &mut dyn FnMut(Pair<'_>) -> Option<[Advance; 2]>,
        ) -> Result<(), StoreError> {
            self.store.scan_pair(spaces, from, visit)
        }

        fn commit(&self, batch: Batch) -> Result<(), StoreError> {
            self.store.commit(batch)
        }
    }

    impl Mailbox for Unreadable {
        fn commit(&self, command: Command) -> Local<'static, Result<Reply, CatalogError>> {
            let last = query::last_sequence(&*self.store).expect("readable");
            let mut round = Round::begin(&*self.store, last.next()).expect("readable");
            let reply = round.apply(command).expect("readable");
            self.store.commit(round.finish()).expect("the store is well");
            Box::pin(async move { reply.map_err(CatalogError::Refused) })
        }

        fn ask(&self, question: Question) -> Result<(), CatalogError> {
            question(self);
            Ok(())
        }

        fn store(&self) -> Option<Arc<dyn Store>> {
            None
        }
    }

    /// A node with two open leases, in each of whose folders lie a named and an unnamed file.
    fn after_a_crash() -> (TestNode, [[BlobId; 2]; 2]) {
        let node = TestNode::with_slots(MemoryDisk::new(1 << 30), 2, |_| {});
        assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
        let blobs = ["one", "two"].map(|name| {
            let before = node.disk.blobs();
            node.put(&format!("/bkt/{name}"), &[7; 100_000]);
            let named = node.disk.blobs().into_iter().find(|blob| !before.contains(blob));
            let unnamed = node.run(node.machine.leases.take()).expect("an id");
            node.run(node.machine.disk.create(unnamed)).expect("created");
            [named.expect("a blob"), unnamed]
        });
        (node, blobs)
    }

    #[test]
    fn a_damaged_record_of_a_blob_keeps_its_file() {
        let (node, [[named, unnamed], [_, other]]) = after_a_crash();
        let mut batch = Batch::new();
        batch.put(Space::Blobs, key::blob(named), &b"\xFFnonsense"[..]);
        node.store.commit(batch).expect("the store is well");
        let swept = node.run(sweep(&node.machine.catalog, &*node.machine.disk));
        assert_eq!(swept.expect("nothing fails"), Swept { folders: 2, lost: 2 });
        assert_eq!(node.disk.lost(), [unnamed, other]);
        assert!(node.disk.blobs().contains(&named));
    }

    /// One damaged table file of the store must not keep the node from serving all else.
    #[test]
    fn a_folder_whose_records_cannot_be_read_is_left_alone() {
        let (node, [first, [named, unnamed]]) = after_a_crash();
        let folder = first[0].folder();
        let store = Unreadable { store: node.store.clone(), folder };
        let catalog = Catalog::new(Rc::new(store));
        let swept = node.run(sweep(&catalog, &*node.machine.disk));
        assert_eq!(swept.expect("the other one is swept"), Swept { folders: 1, lost: 1 });
        assert_eq!(node.disk.lost(), [unnamed]);
        assert_eq!(node.disk.blobs(), [first[0], first[1], named]);
        let open = ask(&node, query::open_leases);
        assert_eq!(open.into_iter().map(|(folder, _)| folder).collect::<Vec<_>>(), [folder]);
    }
}

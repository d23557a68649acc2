//! Room: how many records name a manifest: an object that was made of parts, and its copies.
//!
//! Invariants: the count is raised in the batch that stores another object with the same parts, and lowered only by
//! the release of garbage, which counts until then; so it does not come to zero while an operation lives that has read
//! of it. The last garbage record takes the manifest apart, and from its first step on nobody may share it any more.

use super::Round;
use super::bucket::{more, one_less};
use crate::id::ManifestId;
use crate::key;
use crate::record::{Manifest, ManifestNames};
use crate::store::{Space, StoreError};

impl Round<'_> {
    /// One more object has these parts.
    pub(super) fn share_manifest(&mut self, manifest: &Manifest) -> Result<(), StoreError> {
        let id = manifest.id;
        let mut count = self.manifest_names(id)?;
        let there = self.get(Space::Manifests, &key::page(id, 0))?.is_some();
        if count == 0 || !there {
            return Err(StoreError::Corrupt(format!("the parts of manifest {id} are gone")));
        }
        more(&mut count, 1, NAMES)?;
        self.set_manifest_names(id, count);
        Ok(())
    }

    /// One name less of a manifest that has `count` of them.
    pub(super) fn lower_manifest(
        &mut self,
        id: ManifestId,
        mut count: u64,
    ) -> Result<(), StoreError> {
        one_less(&mut count, NAMES)?;
        self.set_manifest_names(id, count);
        Ok(())
    }

    /// How many records name the manifest; 0 if it is being taken apart.
    pub(super) fn manifest_names(&self, id: ManifestId) -> Result<u64, StoreError> {
        let stored: Option<ManifestNames> =
            self.read(Space::Manifests, &key::manifest_names(id))?;
        Ok(stored.map_or(1, |names| names.count))
    }

    /// One name is what a manifest has that nothing is said of.
    pub(super) fn set_manifest_names(&mut self, id: ManifestId, count: u64) {
        let at = key::manifest_names(id);
        match count {
            1 => self.remove(Space::Manifests, at),
            count => self.write(Space::Manifests, at, &ManifestNames { count }),
        }
    }
}

const NAMES: &str = "names of a manifest";

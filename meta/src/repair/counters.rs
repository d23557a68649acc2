//! Room: the counters of the store: numbers that nothing has yet, and totals.

use super::Files;
use super::census::Census;
use super::rebuild::Draft;
use crate::id::{BlobId, Generation};
use crate::key;
use crate::record::{Content, Counters, NUMBER_MAX, PieceList, SpaceTotals};
use crate::store::Space;

impl Draft<'_> {
    /// Numbers above all that are in use, whatever becomes of what uses them, and the totals.
    pub(super) fn counters(&self, files: &Files) -> Counters {
        let Census { objects, versions, uploads, parts, .. } = self.census;
        let census = self.census;
        let mut counters = census.counters.unwrap_or_default();
        let raise = |counter: &mut u64, numbers: &mut dyn Iterator<Item = u64>| {
            *counter = numbers.fold(*counter, u64::max);
        };
        let marks = [&census.unreferenced, &census.taken, &census.sparse].into_iter();
        let marks = marks.flat_map(|marks| marks.values().copied());
        let garbage = census.garbage.keys().map(|at| at.sequence.get());
        raise(&mut counters.sequence, &mut marks.chain(garbage));
        let buckets = self.names.keys().chain(census.bucket_counters.keys());
        let buckets = buckets.chain(objects.keys().map(|(bucket, _)| bucket));
        let buckets = buckets.chain(versions.keys().map(|(bucket, ..)| bucket));
        let buckets = buckets.chain(uploads.keys().map(|(bucket, ..)| bucket));
        raise(&mut counters.bucket, &mut buckets.map(|bucket| bucket.get()));
        let manifests = self.labels.keys().chain(parts.keys().map(|(manifest, _)| manifest));
        let pages = census.manifest_pages.keys().chain(census.piece_pages.keys());
        let manifests = manifests.chain(pages.map(|(id, _)| id));
        let lists = census.all_objects().filter_map(|(_, object)| match &object.content {
            Content::Pieces(PieceList::Long { list, .. }) => Some(list),
            Content::Pieces(PieceList::Short(_)) | Content::Parts(_) | Content::Copied(_) => None,
        });
        let manifests = manifests.chain(lists);
        raise(&mut counters.manifest, &mut manifests.map(|manifest| manifest.get()));
        self.raise_generation(&mut counters.generation);
        let blobs = census.blobs.keys().chain(census.taken.keys()).copied();
        let tables = census.tables.keys().chain(census.table_pages.keys().map(|(table, _)| table));
        let blobs = blobs.chain(tables.map(|table| BlobId::new(table.get())));
        let folders = blobs.map(BlobId::folder).chain(census.leases.iter().copied());
        let folders = folders.map(|folder| folder.get()).chain([files.last_folder]);
        raise(&mut counters.folder, &mut { folders });
        self.raise_above_unreadable(&mut counters);
        counters.space = SpaceTotals::default();
        self.blobs.values().for_each(|record| counters.space.exchange(None, Some(record)));
        counters
    }

    fn raise_generation(&self, counter: &mut u64) {
        let census = self.census;
        let generations = census.objects.values().map(|object| object.generation);
        let apart = census.versions.keys().map(|(_, _, generation)| *generation);
        let parts = census.parts.values().map(|part| part.generation);
        let uploads = census.uploads.values().flat_map(|upload| [upload.generation, upload.begun]);
        let touched = census.open_keys.values().filter_map(|open| open.touched);
        let heads = census.version_heads.values().filter_map(|head| head.marker);
        let all = generations.chain(apart).chain(parts).chain(uploads).chain(touched).chain(heads);
        let all = all.chain(census.configs.values().copied());
        *counter = all.fold(*counter, |highest, one| highest.max(one.get()));
    }

    /// What cannot be read has numbers in its key all the same.
    fn raise_above_unreadable(&self, counters: &mut Counters) {
        for (space, stored) in self.census.unreadable.keys() {
            let front = stored.first_chunk().map(|number| u64::from_be_bytes(*number));
            let (counter, number) = match space {
                Space::Objects | Space::Uploads => (&mut counters.bucket, front),
                Space::Versions => {
                    let version = key::version_of(stored);
                    let generation = version.and_then(|(_, _, generation)| generation);
                    (&mut counters.generation, generation.map(Generation::get))
                }
                Space::Parts | Space::Manifests | Space::Pieces => (&mut counters.manifest, front),
                Space::Garbage => {
                    let at = key::garbage_of(stored);
                    (&mut counters.sequence, at.map(|at| at.sequence.get()))
                }
                Space::Blobs | Space::Tables => {
                    let folder = front.map(|blob| BlobId::new(blob).folder().get());
                    (&mut counters.folder, folder)
                }
                Space::Leases => (&mut counters.folder, front),
                Space::System | Space::Buckets | Space::Owners => continue,
            };
            // A number that no counting comes to is part of the damage.
            let number = number.filter(|number| *number <= NUMBER_MAX);
            *counter = number.map_or(*counter, |number| number.max(*counter));
        }
    }
}

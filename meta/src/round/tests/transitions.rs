//! Room: every transition of a key's versions in the commit round: whatever its bucket's state, its latest version and the
//! place of its null version are, and whatever is asked of it.

use std::collections::{HashSet, VecDeque};

use protocol::name::VersionId;
use protocol::versioning::Versioning;

use super::versions::{named, purge, set_versioning};
use super::*;
use crate::query::Named;

/// One version of the key, as the reference knows it.
#[derive(Clone, Debug)]
struct Version {
    id: VersionId,
    /// `None`: a delete marker.
    data: Option<Known>,
    tagged: bool,
}

/// One key, in a store and as the reference knows it.
struct World {
    store: MemoryStore,
    bucket: BucketId,
    versioning: Versioning,
    /// The newest first.
    versions: Vec<Version>,
    made: u64,
}

/// What makes a difference to what comes next: of each version, whether it is the null one and a marker.
type Shape = (Versioning, Vec<(bool, bool)>);

#[derive(Clone, Copy, Debug)]
enum Step {
    Set(Versioning),
    Put,
    Delete,
    /// The version at this place for good.
    Purge(usize),
    PurgeNull,
    PurgeUnknown,
    /// Of the version at this place, by its identifier.
    Tag(usize),
    TagLatest,
}

const VERSIONS_MAX: usize = 4;

impl World {
    fn new() -> Self {
        let store = MemoryStore::new();
        let bucket = make_bucket(&store, "bucket");
        Self { store, bucket, versioning: Versioning::Unversioned, versions: vec![], made: 0 }
    }

    fn fork(&self) -> Self {
        let (store, versions) = (self.store.snapshot(), self.versions.clone());
        Self { store, versions, ..*self }
    }

    fn shape(&self) -> Shape {
        let shape = |version: &Version| (version.id == VersionId::Null, version.data.is_none());
        (self.versioning, self.versions.iter().map(shape).collect())
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![
            Step::Set(Versioning::Enabled),
            Step::Set(Versioning::Suspended),
            Step::PurgeNull,
            Step::PurgeUnknown,
            Step::TagLatest,
        ];
        if self.versions.len() < VERSIONS_MAX {
            steps.extend([Step::Put, Step::Delete]);
        }
        let places = 0..self.versions.len();
        steps.extend(places.flat_map(|place| [Step::Purge(place), Step::Tag(place)]));
        steps
    }

    /// Does it, and compares what is answered with what the rules say.
    fn step(&mut self, step: Step) {
        match step {
            Step::Set(versioning) => {
                set_versioning(&self.store, "bucket", versioning);
                self.versioning = versioning;
            }
            Step::Put => self.put(),
            Step::Delete => self.delete(),
            Step::Purge(place) => self.purge(self.versions[place].id),
            Step::PurgeNull => self.purge(VersionId::Null),
            Step::PurgeUnknown => self.purge(VersionId::Number(1 << 40)),
            Step::Tag(place) => self.tag(place, Some(self.versions[place].id)),
            Step::TagLatest => self.tag(0, None),
        }
        self.compare();
    }

    /// Where a new version goes: in front; without versions and while they are suspended, the null one goes first.
    fn add(&mut self, generation: u64, data: Option<Known>) -> VersionId {
        let id = if self.versioning == Versioning::Enabled {
            VersionId::Number(generation)
        } else {
            self.versions.retain(|version| version.id != VersionId::Null);
            VersionId::Null
        };
        self.versions.insert(0, Version { id, data, tagged: false });
        id
    }

    fn put(&mut self) {
        self.made += 1;
        let known = Known::written(self.made, 100);
        let command = put(self.bucket, "key", vec![known.whole()], &[known]);
        let Reply::ObjectPut { generation, version } = done(&self.store, command) else {
            panic!("it was put")
        };
        let id = self.add(generation.get(), Some(known));
        let told = (self.versioning != Versioning::Unversioned).then_some(id);
        assert_eq!(version, told);
    }

    fn delete(&mut self) {
        let Reply::ObjectDeleted(deleted) = done(&self.store, delete(self.bucket, "key")) else {
            panic!("it was deleted")
        };
        if self.versioning == Versioning::Unversioned {
            assert_eq!(deleted, Deleted::Key { existed: !self.versions.is_empty() });
            self.versions.clear();
            return;
        }
        let Deleted::Marked { version } = deleted else { panic!("{deleted:?}") };
        let generation = query::counters(&self.store).expect("counters").generation;
        assert_eq!(version, self.add(generation, None));
    }

    fn purge(&mut self, id: VersionId) {
        let reply = done(&self.store, purge(self.bucket, "key", id));
        let place = self.versions.iter().position(|version| version.id == id);
        let gone = place.map(|place| self.versions.remove(place));
        let marker = gone.as_ref().is_some_and(|gone| gone.data.is_none());
        let existed = gone.is_some();
        let deleted = match (id, self.versioning) {
            // S3: the null version of a bucket without versions is all that the key has.
            (VersionId::Null, Versioning::Unversioned) => Deleted::Key { existed },
            _ => Deleted::Version { version: id, marker, existed },
        };
        assert_eq!(reply, Reply::ObjectDeleted(deleted));
    }

    fn tag(&mut self, place: usize, version: Option<VersionId>) {
        let outcome = one(
            &self.store,
            PutTags {
                bucket: self.bucket,
                key: key("key"),
                version,
                expected: None,
                tags: tags("value"),
            },
        );
        let expected = match self.versions.get_mut(place) {
            None => Err(Refusal::NoSuchKey),
            Some(Version { id, data: None, .. }) => Err(Refusal::DeleteMarker { version: *id }),
            Some(version) => {
                version.tagged = true;
                let told = self.versioning != Versioning::Unversioned;
                Ok(Reply::TagsPut { version: told.then_some(version.id) })
            }
        };
        assert_eq!(outcome, expected);
    }

    /// The store tells of the key what the reference does.
    fn compare(&self) {
        let counters = query::bucket_counters(&self.store, self.bucket).expect("a store");
        let counters = counters.expect("a bucket");
        let object = self.versions.first().is_some_and(|latest| latest.data.is_some());
        let others = self.versions.len() - usize::from(object);
        assert_eq!((counters.objects, counters.versions), (object.into(), others as u64));
        let latest = query::object(&self.store, self.bucket, &key("key")).expect("a store");
        assert_eq!(latest.is_some(), object);
        self.compare_version(None, self.versions.first());
        for version in &self.versions {
            self.compare_version(Some(version.id), Some(version));
        }
        let null = self.versions.iter().find(|version| version.id == VersionId::Null);
        self.compare_version(Some(VersionId::Null), null);
        self.compare_version(Some(VersionId::Number(1 << 40)), None);
    }

    fn compare_version(&self, asked: Option<VersionId>, expected: Option<&Version>) {
        match (named(&self.store, self.bucket, "key", asked), expected) {
            (Named::Nothing, None) => {}
            (Named::Marker(marker), Some(Version { id, data: None, .. })) => {
                assert_eq!((marker.version(), marker.modified), (*id, AT));
            }
            (Named::Object(object), Some(Version { id, data: Some(known), tagged })) => {
                assert_eq!(object.version(), *id);
                assert_eq!(object.content, Content::Pieces(PieceList::Short(vec![known.whole()])));
                assert_eq!(object.tags.is_empty(), !tagged);
            }
            (found, expected) => panic!("{asked:?}: {found:?}, not {expected:?}"),
        }
    }

    /// Nothing is left once all of it is gone.
    fn end(mut self) {
        for turn in 0.. {
            let Some(last) = self.versions.len().checked_sub(1) else { break };
            self.step(Step::Purge(if turn % 2 == 0 { last / 2 } else { 0 }));
        }
        assert_eq!(count(&self.store, Space::Versions), 0);
        done(&self.store, DeleteBucket { name: bucket_name("bucket") });
        assert_eq!(drain(&self.store, 3).len() as u64, self.made);
        assert_no_bytes_are_left(&self.store);
    }
}

/// Every state that a key with few versions can be in, and everything that can be done to it.
#[test]
fn each_transition_is_as_the_rules_say() {
    let mut seen: HashSet<Shape> = HashSet::new();
    let mut worlds = VecDeque::from([World::new()]);
    seen.insert(worlds[0].shape());
    while let Some(world) = worlds.pop_front() {
        for step in world.steps() {
            let mut next = world.fork();
            next.step(step);
            if seen.insert(next.shape()) {
                worlds.push_back(next);
            }
        }
        world.end();
    }
    // Of n versions each may be a marker, and one or none the null version; with no bucket unversioned but the two.
    let of_versions = |n: usize| (1 << n) * (1 + n);
    assert_eq!(seen.len(), 2 + 2 * (0..=VERSIONS_MAX).map(of_versions).sum::<usize>());
}

//! Listings of versions, against what a plain list of each key's versions would say, and what each page reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use protocol::versioning::Versioning;

use super::*;
use crate::command::{DeleteCond, DeleteObject, Deleted, Reply, SetVersioning};
use crate::memory::MemoryStore;
use crate::record::VersionFacts;
use crate::store::{Advance, Batch, Pair, Peek};
use crate::testing::{AT, begin, bucket_name, done, inline, key, make_bucket, put};

/// A version as a listing shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    id: VersionId,
    marker: bool,
}

/// A bucket, and the versions of its keys as a client that did all this would know them, the newest first.
struct Known {
    store: MemoryStore,
    bucket: BucketId,
    versioning: Versioning,
    keys: BTreeMap<String, Vec<Shown>>,
}

impl Known {
    fn new() -> Self {
        let store = MemoryStore::new();
        let bucket = make_bucket(&store, "bucket");
        // Neighbours have nothing to do with it.
        for (name, versioning) in [("before", None), ("other", Some(Versioning::Enabled))] {
            let other = make_bucket(&store, name);
            if let Some(versioning) = versioning {
                done(&store, SetVersioning { name: bucket_name(name), versioning });
            }
            for _ in 0..2 {
                done(&store, put(other, "a", vec![inline(b"x")], &[]));
            }
        }
        Self { store, bucket, versioning: Versioning::Unversioned, keys: BTreeMap::new() }
    }

    fn set(&mut self, versioning: Versioning) {
        done(&self.store, SetVersioning { name: bucket_name("bucket"), versioning });
        self.versioning = versioning;
    }

    fn add(&mut self, name: &str, shown: Shown) {
        let versions = self.keys.entry(name.to_owned()).or_default();
        if shown.id == VersionId::Null {
            versions.retain(|one| one.id != VersionId::Null);
        }
        versions.insert(0, shown);
    }

    fn put(&mut self, name: &str) {
        let pieces = vec![inline(name.as_bytes())];
        let Reply::ObjectPut { version, .. } =
            done(&self.store, put(self.bucket, name, pieces, &[]))
        else {
            panic!("an object");
        };
        self.add(name, Shown { id: version.unwrap_or(VersionId::Null), marker: false });
    }

    fn delete(&mut self, name: &str, version: Option<VersionId>) {
        let command = DeleteObject {
            bucket: self.bucket,
            key: key(name),
            version,
            condition: DeleteCond::None,
            bypass: false,
            modified: AT,
        };
        match done(&self.store, command) {
            Reply::ObjectDeleted(Deleted::Marked { version }) => {
                self.add(name, Shown { id: version, marker: true });
            }
            Reply::ObjectDeleted(_) => {
                let gone = version.unwrap_or(VersionId::Null);
                let versions = self.keys.entry(name.to_owned()).or_default();
                versions.retain(|one| one.id != gone);
            }
            other => panic!("{other:?}"),
        }
        self.keys.retain(|_, versions| !versions.is_empty());
    }

    fn ask<'a>(&self, prefix: &'a str, delimiter: Option<&'a str>, from: ListFrom) -> ListAsk<'a> {
        ListAsk { bucket: self.bucket, prefix, delimiter, from, max: 1000 }
    }

    /// What a listing shows, as simply as it can be said.
    fn walk(&self, ask: &ListAsk<'_>) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (name, versions) in &self.keys {
            let mut shown = &versions[..];
            let mut passed = false;
            match &ask.from {
                ListFrom::Start => {}
                ListFrom::AfterKey(text) => passed = name <= text,
                ListFrom::AfterUpload(key, _) => passed = name.as_str() <= key.as_str(),
                ListFrom::AfterPrefix(text) => passed = name <= text || name.starts_with(text),
                ListFrom::AfterVersion(key, id) => {
                    passed = name.as_str() < key.as_str();
                    if name.as_str() == key.as_str() {
                        let at = versions.iter().position(|one| one.id == *id);
                        shown = at.map_or(shown, |at| &shown[at + 1..]);
                    }
                }
            }
            let Some(rest) = name.strip_prefix(ask.prefix).filter(|_| !passed) else { continue };
            match ask.delimiter.and_then(|text| rest.find(text).map(|at| at + text.len())) {
                Some(len) => {
                    let line = format!("{}*", &name[..ask.prefix.len() + len]);
                    if lines.last() != Some(&line) {
                        lines.push(line);
                    }
                }
                None => {
                    lines
                        .extend(shown.iter().map(|one| line(name, *one, versions[0].id == one.id)));
                }
            }
        }
        lines
    }
}

fn line(name: &str, shown: Shown, latest: bool) -> String {
    let kind = if shown.marker { "marker" } else { "data" };
    format!("{name} {} {kind}{}", shown.id, if latest { " latest" } else { "" })
}

/// The lines of all pages, `max` lines each.
fn listed(store: &dyn Store, ask: &ListAsk<'_>, max: usize) -> Vec<String> {
    let mut ask = ListAsk { max, ..ask.clone() };
    let mut all = Vec::new();
    loop {
        let page = list_versions(store, &ask).expect("a page");
        assert!(page.lines.len() <= max);
        if page.more {
            ask.from = match page.lines.last().expect("a full page") {
                ListLine::Entry(entry) => {
                    ListFrom::AfterVersion(entry.key.clone(), entry.version())
                }
                ListLine::Prefix(text) => ListFrom::AfterPrefix(text.clone()),
            };
        }
        all.extend(page.lines.iter().map(|one| match one {
            ListLine::Prefix(text) => format!("{text}*"),
            ListLine::Entry(entry) => {
                let marker = match &entry.facts {
                    VersionFacts::Marker(_) => true,
                    VersionFacts::Object(facts) => {
                        assert_eq!(facts.len, entry.key.as_str().len() as u64);
                        false
                    }
                };
                line(entry.key.as_str(), Shown { id: entry.version(), marker }, entry.latest)
            }
        }));
        if !page.more {
            return all;
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(bool),
    Put(String),
    Delete(String),
    /// Takes away that version of a key, counted from the newest.
    Purge(String, usize),
}

fn name() -> impl Strategy<Value = String> {
    "[ab/\0]{1,3}"
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<bool>().prop_map(Step::Set),
        5 => name().prop_map(Step::Put),
        2 => name().prop_map(Step::Delete),
        3 => (name(), 0_usize..3).prop_map(|(name, which)| Step::Purge(name, which)),
    ]
}

fn after_all(steps: Vec<Step>) -> Known {
    let mut known = Known::new();
    for step in steps {
        match step {
            Step::Set(true) => known.set(Versioning::Enabled),
            Step::Set(false) => known.set(Versioning::Suspended),
            Step::Put(name) => known.put(&name),
            Step::Delete(name) => known.delete(&name, None),
            Step::Purge(name, which) => {
                let version = known.keys.get(&name).and_then(|all| all.get(which));
                let version = version.map_or(VersionId::Number(1 << 40), |one| one.id);
                known.delete(&name, Some(version));
            }
        }
    }
    known
}

proptest! {
    #[test]
    fn pages_of_versions_agree_with_a_walk(
        steps in prop::collection::vec(step(), 0..24),
        prefix in prop_oneof![Just(String::new()), name()],
        delimiter in prop_oneof![Just(None), Just(Some("/")), Just(Some("\0")), Just(Some("b/"))],
        after in prop_oneof![
            2 => Just(None),
            1 => name().prop_map(|name| Some(ListFrom::AfterKey(name))),
            1 => name().prop_map(|name| Some(ListFrom::AfterPrefix(name))),
        ],
        which in any::<prop::sample::Index>(),
        max in 1_usize..4,
    ) {
        // rule: list-versions/order
        // rule: list-versions/latest
        // rule: list-versions/unversioned
        let known = after_all(steps);
        let ask = known.ask(&prefix, delimiter, after.unwrap_or(ListFrom::Start));
        let expected = known.walk(&ask);
        prop_assert_eq!(&listed(&known.store, &ask, max), &expected);
        prop_assert_eq!(&listed(&known.store, &ask, 1000), &expected);
        // Behind any version that there is.
        let all: Vec<_> =
            known.keys.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one.id))).collect();
        if !all.is_empty() {
            let (name, id) = all[which.index(all.len())];
            let ask = known.ask(&prefix, None, ListFrom::AfterVersion(key(name), id));
            prop_assert_eq!(listed(&known.store, &ask, max), known.walk(&ask));
        }
    }
}

proptest! {
    #[test]
    fn the_next_key_is_told_by_names_alone(
        steps in prop::collection::vec(step(), 0..24),
        prefix in prop_oneof![Just(String::new()), name()],
        after in prop_oneof![Just(String::new()), name()],
    ) {
        let known = after_all(steps);
        let expected =
            known.keys.keys().find(|name| **name > after && name.starts_with(&prefix)).cloned();
        prop_assert_eq!(next_key(&known.store, known.bucket, &prefix, &after), Ok(expected));
    }
}

/// Whoever takes away what a page shows comes to the last version, and misses none.
#[test]
fn a_page_begins_behind_a_version_that_is_gone() {
    // rule: list-versions/gone-marker
    for max in [1, 2, 3] {
        let mut known = Known::new();
        known.put("a");
        known.put("b");
        known.set(Versioning::Enabled);
        for name in ["a", "b", "b", "c"] {
            known.put(name);
        }
        known.set(Versioning::Suspended);
        known.delete("b", None);
        known.put("c");
        let mut from = ListFrom::Start;
        loop {
            let ask = ListAsk { max, ..known.ask("", None, from) };
            let page = list_versions(&known.store, &ask).expect("a page");
            let ends = page.lines.last().cloned();
            let entries = page.lines.into_iter().map(|line| match line {
                ListLine::Entry(entry) => entry,
                ListLine::Prefix(text) => panic!("{text}: no delimiter was given"),
            });
            let entries: Vec<_> = entries.collect();
            for entry in &entries {
                let latest = known.keys[entry.key.as_str()][0].id == entry.version();
                assert_eq!(entry.latest, latest, "{entry:?}");
            }
            for entry in entries {
                known.delete(entry.key.as_str(), Some(entry.version()));
            }
            let Some(ListLine::Entry(end)) = ends.filter(|_| page.more) else { break };
            from = ListFrom::AfterVersion(end.key.clone(), end.version());
        }
        assert!(known.keys.is_empty(), "{:?}", known.keys);
    }
}

/// A null version that is gone has no place: its key is shown once more from the newest version.
#[test]
fn a_null_version_that_is_gone_hides_nothing() {
    // rule: list-versions/gone-marker
    let mut known = Known::new();
    known.put("a");
    known.set(Versioning::Enabled);
    known.put("a");
    known.put("b");
    known.delete("a", Some(VersionId::Null));
    let ask = known.ask("", None, ListFrom::AfterVersion(key("a"), VersionId::Null));
    assert_eq!(listed(&known.store, &ask, 1000).len(), 2);
    let ask = known.ask("", None, ListFrom::AfterVersion(key("a"), VersionId::Number(0)));
    assert_eq!(listed(&known.store, &ask, 1000).len(), 1, "older than all");
}

/// A listing that ended there would look complete.
#[test]
fn versions_without_a_head_are_damage() {
    let mut known = Known::new();
    known.set(Versioning::Enabled);
    known.put("a");
    known.put("a");
    let mut batch = Batch::new();
    batch.delete(Space::Versions, key::version_head(known.bucket, &key("a")));
    known.store.commit(batch).expect("a commit");
    let page = list_versions(&known.store, &known.ask("", None, ListFrom::Start));
    assert!(matches!(page, Err(StoreError::Corrupt(_))), "{page:?}");
}

/// A store that counts what is read of it.
struct Counting<'s> {
    store: &'s MemoryStore,
    reads: AtomicU64,
}

impl Store for Counting<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.store.get(space, key)
    }

    fn peek(&self, space: Space, key: &[u8]) -> Result<Peek, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.store.peek(space, key)
    }

    fn scan(
        &self,
        space: Space,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Visit,
    ) -> Result<(), StoreError> {
        self.store.scan(space, from, &mut |key, value| {
            self.reads.fetch_add(1, Ordering::Relaxed);
            visit(key, value)
        })
    }

    fn scan_pair(
        &self,
        spaces: [Space; 2],
        from: [&[u8]; 2],
        visit: &mut dyn FnMut(Pair<'_>) -> Option<[Advance; 2]>,
    ) -> Result<(), StoreError> {
        self.store.scan_pair(spaces, from, &mut |pair| {
            self.reads.fetch_add(1, Ordering::Relaxed);
            visit(pair)
        })
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }
}

/// How many entries of the store `list` is shown.
fn reads<T>(store: &MemoryStore, list: impl FnOnce(&dyn Store) -> T) -> (T, u64) {
    let counting = Counting { store, reads: AtomicU64::new(0) };
    let answer = list(&counting);
    (answer, counting.reads.into_inner())
}

/// Puts `versions` versions of each key, in large rounds.
fn fill(store: &MemoryStore, bucket: BucketId, names: &[String], versions: usize) {
    for names in names.chunks(1000) {
        for _ in 0..versions {
            let mut round = begin(store);
            for name in names {
                let put = put(bucket, name, vec![inline(b"x")], &[]);
                round.apply(put.into()).expect("well").expect("done");
            }
            store.commit(round.finish()).expect("a commit");
        }
    }
}

/// What a page reads goes by what it shows: not by what lies before it, behind it or below its common prefixes.
#[test]
fn a_page_reads_what_it_shows() {
    // rule: list/skips
    // rule: list-versions/skips
    let mut costs = Vec::new();
    for folder in [10, 400] {
        let store = MemoryStore::new();
        let bucket = make_bucket(&store, "bucket");
        done(
            &store,
            SetVersioning { name: bucket_name("bucket"), versioning: Versioning::Enabled },
        );
        let name = |number: usize| format!("{:03}/{:04}", number / folder, number % folder);
        let names: Vec<_> = (0..20 * folder).map(name).collect();
        fill(&store, bucket, &names, 3);
        let ask = |delimiter, from| ListAsk { bucket, prefix: "", delimiter, from, max: 10 };
        let middle = || ListFrom::AfterKey(name(10 * folder));
        let mut cost = Vec::new();
        for delimiter in [None, Some("/")] {
            for from in [ListFrom::Start, middle()] {
                let ask = ask(delimiter, from);
                let (page, objects) = reads(&store, |store| list_objects(store, &ask));
                assert_eq!(page.expect("a page").lines.len(), 10);
                let (page, versions) = reads(&store, |store| list_versions(store, &ask));
                assert_eq!(page.expect("a page").lines.len(), 10);
                // One entry a line, and the one behind the page; of versions, the heads of their keys too.
                assert!(objects <= 11 && versions <= 2 * 10 + 1, "{objects} {versions}");
                cost.extend([objects, versions]);
            }
        }
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1], "forty times as many keys cost as much");
}

/// One key may have any number of versions below a common prefix.
#[test]
fn versions_below_a_common_prefix_are_not_walked() {
    // rule: list-versions/skips
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let versioning = Versioning::Enabled;
    done(&store, SetVersioning { name: bucket_name("bucket"), versioning });
    fill(&store, bucket, &["a/k".to_owned(), "b".to_owned()], 500);
    let ask = |prefix, delimiter, from| ListAsk { bucket, prefix, delimiter, from, max: 2 };
    let rolled = ask("", Some("/"), ListFrom::Start);
    let (page, cost) = reads(&store, |store| list_versions(store, &rolled));
    assert_eq!(page.expect("a page").lines.len(), 2);
    assert!(cost <= 4, "{cost}");
    // Nor are those in front of where a page begins.
    let (first, _) = reads(&store, |store| list_versions(store, &ask("b", None, ListFrom::Start)));
    let ListLine::Entry(entry) = &first.expect("a page").lines[0] else { panic!("an entry") };
    let VersionFacts::Object(facts) = &entry.facts else { panic!("data") };
    let oldest = VersionId::Number(facts.generation.get() - 990);
    let behind = ask("", None, ListFrom::AfterVersion(key("b"), oldest));
    let (page, cost) = reads(&store, |store| list_versions(store, &behind));
    assert_eq!(page.expect("a page").lines.len(), 2);
    assert!(cost <= 5, "{cost}");
}

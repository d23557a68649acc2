//! The promises of `meta::store::Store`, asked of both its forms.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bytes::Bytes;
use meta::memory::{Fate, MemoryStore};
use meta::rocks::RocksStore;
use meta::store::{Advance, Batch, Peek, Space, Store, StoreError, Visit};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// A store that can be opened again.
enum Subject {
    Memory(MemoryStore),
    Rocks { store: Option<RocksStore>, folder: TempDir },
}

impl Subject {
    fn memory() -> Self {
        Self::Memory(MemoryStore::new())
    }

    fn rocks() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::Rocks { store: Some(open(folder.path())), folder }
    }

    fn both() -> [Self; 2] {
        [Self::memory(), Self::rocks()]
    }

    fn store(&self) -> &dyn Store {
        match self {
            Self::Memory(store) => store,
            Self::Rocks { store, .. } => store.as_ref().expect("open"),
        }
    }

    fn reopen(&mut self) {
        match self {
            Self::Memory(store) => store.reopen(),
            Self::Rocks { store, folder } => {
                drop(store.take());
                *store = Some(open(folder.path()));
            }
        }
    }
}

fn open(folder: &Path) -> RocksStore {
    RocksStore::open(folder, CACHE_BYTES).expect("the store opens")
}

fn put(store: &dyn Store, space: Space, key: &str, value: &str) {
    let mut batch = Batch::new();
    batch.put(space, key.as_bytes().to_vec(), value.as_bytes().to_vec());
    store.commit(batch).expect("committed");
}

fn get(store: &dyn Store, space: Space, key: &str) -> Option<String> {
    let value = store.get(space, key.as_bytes()).expect("read");
    value.map(|value| String::from_utf8(value.to_vec()).expect("text"))
}

/// All keys from `from` on.
fn keys(store: &dyn Store, space: Space, from: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut visit = |key: &[u8], _: &[u8]| {
        keys.push(String::from_utf8(key.to_vec()).expect("text"));
        Visit::Next
    };
    store.scan(space, from.as_bytes(), &mut visit).expect("scanned");
    keys
}

#[test]
fn a_batch_changes_all_its_spaces_in_order() {
    for subject in Subject::both() {
        let store = subject.store();
        put(store, Space::Objects, "old", "1");
        let mut batch = Batch::new();
        batch.delete(Space::Objects, "old");
        batch.put(Space::Objects, "new", "first");
        batch.put(Space::Objects, "new", "second");
        batch.put(Space::Parts, "brief", "there");
        batch.delete(Space::Parts, "brief");
        batch.put(Space::Garbage, "old", "elsewhere");
        batch.delete(Space::Blobs, "never there");
        assert_eq!(batch.len(), 7);
        assert_eq!(batch.bytes(), 3 + 8 + 9 + 10 + 5 + 12 + 11);
        store.commit(batch).expect("committed");

        assert_eq!(get(store, Space::Objects, "old"), None);
        assert_eq!(get(store, Space::Objects, "new").as_deref(), Some("second"));
        assert_eq!(get(store, Space::Parts, "brief"), None);
        assert_eq!(get(store, Space::Garbage, "old").as_deref(), Some("elsewhere"));
        assert_eq!(get(store, Space::System, "new"), None);
        store.commit(Batch::new()).expect("nothing to do");
    }
}

#[test]
fn an_empty_key_and_an_empty_value_are_something() {
    for mut subject in Subject::both() {
        put(subject.store(), Space::System, "", "");
        subject.reopen();
        assert_eq!(get(subject.store(), Space::System, "").as_deref(), Some(""));
        assert_eq!(keys(subject.store(), Space::System, ""), [""]);
    }
}

#[test]
fn a_scan_goes_up_through_its_own_space() {
    for subject in Subject::both() {
        let store = subject.store();
        for key in ["b", "a/2", "a", "c", "a/10"] {
            put(store, Space::Objects, key, "");
        }
        put(store, Space::Buckets, "b", "");
        put(store, Space::Uploads, "a", "");
        assert_eq!(keys(store, Space::Objects, ""), ["a", "a/10", "a/2", "b", "c"]);
        assert_eq!(keys(store, Space::Objects, "a/2"), ["a/2", "b", "c"]);
        assert_eq!(keys(store, Space::Objects, "a/3"), ["b", "c"]);
        assert_eq!(keys(store, Space::Objects, "d"), [""; 0]);
        assert_eq!(keys(store, Space::Leases, ""), [""; 0]);
    }
}

#[test]
fn a_seek_passes_over_what_is_between() {
    for subject in Subject::both() {
        let store = subject.store();
        for key in ["a/1", "a/2", "a/3", "b", "c/1", "c/2", "d"] {
            put(store, Space::Objects, key, "");
        }
        let mut shown = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            shown.push(String::from_utf8(key.to_vec()).expect("text"));
            match key.iter().position(|byte| *byte == b'/') {
                Some(slash) => Visit::SeekTo([&key[..slash], b"0"].concat()),
                None if key == b"d" => Visit::Stop,
                None => Visit::Next,
            }
        };
        store.scan(Space::Objects, b"a/2", &mut visit).expect("scanned");
        assert_eq!(shown, ["a/2", "b", "c/1", "d"]);

        let mut count = 0;
        let mut far = |_: &[u8], _: &[u8]| {
            count += 1;
            Visit::SeekTo(b"z".to_vec())
        };
        store.scan(Space::Objects, b"", &mut far).expect("scanned");
        assert_eq!(count, 1);
    }
}

#[test]
fn a_scan_never_goes_back() {
    for subject in Subject::both() {
        let store = subject.store();
        put(store, Space::Objects, "a", "");
        put(store, Space::Objects, "b", "");
        for back in ["a", "", "Z"] {
            let mut visit = |_: &[u8], _: &[u8]| Visit::SeekTo(back.as_bytes().to_vec());
            let scan = AssertUnwindSafe(|| store.scan(Space::Objects, b"", &mut visit));
            catch_unwind(scan).expect_err("would never end");
        }
    }
}

#[test]
fn a_scan_sees_one_moment() {
    for subject in Subject::both() {
        let store = subject.store();
        for key in ["a", "b", "c"] {
            put(store, Space::Objects, key, "before");
        }
        let mut shown = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            let mut batch = Batch::new();
            batch.delete(Space::Objects, "b");
            batch.put(Space::Objects, "c", "after");
            batch.put(Space::Objects, "d", "after");
            store.commit(batch).expect("committed");
            assert_eq!(get(store, Space::Objects, "d").as_deref(), Some("after"));
            shown.push((key.to_vec(), value.to_vec()));
            Visit::Next
        };
        store.scan(Space::Objects, b"", &mut visit).expect("scanned");
        let before = |key: &str| (key.as_bytes().to_vec(), b"before".to_vec());
        assert_eq!(shown, [before("a"), before("b"), before("c")]);
        assert_eq!(keys(store, Space::Objects, ""), ["a", "c", "d"]);
    }
}

/// What both spaces show, the smaller key first, as the two would stand in one list.
fn merged(store: &dyn Store, from: [&str; 2], mut between: impl FnMut()) -> Vec<String> {
    let mut shown = Vec::new();
    let from = from.map(str::as_bytes);
    let mut visit = |pair: meta::store::Pair<'_>| {
        between();
        let (sides, keys) = ([Space::Objects, Space::Uploads], pair.map(|entry| Some(entry?.0)));
        let first = match keys {
            [Some(left), Some(right)] => usize::from(right < left),
            [left, _] => usize::from(left.is_none()),
        };
        let (key, value) = pair[first].expect("one of them has more");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        shown.push(format!("{} {} {}", sides[first].name(), text(key), text(value)));
        let mut steps = [Advance::Stay, Advance::Stay];
        steps[first] = match key.last() {
            Some(b'/') => Advance::SeekTo([&key[..key.len() - 1], b"0"].concat()),
            _ => Advance::Next,
        };
        (key != b"stop").then_some(steps)
    };
    store.scan_pair([Space::Objects, Space::Uploads], from, &mut visit).expect("scanned");
    shown
}

#[test]
fn two_spaces_are_scanned_side_by_side() {
    for subject in Subject::both() {
        let store = subject.store();
        for key in ["a", "b", "d/", "d/1", "d/2", "e"] {
            put(store, Space::Objects, key, "o");
        }
        for key in ["a0", "b", "d/3", "stop", "z"] {
            put(store, Space::Uploads, key, "u");
        }
        // What lies beside them belongs to neither.
        put(store, Space::Buckets, "c", "");
        put(store, Space::Parts, "c", "");
        let all = ["objects a o", "uploads a0 u", "objects b o", "uploads b u", "objects d/ o"];
        let rest = ["uploads d/3 u", "objects e o", "uploads stop u"];
        assert_eq!(merged(store, ["", ""], || ()), [&all[..], &rest[..]].concat());
        assert_eq!(merged(store, ["e", "d"], || ()), rest);
        assert_eq!(merged(store, ["x", "z"], || ()), ["uploads z u"]);
        assert!(merged(store, ["x", "zz"], || ()).is_empty());
    }
}

#[test]
fn a_scan_of_two_spaces_sees_one_moment() {
    for subject in Subject::both() {
        let store = subject.store();
        put(store, Space::Objects, "a", "1");
        put(store, Space::Uploads, "b", "1");
        put(store, Space::Objects, "k", "1");
        // What moves between the two is seen once, wherever the scan is.
        let moved = || {
            let mut batch = Batch::new();
            batch.delete(Space::Objects, "k");
            batch.put(Space::Uploads, "k", "2");
            store.commit(batch).expect("committed");
        };
        let before = ["objects a 1", "uploads b 1", "objects k 1"];
        assert_eq!(merged(store, ["", ""], moved), before);
        assert_eq!(merged(store, ["b", ""], || ()), ["uploads b 1", "uploads k 2"]);
    }
}

#[test]
fn a_scan_of_two_spaces_goes_on_and_never_back() {
    for subject in Subject::both() {
        let store = subject.store();
        put(store, Space::Objects, "a", "");
        put(store, Space::Objects, "b", "");
        let back = || Advance::SeekTo(b"a".to_vec());
        for steps in [
            [back(), Advance::Stay],
            [Advance::Stay, Advance::Stay],
            // The second has nothing that could go on.
            [Advance::Stay, Advance::Next],
        ] {
            let mut visit = |_: meta::store::Pair<'_>| Some(steps.clone());
            let spaces = [Space::Objects, Space::Uploads];
            let scan = AssertUnwindSafe(|| store.scan_pair(spaces, [b"", b""], &mut visit));
            catch_unwind(scan).expect_err("would never end");
        }
    }
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    for mut subject in Subject::both() {
        let inline = Bytes::from(vec![0xa5; 32 * 1024]);
        for round in 0..3_u8 {
            for space in Space::ALL {
                let mut batch = Batch::new();
                batch.put(space, vec![round], inline.slice(..1024 * usize::from(10 * round + 1)));
                batch.delete(space, vec![round.wrapping_sub(1)]);
                subject.store().commit(batch).expect("committed");
            }
            subject.reopen();
            for space in Space::ALL {
                let value = subject.store().get(space, &[round]).expect("read").expect("there");
                assert_eq!(value, inline[..value.len()]);
                assert_eq!(value.len(), 1024 * usize::from(10 * round + 1));
                assert_eq!(subject.store().get(space, &[round.wrapping_sub(1)]), Ok(None));
            }
        }
    }
}

#[test]
fn a_peek_never_guesses() {
    for mut subject in Subject::both() {
        let inline = "inline ".repeat(4000);
        put(subject.store(), Space::Objects, "short", "value");
        put(subject.store(), Space::Objects, "inline", &inline);
        for opened_again in [false, true] {
            let store = subject.store();
            for (key, value) in [("short", "value"), ("inline", &inline)] {
                let known = Peek::Known(Some(Bytes::from(value.to_owned())));
                let peek = |key: &str| store.peek(Space::Objects, key.as_bytes()).expect("peeked");
                if opened_again {
                    assert!([Peek::Unknown, known.clone()].contains(&peek(key)));
                    assert_eq!(get(store, Space::Objects, key).as_deref(), Some(value));
                }
                assert_eq!(peek(key), known, "{key} is in memory");
            }
            let absent = store.peek(Space::Objects, b"absent").expect("peeked");
            assert!([Peek::Unknown, Peek::Known(None)].contains(&absent));
            subject.reopen();
        }
    }
}

/// Runs `steps` against the store and a plain map.
fn follows_the_model(mut subject: Subject, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = BTreeMap::new();
    for step in steps {
        let store = subject.store();
        match step {
            Step::Commit(changes) => {
                let mut batch = Batch::new();
                for (space, key, value) in changes {
                    match value {
                        Some(value) => {
                            batch.put(space, key.clone(), value.clone());
                            model.insert((space, key), value);
                        }
                        None => {
                            batch.delete(space, key.clone());
                            model.remove(&(space, key));
                        }
                    }
                }
                prop_assert_eq!(store.commit(batch), Ok(()));
            }
            Step::Get(space, key) => {
                let value = store.get(space, &key).expect("read");
                prop_assert_eq!(value.as_deref(), model.get(&(space, key)).map(Vec::as_slice));
            }
            Step::Scan { space, from, jumps } => {
                let mut rest = jumps.iter();
                let mut shown = Vec::new();
                let mut visit = |key: &[u8], value: &[u8]| {
                    shown.push((key.to_vec(), value.to_vec()));
                    match rest.next() {
                        Some(Some(jump)) => Visit::SeekTo([key, jump].concat()),
                        Some(None) => Visit::Next,
                        None => Visit::Stop,
                    }
                };
                store.scan(space, &from, &mut visit).expect("scanned");

                let mut expected = Vec::new();
                let mut rest = jumps.iter();
                let mut from = from;
                while let Some(((_, key), value)) =
                    model.range((space, from.clone())..).next().filter(|((s, _), _)| *s == space)
                {
                    expected.push((key.clone(), value.clone()));
                    from = match rest.next() {
                        Some(Some(jump)) => [key.as_slice(), jump].concat(),
                        Some(None) => [key.as_slice(), &[0]].concat(),
                        None => break,
                    };
                }
                prop_assert_eq!(shown, expected);
            }
            Step::Reopen => subject.reopen(),
        }
    }
    Ok(())
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(Space, Vec<u8>, Option<Vec<u8>>)>),
    Get(Space, Vec<u8>),
    Scan { space: Space, from: Vec<u8>, jumps: Vec<Option<Vec<u8>>> },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let space = || prop::sample::select(vec![Space::Buckets, Space::Objects, Space::Uploads]);
    let byte = || prop::sample::select(vec![0_u8, b'a', 0xff]);
    let key = move || prop::collection::vec(byte(), 0..4);
    let value = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 4000_usize..9000).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let change = (space(), key(), prop::option::of(value));
    let jump = prop::option::of(prop::collection::vec(byte(), 1..3));
    prop_oneof![
        6 => prop::collection::vec(change, 0..8).prop_map(Step::Commit),
        3 => (space(), key()).prop_map(|(space, key)| Step::Get(space, key)),
        4 => (space(), key(), prop::collection::vec(jump, 0..12))
            .prop_map(|(space, from, jumps)| Step::Scan { space, from, jumps }),
        1 => Just(Step::Reopen),
    ]
}

fn run_model(subject: fn() -> Subject, cases: u32) {
    let config = Config { cases, ..Config::default() };
    let steps = prop::collection::vec(step(), 1..40);
    let test = |steps| follows_the_model(subject(), steps);
    if let Err(failure) = TestRunner::new(config).run(&steps, test) {
        panic!("{failure}");
    }
}

#[test]
fn memory_follows_the_model() {
    run_model(Subject::memory, 500);
}

#[test]
fn rocks_follows_the_model() {
    run_model(Subject::rocks, 10);
}

#[test]
fn a_commit_that_fails_is_all_there_or_not_at_all() {
    for fate in [Fate::Lost, Fate::Kept] {
        let store = MemoryStore::new();
        put(&store, Space::Objects, "before", "1");
        store.fail_next_commit(fate);
        store.commit(Batch::new()).expect("changes nothing, so cannot fail");
        let mut batch = Batch::new();
        batch.put(Space::Objects, "a", "1");
        batch.put(Space::Parts, "b", "2");
        assert!(matches!(store.commit(batch.clone()), Err(StoreError::Failed(_))));
        refuses_everything(&store);

        store.reopen();
        assert_eq!(get(&store, Space::Objects, "before").as_deref(), Some("1"));
        let kept = fate == Fate::Kept;
        assert_eq!(get(&store, Space::Objects, "a").is_some(), kept);
        assert_eq!(get(&store, Space::Parts, "b").is_some(), kept);
        store.commit(batch).expect("well again");
    }
}

fn refuses_everything(store: &dyn Store) {
    let failed = |answer: Result<(), StoreError>| matches!(answer, Err(StoreError::Failed(_)));
    let mut batch = Batch::new();
    batch.put(Space::Objects, "later", "1");
    assert!(failed(store.commit(batch)));
    assert!(failed(store.commit(Batch::new())));
    assert!(failed(store.get(Space::Objects, b"before").map(drop)));
    assert!(failed(store.peek(Space::Objects, b"before").map(drop)));
    assert!(failed(store.scan(Space::Objects, b"", &mut |_, _| Visit::Next)));
    let pair = store.scan_pair([Space::Objects, Space::Uploads], [b"", b""], &mut |_| None);
    assert!(failed(pair));
}

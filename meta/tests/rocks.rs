//! What only the store on disk can show: damage, a second opener, a disk that refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use meta::rocks::RocksStore;
use meta::store::{Batch, Space, Store, StoreError, Visit};

const CACHE_BYTES: usize = 64 * 1024 * 1024;

fn open(folder: &Path) -> Result<RocksStore, StoreError> {
    RocksStore::open(folder, CACHE_BYTES)
}

/// Commits entry `index`, which is about 1 KiB and spread over two spaces.
fn commit(store: &RocksStore, index: u32) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put(Space::Objects, index.to_be_bytes().to_vec(), vec![0x5a; 500]);
    batch.put(Space::Parts, index.to_be_bytes().to_vec(), vec![0xa5; 500]);
    store.commit(batch)
}

/// How many entries there are; each must be whole and none may be missing before the last.
fn count(store: &RocksStore) -> u32 {
    [Space::Objects, Space::Parts]
        .map(|space| {
            let mut count = 0_u32;
            let mut visit = |key: &[u8], value: &[u8]| {
                assert_eq!(key, count.to_be_bytes());
                assert_eq!(value.len(), 500);
                count += 1;
                Visit::Next
            };
            store.scan(space, b"", &mut visit).expect("scanned");
            count
        })
        .into_iter()
        .reduce(|objects, parts| {
            assert_eq!(objects, parts, "half of a batch");
            objects
        })
        .expect("two spaces")
}

/// The newest log in the folder.
fn log(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    files.filter(|path| path.extension().is_some_and(|e| e == "log")).max().expect("a log")
}

#[test]
fn a_second_opener_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path()).expect("opens");
    assert!(matches!(open(folder.path()), Err(StoreError::Failed(_))));
    drop(first);
    open(folder.path()).expect("opens again");
}

#[test]
fn a_torn_end_of_the_log_costs_what_was_never_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    for index in 0..10 {
        commit(&store, index).expect("committed");
    }
    drop(store);
    let log = log(folder.path());
    let bytes = fs::read(&log).expect("the log");
    fs::write(&log, &bytes[..bytes.len() - 100]).expect("torn");

    assert_eq!(count(&open(folder.path()).expect("opens")), 9);
}

/// Ten commits, of which the last is longer than a block of the log; the log, its bytes, and where that begins.
fn with_a_long_last_commit(folder: &Path) -> (PathBuf, Vec<u8>, usize) {
    let store = open(folder).expect("opens");
    for index in 0..9 {
        commit(&store, index).expect("committed");
    }
    let log = log(folder);
    let before = fs::metadata(&log).expect("a log").len();
    let mut batch = Batch::new();
    for part in 0..60_u32 {
        batch.put(Space::Pieces, part.to_be_bytes().to_vec(), vec![0x77; 1000]);
    }
    store.commit(batch).expect("committed");
    drop(store);
    let bytes = fs::read(&log).expect("the log");
    (log, bytes, usize::try_from(before).expect("a short log"))
}

#[test]
fn pages_that_a_power_cut_took_out_of_the_last_record_cost_what_was_never_answered() {
    // Zeros in its first, a middle or its last page, or in two of them; or bytes that were there before.
    for (pages, filling) in
        [(vec![0], 0), (vec![7], 0), (vec![14], 0), (vec![1, 9], 0), (vec![3], 0xee)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let (log, mut bytes, last) = with_a_long_last_commit(folder.path());
        for page in &pages {
            let from = last.next_multiple_of(4096) - 4096 + page * 4096;
            let end = (from + 4096).min(bytes.len());
            bytes[from.max(last)..end].fill(filling);
        }
        fs::write(&log, &bytes).expect("torn");

        let look = RocksStore::open_read_only(folder.path(), CACHE_BYTES).expect("opens");
        assert_eq!(count(&look), 9, "{pages:?}");
        drop(look);
        let store = open(folder.path()).expect("opens");
        let torn = store.torn_tail().expect("it is told");
        assert_eq!((torn.at, torn.len), (last as u64, (bytes.len() - last) as u64), "{pages:?}");
        assert_eq!(count(&store), 9, "{pages:?}");
        assert_eq!(store.get(Space::Pieces, &0_u32.to_be_bytes()), Ok(None), "{pages:?}");
        commit(&store, 9).expect("committed");
        drop(store);
        let store = open(folder.path()).expect("opens again");
        assert_eq!((count(&store), store.torn_tail()), (10, None), "{pages:?}");
    }
}

#[test]
fn a_log_without_a_torn_record_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, bytes, last) = with_a_long_last_commit(folder.path());
    assert_eq!(open(folder.path()).expect("opens").torn_tail(), None);

    // The one before the last is damaged: what was acknowledged behind it must not be forgotten.
    let folder = tempfile::tempdir().expect("a folder");
    let (again, _, _) = with_a_long_last_commit(folder.path());
    assert_eq!(log.file_name(), again.file_name());
    let mut bytes = bytes;
    bytes[last - 300..last - 200].fill(0);
    fs::write(&again, &bytes).expect("damaged");
    assert!(matches!(open(folder.path()), Err(StoreError::Corrupt(_))));
    assert!(RocksStore::open_read_only(folder.path(), CACHE_BYTES).is_err());
}

#[test]
fn a_damaged_log_is_never_passed_over_in_silence() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    for index in 0..10 {
        commit(&store, index).expect("committed");
    }
    drop(store);
    let log = log(folder.path());
    let mut bytes = fs::read(&log).expect("the log");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).expect("damaged");

    assert!(matches!(open(folder.path()), Err(StoreError::Corrupt(_))));
}

#[test]
fn inline_bytes_are_kept_apart_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    assert_eq!((store.footprint().tables, store.footprint().inline), (0, 0));
    let mut batch = Batch::new();
    for index in 0..64_u8 {
        batch.put(Space::Pieces, vec![index], vec![index; 32 * 1024]);
        batch.put(Space::Blobs, vec![index], vec![index; 32]);
    }
    store.commit(batch).expect("committed");
    assert!(store.footprint().buffers > 64 * 32 * 1024, "still in memory");
    drop(store);

    // What the log holds goes to files when the store is opened.
    let store = open(folder.path()).expect("opens");
    let footprint = store.footprint();
    assert!(footprint.inline > 64 * 32 * 1024, "{footprint:?}");
    assert!(footprint.tables > 0 && footprint.tables < 64 * 1024, "{footprint:?}");

    let mut inline = 0;
    let mut visit = |_: &[u8], value: &[u8]| {
        inline += value.len();
        Visit::Next
    };
    store.scan(Space::Pieces, b"", &mut visit).expect("scanned");
    assert_eq!(inline, 64 * 32 * 1024);
    let scanned = store.footprint();
    assert!(scanned.cache < footprint.cache + 64 * 1024, "a scan leaves the cache alone");
    let value = store.get(Space::Pieces, &[7]).expect("read").expect("there");
    assert_eq!(value, vec![7; 32 * 1024]);
    assert!(store.footprint().cache >= scanned.cache + 32 * 1024, "a read fills it");
}

/// A limit on the length of files plays the disk that refuses; it holds for a whole process, so this
/// test runs itself once more.
#[test]
fn after_a_failed_write_only_opening_again_tells() {
    const FOLDER: &str = "TEST_STORE_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        return until_the_disk_refuses(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let itself = std::env::current_exe().expect("this test");
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 400; trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(itself)
        .arg("after_a_failed_write_only_opening_again_tells")
        .env(FOLDER, folder.path())
        .output()
        .expect("sh");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let answered: u32 = text
        .lines()
        .find_map(|line| line.strip_prefix("answered "))
        .and_then(|count| count.parse().ok())
        .expect("the count of what was answered");

    let store = open(folder.path()).expect("opens");
    let found = count(&store);
    assert!(answered > 100, "{answered} answered");
    assert!(found == answered || found == answered + 1, "{answered} answered, {found} found");
    commit(&store, found).expect("well again");
}

fn until_the_disk_refuses(folder: &Path) {
    let store = open(folder).expect("opens");
    let mut answered = 0;
    let error = loop {
        match commit(&store, answered) {
            Ok(()) => answered += 1,
            Err(error) => break error,
        }
        assert!(answered < 100_000, "the disk takes everything");
    };
    assert!(matches!(error, StoreError::Failed(_)), "{error}");
    assert_eq!(commit(&store, answered), Err(error.clone()));
    assert_eq!(store.get(Space::Objects, b""), Err(error.clone()));
    assert_eq!(store.peek(Space::Objects, b""), Err(error.clone()));
    assert_eq!(store.scan(Space::Objects, b"", &mut |_, _| Visit::Stop), Err(error));
    println!("\nanswered {answered}");
}

/// Names, lengths and times of change of all files in a folder.
fn state(folder: &Path) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file"));
    let mut state: Vec<_> = files
        .map(|file| {
            let facts = file.metadata().expect("facts");
            (file.path(), facts.len(), facts.modified().expect("a time"))
        })
        .collect();
    state.sort();
    state
}

#[test]
fn looking_changes_nothing_and_sees_what_only_the_log_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    for index in 0..100 {
        commit(&store, index).expect("committed");
    }
    drop(store);
    let before = state(folder.path());
    let look = RocksStore::open_read_only(folder.path(), CACHE_BYTES).expect("opens");
    assert_eq!(count(&look), 100);
    assert!(matches!(commit(&look, 100), Err(StoreError::Failed(_))));
    drop(look);
    assert_eq!(state(folder.path()), before);
    let nowhere = folder.path().join("nowhere");
    assert!(RocksStore::open_read_only(&nowhere, CACHE_BYTES).is_err());
    assert!(!nowhere.exists());
}

#[test]
fn a_damaged_table_is_named_and_ends_only_the_scans_that_meet_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    for index in 0..100 {
        commit(&store, index).expect("committed");
    }
    drop(store);
    // The log becomes tables when the store is opened again.
    drop(open(folder.path()).expect("opens"));
    let look = RocksStore::open_read_only(folder.path(), CACHE_BYTES).expect("opens");
    assert_eq!(count(&look), 100);
    let tables = look.files_named_in(
        &state(folder.path())
            .iter()
            .map(|(path, ..)| path.display().to_string())
            .collect::<String>(),
    );
    let table = tables.iter().find(|table| table.space == "objects").expect("a table");
    assert_eq!((table.entries, table.last.as_slice()), (100, &99_u32.to_be_bytes()[..]));
    drop(look);
    let path = folder.path().join(&table.name);
    let mut bytes = fs::read(&path).expect("read");
    bytes[10] ^= 1;
    fs::write(&path, bytes).expect("written");

    let look = RocksStore::open_read_only(folder.path(), CACHE_BYTES).expect("opens");
    let scan = |space| {
        let mut seen = 0;
        let end = look.scan(space, b"", &mut |_, _| {
            seen += 1;
            Visit::Next
        });
        (seen, end)
    };
    assert_eq!(scan(Space::Parts), (100, Ok(())));
    let (_, end) = scan(Space::Objects);
    let Err(StoreError::Corrupt(what)) = end else { panic!("{end:?}") };
    assert_eq!(look.files_named_in(&what), std::slice::from_ref(table), "{what}");
}

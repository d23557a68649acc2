//! Room: damaged files of the metadata store. What cannot be read is an error, never an empty answer, and a start
//! that is refused leaves everything as it is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use crate::{Given, Patient, files_below, flip_a_bit, must_be_internal_error};

const OBJECTS: u64 = 400;

/// A stopped node whose objects lie in sorted tables and files of inline bytes.
fn settled() -> Patient {
    let mut patient = killed();
    // What the log holds is written to tables when it is replayed.
    patient.node.start_again();
    patient.node.stop();
    patient
}

/// A node that was killed, so that everything lies in the store's log.
fn killed() -> Patient {
    let mut patient = Patient::new();
    for number in 0..OBJECTS {
        patient.put(format!("/damage/small-{number:03}"), 100 + number * 40);
    }
    patient.put("/damage/large", 3 << 20);
    patient.node.kill();
    patient
}

impl Patient {
    fn metadata(&self, extension: &str) -> Vec<PathBuf> {
        let mut files = files_below(&self.node.data().join("meta"));
        files.retain(|path| path.extension().is_some_and(|found| found == extension));
        assert!(!files.is_empty(), "no file *.{extension}");
        files
    }

    fn metadata_called(&self, start: &str) -> PathBuf {
        let files = files_below(&self.node.data().join("meta"));
        let called = |path: &&PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
        };
        files.iter().find(called).unwrap_or_else(|| panic!("no file {start}")).clone()
    }

    /// Everything is served or answered with an error. Returns how many were not served.
    fn count_touched(&self) -> usize {
        let mut touched = 0;
        for path in self.objects.keys() {
            match self.read(path, None) {
                Given::Whole(bytes) => {
                    assert_eq!(self.objects[path].first_difference(&bytes), None, "{path}");
                }
                Given::Refused { status, text } => {
                    must_be_internal_error(path, status, &text);
                    touched += 1;
                }
                Given::Cut(bytes) => {
                    let len = u64::try_from(bytes.len()).expect("a length fits");
                    let sent = self.objects[path].slice(0..len);
                    assert_eq!(sent.first_difference(&bytes), None, "{path}");
                    touched += 1;
                }
            }
        }
        touched
    }
}

fn largest(files: Vec<PathBuf>) -> (PathBuf, u64) {
    let with_len = |path: PathBuf| {
        let len = fs::metadata(&path).expect("the file is there").len();
        (path, len)
    };
    files.into_iter().map(with_len).max_by_key(|(_, len)| *len).expect("there are some")
}

/// Inline bytes lie apart from the records: a flipped bit there touches one object.
#[test]
fn damaged_inline_bytes_touch_their_object_only() {
    let mut patient = settled();
    let (file, len) = largest(patient.metadata("blob"));
    flip_a_bit(&file, len / 2);
    patient.node.start_again();
    assert_eq!(patient.count_touched(), 1);
    patient.must_have_logged("metadata_damaged");
    let failed = patient.node.metrics().sum("tenon_requests_total", &[("status", "500")]);
    assert!(failed >= 1.0, "a request that met damage is counted");
    patient.node.stop();
    // What is touched is told, and what cannot be read to its end is not repaired.
    let lost = |text: &str| text.lines().filter(|line| line.starts_with("lost ")).count();
    let checked = patient.node.fsck(&["--verify"]);
    assert_eq!((checked.code, lost(&checked.text)), (4, 1), "{}", checked.text);
    let repaired = patient.node.fsck(&["--repair"]);
    assert_eq!(repaired.code, 4, "{}", repaired.text);
    assert!(!repaired.text.contains("repaired "), "{}", repaired.text);
    patient.node.start_again();
    assert_eq!(patient.count_touched(), 1);
    patient.node.stop();
}

/// Whatever a flipped bit in a sorted table touches is told; no object is missing without a word.
#[test]
fn damaged_tables_are_told() {
    let mut patient = settled();
    let tables: BTreeMap<PathBuf, Vec<u8>> = patient
        .metadata("sst")
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).expect("the file can be read")))
        .collect();
    let mut told = 0;
    for (path, sound) in &tables {
        for at in [sound.len() / 4, sound.len() / 2] {
            flip_a_bit(path, u64::try_from(at).expect("a length fits"));
            if patient.node.try_start().is_none() {
                told += patient.count_touched();
                patient.node.kill();
            } else {
                told += 1;
            }
            fs::write(path, sound).expect("the file can be written");
        }
    }
    assert!(told > 0, "no damage was met");
}

/// A crash can tear the last record of the log, which nobody was answered for.
#[test]
fn a_torn_end_of_the_log_costs_nothing() {
    let mut patient = killed();
    let (log, len) = largest(patient.metadata("log"));
    let start = fs::read(&log).expect("the log can be read")[..100].to_vec();
    let mut file = File::options().append(true).open(&log).expect("the log is there");
    file.write_all(&start).expect("the log can be written");
    assert!(len > 100_000, "the log of {len} bytes holds all objects");
    patient.node.start_again();
    patient.others_must_be_whole(&[]);
    patient.node.stop();
    patient.node.must_be_clean(&["--verify"]);
}

/// A start that meets damage that it cannot get past says so, changes nothing, and succeeds once the file is whole.
#[test]
fn what_cannot_be_opened_is_refused_and_left_alone() {
    let mut patient = killed();
    let (log, len) = largest(patient.metadata("log"));
    let manifest = patient.metadata_called("MANIFEST");
    let current = patient.metadata_called("CURRENT");

    for (what, file, at) in [("log", &log, len / 2), ("manifest", &manifest, 200)] {
        let sound = fs::read(file).expect("the file can be read");
        flip_a_bit(file, at);
        patient.must_refuse_to_start(what);
        assert!(patient.node.fsck(&[]).code >= 4, "fsck finds no damage of the {what}");
        fs::write(file, sound).expect("the file can be written");
    }
    let sound = fs::read(&current).expect("the file can be read");
    fs::write(&current, b"nonsense").expect("the file can be written");
    patient.must_refuse_to_start("nonsense in CURRENT");
    fs::remove_file(&current).expect("the file is there");
    patient.must_refuse_to_start("no CURRENT");
    assert!(patient.node.fsck(&[]).code >= 4, "fsck finds no damage");
    fs::write(&current, sound).expect("the file can be written");

    // The folder as a whole, as if another disk were not mounted.
    let (meta, away) = (patient.node.data().join("meta"), patient.node.data().join("away"));
    fs::rename(&meta, &away).expect("it can be renamed");
    let said = patient.must_refuse_to_start("no metadata");
    assert!(said.contains("holds no metadata"), "{said}");
    fs::remove_dir_all(&meta).ok();
    fs::rename(&away, &meta).expect("it can be renamed");

    patient.node.start_again();
    patient.others_must_be_whole(&[]);
    patient.node.stop();
    patient.node.must_be_clean(&["--verify"]);
}

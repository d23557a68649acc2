//! Room: damage in a bucket with versions: a version is lost by itself, and no older one is given for it.

use std::fs::{self, File};

use tenon_tests::client::{Call, put_versioning};
use tenon_tests::content::Content;

use crate::{Given, Patient, files_below, flip_a_bit, must_be_internal_error};

const MIB: u64 = 1 << 20;
const LEN: u64 = 3 * MIB + 99;

/// The version before the latest is damaged.
const OLD: &str = "/damage/old";
/// The latest version is damaged.
const NEW: &str = "/damage/new";
/// What lies behind a delete marker is damaged.
const DELETED: &str = "/damage/deleted";
/// Nothing is damaged.
const WHOLE: &str = "/damage/whole";

/// One version of a key.
struct Version {
    path: &'static str,
    id: String,
    content: Content,
}

impl Version {
    fn call(&self) -> Call {
        Call::new("GET", self.path).query(format!("versionId={}", self.id))
    }

    fn must_be_whole(&self, patient: &Patient) {
        match patient.given(&self.call()) {
            Given::Whole(bytes) => {
                assert_eq!(self.content.first_difference(&bytes), None, "{}", self.path);
            }
            given => panic!("{} {}: {given:?}", self.path, self.id),
        }
    }

    /// Refused, or cut short before the first wrong byte.
    fn must_be_touched(&self, patient: &Patient) {
        match patient.given(&self.call()) {
            Given::Refused { status, text } => must_be_internal_error(self.path, status, &text),
            Given::Cut(bytes) => {
                let sent = self.content.slice(0..bytes.len() as u64);
                assert_eq!(sent.first_difference(&bytes), None, "{}: a wrong byte", self.path);
            }
            Given::Whole(_) => panic!("{} is served although it is damaged", self.path),
        }
    }

    fn must_be_gone(&self, patient: &Patient) {
        let Given::Refused { status, text } = patient.given(&self.call()) else {
            panic!("{} {} is served", self.path, self.id)
        };
        assert!(status == 404 && text.contains("<Code>NoSuchVersion</Code>"), "{text}");
    }
}

fn put(patient: &Patient, path: &'static str, seed: u64) -> Version {
    let content = Content::new(seed, LEN);
    let mut session = patient.s3.session().expect("the node listens");
    let put = session.put(Call::new("PUT", path), &content).expect("the node answers");
    assert_eq!(put.status, 200, "{}", put.text());
    let id = put.header("x-amz-version-id").expect("the bucket has versions").to_owned();
    Version { path, id, content }
}

/// A stopped node with two versions of each key; in the order of the names above.
fn versioned() -> (Patient, [[Version; 2]; 4]) {
    let mut patient = Patient::new();
    let enabled = patient.s3.call(&put_versioning("damage", "Enabled")).expect("answered");
    assert_eq!(enabled.status, 200, "{}", enabled.text());
    let mut seed = 0;
    let all = [OLD, NEW, DELETED, WHOLE].map(|path| {
        [(); 2].map(|()| {
            seed += 1;
            put(&patient, path, seed)
        })
    });
    let deleted = patient.s3.call(&Call::new("DELETE", DELETED)).expect("the node answers");
    assert_eq!(deleted.header("x-amz-delete-marker"), Some("true"), "{deleted:?}");
    patient.node.stop();
    (patient, all)
}

#[test]
fn a_damaged_version_touches_no_other() {
    let (mut patient, all) = versioned();
    patient.node.must_be_clean(&["--verify"]);
    let [old, new, deleted, whole] = &all;
    fs::remove_file(patient.file_of(&old[0].content)).expect("the file is there");
    let file = File::options().write(true).open(patient.file_of(&new[1].content));
    file.expect("the file is there").set_len(MIB).expect("it can be cut");
    flip_a_bit(&patient.file_of(&deleted[1].content), 2 * MIB);
    let touched = [&old[0], &new[1], &deleted[1]];
    let untouched = [&old[1], &new[0], &deleted[0], &whole[0], &whole[1]];

    patient.node.start_again();
    touched.iter().for_each(|version| version.must_be_touched(&patient));
    untouched.iter().for_each(|version| version.must_be_whole(&patient));
    patient.node.stop();

    // A flipped bit shows when all bytes are read.
    let quick = patient.node.fsck(&[]);
    assert_eq!(quick.code, 4, "{}", quick.text);
    assert!(!quick.text.contains("damage/deleted"), "{}", quick.text);
    let full = patient.node.fsck(&["--verify"]);
    assert_eq!(full.code, 4, "{}", full.text);
    let lost = [
        format!("version {} of damage/old: ", old[0].id),
        "object damage/new: ".to_owned(),
        format!("version {} of damage/deleted: ", deleted[1].id),
    ];
    for line in &lost {
        assert!(full.text.contains(line), "{line} in {}", full.text);
    }

    let repaired = patient.node.fsck(&["--verify", "--repair"]);
    assert_eq!(repaired.code, 1, "{}", repaired.text);
    patient.node.must_be_clean(&["--verify"]);
    let records = files_below(&patient.node.data().join("lost"));
    let records = records.iter().filter_map(|path| fs::read_to_string(path).ok());
    let records: String = records.collect();
    for line in lost {
        let what = line.trim_end_matches(": ");
        assert!(records.contains(what), "{what} was removed without a word: {records}");
    }

    patient.node.start_again();
    touched.iter().for_each(|version| version.must_be_gone(&patient));
    untouched.iter().for_each(|version| version.must_be_whole(&patient));
    the_key_names_nothing_until_its_marker_goes(&patient, &new[0]);
    patient.node.stop();
    patient.node.must_be_clean(&["--verify"]);
}

/// Whoever asks for the key whose latest version was lost is not given the one before, unless somebody wants that.
fn the_key_names_nothing_until_its_marker_goes(patient: &Patient, before: &Version) {
    let latest = patient.s3.call(&Call::new("GET", NEW)).expect("the node answers");
    assert_eq!(latest.status, 404, "{}", latest.text());
    assert_eq!(latest.header("x-amz-delete-marker"), Some("true"));
    let marker = latest.header("x-amz-version-id").expect("a marker is a version").to_owned();
    let purge = Call::new("DELETE", NEW).query(format!("versionId={marker}"));
    assert_eq!(patient.s3.call(&purge).expect("the node answers").status, 204);
    match patient.read(NEW, None) {
        Given::Whole(bytes) => assert_eq!(before.content.first_difference(&bytes), None),
        given => panic!("{given:?}"),
    }
}

//! Room: damaged files of objects' bytes: a flipped bit, a file that is too short, a file that is gone.

use std::fs::{self, File};
use std::path::PathBuf;

use tenon_tests::client::{complete_upload, copy_part, create_upload};
use tenon_tests::content::Content;

use crate::{Given, Patient, files_below, flip_a_bit, must_be_internal_error};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const LEN: u64 = 6 * MIB + 77;

/// Where the bit is flipped, and the block around it that is not to be believed then.
const FLIPPED: u64 = 3 * MIB + 12_345;
const BLOCK_LEN: u64 = 64 * KIB;

const FLIP: &str = "/damage/flip";
const SHORT: &str = "/damage/short";
const GONE: &str = "/damage/gone";
/// A copy of what lies before the flipped bit, and one of what lies around it.
pub(crate) const COPY_BEFORE: &str = "/damage/copy-before";
const COPY_AROUND: &str = "/damage/copy-around";
pub(crate) const TOUCHED: [&str; 4] = [FLIP, SHORT, GONE, COPY_AROUND];

impl Patient {
    fn copy(&mut self, path: &str, source: &str, range: std::ops::Range<u64>) {
        let upload = self.s3.call(&create_upload(path)).expect("the node answers");
        let id = upload.element("UploadId").expect("an upload has an id");
        let copied = self.s3.call(&copy_part(path, &id, 1, source, Some(range.clone())));
        let etag = copied.expect("the node answers").element("ETag").expect("copied");
        let done = self.s3.call(&complete_upload(path, &id, &[(1, etag)]));
        assert_eq!(done.expect("the node answers").status, 200);
        let content = self.objects[source].slice(range);
        self.objects.insert(path.to_owned(), content);
    }

    /// The file that holds an object that was written as a whole.
    pub(crate) fn file_of(&self, content: &Content) -> PathBuf {
        let start = content.slice(0..4 * KIB).bytes();
        let files = files_below(&self.node.data().join("blobs"));
        let holds = |path: &&PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(&start));
        files.iter().find(holds).expect("some file holds the object").clone()
    }
}

/// A stopped node with whole objects of all kinds and three that are damaged, each in its own way.
pub(crate) fn wounded() -> Patient {
    let mut patient = Patient::new();
    for number in 0..5 {
        patient.put(format!("/damage/inline-{number}"), 100 + number * 5000);
        patient.put(format!("/damage/whole-{number}"), MIB + number);
    }
    let [flip, short, gone] = [FLIP, SHORT, GONE].map(|path| patient.put(path, LEN));
    patient.copy(COPY_BEFORE, FLIP, 1..2 * MIB);
    patient.copy(COPY_AROUND, FLIP, 2 * MIB..4 * MIB);
    patient.node.stop();

    flip_a_bit(&patient.file_of(&flip), FLIPPED);
    let file = File::options().write(true).open(patient.file_of(&short));
    file.expect("the file is there").set_len(LEN / 2 / 4096 * 4096).expect("it can be cut");
    fs::remove_file(patient.file_of(&gone)).expect("the file is there");
    patient
}

#[test]
fn damaged_blobs_are_told_and_the_rest_is_served() {
    let mut patient = wounded();
    patient.node.start_again();
    for path in TOUCHED {
        patient.must_be_touched(path);
    }
    patient.others_must_be_whole(&TOUCHED);
    patient.must_have_logged("read_failed");
    let metrics = patient.node.metrics();
    assert!(metrics.sum("tenon_corrupt_blocks_total", &[]) >= 2.0, "flipped, and a copy of it");
    assert!(metrics.sum("tenon_read_failures_total", &[]) >= 4.0, "one for each that is touched");

    // What lies beside the damage in the same file is served.
    let block = FLIPPED / BLOCK_LEN * BLOCK_LEN..(FLIPPED / BLOCK_LEN + 1) * BLOCK_LEN;
    for range in [0..block.start, block.end..LEN, 1..2] {
        match patient.read(FLIP, Some(range.clone())) {
            Given::Whole(bytes) => {
                let expected = patient.objects[FLIP].slice(range.clone());
                assert_eq!(expected.first_difference(&bytes), None, "{range:?}");
            }
            given => panic!("{range:?}: {given:?}"),
        }
    }
    match patient.read(FLIP, Some(FLIPPED..FLIPPED + 1)) {
        Given::Refused { status, text } => must_be_internal_error("one byte", status, &text),
        Given::Cut(bytes) => assert!(bytes.is_empty(), "the damaged byte was sent"),
        Given::Whole(_) => panic!("the damaged byte is served"),
    }
    patient.node.stop();
}

/// A copy that must read what it copies, for its ETag, does not pass damage on.
#[test]
fn copies_of_damage_are_refused() {
    let mut patient = wounded();
    patient.node.start_again();
    let upload = patient.s3.call(&create_upload("/damage/target")).expect("the node answers");
    let id = upload.element("UploadId").expect("an upload has an id");
    for source in [FLIP, SHORT, GONE] {
        let call = copy_part("/damage/target", &id, 1, source, Some(2 * MIB..5 * MIB));
        let reply = patient.s3.call(&call).expect("the node answers");
        must_be_internal_error(source, reply.status, &reply.text());
    }
    let parts = tenon_tests::client::Call::new("GET", "/damage/target");
    let parts = patient.s3.call(&parts.query(format!("uploadId={id}"))).expect("answered");
    assert_eq!((parts.status, parts.elements("PartNumber")), (200, Vec::new()));
    patient.others_must_be_whole(&TOUCHED);
    patient.node.stop();
}

/// As when a disk is not mounted: neither a start nor a repair takes nothing for all there is.
#[test]
fn a_missing_folder_of_blobs_is_refused_and_nothing_is_repaired() {
    let mut patient = Patient::new();
    patient.put("/damage/inline", 100);
    patient.put("/damage/blob", MIB);
    patient.node.stop();
    let (blobs, away) = (patient.node.data().join("blobs"), patient.node.data().join("away"));
    fs::rename(&blobs, &away).expect("it can be renamed");
    let said = patient.must_refuse_to_start("no blobs");
    assert!(said.contains("blobs is missing"), "{said}");
    let checked = patient.node.fsck(&["--repair"]);
    assert_eq!(checked.code, 8, "{}", checked.text);
    assert!(checked.text.contains("blobs"), "{}", checked.text);
    assert!(!blobs.exists(), "nothing was made");
    fs::rename(&away, &blobs).expect("it can be renamed");
    patient.node.must_be_clean(&["--verify"]);
    patient.node.start_again();
    patient.others_must_be_whole(&[]);
    patient.node.stop();
}

#[test]
fn fsck_finds_damaged_blobs_and_sets_them_aside() {
    let mut patient = wounded();
    // What is missing or too short shows without reading; a flipped bit does not.
    let quick = patient.node.fsck(&[]);
    assert_eq!(quick.code, 4, "{}", quick.text);
    let full = patient.node.fsck(&["--verify"]);
    assert_eq!(full.code, 4, "{}", full.text);
    assert!(full.text.lines().count() > quick.text.lines().count(), "{}", full.text);

    let repaired = patient.node.fsck(&["--verify", "--repair"]);
    assert_eq!(repaired.code, 1, "{}", repaired.text);
    patient.node.must_be_clean(&["--verify"]);
    let lost = files_below(&patient.node.data().join("lost"));
    let records: String = lost
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .map(|path| fs::read_to_string(path).expect("records are text"))
        .collect();
    for path in TOUCHED {
        let key = path.strip_prefix("/damage/").expect("in the bucket");
        assert!(records.contains(key), "{key} was removed without a word: {records}");
    }

    patient.node.start_again();
    for path in TOUCHED {
        match patient.read(path, None) {
            Given::Refused { status, .. } => assert_eq!(status, 404, "{path}"),
            given => panic!("{path}: {given:?}"),
        }
    }
    patient.others_must_be_whole(&TOUCHED);
    patient.node.stop();
    patient.node.must_be_clean(&["--verify"]);
}

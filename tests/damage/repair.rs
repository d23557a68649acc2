//! Room: repairing what is damaged: the node starts, serves what is whole, and says of the rest that it is not there.

use std::fs;

use tenon_tests::client::{Call, create_upload, upload_part};
use tenon_tests::content::Content;

use crate::blobs::{COPY_BEFORE, TOUCHED, wounded};
use crate::{Given, files_below};

#[test]
fn a_repair_takes_out_what_is_damaged_and_keeps_the_rest() {
    let mut patient = wounded();
    let blobs = patient.node.data().join("blobs");
    fs::create_dir(blobs.join("000000ff")).expect("a folder");
    fs::write(blobs.join("000000ff/007"), "an orphan").expect("written");
    fs::write(blobs.join("stray"), "a stray").expect("written");

    let checked = patient.node.fsck(&["--verify", "--repair"]);
    assert_eq!(checked.code, 1, "{}", checked.text);
    for path in TOUCHED {
        let line = format!("object {} is taken out", path.trim_start_matches('/'));
        assert!(checked.text.contains(&line), "{line} in {}", checked.text);
    }
    let lost = files_below(&patient.node.data().join("lost"));
    let called = |front: &str| lost.iter().find(|path| name(path).starts_with(front));
    assert!(called("orphan-000000ff-007").is_some() && called("stray-").is_some(), "{lost:?}");
    let records = fs::read_to_string(called("records-").expect("records")).expect("text");
    let told = |path: &str| records.contains(&format!("object {}", path.trim_start_matches('/')));
    assert!(TOUCHED.iter().all(|path| told(path)), "{records}");
    patient.node.must_be_clean(&["--verify"]);
    assert_eq!(patient.node.fsck(&["--verify", "--repair"]).code, 0, "there is nothing to do");

    patient.node.start_again();
    for path in TOUCHED {
        match patient.read(path, None) {
            Given::Refused { status, text } => assert_eq!(status, 404, "{path}: {text}"),
            given => panic!("{path}: {given:?}"),
        }
    }
    patient.others_must_be_whole(&TOUCHED);
    assert!(patient.objects.contains_key(COPY_BEFORE), "what lies beside the damage is kept");
    // No number is used twice: new files come, also past the folder of the orphan.
    for number in 0..3 {
        patient.put(format!("/damage/new-{number}"), 1 << 20);
    }
    patient.others_must_be_whole(&TOUCHED);
    patient.node.stop();
    patient.node.must_be_clean(&["--verify"]);
}

#[test]
fn an_upload_loses_only_its_damaged_parts() {
    let mut patient = crate::Patient::new();
    let upload = patient.s3.call(&create_upload("/damage/open")).expect("the node answers");
    let id = upload.element("UploadId").expect("an upload has an id");
    let mut session = patient.s3.session().expect("the node listens");
    let parts = [1, 2].map(|number| Content::new(number, 5 << 20));
    for (number, content) in (1..).zip(&parts) {
        let put = session.put(upload_part("/damage/open", &id, number), content);
        assert_eq!(put.expect("the node answers").status, 200);
    }
    patient.node.stop();
    fs::remove_file(patient.file_of(&parts[0])).expect("the file is there");
    let checked = patient.node.fsck(&["--repair"]);
    assert_eq!(checked.code, 1, "{}", checked.text);
    assert!(checked.text.contains("part 1 of upload"), "{}", checked.text);

    patient.node.start_again();
    let listed = patient.s3.call(&Call::new("GET", "/damage/open").query(format!("uploadId={id}")));
    assert_eq!(listed.expect("the node answers").elements("PartNumber"), ["2"]);
    patient.node.stop();
    patient.node.must_be_clean(&["--verify"]);
}

fn name(path: &std::path::Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

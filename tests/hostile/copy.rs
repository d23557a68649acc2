//! Room: copies of what is not there, into what is not there, and by numbers that do not exist.

use tenon_tests::client::{Call, complete_upload, copy_part, upload_part};

use crate::{TARGET, TEN, Victim, expected};

const PART_NUMBER_TEXT: &str = "Part number must be an integer between 1 and 10000, inclusive";
const COPY_RANGE_FORM_TEXT: &str = "The x-amz-copy-source-range value must be of the form bytes=first-last \
    where first and last are the zero-based offsets of the first and last bytes to copy";

#[test]
fn bad_copy_ranges_copy_nothing() {
    // rule: copy-range/form, copy-range/past-the-end, copy-range/outside
    let mut victim = Victim::new();
    let ranged = |victim: &Victim, range: &str| {
        let header = "x-amz-copy-source-range";
        copy_part(TARGET, &victim.upload_id, 1, TEN, None).header(header, range)
    };
    for range in [
        "0-8",
        "bytes=1-0",
        "bytes=-1-",
        "bytes=0--1",
        "bytes=0-1,3-4,7-9",
        "bytes=-",
        "bytes=-0",
        "bytes=-2",
        "bytes=1-",
        "Bytes=0-1",
        "bytes= 0-1",
        "bytes=0-99999999999999999999",
        "",
    ] {
        let call = ranged(&victim, range);
        let name = ("ArgumentName", "x-amz-copy-source-range");
        let elements = [name, ("ArgumentValue", range)];
        let shown = if range.is_empty() { &elements[..1] } else { &elements };
        let refused =
            expected(400, "InvalidArgument").message(COPY_RANGE_FORM_TEXT).elements(shown);
        victim.must_refuse(range, &call, &refused);
    }
    for range in ["bytes=0-10", "bytes=9-100"] {
        let call = ranged(&victim, range);
        let elements = [("ArgumentName", "x-amz-copy-source-range"), ("ArgumentValue", range)];
        let refused = expected(400, "InvalidArgument")
            .message("Range specified is not valid for source object of size: 10")
            .elements(&elements);
        victim.must_refuse(range, &call, &refused);
    }
    for range in ["bytes=10-10", "bytes=100-200"] {
        let call = ranged(&victim, range);
        let refused = expected(400, "InvalidRequest")
            .message("The specified copy range is invalid for the source object size");
        victim.must_refuse(range, &call, &refused);
    }
    victim.must_have_no_parts();
    victim.node.stop();
}

#[test]
fn bad_part_numbers_and_uploads_are_refused() {
    // rule: part-copy/part-number, part-copy/no-such-upload
    let mut victim = Victim::new();
    for number in ["0", "10001", "-1", "abc", "1.5", "65537", "18446744073709551617"] {
        let query = format!("partNumber={number}&uploadId={}", victim.upload_id);
        let elements = [("ArgumentName", "partNumber"), ("ArgumentValue", number)];
        let refused =
            expected(400, "InvalidArgument").message(PART_NUMBER_TEXT).elements(&elements);
        let put = Call::new("PUT", TARGET).query(query).body("x");
        victim.must_refuse(number, &put, &refused);
        let copy = Call { body: Vec::new(), ..put }.header("x-amz-copy-source", TEN);
        victim.must_refuse(number, &copy, &refused);
    }
    let no_upload = expected(404, "NoSuchUpload").message(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
         aborted or completed.",
    );
    let right = victim.upload_id.clone();
    for (path, id) in [(TARGET, "none"), ("/hostile/other", &*right), (TARGET, &right[1..])] {
        victim.must_refuse(id, &upload_part(path, id, 1).body("x"), &no_upload);
        victim.must_refuse(id, &copy_part(path, id, 1, TEN, None), &no_upload);
        let parts = [(1, "0".repeat(32))];
        victim.must_refuse(id, &complete_upload(path, id, &parts), &no_upload);
    }
    let lonely = Call::new("PUT", TARGET).query("partNumber=1").body("x");
    victim.must_refuse("no upload id", &lonely, &expected(400, "InvalidArgument"));
    victim.must_have_no_parts();
    victim.node.stop();
}

#[test]
fn bad_copy_sources_are_refused() {
    // rule: copy-source/malformed, part-copy/no-body
    let mut victim = Victim::new();
    let cases: [(&str, &str); 9] = [
        ("", "Invalid copy source object key"),
        ("hostile", "Invalid copy source object key"),
        ("hostile/", "Invalid copy source object key"),
        ("/", "Invalid copy source object key"),
        ("hostile/%ZZ", "Invalid copy source encoding"),
        ("100%/x/y", "Invalid copy source encoding"),
        ("hostile/%C3%", "Invalid copy source encoding"),
        ("192.168.1.1/foo", "Invalid copy source bucket name"),
        ("my-buc@k&()t/obj", "Invalid copy source bucket name"),
    ];
    for (source, message) in cases {
        let refused = expected(400, "InvalidArgument")
            .message(message)
            .elements(&[("ArgumentName", "x-amz-copy-source")]);
        let call = copy_part(TARGET, &victim.upload_id, 1, source, None);
        victim.must_refuse(source, &call, &refused);
    }
    let none = expected(404, "NoSuchKey").elements(&[("Key", "none")]);
    victim.must_refuse(
        "no key",
        &copy_part(TARGET, &victim.upload_id, 1, "hostile/none", None),
        &none,
    );
    let none = expected(404, "NoSuchBucket").elements(&[("BucketName", "nowhere")]);
    victim.must_refuse(
        "no bucket",
        &copy_part(TARGET, &victim.upload_id, 1, "nowhere/x", None),
        &none,
    );
    let call = victim.copy().body("x");
    let refused = expected(400, "InvalidRequest").message(
        "The request included a body. Requests of this type must not include a non-empty body.",
    );
    victim.must_refuse("a copy with a body", &call, &refused);
    let failed = expected(412, "PreconditionFailed")
        .message("At least one of the pre-conditions you specified did not hold")
        .elements(&[("Condition", "x-amz-copy-source-If-Match")]);
    let call = victim.copy().header("x-amz-copy-source-if-match", "\"0\"");
    victim.must_refuse("if-match", &call, &failed);
    victim.must_have_no_parts();
    victim.node.stop();
}

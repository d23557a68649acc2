//! Room: tests of what a head and a trailer say of a body's digests: each algorithm in each place, each fault.

use super::*;

use ChecksumAlgorithm::{
    Md5 as Md5Sum, Sha1, Sha256 as Sha256Sum, Sha512, XxHash3, XxHash64, XxHash128,
};

/// Of `hello`, by each algorithm.
const HELLO: [(ChecksumAlgorithm, &str); 10] = [
    (Crc32, "NhCmhg=="),
    (Crc32c, "mnG7TA=="),
    (Crc64Nvme, "M3eFcAZSQlc="),
    (Sha1, "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
    (Sha256Sum, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
    (
        Sha512,
        "m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==",
    ),
    (Md5Sum, "XUFAKrxLKna5cZ2REBfFkg=="),
    (XxHash64, "JseCfYifbaM="),
    (XxHash3, "lVXoVVxi3P0="),
    (XxHash128, "tenBrQcbPn/Hec+qXlI4GA=="),
];

const SDK: &str = "x-amz-sdk-checksum-algorithm";

/// A head of a plain body of five bytes.
fn with(headers: &[(&str, &str)]) -> (Head, Authenticated) {
    let mut all = vec![("content-length", "5")];
    all.extend_from_slice(headers);
    put(UnsignedPayload, &all)
}

/// A head and its chunked body, with the checksum in a trailer.
fn with_trailer(
    mode: PayloadMode,
    body: &[u8],
    (name, value): (&str, &str),
) -> ((Head, Authenticated), Vec<u8>) {
    let head = put(mode, &[("x-amz-decoded-content-length", "5"), ("x-amz-trailer", name)]);
    let mut framer = match mode {
        StreamingSignedTrailer => Framer::signed(head.1.chain.clone()),
        _ => Framer::unsigned(),
    };
    framer.chunk(body);
    (head, framer.end_with(&[(name, value)]))
}

fn mismatch(algorithm: ChecksumAlgorithm) -> String {
    format!("The {} you specified did not match the calculated checksum.", algorithm.name())
}

fn told(verdict: Result<Digests, S3Error>) -> (ErrorCode, String) {
    let error = verdict.unwrap_err();
    (error.code, error.message.to_string())
}

#[test]
fn a_header_of_every_algorithm() {
    // rule: checksum/mismatch, checksum/sdk-algorithm
    for (algorithm, value) in HELLO {
        let head = with(&[(algorithm.header(), value), (SDK, algorithm.name())]);
        let want = Some(Crc64Nvme);
        let intake = Intake::new(&head.0, &head.1, want, PUT_LEN_MAX).unwrap();
        assert_eq!(intake.sent_algorithm(), Some(algorithm));
        let (_, verdict) = run(intake, b"hello", &[]);
        assert_eq!(verdict.unwrap().checksum.unwrap().to_base64(), value, "in place of the wanted");
        let wrong = told(take(&head, want, b"hullo").1);
        assert_eq!(wrong, (ErrorCode::BadDigest, mismatch(algorithm)));
    }
}

#[test]
fn a_trailer_of_every_algorithm() {
    // rule: checksum/trailer, checksum/mismatch
    for mode in [StreamingSignedTrailer, StreamingUnsignedTrailer] {
        for (algorithm, value) in HELLO {
            let (head, wire) = with_trailer(mode, b"hello", (algorithm.header(), value));
            let digests = verdict(&head, &wire).unwrap();
            assert_eq!(digests.checksum.unwrap().to_base64(), value, "{mode:?}");
            let (head, wire) = with_trailer(mode, b"hullo", (algorithm.header(), value));
            let wrong = told(take(&head, NO_WANT, &wire).1);
            assert_eq!(wrong, (ErrorCode::BadDigest, mismatch(algorithm)));
        }
    }
}

#[test]
fn a_malformed_trailer_of_every_algorithm() {
    // rule: checksum/malformed-trailer
    for mode in [StreamingSignedTrailer, StreamingUnsignedTrailer] {
        for (algorithm, value) in HELLO {
            let message = format!("Value for {} trailing header is invalid.", algorithm.header());
            for bad in ["hello", &value[4..], "AAAA", &format!("{value}-1")] {
                let (head, wire) = with_trailer(mode, b"hello", (algorithm.header(), bad));
                let refused = told(take(&head, NO_WANT, &wire).1);
                assert_eq!(refused, (ErrorCode::InvalidRequest, message.clone()), "{bad}");
            }
        }
    }
}

#[test]
fn a_document_of_every_algorithm() {
    // rule: checksum/integrity, checksum/mismatch
    let verdict = |headers: &[(&str, &str)], body: &[u8]| {
        let head = with(headers);
        let intake = Intake::document(&head.0, &head.1, Integrity::Required, XML_BODY_MAX)?;
        run(intake, body, &[3]).1
    };
    for (algorithm, value) in HELLO {
        let headers = [(algorithm.header(), value), (SDK, algorithm.name())];
        assert_eq!(verdict(&headers, b"hello").unwrap().len, 5);
        let wrong = told(verdict(&headers, b"hullo"));
        assert_eq!(wrong, (ErrorCode::BadDigest, mismatch(algorithm)));
    }
    assert!(verdict(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")], b"hello").is_ok());
    for headers in [&[][..], &[("x-amz-checksum-crc32", "")]] {
        let missing = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        let refused = told(verdict(headers, b"hello"));
        assert_eq!(refused, (ErrorCode::InvalidRequest, missing.to_string()));
    }
}

#[test]
fn a_malformed_value_of_every_algorithm() {
    // rule: checksum/malformed
    for (algorithm, value) in HELLO {
        let message = format!("Value for {} header is invalid.", algorithm.header());
        // Not base64, one group of characters short, another's length, and the form of a COMPOSITE one.
        for bad in ["hello", &value[4..], "AAAA", &format!("{value}-1")] {
            let error = refused(&with(&[(algorithm.header(), bad)]));
            assert_eq!(
                (error.code, error.message.as_ref()),
                (ErrorCode::InvalidRequest, &*message)
            );
        }
    }
}

#[test]
fn one_checksum_at_most() {
    // rule: checksum/one
    let message =
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
    for (algorithm, value) in HELLO {
        let (header, other) = if algorithm == Crc32 {
            (algorithm.header(), Crc32c)
        } else {
            (algorithm.header(), Crc32)
        };
        for headers in [
            [(header, value), (other.header(), "NhCmhg==")],
            // On two lines.
            [(header, value), (header, value)],
        ] {
            let error = refused(&with(&headers));
            assert_eq!((error.code, error.message.as_ref()), (ErrorCode::InvalidRequest, message));
        }
        let list = format!("{header}, {}", other.header());
        for headers in [
            &[("x-amz-trailer", header), (header, value)][..],
            &[("x-amz-trailer", header), (other.header(), "NhCmhg==")],
            &[("x-amz-trailer", header), ("x-amz-trailer", other.header())],
            &[("x-amz-trailer", &list)],
        ] {
            let error = refused(&unsigned_put("5", headers));
            assert_eq!(error.message, message, "{headers:?}");
        }
    }
}

#[test]
fn the_algorithm_that_the_sdk_names_comes_along() {
    // rule: checksum/sdk-algorithm
    let lonely = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* \
                  or x-amz-trailer headers were found.";
    let other = "Value for x-amz-sdk-checksum-algorithm header is invalid.";
    for (algorithm, value) in HELLO {
        let refused = |error: S3Error| (error.code, error.message.to_string());
        let alone = refused(super::refused(&with(&[(SDK, algorithm.name())])));
        assert_eq!(alone, (ErrorCode::InvalidRequest, lonely.to_string()));
        let named = if algorithm == Sha1 { "CRC32" } else { "SHA1" };
        let differs = refused(super::refused(&with(&[(algorithm.header(), value), (SDK, named)])));
        assert_eq!(differs, (ErrorCode::InvalidRequest, other.to_string()));
        let trailer = [("x-amz-trailer", algorithm.header()), (SDK, named)];
        let differs = refused(super::refused(&unsigned_put("5", &trailer)));
        assert_eq!(differs, (ErrorCode::InvalidRequest, other.to_string()));
    }
    let empty = refused(&with(&[(SDK, "CRC32"), ("x-amz-checksum-crc32", "")]));
    assert_eq!(empty.message, lonely);
}

#[test]
fn a_trailer_needs_a_body_with_room_for_it() {
    // rule: checksum/trailer
    let unsupported = "The value specified in the x-amz-trailer header is not supported";
    for algorithm in ChecksumAlgorithm::ALL {
        let error = refused(&with(&[("x-amz-trailer", algorithm.header())]));
        assert_eq!((error.code, error.message.as_ref()), (ErrorCode::InvalidRequest, unsupported));
    }
}

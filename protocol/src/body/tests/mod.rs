//! Room: tests of bodies on their way in: plain, as documents, in unsigned and signed chunks, and cut anywhere.

mod checksums;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use md5::Md5;
use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;
use crate::limits::{PUT_LEN_MAX, XML_BODY_MAX};
use crate::request::{Headers, Method};
use crate::sign::sign::{Framer, Signer, Unsigned};
use crate::sign::vectors::{self, VECTORS};
use crate::sign::{Chain, Credential, authenticate};
use crate::time::Timestamp;

use ChecksumAlgorithm::{Crc32, Crc32c, Crc64Nvme};
use PayloadMode::{
    StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer, Unsigned as UnsignedPayload,
};

const NO_WANT: Option<ChecksumAlgorithm> = None;

/// A head and its seal, signed with the example credential of the S3 pages.
fn put(payload: PayloadMode, headers: &[(&str, &str)]) -> (Head, Authenticated) {
    let credential = Credential {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_string(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_string(),
    };
    let mut all = Headers::new();
    all.insert("Host", "s3.amazonaws.com");
    for (name, value) in headers {
        all.insert(*name, *value);
    }
    let now = Timestamp::parse_amz_date("20130524T000000Z").unwrap();
    let path = "/examplebucket/chunkObject.txt";
    let signed = Signer { credential: &credential, region: "us-east-1", now }.sign(&Unsigned {
        method: "PUT",
        path,
        query: "",
        headers: &all,
        payload,
    });
    for (name, value) in signed.headers {
        all.insert(name, value);
    }
    let head = Head::new(Method::Put, path, None, all, &[]).unwrap();
    let auth = authenticate(&head, "us-east-1", &credential, now).unwrap();
    (head, auth)
}

fn hash_of(payload: &[u8]) -> PayloadMode {
    PayloadMode::Hash(Sha256::digest(payload).into())
}

/// What came of a body: its payload and the verdict.
type Outcome = (Vec<u8>, Result<Digests, S3Error>);

/// Runs a body through, cut at the given places.
fn run(intake: Intake, wire: &[u8], cuts: &[usize]) -> Outcome {
    let mut intake = intake;
    let mut payload = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([wire.len()]) {
        let piece = Bytes::copy_from_slice(&wire[from..to]);
        if let Err(error) = intake.push(piece, &mut |bytes| payload.extend_from_slice(&bytes)) {
            return (payload, Err(error));
        }
        from = to;
    }
    let md5 = Md5::digest(&payload).into();
    let crc = |algorithm: ChecksumAlgorithm| {
        assert!(algorithm.combines(), "no other is asked for");
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&payload);
        Some(hasher.finish())
    };
    let verdict = intake.finish(Some(md5), crc);
    (payload, verdict)
}

fn take(head: &(Head, Authenticated), want: Option<ChecksumAlgorithm>, wire: &[u8]) -> Outcome {
    run(Intake::new(&head.0, &head.1, want, PUT_LEN_MAX).unwrap(), wire, &[])
}

fn refused(head: &(Head, Authenticated)) -> S3Error {
    Intake::new(&head.0, &head.1, NO_WANT, PUT_LEN_MAX).err().unwrap()
}

fn verdict(head: &(Head, Authenticated), wire: &[u8]) -> Result<Digests, ErrorCode> {
    take(head, NO_WANT, wire).1.map_err(|error| error.code)
}

/// `length` and further headers for a body without chunk signatures.
fn unsigned_put(decoded: &str, headers: &[(&str, &str)]) -> (Head, Authenticated) {
    let mut all = vec![("x-amz-decoded-content-length", decoded)];
    all.extend_from_slice(headers);
    put(StreamingUnsignedTrailer, &all)
}

mod plain {
    use super::*;

    #[test]
    fn a_whole_body_gives_its_digests() {
        let head = put(hash_of(b"hello world"), &[("content-length", "11")]);
        let want = Some(Crc64Nvme);
        let (payload, verdict) = take(&head, want, b"hello world");
        let digests = verdict.unwrap();
        assert_eq!(payload, b"hello world");
        assert_eq!(digests.len, 11);
        assert_eq!(digests.checksum.unwrap().to_base64(), "jSnVw/bqjr4=");
    }

    #[test]
    fn nothing_is_computed_that_nobody_wants() {
        // rule: body/unsigned
        let head = put(UnsignedPayload, &[("content-length", "3")]);
        let (_, verdict) = take(&head, NO_WANT, b"abc");
        assert_eq!(verdict.unwrap(), Digests { len: 3, checksum: None });
    }

    #[test]
    fn the_signed_hash_must_match() {
        // rule: body/hash
        let head = put(hash_of(b"hello world"), &[("content-length", "11")]);
        let error = take(&head, NO_WANT, b"hello_world").1.unwrap_err();
        assert_eq!(error.code, ErrorCode::XAmzContentSha256Mismatch);
        assert_eq!(
            error.detail("ClientComputedContentSHA256"),
            Some("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")
        );
        assert_eq!(
            error.detail("S3ComputedContentSHA256"),
            Some("35072c1ae546350e0bfa7ab11d49dc6f129e72ccd57ec7eb671225bbd197c8f1")
        );
    }

    #[test]
    fn the_length_must_be_there_and_right() {
        // rule: put/no-length, put/incomplete-body
        assert_eq!(refused(&put(UnsignedPayload, &[])).code, ErrorCode::MissingContentLength);
        let head = put(UnsignedPayload, &[("content-length", "4")]);
        for wire in [&b"abc"[..], b"abcde", b""] {
            let error = take(&head, NO_WANT, wire).1.unwrap_err();
            assert_eq!(error.code, ErrorCode::IncompleteBody);
            assert!(error.message.starts_with("You did not provide the number of bytes"));
        }
        // HTTP chunks carry no length of their own; the decoded length serves.
        let head = put(UnsignedPayload, &[("x-amz-decoded-content-length", "4")]);
        assert_eq!(verdict(&head, b"abcd").unwrap().len, 4);
    }

    #[test]
    fn too_much_is_refused_by_the_head_alone() {
        // rule: put/five-gib, upload-part/five-gib
        assert_eq!(PUT_LEN_MAX, crate::limits::PART_LEN_MAX);
        let head = put(UnsignedPayload, &[("content-length", "5368709121")]);
        let error = refused(&head);
        assert_eq!(error.code, ErrorCode::EntityTooLarge);
        assert_eq!(error.detail("ProposedSize"), Some("5368709121"));
        assert_eq!(error.detail("MaxSizeAllowed"), Some("5368709120"));
        let head = put(UnsignedPayload, &[("content-length", "5368709120")]);
        assert_eq!(
            Intake::new(&head.0, &head.1, NO_WANT, PUT_LEN_MAX).unwrap().payload_len(),
            Some(5_368_709_120)
        );
    }
}

mod promises {
    use super::*;

    fn with(headers: &[(&str, &str)]) -> (Head, Authenticated) {
        let mut all = vec![("content-length", "5")];
        all.extend_from_slice(headers);
        put(UnsignedPayload, &all)
    }

    #[test]
    fn content_md5_must_be_one_and_match() {
        // rule: checksum/content-md5
        let good = with(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")]);
        assert_eq!(verdict(&good, b"hello").unwrap().len, 5);
        let intake = || Intake::new(&good.0, &good.1, NO_WANT, PUT_LEN_MAX).unwrap();
        assert!(intake().promises_md5());
        let mut unproven = intake();
        unproven.push(Bytes::from_static(b"hello"), &mut |_| ()).unwrap();
        let error = unproven.finish(None, |_| None).unwrap_err();
        assert_eq!(error.code, ErrorCode::InternalError, "nothing passes unverified");

        let error = take(&good, NO_WANT, b"hullo").1.unwrap_err();
        assert_eq!(error.code, ErrorCode::BadDigest);
        assert_eq!(error.detail("ExpectedDigest"), Some("XUFAKrxLKna5cZ2REBfFkg=="));
        assert_eq!(error.detail("CalculatedDigest"), Some("VL9Dll4ruqIMIsIsp7Tpxw=="));

        for value in ["", "XUFA", "5d41402abc4b2a76b9719d911017c592", "XUFAKrxLKna5cZ2REBfFkg"] {
            let error = refused(&with(&[("content-md5", value)]));
            assert_eq!(error.code, ErrorCode::InvalidDigest, "{value}");
            assert_eq!(error.detail("Content-MD5"), Some(value));
        }
    }

    #[test]
    fn headers_that_are_no_checksum_are_left_alone() {
        // rule: checksum/unknown-header
        let head = with(&[
            ("x-amz-checksum-algorithm", "CRC32"),
            ("x-amz-checksum-type", "COMPOSITE"),
            ("x-amz-checksum-mode", "ENABLED"),
            ("x-amz-checksum-future", "1"),
            ("x-amz-checksum-crc32", ""),
        ]);
        assert_eq!(verdict(&head, b"hello").unwrap().checksum, None);
    }
}

mod documents {
    use super::*;

    fn document(
        head: &(Head, Authenticated),
        integrity: Integrity,
        len_max: u64,
    ) -> Result<Intake, S3Error> {
        Intake::document(&head.0, &head.1, integrity, len_max)
    }

    #[test]
    fn proof_is_asked_for_where_it_is_required() {
        // rule: checksum/integrity
        let bare = put(hash_of(b"<a/>"), &[("content-length", "4")]);
        let error = document(&bare, Integrity::Required, XML_BODY_MAX).err().unwrap();
        assert_eq!(
            error.message,
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        );
        let (payload, verdict) =
            run(document(&bare, Integrity::Optional, XML_BODY_MAX).unwrap(), b"<a/>", &[2]);
        assert_eq!((payload.as_slice(), verdict.unwrap().len), (&b"<a/>"[..], 4));

        let crc = ChecksumValue::from_crc32(crate::crc::crc32(b"<a/>")).to_base64();
        let proven =
            put(hash_of(b"<a/>"), &[("content-length", "4"), ("x-amz-checksum-crc32", &crc)]);
        assert!(run(document(&proven, Integrity::Required, 4).unwrap(), b"<a/>", &[]).1.is_ok());
    }

    #[test]
    fn a_checksum_of_the_object_is_not_the_documents() {
        // rule: checksum/of-the-object
        let head = put(
            UnsignedPayload,
            &[("content-length", "4"), ("x-amz-checksum-crc32", "NhCmhg==-2")],
        );
        let intake = document(&head, Integrity::OfObject, XML_BODY_MAX).unwrap();
        assert_eq!(intake.sent_algorithm(), None);
        assert!(run(intake, b"<a/>", &[]).1.is_ok());
    }

    #[test]
    fn documents_are_bounded_with_and_without_a_length() {
        let head = put(UnsignedPayload, &[("content-length", "5")]);
        let error = document(&head, Integrity::Optional, 4).err().unwrap();
        assert_eq!(error.code, ErrorCode::MaxMessageLengthExceeded);
        assert_eq!(error.detail("MaxMessageLengthBytes"), Some("4"));

        let head = put(UnsignedPayload, &[]);
        let outcome = |wire| run(document(&head, Integrity::Optional, 4).unwrap(), wire, &[2]).1;
        assert_eq!(outcome(b"<a/>").unwrap().len, 4);
        let error = outcome(b"<ab/>").unwrap_err();
        assert_eq!(error.code, ErrorCode::MaxMessageLengthExceeded);
    }

    #[test]
    fn documents_are_not_chunked() {
        // rule: body/chunks-of-uploads-alone
        for mode in [StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer] {
            let head = put(mode, &[("x-amz-decoded-content-length", "4")]);
            let error = document(&head, Integrity::Optional, XML_BODY_MAX).err().unwrap();
            assert_eq!(error.message, "The value of x-amz-content-sha256 header is invalid.");
        }
    }
}

mod unsigned_chunks {
    use super::*;

    const TRAILER: (&str, &str) = ("x-amz-trailer", "x-amz-checksum-crc64nvme");

    #[test]
    fn bodies_of_a_client_are_taken() {
        // rule: put/chunked
        let credential = Credential {
            access_key: vectors::ACCESS_KEY.to_string(),
            secret_key: vectors::SECRET_KEY.to_string(),
        };
        let now = Timestamp::parse_amz_date(vectors::DATE).unwrap();
        let mut chunked = 0;
        for vector in VECTORS {
            let mut headers = Headers::new();
            for (name, value) in vector.headers {
                headers.insert(*name, *value);
            }
            let method = Method::parse(vector.method);
            let head = Head::new(method, vector.path, Some(vector.query), headers, &[]).unwrap();
            let auth = authenticate(&head, "us-east-1", &credential, now).unwrap();
            let want = Some(Crc64Nvme);
            let intake = if vector.method == "PUT" {
                Intake::new(&head, &auth, want, PUT_LEN_MAX).unwrap()
            } else {
                Intake::document(&head, &auth, Integrity::Optional, XML_BODY_MAX).unwrap()
            };
            let (payload, verdict) = run(intake, vector.body.as_bytes(), &[]);
            let digests = verdict.expect(vector.name);
            assert_eq!(digests.len, payload.len() as u64, "{}", vector.name);
            if auth.payload.is_streaming() {
                chunked += 1;
                assert!(matches!(
                    payload.as_slice(),
                    b"" | b"hello world" | b"012345678901234567890123456789"
                ));
            } else {
                assert_eq!(payload, vector.body.as_bytes());
            }
        }
        assert_eq!(chunked, 4);
    }

    #[test]
    fn a_checksum_may_stand_in_the_head_instead() {
        let head = unsigned_put("7", &[("x-amz-checksum-crc32", "MSpqpg==")]);
        assert!(verdict(&head, b"7\r\nabcdefg\r\n0\r\n\r\n").is_ok());
        assert_eq!(verdict(&head, b"7\r\nabcdefh\r\n0\r\n\r\n"), Err(ErrorCode::BadDigest));
    }

    #[test]
    fn no_trailer_at_all_leaves_the_wanted_checksum() {
        // rule: body/no-trailer
        let head = unsigned_put("11", &[]);
        let want = Some(Crc64Nvme);
        let (_, verdict) = take(&head, want, b"B\r\nhello world\r\n0\r\n\r\n");
        assert_eq!(verdict.unwrap().checksum.unwrap().to_base64(), "jSnVw/bqjr4=");
    }

    #[test]
    fn trailers_must_be_the_promised_ones() {
        // rule: checksum/trailer, body/malformed-trailer
        let good = "x-amz-checksum-crc64nvme:M3eFcAZSQlc=\r\n";
        let rows: [(&[(&str, &str)], String); 5] = [
            (&[TRAILER], String::new()),
            (&[TRAILER], ":M3eFcAZSQlc=\r\n".to_string()),
            (&[TRAILER], "invalid_trailer:M3eFcAZSQlc=\r\n".to_string()),
            (&[TRAILER], format!("{good}{good}")),
            (&[], good.to_string()),
        ];
        for (headers, trailer) in rows {
            let wire = format!("5\r\nhello\r\n0\r\n{trailer}\r\n");
            let head = unsigned_put("5", headers);
            let error = take(&head, NO_WANT, wire.as_bytes()).1.unwrap_err();
            assert_eq!(
                (error.code, error.status()),
                (ErrorCode::MalformedTrailerError, 400),
                "{wire:?}"
            );
            assert_eq!(
                error.message,
                "The request contained trailing data that was not well-formed or did not conform to \
                 our published schema."
            );
        }
        let head = unsigned_put("5", &[TRAILER]);
        let wire = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc64nvme:invalid_checksum\r\n\r\n";
        let error = take(&head, NO_WANT, wire).1.unwrap_err();
        assert_eq!(error.message, "Value for x-amz-checksum-crc64nvme trailing header is invalid.");
    }

    #[test]
    fn line_feeds_alone_and_spare_empty_lines_pass() {
        let head = unsigned_put("5", &[TRAILER]);
        for tail in [
            "x-amz-checksum-crc64nvme:M3eFcAZSQlc=\n\r\n\r\n",
            "x-amz-checksum-crc64nvme:M3eFcAZSQlc=\n\r\n\r\n\r\n",
            " X-Amz-Checksum-Crc64nvme :  M3eFcAZSQlc=  \r\n\r\n",
        ] {
            let wire = format!("5\r\nhello\r\n0\r\n{tail}");
            assert!(verdict(&head, wire.as_bytes()).is_ok(), "{tail:?}");
        }
    }

    #[test]
    fn x_amz_trailer_names_one_known_checksum() {
        // rule: checksum/trailer, checksum/one, checksum/sdk-algorithm
        let error = |value| refused(&unsigned_put("5", &[("x-amz-trailer", value)]));
        for value in ["x-amz-checksum-sha3", "AAAAA", "x-amz-meta-a"] {
            assert_eq!(
                error(value).message,
                "The value specified in the x-amz-trailer header is not supported"
            );
        }
        let two = error("x-amz-checksum-crc32, x-amz-checksum-sha1");
        assert!(two.message.starts_with("Expecting a single x-amz-checksum- header."));
        let both = refused(&unsigned_put("5", &[TRAILER, ("x-amz-checksum-crc32", "NhCmhg==")]));
        assert_eq!(both, two);
        let other = unsigned_put("5", &[TRAILER, ("x-amz-sdk-checksum-algorithm", "sha1")]);
        assert_eq!(
            refused(&other).message,
            "Value for x-amz-sdk-checksum-algorithm header is invalid."
        );
    }

    #[test]
    fn the_decoded_length_must_be_a_number() {
        // rule: body/decoded-length
        for value in ["", "abc", "12x", "+5", "-1", "99999999999999999999"] {
            let error = refused(&unsigned_put(value, &[TRAILER]));
            assert_eq!(
                (error.code, error.status()),
                (ErrorCode::MissingContentLength, 411),
                "{value}"
            );
        }
    }

    #[test]
    fn a_broken_frame_is_an_incomplete_body() {
        // rule: body/broken-frame
        let head = unsigned_put("10", &[TRAILER]);
        let rows: [&[u8]; 20] = [
            b"",
            b"A\ndummy data\r\n0\r\n\r\n",
            b"A\r\ndummy data0\r\n\r\n",
            b"A\r\nXYZ\r\ndummy data\r\n0\r\n\r\n",
            b"B\r\ndummy data\r\n0\r\n\r\n",
            b"9\r\ndummy dat\r\n0\r\n\r\n",
            b"A\r\ndummy data\r\n0\r\n",
            b"A\r\ndummy data\r\n0\r\nx-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n",
            b"A\r\n",
            b"A\r\nA\r\ndummy data\r\n0\r\n\r\n",
            b"invalid_chunk_size\r\ndummy data\r\n0\r\n\r\n",
            b"A\r\ndummy data\r\nJ\r\nx-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n\r\n",
            b"-A\r\ndummy data\r\n0\r\n\r\n",
            b"+A\r\ndummy data\r\n0\r\n\r\n",
            b"0xA\r\ndummy data\r\n0\r\n\r\n",
            b" A\r\ndummy data\r\n0\r\n\r\n",
            b"FFFFFFFFFFFFFFFFF\r\ndummy data\r\n0\r\n\r\n",
            b"FFFFFFFFFFFFFFFF\r\ndummy data\r\n0\r\n\r\n",
            b"\r\n",
            b"A\r\ndummy data\r\n0\r\nx-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n\r\nmore",
        ];
        for wire in rows {
            let text = String::from_utf8_lossy(wire);
            let error = take(&head, NO_WANT, wire).1.unwrap_err();
            assert_eq!((error.code, error.status()), (ErrorCode::IncompleteBody, 400), "{text:?}");
        }
        // Good frames of another length than promised, and frames that are none, in S3's words.
        for (wire, message) in [
            (
                &b"9\r\ndummy dat\r\n0\r\n\r\n"[..],
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ),
            (b"A\r\ndummy", "The request body terminated unexpectedly"),
            (b"X\r\ndummy data\r\n0\r\n\r\n", "The request body terminated unexpectedly"),
        ] {
            assert_eq!(take(&head, NO_WANT, wire).1.unwrap_err().message, message);
        }
    }

    #[test]
    fn a_line_without_end_is_not_gathered() {
        let head = unsigned_put("10", &[TRAILER]);
        for start in ["A;", "A\r\ndummy data", "A\r\ndummy data\r\n0\r\nx-amz-"] {
            let mut intake = Intake::new(&head.0, &head.1, NO_WANT, PUT_LEN_MAX).unwrap();
            intake.push(Bytes::copy_from_slice(start.as_bytes()), &mut |_| ()).unwrap();
            let refused_after =
                (0..1000).position(|_| intake.push(Bytes::from_static(b"x"), &mut |_| ()).is_err());
            assert!(refused_after.unwrap() <= 256, "{start:?}");
        }
    }

    #[test]
    fn only_the_last_chunk_may_be_small() {
        // rule: body/small-chunk
        let head = unsigned_put("5", &[]);
        let wire = b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        let error = take(&head, NO_WANT, wire).1.unwrap_err();
        assert_eq!((error.code, error.status()), (ErrorCode::InvalidChunkSizeError, 400));
        assert_eq!(
            error.message,
            "Only the last chunk is allowed to have a size less than 8192 bytes"
        );
        assert_eq!(error.detail("Chunk"), Some("2"));
        assert_eq!(error.detail("BadChunkSize"), Some("3"));

        let intake = Intake::new(&head.0, &head.1, NO_WANT, PUT_LEN_MAX).unwrap();
        let (payload, verdict) = run(intake.allow_small_chunks(), wire, &[]);
        assert_eq!((payload.as_slice(), verdict.unwrap().len), (&b"hello"[..], 5));

        let mut framer = Framer::unsigned();
        framer.chunk(&[7; 8192]);
        framer.chunk(b"end");
        assert!(super::verdict(&unsigned_put("8195", &[]), &framer.end()).is_ok());
    }
}

mod signed_chunks {
    use super::*;

    /// S3 "… Transferring Payload in Multiple Chunks", its example.
    const SIGNATURES: [&str; 3] = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ];
    /// S3 "… Including Trailing Headers", its example: chunks, then the trailer.
    const TRAILER_SIGNATURES: [&str; 4] = [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
    ];

    fn example_head() -> (Head, Authenticated) {
        let head = put(
            StreamingSigned,
            &[
                ("content-encoding", "aws-chunked"),
                ("content-length", "66824"),
                ("x-amz-decoded-content-length", "66560"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
        );
        let seed = "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
        assert!(head.0.headers.get("authorization").unwrap().ends_with(seed));
        head
    }

    fn trailer_head() -> (Head, Authenticated) {
        let head = put(
            StreamingSignedTrailer,
            &[
                ("content-encoding", "aws-chunked"),
                ("x-amz-decoded-content-length", "66560"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("x-amz-trailer", "x-amz-checksum-crc32c"),
            ],
        );
        let seed = "Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
        assert!(head.0.headers.get("authorization").unwrap().ends_with(seed));
        head
    }

    /// 66,560 times `a` in chunks of 64 KiB, up to and with the first line of the zero chunk.
    fn example_chunks(signatures: &[&str]) -> Vec<u8> {
        let mut wire = format!("10000;chunk-signature={}\r\n", signatures[0]).into_bytes();
        wire.extend_from_slice(&[b'a'; 65536]);
        wire.extend_from_slice(format!("\r\n400;chunk-signature={}\r\n", signatures[1]).as_bytes());
        wire.extend_from_slice(&[b'a'; 1024]);
        wire.extend_from_slice(format!("\r\n0;chunk-signature={}\r\n", signatures[2]).as_bytes());
        wire
    }

    fn example() -> Vec<u8> {
        [example_chunks(&SIGNATURES), b"\r\n".to_vec()].concat()
    }

    fn trailer_example(between: &str) -> Vec<u8> {
        let trailer = format!(
            "x-amz-checksum-crc32c:sOO8/Q=={between}x-amz-trailer-signature:{}\r\n\r\n",
            TRAILER_SIGNATURES[3]
        );
        [example_chunks(&TRAILER_SIGNATURES), trailer.into_bytes()].concat()
    }

    #[test]
    fn the_example_of_the_s3_pages_is_taken() {
        // rule: body/signed-chunks
        let wire = example();
        assert_eq!(wire.len(), 66824);
        let (payload, verdict) = take(&example_head(), NO_WANT, &wire);
        assert_eq!(verdict.unwrap().len, 66560);
        assert!(payload.len() == 66560 && payload.iter().all(|&byte| byte == b'a'));
    }

    #[test]
    fn the_example_with_a_trailer_is_taken() {
        // rule: body/signed-trailer
        // The second way is the one of minio-go.
        for between in ["\r\n", "\n\r\n"] {
            let (payload, verdict) = take(&trailer_head(), NO_WANT, &trailer_example(between));
            let digests = verdict.unwrap();
            assert_eq!((payload.len(), digests.len), (66560, 66560));
            assert_eq!(digests.checksum.unwrap().to_base64(), "sOO8/Q==");
        }
    }

    #[test]
    fn the_framer_writes_what_the_pages_show() {
        let framed = |chain: Chain| {
            let mut framer = Framer::signed(chain);
            framer.chunk(&[b'a'; 65536]);
            framer.chunk(&[b'a'; 1024]);
            framer
        };
        assert_eq!(framed(example_head().1.chain).end(), example());
        let trailers = [("x-amz-checksum-crc32c", "sOO8/Q==")];
        assert_eq!(framed(trailer_head().1.chain).end_with(&trailers), trailer_example("\r\n"));
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        // rule: body/signed-chunks
        let head = example_head();
        let good = example();
        for at in
            (0..200).chain([40_000, 65_623, 66_500]).chain(65_624..65_720).chain(66_730..good.len())
        {
            let mut wire = good.clone();
            wire[at] ^= 1;
            let verdict = take(&head, NO_WANT, &wire).1;
            let code = verdict.map_err(|error| error.code).unwrap_err();
            assert!(
                matches!(
                    code,
                    ErrorCode::SignatureDoesNotMatch
                        | ErrorCode::IncompleteBody
                        | ErrorCode::InvalidChunkSizeError
                ),
                "{at}: {code:?}"
            );
        }
        for len in (0..100).chain([65_624, 65_700]).chain(66_600..good.len()) {
            assert_eq!(verdict(&head, &good[..len]), Err(ErrorCode::IncompleteBody), "{len}");
        }
        let mut swapped = good;
        swapped[100] = b'b';
        let error = take(&head, NO_WANT, &swapped).1.unwrap_err();
        assert_eq!((error.code, error.status()), (ErrorCode::SignatureDoesNotMatch, 403));
        assert_eq!(error.detail("SignatureProvided"), Some(SIGNATURES[0]));
        assert!(error.detail("StringToSign").unwrap().starts_with("AWS4-HMAC-SHA256-PAYLOAD\n"));
    }

    #[test]
    fn an_unsigned_chunk_or_a_long_line_is_refused() {
        let head = put(StreamingSigned, &[("x-amz-decoded-content-length", "1")]);
        for wire in [
            "1\r\na\r\n0\r\n\r\n".to_string(),
            "1;chunk-signature=00\r\na\r\n0\r\n\r\n".to_string(),
            format!("1;chunk-signature={}\r\na", "0".repeat(65)),
            format!("1;{};chunk-signature={}\r\na", "x".repeat(300), "0".repeat(64)),
        ] {
            assert_eq!(verdict(&head, wire.as_bytes()), Err(ErrorCode::IncompleteBody), "{wire}");
        }
    }

    fn small(trailer: &str) -> ((Head, Authenticated), Vec<u8>) {
        let head = put(
            StreamingSignedTrailer,
            &[("x-amz-decoded-content-length", "7"), ("x-amz-trailer", "x-amz-checksum-crc64nvme")],
        );
        let mut framer = Framer::signed(head.1.chain.clone());
        framer.chunk(b"abcdefg");
        let (name, value) = trailer.split_once(':').unwrap();
        let wire = framer.end_with(&[(name, value)]);
        (head, wire)
    }

    #[test]
    fn signed_trailers_must_be_the_promised_ones() {
        // rule: checksum/trailer, body/malformed-trailer
        let rows = [
            ("x-amz-checksum-crc64nvme:SmzZ/LTp1CA=", None),
            ("x-amz-checksum-crc64nvme:QFRKMGE3tuw=", Some(ErrorCode::BadDigest)),
            ("x-amz-checksum-crc64nvme:invalid", Some(ErrorCode::InvalidRequest)),
            ("x-amz-invalid:invalid", Some(ErrorCode::MalformedTrailerError)),
            ("x-amz-checksum-crc32:QWaN2w==", Some(ErrorCode::MalformedTrailerError)),
        ];
        for (trailer, code) in rows {
            let (head, wire) = small(trailer);
            assert_eq!(verdict(&head, &wire).err(), code, "{trailer}");
        }
    }

    #[test]
    fn the_trailers_signature_must_be_there_and_right() {
        // rule: body/signed-trailer
        let (head, wire) = small("x-amz-checksum-crc64nvme:SmzZ/LTp1CA=");
        // Offsets: the trailer begins at 177, its signature's line at 216, the signature at 240.
        let changed = |from: usize, to: usize, by: &[u8]| [&wire[..from], by, &wire[to..]].concat();
        assert!(
            wire[177..].starts_with(b"x-amz-checksum")
                && wire[216..].starts_with(b"x-amz-trailer-sig")
        );
        for (from, to, by) in [
            (175, 176, &b"k"[..]),
            (175, 177, b"cc"),
            (215, 216, b"bcd"),
            (220, 223, b"invalid"),
            (230, 235, b"abcd"),
            (241, 245, b"abcde"),
            (216, 306, b""),
            (306, 308, b"pp"),
            (304, 308, b"erty"),
        ] {
            let spoilt = changed(from, to, by);
            assert_eq!(verdict(&head, &spoilt), Err(ErrorCode::IncompleteBody), "{from}");
        }
        let forged = changed(240, 244, b"0000");
        let error = take(&head, NO_WANT, &forged).1.unwrap_err();
        assert_eq!(error.code, ErrorCode::SignatureDoesNotMatch);
        assert!(error.detail("StringToSign").unwrap().starts_with("AWS4-HMAC-SHA256-TRAILER\n"));
    }
}

/// Bodies that are right, and bodies with one byte changed, one taken out or one put in.
fn any_body() -> impl Strategy<Value = ((Head, Authenticated), Vec<u8>)> {
    let payload = proptest::collection::vec(any::<u8>(), 0..20_000);
    let kind = 0..5_usize;
    let damage = proptest::option::of((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8));
    (payload, kind, 8192..10_000_usize, damage).prop_map(|(payload, kind, chunk_len, damage)| {
        let decoded = payload.len().to_string();
        let length = [("content-length", decoded.as_str())];
        let decoded = ("x-amz-decoded-content-length", decoded.as_str());
        let trailer = ("x-amz-trailer", "x-amz-checksum-crc32");
        let head = match kind {
            0 => put(hash_of(&payload), &length),
            1 => put(UnsignedPayload, &length),
            2 => put(StreamingSigned, &[decoded]),
            3 => put(StreamingSignedTrailer, &[decoded, trailer]),
            _ => put(StreamingUnsignedTrailer, &[decoded, trailer]),
        };
        let mut wire = if head.1.payload.is_streaming() {
            let mut framer = match kind {
                2 | 3 => Framer::signed(head.1.chain.clone()),
                _ => Framer::unsigned(),
            };
            payload.chunks(chunk_len).for_each(|chunk| framer.chunk(chunk));
            let crc = ChecksumValue::from_crc32(crate::crc::crc32(&payload)).to_base64();
            if kind == 2 {
                framer.end()
            } else {
                framer.end_with(&[("x-amz-checksum-crc32", &crc)])
            }
        } else {
            payload
        };
        if let Some((at, byte, how)) = damage
            && !wire.is_empty()
        {
            let at = at.index(wire.len());
            match how {
                0 => wire[at] = byte,
                1 => wire.insert(at, byte),
                _ => drop(wire.remove(at)),
            }
        }
        (head, wire)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn splitting_the_wire_changes_nothing(
        (head, wire) in any_body(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let intake = || {
            let want = Some(Crc32c);
            Intake::new(&head.0, &head.1, want, PUT_LEN_MAX).unwrap()
        };
        let (payload, verdict) = run(intake(), &wire, &[]);
        if let Ok(digests) = &verdict {
            prop_assert_eq!(digests.len, payload.len() as u64);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.sort_unstable();
        let (split_payload, split_verdict) = run(intake(), &wire, &cuts);
        prop_assert_eq!(&split_verdict, &verdict);
        if verdict.is_ok() {
            prop_assert_eq!(&split_payload, &payload);
        }
        let one_by_one: Vec<usize> = (0..wire.len().min(2000)).collect();
        let (_, split_verdict) = run(intake(), &wire, &one_by_one);
        prop_assert_eq!(&split_verdict, &verdict);
    }

    #[test]
    fn no_wire_is_a_panic(wire in proptest::collection::vec(any::<u8>(), 0..200), text in "[0-9a-f;:\r\n -]{0,60}") {
        for mode in [StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer] {
            let head = put(mode, &[("x-amz-decoded-content-length", "50")]);
            for wire in [wire.as_slice(), text.as_bytes()] {
                prop_assert!(take(&head, NO_WANT, wire).1.is_err());
            }
        }
    }
}

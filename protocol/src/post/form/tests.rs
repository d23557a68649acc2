use alloc::format;
use alloc::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

const BOUNDARY: &str = "--x-y";

/// One field as browsers write it; with a name of a file, a file.
fn part(name: &str, filename: Option<&str>, value: &[u8]) -> Vec<u8> {
    let filename = filename.map_or(String::new(), |file| format!("; filename=\"{file}\""));
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n"
    );
    [head.as_bytes(), value, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), format!("--{BOUNDARY}--\r\n").into_bytes()].concat()
}

type Read = Result<(Vec<(String, String)>, Vec<u8>), S3Error>;

/// Reads a form from these pieces.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let boundary = format!("multipart/form-data; boundary={BOUNDARY}");
    let boundary = Boundary::parse(Some(&boundary)).unwrap();
    let (mut reader, mut file) = (FormReader::new(&boundary), Vec::new());
    for piece in pieces {
        let had_file = reader.has_file();
        let before = reader.fields().clone();
        reader.push(Bytes::copy_from_slice(piece), &mut |bytes| file.extend_from_slice(&bytes))?;
        assert!(!had_file || before == *reader.fields(), "a field behind the file");
    }
    reader.finish()?;
    let fields = reader.fields().iter();
    let fields = fields.map(|(name, value)| (name.to_string(), value.to_string()));
    Ok((fields.collect(), file))
}

fn code(read: Read) -> ErrorCode {
    read.unwrap_err().code
}

#[test]
fn fields_come_before_the_file_and_the_rest_is_passed_over() {
    // rule: post/body, post/behind-the-file
    let body = form(&[
        part("Key", None, "a/é".as_bytes()),
        part("acl", Some("field.txt"), b"private"),
        part("empty", None, b""),
        part("FILE", Some("up.txt"), b"line\r\n--x-y\r\n"),
        part("key", None, b"other"),
        part("submit", None, b"\xff"),
    ]);
    let expect = [("acl", "private"), ("empty", ""), ("key", "a/é")];
    let expect = expect.map(|(name, value)| (name.to_string(), value.to_string()));
    for behind in [&b""[..], b"an epilogue\r\n----x-y\r\n"] {
        let body = [&body, behind].concat();
        let (fields, file) = read([&body[..]]).unwrap();
        assert_eq!(fields, expect);
        assert_eq!(file, b"line\r\n--x-y\r\n");
    }
    // The end of a line before the first boundary, and a text.
    for before in [&b"\r\n"[..], b"a preamble\r\n"] {
        assert_eq!(read([before, &body]).unwrap().0, expect);
    }
}

#[test]
fn the_name_of_the_file_is_expanded_when_there_is_one() {
    // rule: post/filename
    for (filename, key) in
        [(Some("a\\b.txt"), "in/b.txt"), (Some(""), "in/"), (None, "in/${filename}")]
    {
        let body = form(&[part("key", None, b"in/${filename}"), part("file", filename, b"x")]);
        assert_eq!(read([&body[..]]).unwrap().0, [("key".to_string(), key.to_string())]);
    }
}

#[test]
fn what_does_not_end_is_malformed() {
    // rule: post/malformed
    let body = form(&[part("key", None, b"k"), part("file", None, b"content")]);
    let end = body.len() - 2;
    for cut in 0..end {
        assert_eq!(code(read([&body[..cut]])), ErrorCode::MalformedPostRequest, "{cut}");
    }
    assert!(read([&body[..end]]).is_ok(), "the last end of a line may be missing");
    for bad in [
        &b"key=k&file=x"[..],
        b"--other\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--other--\r\n",
        b"----x-y\nContent-Disposition: form-data; name=\"file\"\n\nx\n----x-y--\n",
        b"----x-y\r\n\r\nno head\r\n----x-y--\r\n",
    ] {
        assert_eq!(code(read([bad])), ErrorCode::MalformedPostRequest);
    }
    let not_text = form(&[part("key", None, b"\xff"), part("file", None, b"")]);
    assert_eq!(code(read([&not_text[..]])), ErrorCode::MalformedPostRequest);
}

#[test]
fn there_is_one_file() {
    // rule: post/one-file
    let two = [part("file", None, b"1"), part("File", None, b"2")];
    let none = [part("key", None, b"k"), part("files", Some("name"), b"1")];
    for (parts, count) in [(two, "2"), (none, "0")] {
        let error = read([&form(&parts)[..]]).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message, "POST requires exactly one file upload per request.");
        assert_eq!(error.detail("ArgumentName"), Some("file"));
        assert_eq!(error.detail("ArgumentValue"), Some(count));
    }
    let empty = format!("--{BOUNDARY}--");
    assert_eq!(read([empty.as_bytes()]).unwrap_err().detail("ArgumentValue"), Some("0"));
}

#[test]
fn fields_are_bounded() {
    // rule: post/fields-length
    let fits = |extra: usize| {
        let value = "v".repeat(FIELDS_LEN_MAX - 8 + extra);
        let file = "f".repeat(FIELDS_LEN_MAX * 3);
        let parts = [
            part("key", None, b"k"),
            part("four", None, value.as_bytes()),
            part("file", None, file.as_bytes()),
            part("behind", None, file.as_bytes()),
        ];
        read(form(&parts).chunks(1000))
    };
    assert!(fits(0).is_ok());
    let error = fits(1).unwrap_err();
    assert_eq!(error.code, ErrorCode::MaxPostPreDataLengthExceeded);
    assert_eq!(error.status(), 400);
    assert_eq!(error.message, "Your POST request fields preceeding the upload file was too large.");
    assert_eq!(error.detail("MaxPostPreDataLengthBytes"), Some("20480"));
    // Neither endless values, nor many names, nor a long preamble are kept.
    let endless = part("key", None, &[b'v'; FIELDS_LEN_MAX * 2]);
    let names = form(&[
        part(&"n".repeat(7000), None, b""),
        part(&"m".repeat(7000), None, b""),
        part(&"o".repeat(7000), None, b""),
    ]);
    let preamble = [b'p'; FIELDS_LEN_MAX + 1];
    // A name that comes again and again adds a comma each time.
    let again = part("n", None, b"").repeat(FIELDS_LEN_MAX + 1);
    for long in [&endless[..], &names, &preamble, &again] {
        assert_eq!(code(read([long])), ErrorCode::MaxPostPreDataLengthExceeded);
        assert_eq!(code(read(long.chunks(1))), ErrorCode::MaxPostPreDataLengthExceeded);
    }
}

/// Parts with texts that nearly are boundaries, put together without care.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => Just(part("key", None, b"a${filename}")),
        2 => Just(part("acl", Some("x"), b"\r\n----x-z")),
        4 => Just(part("file", Some("d/n.txt"), b"\r\n----x-y-\r\r\n--")),
        1 => Just(b"\r\n----x-y\r\n".to_vec()),
        1 => Just(b"----x-y--".to_vec()),
        1 => Just(b"\r\n--".to_vec()),
        1 => Just(b"Content-Disposition: form-data; name=\"b\"\r\n".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    (proptest::collection::vec(word, 0..10), any::<bool>())
        .prop_map(|(words, ends)| if ends { form(&words) } else { words.concat() })
}

proptest! {
    #[test]
    fn a_form_reads_the_same_however_it_is_split(
        body in bodies(),
        sizes in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let whole = read([&body[..]]);
        prop_assert_eq!(&read(body.chunks(1)), &whole);
        let (mut rest, mut pieces, mut sizes) = (&body[..], Vec::new(), sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            pieces.push(piece);
            rest = behind;
        }
        prop_assert_eq!(&read(pieces), &whole);
    }

    #[test]
    fn a_file_comes_out_as_it_went_in(
        content in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'x'), any::<u8>()], 0..300),
        piece in 1_usize..50,
    ) {
        let delimiter = format!("\r\n--{BOUNDARY}");
        prop_assume!(!content.windows(delimiter.len()).any(|some| some == delimiter.as_bytes()));
        let body = form(&[part("key", None, b"k"), part("file", Some("f"), &content)]);
        prop_assert_eq!(read(body.chunks(piece)).unwrap().1, content);
    }
}

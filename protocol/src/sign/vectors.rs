//! Requests as a client sends them: signed by botocore 1.44.5 at one fixed time, taken off its wire.
//! Headers that it does not sign are left out, except those that say how the body comes.

/// A request that a client signed.
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The wire bytes of the body.
    pub(crate) body: &'static str,
}

/// Whose secret signed them.
pub(crate) const ACCESS_KEY: &str = "TENONTESTACCESSKEY01";
/// With what they are signed.
pub(crate) const SECRET_KEY: &str = "a/secret+with=odd characters";
/// When: the value of their `x-amz-date`.
pub(crate) const DATE: &str = "20260304T050607Z";

pub(crate) const VECTORS: &[Vector] = &[
    Vector {
        name: "list with odd prefix",
        method: "GET",
        path: "/bucket",
        query: "list-type=2&prefix=a%20b%2Bc%2F%C3%A9%26%3D~%2A%27%28%29%21&delimiter=%2F&max-keys=7&start-after=%C3%BC%2525&encoding-type=url",
        headers: &[
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=0ba87a76e3cea50dc9541a7723f5e51c375ae73c8b226f9660b41b2dd4c8da81",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "",
    },
    Vector {
        name: "list buckets",
        method: "GET",
        path: "/",
        query: "",
        headers: &[
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=3aca1789c8f47b2d15decb0dcda84a5ec96f7b85eb9a90bdc27cb71e43f10721",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "",
    },
    Vector {
        name: "get range with response headers",
        method: "GET",
        path: "/bucket/k",
        query: "response-content-disposition=attachment%3B%20filename%3D%22a%20b%2Bc.txt%22",
        headers: &[
            ("Range", "bytes=0-9"),
            ("x-amz-checksum-mode", "ENABLED"),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date, Signature=eaaeef954a82a321b67ba3ead64a7b714741963b77b53b386de4c90055c234cb",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "",
    },
    Vector {
        name: "odd key",
        method: "GET",
        path: "/bucket/odd%20key/%C3%BC%20%2B%252B%26%3D%3F%23%5B%5D%40%21%24%27%28%29%2A%2C%3B%3A~/..//./x%5C%22%5E%60%7B%7C%7D",
        query: "",
        headers: &[
            ("x-amz-checksum-mode", "ENABLED"),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date, Signature=59dd21b1a17564659b859d2cf83acbfd72039d6321f41ea19cf87b639879504f",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "",
    },
    Vector {
        name: "head",
        method: "HEAD",
        path: "/bucket/a/b",
        query: "",
        headers: &[
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=6e7e3ed760e1935399da794beeb1e06c9c2bd8763ceba0d06ffa9a1c812d3b3d",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "",
    },
    Vector {
        name: "put with metadata",
        method: "PUT",
        path: "/bucket/put%20me",
        query: "",
        headers: &[
            ("x-amz-meta-one", "a   b    c"),
            ("x-amz-meta-two", " x "),
            ("x-amz-meta-empty", ""),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Cache-Control", "max-age=1,  private"),
            ("x-amz-checksum-crc32", "DUoRhQ=="),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=cache-control;content-type;host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-meta-empty;x-amz-meta-one;x-amz-meta-two;x-amz-sdk-checksum-algorithm, Signature=3323678db2e12cdc35f14506430f6a59c71254dd103d65376634f8ff6299aa8c",
            ),
            ("Content-Length", "11"),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "hello world",
    },
    Vector {
        name: "put with md5",
        method: "PUT",
        path: "/bucket/put%20me",
        query: "",
        headers: &[
            ("Content-MD5", "XrY7u+Ae7tCTyyK7j1rNww=="),
            ("x-amz-checksum-crc32", "DUoRhQ=="),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=content-md5;host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-sdk-checksum-algorithm, Signature=2d88a417eb6a17cea6b03a49d0a10f0cd2025a27479eeea129fb215709546e00",
            ),
            ("Content-Length", "11"),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "hello world",
    },
    Vector {
        name: "upload part",
        method: "PUT",
        path: "/bucket/put%20me",
        query: "uploadId=0123abcd&partNumber=12",
        headers: &[
            ("x-amz-checksum-crc32", "LVwHlA=="),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "276fadfc9edc49f5f9af96d97636731def7525d4bfa16bc07699534873a474cc",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-sdk-checksum-algorithm, Signature=05867708e72de78a0bdfc04b580e20ebbf5125086a9f42cd85a97b5fe33a6498",
            ),
            ("Content-Length", "30"),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "012345678901234567890123456789",
    },
    Vector {
        name: "part copy",
        method: "PUT",
        path: "/bucket/dst",
        query: "uploadId=0123abcd&partNumber=3",
        headers: &[
            ("x-amz-copy-source", "src/a%20b%2Bc/%C3%A9%25"),
            ("x-amz-copy-source-range", "bytes=3-9"),
            ("x-amz-copy-source-if-match", "\"abc\""),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-copy-source;x-amz-copy-source-if-match;x-amz-copy-source-range;x-amz-date, Signature=f4c52556a8742bc9a4d3b6cd88b317911cec119fe68a074f307d847b62f1c799",
            ),
            ("Content-Length", "0"),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "",
    },
    Vector {
        name: "put tags",
        method: "PUT",
        path: "/bucket/k",
        query: "tagging",
        headers: &[
            ("x-amz-checksum-crc32", "O/bJBg=="),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e9a8749e6c8fda237f31c930b24169ec26f0f7bca248846d14cba06ee2c8123b",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-sdk-checksum-algorithm, Signature=32c0d17c721a1f84388d6a5b6cd43a074d993a8e0192a2ab3c7551bc98d9f6d5",
            ),
            ("Content-Length", "125"),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet><Tag><Key>a</Key><Value>b c</Value></Tag></TagSet></Tagging>",
    },
    Vector {
        name: "complete",
        method: "POST",
        path: "/bucket/k",
        query: "uploadId=0123abcd",
        headers: &[
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "0b14355df0d5218c9b83ee7f7a1ddcaa59e5d5fe5262308ed84609934456a9dc",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=227d0ad19f676dabc57e8ca3a76894ff10fd433c5929bb2bd29739fd5d597c62",
            ),
            ("Content-Length", "195"),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><PartNumber>1</PartNumber><ETag>\"abc\"</ETag><ChecksumCRC32>NhCmhg==</ChecksumCRC32></Part></CompleteMultipartUpload>",
    },
    Vector {
        name: "put over TLS",
        method: "PUT",
        path: "/bucket/put%20me",
        query: "",
        headers: &[
            ("Transfer-Encoding", "chunked"),
            ("Content-Encoding", "aws-chunked"),
            ("X-Amz-Trailer", "x-amz-checksum-crc32"),
            ("X-Amz-Decoded-Content-Length", "11"),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("X-Amz-Date", "20260304T050607Z"),
            ("X-Amz-Content-SHA256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-sdk-checksum-algorithm;x-amz-trailer, Signature=856124c4ea3e19d881f7d85705bffcd8481523a222b78f1e022cdd3fbe6283e5",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
    },
    Vector {
        name: "put with SHA-256 over TLS",
        method: "PUT",
        path: "/bucket/put%20me",
        query: "",
        headers: &[
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
            ("Transfer-Encoding", "chunked"),
            ("Content-Encoding", "aws-chunked"),
            ("X-Amz-Trailer", "x-amz-checksum-sha256"),
            ("X-Amz-Decoded-Content-Length", "11"),
            ("X-Amz-Date", "20260304T050607Z"),
            ("X-Amz-Content-SHA256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-sdk-checksum-algorithm;x-amz-trailer, Signature=94381ae61b20f32b815611e76fa103002ee554eab9424ae1888c52146b764ede",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "b\r\nhello world\r\n0\r\nx-amz-checksum-sha256:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=\r\n\r\n",
    },
    Vector {
        name: "put empty over TLS",
        method: "PUT",
        path: "/bucket/put%20me",
        query: "",
        headers: &[
            ("Transfer-Encoding", "chunked"),
            ("Content-Encoding", "aws-chunked"),
            ("X-Amz-Trailer", "x-amz-checksum-crc32"),
            ("X-Amz-Decoded-Content-Length", "0"),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("X-Amz-Date", "20260304T050607Z"),
            ("X-Amz-Content-SHA256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-sdk-checksum-algorithm;x-amz-trailer, Signature=99f8081aa8c06d0ecae9dbd4e7d1967c9c1dae3e9dc9ebb0c35bbe1753aebbdb",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
    },
    Vector {
        name: "upload part over TLS",
        method: "PUT",
        path: "/bucket/put%20me",
        query: "uploadId=0123abcd&partNumber=12",
        headers: &[
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("Transfer-Encoding", "chunked"),
            ("Content-Encoding", "aws-chunked"),
            ("X-Amz-Trailer", "x-amz-checksum-crc32"),
            ("X-Amz-Decoded-Content-Length", "30"),
            ("X-Amz-Date", "20260304T050607Z"),
            ("X-Amz-Content-SHA256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-sdk-checksum-algorithm;x-amz-trailer, Signature=5fd7375aa6a4dfb9d67b60b6e21eeba7613ff976cabf98939c97beebe1b10fa7",
            ),
            ("Host", "127.0.0.1:9000"),
        ],
        body: "1e\r\n012345678901234567890123456789\r\n0\r\nx-amz-checksum-crc32:LVwHlA==\r\n\r\n",
    },
    Vector {
        name: "repeated header",
        method: "GET",
        path: "/bucket/k",
        query: "",
        headers: &[
            ("x-amz-meta-a", "one"),
            ("x-amz-meta-a", "two  spaces"),
            ("x-amz-meta-b", " padded  out "),
            ("My-Header", "x"),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;my-header;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-amz-meta-b, Signature=6975828864d3ac52783c8a7d26810c2e11cddc1cf12657a66800c4ee2a126e8e",
            ),
            ("Host", "node.example.test"),
        ],
        body: "",
    },
    Vector {
        name: "query order and plus",
        method: "GET",
        path: "/bucket",
        query: "b=2&a=%2F%2B%20&a=&c&a-b=1&a.b=1&A=9",
        headers: &[
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=8c5eec46d81405d5bf7fbeb2341eaf395f6183bcac7d987f92f4b12a676a0b10",
            ),
            ("Host", "node.example.test"),
        ],
        body: "",
    },
    Vector {
        name: "port in the host",
        method: "GET",
        path: "/bucket/a%20b/%C3%A9~",
        query: "",
        headers: &[
            ("x-amz-request-payer", "requester"),
            ("X-Amz-Date", "20260304T050607Z"),
            (
                "X-Amz-Content-SHA256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=TENONTESTACCESSKEY01/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-request-payer, Signature=2d19f1c0b75c77e3cb3ec353659e27b866b4ccc12cd1b4775ff78a7ecc821576",
            ),
            ("Host", "node.example.test:8080"),
        ],
        body: "",
    },
];

//! Room: URLs that carry their signature: what their bearer can do, and what he cannot.

use protocol::sign::PayloadMode;
use protocol::time::Timestamp;

use tenon_tests::client::{Call, complete_upload, copy_part, create_upload, now, with_sum};
use tenon_tests::http::{Connection, Reply};

use crate::{TARGET, TEN, TEN_BYTES, Victim, expected};

/// What somebody sends who has the URL and is told the headers.
pub(crate) fn wire(host: &str, call: &Call, query: &str) -> Vec<u8> {
    let mut head = format!("{} {}?{query} HTTP/1.1\r\nhost: {host}\r\n", call.method, call.path);
    for (name, value) in &call.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", call.body.len()));
    [head.as_bytes(), &call.body].concat()
}

impl Victim {
    fn host(&self) -> String {
        self.s3.address.to_string()
    }

    fn presigned(&self, call: &Call) -> Vec<u8> {
        wire(&self.host(), call, &self.s3.presign(&self.host(), call))
    }

    fn bear(&self, call: &Call) -> Reply {
        let mut connection = Connection::open(self.s3.address).expect("the node listens");
        connection.send(&self.presigned(call)).expect("the node takes bytes");
        connection.receive(call.method == "HEAD").expect("the node answers")
    }

    fn must_bear(&self, call: &Call, status: u16) -> Reply {
        let reply = self.bear(call);
        assert_eq!(reply.status, status, "{} {}: {}", call.method, call.path, reply.text());
        reply
    }
}

fn etag(reply: &Reply) -> String {
    reply.header("etag").map(str::to_owned).or_else(|| reply.element("ETag")).expect("an ETag")
}

#[test]
fn a_url_is_enough_for_every_operation() {
    // rule: presigned/every-operation, presigned/body, presigned/not-logged
    let mut victim = Victim::new();
    let put = Call::new("PUT", "/hostile/url%20%C3%A9+").body("by url");
    victim.must_bear(&put, 200);
    let get = Call::new("GET", put.path.clone());
    assert_eq!(victim.must_bear(&get, 200).body, b"by url");
    let range = victim.bear(&Call::new("GET", TEN).header("range", "bytes=2-3"));
    assert_eq!((range.status, &*range.body), (206, &b"23"[..]));
    let head = victim.must_bear(&Call::new("HEAD", put.path.clone()), 200);
    assert_eq!(head.header("content-length"), Some("6"));
    let list = Call::new("GET", "/hostile").query("list-type=2&prefix=url%20");
    assert_eq!(victim.must_bear(&list, 200).elements("Key"), ["url é+"]);
    victim.must_bear(&Call::new("DELETE", put.path.clone()), 204);
    victim.must_not_exist(&put.path);

    let upload = victim.must_bear(&create_upload("/hostile/of-urls"), 200).element("UploadId");
    let upload = upload.expect("an upload has an id");
    let copy = copy_part("/hostile/of-urls", &upload, 1, TEN, None);
    let copied = (1, etag(&victim.must_bear(&copy, 200)));
    let call = complete_upload("/hostile/of-urls", &upload, &[copied]);
    let completed = victim.must_bear(&call, 200);
    let location = format!("http://{}/hostile/of-urls", victim.host());
    assert_eq!(completed.element("Location"), Some(location));
    let part = victim.part(7).body("a part");
    assert!(!etag(&victim.must_bear(&part, 200)).is_empty());
    assert_eq!(victim.must_bear(&Call::new("GET", "/hostile/of-urls"), 200).body, TEN_BYTES);
    // A body that the URL vouches for.
    let digest = PayloadMode::parse(TEN_SHA256).expect("a digest");
    let put = Call::new("PUT", "/hostile/vouched").payload(digest);
    victim.must_bear(&put.clone().body(TEN_BYTES), 200);
    let wrong = wire(&victim.host(), &put.clone().body("0123456780"), "");
    let query = victim.s3.presign(&victim.host(), &put);
    let wrong = String::from_utf8(wrong).expect("text").replacen('?', &format!("?{query}"), 1);
    let mismatch = expected(400, "XAmzContentSHA256Mismatch");
    victim.must_refuse_wire("another body", wrong.as_bytes(), &mismatch);
    assert_eq!(victim.must_bear(&Call::new("GET", "/hostile/vouched"), 200).body, TEN_BYTES);
    let log = victim.node.log();
    assert!(
        !log.contains("X-Amz-") && !log.contains("Signature="),
        "no signature is logged: {log}"
    );
    victim.node.stop();
}

#[test]
fn a_page_of_another_origin_uploads_by_url() {
    // rule: cors/preflight, cors/unsigned, cors/actual, cors/errors
    let mut victim = Victim::new();
    let rules = "<CORSConfiguration><CORSRule><AllowedMethod>PUT</AllowedMethod>\
        <AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://*.app.test</AllowedOrigin>\
        <AllowedHeader>content-type</AllowedHeader><ExposeHeader>ETag</ExposeHeader></CORSRule></CORSConfiguration>";
    let rules = with_sum(Call::new("PUT", "/hostile").query("cors="), rules);
    assert_eq!(victim.s3.call(&rules).expect("an answer").status, 200);
    let (host, page) = (victim.host(), ("origin", "https://www.app.test"));
    let may_see = |reply: &Reply| {
        assert_eq!(reply.header("access-control-allow-origin"), Some(page.1), "{}", reply.text());
        assert_eq!(reply.header("access-control-expose-headers"), Some("ETag"));
    };
    let mut connection = Connection::open(victim.s3.address).expect("the node listens");
    let mut send = |call: &Call, query: &str| {
        connection.send(&wire(&host, call, query)).expect("the node takes bytes");
        connection.receive(false).expect("the node answers")
    };
    let put = Call::new("PUT", "/hostile/page").body("by a page");
    let url = victim.s3.presign(&host, &put);
    let asks = Call::new("OPTIONS", put.path.clone())
        .header(page.0, page.1)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "content-type");
    let asked = send(&asks, &url);
    assert_eq!((asked.status, asked.body.len()), (200, 0), "{}", asked.text());
    may_see(&asked);
    assert_eq!(asked.header("access-control-allow-methods"), Some("PUT, GET"));
    assert_eq!(asked.header("access-control-allow-headers"), Some("content-type"));
    let of_page = |call: &Call| call.clone().header(page.0, page.1);
    let stored = send(&of_page(&put).header("content-type", "text/plain"), &url);
    assert_eq!(stored.status, 200, "{}", stored.text());
    may_see(&stored);
    let get = Call::new("GET", put.path);
    let got = send(&of_page(&get), &victim.s3.presign(&host, &get));
    assert_eq!((got.status, &*got.body), (200, &b"by a page"[..]));
    may_see(&got);
    // One whose URL is no good is told why.
    let refused = send(&of_page(&get), &url);
    assert_eq!(refused.status, 403);
    may_see(&refused);
    victim.node.stop();
}

const TEN_SHA256: &str = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

/// What is replaced in a good request, by what, and what comes back.
const FAULTS: [(&str, &str, u16, &str); 12] = [
    ("PUT /", "DELETE /", 403, "SignatureDoesNotMatch"),
    ("/hostile/stolen", "/hostile/ten", 403, "SignatureDoesNotMatch"),
    ("?", "?partNumber=1&uploadId=u&", 403, "SignatureDoesNotMatch"),
    ("host: ", "host: x", 403, "SignatureDoesNotMatch"),
    ("Signature=", "Signature=00", 403, "SignatureDoesNotMatch"),
    ("Expires=60", "Expires=61", 403, "SignatureDoesNotMatch"),
    ("Expires=60", "Expires=604801", 400, "AuthorizationQueryParametersError"),
    ("Expires=60", "Expires=-1", 400, "AuthorizationQueryParametersError"),
    ("X-Amz-Expires=60&", "", 400, "AuthorizationQueryParametersError"),
    ("us-east-1", "eu-west-1", 400, "AuthorizationQueryParametersError"),
    ("host: ", "x-amz-meta-late: 1\r\nhost: ", 403, "AccessDenied"),
    ("host: ", "authorization: AWS4-HMAC-SHA256 x\r\nhost: ", 400, "InvalidArgument"),
];

#[test]
fn a_url_is_good_for_nothing_else() {
    // rule: presigned/nothing-else, presigned/expired, presigned/not-yet
    // rule: presigned/unsigned-headers
    let mut victim = Victim::new();
    let put = Call::new("PUT", "/hostile/stolen").body("x");
    let good = String::from_utf8(victim.presigned(&put)).expect("a request of text");
    for (from, to, status, code) in FAULTS {
        assert!(good.contains(from), "{from} is not in {good}");
        let wire = good.replacen(from, to, 1);
        victim.must_refuse_wire(to, wire.as_bytes(), &expected(status, code));
    }
    let minutes_ago = |minutes: u64| Timestamp::from_millis(now().as_millis() - minutes * 60_000);
    let expired = expected(403, "AccessDenied")
        .message("Request has expired")
        .elements(&[("X-Amz-Expires", "60")]);
    let wire = victim.presigned(&put.clone().at(minutes_ago(2)));
    victim.must_refuse_wire("an old URL", &wire, &expired);
    let early = Timestamp::from_millis(now().as_millis() + 16 * 60_000);
    let wire = victim.presigned(&put.at(early));
    let not_yet = expected(403, "AccessDenied").message("Request is not valid yet");
    victim.must_refuse_wire("a URL of tomorrow", &wire, &not_yet);
    victim.must_not_exist("/hostile/stolen");
    victim.node.stop();
}

#[test]
fn a_url_for_an_upload_copies_nothing() {
    // rule: presigned/copy-source
    let mut victim = Victim::new();
    let source = [("HeadersNotSigned", "x-amz-copy-source")];
    let unsigned = expected(403, "AccessDenied").elements(&source);
    let part = victim.part(1);
    let wire = String::from_utf8(victim.presigned(&part)).expect("a request of text");
    let wire = wire.replacen("host: ", &format!("x-amz-copy-source: {TEN}\r\nhost: "), 1);
    victim.must_refuse_wire("a header", wire.as_bytes(), &unsigned);
    let hoisted = format!("{}&x-amz-copy-source=%2Fhostile%2Ften", part.query);
    let wire = victim.presigned(&part.query(hoisted));
    victim.must_refuse_wire("a parameter", &wire, &unsigned);
    let other = copy_part(TARGET, &victim.upload_id, 1, TEN, None);
    let wire = String::from_utf8(victim.presigned(&other)).expect("a request of text");
    let wire = wire.replacen(&format!("source: {TEN}"), "source: /hostile/other", 1);
    let mismatch = expected(403, "SignatureDoesNotMatch");
    victim.must_refuse_wire("another source", wire.as_bytes(), &mismatch);
    victim.must_have_no_parts();
    victim.node.stop();
}

/// What has the same signature: a line that is split at a comma, a query in another order.
#[test]
fn what_was_signed_is_not_read_in_another_way() {
    let mut victim = Victim::new();
    let copy = copy_part(TARGET, &victim.upload_id, 1, "/hostile/ten,other", None);
    let wire = String::from_utf8(victim.presigned(&copy)).expect("a request of text");
    let split = wire.replacen(",other", "\r\nx-amz-copy-source: other", 1);
    assert_ne!(wire, split);
    let missing = expected(404, "NoSuchKey").elements(&[("Key", "ten,other")]);
    victim.must_refuse_wire("a split source", split.as_bytes(), &missing);
    for (one, other) in [(1, 2), (2, 1)] {
        let query = format!("partNumber={one}&partNumber={other}&uploadId={}", victim.upload_id);
        let twice = Call::new("PUT", TARGET).query(query).body("x");
        let refused = expected(400, "InvalidArgument").elements(&[("ArgumentName", "partNumber")]);
        victim.must_refuse("two numbers", &twice, &refused);
        let wire = victim.presigned(&twice);
        victim.must_refuse_wire("two numbers in a URL", &wire, &refused);
    }
    victim.must_have_no_parts();
    victim.node.stop();
}

#[test]
fn a_url_says_how_its_bytes_are_to_be_taken() {
    // rule: get/overrides, get/override-values
    let mut victim = Victim::new();
    let query = "response-content-disposition=attachment%3B%20filename%3D%22a%20b.txt%22\
                 &response-content-type=text%2Fplain&response-cache-control=no-store\
                 &response-content-language=de&response-content-encoding=identity\
                 &response-expires=Thu%2C%2001%20Jan%202026%2000%3A00%3A00%20GMT";
    let asked = |method, range| {
        let call = Call::new(method, TEN).query(query);
        if range { call.header("range", "bytes=2-3") } else { call }
    };
    for (call, status) in
        [(asked("GET", false), 200), (asked("GET", true), 206), (asked("HEAD", false), 200)]
    {
        for reply in [victim.must_bear(&call, status), victim.call(&call)] {
            for (name, value) in [
                ("content-disposition", "attachment; filename=\"a b.txt\""),
                ("content-type", "text/plain"),
                ("cache-control", "no-store"),
                ("content-language", "de"),
                ("content-encoding", "identity"),
                ("expires", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ] {
                assert_eq!(reply.header(name), Some(value), "{} {name}", call.method);
            }
        }
    }
    let wire = String::from_utf8(victim.presigned(&asked("GET", false))).expect("text");
    let other = wire.replacen("text%2Fplain", "text%2Fhtml", 1);
    let mismatch = expected(403, "SignatureDoesNotMatch");
    victim.must_refuse_wire("another kind", other.as_bytes(), &mismatch);
    for value in ["a%0D%0Aset-cookie:%20a=b", "a%0Ab", "a%0Db", "a%00b"] {
        let odd = Call::new("GET", TEN).query(format!("response-content-type={value}"));
        let refused =
            expected(400, "InvalidArgument").elements(&[("ArgumentName", "response-content-type")]);
        victim.must_refuse(value, &odd, &refused);
        let wire = victim.presigned(&odd);
        victim.must_refuse_wire(value, &wire, &refused);
        assert_eq!(victim.answer(&wire).header("set-cookie"), None);
    }
    let anonymous =
        format!("GET {TEN}?response-content-type=text/html HTTP/1.1\r\nhost: a\r\n\r\n");
    let refused = expected(400, "InvalidRequest")
        .message("Request specific response headers cannot be used for anonymous GET requests.");
    victim.must_refuse_wire("nobody", anonymous.as_bytes(), &refused);
    victim.node.stop();
}

#[test]
fn headers_in_a_url_are_kept_or_refused() {
    // rule: presigned/headers-in-the-url
    let mut victim = Victim::new();
    let put = |query: &str| Call::new("PUT", "/hostile/hoisted").query(query).body("x");
    let refused = expected(501, "NotImplemented");
    for query in ["x-amz-server-side-encryption=AES256", "X-Amz-Storage-Class=GLACIER"] {
        let wire = victim.presigned(&put(query));
        victim.must_refuse_wire(query, &wire, &refused);
    }
    let wire = victim.presigned(&put("x-amz-meta-a=b%0D%0Ax-amz-acl%3A"));
    victim.must_refuse_wire("two lines", &wire, &expected(400, "InvalidArgument"));
    victim.must_not_exist("/hostile/hoisted");
    // The checksum is the one of no bytes, as a signer makes it that knows no body.
    let query = "x-amz-meta-a=b%20c&x-amz-tagging=k%3Dv&x-amz-checksum-crc32=AAAAAA%3D%3D\
                 &x-amz-sdk-checksum-algorithm=CRC32&x-id=PutObject";
    victim.must_bear(&put(query), 200);
    let head = victim.call(&Call::new("HEAD", "/hostile/hoisted"));
    assert_eq!((head.status, head.header("x-amz-meta-a")), (200, Some("b c")));
    let tags = victim.call(&Call::new("GET", "/hostile/hoisted").query("tagging="));
    assert_eq!(tags.element("Value"), Some("v".to_owned()));
    victim.node.stop();
}

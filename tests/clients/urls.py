"""Room: presigned URLs as boto3 makes them, used by curl, which knows nothing of S3."""

import os
import subprocess
import xml.etree.ElementTree as xml
from datetime import datetime, timezone
from urllib.parse import unquote, urlsplit

from botocore.config import Config

import model
from model import KIB, MIB, PART_LEN_MIN, Content, equal

BUCKET = "urls"
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
# Spaces, what signing must escape, what looks like a path, what looks like a query, and no ASCII.
KEYS = ["plain", "a b+c", "é/日本/~*'()!", "../up/./x//y", "q?x=1&y#z", "100%/%2F", "🎉" * 200]

# Left alone, boto3 makes URLs for us-east-1 and for other servers with the signature before this one.
s3 = model.client(config=Config(signature_version="s3v4"))


def url(operation, life=300, **parameters):
    return s3.generate_presigned_url(operation, Params={"Bucket": BUCKET, **parameters}, ExpiresIn=life)


def curl(address, *options, body=None):
    """Asks for a URL as it stands. Returns status, headers (names in lower case) and body."""
    parts = urlsplit(address)
    command = ["curl", "--silent", "--show-error", "--path-as-is", "--globoff", "--max-time", "120"]
    command += ["--resolve", f"{parts.hostname}:{parts.port}:127.0.0.1"]
    if "AWS_CA_BUNDLE" in os.environ:
        command += ["--cacert", os.environ["AWS_CA_BUNDLE"]]
    command += ["--dump-header", "head", "--output", "body", *options]
    if body is not None:
        # A file has a length; what comes through a pipe has none, and S3 wants one.
        command += ["--upload-file", "sent"]
    for name, begins in [("sent", body or b""), ("head", b""), ("body", b"")]:
        with open(name, "wb") as file:
            file.write(begins)
    subprocess.run([*command, address], check=True)
    with open("head", encoding="latin-1", newline="") as file:
        heads = file.read().split("\r\n\r\n")
    # An interim answer comes before the answer.
    lines = [head for head in heads if head][-1].split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    with open("body", "rb") as file:
        return int(lines[0].split()[1]), headers, file.read()


def element(document, name):
    root = xml.fromstring(document)
    found = root.find(name)
    return (found if found is not None else root.find(NAMESPACE + name)).text


def must_be(answer, status, what):
    equal(answer[0], status, f"{what}: {answer[2][:2000]!r}")
    return answer


def objects_by_url():
    for seed, key in enumerate(KEYS):
        content = Content.random(seed, 100 * KIB + seed)
        body = content.bytes()
        put = must_be(curl(url("put_object", Key=key), body=body), 200, f"PUT {key}")
        equal(put[1]["etag"], f'"{content.digest("MD5").hex()}"', key)
        equal(must_be(curl(url("get_object", Key=key)), 200, f"GET {key}")[2], body, key)
        part = must_be(curl(url("get_object", Key=key), "--range", "7-70000"), 206, f"range of {key}")
        equal(part[2], body[7:70001], key)
        head = must_be(curl(url("head_object", Key=key), "--head"), 200, f"HEAD {key}")
        equal(head[1]["content-length"], str(len(body)), key)
    listed = must_be(curl(url("list_objects_v2")), 200, "list")[2]
    keys = [unquote(entry.text) for entry in xml.fromstring(listed).iter(NAMESPACE + "Key")]
    equal(keys, sorted(KEYS, key=str.encode), "keys")
    for key in KEYS:
        must_be(curl(url("delete_object", Key=key), "--request", "DELETE"), 204, f"DELETE {key}")
        must_be(curl(url("get_object", Key=key)), 404, f"{key} is gone")


def headers_that_are_signed():
    signed = url("put_object", Key="signed", ContentType="text/x-test", Metadata={"a": "b"})
    must_be(curl(signed, body=b"x"), 403, "without the headers")
    told = ["--header", "content-type: text/x-test", "--header", "x-amz-meta-a: b"]
    must_be(curl(signed, *told, body=b"x"), 200, "with the headers")
    other = ["--header", "content-type: text/x-test", "--header", "x-amz-meta-a: c"]
    must_be(curl(signed, *other, body=b"y"), 403, "with other headers")
    got = curl(url("get_object", Key="signed"))
    equal((got[1]["content-type"], got[1]["x-amz-meta-a"], got[2]), ("text/x-test", "b", b"x"), "signed")


def parts_by_url():
    source = Content.random("source", 8 * MIB)
    s3.put_object(Bucket=BUCKET, Key="source é+", Body=source.bytes())
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="of parts")["UploadId"]
    names = {"Key": "of parts", "UploadId": upload}
    first = Content.random("first", PART_LEN_MIN)
    etags = []
    sent = curl(url("upload_part", PartNumber=1, **names), body=first.bytes())
    etags.append(must_be(sent, 200, "part 1")[1]["etag"])
    copy_source = {"Bucket": BUCKET, "Key": "source é+"}
    start, end = 12345, 12345 + 6 * MIB
    copy = url(
        "upload_part_copy",
        PartNumber=2,
        CopySource=copy_source,
        CopySourceRange=f"bytes={start}-{end - 1}",
        **names,
    )
    must_be(curl(copy, body=b""), 403, "without the source")
    told = ["--header", f"x-amz-copy-source: {BUCKET}/source%20%C3%A9%2B"]
    told += ["--header", f"x-amz-copy-source-range: bytes={start}-{end - 1}"]
    copied = must_be(curl(copy, *told, body=b""), 200, "part 2")
    etags.append(element(copied[2], "ETag"))
    parts = [{"PartNumber": number + 1, "ETag": etag} for number, etag in enumerate(etags)]
    s3.complete_multipart_upload(Bucket=BUCKET, **names, MultipartUpload={"Parts": parts})
    got = must_be(curl(url("get_object", Key="of parts")), 200, "GET")[2]
    equal(got == first.then(source.slice(start, end)).bytes(), True, "the parts' bytes")


def headers_that_the_url_asks_for():
    s3.put_object(Bucket=BUCKET, Key="told", Body=b"0123456789", ContentType="text/x-test", CacheControl="max-age=9")
    told = {
        "ResponseContentDisposition": 'attachment; filename="a b, ü.txt"',
        "ResponseContentType": "text/csv; charset=UTF-8",
        "ResponseContentLanguage": "de",
        "ResponseContentEncoding": "identity",
        "ResponseCacheControl": "no-store",
        "ResponseExpires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    }
    plain = url("get_object", Key="told", **told)
    for status, operation, options in [
        (200, "get_object", []),
        (206, "get_object", ["--range", "1-2"]),
        (200, "head_object", ["--head"]),
    ]:
        headers = must_be(curl(url(operation, Key="told", **told), *options), status, "told")[1]
        for name, value in [
            ("content-disposition", 'attachment; filename="a b, ü.txt"'.encode().decode("latin-1")),
            ("content-type", "text/csv; charset=utf-8"),
            ("content-language", "de"),
            ("content-encoding", "identity"),
            ("cache-control", "no-store"),
            ("expires", "wed, 02 jan 2030 03:04:05 gmt"),
        ]:
            equal(headers[name], value.lower(), f"{status} {name}")
    unchanged = must_be(curl(plain, "--header", "if-none-match: *"), 304, "unchanged")
    equal(unchanged[1]["cache-control"], "max-age=9", "the object's own")
    must_be(curl(plain.replace("text%2Fcsv", "text%2Fhtml")), 403, "another type")
    injected = curl(url("get_object", Key="told", ResponseContentType="a\r\nset-cookie: a=b"))
    equal(element(must_be(injected, 400, "two lines")[2], "Code"), "InvalidArgument", "two lines")
    equal("set-cookie" in injected[1], False, "two lines")


def what_a_url_is_not_good_for():
    good = url("get_object", Key="signed")
    must_be(curl(good), 200, "as it stands")
    for what, address, options, status, code in [
        ("another method", good, ["--request", "DELETE"], 403, "SignatureDoesNotMatch"),
        ("another key", good.replace("/signed?", "/source?"), [], 403, "SignatureDoesNotMatch"),
        ("another life", good.replace("Expires=300", "Expires=900"), [], 403, "SignatureDoesNotMatch"),
        ("another header", good, ["--header", "x-amz-acl: private"], 403, "AccessDenied"),
        ("no life", url("get_object", life=0, Key="signed"), [], 403, "AccessDenied"),
    ]:
        equal(element(must_be(curl(address, *options), status, what)[2], "Code"), code, what)
    expired = curl(url("get_object", life=0, Key="signed"))
    equal(element(expired[2], "Message"), "Request has expired", "no life")


def main():
    s3.create_bucket(Bucket=BUCKET)
    model.run(
        [
            objects_by_url,
            headers_that_are_signed,
            parts_by_url,
            headers_that_the_url_asks_for,
            what_a_url_is_not_good_for,
        ]
    )


main()

"""Room: buckets, objects, metadata, tags, conditions, ranges and listings, as boto3 sees them by default."""

import datetime
import hashlib
import io

from botocore.config import Config

import model
from model import KIB, MIB, PART_LEN_MIN, Content, equal, must_fail

BUCKET = "objects"
LENGTHS = [0, 1, 4095, 4096, 32 * KIB, 32 * KIB + 1, 64 * KIB, 64 * KIB + 1, MIB, 3 * MIB + 17]

s3 = model.client()
# By default boto3 repeats what is refused with BadDigest, with pauses: right for it, long for a test.
impatient = model.client(config=Config(retries={"max_attempts": 0}))


def put(key, content, **options):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=content.bytes(), **options)


def get(key, **options):
    return s3.get_object(Bucket=BUCKET, Key=key, **options)


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def headers(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def buckets():
    name = "objects-buckets"
    equal(status(s3.create_bucket(Bucket=name)), 200, "CreateBucket")
    must_fail(s3.create_bucket, 409, "BucketAlreadyOwnedByYou", Bucket=name)
    must_fail(s3.head_bucket, 404, "404", Bucket="objects-none")
    equal(headers(s3.head_bucket(Bucket=name))["x-amz-bucket-region"], "us-east-1", "region")
    equal(s3.get_bucket_location(Bucket=name)["LocationConstraint"], None, "location")
    assert name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=name, Key="a", Body=b"x")
    must_fail(s3.delete_bucket, 409, "BucketNotEmpty", Bucket=name)
    s3.delete_object(Bucket=name, Key="a")
    # An open upload does not keep a bucket alive.
    s3.create_multipart_upload(Bucket=name, Key="open")
    equal(status(s3.delete_bucket(Bucket=name)), 204, "DeleteBucket")
    must_fail(s3.list_objects_v2, 404, "NoSuchBucket", Bucket=name)


def lengths():
    for length in LENGTHS:
        content = Content.random(length, length)
        key = f"length-{length}"
        answer = put(key, content)
        expected = f'"{content.digest("MD5").hex()}"'
        equal(answer["ETag"], expected, f"{key}: ETag")
        got = get(key)
        equal((got["ContentLength"], got["ETag"]), (length, expected), key)
        equal(got["Body"].read(), content.bytes(), key)
        equal(got["ContentType"], "binary/octet-stream", f"{key}: type")
        head = s3.head_object(Bucket=BUCKET, Key=key)
        equal((head["ContentLength"], head["ETag"]), (length, expected), f"{key}: HEAD")
        assert abs(datetime.datetime.now(datetime.timezone.utc) - head["LastModified"]) < datetime.timedelta(minutes=5)
    must_fail(get, 404, "NoSuchKey", key="none")
    must_fail(s3.head_object, 404, "404", Bucket=BUCKET, Key="none")


def connections_go_on():
    """After an answer that came without 100 Continue, the next request of the same client is served at once."""
    for length in (10, 0, 40_000, 0, 0, 10):
        put("expected", Content.random(length, length))
    must_fail(put, 404, "NoSuchKey", key="none", content=Content([]), IfMatch='"0"')
    put("expected", Content.random(1, 1))
    must_fail(put, 400, "InvalidDigest", key="wrong", content=Content.random(2, 100_000), ContentMD5="eA==")
    put("expected", Content.random(3, 3))
    equal(get("expected")["Body"].read(), Content.random(3, 3).bytes(), "the last of them")


def keys():
    names = ["plain", "a b", "a+b", "a%2Fb", "ü/日本/🙂", "..", "a/../b", "//", "q?x=1&y", "semi;colon", "k" * 1024, "tab\tend"]
    for number, name in enumerate(names):
        content = Content.random(number, 100 + number)
        put(f"keys/{name}"[:1024], content)
    for number, name in enumerate(names):
        equal(get(f"keys/{name}"[:1024])["Body"].read(), Content.random(number, 100 + number).bytes(), name)
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="keys/")["Contents"]]
    equal(listed, sorted((f"keys/{name}"[:1024] for name in names), key=str.encode), "order of keys")


# Each reads as something else if it is decoded, or made shorter, once too often or too seldom.
ODD_KEYS = [
    *("/", "//", "/a", "a/", "a//b", "a/./b", "./", "../x", " a", "a ", "a  b", "+", "%2F", "a%20b", "%", "%zz", "a=b&c=d"),
    *("q?acl", "?versionId=null", "h#f", "a:b", "a,b", "*", "~", "\\", "\"'<>&", "{}|^`[]", "é", "e\u0301", "\u00a0", "\ufeff"),
    *("\u202e", "\u2028", "\ufffe", "🎉", "\x01", "\x1f\x7f", "\r", "\n", "\t", "\x80"),
]


def odd_keys():
    bucket = "objects-odd"
    s3.create_bucket(Bucket=bucket)
    names = sorted(ODD_KEYS, key=str.encode)
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    for name in names:
        equal(s3.get_object(Bucket=bucket, Key=name)["Body"].read(), name.encode(), f"{name!r}: bytes")
        s3.copy_object(Bucket=BUCKET, Key="odd", CopySource={"Bucket": bucket, "Key": name})
        equal(get("odd")["Body"].read(), name.encode(), f"{name!r}: copied")
    for operation, field in [("list_objects", "Contents"), ("list_objects_v2", "Contents"), ("list_object_versions", "Versions")]:
        for size in (1, 1000):
            pages = s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
            equal([entry["Key"] for page in pages for entry in page[field]], names, f"{operation} by {size}")
    for at, name in enumerate(names):
        answer = s3.list_objects_v2(Bucket=bucket, StartAfter=name)
        found = [entry["Key"] for entry in answer.get("Contents", [])]
        equal((answer["StartAfter"], found), (name, names[at + 1 :]), f"{name!r}: start-after")
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=name, Delimiter="///")
        equal((answer["Prefix"], answer["Delimiter"]), (name, "///"), f"{name!r}: prefix")
        assert name in [entry["Key"] for entry in answer["Contents"]], f"{name!r}: by its own prefix"
    must_fail(s3.list_objects_v2, 400, "InvalidArgument", Bucket=bucket, EncodingType="xml")
    # An XML parser takes no control characters, so the answer must not have the keys.
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name} for name in names], "Quiet": True})
    s3.delete_bucket(Bucket=bucket)


def metadata():
    given = {
        "ContentType": "text/plain; charset=utf-8",
        "CacheControl": "max-age=7",
        "ContentDisposition": 'attachment; filename="x"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Metadata": {"colour": "red", "number": "7"},
    }
    expires = datetime.datetime(2031, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    put("metadata", Content.random(1, 10), Expires=expires, **given)
    for answer in (get("metadata"), s3.head_object(Bucket=BUCKET, Key="metadata")):
        for name, value in given.items():
            equal(answer[name], value, name)
        equal(answer["ExpiresString"], "Thu, 02 Jan 2031 03:04:05 GMT", "Expires")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="metadata-multipart", **given)
    where = {"Bucket": BUCKET, "Key": "metadata-multipart", "UploadId": upload["UploadId"]}
    etag = s3.upload_part(PartNumber=1, Body=b"x", **where)["ETag"]
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}, **where)
    answer = get("metadata-multipart")
    for name, value in given.items():
        equal(answer[name], value, name)
    must_fail(put, 400, "MetadataTooLarge", key="large", content=Content([]), Metadata={"a": "x" * 2048})


def tags():
    tag_set = [{"Key": "a", "Value": "1"}, {"Key": "b c", "Value": "ü=+"}]
    put("tagged", Content.random(1, 10), Tagging="a=1&b%20c=%C3%BC%3D%2B")
    where = {"Bucket": BUCKET, "Key": "tagged"}
    equal(sorted(s3.get_object_tagging(**where)["TagSet"], key=lambda tag: tag["Key"]), tag_set, "tags")
    equal(get("tagged").get("TagCount"), 2, "x-amz-tagging-count")
    s3.put_object_tagging(Tagging={"TagSet": tag_set[:1]}, **where)
    equal(s3.get_object_tagging(**where)["TagSet"], tag_set[:1], "replaced tags")
    equal(status(s3.delete_object_tagging(**where)), 204, "DeleteObjectTagging")
    equal(s3.get_object_tagging(**where)["TagSet"], [], "no tags")
    twice = {"TagSet": [tag_set[0], tag_set[0]]}
    must_fail(s3.put_object_tagging, 400, "InvalidTag", Tagging=twice, **where)
    many = {"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]}
    must_fail(s3.put_object_tagging, 400, "BadRequest", Tagging=many, **where)
    must_fail(s3.get_object_tagging, 404, "NoSuchKey", Bucket=BUCKET, Key="none")
    put("tagged", Content.random(2, 10))
    equal(s3.get_object_tagging(**where)["TagSet"], [], "a new object has no tags of the old one")


def checksums():
    content = Content.random(1, 70_001)
    rest = {"Bucket": BUCKET, "Key": "wrong"}
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        put(algorithm, content, ChecksumAlgorithm=algorithm)
        answer = get(algorithm, ChecksumMode="ENABLED")
        equal(answer[f"Checksum{algorithm}"], model.text(content.digest(algorithm)), algorithm)
        equal(answer["ChecksumType"], "FULL_OBJECT", algorithm)
        equal(answer["Body"].read(), content.bytes(), algorithm)
    for algorithm in ("CRC32C", "CRC64NVME"):
        given = {f"Checksum{algorithm}": model.text(content.digest(algorithm))}
        put(algorithm, content, **given)
        wrong = {f"Checksum{algorithm}": model.text(Content([b"x"]).digest(algorithm))}
        must_fail(impatient.put_object, 400, "BadDigest", Body=content.bytes(), **wrong, **rest)
    wrong_md5 = model.text(hashlib.md5(b"x").digest())
    must_fail(impatient.put_object, 400, "BadDigest", Body=content.bytes(), ContentMD5=wrong_md5, **rest)
    must_fail(put, 400, "InvalidDigest", key="wrong", content=content, ContentMD5="eA==")
    must_fail(get, 404, "NoSuchKey", key="wrong")
    put("right", content, ContentMD5=model.text(content.digest("MD5")))


def write_conditions():
    # rule: put/if-none-match-any, put/if-match, put/if-match-absent
    one, two = Content.random(1, 10), Content.random(2, 40_000)
    put("conditional", one, IfNoneMatch="*")
    etag = get("conditional")["ETag"]
    must_fail(put, 412, "PreconditionFailed", key="conditional", content=two, IfNoneMatch="*")
    must_fail(put, 412, "PreconditionFailed", key="conditional", content=two, IfMatch='"0"')
    must_fail(put, 404, "NoSuchKey", key="none", content=two, IfMatch=etag)
    equal(get("conditional")["Body"].read(), one.bytes(), "unchanged")
    put("conditional", two, IfMatch=etag)
    equal(get("conditional")["Body"].read(), two.bytes(), "changed")


def read_conditions():
    # rule: get/condition-order, get/not-modified, get/precondition-failed
    answer = put("readable", Content.random(1, 100))
    etag, modified = answer["ETag"], get("readable")["LastModified"]
    second = datetime.timedelta(seconds=1)
    get("readable", IfMatch=etag, IfUnmodifiedSince=modified - second)
    get("readable", IfNoneMatch='"0"', IfModifiedSince=modified)
    must_fail(get, 412, "PreconditionFailed", key="readable", IfMatch='"0"')
    must_fail(get, 412, "PreconditionFailed", key="readable", IfUnmodifiedSince=modified - second)
    must_fail(get, 304, "304", key="readable", IfNoneMatch=etag)
    must_fail(get, 304, "304", key="readable", IfModifiedSince=modified)
    must_fail(s3.head_object, 412, "412", Bucket=BUCKET, Key="readable", IfMatch='"0"')


def read_ranges():
    # rule: get/range, get/range-ignored, get/range-unsatisfiable
    small = Content.random(1, 10)
    put("ten", small)
    for text, start, end in (
        ("0-8", 0, 9), ("1-1", 1, 2), ("1-", 1, 10), ("-2", 8, 10), ("-9", 1, 10), ("-15", 0, 10), ("0-100", 0, 10), ("0-0", 0, 1)
    ):
        answer = get("ten", Range=f"bytes={text}")
        equal((status(answer), answer["ContentRange"]), (206, f"bytes {start}-{end - 1}/10"), text)
        equal(answer["Body"].read(), small.slice(start, end).bytes(), text)
    for text in ("bytes=1-0", "bytes=-1-", "bytes=0--1", "bytes=0-1,3-4,7-9", "bytes=-", "0-8"):
        answer = get("ten", Range=text)
        equal((status(answer), answer["Body"].read()), (200, small.bytes()), text)
    for text in ("-0", "100-200"):
        error = must_fail(get, 416, "InvalidRange", key="ten", Range=f"bytes={text}")
        equal(error["Error"]["ActualObjectSize"], "10", text)
    large = Content.random(2, 3 * MIB + 17)
    put("large", large)
    for start in (0, 1, 511, 4095, 4096, 65535, 65536, 65537, MIB - 1, 3 * MIB):
        for length in (1, 13, 4096, 65537, MIB):
            end = min(start + length, len(large))
            answer = get("large", Range=f"bytes={start}-{end - 1}")
            equal(answer["Body"].read(), large.slice(start, end).bytes(), f"{start}+{length}")


def copy_conditions_and_ranges():
    """UploadPartCopy's own rules, against a source of ten bytes."""
    # rule: copy-condition/order, copy-condition/always-412, copy-range/form, copy-range/past-the-end, copy-range/outside
    put("ten", Content.random(1, 10))
    head = s3.head_object(Bucket=BUCKET, Key="ten")
    etag, modified = head["ETag"], head["LastModified"]
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="copied")
    where = {"Bucket": BUCKET, "Key": "copied", "UploadId": upload["UploadId"], "PartNumber": 1}
    source = {"CopySource": {"Bucket": BUCKET, "Key": "ten"}}

    def copy(**options):
        return s3.upload_part_copy(**where, **{**source, **options})

    earlier = modified - datetime.timedelta(seconds=1)
    for text, length in (("0-8", 9), ("1-1", 1), ("0-0", 1), ("0-9", 10)):
        copy(CopySourceRange=f"bytes={text}")
        listed = s3.list_parts(Bucket=BUCKET, Key="copied", UploadId=upload["UploadId"])["Parts"]
        equal([part["Size"] for part in listed], [length], text)
    for text in ("0-8", "bytes=1-0", "bytes=-1-", "bytes=0--1", "bytes=0-1,3-4", "bytes=-", "bytes=-0", "bytes=-2", "bytes=1-", "bytes=0-10", "bytes=0-100"):
        must_fail(copy, 400, "InvalidArgument", CopySourceRange=text)
    must_fail(copy, 400, "InvalidRequest", CopySourceRange="bytes=100-200")

    copy(CopySourceIfMatch=etag, CopySourceIfUnmodifiedSince=earlier)
    copy(CopySourceIfMatch=etag.strip('"'))
    copy(CopySourceIfNoneMatch='"0"', CopySourceIfModifiedSince=modified)
    copy(CopySourceIfUnmodifiedSince=modified)
    copy(CopySourceIfModifiedSince=earlier)
    failing = [
        {"CopySourceIfMatch": '"0"'},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfNoneMatch": etag, "CopySourceIfModifiedSince": earlier},
        {"CopySourceIfUnmodifiedSince": earlier},
        {"CopySourceIfModifiedSince": modified},
        {"CopySourceIfNoneMatch": '"0"', "CopySourceIfUnmodifiedSince": earlier},
    ]
    for options in failing:
        must_fail(copy, 412, "PreconditionFailed", **options)
    must_fail(copy, 404, "NoSuchKey", CopySource={"Bucket": BUCKET, "Key": "none"})
    must_fail(copy, 404, "NoSuchBucket", CopySource={"Bucket": "objects-none", "Key": "none"})
    must_fail(copy, 403, "AccessDenied", ExpectedBucketOwner="111122223333")
    must_fail(copy, 403, "AccessDenied", ExpectedSourceBucketOwner="111122223333")
    must_fail(copy, 400, "InvalidBucketOwnerAWSAccountID", ExpectedBucketOwner="1")
    copy(ExpectedBucketOwner="000000000000", ExpectedSourceBucketOwner="000000000000", RequestPayer="requester")


def complete_rules():
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="complete")
    where = {"Bucket": BUCKET, "Key": "complete", "UploadId": upload["UploadId"]}
    etags = {number: s3.upload_part(PartNumber=number, Body=b"short", **where)["ETag"] for number in (1, 2)}

    def complete(parts, **options):
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        return s3.complete_multipart_upload(MultipartUpload={"Parts": listed}, **where, **options)

    both = [(1, etags[1]), (2, etags[2])]
    must_fail(complete, 400, "InvalidPartOrder", parts=both[::-1])
    must_fail(complete, 400, "InvalidPart", parts=[(1, etags[1]), (3, etags[1])])
    must_fail(complete, 400, "InvalidPart", parts=[(1, '"00000000000000000000000000000000"')])
    error = must_fail(complete, 400, "EntityTooSmall", parts=both)
    equal(error["Error"].get("MinSizeAllowed"), str(PART_LEN_MIN), "EntityTooSmall")
    equal(complete(both[1:])["ETag"], model.multipart_etag([etags[2]]), "one part")
    equal(get("complete")["Body"].read(), b"short", "one part")
    other = {**where, "Key": "other"}
    must_fail(s3.list_parts, 404, "NoSuchUpload", **other)


def exists(key):
    return s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("KeyCount", 0) > 0


def managed_transfers():
    """upload_fileobj and download_fileobj with their default thresholds, threads and checksums."""
    content = Content.random(77, 21 * MIB + 5)
    s3.upload_fileobj(io.BytesIO(content.bytes()), BUCKET, "managed", ExtraArgs={"Metadata": {"a": "b"}})
    target = io.BytesIO()
    s3.download_fileobj(BUCKET, "managed", target)
    equal(target.getvalue() == content.bytes(), True, "managed transfer")
    s3.copy({"Bucket": BUCKET, "Key": "managed"}, BUCKET, "managed-copy")
    content.must_equal_stream(get("managed-copy")["Body"], "managed copy")


def listings():
    names = [f"list/{one}/{two:02}" for one in "abc" for two in range(7)] + ["list/d"]
    for name in names:
        put(name, Content([name.encode()]))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": 4})
    entries = [entry for page in pages for entry in page["Contents"]]
    equal([entry["Key"] for entry in entries], names, "pages")
    for entry in entries:
        equal((entry["Size"], entry["ETag"]), (len(entry["Key"]), f'"{hashlib.md5(entry["Key"].encode()).hexdigest()}"'), "entry")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    groups = [group["Prefix"] for page in pages for group in page.get("CommonPrefixes", [])]
    equal(groups, ["list/a/", "list/b/", "list/c/"], "groups")
    answer = s3.list_objects_v2(Bucket=BUCKET, Prefix="list/", StartAfter="list/c/05")
    equal([entry["Key"] for entry in answer["Contents"]], names[-2:], "start-after")
    equal(s3.list_objects_v2(Bucket=BUCKET, Prefix="list/", MaxKeys=0)["KeyCount"], 0, "max-keys of 0")
    must_fail(s3.list_objects_v2, 400, "InvalidArgument", Bucket=BUCKET, ContinuationToken="no token")


def listings_by_marker():
    """The first version of the listing, which older tools use."""
    names = [f"old/{one}/{two}" for one in "ab" for two in range(3)] + ["old/c d+ü"]
    for name in names:
        put(name, Content([b"x"]))
    pages = s3.get_paginator("list_objects").paginate(Bucket=BUCKET, Prefix="old/", PaginationConfig={"PageSize": 2})
    entries = [entry for page in pages for entry in page["Contents"]]
    equal([entry["Key"] for entry in entries], names, "pages by marker")
    assert all(entry["Owner"]["ID"] for entry in entries), "an owner each"
    pages = s3.get_paginator("list_objects").paginate(
        Bucket=BUCKET, Prefix="old/", Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    pages = list(pages)
    groups = [group["Prefix"] for page in pages for group in page.get("CommonPrefixes", [])]
    equal(groups, ["old/a/", "old/b/"], "groups by marker")
    equal([entry["Key"] for page in pages for entry in page.get("Contents", [])], names[-1:], "keys by marker")


def bucket_pages():
    names = [f"objects-page-{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(Prefix="objects-page-", PaginationConfig={"PageSize": 2})
    found = [[bucket["Name"] for bucket in page["Buckets"]] for page in pages]
    equal(found, [names[:2], names[2:4], names[4:]], "pages of buckets")
    equal(s3.list_buckets(BucketRegion="eu-west-1")["Buckets"], [], "buckets of another region")
    must_fail(s3.list_buckets, 400, "InvalidArgument", ContinuationToken="no token")
    for name in names:
        s3.delete_bucket(Bucket=name)


def open_uploads():
    """Found by key and age, page by page, while each page is cleaned up."""
    keys = ["open/a", "open/b", "open/b", "open/b", "open/c d+ü"]
    made = [(key, s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]) for key in keys]
    listed = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="open/")
    found = [(upload["Key"], upload["UploadId"]) for upload in listed["Uploads"]]
    equal(sorted(found), sorted(made), "open uploads")
    equal([key for key, _ in found], keys, "order of uploads")
    groups = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="op", Delimiter="/")
    equal([group["Prefix"] for group in groups["CommonPrefixes"]], ["open/"], "groups of uploads")
    must_fail(s3.list_multipart_uploads, 400, "InvalidArgument", Bucket=BUCKET, KeyMarker="open/a", UploadIdMarker="x")
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=BUCKET, Prefix="open/", PaginationConfig={"PageSize": 2}
    )
    ended = []
    for page in pages:
        for upload in page["Uploads"]:
            s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
            ended.append(upload["Key"])
    equal(ended, keys, "uploads that were cleaned up")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET, Prefix="open/"), "uploads are left"


def many_deletes():
    names = [f"many/{number:03}" for number in range(300)] + ["many/ü &<>\"'", "many/\r\n", "many/none"]
    for name in names[::3] + names[-3:-1]:
        put(name, Content([b"x"]))

    def delete(objects, **options):
        return s3.delete_objects(Bucket=BUCKET, Delete={"Objects": objects, **options})

    answer = delete([{"Key": name} for name in names])
    equal([entry["Key"] for entry in answer["Deleted"]], names, "deleted")
    assert "Errors" not in answer and not exists("many/"), answer
    put("many/k", Content([b"x"]))
    other = '"00000000000000000000000000000000"'
    answer = delete([{"Key": "many/k", "ETag": other}, {"Key": "many/l", "VersionId": "x"}], Quiet=True)
    codes = [(entry["Key"], entry["Code"]) for entry in answer["Errors"]]
    equal(codes, [("many/k", "PreconditionFailed"), ("many/l", "NoSuchVersion")], "errors")
    assert "Deleted" not in answer and exists("many/k"), answer
    must_fail(delete, 400, "MalformedXML", objects=[{"Key": "k"}] * 1001)
    must_fail(s3.delete_object, 412, "PreconditionFailed", Bucket=BUCKET, Key="many/k", IfMatch=other)
    s3.delete_object(Bucket=BUCKET, Key="many/k", IfMatch=s3.head_object(Bucket=BUCKET, Key="many/k")["ETag"])
    assert not exists("many/"), "the last of many"


def not_built_yet():
    """What asks for something that does not exist is refused, never stored and ignored."""
    rest = {"Bucket": BUCKET, "Key": "refused"}
    must_fail(s3.put_object, 501, "NotImplemented", Body=b"x", ServerSideEncryption="AES256", **rest)
    must_fail(s3.put_object, 501, "NotImplemented", Body=b"x", ServerSideEncryption="aws:kms", **rest)
    must_fail(s3.put_object, 501, "NotImplemented", Body=b"x", StorageClass="GLACIER", **rest)
    must_fail(s3.put_object, 400, "InvalidRequest", Body=b"x", ObjectLockLegalHoldStatus="ON", **rest)
    must_fail(s3.put_object, 400, "AccessControlListNotSupported", Body=b"x", ACL="public-read", **rest)
    must_fail(s3.restore_object, 501, "NotImplemented", RestoreRequest={"Days": 1}, **rest)
    must_fail(s3.put_bucket_policy, 501, "NotImplemented", Bucket=BUCKET, Policy="{}")
    assert not exists("refused"), "refused, and yet stored"


def main():
    s3.create_bucket(Bucket=BUCKET)
    model.run(
        [
            buckets,
            lengths,
            connections_go_on,
            keys,
            odd_keys,
            metadata,
            tags,
            checksums,
            write_conditions,
            read_conditions,
            read_ranges,
            copy_conditions_and_ranges,
            complete_rules,
            managed_transfers,
            listings,
            listings_by_marker,
            bucket_pages,
            open_uploads,
            many_deletes,
            not_built_yet,
        ]
    )


main()

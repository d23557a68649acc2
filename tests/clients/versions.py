"""Room: versions of objects, as boto3 handles them: written, listed, read, deleted, restored, copied, purged."""

import io

import boto3
from boto3.s3.transfer import TransferConfig

import model
from model import MIB, PART_LEN_MIN, Content, equal, must_fail

PLAIN = "versions-none"
KEY = "dir/key"

s3 = model.client()
# Below a domain the environment's configuration says how, for the resource as for the client.
resource = boto3.resource("s3")


class Versioned:
    """A bucket with versions, new for each step. Taken apart at the end by what the step itself does not test."""

    def __init__(self, name):
        self.name = f"versions-{name}"
        s3.create_bucket(Bucket=self.name)
        self.set("Enabled")

    def set(self, status):
        s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": status})
        equal(s3.get_bucket_versioning(Bucket=self.name)["Status"], status, "versioning")

    def put(self, body, key=KEY, **options):
        return s3.put_object(Bucket=self.name, Key=key, Body=body, **options)["VersionId"]

    def read(self, **options):
        return s3.get_object(**{"Bucket": self.name, "Key": KEY, **options})["Body"].read()

    def delete(self, **options):
        return s3.delete_object(**{"Bucket": self.name, "Key": KEY, **options})

    def listed(self, **options):
        """All versions and markers, page by page: (key, version, latest), and the same of markers."""
        versions, markers = [], []
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=self.name, **options):
            for found, name in ((versions, "Versions"), (markers, "DeleteMarkers")):
                found += [(one["Key"], one["VersionId"], one["IsLatest"]) for one in page.get(name, [])]
        return versions, markers


def a_bucket_without_versions():
    # rule: versions/never-set, versions/never-told
    s3.create_bucket(Bucket=PLAIN)
    assert "Status" not in s3.get_bucket_versioning(Bucket=PLAIN)
    where = {"Bucket": PLAIN, "Key": "other"}
    source = {"CopySource": where}
    answers = [
        s3.put_object(Body=b"x", **where),
        s3.get_object(**where),
        s3.head_object(**where),
        s3.copy_object(**{**where, **source, "Key": "copy"}),
        s3.get_object_tagging(**where),
        s3.delete_object(**{**where, "Key": "copy"}),
    ]
    for answer in answers:
        assert "VersionId" not in answer and "CopySourceVersionId" not in answer, answer
    # rule: version-id/unversioned-bucket, list-versions/unversioned
    equal(s3.get_object(VersionId="null", **where)["Body"].read(), b"x", "the object is the version null")
    listed = s3.list_object_versions(Bucket=PLAIN)["Versions"]
    equal([(one["Key"], one["VersionId"], one["IsLatest"]) for one in listed], [("other", "null", True)], "listed")
    # rule: versions/status-spelling
    call = s3.put_bucket_versioning
    must_fail(call, 400, "MalformedXML", Bucket=PLAIN, VersioningConfiguration={"Status": "enabled"})
    must_fail(call, 400, "IllegalVersioningConfigurationException", Bucket=PLAIN, VersioningConfiguration={})
    s3.delete_object(VersionId="null", **where)
    s3.delete_bucket(Bucket=PLAIN)


def every_write_stays():
    # rule: versions/enabled, get/version, version-id/malformed, get/no-such-version
    bucket = Versioned("stay")
    texts = (b"one", b"two", b"three")
    ids = [bucket.put(text) for text in texts]
    equal(len(set(ids)), 3, "an id for each")
    equal(bucket.read(), b"three", "the latest")
    where = {"Bucket": bucket.name, "Key": KEY}
    for version, text in zip(ids, texts):
        equal(bucket.read(VersionId=version), text, version)
        head = s3.head_object(VersionId=version, **where)
        equal((head["VersionId"], head["ContentLength"]), (version, len(text)), "HEAD")
        told = s3.get_object_attributes(VersionId=version, ObjectAttributes=["ObjectSize"], **where)
        equal((told["VersionId"], told["ObjectSize"]), (version, len(text)), "attributes")
    must_fail(bucket.read, 400, "InvalidArgument", VersionId="v1")
    must_fail(bucket.read, 404, "NoSuchVersion", VersionId="null")
    must_fail(bucket.read, 404, "NoSuchVersion", VersionId=bucket.put(b"x", key="other"))


def listed_in_pages():
    # rule: list-versions/order, list-versions/latest, list-versions/next-markers, list-versions/encoding
    bucket = Versioned("listed")
    keys = ["a", "a b", "a+b%2F", "a//b", "ü/\r\n"]
    versions, markers = [], []
    for key in sorted(keys, key=str.encode):
        ids = [bucket.put(b"x", key=key) for _ in range(3)]
        if key == "a+b%2F":
            markers.append((key, bucket.delete(Key=key)["VersionId"], True))
        versions += [(key, one, one == ids[-1] and not key == "a+b%2F") for one in reversed(ids)]
    for size in (1, 2, 3, 4, 1000):
        equal(bucket.listed(PaginationConfig={"PageSize": size}), (versions, markers), f"pages of {size}")
    equal(bucket.listed(Prefix="a//"), ([one for one in versions if one[0] == "a//b"], []), "a prefix")
    page = s3.list_object_versions(Bucket=bucket.name, Delimiter="/")
    equal([one["Prefix"] for one in page["CommonPrefixes"]], ["a/", "ü/"], "common prefixes")
    # rule: list-versions/marker-without-key
    call = s3.list_object_versions
    must_fail(call, 400, "InvalidArgument", Bucket=bucket.name, VersionIdMarker=versions[0][1])
    # Deleted, it is hidden from the listing of objects alone.
    found = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket.name)["Contents"]]
    equal(found, [key for key in sorted(keys, key=str.encode) if key != "a+b%2F"], "objects")


def a_delete_hides():
    # rule: delete/marker-written, get/delete-marker-latest, get/delete-marker-by-id
    bucket = Versioned("hidden")
    first = bucket.put(b"one")
    deleted = bucket.delete()
    equal(deleted["DeleteMarker"], True, "a marker")
    marker = deleted["VersionId"]
    headers = must_fail(bucket.read, 404, "NoSuchKey")["ResponseMetadata"]["HTTPHeaders"]
    equal((headers["x-amz-delete-marker"], headers["x-amz-version-id"]), ("true", marker), "404")
    headers = must_fail(bucket.read, 405, "MethodNotAllowed", VersionId=marker)["ResponseMetadata"]["HTTPHeaders"]
    equal((headers["x-amz-delete-marker"], headers["allow"]), ("true", "DELETE"), "405")
    must_fail(s3.head_object, 404, "404", Bucket=bucket.name, Key=KEY)
    must_fail(s3.head_object, 405, "405", Bucket=bucket.name, Key=KEY, VersionId=marker)
    equal(bucket.read(VersionId=first), b"one", "behind the marker")
    equal(s3.list_objects_v2(Bucket=bucket.name)["KeyCount"], 0, "no object is left")
    # rule: put/delete-marker
    etag = Content([b"one"]).digest("MD5").hex()
    must_fail(s3.put_object, 404, "NoSuchKey", Bucket=bucket.name, Key=KEY, Body=b"", IfMatch=etag)
    second = bucket.put(b"two", IfNoneMatch="*")
    must_fail(s3.put_object, 412, "PreconditionFailed", Bucket=bucket.name, Key=KEY, Body=b"", IfNoneMatch="*")
    expected = ([(KEY, second, True), (KEY, first, False)], [(KEY, marker, False)])
    equal(bucket.listed(PaginationConfig={"PageSize": 2}), expected, "listed")


def restored():
    bucket = Versioned("restored")
    first = bucket.put(b"one", Metadata={"a": "b"})
    bucket.put(b"two")
    marker = bucket.delete()["VersionId"]
    # rule: copy-version/marker-latest, copy-version/marker-by-id, copy-version/by-id, copy/self-with-versions
    source = {"Bucket": bucket.name, "Key": KEY}
    must_fail(s3.copy_object, 404, "NoSuchKey", CopySource=source, **source)
    must_fail(s3.copy_object, 400, "InvalidRequest", CopySource={**source, "VersionId": marker}, **source)
    copied = s3.copy_object(CopySource={**source, "VersionId": first}, **source)
    equal(copied["CopySourceVersionId"], first, "the version that was copied")
    got = s3.get_object(**source)
    equal((got["VersionId"], got["Metadata"], got["Body"].read()), (copied["VersionId"], {"a": "b"}, b"one"), "restored")
    # rule: delete/marker-by-id, delete/version
    gone = bucket.delete(VersionId=copied["VersionId"])
    equal((gone.get("DeleteMarker", False), gone["VersionId"]), (False, copied["VersionId"]), "the copy is gone")
    must_fail(bucket.read, 404, "NoSuchKey")
    gone = bucket.delete(VersionId=marker)
    equal((gone["DeleteMarker"], gone["VersionId"]), (True, marker), "the marker is gone")
    equal(bucket.read(), b"two", "restored by taking the marker away")
    # rule: delete/version-absent
    equal(bucket.delete(VersionId=marker)["ResponseMetadata"]["HTTPStatusCode"], 204, "again")


def copied_in_parts():
    # rule: part-copy/version, copy-version/pinned
    bucket = Versioned("parts")
    old, new = (Content.random(seed, PART_LEN_MIN + 100) for seed in (1, 2))
    first = bucket.put(old.bytes())
    second = bucket.put(new.bytes())
    where = {"Bucket": bucket.name, "Key": "made"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    parts = []
    for number, version in enumerate((first, None, first), 1):
        source = {"Bucket": bucket.name, "Key": KEY, **({"VersionId": version} if version else {})}
        end = PART_LEN_MIN + 10 * number
        options = {"CopySource": source, "CopySourceRange": f"bytes=7-{end}"}
        answer = s3.upload_part_copy(PartNumber=number, **options, **where)
        equal(answer["CopySourceVersionId"], version or second, f"part {number}")
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    # The sources may be gone for good before the copy is complete.
    for version in (first, second):
        bucket.delete(VersionId=version)
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **where)
    expected = Content([])
    for number, content in enumerate((old, new, old), 1):
        expected = expected.then(content.slice(7, PART_LEN_MIN + 10 * number + 1))
    got = s3.get_object(Bucket=bucket.name, Key="made", VersionId=done["VersionId"])
    expected.must_equal_stream(got["Body"], "made of copied ranges")
    head = s3.head_object(Bucket=bucket.name, Key="made", VersionId=done["VersionId"], PartNumber=2)
    equal((head["PartsCount"], head["ContentLength"]), (3, PART_LEN_MIN + 14), "a part of a version")


def managed_copies():
    """The transfer manager: an old version of an object in parts, in the bucket, out of it and back."""
    bucket, other = Versioned("managed"), Versioned("managed-to")
    s3.create_bucket(Bucket="versions-managed-plain")
    config = TransferConfig(multipart_threshold=PART_LEN_MIN, multipart_chunksize=PART_LEN_MIN)
    old = Content.random(3, 17 * MIB + 5)
    s3.upload_fileobj(io.BytesIO(old.bytes()), bucket.name, KEY, Config=config)
    first = s3.head_object(Bucket=bucket.name, Key=KEY)["VersionId"]
    bucket.put(b"new")
    source = {"Bucket": bucket.name, "Key": KEY, "VersionId": first}
    # The manager asks for the length of what it copies, without the version unless it is told so.
    target = io.BytesIO()
    s3.download_fileobj(bucket.name, KEY, target, ExtraArgs={"VersionId": first}, Config=config)
    assert target.getvalue() == old.bytes(), "downloaded"
    for name in (bucket.name, other.name, "versions-managed-plain"):
        s3.copy(source, name, "copy", Config=config)
        old.must_equal_stream(s3.get_object(Bucket=name, Key="copy")["Body"], f"copied to {name}")
    s3.copy({"Bucket": "versions-managed-plain", "Key": "copy"}, bucket.name, KEY, Config=config)
    old.must_equal_stream(s3.get_object(Bucket=bucket.name, Key=KEY)["Body"], "copied back")
    equal(len(bucket.listed(Prefix=KEY)[0]), 3, "versions")
    s3.delete_object(Bucket="versions-managed-plain", Key="copy")
    s3.delete_bucket(Bucket="versions-managed-plain")


def tags_of_versions():
    # rule: tagging/version, tagging/delete-marker
    bucket = Versioned("tagged")
    first, second = bucket.put(b"one"), bucket.put(b"two", Tagging="c=d")
    where = {"Bucket": bucket.name, "Key": KEY}
    tags = {"TagSet": [{"Key": "a", "Value": "1"}]}
    put = s3.put_object_tagging(VersionId=first, Tagging=tags, **where)
    equal(put["VersionId"], first, "put")
    answer = s3.get_object_tagging(VersionId=first, **where)
    equal((answer["TagSet"], answer["VersionId"]), (tags["TagSet"], first), "tags of the first")
    answer = s3.get_object_tagging(**where)
    equal((answer["TagSet"], answer["VersionId"]), ([{"Key": "c", "Value": "d"}], second), "tags of the latest")
    equal(s3.get_object(VersionId=first, **where)["TagCount"], 1, "counted")
    equal(s3.delete_object_tagging(VersionId=first, **where)["VersionId"], first, "deleted")
    equal(s3.get_object_tagging(VersionId=first, **where)["TagSet"], [], "no tags")
    bucket.delete()
    must_fail(s3.get_object_tagging, 405, "MethodNotAllowed", **where)


def suspended():
    # rule: versions/suspended, versions/kept, delete/suspended
    s3.create_bucket(Bucket="versions-suspended-late")
    s3.put_object(Bucket="versions-suspended-late", Key=KEY, Body=b"before")
    bucket = Versioned("suspended")
    bucket.name = "versions-suspended-late"
    bucket.set("Enabled")
    numbered = bucket.put(b"numbered")
    equal(bucket.read(VersionId="null"), b"before", "what was there before versions")
    bucket.set("Suspended")
    for text in (b"null", b"null again"):
        equal(bucket.put(text), "null", "while suspended")
        equal((bucket.read(), bucket.read(VersionId="null")), (text, text), "the null version")
    equal(bucket.listed(), ([(KEY, "null", True), (KEY, numbered, False)], []), "listed")
    gone = bucket.delete()
    equal((gone["DeleteMarker"], gone["VersionId"]), (True, "null"), "a null marker")
    equal(bucket.listed(), ([(KEY, numbered, False)], [(KEY, "null", True)]), "listed with a marker")
    bucket.set("Enabled")
    equal(bucket.delete(VersionId="null")["DeleteMarker"], True, "the null marker is gone")
    equal(bucket.read(), b"numbered", "the numbered version is the latest again")


def deleted_in_a_list():
    # rule: delete-objects/version, delete-objects/marker
    bucket = Versioned("list")
    first, second = bucket.put(b"one"), bucket.put(b"two")
    listed = [{"Key": KEY, "VersionId": first}, {"Key": KEY}, {"Key": "never"}, {"Key": KEY, "VersionId": "v1"}]
    answer = s3.delete_objects(Bucket=bucket.name, Delete={"Objects": listed})
    errors = [(one["Key"], one["VersionId"], one["Code"]) for one in answer["Errors"]]
    equal(errors, [(KEY, "v1", "NoSuchVersion")], "errors")
    equal(answer["Deleted"][0], {"Key": KEY, "VersionId": first}, "a version")
    for one, key in zip(answer["Deleted"][1:], (KEY, "never")):
        equal((one["Key"], one["DeleteMarker"], "VersionId" in one), (key, True, False), "a marker")
    marker = answer["Deleted"][1]["DeleteMarkerVersionId"]
    answer = s3.delete_objects(Bucket=bucket.name, Delete={"Objects": [{"Key": KEY, "VersionId": marker}]})
    expected = {"Key": KEY, "VersionId": marker, "DeleteMarker": True, "DeleteMarkerVersionId": marker}
    equal(answer["Deleted"], [expected], "the marker itself")
    equal(s3.head_object(Bucket=bucket.name, Key=KEY)["VersionId"], second, "the latest again")


def purged():
    """As a script does it that throws buckets away."""
    names = [bucket["Name"] for bucket in s3.list_buckets(Prefix="versions-")["Buckets"]]
    assert names, "no bucket to purge"
    for name in names:
        bucket = resource.Bucket(name)
        if any(True for _ in bucket.object_versions.limit(1)):
            must_fail(s3.delete_bucket, 409, "BucketNotEmpty", Bucket=name)
        for answer in bucket.object_versions.page_size(3).delete():
            equal(answer.get("Errors"), None, f"{name}: errors")
        equal(list(bucket.object_versions.all()), [], f"{name}: left")
        bucket.delete()
    equal(s3.list_buckets(Prefix="versions-")["Buckets"], [], "nothing is left")


model.run(
    [
        a_bucket_without_versions,
        every_write_stays,
        listed_in_pages,
        a_delete_hides,
        restored,
        copied_in_parts,
        managed_copies,
        tags_of_versions,
        suspended,
        deleted_in_a_list,
        purged,
    ]
)

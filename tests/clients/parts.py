"""Room: objects read by part, what is told of their parts, and uploads that end in every way."""

import time

import model
from model import MIB, PART_LEN_MIN, Content, equal, must_fail

BUCKET = "parts"

s3 = model.client()

CONTENTS = [Content.random(1, PART_LEN_MIN + 1), Content.random(2, PART_LEN_MIN), Content.random(3, 10)]
# Gaps between the numbers under which parts are uploaded are nothing that a reader sees.
NUMBERS = (2, 30, 10_000)


def upload(key, contents, numbers, **options):
    """Uploads in parts; returns what completes it, and the last answer."""
    where = {"Bucket": BUCKET, "Key": key}
    where["UploadId"] = s3.create_multipart_upload(**where, **options)["UploadId"]
    algorithm = options.get("ChecksumAlgorithm")
    parts = []
    for number, content in zip(numbers, contents):
        with_sum = {"ChecksumAlgorithm": algorithm} if algorithm else {}
        answer = s3.upload_part(PartNumber=number, Body=content.bytes(), **where, **with_sum)
        part = {"PartNumber": number, "ETag": answer["ETag"]}
        if algorithm:
            part[f"Checksum{algorithm}"] = answer[f"Checksum{algorithm}"]
        parts.append(part)
    listed = s3.list_parts(**where)
    equal([part["PartNumber"] for part in listed["Parts"]], list(numbers), f"{key}: parts")
    equal([part["Size"] for part in listed["Parts"]], [len(content) for content in contents], f"{key}: sizes")
    return s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **where)


def read_by_part():
    upload("plain", CONTENTS, NUMBERS)
    where = {"Bucket": BUCKET, "Key": "plain"}
    whole = sum(len(content) for content in CONTENTS)
    start = 0
    for place, content in enumerate(CONTENTS, 1):
        # With checksum mode the SDK compares what it reads with what it is told.
        got = s3.get_object(PartNumber=place, ChecksumMode="ENABLED", **where)
        head = s3.head_object(PartNumber=place, ChecksumMode="ENABLED", **where)
        for answer in (got, head):
            equal(answer["ResponseMetadata"]["HTTPStatusCode"], 206, f"part {place}: status")
            equal(answer["PartsCount"], len(CONTENTS), f"part {place}: count")
            equal(answer["ContentLength"], len(content), f"part {place}: length")
            equal(answer["ContentRange"], f"bytes {start}-{start + len(content) - 1}/{whole}", f"part {place}")
        content.must_equal_stream(got["Body"], f"part {place}")
        start += len(content)
    must_fail(s3.get_object, 416, "InvalidPartNumber", PartNumber=4, **where)
    must_fail(s3.head_object, 416, "416", PartNumber=4, **where)
    must_fail(s3.get_object, 400, "InvalidRequest", PartNumber=1, Range="bytes=0-1", **where)
    assert "PartsCount" not in s3.head_object(**where)


def one_part():
    s3.put_object(Bucket=BUCKET, Key="one", Body=b"0123456789")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "plain"})
    for key, length in (("one", 10), ("copy", sum(len(content) for content in CONTENTS))):
        got = s3.get_object(Bucket=BUCKET, Key=key, PartNumber=1, ChecksumMode="ENABLED")
        equal(len(got["Body"].read()), length, f"{key}: length")
        assert "PartsCount" not in got
        must_fail(s3.get_object, 416, "InvalidPartNumber", Bucket=BUCKET, Key=key, PartNumber=2)


def attributes():
    everything = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    asked = {"Bucket": BUCKET, "ObjectAttributes": everything}
    length = sum(len(content) for content in CONTENTS)
    done = upload("summed", CONTENTS, (1, 2, 3), ChecksumAlgorithm="SHA256", ChecksumType="COMPOSITE")
    told = s3.get_object_attributes(Key="summed", **asked)
    equal(told["ETag"], done["ETag"].strip('"'), "ETag")
    equal(told["ObjectSize"], length, "size")
    equal(told["StorageClass"], "STANDARD", "storage class")
    equal(told["Checksum"]["ChecksumType"], "COMPOSITE", "type")
    equal(told["Checksum"]["ChecksumSHA256"] + "-3", model.composite("SHA256", CONTENTS), "checksum")
    pages = []
    marker = 0
    while True:
        page = s3.get_object_attributes(Key="summed", MaxParts=2, PartNumberMarker=marker, **asked)["ObjectParts"]
        equal(page["TotalPartsCount"], 3, "count")
        pages += page["Parts"]
        if not page["IsTruncated"]:
            break
        marker = page["NextPartNumberMarker"]
    expected = [
        {"PartNumber": place, "Size": len(content), "ChecksumSHA256": model.text(content.digest("SHA256"))}
        for place, content in enumerate(CONTENTS, 1)
    ]
    equal(pages, expected, "parts")
    for place, content in enumerate(CONTENTS, 1):
        got = s3.get_object(Bucket=BUCKET, Key="summed", PartNumber=place, ChecksumMode="ENABLED")
        equal(got["ChecksumSHA256"], model.text(content.digest("SHA256")), f"part {place}: checksum")
        content.must_equal_stream(got["Body"], f"part {place}")
    # Parts without checksums of their own are counted only; an object that was put has none.
    equal(s3.get_object_attributes(Key="plain", **asked)["ObjectParts"], {"TotalPartsCount": 3}, "plain")
    assert "ObjectParts" not in s3.get_object_attributes(Key="one", **asked)
    must_fail(s3.get_object_attributes, 404, "NoSuchKey", Key="none", **asked)
    wrong = {"Bucket": BUCKET, "Key": "one", "ObjectAttributes": ["Size"]}
    must_fail(s3.get_object_attributes, 400, "InvalidArgument", **wrong)


def aborts():
    where = {"Bucket": BUCKET, "Key": "aborted"}
    created = s3.create_multipart_upload(**where)
    where["UploadId"] = created["UploadId"]
    listed = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    initiated = next(one["Initiated"] for one in listed if one["UploadId"] == where["UploadId"])
    # A condition on a time in the future is none, so time must pass before another second is one in the past.
    time.sleep(2)
    later = initiated.replace(microsecond=0).timestamp() + 1
    condition = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(later))
    must_fail(s3.abort_multipart_upload, 412, "PreconditionFailed", IfMatchInitiatedTime=condition, **where)
    s3.abort_multipart_upload(IfMatchInitiatedTime=initiated, **where)
    must_fail(s3.abort_multipart_upload, 404, "NoSuchUpload", **where)
    must_fail(s3.list_parts, 404, "NoSuchUpload", **where)


def changed_meanwhile():
    where = {"Bucket": BUCKET, "Key": "changed"}
    body = Content.random(4, MIB).bytes()
    etag = s3.put_object(Body=body, **where)["ETag"]
    upload_id = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(PartNumber=1, Body=b"part", UploadId=upload_id, **where)
    listed = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    complete = {"UploadId": upload_id, "MultipartUpload": listed, **where}
    equal(s3.put_object(Body=body, **where)["ETag"], etag, "the same bytes")
    call = s3.complete_multipart_upload
    must_fail(call, 409, "ConditionalRequestConflict", IfMatch=etag, **complete)
    s3.delete_object(**where)
    must_fail(call, 409, "ConditionalRequestConflict", IfNoneMatch="*", **complete)
    must_fail(call, 404, "NoSuchKey", IfMatch=etag, **complete)
    first = call(**complete)
    equal(call(**complete)["ETag"], first["ETag"], "completed again")
    equal(s3.get_object(**where)["Body"].read(), b"part", "content")


def main():
    s3.create_bucket(Bucket=BUCKET)
    model.run([read_by_part, one_part, attributes, aborts, changed_meanwhile])


main()

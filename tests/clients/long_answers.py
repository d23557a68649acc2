"""Room: copies that take long and fail late: the SDK finds the error in the body of a 200, asks again, and gives up in
the end.

The node is told to send every copy's head ahead (`http.keepalive_after` 0) and to read every copied range; its data
folder, of which blocks are damaged here, is the first argument.
"""

import os
import sys
from pathlib import Path

import model
from model import MIB, Content, equal, must_fail

BUCKET = "long-answers"
LEN = 24 * MIB

s3 = model.client()


def blobs():
    return {path for path in Path(sys.argv[1], "blobs").rglob("*") if path.is_file()}


def flip(path):
    """Turns a byte in the middle of a file over; twice is as never."""
    with open(path, "r+b") as file:
        middle = path.stat().st_size // 2
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 0xFF]))
        file.flush()
        os.fsync(file.fileno())


def source(seed):
    """A new object, and its file."""
    before, content = blobs(), Content.random(seed, LEN)
    s3.put_object(Bucket=BUCKET, Key="source", Body=content.bytes())
    (path,) = blobs() - before
    return content, path


def part():
    upload = {"Bucket": BUCKET, "Key": "copy"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    where = {"Bucket": BUCKET, "Key": "source"}
    return dict(upload, PartNumber=1, CopySource=where, CopySourceRange=f"bytes=1-{LEN - 2}")


def answers_come_in_pieces():
    # rule: every/late-answers
    content, _ = source(1)
    asked = part()
    answer = s3.upload_part_copy(**asked)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    equal(headers.get("transfer-encoding"), "chunked", "the head of a copy that is waited for")
    result = answer["CopyPartResult"]
    expected = content.slice(1, LEN - 1)
    equal(result["ETag"].strip('"'), expected.digest("MD5").hex(), "ETag")
    upload = {name: asked[name] for name in ("Bucket", "Key", "UploadId")}
    listed = {"Parts": [{"PartNumber": 1, "ETag": result["ETag"]}]}
    made = s3.complete_multipart_upload(MultipartUpload=listed, **upload)
    equal(made["ResponseMetadata"]["HTTPHeaders"].get("transfer-encoding"), "chunked", "a completion")
    equal(made["ETag"], model.multipart_etag([result["ETag"]]), "ETag of the object")
    expected.must_equal_stream(s3.get_object(Bucket=BUCKET, Key="copy")["Body"], "copy")


def an_error_that_goes_away_is_asked_again():
    content, path = source(2)
    flip(path)
    tries = []

    def mend(attempts, **_):
        if not tries:
            flip(path)
        tries.append(attempts)

    s3.meta.events.register_first("needs-retry.s3.UploadPartCopy", mend)
    answer = s3.upload_part_copy(**part())
    s3.meta.events.unregister("needs-retry.s3.UploadPartCopy", mend)
    equal(answer["ResponseMetadata"]["RetryAttempts"], 1, "asked once more")
    etag = answer["CopyPartResult"]["ETag"].strip('"')
    equal(etag, content.slice(1, LEN - 1).digest("MD5").hex(), "ETag")


def an_error_that_stays_is_told():
    # rule: every/late-answers
    _, path = source(3)
    flip(path)
    # The SDK makes a 500 of an error in a 200.
    error = must_fail(s3.upload_part_copy, 500, "InternalError", **part())
    assert error["ResponseMetadata"]["RetryAttempts"] > 0, error
    where = {"Bucket": BUCKET, "Key": "source"}
    asked = {"Bucket": BUCKET, "Key": "whole", "CopySource": where, "ChecksumAlgorithm": "SHA256"}
    must_fail(s3.copy_object, 500, "InternalError", **asked)
    must_fail(s3.head_object, 404, "404", Bucket=BUCKET, Key="whole")


def main():
    s3.create_bucket(Bucket=BUCKET)
    model.run(
        [
            answers_come_in_pieces,
            an_error_that_goes_away_is_asked_again,
            an_error_that_stays_is_told,
        ]
    )


main()

"""Room: the younger checksums as boto3 sends and checks them. Without its C library it computes only SHA512 of them."""

import base64
import hashlib

from botocore.config import Config

import model
from model import KIB, PART_LEN_MIN, Content, equal, must_fail

BUCKET = "checksums"

s3 = model.client(config=Config(retries={"max_attempts": 0}))


def encoded(digest):
    return base64.b64encode(digest).decode()


def computed_by_the_client():
    content = Content.random(1, 300 * KIB).bytes()
    sha512 = encoded(hashlib.sha512(content).digest())
    answer = s3.put_object(Bucket=BUCKET, Key="sha512", Body=content, ChecksumAlgorithm="SHA512")
    equal((answer["ChecksumSHA512"], answer["ChecksumType"]), (sha512, "FULL_OBJECT"), "PutObject")
    got = s3.get_object(Bucket=BUCKET, Key="sha512")
    equal(got["ChecksumSHA512"], sha512, "GetObject")
    equal(got["Body"].read(), content, "its bytes")


def sent_as_they_are():
    content = b"123456789"
    for name, value in [
        ("ChecksumMD5", encoded(hashlib.md5(content).digest())),
        ("ChecksumXXHASH64", "jLhB20DmroM="),
        ("ChecksumXXHASH3", "ctyxi2ehff8="),
        ("ChecksumXXHASH128", "MxGUd+3l3NXpcWQnaB1YYA=="),
    ]:
        answer = s3.put_object(Bucket=BUCKET, Key=name, Body=content, **{name: value})
        equal(answer[name], value, name)
        head = s3.head_object(Bucket=BUCKET, Key=name, ChecksumMode="ENABLED")
        equal((head[name], head["ChecksumType"]), (value, "FULL_OBJECT"), f"{name}: HEAD")
        must_fail(s3.put_object, 400, "BadDigest", Bucket=BUCKET, Key=name, Body=b"987654321", **{name: value})
        equal(s3.get_object(Bucket=BUCKET, Key=name)["Body"].read(), content, f"{name}: still there")


def parts():
    upload = {"Bucket": BUCKET, "Key": "parts"}
    created = s3.create_multipart_upload(ChecksumAlgorithm="SHA512", **upload)
    equal((created["ChecksumAlgorithm"], created["ChecksumType"]), ("SHA512", "COMPOSITE"), "created")
    upload["UploadId"] = created["UploadId"]
    listed, digests = [], []
    for number, length in [(1, PART_LEN_MIN), (2, 1000)]:
        content = Content.random(number, length).bytes()
        answer = s3.upload_part(PartNumber=number, Body=content, ChecksumAlgorithm="SHA512", **upload)
        digests.append(hashlib.sha512(content).digest())
        equal(answer["ChecksumSHA512"], encoded(digests[-1]), f"part {number}")
        listed.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA512": answer["ChecksumSHA512"]})
    made = s3.complete_multipart_upload(MultipartUpload={"Parts": listed}, **upload)
    equal(made["ChecksumSHA512"], encoded(hashlib.sha512(b"".join(digests)).digest()) + "-2", "completed")


s3.create_bucket(Bucket=BUCKET)
model.run([computed_by_the_client, sent_as_they_are, parts])

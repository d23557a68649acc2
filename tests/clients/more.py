"""Room: what the scripts of the further clients ask of the node beside the client that they test.

    more.py make BUCKET                makes a bucket
    more.py giant BUCKET KEY LENGTH    makes an object of LENGTH bytes out of part copies of one of 64 MiB
    more.py copy BUCKET KEY KEY        copies an object as boto3's s3transfer does, by part copies where it is large
    more.py same BUCKET KEY KEY        says that two objects have the same length and the same checksum over all bytes
    more.py head BUCKET KEY NAME       the value of a field of HeadObject, or of the user metadata
    more.py keys BUCKET [PREFIX]       all keys, one a line
    more.py uploads BUCKET             how many uploads are open
"""

import os
import sys

import boto3

MIB = 1 << 20
SOURCE_LEN = 64 * MIB
PART_LEN = 512 * MIB

s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def make(bucket):
    s3.create_bucket(Bucket=bucket)


def assemble(bucket, key, source, source_len, length):
    """An upload whose parts are as many copies of the source as it takes, the last one cut."""
    upload = s3.create_multipart_upload(
        Bucket=bucket, Key=key, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
    )["UploadId"]
    parts, start = [], 0
    while start < length:
        number, size = len(parts) + 1, min(source_len, length - start)
        copied = s3.upload_part_copy(
            Bucket=bucket,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": source},
            CopySourceRange=f"bytes=0-{size - 1}",
        )["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": copied["ETag"]})
        start += size
    s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
    )


def giant(bucket, key, length):
    """Two steps, so that the parts are fewer than 10,000 and longer than 5 MiB at any length."""
    body = os.urandom(MIB) * (SOURCE_LEN // MIB)
    s3.put_object(Bucket=bucket, Key="giant-source", Body=body)
    assemble(bucket, "giant-part", "giant-source", SOURCE_LEN, PART_LEN)
    assemble(bucket, key, "giant-part", PART_LEN, int(length))
    s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "giant-source"}, {"Key": "giant-part"}]}
    )


def head(bucket, key):
    return s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")


def crc(bucket, key):
    """The CRC64NVME over all bytes: as stored, or made now by a copy that asks for it and moves nothing."""
    found = head(bucket, key)
    if found.get("ChecksumType") == "FULL_OBJECT" and "ChecksumCRC64NVME" in found:
        return found["ContentLength"], found["ChecksumCRC64NVME"]
    length, own = found["ContentLength"], key + ".sum"
    upload = s3.create_multipart_upload(
        Bucket=bucket, Key=own, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
    )["UploadId"]
    step, parts = 4 << 30, []
    for number, start in enumerate(range(0, length, step), 1):
        end = min(start + step, length) - 1
        copied = s3.upload_part_copy(
            Bucket=bucket,
            Key=own,
            UploadId=upload,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": key},
            CopySourceRange=f"bytes={start}-{end}",
        )["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": copied["ETag"]})
    done = s3.complete_multipart_upload(
        Bucket=bucket, Key=own, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    s3.delete_object(Bucket=bucket, Key=own)
    return length, done["ChecksumCRC64NVME"]


def copy(bucket, key, other):
    s3.copy({"Bucket": bucket, "Key": key}, bucket, other)


def same(bucket, one, other):
    first, second = crc(bucket, one), crc(bucket, other)
    if first != second:
        sys.exit(f"{one} is {first}, {other} is {second}")


def field(bucket, key, name):
    found = head(bucket, key)
    value = found["Metadata"].get(name, found.get(name))
    print(value if value is not None else sys.exit(f"no {name} in {found}"))


def keys(bucket, prefix=""):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            print(entry["Key"])


def uploads(bucket):
    print(len(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])))


if __name__ == "__main__":
    named = [make, giant, copy, same, keys, uploads]
    words = {word.__name__: word for word in named} | {"head": field}
    words[sys.argv[1]](*sys.argv[2:])

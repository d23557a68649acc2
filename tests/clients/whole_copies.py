"""Room: objects copied whole, from and to every kind, with their metadata, tags, checksums and conditions."""

import model
from model import KIB, MD5_UP_TO, MIB, PART_LEN_MIN, Content, equal, must_fail

BUCKET = "whole-copies"
OTHER = "whole-copies-other"

s3 = model.client()


def put(key, content, **options):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=content.bytes(), **options)


def put_in_parts(key, contents):
    upload = {"Bucket": BUCKET, "Key": key}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    parts = []
    for number, content in enumerate(contents, 1):
        answer = s3.upload_part(PartNumber=number, Body=content.bytes(), **upload)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    first = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    # A client whose answer was lost asks again.
    again = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    equal(again["ETag"], first["ETag"], f"{key}: completed again")
    other = [dict(part, PartNumber=part["PartNumber"] + 1) for part in parts]
    must_fail(s3.complete_multipart_upload, 404, "NoSuchUpload", MultipartUpload={"Parts": other}, **upload)
    return first["ETag"]


def copy(source, key, bucket=BUCKET, **options):
    where = {"Bucket": BUCKET, "Key": source}
    return s3.copy_object(Bucket=bucket, Key=key, CopySource=where, **options)["CopyObjectResult"]


def must_be(key, content, bucket=BUCKET):
    got = s3.get_object(Bucket=bucket, Key=key)
    equal(got["ContentLength"], len(content), f"{key}: length")
    content.must_equal_stream(got["Body"], key)


def every_kind():
    for name, length in [("empty", 0), ("tiny", 10), ("inline", 32 * KIB), ("blob", 32 * KIB + 1), ("long", 9 * MIB)]:
        content = Content.random(length, length)
        put(name, content)
        for bucket in (BUCKET, OTHER):
            result = copy(name, f"copies/{name}", bucket)
            equal(result["ETag"].strip('"'), content.digest("MD5").hex(), f"{name}: ETag")
            equal(result["LastModified"].microsecond, 0, f"{name}: LastModified in whole seconds")
            equal(result["ChecksumType"], "FULL_OBJECT", f"{name}: checksum")
            must_be(f"copies/{name}", content, bucket)
        s3.delete_object(Bucket=BUCKET, Key=name)
        must_be(f"copies/{name}", content)


def sources_of_parts():
    short = [Content.random(1, PART_LEN_MIN)]
    long = [Content.random(2, PART_LEN_MIN + 1), Content.random(3, 6 * MIB), Content.random(4, 10)]
    for key, contents in (("parts/short", short), ("parts/long", long)):
        etag = put_in_parts(key, contents)
        whole = Content([piece for content in contents for piece in content.pieces])
        result = copy(key, f"{key}.copy")
        expected = f'"{whole.digest("MD5").hex()}"' if len(whole) <= MD5_UP_TO else etag
        equal(result["ETag"], expected, f"{key}: ETag")
        equal(result["ChecksumCRC64NVME"], model.text(whole.digest("CRC64NVME")), f"{key}: checksum")
        s3.delete_object(Bucket=BUCKET, Key=key)
        must_be(f"{key}.copy", whole)


def checksums():
    content = Content.random(5, 70 * KIB)
    put("summed", content, ChecksumAlgorithm="SHA1")
    equal(copy("summed", "summed.copy")["ChecksumSHA1"], model.text(content.digest("SHA1")), "kept")
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        result = copy("summed", "summed.copy", ChecksumAlgorithm=algorithm)
        equal(result[f"Checksum{algorithm}"], model.text(content.digest(algorithm)), algorithm)
        head = s3.head_object(Bucket=BUCKET, Key="summed.copy", ChecksumMode="ENABLED")
        equal(head[f"Checksum{algorithm}"], result[f"Checksum{algorithm}"], f"{algorithm}: stored")
    # With its checksum sent along, the SDK compares what it reads.
    must_be("summed.copy", content)


def metadata_and_tags():
    content = Content.random(6, 100)
    put("described", content, Metadata={"color": "red"}, ContentType="text/plain", Tagging="a=b%20c")

    def described(key):
        head = s3.head_object(Bucket=BUCKET, Key=key)
        tags = s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
        return head["ContentType"], head["Metadata"], [(tag["Key"], tag["Value"]) for tag in tags]

    new = {"Metadata": {"shape": "round"}, "ContentType": "image/png", "Tagging": "d=e"}
    copy("described", "kept", **new)
    equal(described("kept"), ("text/plain", {"color": "red"}, [("a", "b c")]), "kept")
    copy("described", "replaced", MetadataDirective="REPLACE", TaggingDirective="REPLACE", **new)
    equal(described("replaced"), ("image/png", {"shape": "round"}, [("d", "e")]), "replaced")
    where = {"Bucket": BUCKET, "Key": "described"}
    must_fail(s3.copy_object, 400, "InvalidRequest", CopySource=where, **where)
    copy("described", "described", MetadataDirective="REPLACE", Metadata={"touched": "yes"})
    equal(described("described"), ("binary/octet-stream", {"touched": "yes"}, [("a", "b c")]), "touched")
    must_be("described", content)


def conditions():
    put("source", Content([b"source"]))
    etag = put("there", Content([b"there"]))["ETag"]
    where = {"Bucket": BUCKET, "CopySource": {"Bucket": BUCKET, "Key": "source"}}
    for options in ({"CopySourceIfMatch": etag}, {"IfNoneMatch": "*"}, {"IfMatch": '"0"'}):
        must_fail(s3.copy_object, 412, "PreconditionFailed", Key="there", **where, **options)
    must_be("there", Content([b"there"]))
    s3.copy_object(Key="there", IfMatch=etag, **where)
    must_be("there", Content([b"source"]))
    s3.copy_object(Key="new", IfNoneMatch="*", **where)
    must_fail(s3.copy_object, 404, "NoSuchKey", Key="absent", IfMatch=etag, **where)
    nothing = {"Bucket": BUCKET, "Key": "nothing"}
    must_fail(s3.copy_object, 404, "NoSuchKey", Bucket=BUCKET, Key="copy", CopySource=nothing)


def managed_copies():
    """Below its threshold the transfer manager copies whole, above it in parts."""
    for name, length in (("managed/short", 3 * MIB), ("managed/long", 20 * MIB)):
        content = Content.random(length, length)
        put(name, content)
        s3.copy({"Bucket": BUCKET, "Key": name}, OTHER, name)
        must_be(name, content, OTHER)


def main():
    for bucket in (BUCKET, OTHER):
        s3.create_bucket(Bucket=bucket)
    model.run(
        [
            every_kind,
            sources_of_parts,
            checksums,
            metadata_and_tags,
            conditions,
            managed_copies,
        ]
    )


main()

"""Room: a source that changes between a part copy and Complete changes nothing in what was copied.

What is freed is written over on purpose: new objects follow every delete, so that a copy that pointed at
freed bytes would read the new ones.
"""

import model
from model import MIB, PART_LEN_MIN, Content, equal, must_fail

BUCKET = "changing-sources"

s3 = model.client()


def put(key, content):
    s3.put_object(Bucket=BUCKET, Key=key, Body=content.bytes())


def put_multipart(key, contents):
    upload = start(key)
    parts = []
    for number, content in enumerate(contents, 1):
        answer = s3.upload_part(PartNumber=number, Body=content.bytes(), **upload)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)


def start(key):
    return {"Bucket": BUCKET, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]}


def copy(upload, number, source, byte_range):
    start_at, end = byte_range
    answer = s3.upload_part_copy(
        PartNumber=number,
        CopySource={"Bucket": BUCKET, "Key": source},
        CopySourceRange=f"bytes={start_at}-{end - 1}",
        **upload,
    )
    return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}


def complete(upload, parts, content):
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    must_be(upload["Key"], content)


def must_be(key, content):
    answer = s3.get_object(Bucket=BUCKET, Key=key)
    equal(answer["ContentLength"], len(content), f"{key}: length")
    content.must_equal_stream(answer["Body"], key)


def overwrite(key):
    put(key, Content.random(90, 8 * MIB))


def overwrite_with_multipart(key):
    put_multipart(key, [Content.random(91, PART_LEN_MIN), Content.random(92, 77)])


def delete(key):
    s3.delete_object(Bucket=BUCKET, Key=key)
    must_fail(s3.head_object, 404, "404", Bucket=BUCKET, Key=key)


def delete_and_put_again(key):
    delete(key)
    put(key, Content.random(93, 20_000))


CHANGES = [overwrite, overwrite_with_multipart, delete, delete_and_put_again]

# A source's content as one part or several, and the range to copy of it.
SOURCES = {
    "small": ([Content.random(1, 20_000)], (511, 19_001)),
    "single": ([Content.random(2, 12 * MIB + 5)], (4095, 4095 + 6 * MIB)),
    "single-whole": ([Content.random(3, 9 * MIB)], (0, 9 * MIB)),
    # A small range of a large blob is cloned rather than shared where the file system can.
    "large": ([Content.random(4, 96 * MIB)], (65_537, 65_537 + 8 * MIB + 1)),
    "parts": (
        [Content.random(5, PART_LEN_MIN + 1), Content.random(6, PART_LEN_MIN), Content.random(7, 999)],
        (4095, 2 * PART_LEN_MIN + 500),
    ),
}


def change_between_copy_and_complete():
    # rule: part-copy/pinned
    for name, (contents, byte_range) in SOURCES.items():
        whole = Content([]) if len(contents) > 1 else contents[0]
        for content in contents if len(contents) > 1 else []:
            whole = whole.then(content)
        for change in CHANGES:
            source, target = f"source-{name}", f"target-{name}-{change.__name__}"
            if len(contents) > 1:
                put_multipart(source, contents)
            else:
                put(source, contents[0])
            upload = start(target)
            parts = [copy(upload, 1, source, byte_range)]
            change(source)
            for filler in range(3):
                put(f"filler-{filler}", Content.random(filler, 9 * MIB))
                s3.delete_object(Bucket=BUCKET, Key=f"filler-{filler}")
            complete(upload, parts, whole.slice(*byte_range))


def append_to_itself():
    """The copied prefix of an object becomes the start of what replaces it."""
    # rule: part-copy/to-itself
    content = Content.random(20, PART_LEN_MIN + 511)
    put("appended", content)
    for round_number in range(4):
        tail = Content.random(21 + round_number, 70_001)
        upload = start("appended")
        parts = [copy(upload, 1, "appended", (0, len(content)))]
        answer = s3.upload_part(PartNumber=2, Body=tail.bytes(), **upload)
        must_be("appended", content)
        content = content.then(tail)
        complete(upload, parts + [{"PartNumber": 2, "ETag": answer["ETag"]}], content)


def last_copy_of_a_part_wins():
    # rule: part-copy/last-wins
    content = Content.random(30, 7 * MIB)
    put("twice", content)
    upload = start("twice-target")
    first = copy(upload, 1, "twice", (1, 1 + PART_LEN_MIN))
    second = copy(upload, 1, "twice", (2, 2 + PART_LEN_MIN))
    must_fail(
        s3.complete_multipart_upload, 400, "InvalidPart", MultipartUpload={"Parts": [first]}, **upload
    )
    complete(upload, [second], content.slice(2, 2 + PART_LEN_MIN))


def abort_lets_go():
    put("kept", Content.random(40, 7 * MIB))
    upload = start("aborted")
    copy(upload, 1, "kept", (0, 7 * MIB))
    s3.abort_multipart_upload(**upload)
    must_fail(s3.list_parts, 404, "NoSuchUpload", **upload)
    must_fail(s3.abort_multipart_upload, 404, "NoSuchUpload", **upload)
    must_fail(s3.head_object, 404, "404", Bucket=BUCKET, Key="aborted")
    must_be("kept", Content.random(40, 7 * MIB))


def parts_not_listed_are_discarded():
    content = Content.random(50, 7 * MIB)
    put("listed", content)
    upload = start("listed-target")
    copy(upload, 1, "listed", (0, PART_LEN_MIN))
    kept = copy(upload, 5, "listed", (100, 100 + PART_LEN_MIN))
    copy(upload, 9, "listed", (0, 17))
    complete(upload, [kept], content.slice(100, 100 + PART_LEN_MIN))


def source_in_another_bucket():
    # rule: copy-source/forms
    other = f"{BUCKET}-other"
    s3.create_bucket(Bucket=other)
    content = Content.random(60, PART_LEN_MIN + 3)
    s3.put_object(Bucket=other, Key="far/away +%2F?", Body=content.bytes())
    upload = start("from-other-bucket")
    answer = s3.upload_part_copy(
        PartNumber=1, CopySource={"Bucket": other, "Key": "far/away +%2F?"}, **upload
    )
    s3.delete_object(Bucket=other, Key="far/away +%2F?")
    s3.delete_bucket(Bucket=other)
    complete(upload, [{"PartNumber": 1, "ETag": answer["CopyPartResult"]["ETag"]}], content)


def main():
    s3.create_bucket(Bucket=BUCKET)
    model.run(
        [
            change_between_copy_and_complete,
            append_to_itself,
            last_copy_of_a_part_wins,
            abort_lets_go,
            parts_not_listed_are_discarded,
            source_in_another_bucket,
        ]
    )


main()

"""Room: s3fs of Python's fsspec with its default settings: files as Python programs and data frames use them."""

import os
import time

import s3fs

BUCKET = "fsspec-bucket"
MIB = 1 << 20


def timed(step, fs):
    start = time.monotonic()
    step(fs)
    print(f"{(time.monotonic() - start) * 1000:8.0f} ms  s3fs (fsspec): {step.__name__}")


def content(length):
    return os.urandom(MIB)[: length % MIB] + os.urandom(MIB) * (length // MIB)


def written_and_read(fs):
    small, large = content(70_001), content(12 * MIB + 5)
    for name, body in [("small", small), ("large", large), ("odd name+ü/%41 b", small), ("empty", b"")]:
        path = f"{BUCKET}/{name}"
        with fs.open(path, "wb", block_size=5 * MIB) as file:
            file.write(body)
        with fs.open(path, "rb") as file:
            assert file.read() == body, name
        assert fs.info(path)["size"] == len(body)
    with fs.open(f"{BUCKET}/large", "rb") as file:
        file.seek(5 * MIB - 3)
        assert file.read(10) == large[5 * MIB - 3 : 5 * MIB + 7]
    assert fs.cat_ranges([f"{BUCKET}/large"] * 2, [0, 100], [5, 105]) == [large[:5], large[100:105]]


def appended(fs):
    """What is there becomes the first part of an upload, by a part copy."""
    body, tail = content(6 * MIB + 1), content(1000)
    path = f"{BUCKET}/log"
    fs.pipe(path, body)
    with fs.open(path, "ab") as file:
        file.write(tail)
    assert fs.cat(path) == body + tail


def copied(fs):
    body = content(13 * MIB + 7)
    fs.pipe(f"{BUCKET}/one", body)
    fs.copy(f"{BUCKET}/one", f"{BUCKET}/two")
    assert fs.cat(f"{BUCKET}/two") == body
    # An object whose parts are others, by part copies.
    fs.merge(f"{BUCKET}/merged", [f"{BUCKET}/one", f"{BUCKET}/two"])
    assert fs.cat(f"{BUCKET}/merged") == body + body
    fs.mv(f"{BUCKET}/two", f"{BUCKET}/three")
    assert not fs.exists(f"{BUCKET}/two") and fs.cat(f"{BUCKET}/three") == body


def listed(fs):
    fs.pipe({f"{BUCKET}/many/{number:03}": bytes([number]) for number in range(50)})
    fs.invalidate_cache()
    assert [path.rsplit("/", 1)[1] for path in fs.ls(f"{BUCKET}/many")] == [f"{n:03}" for n in range(50)]
    assert len(fs.glob(f"{BUCKET}/many/01*")) == 10
    assert fs.du(f"{BUCKET}/many") == 50
    assert fs.isdir(f"{BUCKET}/many") and fs.isfile(f"{BUCKET}/many/000")


def described(fs):
    path = f"{BUCKET}/described"
    with fs.open(path, "wb", ContentType="text/x-fsspec", Metadata={"answer": "42"}) as file:
        file.write(b"x")
    assert fs.metadata(path) == {"answer": "42"}
    assert fs.info(path, refresh=True)["ContentType"] == "text/x-fsspec"
    fs.setxattr(path, answer="43")
    assert fs.getxattr(path, "answer") == "43"
    fs.put_tags(path, {"colour": "red"})
    assert fs.get_tags(path) == {"colour": "red"}


def deleted(fs):
    fs.rm(f"{BUCKET}/many", recursive=True)
    assert not fs.exists(f"{BUCKET}/many")
    fs.rm(BUCKET, recursive=True)
    fs.invalidate_cache()
    assert BUCKET not in fs.ls("")


if __name__ == "__main__":
    system = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    system.mkdir(BUCKET)
    for step in [written_and_read, appended, copied, listed, described, deleted]:
        timed(step, system)

"""Room: what objects must contain, and digests to compare with, without asking the server or an SDK.

A content is a list of slices of a few byte strings: ranges and concatenations of contents are contents, and a
model of gigabytes costs no memory.
"""

import base64
import hashlib
import os
import random
import sys
import time
import traceback
import zlib

import boto3

KIB = 1 << 10
MIB = 1 << 20
PART_LEN_MIN = 5 * MIB
# The default of the server's etag.md5_up_to: the ETag of a copied range up to here is its MD5.
MD5_UP_TO = 5 * MIB


class Content:
    """Bytes that are known, as slices."""

    def __init__(self, pieces):
        self.pieces = [piece for piece in pieces if len(piece)]

    @staticmethod
    def random(seed, length):
        """Bytes that only the seed tells."""
        return Content([memoryview(random.Random(seed).randbytes(length))])

    def __len__(self):
        return sum(len(piece) for piece in self.pieces)

    def slice(self, start, end):
        """The bytes from start up to, not including, end."""
        assert 0 <= start <= end <= len(self), (start, end, len(self))
        pieces = []
        for piece in self.pieces:
            pieces.append(piece[max(start, 0) : max(end, 0)])
            start -= len(piece)
            end -= len(piece)
        return Content(pieces)

    def then(self, following):
        """These bytes and then those."""
        return Content(self.pieces + following.pieces)

    def bytes(self):
        return b"".join(self.pieces)

    def digest(self, algorithm):
        """The raw digest, by the name of an S3 checksum algorithm or MD5."""
        state = RUNNING[algorithm]()
        for piece in self.pieces:
            state.update(piece)
        return state.digest()

    def must_equal_stream(self, stream, what):
        """Compares with a stream of bytes, without holding it."""
        at = 0
        for piece in self.pieces:
            taken = 0
            while taken < len(piece):
                expected = piece[taken : taken + MIB]
                got = read_exactly(stream, len(expected))
                if got != expected:
                    common = min(len(got), len(expected))
                    where = next((i for i in range(common) if got[i] != expected[i]), common)
                    raise AssertionError(f"{what}: differs at byte {at + where} of {len(self)}")
                taken += len(expected)
                at += len(expected)
        assert not stream.read(1), f"{what}: longer than {len(self)} bytes"


def read_exactly(stream, length):
    parts = []
    while length:
        part = stream.read(length)
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class Crc:
    """A running reflected CRC of any width, a byte at a time: slow, and plainly what the standard says."""

    def __init__(self, polynomial, width):
        self.ones = (1 << width) - 1
        self.width = width
        self.state = self.ones
        self.table = []
        for value in range(256):
            for _ in range(8):
                value = (value >> 1) ^ (polynomial if value & 1 else 0)
            self.table.append(value)

    def update(self, data):
        state, table = self.state, self.table
        for byte in bytes(data):
            state = (state >> 8) ^ table[(state ^ byte) & 0xFF]
        self.state = state

    def digest(self):
        return (self.state ^ self.ones).to_bytes(self.width // 8, "big")


class Crc32:
    def __init__(self):
        self.state = 0

    def update(self, data):
        self.state = zlib.crc32(data, self.state)

    def digest(self):
        return self.state.to_bytes(4, "big")


RUNNING = {
    "MD5": hashlib.md5,
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "CRC32": Crc32,
    "CRC32C": lambda: Crc(0x82F63B78, 32),
    "CRC64NVME": lambda: Crc(0x9A6C9329AC4BC9B5, 64),
}
assert Content([b"123456789"]).digest("CRC32C").hex() == "e3069283"
assert Content([b"123456789"]).digest("CRC64NVME").hex() == "ae8b14860a799888"


def text(digest):
    """A digest as S3 writes checksums."""
    return base64.b64encode(digest).decode()


def composite(algorithm, contents):
    """The COMPOSITE checksum of an object made of these parts."""
    digests = [memoryview(content.digest(algorithm)) for content in contents]
    return f"{text(Content(digests).digest(algorithm))}-{len(contents)}"


def multipart_etag(etags):
    """The ETag of a completed upload, from the ETags of its parts."""
    raw = b"".join(bytes.fromhex(etag.strip('"')) for etag in etags)
    return f'"{hashlib.md5(raw).hexdigest()}-{len(etags)}"'


def client(**options):
    """A client as boto3 makes it; endpoint, keys and region come from the environment."""
    return boto3.client("s3", **options)


def big_len():
    """The length of the largest source: a gigabyte unless a quick look at a slow server asks for less."""
    return int(os.environ.get("TENON_TEST_BIG_LEN", 1 << 30))


def must_fail(call, status, code, **arguments):
    """Calls and demands this S3 error. Returns the parsed error."""
    from botocore.exceptions import ClientError

    try:
        answer = call(**arguments)
    except ClientError as error:
        got = (error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"])
        assert got == (status, code), f"{arguments}: {got}, expected {(status, code)}"
        return error.response
    raise AssertionError(f"{arguments}: must fail with {code}, got {answer}")


def equal(got, expected, what):
    assert got == expected, f"{what}: {got!r}, expected {expected!r}"


class Timer:
    """Prints what a step took."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        self.start = time.monotonic()

    def __exit__(self, kind, *_):
        if kind is None:
            print(f"{time.monotonic() - self.start:8.2f} s  {self.what}", flush=True)


def run(steps):
    """Runs all steps, also after a failure, and fails at the end if one did."""
    failed = []
    for step in steps:
        try:
            with Timer(step.__name__):
                step()
        except Exception:
            traceback.print_exc()
            failed.append(step.__name__)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)

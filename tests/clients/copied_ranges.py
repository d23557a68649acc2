"""Room: uploads made of copied ranges, mixed with uploaded parts, compared byte for byte with a model.

Offsets that no block size likes, sources from 10 bytes to a gigabyte, single-part and multipart, and ranges
across the part boundaries of multipart sources.
"""

import model
from model import KIB, MD5_UP_TO, MIB, PART_LEN_MIN, Content, Timer, equal

BUCKET = "copied-ranges"
OFFSETS = [0, 1, 511, 4095, 65537]
BASE_LEN = 64 * MIB

s3 = model.client()


class Source:
    """An object to copy from: its content and where its parts begin."""

    def __init__(self, key, content, boundaries=()):
        self.key = key
        self.content = content
        self.boundaries = list(boundaries)

    def __len__(self):
        return len(self.content)


class Upload:
    """A multipart upload and the model of what it will be."""

    def __init__(self, key, algorithm=None):
        self.key = key
        self.algorithm = algorithm
        self.parts = []
        self.contents = []
        options = {"ChecksumAlgorithm": algorithm} if algorithm else {}
        self.id = s3.create_multipart_upload(Bucket=BUCKET, Key=key, **options)["UploadId"]

    def where(self):
        return {"Bucket": BUCKET, "Key": self.key, "UploadId": self.id}

    def upload(self, content):
        number = len(self.parts) + 1
        options = {"ChecksumAlgorithm": self.algorithm} if self.algorithm in ("CRC32", "SHA256", "SHA1") else {}
        answer = s3.upload_part(PartNumber=number, Body=content.bytes(), **options, **self.where())
        equal(answer["ETag"].strip('"'), content.digest("MD5").hex(), f"{self.key}: ETag of part {number}")
        self.remember(number, answer, content)

    def copy(self, source, start=None, end=None):
        number = len(self.parts) + 1
        options = {} if start is None else {"CopySourceRange": f"bytes={start}-{end - 1}"}
        content = source.content if start is None else source.content.slice(start, end)
        answer = s3.upload_part_copy(
            PartNumber=number, CopySource={"Bucket": BUCKET, "Key": source.key}, **options, **self.where()
        )
        result = answer["CopyPartResult"]
        self.check_result(number, result, content)
        self.remember(number, result, content)
        return result

    def check_result(self, number, result, content):
        what = f"{self.key}: part {number}"
        etag = result["ETag"].strip('"')
        assert len(etag) == 32 and set(etag) <= set("0123456789abcdef"), f"{what}: {etag}"
        if len(content) <= MD5_UP_TO:
            equal(etag, content.digest("MD5").hex(), f"{what}: ETag")
        equal(result["LastModified"].microsecond, 0, f"{what}: LastModified in whole seconds")
        checksums = {name for name in result if name.startswith("Checksum")}
        equal(checksums, {f"Checksum{self.algorithm}"} if self.algorithm else set(), f"{what}: checksums")
        if self.algorithm:
            expected = model.text(content.digest(self.algorithm))
            equal(result[f"Checksum{self.algorithm}"], expected, f"{what}: {self.algorithm}")

    def remember(self, number, answer, content):
        part = {"PartNumber": number, "ETag": answer["ETag"]}
        if self.algorithm:
            part[f"Checksum{self.algorithm}"] = answer[f"Checksum{self.algorithm}"]
        self.parts.append(part)
        self.contents.append(content)

    def listed(self):
        """What ListParts must show."""
        return [(part["PartNumber"], part["ETag"], len(content)) for part, content in zip(self.parts, self.contents)]

    def complete(self):
        """Completes, reads all back, and returns it as a source."""
        pages = s3.get_paginator("list_parts").paginate(**self.where())
        parts = [(part["PartNumber"], part["ETag"], part["Size"]) for page in pages for part in page["Parts"]]
        equal(parts, self.listed(), f"{self.key}: ListParts")
        answer = s3.complete_multipart_upload(MultipartUpload={"Parts": self.parts}, **self.where())
        expected = model.multipart_etag([part["ETag"] for part in self.parts])
        equal(answer["ETag"], expected, f"{self.key}: ETag of the whole")
        content, boundaries = Content([]), []
        for part in self.contents:
            content = content.then(part)
            boundaries.append(len(content))
        if self.algorithm == "CRC64NVME":
            expected = model.text(content.digest(self.algorithm))
            equal(answer["ChecksumCRC64NVME"], expected, f"{self.key}: of the full object")
        elif self.algorithm:
            expected = model.composite(self.algorithm, self.contents)
            equal(answer[f"Checksum{self.algorithm}"], expected, f"{self.key}: composite")
        source = Source(self.key, content, boundaries[:-1])
        must_read_back(source)
        return source


def must_read_back(source):
    answer = s3.get_object(Bucket=BUCKET, Key=source.key)
    equal(answer["ContentLength"], len(source), f"{source.key}: length")
    source.content.must_equal_stream(answer["Body"], source.key)
    head = s3.head_object(Bucket=BUCKET, Key=source.key)
    equal((head["ContentLength"], head["ETag"]), (len(source), answer["ETag"]), f"{source.key}: HEAD")
    for boundary in source.boundaries:
        start, end = max(boundary - 3, 0), min(boundary + 3, len(source))
        answer = s3.get_object(Bucket=BUCKET, Key=source.key, Range=f"bytes={start}-{end - 1}")
        equal(answer["Body"].read(), source.content.slice(start, end).bytes(), f"{source.key}: {start}-{end}")


def put(key, content):
    s3.put_object(Bucket=BUCKET, Key=key, Body=content.bytes())
    return Source(key, content)


def single_part_sources(base):
    lengths = [10, 511, 4 * KIB, 20_000, 32 * KIB, 32 * KIB + 1, 100_000, MIB, PART_LEN_MIN - 1, PART_LEN_MIN, 9 * MIB + 7]
    return [put(f"single-{length}", Content.random(length, length)) for length in lengths] + [base]


def multipart_sources(base):
    """Uploaded parts, copied parts, and both, with boundaries at odd places."""
    uploaded = Upload("multipart-uploaded")
    for number, length in enumerate([PART_LEN_MIN + 1, PART_LEN_MIN + 65537, PART_LEN_MIN, 3]):
        uploaded.upload(Content.random(1000 + number, length))
    copied = Upload("multipart-copied")
    for offset in OFFSETS:
        copied.copy(base, offset, offset + 6 * MIB + offset)
    mixed = Upload("multipart-mixed")
    mixed.copy(base, 65537, 65537 + PART_LEN_MIN + 511)
    mixed.upload(Content.random(2000, PART_LEN_MIN + 4095))
    mixed.copy(base, 1, 1 + PART_LEN_MIN)
    mixed.copy(base, BASE_LEN - 1, BASE_LEN)
    return [upload.complete() for upload in (uploaded, copied, mixed)]


def big_source(base):
    """A gigabyte, made of copies of one object of 64 MiB."""
    upload = Upload("big")
    left = model.big_len()
    while left:
        length = min(left, BASE_LEN)
        upload.copy(base, 0, length)
        left -= length
    return upload.complete()


def ranges_of(source):
    """Ranges to copy: from odd offsets to odd ends, tails, single bytes, and across part boundaries."""
    size = len(source)
    ranges = []
    for index, offset in enumerate(OFFSETS):
        if offset < size:
            ranges.append((offset, min(size, offset + PART_LEN_MIN + 13 * index)))
            ranges.append((size - 1 - min(offset, size - 1), size))
    for boundary in source.boundaries[:4] + source.boundaries[-1:]:
        ranges.append((boundary - 1, boundary + 1))
        ranges.append((max(boundary - 65537, 0), min(boundary + PART_LEN_MIN + 511, size)))
        ranges.append((boundary, min(boundary + 4095, size)))
        ranges.append((max(boundary - PART_LEN_MIN - 1, 0), boundary))
    if len(source.boundaries) > 2:
        ranges.append((source.boundaries[0] - 511, min(source.boundaries[2] + 1, size)))
    return ranges


def pack(source, ranges):
    """Groups ranges into uploads: a part below the minimum can only be the last one of an upload."""
    long = [one for one in ranges if one[1] - one[0] >= PART_LEN_MIN]
    short = [one for one in ranges if one[1] - one[0] < PART_LEN_MIN]
    filler = Content.random(7, PART_LEN_MIN + 1)
    for index in range(max(1, len(short))):
        upload = Upload(f"from-{source.key}-{index}")
        for start, end in long[:2]:
            upload.copy(source, start, end)
        long = long[2:]
        upload.upload(filler)
        if index < len(short):
            upload.copy(source, *short[index])
        yield upload
    if long:
        upload = Upload(f"from-{source.key}-rest")
        for start, end in long:
            upload.copy(source, start, end)
        yield upload


def copy_ranges_of(source):
    whole = Upload(f"whole-{source.key}")
    whole.copy(source)
    whole.complete()
    for upload in pack(source, ranges_of(source)):
        upload.complete()
        s3.delete_object(Bucket=BUCKET, Key=upload.key)


def copy_of_copies(source):
    """Ranges of ranges of ranges: every generation begins and ends at odd places of the one before."""
    for generation, offset in enumerate(OFFSETS):
        upload = Upload(f"generation-{generation}")
        upload.copy(source, offset, offset + PART_LEN_MIN + 7)
        upload.copy(source, len(source) - PART_LEN_MIN - 1, len(source) - 1)
        upload.upload(Content.random(3000 + generation, PART_LEN_MIN))
        upload.copy(source, len(source) - 1, len(source))
        source = upload.complete()


def checksummed_copies(base, multipart):
    """The checksum of a part is that of exactly the copied range, whatever the source's own."""
    boundary = multipart.boundaries[0]
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        # The plain Python digests of the model are slow: few bytes where they are needed.
        slow = algorithm in ("CRC32C", "CRC64NVME")
        upload = Upload(f"checksummed-{algorithm}", algorithm)
        if not slow:
            upload.copy(base, 4095, 4095 + 7 * MIB)
            upload.upload(Content.random(4000, PART_LEN_MIN))
        upload.copy(multipart, boundary - 65537, boundary + 100_001)
        upload.complete()
    whole = Source("checksummed-source", Content.random(4001, 300_001))
    for algorithm in ("CRC32", "SHA256"):
        s3.put_object(Bucket=BUCKET, Key=whole.key, Body=whole.content.bytes(), ChecksumAlgorithm=algorithm)
        for start, end in ((None, None), (1, 300_000), (65536, 131072)):
            upload = Upload(f"from-checksummed-{algorithm}", algorithm)
            upload.copy(whole, start, end)
            upload.complete()


def default_checksum():
    """Without an algorithm the whole object gets a CRC64NVME, combined from its parts."""
    source = put("default-checksum", Content.random(5000, PART_LEN_MIN + 70_000))
    upload = Upload("default-checksum-copy")
    upload.copy(source)
    upload.copy(source, 511, 66_048)
    upload.complete()
    head = s3.head_object(Bucket=BUCKET, Key=upload.key, ChecksumMode="ENABLED")
    expected = model.text(source.content.then(source.content.slice(511, 66_048)).digest("CRC64NVME"))
    equal((head["ChecksumCRC64NVME"], head["ChecksumType"]), (expected, "FULL_OBJECT"), "default checksum")


def main():
    s3.create_bucket(Bucket=BUCKET)
    base = put("base", Content.random(64, BASE_LEN))
    with Timer("sources"):
        sources = single_part_sources(base)
        multiparts = multipart_sources(base)
    with Timer(f"a source of {model.big_len()} bytes from part copies"):
        big = big_source(base)
    for source in sources + multiparts + [big]:
        with Timer(f"ranges of {source.key}"):
            copy_ranges_of(source)
    with Timer("copies of copies"):
        copy_of_copies(multiparts[2])
    with Timer("checksums of ranges"):
        checksummed_copies(base, multiparts[0])
        default_checksum()


main()

"""Room: Debian's docker-registry, with its S3 driver on the node and beside it with its file-system driver: an image with
one large layer is pushed, finalised and pulled.

    registry.py LENGTH [FOLDER]   LENGTH of the layer in bytes; FOLDER: where the file-system driver keeps its files

The layer goes through the registry's HTTP API as a client sends it: POST, one PATCH, PUT. The PUT makes the blob of the
upload: on S3 by part copies of 32 MiB, on a file system by a rename. What the node says of copies is read from its metrics,
if TENON_TEST_METRICS is their URL.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import boto3

MIB = 1 << 20
REPOSITORY = "tenon/layers"


BLOCK = os.urandom(MIB)


def layer(length):
    """A random megabyte again and again, each with its place in front, so that no two are alike."""
    for number in range(0, length, MIB):
        yield (number.to_bytes(16, "big") + BLOCK[16:])[: length - number]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def s3_storage():
    return {
        "s3": {
            "accesskey": os.environ["AWS_ACCESS_KEY_ID"],
            "secretkey": os.environ["AWS_SECRET_ACCESS_KEY"],
            "region": os.environ["AWS_DEFAULT_REGION"],
            "regionendpoint": os.environ["AWS_ENDPOINT_URL"],
            "bucket": "registry",
            "secure": False,
            "v4auth": True,
        }
    }


@contextlib.contextmanager
def registry(storage):
    port = free_port()
    config = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {**storage, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    with open("registry.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    process = subprocess.Popen(["docker-registry", "serve", "registry.json"])
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/") as reply:
                    assert reply.status == 200
                break
            except OSError:
                assert process.poll() is None, "the registry has ended"
                time.sleep(0.05)
        yield http.client.HTTPConnection("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait()


def ask(connection, method, path, expected, body=None, headers=None):
    connection.request(method, path, body=body, headers=headers or {})
    reply = connection.getresponse()
    text = reply.read()
    assert reply.status == expected, f"{method} {path}: {reply.status} {text[:500]}"
    return reply


def push(connection, body, length, digest):
    """One blob. Returns how long its bytes took, and how long its PUT."""
    started = time.monotonic()
    place = ask(connection, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", 202).getheader("Location")
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
    place = ask(connection, "PATCH", path_of(place), 202, body, headers).getheader("Location")
    sent = time.monotonic()
    joint = "&" if "?" in place else "?"
    ask(connection, "PUT", f"{path_of(place)}{joint}digest={digest}", 201, b"")
    return sent - started, time.monotonic() - sent


def path_of(location):
    return re.sub(r"^https?://[^/]+", "", location)


def pull(connection, digest):
    started, hashed = time.monotonic(), hashlib.sha256()
    connection.request("GET", f"/v2/{REPOSITORY}/blobs/{digest}")
    reply = connection.getresponse()
    if reply.status == 307:
        # The S3 driver sends clients to the node itself, by a presigned URL.
        reply.read()
        address = reply.getheader("Location")
        assert address.startswith(os.environ["AWS_ENDPOINT_URL"]), address
        reply = urllib.request.urlopen(address)
    assert reply.status == 200, reply.status
    while piece := reply.read(MIB):
        hashed.update(piece)
    assert f"sha256:{hashed.hexdigest()}" == digest, "what was pulled is not what was pushed"
    return time.monotonic() - started


def image(connection, length, digest):
    """The manifest and the configuration that make an image of the layer."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]}})
    config_digest = "sha256:" + hashlib.sha256(config.encode()).hexdigest()
    push(connection, config.encode(), len(config), config_digest)
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(config),
            "digest": config_digest,
        },
        "layers": [
            {"mediaType": "application/vnd.docker.image.rootfs.diff.tar", "size": length, "digest": digest}
        ],
    }
    path = f"/v2/{REPOSITORY}/manifests/latest"
    ask(connection, "PUT", path, 201, json.dumps(manifest), {"Content-Type": kind})
    ask(connection, "GET", path, 200, headers={"Accept": kind})


def figures():
    """What the node says: part copies so far, and bytes that copies have moved."""
    address = os.environ.get("TENON_TEST_METRICS")
    if not address:
        return None
    with urllib.request.urlopen(address) as reply:
        text = reply.read().decode()

    def total(name, label=""):
        lines = [line for line in text.splitlines() if line.startswith(name) and label in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    return (
        total("tenon_requests_total", 'operation="UploadPartCopy"'),
        total("tenon_copy_physical_bytes_total"),
    )


def run(name, storage, length, digest):
    with registry(storage) as connection:
        before = figures()
        bytes_took, put_took = push(connection, layer(length), length, digest)
        after = figures()
        image(connection, length, digest)
        pull_took = pull(connection, digest)
        print(
            f"{name}: a layer of {length / MIB:.0f} MiB: pushed in {bytes_took:.2f} s, finalised in {put_took:.3f} s, "
            f"pulled in {pull_took:.2f} s",
            flush=True,
        )
        if name == "S3" and before is not None:
            copies, moved = after[0] - before[0], after[1] - before[1]
            print(f"S3: {copies:.0f} part copies, {moved:.0f} bytes moved by them")
            assert copies >= length // (32 * MIB) and moved == 0, (copies, moved)


def main(length, folder="registry-files"):
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).create_bucket(Bucket="registry")
    hashed = hashlib.sha256()
    for piece in layer(length):
        hashed.update(piece)
    digest = f"sha256:{hashed.hexdigest()}"
    run("S3", s3_storage(), length, digest)
    run("file system", {"filesystem": {"rootdirectory": os.path.abspath(folder)}}, length, digest)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])

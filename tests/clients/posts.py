"""Room: forms as boto3 signs them, sent by who knows nothing of S3: curl, urllib3, and what Node.js has of a browser."""

import base64
import ipaddress
import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as xml
from urllib.parse import parse_qs, quote, urlsplit

import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

import model
from model import KIB, MIB, Content, equal

BUCKET = "posts"
# Left alone, boto3 signs for us-east-1 and for other servers with the signature before this one.
s3 = model.client(config=Config(signature_version="s3v4"))
pool = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"))


def signed(key, fields=None, conditions=(), life=300):
    """A form that may have these fields, and those that must come with it."""
    fields = fields or {}
    covered = [{name: value} for name, value in fields.items()] + list(conditions)
    return s3.generate_presigned_post(BUCKET, key, Fields=fields, Conditions=covered, ExpiresIn=life)


def by_curl(form, content, filename="up.bin", extra=()):
    """Returns status, headers (names in lower case) and body."""
    parts = urlsplit(form["url"])
    command = ["curl", "--silent", "--show-error", "--max-time", "120"]
    command += ["--resolve", f"{parts.hostname}:{parts.port}:127.0.0.1"]
    if "AWS_CA_BUNDLE" in os.environ:
        command += ["--cacert", os.environ["AWS_CA_BUNDLE"]]
    for name, value in form["fields"].items():
        command += ["--form-string", f"{name}={value}"]
    with open("sent", "wb") as file:
        for piece in content.pieces:
            file.write(piece)
    quoted = filename.replace("\\", "\\\\").replace('"', '\\"')
    command += ["--form", f'file=@sent;filename="{quoted}"']
    for name, value in extra:
        command += ["--form-string", f"{name}={value}"]
    command += ["--dump-header", "head", "--output", "body", form["url"]]
    open("body", "wb").close()
    subprocess.run(command, check=True)
    with open("head", encoding="latin-1", newline="") as file:
        heads = [head for head in file.read().split("\r\n\r\n") if head]
    lines = heads[-1].split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    with open("body", "rb") as file:
        return int(lines[0].split()[1]), headers, file.read()


def by_urllib3(form, content, filename="up.bin", extra=()):
    fields = [*form["fields"].items(), ("file", (filename, content.bytes(), "text/csv")), *extra]
    answer = pool.request("POST", form["url"], fields=fields, redirect=False, retries=False)
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data


# Forms as browsers make them: the classes of the Fetch standard.
FETCH = """
const { url, fields, filename, extra } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const form = new FormData();
for (const [name, value] of fields) form.append(name, value);
form.append("file", new Blob([require("fs").readFileSync("sent")], { type: "text/csv" }), filename);
for (const [name, value] of extra) form.append(name, value);
(async () => {
  const answer = await fetch(url, { method: "POST", body: form, redirect: "manual" });
  const body = Buffer.from(await answer.arrayBuffer()).toString("base64");
  console.log(JSON.stringify({ status: answer.status, headers: [...answer.headers], body }));
})();
"""


def by_node(form, content, filename="up.bin", extra=()):
    with open("sent", "wb") as file:
        for piece in content.pieces:
            file.write(piece)
    asked = {"url": form["url"], "fields": list(form["fields"].items()), "filename": filename, "extra": list(extra)}
    said = subprocess.run(["node", "-e", FETCH], input=json.dumps(asked).encode(), check=True, stdout=subprocess.PIPE)
    answer = json.loads(said.stdout)
    return answer["status"], dict(answer["headers"]), base64.b64decode(answer["body"])


def is_address(host):
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


SENDERS = [by_curl, by_urllib3]
# It knows neither the names of the tests nor their certificates.
if shutil.which("node") and is_address(urlsplit(s3.meta.endpoint_url).hostname) and "AWS_CA_BUNDLE" not in os.environ:
    SENDERS.append(by_node)


def must_be(answer, status, what):
    equal(answer[0], status, f"{what}: {answer[2][:2000]!r}")
    return answer


def must_fail(answer, status, code, message=None):
    must_be(answer, status, code)
    found = xml.fromstring(answer[2])
    equal(found.find("Code").text, code, "code")
    if message is not None:
        equal(found.find("Message").text, message, code)
    return found


def files_of_all_lengths():
    for send in SENDERS:
        for length in [0, 1, 32 * KIB, 32 * KIB + 1, 20 * MIB + 3]:
            content = Content.random(length, length)
            answer = must_be(send(signed("in/${filename}"), content, "a b+é.bin"), 204, f"{length}")
            equal(answer[2], b"", "no body")
            equal(answer[1]["etag"], f'"{content.digest("MD5").hex()}"', "ETag")
            equal(answer[1]["location"].endswith("/in%2Fa%20b%2B%C3%A9.bin"), True, answer[1]["location"])
            got = s3.get_object(Bucket=BUCKET, Key="in/a b+é.bin")
            content.must_equal_stream(got["Body"], f"{length}")
            equal(got["ContentType"], "binary/octet-stream", "the type of the form's part is of no account")


def what_fields_say():
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>1 2</Value></Tag></TagSet></Tagging>"
    fields = {
        "acl": "private",
        "Content-Type": "text/x-test",
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="x.txt"',
        "Content-Encoding": "identity",
        "Expires": "Wed, 21 Oct 2037 07:28:00 GMT",
        "x-amz-meta-Colour": "red",
        "x-amz-storage-class": "STANDARD",
        "x-amz-checksum-algorithm": "SHA256",
        "tagging": tagging,
    }
    content = Content.random("fields", 100 * KIB)
    for send in SENDERS:
        must_be(send(signed("fields", fields), content), 204, "fields")
        head = s3.head_object(Bucket=BUCKET, Key="fields", ChecksumMode="ENABLED")
        for name, value in [
            ("ContentType", "text/x-test"),
            ("CacheControl", "no-store"),
            ("ContentDisposition", 'attachment; filename="x.txt"'),
            ("ContentEncoding", "identity"),
            ("ExpiresString", "Wed, 21 Oct 2037 07:28:00 GMT"),
            ("Metadata", {"colour": "red"}),
            ("ChecksumSHA256", model.text(content.digest("SHA256"))),
        ]:
            equal(head[name], value, name)
        tags = s3.get_object_tagging(Bucket=BUCKET, Key="fields")["TagSet"]
        equal(tags, [{"Key": "a", "Value": "1 2"}], "tags")
        s3.delete_object(Bucket=BUCKET, Key="fields")


def what_is_answered():
    content = Content.random("answers", 10)
    for send in SENDERS:
        must_be(send(signed("k", {"success_action_status": "200"}), content), 200, "200")
        answer = must_be(send(signed("dir/k&é", {"success_action_status": "201"}), content), 201, "201")
        found = {element.tag: element.text for element in xml.fromstring(answer[2])}
        equal(found["Bucket"], BUCKET, "bucket")
        equal(found["Key"], "dir/k&é", "key")
        equal(found["ETag"], answer[1]["etag"], "ETag")
        equal(found["Location"], answer[1]["location"], "location")
        equal(answer[1]["content-type"], "application/xml", "type")
        direct = pool.request("GET", found["Location"], retries=False)
        equal(direct.status, 403, "there is such an address, and nobody signed")
        form = signed("dir/k&é", {"success_action_redirect": "https://else.test/done?a=b"})
        answer = must_be(send(form, content), 303, "303")
        equal(answer[2], b"", "no body")
        address, query = answer[1]["location"].split("?", 1)
        equal(address, "https://else.test/done", "address")
        expect = {"a": ["b"], "bucket": [BUCKET], "key": ["dir/k&é"], "etag": [answer[1]["etag"]]}
        equal(parse_qs(query), expect, "query")
        equal(f"key={quote('dir/k&é', safe='')}" in query, True, query)


def what_policies_refuse():
    content = Content.random("refused", 100)
    denied = "Invalid according to Policy: "
    for send in SENDERS:
        form = signed("refused")
        form["fields"]["key"] = "another"
        message = denied + 'Policy Condition failed: ["eq", "$key", "refused"]'
        must_fail(send(form, content), 403, "AccessDenied", message)
        form = signed("refused")
        form["fields"]["x-amz-meta-a"] = "b"
        must_fail(send(form, content), 403, "AccessDenied", denied + "Extra input fields: x-amz-meta-a")
        form = signed("refused", conditions=[["starts-with", "$Content-Type", "image/"]])
        form["fields"]["Content-Type"] = "text/html"
        must_fail(send(form, content), 403, "AccessDenied")
        form["fields"]["Content-Type"] = "image/png"
        must_be(send(form, content), 204, "an image")
        must_fail(send(signed("refused", life=-1), content), 403, "AccessDenied", denied + "Policy expired.")
        form = signed("refused")
        form["fields"]["policy"] = form["fields"]["policy"][:-4]
        error = must_fail(send(form, content), 403, "SignatureDoesNotMatch")
        equal(error.find("StringToSign").text, form["fields"]["policy"], "StringToSign")
        form = signed("refused")
        del form["fields"]["x-amz-signature"]
        error = must_fail(send(form, content), 400, "InvalidArgument")
        equal(error.find("ArgumentName").text, "X-Amz-Signature", "the missing field")
        form["fields"] = {"key": "refused"}
        must_fail(send(form, content), 403, "AccessDenied", "Access Denied")
        for bounds, code, bound in [((101, 200), "EntityTooSmall", "Min"), ((0, 99), "EntityTooLarge", "Max")]:
            form = signed("refused", conditions=[["content-length-range", *bounds]])
            error = must_fail(send(form, content), 400, code)
            equal(error.find("ProposedSize").text, "100", code)
            equal(error.find(f"{bound}SizeAllowed").text, "101" if bound == "Min" else "99", code)
        must_be(send(signed("refused", conditions=[["content-length-range", 100, 100]]), content), 204, "fits")
        large = Content.random("large", 30 * MIB)
        form = signed("refused", conditions=[["content-length-range", 0, MIB]])
        must_fail(send(form, large), 400, "EntityTooLarge")


def what_stands_behind_the_file():
    content = Content.random("behind", 100)
    for send in SENDERS:
        must_be(send(signed("behind"), content, extra=[("key", "x"), ("submit", "Send")]), 204, "behind")
        content.must_equal_stream(s3.get_object(Bucket=BUCKET, Key="behind")["Body"], "behind")
        form = signed("two-files")
        must_fail(send(form, content, extra=[("file", "another")]), 400, "InvalidArgument")
        try:
            s3.head_object(Bucket=BUCKET, Key="two-files")
            raise AssertionError("half a form was stored")
        except ClientError as error:
            equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 404, "nothing was stored")


def what_is_no_form():
    form = signed("k")
    answer = pool.request("POST", form["url"], fields=form["fields"], encode_multipart=False, retries=False)
    must_fail((answer.status, {}, answer.data), 412, "PreconditionFailed")
    body, content_type = urllib3.encode_multipart_formdata(form["fields"])
    headers = {"content-type": content_type}
    answer = pool.request("POST", form["url"], body=body, headers=headers, retries=False)
    must_fail((answer.status, {}, answer.data), 400, "InvalidArgument")
    answer = pool.request("POST", form["url"], body=body[:-30], headers=headers, retries=False)
    must_fail((answer.status, {}, answer.data), 400, "MalformedPOSTRequest")
    answer = pool.request("POST", form["url"] + "?acl", body=body, headers=headers, retries=False)
    equal(answer.status in (400, 405, 501), True, f"a query: {answer.status}")


def main():
    s3.create_bucket(Bucket=BUCKET)
    model.run(
        [
            files_of_all_lengths,
            what_fields_say,
            what_is_answered,
            what_policies_refuse,
            what_stands_behind_the_file,
            what_is_no_form,
        ]
    )


main()

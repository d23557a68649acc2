"""Room: object lock and storage classes, as boto3 handles them: configured, locked, read, refused, released."""

import datetime

import model
from model import PART_LEN_MIN, equal, must_fail

KEY = "dir/key"
CLASSES = ["REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"]

s3 = model.client()


def later(days):
    """So many days from now, to the second."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    return now + datetime.timedelta(days=days)


def rule(mode, **period):
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": mode, **period}}}


class Locked:
    """A bucket with object lock, made with it or given it afterwards."""

    def __init__(self, name, at_once=True):
        self.name = f"locks-{name}"
        s3.create_bucket(Bucket=self.name, ObjectLockEnabledForBucket=at_once)
        if not at_once:
            enabled = {"Status": "Enabled"}
            s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration=enabled)
            self.configure({"ObjectLockEnabled": "Enabled"})
        equal(s3.get_bucket_versioning(Bucket=self.name)["Status"], "Enabled", "versioning")

    def configure(self, configuration):
        s3.put_object_lock_configuration(Bucket=self.name, ObjectLockConfiguration=configuration)
        told = s3.get_object_lock_configuration(Bucket=self.name)
        equal(told["ObjectLockConfiguration"], configuration, "configuration")

    def put(self, **options):
        return s3.put_object(**{"Bucket": self.name, "Key": KEY, "Body": b"abc", **options})["VersionId"]

    def head(self, **options):
        return s3.head_object(**{"Bucket": self.name, "Key": KEY, **options})

    def delete(self, version, **options):
        return s3.delete_object(**{"Bucket": self.name, "Key": KEY, "VersionId": version, **options})

    def retain(self, mode, until, **options):
        retention = {"Mode": mode, "RetainUntilDate": until}
        where = {"Bucket": self.name, "Key": KEY}
        s3.put_object_retention(**{**where, "Retention": retention, **options})
        if "VersionId" in options:
            where["VersionId"] = options["VersionId"]
        equal(s3.get_object_retention(**where)["Retention"], retention, "retention")

    def hold(self, status, **options):
        where = {"Bucket": self.name, "Key": KEY, **options}
        s3.put_object_legal_hold(LegalHold={"Status": status}, **where)
        equal(s3.get_object_legal_hold(**where)["LegalHold"], {"Status": status}, "legal hold")


def buckets_are_configured():
    # rule: put-lock-configuration/set, get-lock-configuration/answer, create-bucket/object-lock
    for bucket in (Locked("new"), Locked("old", at_once=False)):
        bucket.configure(rule("GOVERNANCE", Days=1))
        bucket.configure(rule("COMPLIANCE", Years=1))
        bucket.configure({"ObjectLockEnabled": "Enabled"})
        # rule: versioning/object-lock
        call, suspended = s3.put_bucket_versioning, {"Status": "Suspended"}
        must_fail(call, 409, "InvalidBucketState", Bucket=bucket.name, VersioningConfiguration=suspended)
    # rule: put-lock-configuration/versioning, get-lock-configuration/none
    s3.create_bucket(Bucket="locks-none")
    call = s3.put_object_lock_configuration
    refused = {"Bucket": "locks-none", "ObjectLockConfiguration": rule("GOVERNANCE", Days=1)}
    must_fail(call, 409, "InvalidBucketState", **refused)
    call = s3.get_object_lock_configuration
    must_fail(call, 404, "ObjectLockConfigurationNotFoundError", Bucket="locks-none")


def configurations_are_checked():
    bucket = Locked("checked")
    call = s3.put_object_lock_configuration
    # rule: put-lock-configuration/malformed, put-lock-configuration/range
    for code, configuration in (
        ("MalformedXML", rule("GOVERNANCE", Days=1, Years=1)),
        ("MalformedXML", rule("governance", Years=1)),
        ("MalformedXML", rule("abc", Years=1)),
        ("MalformedXML", {**rule("GOVERNANCE", Years=1), "ObjectLockEnabled": "Disabled"}),
        ("InvalidArgument", rule("GOVERNANCE", Days=0)),
        ("InvalidArgument", rule("GOVERNANCE", Years=-1)),
    ):
        must_fail(call, 400, code, Bucket=bucket.name, ObjectLockConfiguration=configuration)


def nothing_is_locked_without_object_lock():
    # rule: lock/bucket-without
    where = {"Bucket": "locks-plain", "Key": KEY}
    s3.create_bucket(Bucket="locks-plain")
    s3.put_object(Body=b"abc", **where)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": later(1)}
    for call, options in (
        (s3.put_object_retention, {"Retention": retention}),
        (s3.get_object_retention, {}),
        (s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
        (s3.get_object_legal_hold, {}),
        (s3.put_object, {"Body": b"abc", "ObjectLockLegalHoldStatus": "ON"}),
    ):
        must_fail(call, 400, "InvalidRequest", **where, **options)


def retentions_only_grow():
    # rule: put-retention/set, put-retention/extend, put-retention/governance, put-retention/compliance
    bucket = Locked("retentions")
    where = {"Bucket": bucket.name, "Key": KEY}
    version = bucket.put()
    call = s3.put_object_retention
    must_fail(s3.get_object_retention, 404, "NoSuchObjectLockConfiguration", **where)
    for mode in ("governance", "abc"):
        retention = {"Mode": mode, "RetainUntilDate": later(1)}
        must_fail(call, 400, "MalformedXML", Retention=retention, **where)
    bucket.retain("GOVERNANCE", later(2))
    bucket.retain("GOVERNANCE", later(3))
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": later(1)}
    must_fail(call, 403, "AccessDenied", Retention=shorter, **where)
    bucket.retain("GOVERNANCE", later(1), BypassGovernanceRetention=True)
    strict = {"Mode": "COMPLIANCE", "RetainUntilDate": later(1)}
    must_fail(call, 403, "AccessDenied", Retention=strict, **where)
    must_fail(bucket.delete, 403, "AccessDenied", version=version)
    bucket.delete(version, BypassGovernanceRetention=True)
    version = bucket.put()
    bucket.retain("COMPLIANCE", later(1), VersionId=version)
    governed = {"Mode": "GOVERNANCE", "RetainUntilDate": later(2)}
    must_fail(call, 403, "AccessDenied", Retention=governed, BypassGovernanceRetention=True, **where)
    must_fail(bucket.delete, 403, "AccessDenied", version=version, BypassGovernanceRetention=True)
    # rule: lock/marker
    equal(s3.delete_object(**where)["DeleteMarker"], True, "a marker over it")


def holds_come_and_go():
    # rule: put-legal-hold/set, get-legal-hold/answer, lock/legal-hold
    bucket = Locked("holds")
    where = {"Bucket": bucket.name, "Key": KEY}
    version = bucket.put()
    bucket.hold("ON")
    must_fail(bucket.delete, 403, "AccessDenied", version=version, BypassGovernanceRetention=True)
    call = s3.put_object_legal_hold
    must_fail(call, 400, "MalformedXML", LegalHold={"Status": "abc"}, **where)
    # rule: delete-objects/locked
    listed = {"Objects": [{"Key": KEY, "VersionId": version}]}
    answer = s3.delete_objects(Bucket=bucket.name, Delete=listed, BypassGovernanceRetention=True)
    equal([error["Code"] for error in answer["Errors"]], ["AccessDenied"], "kept")
    bucket.hold("OFF", VersionId=version)
    bucket.delete(version)
    s3.delete_bucket(Bucket=bucket.name)


def writes_lock_what_they_make():
    # rule: lock/headers, lock/told, copy/lock
    bucket = Locked("writes")
    until = later(1)
    asked = {
        "ObjectLockMode": "GOVERNANCE",
        "ObjectLockRetainUntilDate": until,
        "ObjectLockLegalHoldStatus": "ON",
    }
    where = {"Bucket": bucket.name, "Key": KEY}

    def told():
        head = bucket.head()
        return {name: head.get(name) for name in asked}

    bucket.put(**asked)
    equal(told(), asked, "put")
    s3.copy_object(CopySource=where, **where)
    equal(told(), dict.fromkeys(asked), "a copy has no lock")
    s3.copy_object(CopySource=where, **where, **asked)
    equal(told(), asked, "a copy that asks for it")
    upload = s3.create_multipart_upload(**where, **asked)["UploadId"]
    part = s3.upload_part(PartNumber=1, UploadId=upload, Body=bytes(PART_LEN_MIN), **where)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(UploadId=upload, MultipartUpload=parts, **where)
    equal(told(), asked, "an upload")
    # rule: lock/mode-and-date
    must_fail(bucket.put, 400, "InvalidArgument", ObjectLockMode="GOVERNANCE")
    must_fail(bucket.put, 400, "InvalidArgument", ObjectLockRetainUntilDate=until)
    # rule: lock/default
    bucket.configure(rule("COMPLIANCE", Days=3))
    bucket.put()
    head = bucket.head()
    expected = head["LastModified"] + datetime.timedelta(days=3)
    equal((head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]), ("COMPLIANCE", expected), "the default")


def classes_are_labels():
    # rule: storage-class/accepted, storage-class/told, storage-class/listed, copy/storage-class
    name = "classes"
    s3.create_bucket(Bucket=name)
    for one in CLASSES:
        s3.put_object(Bucket=name, Key=one, Body=b"abc", StorageClass=one)
        equal(s3.head_object(Bucket=name, Key=one)["StorageClass"], one, "HEAD")
        upload = s3.create_multipart_upload(Bucket=name, Key=one, StorageClass=one)["UploadId"]
        equal(s3.list_parts(Bucket=name, Key=one, UploadId=upload)["StorageClass"], one, "parts")
    listed = s3.list_objects_v2(Bucket=name)["Contents"]
    equal({one["Key"]: one["StorageClass"] for one in listed}, {one: one for one in CLASSES}, "objects")
    uploads = s3.list_multipart_uploads(Bucket=name)["Uploads"]
    equal({one["Key"]: one["StorageClass"] for one in uploads}, {one: one for one in CLASSES}, "uploads")
    source = {"Bucket": name, "Key": "GLACIER_IR"}
    s3.copy_object(CopySource=source, Bucket=name, Key="GLACIER_IR", StorageClass="STANDARD")
    assert "StorageClass" not in s3.head_object(**source)
    # rule: storage-class/unknown
    call = s3.put_object
    must_fail(call, 400, "InvalidStorageClass", Bucket=name, Key="k", Body=b"", StorageClass="COLD")


model.run(
    [
        buckets_are_configured,
        configurations_are_checked,
        nothing_is_locked_without_object_lock,
        retentions_only_grow,
        holds_come_and_go,
        writes_lock_what_they_make,
        classes_are_labels,
    ]
)

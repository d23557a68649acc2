"""Room: lifecycle rules as boto3 handles them: put, read back, told in answers, refused, deleted."""

import datetime

import model
from model import equal, must_fail

BUCKET = "lifecycle"
MIDNIGHT = datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc)

s3 = model.client()
s3.create_bucket(Bucket=BUCKET)


def put(rules):
    return s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": rules}
    )


def rules():
    return s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]


def rule(name, scope, **actions):
    return {"ID": name, "Status": "Enabled", "Filter": scope, **actions}


def put_and_read():
    # rule: lifecycle/none
    must_fail(rules, 404, "NoSuchLifecycleConfiguration")
    # rule: lifecycle/read-back
    tag = {"Key": "a", "Value": "1"}
    sent = [
        rule("days", {"Prefix": "log/"}, Expiration={"Days": 3}),
        rule("date", {"Tag": tag}, Expiration={"Date": MIDNIGHT}),
        rule("markers", {"Prefix": ""}, Expiration={"ExpiredObjectDeleteMarker": True}),
        rule(
            "several",
            {"And": {"Prefix": "a", "Tags": [tag], "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 9}},
            NoncurrentVersionExpiration={"NoncurrentDays": 2, "NewerNoncurrentVersions": 5},
        ),
        rule("uploads", {}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}),
        {**rule("off", {"ObjectSizeLessThan": 5}, Expiration={"Days": 1}), "Status": "Disabled"},
    ]
    answer = put(sent)
    equal(answer["TransitionDefaultMinimumObjectSize"], "all_storage_classes_128K", "minimum")
    equal(rules(), sent, "what is read back")
    # rule: lifecycle/old-prefix
    old = [{"ID": "old", "Status": "Enabled", "Prefix": "log/", "Expiration": {"Days": 3}}]
    put(old)
    equal(rules(), old, "an old rule")
    # rule: lifecycle/id-made
    unnamed = {"Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 1}}
    put([unnamed, {**unnamed, "Expiration": {"Days": 2}}])
    equal(len({one["ID"] for one in rules()}), 2, "ids")


def told_in_answers():
    # rule: lifecycle/expiration-told, lifecycle/abort-told
    put(
        [
            rule("days", {"Prefix": "log/"}, Expiration={"Days": 3}),
            rule("uploads", {}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}),
        ]
    )
    told = s3.put_object(Bucket=BUCKET, Key="log/1", Body=b"x")["Expiration"]
    assert told.startswith('expiry-date="') and told.endswith('GMT", rule-id="days"'), told
    equal(s3.head_object(Bucket=BUCKET, Key="log/1")["Expiration"], told, "HEAD")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="big")
    equal(upload["AbortRuleId"], "uploads", "the rule of an upload")
    equal((upload["AbortDate"].hour, upload["AbortDate"].minute), (0, 0), "a midnight")
    of_parts = s3.list_parts(Bucket=BUCKET, Key="big", UploadId=upload["UploadId"])
    equal(of_parts["AbortDate"], upload["AbortDate"], "ListParts")
    s3.abort_multipart_upload(Bucket=BUCKET, Key="big", UploadId=upload["UploadId"])
    # rule: lifecycle/delete
    s3.delete_bucket_lifecycle(Bucket=BUCKET)
    must_fail(rules, 404, "NoSuchLifecycleConfiguration")


def refused():
    before = rules()
    for code, bad in [
        # rule: lifecycle/malformed
        ("MalformedXML", {"ID": "a", "Status": "enabled", "Prefix": "", "Expiration": {"Days": 1}}),
        ("MalformedXML", rule("a", {"Prefix": "p", "ObjectSizeLessThan": 5}, Expiration={"Days": 1})),
        ("MalformedXML", rule("a", {}, Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True})),
        # rule: lifecycle/counts, lifecycle/id-too-long, lifecycle/date-midnight
        ("InvalidArgument", rule("a", {}, Expiration={"Days": 0})),
        ("InvalidArgument", rule("i" * 256, {}, Expiration={"Days": 1})),
        ("InvalidArgument", rule("a", {}, Expiration={"Date": MIDNIGHT.replace(hour=1)})),
        # rule: lifecycle/no-action, lifecycle/abort-alone
        ("InvalidRequest", rule("a", {})),
        (
            "InvalidRequest",
            rule(
                "a",
                {"Tag": {"Key": "a", "Value": "1"}},
                AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1},
            ),
        ),
        # rule: lifecycle/transitions
        ("NotImplemented", rule("a", {}, Transitions=[{"Days": 30, "StorageClass": "GLACIER"}])),
    ]:
        must_fail(put, 501 if code == "NotImplemented" else 400, code, rules=[bad])
    # rule: lifecycle/id-twice
    twice = rule("a", {}, Expiration={"Days": 1})
    must_fail(put, 400, "InvalidArgument", rules=[twice, twice])
    equal(rules(), before, "what was refused has changed nothing")


model.run([put_and_read, refused, told_in_answers])

"""Room: a new bucket as tools find it: what Terraform and consoles ask of it, and the settings that come and go."""

import model
from model import equal, must_fail

NEW = "buckets-new"
OWN = "buckets-own"

s3 = model.client()


def fields(answer):
    """An answer without what every answer has."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def a_new_bucket_is_polled():
    # rule: configuration/empty, configuration/lists, configuration/not-there, policy/not-there
    # rule: encryption/not-there, request-payment/owner-pays
    s3.create_bucket(Bucket=NEW)
    here = {"Bucket": NEW}
    for ask, expected in (
        (s3.get_bucket_notification_configuration, {}),
        (s3.get_bucket_logging, {}),
        (s3.get_bucket_accelerate_configuration, {}),
        (s3.get_bucket_versioning, {}),
        (s3.get_bucket_request_payment, {"Payer": "BucketOwner"}),
        (s3.get_bucket_policy_status, {"PolicyStatus": {"IsPublic": False}}),
        (s3.list_bucket_analytics_configurations, {"IsTruncated": False}),
        (s3.list_bucket_inventory_configurations, {"IsTruncated": False}),
        (s3.list_bucket_metrics_configurations, {"IsTruncated": False}),
        (s3.list_bucket_intelligent_tiering_configurations, {"IsTruncated": False}),
    ):
        equal(fields(ask(**here)), expected, ask.__name__)
    for ask, code in (
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError"),
        (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
        (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
        (s3.get_bucket_tagging, "NoSuchTagSet"),
        (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
    ):
        must_fail(ask, 404, code, **here)


def what_a_new_bucket_has():
    # rule: ownership/new-bucket, public-access/new-bucket, acl/told
    rules = s3.get_bucket_ownership_controls(Bucket=NEW)["OwnershipControls"]["Rules"]
    equal(rules, [{"ObjectOwnership": "BucketOwnerEnforced"}], "ownership")
    block = s3.get_public_access_block(Bucket=NEW)["PublicAccessBlockConfiguration"]
    equal(sorted(block.values()), [True] * 4, "public access block")
    acl = s3.get_bucket_acl(Bucket=NEW)
    (grant,) = acl["Grants"]
    equal(grant["Permission"], "FULL_CONTROL", "permission")
    equal(grant["Grantee"]["Type"], "CanonicalUser", "type of the grantee")
    equal(grant["Grantee"]["ID"], acl["Owner"]["ID"], "grantee")
    # rule: acl/document
    s3.put_object(Bucket=NEW, Key="key", Body=b"x", ACL="bucket-owner-full-control")
    policy = {name: s3.get_object_acl(Bucket=NEW, Key="key")[name] for name in ("Owner", "Grants")}
    s3.put_object_acl(Bucket=NEW, Key="key", AccessControlPolicy=policy)
    s3.put_bucket_acl(Bucket=NEW, ACL="private")
    # rule: acl/enforced, acl/on-writes
    public = {"Bucket": NEW, "Key": "key", "ACL": "public-read"}
    must_fail(s3.put_object_acl, 400, "AccessControlListNotSupported", **public)
    must_fail(s3.put_object, 400, "AccessControlListNotSupported", Body=b"y", **public)
    equal(s3.get_object(Bucket=NEW, Key="key")["Body"].read(), b"x", "content")


def settings_come_and_go():
    # rule: bucket-tagging/round-trip, bucket-tagging/not-there
    tags = [{"Key": "project", "Value": "one + two"}, {"Key": "a", "Value": ""}]
    s3.put_bucket_tagging(Bucket=NEW, Tagging={"TagSet": tags})
    equal(s3.get_bucket_tagging(Bucket=NEW)["TagSet"], tags, "tags")
    s3.delete_bucket_tagging(Bucket=NEW)
    must_fail(s3.get_bucket_tagging, 404, "NoSuchTagSet", Bucket=NEW)
    # rule: cors/round-trip, cors/not-there, cors/rules
    rules = [
        {
            "ID": "pages",
            "AllowedHeaders": ["*"],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedOrigins": ["https://*.example", "http://localhost:8080"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 3000,
        },
        {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]},
    ]
    s3.put_bucket_cors(Bucket=NEW, CORSConfiguration={"CORSRules": rules})
    equal(s3.get_bucket_cors(Bucket=NEW)["CORSRules"], rules, "CORS rules")
    patch = {"CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]}
    must_fail(s3.put_bucket_cors, 400, "InvalidRequest", Bucket=NEW, CORSConfiguration=patch)
    s3.delete_bucket_cors(Bucket=NEW)
    must_fail(s3.get_bucket_cors, 404, "NoSuchCORSConfiguration", Bucket=NEW)
    # rule: public-access/document, public-access/not-there
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": False,
    }
    s3.put_public_access_block(Bucket=NEW, PublicAccessBlockConfiguration=block)
    equal(s3.get_public_access_block(Bucket=NEW)["PublicAccessBlockConfiguration"], block, "public access block")
    # rule: ownership/document, acl/blocked, acl/others
    rule = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=NEW, OwnershipControls=rule)
    equal(s3.get_bucket_ownership_controls(Bucket=NEW)["OwnershipControls"], rule, "ownership")
    must_fail(s3.put_bucket_acl, 403, "AccessDenied", Bucket=NEW, ACL="public-read")
    s3.delete_public_access_block(Bucket=NEW)
    must_fail(s3.get_public_access_block, 404, "NoSuchPublicAccessBlockConfiguration", Bucket=NEW)
    must_fail(s3.put_bucket_acl, 501, "NotImplemented", Bucket=NEW, ACL="public-read")
    # rule: ownership/not-there
    s3.delete_bucket_ownership_controls(Bucket=NEW)
    must_fail(s3.get_bucket_ownership_controls, 404, "OwnershipControlsNotFoundError", Bucket=NEW)
    # rule: configuration/delete
    for delete in (
        s3.delete_bucket_policy,
        s3.delete_bucket_encryption,
        s3.delete_bucket_website,
        s3.delete_bucket_replication,
        s3.delete_bucket_tagging,
        s3.delete_bucket_cors,
        s3.delete_public_access_block,
    ):
        equal(delete(Bucket=NEW)["ResponseMetadata"]["HTTPStatusCode"], 204, delete.__name__)


def a_bucket_is_made_to_order():
    # rule: create-bucket/ownership, create-bucket/object-lock
    s3.create_bucket(Bucket=OWN, ObjectOwnership="BucketOwnerPreferred", ObjectLockEnabledForBucket=True)
    rules = s3.get_bucket_ownership_controls(Bucket=OWN)["OwnershipControls"]["Rules"]
    equal(rules, [{"ObjectOwnership": "BucketOwnerPreferred"}], "ownership")
    equal(s3.get_bucket_versioning(Bucket=OWN)["Status"], "Enabled", "versioning")
    # rule: create-bucket/acl
    must_fail(s3.create_bucket, 400, "InvalidBucketAclWithObjectOwnership", Bucket="buckets-public", ACL="public-read")
    must_fail(s3.get_bucket_acl, 404, "NoSuchBucket", Bucket="buckets-public")


def buckets_go():
    # rule: configuration/delete
    s3.delete_object(Bucket=NEW, Key="key")
    for name in (NEW, OWN):
        s3.delete_bucket(Bucket=name)
        must_fail(s3.get_public_access_block, 404, "NoSuchBucket", Bucket=name)


model.run(
    [
        a_new_bucket_is_polled,
        what_a_new_bucket_has,
        settings_come_and_go,
        a_bucket_is_made_to_order,
        buckets_go,
    ]
)

#!/usr/bin/env bash
# Room: the AWS CLI and a certificate that its own list of authorities does not know.
#
#   certificates.sh AWS   in an empty folder, with AWS_ENDPOINT_URL (https), AWS_CA_BUNDLE, keys and region
set -euo pipefail

aws=$1
authority=$AWS_CA_BUNDLE
unset AWS_CA_BUNDLE
bucket=certificates

s3() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }

fail() {
    echo "certificates.sh: $*" >&2
    exit 1
}

head -c 9000000 /dev/urandom >file

if s3 s3 mb "s3://$bucket" 2>said; then
    fail "a certificate was trusted that nobody vouches for"
fi
grep -qi 'certificate' said || fail "not a word of the certificate: $(cat said)"

s3 --ca-bundle "$authority" s3 mb "s3://$bucket"
s3 --ca-bundle "$authority" s3 cp --no-progress file "s3://$bucket/checked"
s3 --no-verify-ssl s3 cp --no-progress "s3://$bucket/checked" back 2>/dev/null
cmp file back
s3 --no-verify-ssl s3 cp --no-progress file "s3://$bucket/unchecked" 2>/dev/null
AWS_CA_BUNDLE=$authority s3 s3 cp --no-progress "s3://$bucket/unchecked" - | cmp - file

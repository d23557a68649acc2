#!/usr/bin/env bash
# Room: an object that is larger than any one copy may be, copied inside the node by AWS CLI and by boto3.
#
#   giants.sh GIANT PROGRAM…   GIANT is the length of the object; each PROGRAM is an AWS CLI
# shellcheck source=tests/clients/more.sh
. "$(dirname "${BASH_SOURCE[0]}")/more.sh"
giant_len=$1
shift
bucket=giants

boto make "$bucket"
boto giant "$bucket" giant "$giant_len"
for program in "$@"; do
    # The older ones know no AWS_ENDPOINT_URL.
    s3() { "$program" --endpoint-url "$AWS_ENDPOINT_URL" s3 "$@"; }
    version=$("$program" --version 2>&1)
    timed "${version%% *} copies an object of $giant_len bytes" \
        s3 cp --no-progress "s3://$bucket/giant" "s3://$bucket/giant-copied"
    boto same "$bucket" giant giant-copied
    s3 rm "s3://$bucket/giant-copied"
done
timed "boto3 copies an object of $giant_len bytes" boto copy "$bucket" giant giant-copied
boto same "$bucket" giant giant-copied
[ "$(boto uploads "$bucket")" = 0 ] || fail "uploads were left open"

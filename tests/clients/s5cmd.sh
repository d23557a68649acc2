#!/usr/bin/env bash
# Room: s5cmd with its default settings: many files at a time up, down and across, deletes, listings.
#
#   s5cmd.sh PROGRAM GIANT   GIANT is the length of the largest object; s5cmd copies by CopyObject alone
. "$(dirname "${BASH_SOURCE[0]}")/more.sh"

program=$1
giant_len=$2
bucket=s5cmd-bucket
export S3_ENDPOINT_URL=$AWS_ENDPOINT_URL AWS_REGION=$AWS_DEFAULT_REGION
s3() { "$program" --log error "$@"; }

up_and_down() {
    s3 cp tree/ "s3://$bucket/tree/"
    s3 cp "s3://$bucket/tree/*" back/
    same_trees tree back
    rm -r back
}

in_parts() {
    s3 cp --part-size 5 big "s3://$bucket/parts"
    boto head "$bucket" parts ETag | grep >/dev/null -- '-5"$' || fail "not uploaded in parts"
    s3 cp --part-size 5 --concurrency 4 "s3://$bucket/parts" parts.back
    cmp parts.back big
    s3 cat "s3://$bucket/parts" | cmp - big
    s3 pipe "s3://$bucket/piped" <big
    s3 cat "s3://$bucket/piped" | cmp - big
    rm parts.back
}

inside_the_node() {
    # Names with spaces come as `+` in the source of a copy.
    s3 cp "s3://$bucket/tree/*" "s3://$bucket/copied/"
    s3 cp "s3://$bucket/copied/*" back/
    same_trees tree back
    rm -r back
    s3 cp "s3://$bucket/parts" "s3://$bucket/parts-copied"
    s3 mv "s3://$bucket/parts-copied" "s3://$bucket/moved"
    s3 cat "s3://$bucket/moved" | cmp - big
    boto keys "$bucket" parts | cmp - <(echo parts)
}

synced() {
    cp -r tree changed
    rm "changed/sub/per%cent"
    echo changed >changed/plain
    s3 sync --delete changed/ "s3://$bucket/tree/"
    s3 sync "s3://$bucket/tree/*" back/
    same_trees changed back
    rm -r back changed
}

metadata() {
    s3 cp --content-type text/x-s5cmd --metadata answer=42 tree/plain "s3://$bucket/typed"
    [ "$(boto head "$bucket" typed ContentType)" = text/x-s5cmd ] || fail "content type lost"
    [ "$(boto head "$bucket" typed answer)" = 42 ] || fail "metadata lost"
    s3 cp --storage-class STANDARD_IA tree/plain "s3://$bucket/classed"
    [ "$(boto head "$bucket" classed StorageClass)" = STANDARD_IA ] || fail "storage class lost"
}

listed() {
    "$program" ls "s3://$bucket/copied/*" | sed -E 's/^.{19} +([A-Z_]+ +)?[0-9]+ +//' | sort |
        cmp - <(cd tree && find . -type f | sed 's|^\./||' | sort)
    "$program" du "s3://$bucket/copied/*" | grep >/dev/null "^$(find tree -type f -printf '%s\n' | awk '{s+=$1} END {print s}') bytes" ||
        fail "sizes differ"
}

giant() {
    boto giant "$bucket" giant "$giant_len"
    timed "s5cmd copies an object of $giant_len bytes" s3 cp "s3://$bucket/giant" "s3://$bucket/giant-copied"
    boto same "$bucket" giant giant-copied
}

deleted() {
    s3 rm "s3://$bucket/typed"
    s3 rm "s3://$bucket/copied/*"
    boto keys "$bucket" copied | cmp - /dev/null
    s3 rm "s3://$bucket/*"
    s3 rb "s3://$bucket"
    "$program" ls | grep >/dev/null "$bucket" && fail "the bucket is still there"
    return 0
}

make_files
s3 mb "s3://$bucket"
for step in up_and_down in_parts inside_the_node synced metadata listed giant; do
    timed "s5cmd: $step" "$step"
done
[ "$(boto uploads "$bucket")" = 0 ] || fail "uploads were left open"
timed "s5cmd: deleted" deleted

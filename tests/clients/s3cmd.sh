#!/usr/bin/env bash
# Room: s3cmd with its default settings: folders up, down and across, objects in parts, metadata, deletes.
#
#   s3cmd.sh GIANT   GIANT is the length of the largest object, which s3cmd copies by part copies
. "$(dirname "${BASH_SOURCE[0]}")/more.sh"

giant_len=$1
bucket=s3cmd-bucket
cat >s3cmd.conf <<EOF
[default]
access_key = $AWS_ACCESS_KEY_ID
secret_key = $AWS_SECRET_ACCESS_KEY
host_base = $(endpoint_host)
host_bucket = $(endpoint_host)
use_https = False
bucket_location = $AWS_DEFAULT_REGION
EOF
s3() { s3cmd --config "$PWD/s3cmd.conf" --no-progress --quiet "$@"; }

up_and_down() {
    s3 sync tree/ "s3://$bucket/tree/"
    mkdir back
    s3 sync "s3://$bucket/tree/" back/
    same_trees tree back
    rm -r back
}

in_parts() {
    s3 put big "s3://$bucket/parts" --multipart-chunk-size-mb 5
    boto head "$bucket" parts ETag | grep >/dev/null -- '-5"$' || fail "not uploaded in parts"
    s3 get "s3://$bucket/parts" parts.back
    cmp parts.back big
    head -c 9000000 big >parts.back
    s3 get "s3://$bucket/parts" parts.back --continue
    cmp parts.back big
    rm parts.back
}

inside_the_node() {
    s3 cp --recursive "s3://$bucket/tree/" "s3://$bucket/copied/"
    mkdir back
    s3 get --recursive "s3://$bucket/copied/" back/
    same_trees tree back
    rm -r back
    s3 cp "s3://$bucket/parts" "s3://$bucket/parts-copied"
    s3 mv "s3://$bucket/parts-copied" "s3://$bucket/moved"
    s3 get "s3://$bucket/moved" moved.back
    cmp moved.back big
    rm moved.back
    boto keys "$bucket" parts | cmp - <(echo parts)
}

synced() {
    cp -r tree changed
    rm "changed/sub/per%cent"
    echo changed >changed/plain
    s3 sync --delete-removed changed/ "s3://$bucket/tree/"
    mkdir back
    s3 sync "s3://$bucket/tree/" back/
    same_trees changed back
    rm -r back changed
}

metadata() {
    s3 put tree/plain "s3://$bucket/typed" --mime-type text/x-s3cmd --add-header x-amz-meta-answer:42
    [ "$(boto head "$bucket" typed ContentType)" = text/x-s3cmd ] || fail "content type lost"
    s3 modify "s3://$bucket/typed" --add-header x-amz-meta-answer:43
    [ "$(boto head "$bucket" typed answer)" = 43 ] || fail "metadata not modified"
    s3cmd --config "$PWD/s3cmd.conf" info "s3://$bucket/typed" | grep >/dev/null 'MIME type: text/x-s3cmd' || fail "no info"
    s3cmd --config "$PWD/s3cmd.conf" info "s3://$bucket" | grep >/dev/null 'Location' || fail "no info of the bucket"
}

listed() {
    s3cmd --config "$PWD/s3cmd.conf" ls --recursive "s3://$bucket/copied/" | sed -E 's/^.{16} +[0-9]+ +//' | sort |
        cmp - <(cd tree && find . -type f | sed "s|^\./|s3://$bucket/copied/|" | sort)
    s3cmd --config "$PWD/s3cmd.conf" du "s3://$bucket/copied/" | grep >/dev/null "^ *$(find tree -type f -printf '%s\n' | awk '{s+=$1} END {print s}') " ||
        fail "sizes differ"
}

giant() {
    boto giant "$bucket" giant "$giant_len"
    timed "s3cmd copies an object of $giant_len bytes" s3 cp "s3://$bucket/giant" "s3://$bucket/giant-copied"
    boto same "$bucket" giant giant-copied
}

deleted() {
    s3 del "s3://$bucket/typed"
    s3 del --recursive --force "s3://$bucket/copied/"
    boto keys "$bucket" copied | cmp - /dev/null
    s3 rb --recursive --force "s3://$bucket"
    s3 ls | grep >/dev/null "$bucket" && fail "the bucket is still there"
    return 0
}

make_files
s3 mb "s3://$bucket"
for step in up_and_down in_parts inside_the_node synced metadata listed giant; do
    timed "s3cmd: $step" "$step"
done
[ "$(boto uploads "$bucket")" = 0 ] || fail "uploads were left open"
timed "s3cmd: deleted" deleted

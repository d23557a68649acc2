#!/usr/bin/env bash
# Room: rclone with its default settings: folders up, down and across, large objects copied inside the node.
#
#   rclone.sh GIANT   GIANT is the length of the largest object; above 4,768 MiB rclone copies it by part copies
. "$(dirname "${BASH_SOURCE[0]}")/more.sh"

giant_len=$1
bucket=rclone-bucket
export RCLONE_CONFIG=$PWD/rclone.conf
cat >rclone.conf <<EOF
[node]
type = s3
provider = Other
endpoint = $AWS_ENDPOINT_URL
access_key_id = $AWS_ACCESS_KEY_ID
secret_access_key = $AWS_SECRET_ACCESS_KEY
region = $AWS_DEFAULT_REGION
EOF

up_and_down() {
    rclone copy tree "node:$bucket/tree"
    rclone check tree "node:$bucket/tree" --download
    rclone copy "node:$bucket/tree" back
    same_trees tree back
    # Names, sizes and times, as a second run sees them: nothing is left to do.
    rclone copy tree "node:$bucket/tree" --dry-run 2>&1 | grep >/dev/null 'Skipped copy' && fail "copied twice"
    rm -r back
}

in_parts() {
    rclone copyto big "node:$bucket/parts" --s3-upload-cutoff 5M --s3-chunk-size 5M
    boto head "$bucket" parts ETag | grep >/dev/null -- '-5"$' || fail "not uploaded in parts"
    rclone cat "node:$bucket/parts" | cmp - big
    rclone cat "node:$bucket/parts" --offset 5242870 --count 20 | cmp - <(tail -c +5242871 big | head -c 20)
}

inside_the_node() {
    rclone copy "node:$bucket/tree" "node:$bucket/copied"
    rclone check "node:$bucket/tree" "node:$bucket/copied"
    rclone copy "node:$bucket/copied" back
    same_trees tree back
    # A copy in parts, as of large objects, at odd boundaries.
    rclone copyto "node:$bucket/parts" "node:$bucket/parts-copied" --s3-copy-cutoff 6M
    rclone cat "node:$bucket/parts-copied" | cmp - big
    rclone moveto "node:$bucket/parts-copied" "node:$bucket/moved"
    rclone cat "node:$bucket/moved" | cmp - big
    boto keys "$bucket" parts | cmp - <(echo parts)
    rm -r back
}

synced() {
    cp -r tree changed
    rm "changed/sub/per%cent"
    echo changed >changed/plain
    echo more >changed/sub/more
    rclone sync changed "node:$bucket/tree"
    rclone copy "node:$bucket/tree" back
    same_trees changed back
    rm -r back changed
}

metadata() {
    rclone copyto tree/plain "node:$bucket/typed.txt" --header-upload "Content-Type: text/x-rclone" --header-upload "X-Amz-Meta-Answer: 42"
    [ "$(boto head "$bucket" typed.txt ContentType)" = text/x-rclone ] || fail "content type lost"
    [ "$(boto head "$bucket" typed.txt answer)" = 42 ] || fail "metadata lost"
    touch -d '2020-02-02 02:02:02 UTC' tree/plain
    rclone copyto tree/plain "node:$bucket/dated"
    rclone lsl "node:$bucket/dated" | grep >/dev/null '2020-02-02' || fail "time lost"
}

listed() {
    rclone lsf -R "node:$bucket/copied" --files-only | sort | cmp - <(cd tree && find . -type f | sed 's|^\./||' | sort)
    rclone lsd "node:$bucket" | grep >/dev/null copied || fail "no folders"
    [ "$(rclone size --json "node:$bucket/copied" | sed -E 's/.*"bytes":([0-9]+).*/\1/')" = "$(find tree -type f -printf '%s\n' | awk '{s+=$1} END {print s}')" ] ||
        fail "sizes differ"
}

giant() {
    boto giant "$bucket" giant "$giant_len"
    timed "rclone copies an object of $giant_len bytes" rclone copyto "node:$bucket/giant" "node:$bucket/giant-copied"
    boto same "$bucket" giant giant-copied
}

deleted() {
    rclone deletefile "node:$bucket/typed.txt"
    rclone purge "node:$bucket/copied"
    boto keys "$bucket" copied | cmp - /dev/null
    rclone purge "node:$bucket"
    [ -z "$(rclone lsd node: | grep "$bucket" || true)" ] || fail "the bucket is still there"
}

make_files
rclone mkdir "node:$bucket"
for step in up_and_down in_parts inside_the_node synced metadata listed giant; do
    timed "rclone: $step" "$step"
done
[ "$(boto uploads "$bucket")" = 0 ] || fail "uploads were left open"
timed "rclone: deleted" deleted

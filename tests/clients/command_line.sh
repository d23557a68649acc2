#!/usr/bin/env bash
# Room: the AWS CLI with its default settings doing the product's main job; run once for each of its versions.
#
#   command_line.sh AWS [LENGTH]   in an empty folder, with AWS_ENDPOINT_URL, keys and region in the environment;
#                                  LENGTH is that of the largest file
#
# Files are compared with cmp, byte for byte, with what a plain shell makes of the same ranges.
set -euo pipefail

aws=$1
big_len=${2:-${TENON_TEST_BIG_LEN:-1073741824}}
bucket=command-line-$("$aws" --version 2>&1 | sed -E 's/^aws-cli\/([0-9]+)\..*/\1/')

# Debian's 2.9 does not read the endpoint from the environment yet.
s3() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" s3 "$@" --no-progress; }
s3api() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" --output json s3api "$@"; }

fail() {
    echo "command_line.sh: $*" >&2
    exit 1
}

# field NAME: the first value of a field called NAME in JSON.
field() {
    python3 -c '
import json, sys
def find(value, name):
    if isinstance(value, dict):
        for key, inner in value.items():
            found = inner if key == name else find(inner, name)
            if found is not None:
                return found
found = find(json.load(sys.stdin), sys.argv[1])
print(found if found is not None else sys.exit("no field " + sys.argv[1]))' "$1"
}

timed() {
    local start=${EPOCHREALTIME/[.,]/}
    "${@:2}"
    printf '%8d ms  %s\n' $(((${EPOCHREALTIME/[.,]/} - start) / 1000)) "$1"
}

# slice FILE FIRST LENGTH: some bytes of a file.
slice() { tail -c "+$(($2 + 1))" "$1" | head -c "$3" || [ $? -eq 141 ]; }

up_and_down() {
    s3 cp big "s3://$bucket/up/big"
    s3 cp "s3://$bucket/up/big" big.back
    cmp big big.back
    rm big.back
}

small_and_streamed() {
    head -c 20000 big >small
    s3 cp small "s3://$bucket/up/small" --content-type text/x-small --metadata answer=42
    s3 cp "s3://$bucket/up/small" - | cmp - small
    s3 cp - "s3://$bucket/up/streamed" <small
    s3 cp "s3://$bucket/up/streamed" - | cmp - small
    [ "$(s3api head-object --bucket "$bucket" --key up/small | field answer)" = 42 ] || fail "metadata lost"
    : >empty
    s3 cp empty "s3://$bucket/up/empty"
    s3 cp "s3://$bucket/up/empty" - | cmp - empty
}

# S3 to S3 above 8 MiB: parallel part copies with if-match, metadata and tags carried over.
server_side() {
    slice big 4095 104857600 >hundred
    s3 cp hundred "s3://$bucket/hundred" --metadata colour=red
    s3api put-object-tagging --bucket "$bucket" --key hundred --tagging 'TagSet=[{Key=a,Value=b c}]'
    s3 cp "s3://$bucket/hundred" "s3://$bucket/copies/hundred"
    s3 cp "s3://$bucket/copies/hundred" - | cmp - hundred
    s3 cp "s3://$bucket/up/big" "s3://$bucket/copies/big"
    s3 cp "s3://$bucket/copies/big" big.back
    cmp big big.back
    rm big.back
    s3 mv "s3://$bucket/copies/hundred" "s3://$bucket/moved/hundred"
    s3 cp "s3://$bucket/moved/hundred" - | cmp - hundred
    s3api head-object --bucket "$bucket" --key copies/hundred 2>/dev/null && fail "mv left its source"
    return 0
}

# What only the 2.x does by itself: metadata and tags go along with a multipart copy.
server_side_properties() {
    [ "$(s3api head-object --bucket "$bucket" --key moved/hundred | field colour)" = red ] ||
        fail "metadata was not copied"
    s3api get-object-tagging --bucket "$bucket" --key moved/hundred | grep -q '"b c"' || fail "tags were not copied"
}

# The manual page's example: create, copy a range, see its ETag and date, complete.
part_copies() {
    local upload result etag first=65537 length=6000001 parts
    upload=$(s3api create-multipart-upload --bucket "$bucket" --key parts | field UploadId)
    result=$(s3api upload-part-copy --bucket "$bucket" --key parts --upload-id "$upload" --part-number 1 \
        --copy-source "$bucket/up/big" --copy-source-range "bytes=$first-$((first + length - 1))")
    etag=$(field ETag <<<"$result")
    [[ $etag =~ ^\"[0-9a-f]{32}\"$ ]] || fail "not an ETag in quotes: $etag"
    [[ $(field LastModified <<<"$result") =~ ^20[0-9-]{8}T[0-9:]{8}(\.000Z|\+00:00)$ ]] || fail "date: $result"
    s3api upload-part --bucket "$bucket" --key parts --upload-id "$upload" --part-number 2 --body small >part2
    parts="Parts=[{PartNumber=1,ETag=$etag},{PartNumber=2,ETag=$(field ETag <part2)}]"
    s3api complete-multipart-upload --bucket "$bucket" --key parts --upload-id "$upload" \
        --multipart-upload "$parts" >complete
    [[ $(field ETag <complete) == *-2\" ]] || fail "ETag of two parts: $(cat complete)"
    { slice big "$first" "$length" && cat small; } >parts
    s3 cp "s3://$bucket/parts" - | cmp - parts
}

listing_and_sync() {
    mkdir -p tree/deep
    for name in a 'b c' 'deep/ü+%' deep/z; do printf '%s' "$name" >"tree/$name"; done
    # Younger than its copy by less than the second to which S3 rounds, a file would be sent again.
    find tree -type f -exec touch -d '1 hour ago' {} +
    s3 sync tree "s3://$bucket/tree/"
    [ -z "$(s3 sync tree "s3://$bucket/tree/")" ] || fail "a second sync found something to do"
    s3 sync "s3://$bucket/tree/" tree.back
    diff -r tree tree.back
    # No --no-progress here: ls has none.
    [ "$("$aws" --endpoint-url "$AWS_ENDPOINT_URL" s3 ls "s3://$bucket/tree/" --recursive | wc -l)" -eq 4 ] ||
        fail "ls does not show four files"
    s3api delete-object --bucket "$bucket" --key tree/a
    s3api delete-object --bucket "$bucket" --key tree/a
    s3api list-objects-v2 --bucket "$bucket" --prefix tree/ --delimiter / | grep -q '"tree/deep/"' ||
        fail "no common prefix"
}

deletes_and_old_listings() {
    for name in 1 2 3; do s3 cp small "s3://$bucket/gone/$name"; done
    s3api list-objects --bucket "$bucket" --prefix gone/ --page-size 2 | grep -q '"gone/3"' ||
        fail "no third object behind a marker"
    s3api delete-objects --bucket "$bucket" --delete 'Objects=[{Key=gone/1},{Key=gone/none}]' | grep -q '"gone/none"' ||
        fail "a key that names nothing is not deleted"
    # No --no-progress here: rm has none.
    "$aws" --endpoint-url "$AWS_ENDPOINT_URL" s3 rm "s3://$bucket/gone/" --recursive
    s3api list-objects --bucket "$bucket" --prefix gone/ | grep -q Key && fail "something is left"
    upload=$(s3api create-multipart-upload --bucket "$bucket" --key gone/open | field UploadId)
    s3api list-multipart-uploads --bucket "$bucket" --prefix gone/ | grep -q "$upload" || fail "no open upload"
    s3api abort-multipart-upload --bucket "$bucket" --key gone/open --upload-id "$upload"
}

head -c "$big_len" /dev/urandom >big
"$aws" --endpoint-url "$AWS_ENDPOINT_URL" s3 mb "s3://$bucket"
timed "up and down: $big_len bytes" up_and_down
timed "small objects and streams" small_and_streamed
timed "S3 to S3" server_side
[[ $bucket == *-1 ]] || server_side_properties
timed "part copies" part_copies
timed "listing and sync" listing_and_sync
timed "deletes and old listings" deletes_and_old_listings
rm -f big hundred

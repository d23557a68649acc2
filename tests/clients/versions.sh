#!/usr/bin/env bash
# Room: the AWS CLI in a bucket with versions; run once for each of its versions.
#
#   versions.sh AWS   in an empty folder, with AWS_ENDPOINT_URL, keys and region in the environment
set -euo pipefail

aws=$1
bucket=versions-$("$aws" --version 2>&1 | sed -E 's/^aws-cli\/([0-9]+)\..*/\1/')
plain=$bucket-plain

s3() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" s3 "$@"; }
s3api() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" --output text s3api "$@"; }

fail() {
    echo "versions.sh: $*" >&2
    exit 1
}

# equal GOT EXPECTED WHAT
equal() { [ "$1" = "$2" ] || fail "$3: got '$1', expected '$2'"; }

# refused CODE COMMAND…: the command must fail and name the code.
refused() {
    local said
    if said=$("${@:2}" 2>&1); then fail "must fail with $1: ${*:2}"; fi
    [[ $said == *"($1)"* ]] || fail "must fail with $1: ${*:2}: $said"
}

# of FIELD KEY: a field of each version of a key, newest first.
of() { s3api list-object-versions --bucket "$bucket" --prefix "$2" --query "Versions[].$1" | tr '\t' '\n'; }

# all KIND PREFIX: how many `Versions` or `DeleteMarkers` there are.
all() { s3api list-object-versions --bucket "$bucket" --prefix "$2" --page-size 2 --query "length($1[] || \`[]\`)" | awk '{ sum += $1 } END { print sum + 0 }'; }

written_and_read() {
    local name first
    for name in one two three; do
        printf '%s' "$name" >"$name"
        s3api put-object --bucket "$bucket" --key key --body "$name" --query VersionId >>ids
    done
    first=$(head -n 1 ids)
    equal "$(of VersionId key)" "$(tac ids)" "the versions, newest first"
    equal "$(of IsLatest key)" "$(printf 'True\nFalse\nFalse')" "the latest one"
    s3api get-object --bucket "$bucket" --key key --version-id "$first" got >/dev/null
    cmp got one
    equal "$(s3api head-object --bucket "$bucket" --key key --version-id "$first" --query ContentLength)" 3 "HEAD"
    equal "$(s3api get-object-attributes --bucket "$bucket" --key key --version-id "$first" \
        --object-attributes ObjectSize --query ObjectSize)" 3 "attributes"
    s3 cp "s3://$bucket/key" - | cmp - three
    refused InvalidArgument s3api get-object --bucket "$bucket" --key key --version-id v1 got
}

deleted_and_restored() {
    local first marker
    first=$(head -n 1 ids)
    s3 rm "s3://$bucket/key"
    refused NoSuchKey s3api get-object --bucket "$bucket" --key key got
    marker=$(s3api list-object-versions --bucket "$bucket" --query 'DeleteMarkers[?IsLatest].VersionId')
    refused MethodNotAllowed s3api get-object --bucket "$bucket" --key key --version-id "$marker" got
    s3api copy-object --bucket "$bucket" --key key --copy-source "$bucket/key?versionId=$first" >/dev/null
    s3 cp "s3://$bucket/key" - | cmp - one
    s3api delete-object --bucket "$bucket" --key key --version-id "$(of VersionId key | head -n 1)" >/dev/null
    refused NoSuchKey s3api get-object --bucket "$bucket" --key key got
    s3api delete-object --bucket "$bucket" --key key --version-id "$marker" >/dev/null
    s3 cp "s3://$bucket/key" - | cmp - three
    s3api put-object-tagging --bucket "$bucket" --key key --version-id "$first" --tagging 'TagSet=[{Key=a,Value=b}]'
    equal "$(s3api get-object-tagging --bucket "$bucket" --key key --version-id "$first" --query 'TagSet[].Value')" b "tags"
    equal "$(s3api get-object-tagging --bucket "$bucket" --key key --query 'length(TagSet)')" 0 "tags of the latest"
}

synced() {
    local name
    mkdir -p tree/deep
    for name in a 'b c' 'deep/ü+%' deep/z deep/big; do printf '%s' "$name" >"tree/$name"; done
    # Above 8 MiB it goes up, and from bucket to bucket, in parts.
    head -c 9000000 /dev/urandom >tree/deep/big
    find tree -type f -exec touch -d '1 hour ago' {} +
    s3 sync tree "s3://$bucket/tree/" --no-progress
    [ -z "$(s3 sync tree "s3://$bucket/tree/" --no-progress)" ] || fail "a second sync found something to do"
    printf 'changed' >tree/a
    rm tree/deep/z
    s3 sync tree "s3://$bucket/tree/" --delete --no-progress
    equal "$(all Versions tree/)" 6 "versions behind the second sync"
    equal "$(all DeleteMarkers tree/)" 1 "delete markers behind the second sync"
    s3 sync "s3://$bucket/tree/" "s3://$plain/tree/" --no-progress
    s3 sync "s3://$plain/tree/" tree.back --no-progress
    diff -r tree tree.back
    s3 mv "s3://$bucket/tree/deep/big" "s3://$bucket/moved" --no-progress
    s3 cp "s3://$bucket/moved" - | cmp - tree/deep/big
    s3 rm "s3://$bucket/tree/" --recursive
    [ -z "$(s3 ls "s3://$bucket/tree/" --recursive || true)" ] || fail "rm --recursive left something"
    equal "$(all Versions tree/)" 6 "versions behind rm --recursive"
    s3 rm "s3://$plain/" --recursive
    s3 rb "s3://$plain"
}

suspended() {
    s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Suspended
    equal "$(s3api put-object --bucket "$bucket" --key null --body one --query VersionId)" null "while suspended"
    equal "$(s3api put-object --bucket "$bucket" --key null --body two --query VersionId)" null "while suspended"
    equal "$(of VersionId null)" null "one null version"
}

# The answer of the listing is what delete-objects takes.
purged() {
    local kind
    refused BucketNotEmpty s3api delete-bucket --bucket "$bucket"
    for kind in Versions DeleteMarkers; do
        "$aws" --endpoint-url "$AWS_ENDPOINT_URL" --output json s3api list-object-versions --bucket "$bucket" \
            --query "{Objects: $kind[].{Key: Key, VersionId: VersionId}, Quiet: \`true\`}" >"$kind.json"
        s3api delete-objects --bucket "$bucket" --delete "file://$kind.json" >said
        grep -q Error said && fail "delete-objects: $(cat said)"
    done
    s3 rb "s3://$bucket"
}

for name in "$bucket" "$plain"; do s3 mb "s3://$name"; done
s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled
equal "$(s3api get-bucket-versioning --bucket "$bucket" --query Status)" Enabled "versioning"
equal "$(s3api get-bucket-versioning --bucket "$plain" --query Status)" None "no versioning"
for step in written_and_read deleted_and_restored synced suspended purged; do
    echo "$step"
    "$step"
done

#!/usr/bin/env bash
# Room: the file system s3fs (FUSE) with its default settings, mounted on a bucket: files made, changed, renamed, deleted.
. "$(dirname "${BASH_SOURCE[0]}")/more.sh"

bucket=s3fs-bucket
mkdir mounted
umask 077
printf '%s:%s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >password
umask 022

unmount() {
    mountpoint -q mounted || return 0
    # What was written goes up before the file system is gone.
    fusermount -u mounted || fusermount -uz mounted
}
trap unmount EXIT

mount_it() {
    s3fs "$bucket" mounted -o url="$AWS_ENDPOINT_URL" -o use_path_request_style -o passwd_file="$PWD/password" \
        -o endpoint="$AWS_DEFAULT_REGION" -o multipart_size=5 -o singlepart_copy_limit=5 -o no_check_certificate
}

files() {
    mount_it
    cp -r tree mounted/tree
    same_trees tree mounted/tree
    unmount
    mount_it
    same_trees tree mounted/tree
}

renamed() {
    # A rename is a copy and a delete: of files above the limit by part copies.
    cp big mounted/big
    mv mounted/big mounted/renamed
    cmp big mounted/renamed
    mv mounted/tree mounted/moved
    same_trees tree mounted/moved
}

changed() {
    # What stays of a large file is copied inside the node.
    printf 'changed' | dd of=mounted/renamed bs=1 seek=7000000 conv=notrunc status=none
    cp big expected
    printf 'changed' | dd of=expected bs=1 seek=7000000 conv=notrunc status=none
    cat small-tail >>mounted/renamed
    cat small-tail >>expected
    unmount
    mount_it
    cmp expected mounted/renamed
    chmod 600 mounted/renamed
    [ "$(stat -c %a mounted/renamed)" = 600 ] || fail "the mode is lost"
}

deleted() {
    rm mounted/renamed
    rm -r mounted/moved
    [ -z "$(ls -A mounted)" ] || fail "something is left"
    unmount
}

make_files
head -c 777 big >small-tail
boto make "$bucket"
for step in files renamed changed deleted; do
    timed "s3fs (FUSE): $step" "$step"
done

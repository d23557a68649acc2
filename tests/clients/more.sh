# shellcheck shell=bash
# Room: what the scripts of the further clients share: files, objects that are larger than any disk here, comparisons.
# Sourced, in an empty folder, with AWS_ENDPOINT_URL, keys and region in the environment.
set -euo pipefail

here=$(dirname "${BASH_SOURCE[0]}")
export here

fail() {
    echo "$0: $*" >&2
    exit 1
}

timed() {
    local start=${EPOCHREALTIME/[.,]/}
    "${@:2}"
    printf '%8d ms  %s\n' $(((${EPOCHREALTIME/[.,]/} - start) / 1000)) "$1"
}

# endpoint_host: the host and port of the node.
endpoint_host() { printf '%s' "${AWS_ENDPOINT_URL#*://}"; }

# make_files: `tree`, a folder of files with names that clients encode in many ways, and `big`, of 20 MiB and 13 bytes.
make_files() {
    mkdir -p tree/sub/deeper "tree/with space"
    head -c 20971533 /dev/urandom >big
    local name number=0
    for name in plain 'with space/a b+c' 'sub/per%cent' 'sub/deeper/plus+and&and=equals' 'sub/ümläut-✓' 'sub/#hash?question' \
        "sub/quote'one" 'sub/~tilde,comma;semicolon' 'sub/deeper/.hidden'; do
        number=$((number + 1))
        tail -c "+$((number * 1000))" big | head -c $((number * 7777)) >"tree/$name" || [ $? -eq 141 ]
    done
    : >tree/sub/empty
    cp big tree/sub/deeper/big
}

# same_trees A B: both folders have the same files with the same bytes.
same_trees() { diff -r "$1" "$2" || fail "$1 and $2 differ"; }

# boto BUCKET WORDS…: what boto3 says of the node, beside the client that is tested; see more.py.
boto() { "${TENON_TEST_PYTHON:-python3}" "$here/more.py" "$@"; }

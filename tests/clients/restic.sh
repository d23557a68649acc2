#!/usr/bin/env bash
# Room: restic with its default settings: backups, what changed since, restores, checks of every byte, forgetting.
. "$(dirname "${BASH_SOURCE[0]}")/more.sh"

export RESTIC_REPOSITORY=s3:$AWS_ENDPOINT_URL/restic-bucket/repository RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$PWD/cache

first() {
    restic init --quiet
    restic backup --quiet tree
    restic check --read-data --quiet
}

second() {
    cp -r tree kept
    echo changed >tree/plain
    rm "tree/sub/per%cent"
    head -c 30000000 /dev/urandom >tree/more
    restic backup --quiet tree
    [ "$(restic snapshots --json | grep -o '"short_id"' | wc -l)" = 2 ] || fail "not two snapshots"
}

restored() {
    restic restore latest --quiet --target restored
    same_trees tree restored/tree
    local oldest
    oldest=$(restic snapshots --json | sed -E 's/.*\[\{.*"short_id":"([0-9a-f]+)"\},\{.*/\1/')
    restic restore "$oldest" --quiet --target oldest
    same_trees kept oldest/tree
}

forgotten() {
    restic forget --quiet --keep-last 1 --prune
    restic check --read-data --quiet
    rm -r restored
    restic restore latest --quiet --target restored
    same_trees tree restored/tree
}

make_files
for step in first second restored forgotten; do
    timed "restic: $step" "$step"
done

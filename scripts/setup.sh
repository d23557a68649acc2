# shellcheck shell=bash
# What building and testing need from the machine. Sourced by `run` and `test`, never run by itself.

rust_version_min=1.92

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Skips must be seen: a reader of the output has to know what was not proven.
skip() { printf '\n==== SKIPPED: %s\n\n' "$*" >&2; }

cache_directory() {
    printf '%s' "${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/tenon"
}

# The package names among the arguments that dpkg does not have installed.
missing_packages() {
    local package
    for package in "$@"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            printf '%s ' "$package"
        fi
    done
}

# Runs a command as root: as we are, or by sudo. Status 126 when there is no way.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 126
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Installs what is missing of the named Debian packages. Status 0 when all are there afterwards.
have_packages() {
    local missing log status=0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        warn "not a Debian system: these packages, or what they are called here, must be installed: $*"
        return 0
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    say "installing Debian packages: $missing"
    log=$(mktemp)
    # The package lists of a fresh machine may be missing or old: fetch them when the first try fails.
    # shellcheck disable=SC2086  # a list of names
    apt_install $missing >"$log" 2>&1 ||
        { as_root apt-get update >>"$log" 2>&1 && apt_install $missing >>"$log" 2>&1; } || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 5 "$log" >&2
        [ "$status" -ne 126 ] || warn "neither root nor sudo: install by hand: apt-get install $missing"
    fi
    rm -f "$log"
    return "$status"
}

need_packages() {
    have_packages "$@" || die "a package that the build needs could not be installed (see above)"
}

# RocksDB is C++, its bindings are made by libclang at build time.
need_build_tools() {
    need_packages g++ clang libclang-dev
}

need_rust() {
    local found
    if ! command -v cargo >/dev/null && [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    command -v cargo >/dev/null ||
        die "no cargo found: Tenon needs Rust $rust_version_min or newer, for instance by https://rustup.rs"
    found=$(rustc --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n' "$rust_version_min" "$found" | sort -V | head -n 1)" != "$rust_version_min" ]; then
        die "this is Rust $found, Tenon needs $rust_version_min or newer: rustup update stable"
    fi
}

# SPDX-License-Identifier: MIT
# lib.sh - what the stories of this folder share; sourced, never run.
# shellcheck shell=sh

set -eu
: "${SHOAL_BIN:=$(cd "$(dirname "$0")/../../build/bin" && pwd)}"
: "${TMPDIR:=/tmp}"
# A directory of our own, short enough for a socket's name.
dir=$(mktemp -d "$TMPDIR/s.XXXXXX")
jobs=$(cd "$(dirname "$0")/../../cluster/jobs" && pwd)
unset SHOAL_COORDINATOR SHOAL_KEYS SHOAL_STATE

if [ "$(id -u)" = 0 ]; then # containers
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

shoal() { "$SHOAL_BIN/shoal" "$@"; }
fail() {
    echo "$*" >&2
    for log in "$dir"/state/*.log; do
        [ ! -f "$log" ] || { echo "== $log" && tail -n 15 "$log"; } >&2
    done
    exit 1
}
# The value of a key of a JSON document on stdin; for strings and numbers.
key() { sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" | head -n 1; }

# expect STATUS COMMAND...: output in $dir/out and $dir/err.
expect() {
    want=$1
    shift
    got=0
    "$@" >"$dir/out" 2>"$dir/err" || got=$?
    [ "$got" = "$want" ] ||
        fail "status $got instead of $want: $* ; $(cat "$dir/err") ; $(head -n 5 "$dir/out")"
}
# The same text on both sides, and some.
same() { [ -n "$1" ] && [ "$1" = "$2" ] || fail "${3:-differs}: '$1' and '$2'"; }

# Processes that have a text in one of their arguments.  (It goes in by a pipe, so
# that grep does not find itself.)
running() { # TEXT
    printf '%s\n' "$1" | grep -lsaF -f - /proc/[0-9]*/cmdline | sed 's/[^0-9]//g' || true
}
children() { cat "/proc/$1/task/$1/children"; } # PID
# Up to ten seconds until a command succeeds.
soon() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "not within ten seconds: $*"
        sleep 0.05
    done
}
nothing_runs() { [ -z "$(running "$dir")" ]; }

at_end() {
    status=$?
    if [ -e "$dir/state/supervisor.lock" ]; then
        shoal down --state "$dir/state" >/dev/null 2>&1 || true
    fi
    rm -rf "$dir"
    exit "$status"
}
trap at_end EXIT
trap 'exit 130' INT TERM
# Private clusters go below our directory, where nothing_runs looks.
TMPDIR=$dir
export TMPDIR

#!/bin/sh
# SPDX-License-Identifier: MIT
# Judge one synthesis recipe on one circuit: runs berkeley-abc and prints one
# JSON line with the area, delay, gates and area-delay product after mapping.
#
#   eval_abc.sh CIRCUIT.aig RECIPE LIBRARY.genlib [BEST.aig]
#
# RECIPE is a string of digits, one pass each: 0 refactor, 1 refactor -z,
# 2 rewrite, 3 rewrite -z, 4 resub, 5 resub -z, 6 balance.  `strash` follows
# every pass, so that what comes next depends on the graph alone and not on how
# it was reached.  With BEST.aig the optimised circuit is kept there.
#
# With a directory in SHOAL_CACHE (the job's `cache_mb`) no pass runs twice on one
# graph: the directory has each graph's AIGER file, named by the hash of what it
# says, what each pass made of it, and what it measured.  The results are the same:
# tests/scripts/recipes compares them.  PASSES_LOG=FILE counts the passes there.

set -u
circuit=$1
recipe=$2
library=$3
keep=${4:-}
cache=${SHOAL_CACHE:-}
n_passes=0

fail() {
    echo "eval_abc.sh: $1" >&2
    exit "${2:-1}"
}

# pass_of DIGIT: sets `pass`.
pass_of() {
    case $1 in
    0) pass="refactor" ;;
    1) pass="refactor -z" ;;
    2) pass="rewrite" ;;
    3) pass="rewrite -z" ;;
    4) pass="resub" ;;
    5) pass="resub -z" ;;
    6) pass="balance" ;;
    *) fail "'$recipe' is not a recipe of digits 0 to 6" 2 ;;
    esac
    n_passes=$((n_passes + 1))
}

# commands_of DIGITS: sets `commands`, "; pass; strash" for each.
commands_of() {
    commands=
    left=$1
    while [ -n "$left" ]; do
        tail=${left#?}
        pass_of "${left%"$tail"}"
        commands="$commands; $pass; strash"
        left=$tail
    done
}

count_passes() {
    [ -z "${PASSES_LOG:-}" ] || echo $n_passes >>"$PASSES_LOG"
}

# What abc says of a mapped circuit, as JSON.
to_json() {
    awk '
    # "... nd = 81 edge = 180 area =135.00 delay = 7.70 ..."
    function after(key,    s) {
        s = $0
        if (!sub(".* " key " *= *", "", s))
            return ""
        sub(/[^0-9.].*/, "", s)
        return s
    }
    / area *=/ { area = after("area"); delay = after("delay"); gates = after("nd") }
    { said = said $0 "\n" }
    END {
        if (area == "" || delay == "") {
            printf "eval_abc.sh: no result from berkeley-abc\n%s", said | "cat >&2"
            exit 1
        }
        printf "{\"area\": %.2f, \"delay\": %.2f, \"gates\": %d, \"adp\": %.4f}\n",
            area, delay, gates, area * delay
    }'
}

plain() {
    commands_of "$recipe"
    commands="read_library $library; read_aiger $circuit; strash$commands"
    [ -z "$keep" ] || commands="$commands; write_aiger -s $keep"
    count_passes
    berkeley-abc -q "$commands; map; print_stats" 2>&1 | to_json
}

# --- with a cache -----------------------------------------------------------------------
# One process of abc, started when there is something to run.
start_abc() {
    [ -z "${started:-}" ] || return 0
    started=yes
    mkfifo abc-in abc-out || fail "cannot make a pipe"
    stdbuf -oL berkeley-abc <abc-in >abc-out 2>&1 &
    exec 3>abc-in 4<abc-out
    ask "read_library $library"
}

# ask COMMANDS: sets `said`, the last line that tells an area.
ask() {
    said=
    printf '%s\necho end-of-commands\n' "$1" >&3
    while read -r line <&4; do
        case $line in
        end-of-commands) return 0 ;; # abc shows the command before what it says
        *" area "*=*) said=$line ;;
        esac
    done
    fail "berkeley-abc ended at: $1"
}

# load DIGITS: abc has `graph`, which the digits lead to; a file that has vanished is
# no loss but of time.
load() {
    start_abc
    # By one name: abc writes the name of what it read into its files.  On a full disk it
    # may have written half a file.
    if [ -n "$kept" ] && cp "$cache/$kept" state.aig 2>/dev/null &&
        [ "$(tail -c 6 state.aig)" = aiger ]; then
        ask "read_aiger state.aig; strash"
    else
        cp "$circuit" state.aig || fail "cannot read $circuit"
        commands_of "$1"
        ask "read_aiger state.aig; strash$commands"
    fi
    here=$graph
}

# follow DIGIT: `graph` and `kept`, its file, become what the pass makes of it; false
# when that is not known.
follow() {
    [ -r "$cache/$graph.next" ] || return 1
    while read -r which to file; do
        if [ "$which" = "$1" ] && [ -n "$file" ]; then
            graph=$to
            kept=$file
            return 0
        fi
    done <"$cache/$graph.next"
    return 1
}

# How much stands behind the graph in an AIGER file: from the line with the date on, which
# is as long in all of them.
measure_comment() {
    [ -s "$cache/comment" ] && read -r n_behind <"$cache/comment" && return 0
    at=$(grep -abo 'This file was written by ABC on' "$1" | tail -n 1)
    [ -n "$at" ] || fail "an AIGER file without its comment"
    n_behind=$(($(wc -c <"$1") - ${at%%:*}))
    echo "$n_behind" >"$cache/comment"
}

# run DIGIT: as follow, by doing it.  A graph's name is the hash of its AIGER file.  A file
# is written once and whole before a line tells of it.
run() {
    pass_of "$1"
    read -r file </proc/sys/kernel/random/uuid
    ask "$pass; strash; write_aiger $cache/$file"
    [ -n "${n_behind:-}" ] || measure_comment "$cache/$file"
    to=$(head -c "-$n_behind" "$cache/$file" | sha256sum)
    to=${to%% *}
    [ ${#to} -eq 64 ] || fail "no hash of an AIGER file"
    echo "$1 $to $file" >>"$cache/$graph.next"
    graph=$to
    kept=$file
    here=$to
}

cached() {
    graph=root-${circuit##*/}
    kept= # its file
    here= # the graph that abc has
    behind=
    rest=$recipe
    while [ -n "$rest" ]; do
        digit=${rest%"${rest#?}"}
        rest=${rest#?}
        if ! follow "$digit"; then
            [ "$here" = "$graph" ] || load "$behind"
            run "$digit"
        fi
        behind=$behind$digit
    done
    measured=$cache/$graph-${library##*/}
    if ! { [ -s "$measured" ] && read -r result <"$measured"; }; then
        [ "$here" = "$graph" ] || load "$behind"
        ask "map; print_stats"
        result=$(echo "$said" | to_json) || return 1
        echo "$result" >"$measured"
    fi
    count_passes
    echo "$result"
}

# A cache that fails in the middle costs time, not the result.
if [ -d "$cache" ] && [ -z "$keep" ] && command -v stdbuf >/dev/null && (cached) 2>/dev/null; then
    exit 0
fi
n_passes=0
plain

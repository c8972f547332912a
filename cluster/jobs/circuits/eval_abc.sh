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

# load GRAPH DIGITS: abc has the graph that the digits lead to; a file that has
# vanished is no loss but of time.
load() {
    start_abc
    if [ "$1" != "$root" ] && cp "$cache/$1.aig" state.aig 2>/dev/null; then
        ask "read_aiger state.aig; strash"
    else
        # Through state.aig too: abc writes the name of what it read into its files.
        cp "$circuit" state.aig || fail "cannot read $circuit"
        commands_of "$2"
        ask "read_aiger state.aig; strash$commands"
    fi
}

# known GRAPH DIGIT: sets `to`, the graph that the pass makes of it; empty: not known.
known() {
    to=
    [ -r "$cache/$1.next" ] || return 0
    while read -r which graph_to; do
        [ "$which" != "$2" ] || to=$graph_to
    done <"$cache/$1.next"
}

# The graph in abc by name: the hash of its AIGER file up to the line with the date,
# which is as far from the end in each.
name_graph() {
    if [ -z "${n_behind:-}" ]; then
        at=$(grep -abo 'This file was written by ABC on' step.aig | tail -n 1)
        [ -n "$at" ] || fail "an AIGER file without its comment"
        n_behind=$(($(wc -c <step.aig) - ${at%%:*}))
    fi
    to=$(head -c "-$n_behind" step.aig | sha256sum)
    to=${to%% *}
    [ ${#to} -eq 64 ] || fail "no hash of an AIGER file"
}

cached() {
    root=root-$(basename "$circuit" .aig)
    graph=$root
    here= # the graph that abc has
    behind=
    rest=$recipe
    while [ -n "$rest" ]; do
        digit=${rest%"${rest#?}"}
        rest=${rest#?}
        known "$graph" "$digit"
        if [ -z "$to" ]; then
            [ "$here" = "$graph" ] || load "$graph" "$behind"
            pass_of "$digit"
            ask "$pass; strash; write_aiger step.aig"
            name_graph
            [ -e "$cache/$to.aig" ] || mv step.aig "$cache/$to.aig" 2>/dev/null
            echo "$digit $to" 2>/dev/null >>"$cache/$graph.next"
            here=$to
        fi
        behind=$behind$digit
        graph=$to
    done
    measured=$cache/$graph-$(basename "$library").json
    [ -r "$measured" ] && cat "$measured" && return 0
    [ "$here" = "$graph" ] || load "$graph" "$behind"
    ask "map; print_stats"
    echo "$said" | to_json >measured.json || return 1
    cat measured.json
    mv measured.json "$measured" 2>/dev/null || true
}

if [ -n "$cache" ] && [ -z "$keep" ] && command -v stdbuf >/dev/null; then
    cached
else
    plain
fi
status=$?
[ -z "${PASSES_LOG:-}" ] || echo $n_passes >>"$PASSES_LOG"
exit $status

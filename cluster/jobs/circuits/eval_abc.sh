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

set -u
circuit=$1
recipe=$2
library=$3
keep=${4:-}

commands="read_library $library; read_aiger $circuit; strash"
rest=$recipe
while [ -n "$rest" ]; do
    tail=${rest#?}
    case ${rest%"$tail"} in
    0) pass="refactor" ;;
    1) pass="refactor -z" ;;
    2) pass="rewrite" ;;
    3) pass="rewrite -z" ;;
    4) pass="resub" ;;
    5) pass="resub -z" ;;
    6) pass="balance" ;;
    *)
        echo "eval_abc.sh: '$recipe' is not a recipe of digits 0 to 6" >&2
        exit 2
        ;;
    esac
    commands="$commands; $pass; strash"
    rest=$tail
done
[ -z "$keep" ] || commands="$commands; write_aiger -s $keep"

berkeley-abc -q "$commands; map; print_stats" 2>&1 | awk '
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

#!/bin/sh
# SPDX-License-Identifier: MIT
# How far a simulated device is from measured currents: runs ngspice and prints one
# JSON line.
#
#   eval_spice.sh DECK.cir POINTS.txt decades|relative PARAMS.json
#
# DECK's @name@ are filled in from the map PARAMS.json; a line with one that is not
# there (a parameter that is not in play) is left out.  The deck writes the current of a
# source, minus the device's, to @OUT@ by wrdata.  POINTS: a line a point, in the order
# of the sweep, voltage and current; # begins a comment.
#   decades   error: root mean square of log10(simulated / measured)
#   relative  error: root mean square of (simulated - measured) / (|measured| + 1e-6)

set -u
deck=$1
points=$2
measure=$3
params=$4
if ! command -v ngspice >/dev/null 2>&1; then
    echo '{"status": "error", "message": "ngspice is missing: apt-get install ngspice"}'
    exit 0
fi
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

# "name value" lines.
tr -d '{}"\n' <"$params" | tr ',' '\n' | sed 's/^ *//; s/ *: */ /' >"$tmp/values"
awk -v out="$tmp/currents" '
    FNR == NR { value["@" $1 "@"] = $2; next }
    {
        value["@OUT@"] = out
        for (name in value)
            while (at = index($0, name))
                $0 = substr($0, 1, at - 1) value[name] substr($0, at + length(name))
    }
    !/@[A-Za-z_]+@/
' "$tmp/values" "$deck" >"$tmp/deck.cir"
ngspice -b "$tmp/deck.cir" >"$tmp/log" 2>&1
if [ ! -s "$tmp/currents" ]; then
    echo '{"status": "error", "message": "ngspice found no solution"}'
    exit 0
fi
awk -v measure="$measure" '
    FNR == NR { if ($1 !~ /^#/ && NF) want[++n] = $2; next }
    {
        i = -$2
        r = want[++k]
        if (measure == "decades")
            e = log((i > 0 ? i : 1e-30) / r) / log(10)
        else
            e = (i - r) / ((r < 0 ? -r : r) + 1e-6)
        sum += e * e
    }
    END {
        if (k != n)
            printf "{\"status\": \"error\", \"message\": \"%d currents for %d points\"}\n", k, n
        else
            printf "{\"error\": %.8f}\n", sqrt(sum / n)
    }' "$points" "$tmp/currents"

#!/bin/sh
# SPDX-License-Identifier: MIT
# Area and delay of one variant of a Verilog design, and whether it is right: iverilog runs
# its test bench, yosys and its abc map it to the cells of a library, abc proves that the
# cells compute what the design says.  Prints one JSON line.
#
#   eval_verilog.sh TOP DESIGN.v BENCH.v LIBRARY.genlib PARAMS.json
#
# PARAMS.json: names in capitals count: FLOW, one of map, map_a, dch, resyn2, resyn2_dch;
# all others are parameters of TOP and of the bench's module tb.  A bench whose last line is not PASS makes the point
# infeasible.  A flip-flop counts as area 6 and, where there is one, as delay 2.

set -u
top=$1
design=$2
bench=$3
library=$4
params=$5
say() { # say STATUS MESSAGE
    printf '{"status": "%s", "message": "%s"}\n' "$1" "$2"
    exit 0
}
for tool in yosys iverilog vvp; do
    command -v $tool >/dev/null 2>&1 ||
        say error "$tool is missing: apt-get install yosys iverilog"
done
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

# "NAME value" lines.
tr -d '{}"\n' <"$params" | tr ',' '\n' | sed 's/^ *//; s/ *: */ /' |
    grep -E '^[A-Z][A-Z0-9_]* ' >"$tmp/values"
flow=$(awk '$1 == "FLOW" { print $2 }' "$tmp/values")
bench_options=$(awk '$1 != "FLOW" && NF == 2 { printf " -P tb.%s=%s", $1, $2 }' "$tmp/values")
top_options=$(awk '$1 != "FLOW" && NF == 2 { printf " -set %s %s", $1, $2 }' "$tmp/values")
resyn2="balance; rewrite; refactor; balance; rewrite; rewrite -z; balance; refactor -z;
rewrite -z; balance"
case $flow in
map) passes="strash; map" ;;
map_a) passes="strash; map -a" ;;
dch) passes="strash; dch; map" ;;
resyn2) passes="strash; $resyn2; map" ;;
resyn2_dch) passes="strash; $resyn2; dch; map" ;;
*) say error "FLOW is '$flow', expected map, map_a, dch, resyn2 or resyn2_dch" ;;
esac

# shellcheck disable=SC2086 # options
iverilog -g2012 -o "$tmp/bench" $bench_options "$bench" "$design" >"$tmp/log" 2>&1 ||
    say error "iverilog does not compile it"
last=$(vvp -n "$tmp/bench" | tail -n 1)
[ "$last" = PASS ] || say infeasible "test bench: $last"

echo "$passes; print_stats; cec" >"$tmp/map.abc"
cat >"$tmp/run.ys" <<YS
read_verilog $design
${top_options:+chparam$top_options $top}
synth -flatten -noabc -top $top
abc -genlib $library -script $tmp/map.abc
opt_clean
stat
YS
yosys "$tmp/run.ys" >"$tmp/log" 2>&1 || say error "yosys: $(tail -n 1 "$tmp/log" | tr -d "\\\"")"
grep -q "Networks are equivalent" "$tmp/log" || say infeasible "the cells compute something else"
awk '
    FNR == NR { if ($1 == "GATE") area_of[$2] = $3; next }
    /ABC:.*delay =/ { delay = $0; sub(/.*delay = */, "", delay); delay += 0 }
    /Number of cells:/ { n = area = flops = 0; bad = ""; counts = 1; next }
    counts && NF == 2 && $2 ~ /^[0-9]+$/ {
        if ($1 ~ /^\$_.*DFF/)
            flops += $2
        else if ($1 in area_of)
            area += area_of[$1] * $2
        else
            bad = $1
        n += $2
    }
    END {
        if (n == 0 || bad) {
            printf "{\"status\": \"error\", \"message\": \"cell %s is not of the library\"}\n", bad
            exit
        }
        area += 6 * flops
        delay += flops ? 2 : 0
        printf "{\"area\": %.2f, \"delay\": %.2f, \"cells\": %d, \"adp\": %.3f}\n",
            area, delay, n, area * delay
    }' "$library" "$tmp/log"

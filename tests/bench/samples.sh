# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# Samples of alternating measurements and what they say together; sourced by the
# benchmarks.  A program prints one JSON line of numbers; `sample` keeps it as
# lines "ROUND NAME KEY VALUE" in $SAMPLES.  Ratios are taken within a round,
# so that a busy moment of the machine hits both sides; the median of the
# rounds' ratios is what counts, with the smallest and largest beside it.

SAMPLES=$(mktemp)
MISSED=$(mktemp)
export SAMPLES MISSED

# sample ROUND NAME COMMAND...: run it and keep its numbers; a failure is said
# and leaves a hole.
sample() {
    round=$1
    name=$2
    shift 2
    if line=$("$@" 2>"$SAMPLES.err"); then
        printf '%s\n' "$line" | awk -v round="$round" -v name="$name" '
            /^{.*}$/ {
                gsub(/[{}" ]/, "")
                n = split($0, pair, ",")
                for (i = 1; i <= n; i++) {
                    split(pair[i], kv, ":")
                    print round, name, kv[1], kv[2]
                }
            }' >>"$SAMPLES"
    else
        echo "  $name failed: $(tail -n 1 "$SAMPLES.err")" >&2
    fi
    rm -f "$SAMPLES.err"
}

# derive ROUND NAME VALUE: a number computed from others of the round.
derive() { echo "$1 $2 value $3" >>"$SAMPLES"; }

# value ROUND NAME KEY: the number, or nothing.
value() { awk -v r="$1" -v n="$2" -v k="$3" '$1 == r && $2 == n && $3 == k { print $4 }' "$SAMPLES"; }

# compare TEXT OURS KEY REFERENCE KEY at-least|at-most LIMIT: one line with both
# medians and the median ratio; a REFERENCE of "-" compares with LIMIT itself.
compare() {
    awk -v text="$1" -v ours="$2" -v okey="$3" -v ref="$4" -v rkey="$5" -v op="$6" -v limit="$7" '
        function sort(a, n,    i, j, x) {
            for (i = 2; i <= n; i++) {
                x = a[i]
                for (j = i - 1; j > 0 && a[j] > x; j--)
                    a[j + 1] = a[j]
                a[j + 1] = x
            }
        }
        function median(a, n) {
            return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
        }
        function show(x) { return x >= 100 ? sprintf("%.0f", x) : sprintf("%.3g", x) }
        $2 == ours && $3 == okey { o[$1] = $4 }
        $2 == ref && $3 == rkey { f[$1] = $4 }
        END {
            for (round in o) {
                if (ref == "-")
                    f[round] = 1
                if (!(round in f) || f[round] == 0)
                    continue
                n++
                ratio[n] = o[round] / f[round]
                a[n] = o[round]
                b[n] = f[round]
            }
            if (!n) {
                printf "%-44s not measured\n", text
                exit
            }
            sort(ratio, n); sort(a, n); sort(b, n)
            m = median(ratio, n)
            met = op == "at-least" ? m >= limit : m <= limit
            printf "%-44s ours ", text
            if (ref != "-")
                printf "%s, reference %s, ratio ", show(median(a, n)), show(median(b, n))
            printf "%s (%s..%s, %d rounds), %s %s: %s\n", show(m), show(ratio[1]), show(ratio[n]), n, op,
                limit, met ? "met" : "MISSED"
            if (!met)
                print text >>ENVIRON["MISSED"]
        }' "$SAMPLES"
}

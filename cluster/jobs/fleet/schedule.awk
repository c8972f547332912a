# SPDX-License-Identifier: MIT
# The decisions of a trace as a schedule: genes of all aircraft, row behind row.
#
#   awk -v n=5 -v genes=32 -f schedule.awk uam3x5.greedy.s20240109.e0.jsonl
#
# A row that is shorter is filled up with 0; policy `schedule` makes of an infeasible gene
# the next feasible destination.
function field(name, rest) {
    rest = substr($0, index($0, "\"" name "\":") + length(name) + 3)
    sub(/[,}].*/, "", rest)
    return rest
}
/"ev":"(HOLD|DISPATCH)"/ {
    a = field("a")
    gene[a, made[a]++] = field("to")
}
END {
    for (a = 0; a < n; a++)
        for (g = 0; g < genes; g++)
            printf "%s%d", a + g ? ", " : "", gene[a, g]
    print ""
}

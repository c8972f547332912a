# SPDX-License-Identifier: MIT
# Simulate a flat BLIF: the first file is the circuit, the second has one line
# of input bits per vector, in the order of .inputs; prints the output bits.

FNR == 1 { files++ }
files == 1 && /^#/ { next }
files == 1 {
    while (sub(/\\$/, "")) { # a line goes on
        getline more
        $0 = $0 more
    }
}
files == 1 && $1 == ".inputs" { for (i = 2; i <= NF; i++) input[++n_in] = $i; next }
files == 1 && $1 == ".outputs" { for (i = 2; i <= NF; i++) output[++n_out] = $i; next }
files == 1 && $1 == ".names" {
    node = $NF
    arity[node] = NF - 2
    for (i = 2; i < NF; i++)
        fanin[node, i - 1] = $i
    next
}
files == 1 && /^[01-]/ { # cubes of the on-set, or (phase 0) of the off-set
    cube[node, ++n_cubes[node]] = NF > 1 ? $1 : ""
    phase[node] = $NF
    next
}
files == 1 { next }
{
    split("", value)
    for (i = 1; i <= n_in; i++)
        value[input[i]] = substr($1, i, 1)
    line = ""
    for (i = 1; i <= n_out; i++)
        line = line eval(output[i])
    print line
}
function eval(x,    c, i, hit, want) {
    if (x in value)
        return value[x]
    hit = 0
    for (c = 1; c <= n_cubes[x] && !hit; c++) {
        hit = 1
        for (i = 1; i <= arity[x] && hit; i++) {
            want = substr(cube[x, c], i, 1)
            if (want != "-" && eval(fanin[x, i]) != want)
                hit = 0
        }
    }
    if (n_cubes[x] && phase[x] == 0)
        hit = !hit
    return value[x] = hit
}

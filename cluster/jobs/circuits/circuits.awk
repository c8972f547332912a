# SPDX-License-Identifier: MIT
# Writes a circuit as BLIF:  awk -v circuit=multiplier|alu -v bits=8 -f circuits.awk
# Plain textbook structures on purpose: the search is to find something better.

function names(out, ins, cubes,    n, i, c) {
    print ".names " ins " " out
    n = split(cubes, c, " ")
    for (i = 1; i <= n; i++)
        print c[i] " 1"
}
function wire(out, a) { names(out, a, "1") }
function and2(out, a, b) { names(out, a " " b, "11") }
function or2(out, a, b) { names(out, a " " b, "1- -1") }
function xor2(out, a, b) { names(out, a " " b, "10 01") }
function xor3(out, a, b, c) { names(out, a " " b " " c, "100 010 001 111") }
function majority(out, a, b, c) { names(out, a " " b " " c, "11- 1-1 -11") }
function mux(out, s, one, zero) { names(out, s " " one " " zero, "11- 0-1") }
function vector(name, n,    i, s) {
    for (i = 0; i < n; i++)
        s = s " " name i
    return s
}
function model(name, ins, outs) {
    print ".model " name
    print ".inputs" ins
    print ".outputs" outs
}

# Partial products, one row of ripple-carry adders per bit of b.
function multiplier(n,    i, j, row, carry, sum) {
    model("multiplier", vector("a", n) vector("b", n), vector("p", 2 * n))
    for (i = 0; i < n; i++)
        for (j = 0; j < n; j++)
            and2("pp" i "_" j, "a" j, "b" i)
    wire("p0", "pp0_0")
    for (j = 1; j < n; j++)
        row[j - 1] = "pp0_" j
    names("nil", "", "") # constant 0: the top of the first row
    row[n - 1] = "nil"
    for (i = 1; i < n; i++) {
        carry = "nil"
        for (j = 0; j < n; j++) {
            sum = j == 0 ? "p" i : "s" i "_" j
            xor3(sum, row[j], "pp" i "_" j, carry)
            majority("c" i "_" j, row[j], "pp" i "_" j, carry)
            carry = "c" i "_" j
            if (j > 0)
                row[j - 1] = sum
        }
        row[n - 1] = carry
    }
    for (j = 0; j < n; j++)
        wire("p" n + j, row[j])
}

# op: 0 add, 1 subtract, 2 and, 3 or, 4 xor, 5 less (signed), 6 left, 7 right shift.
# Flags: carry out of add and subtract, zero, negative.
function alu(n,    i, k, j, from, l, r) {
    model("alu", vector("a", n) vector("b", n) vector("op", 3), vector("y", n) " carry zero negative")
    names("minus", "op0 op1 op2", "100 101") # subtract, less
    for (i = 0; i < n; i++) {
        xor2("bx" i, "b" i, "minus")
        from = i == 0 ? "minus" : "c" i - 1
        xor3("sum" i, "a" i, "bx" i, from)
        majority("c" i, "a" i, "bx" i, from)
        and2("and" i, "a" i, "b" i)
        or2("or" i, "a" i, "b" i)
        xor2("xor" i, "a" i, "b" i)
    }
    xor2("over", "c" n - 1, "c" n - 2)
    xor2("less", "sum" n - 1, "over")
    names("nil", "", "")
    for (i = 0; i < n; i++) {
        l[i] = r[i] = "a" i
    }
    for (k = 0; 2 ^ k < n; k++) { # one stage of both shifters per bit of the distance
        for (i = 0; i < n; i++) {
            j = i - 2 ^ k
            mux("l" k "_" i, "b" k, j >= 0 ? l[j] : "nil", l[i])
            j = i + 2 ^ k
            mux("r" k "_" i, "b" k, j < n ? r[j] : "nil", r[i])
        }
        for (i = 0; i < n; i++) {
            l[i] = "l" k "_" i
            r[i] = "r" k "_" i
        }
    }
    for (i = 0; i < n; i++) {
        mux("m0_" i, "op1", "and" i, "sum" i) # op 0, 2
        mux("m1_" i, "op1", "or" i, "sum" i)  # op 1, 3
        mux("m2_" i, "op1", l[i], "xor" i)    # op 4, 6
        mux("m3_" i, "op1", r[i], i == 0 ? "less" : "nil") # op 5, 7
        mux("lo" i, "op0", "m1_" i, "m0_" i)
        mux("hi" i, "op0", "m3_" i, "m2_" i)
        mux("y" i, "op2", "hi" i, "lo" i)
        if (i > 0)
            or2("any" i, "y" i, i == 1 ? "y0" : "any" i - 1)
    }
    names("carry", "c" n - 1 " op1 op2", "100")
    names("zero", "any" n - 1, "0")
    wire("negative", "y" n - 1)
}

BEGIN {
    if (circuit == "multiplier")
        multiplier(bits)
    else if (circuit == "alu")
        alu(bits)
    else
        exit 2
    print ".end"
}

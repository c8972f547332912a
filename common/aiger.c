// SPDX-License-Identifier: MIT
#include "common/aiger.h"

#include <inttypes.h>
#include <string.h>

#include "common/hash.h"
#include "common/math.h"
#include "common/mem.h"

enum { FANOUT_BINS = 6, LEVEL_BINS = 4, ACTIVITY_BINS = 8, SIZES = 5 };

// Sizes of some hundred gates come to about 1, the sum of a histogram.  So scaled, a circuit
// is within 0.0015 of itself after `rewrite` (ctrl: 0.0072), multipliers of 6, 8 and 12 bits
// within 0.007 and ALUs of these widths within 0.004 of each other, and others at least
// 0.008 apart: ABC-RL's threshold of 0.007 separates what it should.
enum { BITS = 8 };

_Static_assert(SIZES + 1 + FANOUT_BINS + LEVEL_BINS + ACTIVITY_BINS == AIGER_FEATURES,
               "every feature has its place");

// A variable: constant 0, the inputs, the latches, the gates.
struct node {
    uint64_t values; // under 64 patterns
    uint32_t level;
    uint32_t fanout;
};

struct reader {
    const uint8_t *bytes;
    size_t n, at;
    uint64_t n_variables, n_inputs, n_latches, n_outputs, n_ands;
    struct node *nodes;
    uint64_t n_inverted; // among the gates' inputs
    struct errtext *t;
};

static enum error fail(const struct reader *r, const char *what)
{
    return errtext_set(r->t, ERR_PARSE, "byte %zu: %s", r->at, what);
}

static bool read_number(struct reader *r, uint8_t end, uint64_t *out)
{
    size_t first = r->at;
    *out = 0;
    for (; r->at < r->n && r->bytes[r->at] >= '0' && r->bytes[r->at] <= '9'; r->at++) {
        *out = *out * 10 + (uint64_t)(r->bytes[r->at] - '0');
        if (*out > UINT32_MAX)
            return false;
    }
    return r->at > first && r->at < r->n && r->bytes[r->at++] == end;
}

static enum error read_header(struct reader *r)
{
    if (r->n < 4 || memcmp(r->bytes, "aig ", 4) != 0)
        return fail(r, "no binary AIGER file, expected 'aig ' first (abc: write_aiger)");
    r->at = 4;
    if (!read_number(r, ' ', &r->n_variables) || !read_number(r, ' ', &r->n_inputs)
        || !read_number(r, ' ', &r->n_latches) || !read_number(r, ' ', &r->n_outputs)
        || !read_number(r, '\n', &r->n_ands))
        return fail(r, "the header is not 'aig M I L O A'");
    if (r->n_variables != r->n_inputs + r->n_latches + r->n_ands)
        return fail(r, "the header's M is not I + L + A");
    if (r->n_variables >= AIGER_NODES_MAX || r->n_outputs >= AIGER_NODES_MAX)
        return errtext_set(r->t, ERR_LIMIT, "more than %d nodes", AIGER_NODES_MAX);
    if (r->n_ands == 0)
        return fail(r, "the circuit has no gate");
    return OK;
}

// Of latches (their next value; a reset may follow) and outputs: a literal a line.
static enum error read_literals(struct reader *r)
{
    for (uint64_t i = 0; i < r->n_latches + r->n_outputs; i++) {
        uint64_t literal, reset;
        size_t line = r->at;
        if (!read_number(r, '\n', &literal)) {
            r->at = line;
            if (i >= r->n_latches || !read_number(r, ' ', &literal)
                || !read_number(r, '\n', &reset))
                return fail(r, "expected a literal on a line");
        }
        if (literal > 2 * r->n_variables + 1)
            return fail(r, "a literal beyond the last variable");
        r->nodes[literal / 2].fanout++;
    }
    return OK;
}

// Seven bits a byte, the lowest first.
static bool read_delta(struct reader *r, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 35 && r->at < r->n; shift += 7) {
        uint8_t byte = r->bytes[r->at++];
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static uint64_t take_input(struct reader *r, uint64_t literal, struct node *gate)
{
    struct node *from = &r->nodes[literal / 2];

    from->fanout++;
    r->n_inverted += literal & 1;
    if (from->level >= gate->level)
        gate->level = from->level + 1;
    return literal & 1 ? ~from->values : from->values;
}

static enum error read_ands(struct reader *r)
{
    for (uint64_t i = 0; i < r->n_ands; i++) {
        uint64_t variable = r->n_inputs + r->n_latches + 1 + i, a, b;
        if (!read_delta(r, &a) || !read_delta(r, &b))
            return fail(r, "the file ends within its gates");
        if (a == 0 || a > 2 * variable || b > 2 * variable - a)
            return fail(r, "a gate that is not behind its inputs");
        struct node *gate = &r->nodes[variable];
        uint64_t left = take_input(r, 2 * variable - a, gate);
        gate->values = left & take_input(r, 2 * variable - a - b, gate);
    }
    return OK;
}

// --- features ------------------------------------------------------------------------
static int fanout_bin(uint32_t fanout)
{
    if (fanout <= 3)
        return fanout <= 1 ? 0 : (int)fanout - 1;
    return fanout < 8 ? 3 : fanout < 16 ? 4 : 5;
}

static int activity_bin(uint64_t values)
{
    int ones = __builtin_popcountll(values);
    int rare = ones <= 32 ? ones : 64 - ones;
    return rare >= 32 ? ACTIVITY_BINS - 1 : rare / 4;
}

static void summarise(const struct reader *r, struct aiger_summary *out)
{
    double *f = out->features, *fanout = f + SIZES + 1;
    double *level = fanout + FANOUT_BINS, *activity = level + LEVEL_BINS;
    double each = 1 / (double)r->n_ands;
    uint32_t deepest = 1; // there is a gate

    for (uint64_t v = 1; v <= r->n_variables; v++)
        if (r->nodes[v].level > deepest)
            deepest = r->nodes[v].level;
    *out = (struct aiger_summary){(uint32_t)(r->n_inputs + r->n_latches),
                                  (uint32_t)(r->n_outputs + r->n_latches),
                                  (uint32_t)r->n_ands,
                                  deepest,
                                  {0}};
    for (uint64_t v = r->n_variables - r->n_ands + 1; v <= r->n_variables; v++) {
        const struct node *node = &r->nodes[v];
        fanout[fanout_bin(node->fanout)] += each;
        level[(uint64_t)(node->level - 1) * LEVEL_BINS / deepest] += each;
        activity[activity_bin(node->values)] += each;
    }
    f[0] = math_log2((double)r->n_ands) / BITS;
    f[1] = math_log2(deepest) / BITS;
    f[2] = math_log2(1 + (double)out->n_inputs) / BITS;
    f[3] = math_log2(1 + (double)out->n_outputs) / BITS;
    f[4] = f[0] - f[1]; // how wide
    f[SIZES] = (double)r->n_inverted / (2.0 * (double)r->n_ands);
}

enum error
aiger_read(const uint8_t *bytes, size_t n, struct aiger_summary *out, struct errtext *t)
{
    struct reader r = {.bytes = bytes, .n = n, .t = t};
    enum error e = read_header(&r);

    if (e)
        return e;
    r.nodes = mem_try((r.n_variables + 1) * sizeof *r.nodes,
                      (size_t)AIGER_NODES_MAX * sizeof *r.nodes);
    if (!r.nodes)
        return errtext_set(t, ERR_LIMIT, "no memory for %" PRIu64 " nodes", r.n_variables);
    for (uint64_t v = 1; v <= r.n_inputs + r.n_latches; v++)
        r.nodes[v].values = hash_mix64(v);
    if (!(e = read_literals(&r)) && !(e = read_ands(&r)))
        summarise(&r, out);
    mem_free(r.nodes);
    return e;
}

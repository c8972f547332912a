// SPDX-License-Identifier: MIT
// fuzz_metrics.c - metric extraction against whatever a command may print.
//
// Two oracles a form.  Accepted: what was read, printed as JSON, is read again
// and equal; a number found by an expression is finite.  Generated: metrics
// made from the input are accepted and come back equal, whatever stands on the
// lines before.  The first byte chooses; the first line may be an expression.
//
// Threads    Single.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/hash.h"
#include "common/number.h"
#include "tests/fuzz/fuzz.h"
#include "worker/metrics_text.h"
#include "worker/printable.h"

enum { SPEC_MAX = 1 << 16, GENERATED_MAX = 12 };

static struct metrics_text *rule(struct value spec)
{
    struct metrics_text *m;
    struct errtext t;
    demand(metrics_text_open(&spec, &m, &t) == OK, "a good rule opens");
    return m;
}

static enum error read_text(
    const struct metrics_text *m, const char *p, size_t n, struct arena *a, struct value *out)
{
    struct metrics_source s = {.out = p, .n_out = n, .err = ""};
    struct errtext t = {{0}};
    enum error e = metrics_text_read(m, &s, a, out, &t);
    demand(e == OK || e == FAULT_JOB, "blame");
    demand(!e || (*t.text && !strchr(t.text, '\n')), "one line says why");
    return e;
}

// `before`, then the map as the last line, is read as that map.
static void check_map(const struct metrics_text *m,
                      const char *before,
                      size_t n,
                      const struct value *map,
                      struct arena *a)
{
    struct buf b;
    struct value again;
    buf_init(&b, SIZE_MAX);
    buf_put(&b, before, n);
    buf_puts(&b, "\n");
    value_json(map, &b);
    demand(read_text(m, buf_cstr(&b), b.n, a, &again) == OK, "printed metrics are read");
    demand(value_equal(map, &again), "printed metrics come back");
    buf_fini(&b);
}

static void put_generated(struct arena *a, struct value *map, const char *key, uint64_t word)
{
    double x;
    switch (word & 3) {
    case 0:
        value_set(a, map, key, value_int((int64_t)word >> (word >> 58)));
        break;
    case 1:
        memcpy(&x, &word, sizeof x);
        value_set(a, map, key, value_float(isfinite(x) ? x : 0.5));
        break;
    case 2:
        value_set(a, map, key, value_uint(word));
        break;
    default: // no text that means a number, hence the letter
        value_set(a, map, key, value_printf(a, "s%llx\"\\\t:{}", (unsigned long long)word));
    }
}

static void fuzz_json(const char *p, size_t n, struct arena *a)
{
    struct metrics_text *m = rule(value_str(a, "json"));
    struct value map;

    if (read_text(m, p, n, a, &map) == OK)
        check_map(m, "", 0, &map, a);
    map = value_map();
    uint64_t h = hash_bytes(p, n, 1);
    for (uint64_t i = 0; i < h % GENERATED_MAX; i++) {
        uint64_t word = hash_mix64(h + i);
        const char *key = arena_printf(a, "k %d: #[%c]\"", (int)i, (int)(' ' + word % 95));
        put_generated(a, &map, key, word);
    }
    check_map(m, p, n, &map, a);
    metrics_text_close(m);
}

// A fixed expression finds the number that stands last, exactly.
static void fuzz_number(const char *p, size_t n, struct arena *a)
{
    struct value spec = value_map(), out;
    value_set(a, &spec, "area", value_str(a, "^area = (\\S+)$"));
    struct metrics_text *m = rule(spec);
    struct buf b;
    char number[NUMBER_TEXT_MAX];
    double x;
    uint64_t bits = hash_bytes(p, n, 2);

    if (read_text(m, p, n, a, &out) == OK)
        demand(isfinite(value_number(&out.pairs[0].value)), "a metric is finite");
    memcpy(&x, &bits, sizeof x);
    x = isfinite(x) ? x : 1;
    number_format(x, number);
    buf_init(&b, SIZE_MAX);
    buf_put(&b, p, n);
    buf_printf(&b, "\narea = %s\n", number);
    demand(read_text(m, buf_cstr(&b), b.n, a, &out) == OK, "a printed number is found");
    double back = value_number(&out.pairs[0].value);
    demand(back == x && !signbit(back) == !signbit(x), "a printed number comes back");
    buf_fini(&b);
    metrics_text_close(m);
}

// The first line is an expression, the rest its text.
static void fuzz_expression(const char *p, size_t n, struct arena *a)
{
    const char *line = memchr(p, '\n', n);
    size_t n_spec = line ? (size_t)(line - p) : n;
    struct value spec = value_map(), out;
    struct metrics_text *m;
    struct errtext t = {{0}};

    if (n_spec > SPEC_MAX)
        return;
    value_set(a, &spec, "x", value_strn(a, p, n_spec));
    enum error e = metrics_text_open(&spec, &m, &t);
    demand(e == OK || (e == ERR_PARSE && *t.text), "a rule opens or is explained");
    if (e)
        return;
    if (line && read_text(m, line + 1, n - n_spec - 1, a, &out) == OK)
        demand(isfinite(value_number(&out.pairs[0].value)), "a metric is finite");
    metrics_text_close(m);
}

// Printable text is printable: a second time changes nothing.
static void fuzz_printable(const char *p, size_t n, struct arena *a)
{
    struct value once = printable_tail(a, p, n, n / 2 + 1);
    struct value twice = printable_tail(a, once.s, once.n, once.n);
    demand(value_equal(&once, &twice), "printable text stays as it is");
    demand(strlen(once.s) == once.n, "printable text has no NUL");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *a = arena_create();
    const char *p = (const char *)data + 1;
    fuzz_printable(p, size - 1, a);
    switch (data[0] % 3) {
    case 0:
        fuzz_json(p, size - 1, a);
        break;
    case 1:
        fuzz_number(p, size - 1, a);
        break;
    default:
        fuzz_expression(p, size - 1, a);
    }
    arena_destroy(a);
    return 0;
}

// SPDX-License-Identifier: MIT
// fuzz_expr.c - expressions against whatever a user may write.
//
// Two oracles.  Accepted: it can be computed, twice with the same answer, and what is
// known of a partial point stays so when more of it becomes known; a refusal is one
// line that names a column within the text.  Generated: an expression made from the
// input, with no more parentheses than precedence needs, is accepted and has the value
// that was computed beside it.
//
// The text ends at the first NUL, what follows decides what its names stand for.
//
// Threads    Single.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/expr.h"
#include "common/math.h"
#include "common/number.h"
#include "tests/fuzz/fuzz.h"

// Bytes that decide; 0 when there are no more.
struct source {
    const uint8_t *p;
    size_t n;
};

static uint8_t take(struct source *s)
{
    if (!s->n)
        return 0;
    s->n--;
    return *s->p++;
}

static double some_number(uint8_t b)
{
    static const double odd[] = {-0.0,     0.5,      -1,  1e300, -1e300, 1e-300,
                                 1e15 / 7, INFINITY, NAN, 3,     2};
    return b < sizeof odd / sizeof odd[0] ? odd[b] : (double)(b - 128);
}

// ---- what is accepted -------------------------------------------------------

enum { NAMES_MAX = 64 };

struct point {
    struct value full[NAMES_MAX];
    struct value partial[NAMES_MAX];
};

static const struct value *look_up_full(void *ctx, uint32_t i, const char *name)
{
    (void)name;
    return i < NAMES_MAX ? &((struct point *)ctx)->full[i] : NULL;
}

static const struct value *look_up_partial(void *ctx, uint32_t i, const char *name)
{
    (void)name;
    return i < NAMES_MAX ? &((struct point *)ctx)->partial[i] : NULL;
}

// A value, and what is known of it so far.
static void make_value(struct source *s, struct arena *a, int depth, struct value *out)
{
    static const char *const texts[] = {"", "a", "tree", "tre\xc3\xa9"};
    uint8_t b = take(s);

    switch (b % (depth ? 5 : 4)) {
    case 0:
        out[0] = value_float(some_number(take(s)));
        break;
    case 1:
        out[0] = value_int((int8_t)take(s));
        break;
    case 2:
        out[0] = value_bool(b & 8);
        break;
    case 3:
        out[0] = value_str(a, texts[b / 8 % 4]);
        break;
    default:
        out[0] = value_list();
        out[1] = value_list();
        for (int i = b / 8 % 5; i > 0; i--) {
            struct value element[2];
            make_value(s, a, depth - 1, element);
            value_push(a, &out[0], element[0]);
            value_push(a, &out[1], element[1]);
        }
    }
    if (out[0].type != VALUE_LIST)
        out[1] = out[0];
    if (b & 128)
        out[1] = value_null();
    if ((b & 0xe0) == 0xe0)
        out[0] = value_null(); // inactive: will never be known
}

static bool is_numeric(const struct value *v)
{
    return v->type == VALUE_BOOL || value_is_number(v);
}

static double number_of(const struct value *v)
{
    return v->type == VALUE_BOOL ? v->b : value_number(v);
}

// `after` is `before` with more of it known.
static bool refines(const struct value *before, const struct value *after)
{
    if (before->type == VALUE_NULL)
        return true;
    if (is_numeric(before) && is_numeric(after)) {
        double x = number_of(before), y = number_of(after);
        return x == y || (isnan(x) && isnan(y));
    }
    if (before->type != after->type || before->n != after->n)
        return false;
    if (before->type != VALUE_LIST)
        return before->n == 0 || memcmp(before->s, after->s, before->n) == 0;
    for (uint32_t i = 0; i < before->n; i++)
        if (!refines(&before->items[i], &after->items[i]))
            return false;
    return true;
}

static void compute(const struct expr *e, struct source *s, struct arena *a)
{
    const char *const *names;
    uint32_t n = expr_names(e, &names);
    struct point *p = arena_alloc(a, sizeof *p);

    for (uint32_t i = 0; i < n && i < NAMES_MAX; i++) {
        struct value v[2];
        demand(names[i][0] != 0, "a name has letters");
        make_value(s, a, 2, v);
        p->full[i] = v[0];
        p->partial[i] = v[1];
    }
    struct value full = expr_eval(e, look_up_full, p, a);
    struct value again = expr_eval(e, look_up_full, p, a);
    struct value partial = expr_eval(e, look_up_partial, p, a);
    demand(value_equal(&full, &again), "the same again");
    demand(refines(&partial, &full), "what is known stays so");
    enum expr_truth before = expr_test(e, look_up_partial, p, a);
    demand(before == EXPR_UNKNOWN || before == expr_test(e, look_up_full, p, a),
           "a condition that is known stays so");
    double x = expr_number(e, look_up_full, p, a);
    demand(is_numeric(&full) ? x == number_of(&full) || isnan(x) : isnan(x), "its number");
}

static size_t count_characters(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((uint8_t)s[i] & 0xc0) != 0x80;
    return count;
}

static void check_refusal(const char *text, size_t n, enum error e, const struct errtext *t)
{
    unsigned long column = 0;
    char *end = NULL;

    demand(e == ERR_PARSE || e == ERR_LIMIT, "what a refusal is");
    demand(strncmp(t->text, "column ", 7) == 0, "a refusal names its column");
    column = strtoul(t->text + 7, &end, 10);
    demand(*end == ':' && column >= 1, "columns count from 1");
    demand(column <= count_characters(text, n) + 1, "the column lies in the text");
    demand(!strchr(t->text, '\n'), "a refusal is one line");
}

static void check_text(const char *text, size_t n, struct source *s, struct arena *a)
{
    struct errtext t = {{0}};
    const struct expr *e;
    enum error error = expr_compile(text, n, a, &e, &t);

    if (error)
        check_refusal(text, n, error, &t);
    else
        compute(e, s, a);
}

// ---- what is generated ------------------------------------------------------

// How tightly each kind binds: a part that binds less than its place asks for stands
// in parentheses.
enum level { IF, OR, AND, NOT, COMPARISON, SUM, PRODUCT, UNARY, POWER, PRIMARY };

static const double points[] = {0, 1, -2, 0.1, 1e10, NAN};

static const struct value *look_up_point(void *ctx, uint32_t i, const char *name)
{
    (void)i;
    return (struct value *)ctx + (name[1] - '0');
}

struct maker {
    struct source s;
    struct buf out;
    int nodes; // left
};

static double make(struct maker *m, enum level at_least);

static double make_leaf(struct maker *m)
{
    uint8_t b = take(&m->s);
    char number[NUMBER_TEXT_MAX];
    if (b % 2) {
        buf_printf(&m->out, "v%d", b / 2 % 6);
        return points[b / 2 % 6];
    }
    double x = fabs(some_number(b / 2));
    x = isfinite(x) ? x : 7;
    number_format(x, number);
    buf_puts(&m->out, number);
    return x;
}

static bool truth(double x)
{
    return x != 0 && !isnan(x);
}

static double compare(int op, double x, double y)
{
    switch (op) {
    case 0:
        return x == y;
    case 1:
        return x != y;
    case 2:
        return x < y;
    case 3:
        return x <= y;
    case 4:
        return x > y;
    default:
        return x >= y;
    }
}

// A chain: each pair of neighbours holds.
static double make_comparison(struct maker *m, uint8_t b)
{
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
    bool all = true;
    double x = make(m, SUM);
    for (int i = b / 16 % 3; i >= 0; i--) {
        int op = (b + i) % 6;
        buf_printf(&m->out, " %s ", signs[op]);
        double y = make(m, SUM);
        all = all && compare(op, x, y) != 0;
        x = y;
    }
    return all;
}

static double make_sum(struct maker *m, uint8_t b)
{
    double x = make(m, SUM);
    buf_puts(&m->out, b & 16 ? "+" : " - ");
    double y = make(m, PRODUCT);
    return b & 16 ? x + y : x - y;
}

static double remainder_like_python(double x, double y)
{
    double r = fmod(x, y);
    if (r != 0 && (r < 0) != (y < 0))
        r += y;
    return y == 0 ? (double)NAN : r;
}

static double make_product(struct maker *m, uint8_t b)
{
    static const char *const signs[] = {"*", "/", "%"};
    int op = b / 16 % 3;
    double x = make(m, PRODUCT);
    buf_printf(&m->out, " %s ", signs[op]);
    double y = make(m, UNARY);
    if (op == 0)
        return x * y;
    if (op == 1)
        return y == 0 ? (double)NAN : x / y;
    return remainder_like_python(x, y);
}

static double make_call(struct maker *m, uint8_t b)
{
    static const char *const names[] = {"min", "max", "sum", "abs", "floor"};
    int f = b / 16 % 5;
    buf_printf(&m->out, "%s(", names[f]);
    double x = make(m, IF), y = 0;
    if (f < 3) {
        buf_puts(&m->out, ", ");
        y = make(m, IF);
    }
    buf_puts(&m->out, ")");
    if (f < 2 && (isnan(x) || isnan(y)))
        return NAN;
    switch (f) {
    case 0:
        return y < x ? y : x;
    case 1:
        return y > x ? y : x;
    case 2:
        return x + y;
    case 3:
        return fabs(x);
    default:
        return floor(x);
    }
}

static double make_if(struct maker *m)
{
    double x = make(m, OR);
    buf_puts(&m->out, " if ");
    double c = make(m, OR);
    buf_puts(&m->out, " else ");
    double y = make(m, IF);
    return truth(c) ? x : y;
}

static double make_logic(struct maker *m, enum level level)
{
    if (level == NOT) {
        buf_puts(&m->out, "not ");
        return !truth(make(m, NOT));
    }
    double x = make(m, level);
    buf_puts(&m->out, level == OR ? " or " : " and ");
    double y = make(m, (enum level)(level + 1));
    return level == OR ? truth(x) || truth(y) : truth(x) && truth(y);
}

static double make_power(struct maker *m)
{
    double x = make(m, PRIMARY);
    buf_puts(&m->out, " ** ");
    return math_pow(x, make(m, UNARY));
}

static double make_at(struct maker *m, enum level level, uint8_t b)
{
    switch (level) {
    case IF:
        return make_if(m);
    case OR:
    case AND:
    case NOT:
        return make_logic(m, level);
    case COMPARISON:
        return make_comparison(m, b);
    case SUM:
        return make_sum(m, b);
    case PRODUCT:
        return make_product(m, b);
    case UNARY:
        buf_puts(&m->out, "-");
        return -make(m, UNARY);
    case POWER:
        return make_power(m);
    default:
        return make_call(m, b);
    }
}

static double make(struct maker *m, enum level at_least)
{
    uint8_t b = take(&m->s);
    enum level level = (enum level)(b % 11);
    if (level > PRIMARY || m->nodes-- <= 0)
        return make_leaf(m);
    bool wrap = level < at_least;
    if (wrap)
        buf_puts(&m->out, "(");
    double x = make_at(m, level, b);
    if (wrap)
        buf_puts(&m->out, ")");
    return x;
}

static void check_generated(const uint8_t *data, size_t size, struct arena *a)
{
    struct maker m = {.s = {data, size}, .nodes = 30};
    struct value v[6];
    struct errtext t = {{0}};
    const struct expr *e;

    for (int i = 0; i < 6; i++)
        v[i] = value_float(points[i]);
    buf_init(&m.out, 1 << 16);
    double x = make(&m, IF);
    enum error error = expr_compile(buf_cstr(&m.out), m.out.n, a, &e, &t);
    if (error) // a chain repeats its middle: so much code may come of little text
        demand(error == ERR_LIMIT, "what is well formed is taken");
    else {
        double y = expr_number(e, look_up_point, v, a);
        if (x != y && !(isnan(x) && isnan(y)))
            fprintf(stderr, "%s: %.17g, expected %.17g\n", buf_cstr(&m.out), y, x);
        demand(x == y || (isnan(x) && isnan(y)), "its value");
    }
    buf_puts(&m.out, " )");
    demand(expr_compile(buf_cstr(&m.out), m.out.n, a, &e, &t) != OK, "what is left is refused");
    buf_fini(&m.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create();
    size_t n = size ? strnlen((const char *)data, size) : 0;
    struct source rest = {data + n, size - n};

    (void)take(&rest); // the NUL
    check_text((const char *)data, n, &rest, a);
    check_generated(data, size, a);
    arena_destroy(a);
    return 0;
}

// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/expr.h"
#include "common/expr_code.h"
#include "common/math.h"

// From libm come only operations that are exact by definition: floor, fmod, fabs.

static bool is_unknown(const struct value *v)
{
    return v->type == VALUE_NULL;
}

static bool is_numeric(const struct value *v)
{
    return v->type == VALUE_BOOL || value_is_number(v);
}

static double number_of(const struct value *v)
{
    if (v->type == VALUE_BOOL)
        return v->b ? 1 : 0;
    return value_is_number(v) ? value_number(v) : (double)NAN;
}

static enum expr_truth truth_of(const struct value *v)
{
    if (is_unknown(v))
        return EXPR_UNKNOWN;
    if (is_numeric(v)) {
        double x = number_of(v);
        return x != 0 && !isnan(x) ? EXPR_TRUE : EXPR_FALSE;
    }
    return v->n > 0 ? EXPR_TRUE : EXPR_FALSE;
}

static struct value truth_value(enum expr_truth t)
{
    return t == EXPR_UNKNOWN ? value_null() : value_bool(t == EXPR_TRUE);
}

static enum expr_truth truth_not(enum expr_truth t)
{
    return t == EXPR_UNKNOWN ? t : t == EXPR_TRUE ? EXPR_FALSE : EXPR_TRUE;
}

// Decided by one `decisive`, whatever the others are; else unknown wins.
static enum expr_truth
truth_join(enum expr_truth a, enum expr_truth b, enum expr_truth decisive)
{
    if (a == decisive || b == decisive)
        return decisive;
    return a == EXPR_UNKNOWN || b == EXPR_UNKNOWN ? EXPR_UNKNOWN : a;
}

// ---- arithmetic -------------------------------------------------------------

static double modulo(double x, double y)
{
    if (isinf(y) && isfinite(x))
        return x == 0 || (x < 0) == (y < 0) ? x : y;
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

double expr_arithmetic(enum expr_op op, double x, double y)
{
    switch (op) {
    case EXPR_ADD:
        return x + y;
    case EXPR_SUB:
        return x - y;
    case EXPR_MUL:
        return x * y;
    case EXPR_DIV:
        return y == 0 ? (double)NAN : x / y;
    case EXPR_MOD:
        return y == 0 ? (double)NAN : modulo(x, y);
    default:
        return math_pow(x, y);
    }
}

// ---- comparisons ------------------------------------------------------------

static enum expr_truth equal(const struct value *a, const struct value *b);

static enum expr_truth equal_lists(const struct value *a, const struct value *b)
{
    enum expr_truth all = EXPR_TRUE;

    if (a->n != b->n)
        return EXPR_FALSE;
    for (uint32_t i = 0; i < a->n && all != EXPR_FALSE; i++)
        all = truth_join(all, equal(&a->items[i], &b->items[i]), EXPR_FALSE);
    return all;
}

static enum expr_truth equal(const struct value *a, const struct value *b)
{
    if (is_unknown(a) || is_unknown(b))
        return EXPR_UNKNOWN;
    bool same;
    if (is_numeric(a) && is_numeric(b))
        same = number_of(a) == number_of(b);
    else if (a->type == VALUE_LIST && b->type == VALUE_LIST)
        return equal_lists(a, b);
    else
        same = value_equal(a, b);
    return same ? EXPR_TRUE : EXPR_FALSE;
}

static int compare_texts(const struct value *a, const struct value *b)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    int c = n ? memcmp(a->s, b->s, n) : 0;
    return c ? c : (a->n > b->n) - (a->n < b->n);
}

bool expr_ordered(enum expr_op op, double x, double y)
{
    switch (op) {
    case EXPR_LT:
        return x < y;
    case EXPR_LE:
        return x <= y;
    case EXPR_GT:
        return x > y;
    default:
        return x >= y;
    }
}

static enum expr_truth order(enum expr_op op, const struct value *a, const struct value *b)
{
    if (is_unknown(a) || is_unknown(b))
        return EXPR_UNKNOWN;
    bool holds = false;
    if (a->type == VALUE_STR && b->type == VALUE_STR)
        holds = expr_ordered(op, compare_texts(a, b), 0);
    else if (is_numeric(a) && is_numeric(b))
        holds = expr_ordered(op, number_of(a), number_of(b));
    return holds ? EXPR_TRUE : EXPR_FALSE;
}

static enum expr_truth contains(const struct value *a, const struct value *b)
{
    enum expr_truth any = EXPR_FALSE;

    if (is_unknown(b) || (is_unknown(a) && b->type == VALUE_STR)) // even '' is in ''
        return EXPR_UNKNOWN;
    if (a->type == VALUE_STR && b->type == VALUE_STR)
        return memmem(b->s, b->n, a->s, a->n) ? EXPR_TRUE : EXPR_FALSE;
    if (b->type != VALUE_LIST)
        return EXPR_FALSE;
    for (uint32_t i = 0; i < b->n && any != EXPR_TRUE; i++)
        any = truth_join(any, equal(a, &b->items[i]), EXPR_TRUE);
    return any;
}

static struct value element(const struct value *list, const struct value *index)
{
    if (is_unknown(list) || is_unknown(index))
        return value_null();
    double at = number_of(index);
    if (list->type != VALUE_LIST)
        return value_float((double)NAN);
    at += at < 0 ? list->n : 0;
    if (!(at >= 0 && at < list->n) || at != floor(at))
        return value_null();
    return list->items[(uint32_t)at];
}

// ---- functions --------------------------------------------------------------

typedef double (*one_fn)(double x);

static struct value one(const struct value *args, one_fn f)
{
    return is_unknown(args) ? value_null() : value_float(f(number_of(args)));
}

static struct value call_abs(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, fabs);
}

static struct value call_log(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, math_log);
}

static struct value call_log2(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, math_log2);
}

static struct value call_log10(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, math_log10);
}

static struct value call_exp(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, math_exp);
}

static struct value call_sqrt(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, math_sqrt);
}

static struct value call_floor(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, floor);
}

static struct value call_ceil(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, ceil);
}

// Halves to the even neighbour, whatever the rounding mode.
static double round_even(double x)
{
    if (!isfinite(x))
        return x;
    double below = floor(x);
    double part = x - below;
    if (part != 0.5)
        return part < 0.5 ? below : below + 1;
    return fmod(below, 2) == 0 ? below : below + 1;
}

static struct value call_round(const struct value *args, uint32_t n)
{
    (void)n;
    return one(args, round_even);
}

static struct value call_pow(const struct value *args, uint32_t n)
{
    (void)n;
    if (is_unknown(&args[0]) || is_unknown(&args[1]))
        return value_null();
    return value_float(math_pow(number_of(&args[0]), number_of(&args[1])));
}

static struct value call_len(const struct value *args, uint32_t n)
{
    (void)n;
    uint32_t len = args->n;
    if (is_unknown(args))
        return value_null();
    if (args->type == VALUE_STR)
        for (uint32_t i = 0; i < args->n; i++)
            len -= ((unsigned char)args->s[i] & 0xc0) == 0x80;
    else if (args->type != VALUE_LIST)
        return value_float((double)NAN);
    return value_float(len);
}

// One list, or the arguments themselves.
static const struct value *elements(const struct value *args, uint32_t *n)
{
    if (*n != 1 || args->type != VALUE_LIST)
        return args;
    *n = args->n;
    return args->items;
}

enum gathering { GATHER_MIN, GATHER_MAX, GATHER_SUM, GATHER_MEAN };

static double gather_step(enum gathering how, double so_far, double x)
{
    if (isnan(so_far) || isnan(x))
        return (double)NAN;
    if (how == GATHER_MIN)
        return x < so_far ? x : so_far;
    if (how == GATHER_MAX)
        return x > so_far ? x : so_far;
    return so_far + x;
}

static struct value gather(enum gathering how, const struct value *args, uint32_t n)
{
    const struct value *v = elements(args, &n);
    double x = n ? number_of(v) : how == GATHER_SUM ? 0 : (double)NAN;

    for (uint32_t i = 0; i < n; i++) {
        if (is_unknown(&v[i]))
            return value_null();
        if (i)
            x = gather_step(how, x, number_of(&v[i]));
    }
    return value_float(how == GATHER_MEAN && n ? x / n : x);
}

static struct value call_min(const struct value *args, uint32_t n)
{
    return gather(GATHER_MIN, args, n);
}

static struct value call_max(const struct value *args, uint32_t n)
{
    return gather(GATHER_MAX, args, n);
}

static struct value call_sum(const struct value *args, uint32_t n)
{
    return gather(GATHER_SUM, args, n);
}

static struct value call_mean(const struct value *args, uint32_t n)
{
    return gather(GATHER_MEAN, args, n);
}

static struct value decide(const struct value *args, uint32_t n, enum expr_truth decisive)
{
    const struct value *v = elements(args, &n);
    enum expr_truth t = truth_not(decisive);

    for (uint32_t i = 0; i < n; i++)
        t = truth_join(t, truth_of(&v[i]), decisive);
    return truth_value(t);
}

static struct value call_any(const struct value *args, uint32_t n)
{
    return decide(args, n, EXPR_TRUE);
}

static struct value call_all(const struct value *args, uint32_t n)
{
    return decide(args, n, EXPR_FALSE);
}

const struct expr_function expr_functions[] = {
    {"abs", 1, 1, call_abs},          {"min", 1, UINT32_MAX, call_min},
    {"max", 1, UINT32_MAX, call_max}, {"log", 1, 1, call_log},
    {"log2", 1, 1, call_log2},        {"log10", 1, 1, call_log10},
    {"exp", 1, 1, call_exp},          {"sqrt", 1, 1, call_sqrt},
    {"pow", 2, 2, call_pow},          {"floor", 1, 1, call_floor},
    {"ceil", 1, 1, call_ceil},        {"round", 1, 1, call_round},
    {"sum", 1, UINT32_MAX, call_sum}, {"mean", 1, UINT32_MAX, call_mean},
    {"len", 1, 1, call_len},          {"any", 1, UINT32_MAX, call_any},
    {"all", 1, UINT32_MAX, call_all}, {NULL, 0, 0, NULL},
};

// ---- the machine ------------------------------------------------------------

static struct value binary(enum expr_op op, const struct value *a, const struct value *b)
{
    switch (op) {
    case EXPR_INDEX:
        return element(a, b);
    case EXPR_EQ:
        return truth_value(equal(a, b));
    case EXPR_NE:
        return truth_value(truth_not(equal(a, b)));
    case EXPR_LT:
    case EXPR_LE:
    case EXPR_GT:
    case EXPR_GE:
        return truth_value(order(op, a, b));
    case EXPR_IN:
        return truth_value(contains(a, b));
    case EXPR_NOT_IN:
        return truth_value(truth_not(contains(a, b)));
    case EXPR_AND:
        return truth_value(truth_join(truth_of(a), truth_of(b), EXPR_FALSE));
    case EXPR_OR:
        return truth_value(truth_join(truth_of(a), truth_of(b), EXPR_TRUE));
    default:
        if (is_unknown(a) || is_unknown(b))
            return value_null();
        return value_float(expr_arithmetic(op, number_of(a), number_of(b)));
    }
}

static struct value unary(enum expr_op op, const struct value *a)
{
    if (op == EXPR_NOT)
        return truth_value(truth_not(truth_of(a)));
    return is_unknown(a) ? value_null() : value_float(-number_of(a));
}

// v[0] if v[1] else v[2]
static struct value choose(const struct value *v)
{
    enum expr_truth t = truth_of(&v[1]);

    if (t != EXPR_UNKNOWN)
        return t == EXPR_TRUE ? v[0] : v[2];
    return equal(&v[0], &v[2]) == EXPR_TRUE ? v[0] : value_null();
}

static struct value make_list(const struct value *v, uint32_t n, struct arena *scratch)
{
    struct value list = value_list_of(scratch, n);
    if (n)
        memcpy(list.items, v, n * sizeof *v);
    return list;
}

struct value
expr_eval(const struct expr *e, expr_lookup_fn lookup, void *ctx, struct arena *scratch)
{
    struct value stack[EXPR_STACK_MAX];
    struct value *top = stack; // behind the last

    stack[0] = value_null();

    for (uint32_t i = 0; i < e->n_code; i++) {
        const struct expr_instr *in = &e->code[i];
        enum expr_op op = (enum expr_op)in->op;
        if (op == EXPR_CONSTANT) {
            *top++ = e->constants[in->arg];
        } else if (op == EXPR_NAME) {
            const struct value *v = lookup(ctx, in->arg, e->names[in->arg]);
            *top++ = v ? *v : value_null();
        } else if (op == EXPR_LIST) {
            top -= in->n;
            *top = make_list(top, in->n, scratch);
            top++;
        } else if (op == EXPR_CALL) {
            top -= in->n;
            *top = expr_functions[in->arg].call(top, in->n);
            top++;
        } else if (op == EXPR_IF) {
            top -= 2;
            top[-1] = choose(top - 1);
        } else if (op >= EXPR_NEG) {
            top[-1] = unary(op, top - 1);
        } else {
            top--;
            top[-1] = binary(op, top - 1, top);
        }
    }
    assert(top == stack + 1);
    return stack[0];
}

enum expr_truth
expr_test(const struct expr *e, expr_lookup_fn lookup, void *ctx, struct arena *scratch)
{
    struct value v = expr_eval(e, lookup, ctx, scratch);
    return truth_of(&v);
}

double
expr_number(const struct expr *e, expr_lookup_fn lookup, void *ctx, struct arena *scratch)
{
    struct value v = expr_eval(e, lookup, ctx, scratch);
    return number_of(&v);
}

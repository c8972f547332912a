// SPDX-License-Identifier: MIT
#include "common/expr_rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/expr_code.h"
#include "common/options.h"

// A stack of columns.  The meaning of every operation is expr_eval.c's, for numbers: a
// boolean is 1 or 0, a number counts as true unless it is 0 or NaN.

static bool is_true(double x)
{
    return x != 0 && !isnan(x);
}

static bool is_numeric(const struct expr *e, const struct expr_instr *in)
{
    enum expr_op op = (enum expr_op)in->op;

    if (op == EXPR_CONSTANT)
        return value_is_number(&e->constants[in->arg])
               || e->constants[in->arg].type == VALUE_BOOL;
    if (op == EXPR_CALL)
        return strcmp(expr_functions[in->arg].name, "len") != 0;
    return op != EXPR_LIST && op != EXPR_INDEX && op != EXPR_IN && op != EXPR_NOT_IN;
}

enum error expr_rows_check(const struct expr *e, const char *const *names, struct errtext *t)
{
    for (uint32_t i = 0; i < e->n_code; i++)
        if (!is_numeric(e, &e->code[i]))
            return errtext_set(
                t, ERR_INVALID,
                "the expression has a list, a text or what is for them, expected "
                "numbers and booleans only");
    for (uint32_t i = 0; i < e->n_names; i++) {
        bool is_known = false;
        for (uint32_t k = 0; names[k]; k++)
            is_known = is_known || strcmp(names[k], e->names[i]) == 0;
        if (is_known)
            continue;
        const char *near = options_nearest(e->names[i], names);
        return errtext_set(t, ERR_INVALID, "the expression speaks of '%.60s'%s%s%s",
                           e->names[i], near ? ", did you mean '" : ", expected one of those ",
                           near ? near : "that are given", near ? "'?" : "");
    }
    return OK;
}

// ---- operations -------------------------------------------------------------------------
static double one(enum expr_op op, double x, double y)
{
    switch (op) {
    case EXPR_EQ:
        return x == y;
    case EXPR_NE:
        return !(x == y);
    case EXPR_AND:
        return is_true(x) && is_true(y);
    case EXPR_OR:
        return is_true(x) || is_true(y);
    case EXPR_LT:
    case EXPR_LE:
    case EXPR_GT:
    case EXPR_GE:
        return expr_ordered(op, x, y);
    default:
        return expr_arithmetic(op, x, y);
    }
}

// x = x op y; the frequent ones in loops that vectorise.
static void binary(enum expr_op op, double *x, const double *y, uint32_t n)
{
    if (op == EXPR_ADD)
        for (uint32_t i = 0; i < n; i++)
            x[i] += y[i];
    else if (op == EXPR_SUB)
        for (uint32_t i = 0; i < n; i++)
            x[i] -= y[i];
    else if (op == EXPR_MUL)
        for (uint32_t i = 0; i < n; i++)
            x[i] *= y[i];
    else if (op == EXPR_DIV)
        for (uint32_t i = 0; i < n; i++)
            x[i] = y[i] == 0 ? (double)NAN : x[i] / y[i];
    else
        for (uint32_t i = 0; i < n; i++)
            x[i] = one(op, x[i], y[i]);
}

static void unary(enum expr_op op, double *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        x[i] = op == EXPR_NEG ? -x[i] : !is_true(x[i]);
}

// args: the first of n_args columns, where the result goes.
static void call(const struct expr_instr *in, double *args, uint32_t n)
{
    struct value v[EXPR_STACK_MAX];

    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < in->n; k++)
            v[k] = value_float(args[(size_t)k * n + i]);
        struct value result = expr_functions[in->arg].call(v, in->n);
        args[i] = result.type == VALUE_BOOL ? result.b : value_number(&result);
    }
}

static const double *column_of(const struct expr_column *c, const char *name)
{
    while (strcmp(c->name, name) != 0) {
        c++;
        assert(c->name); // expr_rows_check
    }
    return c->x;
}

static double constant_of(const struct value *v)
{
    return v->type == VALUE_BOOL ? v->b : value_number(v);
}

// One instruction on the columns below `top`; returns where they end now.
static double *step(const struct expr *e,
                    const struct expr_instr *in,
                    const struct expr_column *columns,
                    uint32_t n,
                    double *top)
{
    enum expr_op op = (enum expr_op)in->op;

    if (op == EXPR_CONSTANT) {
        for (uint32_t i = 0; i < n; i++)
            top[i] = constant_of(&e->constants[in->arg]);
        return top + n;
    }
    if (op == EXPR_NAME) {
        memcpy(top, column_of(columns, e->names[in->arg]), n * sizeof *top);
        return top + n;
    }
    if (op == EXPR_CALL) {
        top -= (size_t)in->n * n;
        call(in, top, n);
        return top + n;
    }
    if (op == EXPR_IF) {
        top -= 2 * (size_t)n;
        for (uint32_t i = 0; i < n; i++)
            (top - n)[i] = is_true(top[i]) ? (top - n)[i] : top[n + i];
        return top;
    }
    if (op >= EXPR_NEG) {
        unary(op, top - n, n);
        return top;
    }
    top -= n;
    binary(op, top - n, top, n);
    return top;
}

static uint32_t depth_of(const struct expr *e)
{
    uint32_t n = 0, most = 0;

    for (uint32_t i = 0; i < e->n_code; i++) {
        const struct expr_instr *in = &e->code[i];
        bool pushes = in->op == EXPR_CONSTANT || in->op == EXPR_NAME;
        n += pushes;
        most = n > most ? n : most;
        if (in->op == EXPR_CALL)
            n -= in->n - 1U;
        else if (!pushes)
            n -= in->op == EXPR_IF ? 2 : in->op < EXPR_NEG;
    }
    return most;
}

void expr_rows(const struct expr *e,
               const struct expr_column *columns,
               uint32_t n_rows,
               struct arena *scratch,
               double *out)
{
    struct arena_mark m = arena_mark(scratch);
    double *stack = arena_room(scratch, ((size_t)depth_of(e) * n_rows + 1) * sizeof *stack);
    double *top = stack;

    for (uint32_t i = 0; i < e->n_code; i++)
        top = step(e, &e->code[i], columns, n_rows, top);
    assert(top == stack + n_rows);
    memcpy(out, stack, n_rows * sizeof *out);
    arena_release(scratch, m);
}

// SPDX-License-Identifier: MIT
#include "common/expr_print.h"

#include <math.h>
#include <string.h>

#include "common/expr_code.h"
#include "common/number.h"

// What stands between the two sides; NULL: it is not written so there.
static const struct sign {
    const char *own, *c;
} signs[EXPR_NOT + 1] = {
    [EXPR_ADD] = {" + ", " + "},    [EXPR_SUB] = {" - ", " - "},
    [EXPR_MUL] = {" * ", " * "},    [EXPR_DIV] = {" / ", " / (double)"},
    [EXPR_MOD] = {" % ", NULL},     [EXPR_POW] = {" ** ", NULL},
    [EXPR_EQ] = {" == ", " == "},   [EXPR_NE] = {" != ", " != "},
    [EXPR_LT] = {" < ", " < "},     [EXPR_LE] = {" <= ", " <= "},
    [EXPR_GT] = {" > ", " > "},     [EXPR_GE] = {" >= ", " >= "},
    [EXPR_AND] = {" and ", " && "}, [EXPR_OR] = {" or ", " || "},
};

// C's names of the functions that have another there, and those of one or two values
// that are the same; all others exist only here.
static const struct name {
    const char *own, *c;
    uint32_t n;
} functions_in_c[] = {
    {"abs", "fabs", 1},  {"min", "fmin", 2},    {"max", "fmax", 2},  {"log", "log", 1},
    {"log2", "log2", 1}, {"log10", "log10", 1}, {"exp", "exp", 1},   {"sqrt", "sqrt", 1},
    {"pow", "pow", 2},   {"floor", "floor", 1}, {"ceil", "ceil", 1}, {NULL, NULL, 0},
};

struct printer {
    const struct expr *e;
    bool is_c;
    struct arena *arena;
    const char *stack[EXPR_STACK_MAX];
    uint32_t n;
};

static const char *name_of(const struct printer *p, const struct expr_instr *in)
{
    const char *own = expr_functions[in->arg].name;

    if (!p->is_c)
        return own;
    for (const struct name *f = functions_in_c; f->own; f++)
        if (strcmp(f->own, own) == 0 && f->n == in->n)
            return f->c;
    return NULL;
}

static const char *print_call(struct printer *p, const struct expr_instr *in)
{
    const char *name = name_of(p, in);
    const char *text = name ? arena_printf(p->arena, "%s(", name) : NULL;

    for (uint32_t i = 0; text && i < in->n; i++)
        text =
            arena_printf(p->arena, "%s%s%s", text, i ? ", " : "", p->stack[p->n - in->n + i]);
    p->n -= in->n;
    return text ? arena_printf(p->arena, "%s)", text) : NULL;
}

static const char *print_constant(struct printer *p, const struct value *v)
{
    char text[NUMBER_TEXT_MAX];

    if (v->type == VALUE_BOOL)
        return p->is_c ? (v->b ? "1" : "0") : (v->b ? "true" : "false");
    if (!value_is_number(v) || !isfinite(value_number(v)))
        return NULL;
    number_format(value_number(v), text);
    return arena_printf(p->arena, "%s", text);
}

static const char *print_unary(struct printer *p, enum expr_op op)
{
    const char *x = p->stack[--p->n];

    if (op == EXPR_NEG)
        return arena_printf(p->arena, "(-%s)", x);
    return arena_printf(p->arena, p->is_c ? "(!%s)" : "(not %s)", x);
}

static const char *print_if(struct printer *p)
{
    p->n -= 3;
    const char *const *x = &p->stack[p->n];
    return p->is_c ? arena_printf(p->arena, "(%s ? %s : %s)", x[1], x[0], x[2])
                   : arena_printf(p->arena, "(%s if %s else %s)", x[0], x[1], x[2]);
}

static const char *print_binary(struct printer *p, enum expr_op op)
{
    p->n -= 2;
    const char *const *x = &p->stack[p->n];
    const char *sign = p->is_c ? signs[op].c : signs[op].own;
    if (p->is_c && op == EXPR_POW)
        return arena_printf(p->arena, "pow(%s, %s)", x[0], x[1]);
    return sign ? arena_printf(p->arena, "(%s%s%s)", x[0], sign, x[1]) : NULL;
}

// The text of one operation on what lies on the stack, which it takes; NULL: none.
static const char *print_one(struct printer *p, const struct expr_instr *in)
{
    switch ((enum expr_op)in->op) {
    case EXPR_CONSTANT:
        return print_constant(p, &p->e->constants[in->arg]);
    case EXPR_NAME:
        return p->e->names[in->arg];
    case EXPR_CALL:
        return print_call(p, in);
    case EXPR_IF:
        return print_if(p);
    case EXPR_LIST:
        return NULL;
    case EXPR_NEG:
    case EXPR_NOT:
        return print_unary(p, (enum expr_op)in->op);
    default:
        return print_binary(p, (enum expr_op)in->op);
    }
}

static void put_outermost(const struct expr *e, const char *text, struct buf *out)
{
    size_t n = strlen(text);
    enum expr_op op = (enum expr_op)e->code[e->n_code - 1].op;
    bool is_wrapped = op >= EXPR_IF && *text == '(';

    buf_put(out, text + is_wrapped, n - 2 * (size_t)is_wrapped);
}

enum error
expr_print(const struct expr *e, enum expr_syntax syntax, struct buf *out, struct errtext *t)
{
    struct arena *a = arena_create();
    struct printer p = {.e = e, .is_c = syntax == EXPR_SYNTAX_C, .arena = a};
    enum error err = OK;

    if (e->n_code > EXPR_PRINT_MAX)
        err = errtext_set(t, ERR_INVALID, "the expression has %u parts, expected at most %d",
                          e->n_code, EXPR_PRINT_MAX);
    for (uint32_t i = 0; !err && i < e->n_code; i++) {
        const char *text = print_one(&p, &e->code[i]);
        if (text)
            p.stack[p.n++] = text;
        else
            err = errtext_set(t, ERR_INVALID,
                              "part %u of the expression has no text %s, expected numbers, "
                              "names, operators and functions of numbers",
                              i + 1, p.is_c ? "in C" : "of its own");
    }
    if (!err)
        put_outermost(e, p.stack[0], out);
    arena_destroy(a);
    return err;
}

// SPDX-License-Identifier: MIT
#include "common/expr.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/expr_code.h"
#include "common/expr_lex.h"
#include "common/mem.h"
#include "common/number.h"
#include "common/options.h"

enum { ARGS_MAX = 200, NAME_MAX_BYTES = 200 };

struct compiler {
    struct expr_lexer x;
    struct arena *arena;
    uint32_t depth; // of the text's nesting
    uint32_t stack; // values on the stack when the code so far has run
    struct expr_instr *code;
    uint32_t n_code, cap_code;
    struct value constants;
    struct value names; // list of texts
};

// ---- code -------------------------------------------------------------------

static uint32_t popped_by(enum expr_op op, uint32_t n)
{
    if (op == EXPR_CONSTANT || op == EXPR_NAME)
        return 0;
    if (op == EXPR_LIST || op == EXPR_CALL)
        return n;
    if (op == EXPR_IF)
        return 3;
    return op >= EXPR_NEG ? 1 : 2;
}

static void emit(struct compiler *c, enum expr_op op, uint32_t n, uint32_t arg)
{
    if (c->x.e)
        return;
    c->stack = c->stack - popped_by(op, n) + 1;
    if (c->n_code == EXPR_CODE_MAX || c->stack > EXPR_STACK_MAX) {
        expr_fail(&c->x, ERR_LIMIT, c->x.token.s,
                  "the expression is too long, expected a simpler one");
        return;
    }
    if (c->n_code == c->cap_code) {
        c->cap_code = c->cap_code ? 2 * c->cap_code : 32;
        c->code = mem_realloc(c->code, c->cap_code * sizeof *c->code);
    }
    c->code[c->n_code++] = (struct expr_instr){(uint16_t)op, (uint16_t)n, arg};
}

static void emit_constant(struct compiler *c, struct value v)
{
    emit(c, EXPR_CONSTANT, 0, c->constants.n);
    if (!c->x.e)
        value_push(c->arena, &c->constants, v);
}

static void emit_name(struct compiler *c, const struct expr_token *k)
{
    uint32_t i = 0;

    if (k->n > NAME_MAX_BYTES) {
        expr_fail(&c->x, ERR_LIMIT, k->s, "a name of %zu bytes, expected at most %d", k->n,
                  NAME_MAX_BYTES);
        return;
    }
    while (i < c->names.n
           && (c->names.items[i].n != k->n || memcmp(c->names.items[i].s, k->s, k->n) != 0))
        i++;
    if (i == c->names.n)
        value_push(c->arena, &c->names, value_strn(c->arena, k->s, k->n));
    emit(c, EXPR_NAME, 0, i);
}

// ---- the grammar, tightest last ---------------------------------------------

static void parse_expression(struct compiler *c);
static void parse_unary(struct compiler *c);

static void enter(struct compiler *c)
{
    if (++c->depth > EXPR_DEPTH_MAX)
        expr_fail(&c->x, ERR_LIMIT, c->x.token.s,
                  "nested too deeply, expected at most %d levels", EXPR_DEPTH_MAX);
}

// Expressions up to `close`, which is taken too; returns how many.
static uint32_t parse_elements(struct compiler *c, const char *close, const char *expected)
{
    uint32_t n = 0;

    while (!c->x.e && !expr_accept(&c->x, close)) {
        if (n == ARGS_MAX) {
            expr_fail(&c->x, ERR_LIMIT, c->x.token.s, "more than %d elements, expected fewer",
                      ARGS_MAX);
            break;
        }
        parse_expression(c);
        n++;
        if (expr_accept(&c->x, ","))
            continue;
        expr_expect(&c->x, close, expected);
        break;
    }
    return n;
}

static void unknown_function(struct compiler *c, const struct expr_token *name)
{
    const char *names[32];
    char word[64];
    char list[256];
    size_t n = 0, len = 0;

    for (const struct expr_function *f = expr_functions; f->name && n < 31; f++) {
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", n ? " " : "", f->name);
        names[n++] = f->name;
    }
    names[n] = NULL;
    (void)snprintf(word, sizeof word, "%.*s", (int)(name->n > 60 ? 60 : name->n), name->s);
    const char *near = options_nearest(word, names);
    if (near)
        expr_fail(&c->x, ERR_PARSE, name->s, "unknown function '%s', did you mean '%s'?", word,
                  near);
    else
        expr_fail(&c->x, ERR_PARSE, name->s, "unknown function '%s', expected one of: %s", word,
                  list);
}

static void parse_call(struct compiler *c, const struct expr_token *name)
{
    uint32_t i = 0;

    for (; expr_functions[i].name; i++)
        if (strlen(expr_functions[i].name) == name->n
            && memcmp(expr_functions[i].name, name->s, name->n) == 0)
            break;
    const struct expr_function *f = &expr_functions[i];
    if (!f->name) {
        unknown_function(c, name);
        return;
    }
    uint32_t n = parse_elements(c, ")", "',' or ')'");
    if (n < f->min_args || n > f->max_args)
        expr_fail(&c->x, ERR_PARSE, name->s, "%s of %u values, expected %s%u", f->name, n,
                  f->max_args > f->min_args ? "at least " : "", f->min_args);
    emit(c, EXPR_CALL, n, i);
}

static void parse_number(struct compiler *c)
{
    double x = 0;

    if (!number_parse_f64(c->x.token.s, c->x.token.n, &x))
        expr_unexpected(&c->x, "a number");
    emit_constant(c, value_float(x));
    expr_advance(&c->x);
}

static void parse_text(struct compiler *c)
{
    static const char from[] = "\\'\"nt";
    static const char to[] = "\\'\"\n\t";
    const char *s = c->x.token.s + 1;
    const char *end = c->x.token.s + c->x.token.n - 1;
    char *out = arena_alloc(c->arena, c->x.token.n);
    uint32_t n = 0;

    for (; s < end && !c->x.e; s++) {
        const char *escape = *s == '\\' ? strchr(from, s[1]) : NULL;
        if (*s == '\\' && (!escape || !*escape))
            expr_fail(&c->x, ERR_PARSE, s,
                      "an escape that means nothing, expected \\\\ \\' \\\" \\n \\t");
        out[n++] = escape ? to[escape - from] : *s;
        s += escape != NULL;
    }
    emit_constant(c, (struct value){.type = VALUE_STR, .n = n, .s = out});
    expr_advance(&c->x);
}

static bool is_reserved(const struct compiler *c)
{
    static const char *const words[] = {"and", "or", "not", "in", "if", "else"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (expr_is(&c->x, words[i]))
            return true;
    return false;
}

static void parse_name(struct compiler *c)
{
    struct expr_token name = c->x.token;

    if (expr_is(&c->x, "true") || expr_is(&c->x, "True") || expr_is(&c->x, "false")
        || expr_is(&c->x, "False")) {
        emit_constant(c, value_bool(*name.s == 't' || *name.s == 'T'));
        expr_advance(&c->x);
        return;
    }
    expr_advance(&c->x);
    if (expr_accept(&c->x, "("))
        parse_call(c, &name);
    else
        emit_name(c, &name);
}

static void parse_primary(struct compiler *c)
{
    static const char expected[] = "a value";

    if (c->x.token.type == EXPR_TOKEN_NUMBER)
        parse_number(c);
    else if (c->x.token.type == EXPR_TOKEN_TEXT)
        parse_text(c);
    else if (c->x.token.type == EXPR_TOKEN_NAME && !is_reserved(c))
        parse_name(c);
    else if (expr_accept(&c->x, "("))
        parse_expression(c), expr_expect(&c->x, ")", "an operator or ')'");
    else if (expr_accept(&c->x, "["))
        emit(c, EXPR_LIST, parse_elements(c, "]", "',' or ']'"), 0);
    else
        expr_unexpected(&c->x, expected);
    while (expr_accept(&c->x, "[")) {
        parse_expression(c);
        expr_expect(&c->x, "]", "an operator or ']'");
        emit(c, EXPR_INDEX, 0, 0);
    }
}

static void parse_deeper(struct compiler *c, void (*parse)(struct compiler *c))
{
    enter(c);
    parse(c);
    c->depth--;
}

static void parse_power(struct compiler *c)
{
    parse_primary(c);
    if (expr_accept(&c->x, "**")) {
        parse_deeper(c, parse_unary); // 2 ** -1 and 2 ** 3 ** 2
        emit(c, EXPR_POW, 0, 0);
    }
}

static void parse_unary(struct compiler *c)
{
    if (expr_accept(&c->x, "-")) {
        parse_deeper(c, parse_unary);
        emit(c, EXPR_NEG, 0, 0);
    } else if (expr_accept(&c->x, "+")) {
        parse_deeper(c, parse_unary);
    } else {
        parse_power(c);
    }
}

struct choice {
    const char *sign;
    enum expr_op op;
};

// Takes the operator if it is one of the table's.
static const struct choice *accept_one(struct compiler *c, const struct choice *table)
{
    for (; table->sign; table++)
        if (expr_accept(&c->x, table->sign))
            return table;
    return NULL;
}

static void parse_product(struct compiler *c)
{
    static const struct choice table[] = {
        {"*", EXPR_MUL}, {"/", EXPR_DIV}, {"%", EXPR_MOD}, {NULL, EXPR_MUL}};
    const struct choice *o;

    parse_unary(c);
    while ((o = accept_one(c, table))) {
        parse_unary(c);
        emit(c, o->op, 0, 0);
    }
}

static void parse_sum(struct compiler *c)
{
    static const struct choice table[] = {{"+", EXPR_ADD}, {"-", EXPR_SUB}, {NULL, EXPR_ADD}};
    const struct choice *o;

    parse_product(c);
    while ((o = accept_one(c, table))) {
        parse_product(c);
        emit(c, o->op, 0, 0);
    }
}

static bool accept_comparison(struct compiler *c, enum expr_op *op)
{
    static const struct choice table[] = {{"==", EXPR_EQ}, {"!=", EXPR_NE}, {"<", EXPR_LT},
                                          {"<=", EXPR_LE}, {">", EXPR_GT},  {">=", EXPR_GE},
                                          {"in", EXPR_IN}, {NULL, EXPR_EQ}};
    const struct choice *o = accept_one(c, table);

    if (o)
        *op = o->op;
    if (o || !expr_accept(&c->x, "not"))
        return o != NULL;
    expr_expect(&c->x, "in", "'in' behind 'not'");
    *op = EXPR_NOT_IN;
    return true;
}

// The middle of a chain is computed once for either side: its code again.
static void emit_again(struct compiler *c, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to && !c->x.e; i++) {
        struct expr_instr again = c->code[i];
        emit(c, (enum expr_op)again.op, again.n, again.arg);
    }
}

static void parse_comparison(struct compiler *c)
{
    uint32_t from, to;
    enum expr_op op;

    parse_sum(c);
    if (!accept_comparison(c, &op))
        return;
    from = c->n_code;
    parse_sum(c);
    to = c->n_code;
    emit(c, op, 0, 0);
    while (accept_comparison(c, &op)) {
        emit_again(c, from, to);
        from = c->n_code;
        parse_sum(c);
        to = c->n_code;
        emit(c, op, 0, 0);
        emit(c, EXPR_AND, 0, 0);
    }
}

static void parse_not(struct compiler *c)
{
    if (expr_accept(&c->x, "not")) {
        parse_deeper(c, parse_not);
        emit(c, EXPR_NOT, 0, 0);
    } else {
        parse_comparison(c);
    }
}

static void parse_and(struct compiler *c)
{
    parse_not(c);
    while (expr_accept(&c->x, "and")) {
        parse_not(c);
        emit(c, EXPR_AND, 0, 0);
    }
}

static void parse_or(struct compiler *c)
{
    parse_and(c);
    while (expr_accept(&c->x, "or")) {
        parse_and(c);
        emit(c, EXPR_OR, 0, 0);
    }
}

static void parse_expression(struct compiler *c)
{
    enter(c);
    parse_or(c);
    if (expr_accept(&c->x, "if")) {
        parse_or(c);
        expr_expect(&c->x, "else", "'else'");
        parse_expression(c);
        emit(c, EXPR_IF, 0, 0);
    }
    c->depth--;
}

// ---- compiling --------------------------------------------------------------

static const struct expr *finished(const struct compiler *c)
{
    struct expr *e = arena_alloc(c->arena, sizeof *e);
    const char **names = arena_alloc(c->arena, (c->names.n + 1) * sizeof *names);

    for (uint32_t i = 0; i < c->names.n; i++)
        names[i] = c->names.items[i].s;
    e->n_code = c->n_code;
    e->n_names = c->names.n;
    e->code = arena_copy(c->arena, c->code, c->n_code * sizeof *c->code);
    e->constants = c->constants.items;
    e->names = names;
    return e;
}

enum error expr_compile(
    const char *text, size_t n, struct arena *a, const struct expr **out, struct errtext *t)
{
    struct compiler c = {
        .x = {.text = text, .end = text + n, .at = text, .t = t},
        .arena = a,
        .constants = value_list(),
        .names = value_list(),
    };

    if (n > EXPR_TEXT_MAX)
        expr_fail(&c.x, ERR_LIMIT, text, "the expression has %zu bytes, expected at most %d", n,
                  EXPR_TEXT_MAX);
    else
        expr_advance(&c.x);
    if (!c.x.e)
        parse_expression(&c);
    if (!c.x.e && c.x.token.type != EXPR_TOKEN_END)
        expr_unexpected(&c.x, "an operator");
    if (!c.x.e)
        *out = finished(&c);
    mem_free(c.code);
    return c.x.e;
}

uint32_t expr_names(const struct expr *e, const char *const **names)
{
    *names = e->names;
    return e->n_names;
}

uint32_t expr_size(const struct expr *e)
{
    return e->n_code;
}

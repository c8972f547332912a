// SPDX-License-Identifier: MIT
#include "coordinator/search/program.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/buf.h"
#include "common/expr.h"
#include "common/expr_code.h"
#include "common/expr_print.h"
#include "common/math.h"

enum { N = PROGRAM_NUMBER, B = PROGRAM_BOOLEAN };

const struct program_symbol program_operators[] = {
    {"+", EXPR_ADD, N, 2, {N, N}},    {"-", EXPR_SUB, N, 2, {N, N}},
    {"*", EXPR_MUL, N, 2, {N, N}},    {"/", EXPR_DIV, N, 2, {N, N}},
    {"min", EXPR_CALL, N, 2, {N, N}}, {"max", EXPR_CALL, N, 2, {N, N}},
    {"neg", EXPR_NEG, N, 1, {N}},     {"abs", EXPR_CALL, N, 1, {N}},
    {"if", EXPR_IF, N, 3, {N, B, N}}, {"<", EXPR_LT, B, 2, {N, N}},
    {"<=", EXPR_LE, B, 2, {N, N}},    {"and", EXPR_AND, B, 2, {B, B}},
    {"or", EXPR_OR, B, 2, {B, B}},    {"not", EXPR_NOT, B, 1, {B}},
    {"log", EXPR_CALL, N, 1, {N}},    {"exp", EXPR_CALL, N, 1, {N}},
    {"sqrt", EXPR_CALL, N, 1, {N}},   {NULL, 0, 0, 0, {0}},
};

// ---- grammars ----------------------------------------------------------------------------
static uint32_t least_with(const struct grammar *g, const struct program_symbol *s)
{
    uint64_t sum = 1;

    for (uint32_t i = 0; i < s->n_args; i++)
        sum += g->least[s->args[i]];
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

// Levels above those of the arguments.
static uint32_t lowest_with(const struct grammar *g, const struct program_symbol *s)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < s->n_args; i++)
        most = g->lowest[s->args[i]] > most ? g->lowest[s->args[i]] : most;
    return most < UINT32_MAX ? most + 1 : UINT32_MAX;
}

static bool lower(uint32_t *x, uint32_t to)
{
    if (to >= *x)
        return false;
    *x = to;
    return true;
}

void grammar_finish(struct grammar *g)
{
    bool has_changed = true;

    for (int t = 0; t < 2; t++)
        g->least[t] = g->lowest[t] = UINT32_MAX;
    while (has_changed) {
        has_changed = false;
        for (uint32_t k = 0; k < g->n; k++) {
            const struct program_symbol *s = &g->symbols[k];
            has_changed |= lower(&g->least[s->result], least_with(g, s));
            has_changed |= lower(&g->lowest[s->result], lowest_with(g, s));
        }
    }
}

// ways[type][m]: trees of m nodes; forests: those of the symbol's last arguments.
static double
forests(double *const *ways, const struct program_symbol *s, uint32_t arg, uint32_t m)
{
    if (arg == s->n_args)
        return m == 0;
    if (arg + 1 == s->n_args)
        return ways[s->args[arg]][m];
    double sum = 0;
    for (uint32_t i = 1; i < m; i++)
        if (ways[s->args[arg]][i] > 0)
            sum += ways[s->args[arg]][i] * forests(ways, s, arg + 1, m - i);
    return sum;
}

// Trees of one more level than those of `below`.
static void count_level(const struct grammar *g, double *const *below, double *const *ways)
{
    for (int t = 0; t < 2; t++)
        memset(ways[t], 0, (g->size + 1) * sizeof **ways);
    for (uint32_t m = 1; m <= g->size; m++)
        for (uint32_t k = 0; k < g->n; k++)
            ways[g->symbols[k].result][m] += forests(below, &g->symbols[k], 0, m - 1);
}

double grammar_count(const struct grammar *g, struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    double *ways[2][2], sum = 0;

    if (g->has_constants)
        return INFINITY;
    for (int i = 0; i < 4; i++)
        ways[i / 2][i % 2] = arena_alloc(scratch, (g->size + 1) * sizeof(double));
    for (uint32_t level = 1; level <= PROGRAM_DEPTH_MAX; level++)
        count_level(g, ways[(level + 1) % 2], ways[level % 2]);
    for (uint32_t m = 1; m <= g->size; m++)
        sum += ways[PROGRAM_DEPTH_MAX % 2][g->result][m];
    arena_release(scratch, mark);
    return sum;
}

// ---- open places -------------------------------------------------------------------------
void program_begin(const struct grammar *g,
                   uint8_t result,
                   uint8_t level,
                   struct program_open *o)
{
    o->n = 1;
    o->types[0] = result;
    o->levels[0] = level;
    o->least = g->least[result];
}

bool program_allows(const struct grammar *g,
                    const struct program_open *o,
                    uint32_t symbol,
                    uint32_t left)
{
    const struct program_symbol *s = &g->symbols[symbol];
    uint8_t type = o->types[o->n - 1];

    if (s->result != type || least_with(g, s) == UINT32_MAX)
        return false;
    return (uint64_t)o->least - g->least[type] + least_with(g, s) <= left
           && o->levels[o->n - 1] + lowest_with(g, s) <= PROGRAM_DEPTH_MAX + 1;
}

void program_take(const struct grammar *g, struct program_open *o, uint32_t symbol)
{
    const struct program_symbol *s = &g->symbols[symbol];
    uint8_t level = o->levels[--o->n];

    o->least -= g->least[o->types[o->n]];
    assert(o->n + s->n_args <= PROGRAM_OPEN_MAX);
    for (uint32_t i = s->n_args; i-- > 0;) {
        o->levels[o->n] = (uint8_t)(level + 1);
        o->types[o->n++] = s->args[i];
        o->least += g->least[s->args[i]];
    }
}

bool program_is_whole(const struct grammar *g, const struct program_node *nodes, uint32_t n)
{
    struct program_open o;

    program_begin(g, g->result, 1, &o);
    for (uint32_t i = 0; i < n; i++) {
        if (o.n == 0 || !program_allows(g, &o, nodes[i].symbol, g->size - i))
            return false;
        program_take(g, &o, nodes[i].symbol);
    }
    return o.n == 0;
}

uint32_t program_extent(const struct grammar *g, const struct program_node *nodes)
{
    uint32_t n = 0;

    for (uint32_t open = 1; open > 0; n++)
        open += g->symbols[nodes[n].symbol].n_args - 1U;
    return n;
}

// ---- random programs ---------------------------------------------------------------------
static double random_constant(const struct grammar *g, struct rng *r)
{
    double u = rng_f64(r), x = g->low + u * (g->high - g->low);

    if (g->low > 0)
        x = g->low * math_exp(u * math_log(g->high / g->low));
    return x < g->low ? g->low : x > g->high ? g->high : x;
}

uint32_t program_random(const struct grammar *g,
                        const struct program_place *place,
                        struct rng *r,
                        struct program_node *out)
{
    struct program_open o;
    uint32_t n = 0;

    program_begin(g, place->result, place->level, &o);
    while (o.n > 0) {
        uint32_t n_terminals = 0, n_all = 0, allowed[PROGRAM_INPUTS_MAX + 32];
        for (uint32_t k = 0; k < g->n; k++) {
            if (!program_allows(g, &o, k, place->most - n))
                continue;
            n_terminals += k < g->n_terminals;
            allowed[n_all++] = k;
        }
        assert(n_all > 0);
        bool has_both = n_terminals > 0 && n_terminals < n_all;
        bool is_terminal = has_both && rng_f64(r) < program_share(n);
        uint32_t first = has_both && !is_terminal ? n_terminals : 0;
        uint32_t count = is_terminal ? n_terminals : n_all - first;
        uint32_t k = allowed[first + rng_below(r, count)];
        out[n++] =
            (struct program_node){k, program_is_constant(g, k) ? random_constant(g, r) : 0};
        program_take(g, &o, k);
    }
    return n;
}

// ---- text --------------------------------------------------------------------------------
static uint32_t function_named(const char *name)
{
    uint32_t i = 0;

    while (strcmp(expr_functions[i].name, name) != 0)
        i++;
    return i;
}

struct coder {
    const struct grammar *g;
    struct expr_instr *code;
    struct value *constants;
    uint32_t n, n_constants;
};

static void emit(struct coder *c, const struct program_node *node)
{
    const struct program_symbol *s = &c->g->symbols[node->symbol];
    struct expr_instr in = {.op = s->op};

    if (program_is_constant(c->g, node->symbol)) {
        in.arg = c->n_constants;
        c->constants[c->n_constants++] = value_float(node->constant);
    } else if (s->op == EXPR_NAME) {
        in.arg = node->symbol;
    } else if (s->op == EXPR_CALL) {
        in.arg = function_named(s->name);
        in.n = s->n_args;
    }
    c->code[c->n++] = in;
}

// Prefix order into the code's, which is postfix: a node waits until its arguments are out.
static void encode(struct coder *c, const struct program_node *nodes, uint32_t n)
{
    struct waiting {
        const struct program_node *node;
        uint32_t args;
    } stack[PROGRAM_SIZE_MAX + 1];
    uint32_t depth = 0;

    for (uint32_t i = 0; i < n; i++) {
        stack[depth++] = (struct waiting){&nodes[i], c->g->symbols[nodes[i].symbol].n_args};
        while (depth > 0 && stack[depth - 1].args == 0) {
            emit(c, stack[--depth].node);
            if (depth > 0)
                stack[depth - 1].args--;
        }
    }
    assert(depth == 0 && c->n == n);
}

struct value program_text(const struct grammar *g,
                          const struct program_node *nodes,
                          uint32_t n,
                          struct arena *a)
{
    struct arena *scratch = arena_create();
    struct coder c = {.g = g};
    struct errtext t;
    struct buf b;

    const char **names = arena_alloc(scratch, (g->n_inputs + 1) * sizeof *names);
    for (uint32_t i = 0; i < g->n_inputs; i++)
        names[i] = g->symbols[i].name;
    c.code = arena_alloc(scratch, n * sizeof *c.code);
    c.constants = arena_alloc(scratch, n * sizeof *c.constants);
    encode(&c, nodes, n);
    struct expr e = {c.n, g->n_inputs, c.code, c.constants, names};
    buf_init(&b, SIZE_MAX);
    enum error err = expr_print(&e, EXPR_SYNTAX_OWN, &b, &t);
    assert(err == OK); // numbers, names and operators only
    (void)err;
    struct value text = value_strn(a, buf_cstr(&b), b.n);
    buf_fini(&b);
    arena_destroy(scratch);
    return text;
}

struct parser {
    const struct grammar *g;
    const struct expr *e;
    struct program_node *nodes;
    uint32_t n;
    uint32_t starts[PROGRAM_SIZE_MAX]; // of the trees that lie side by side so far
    uint32_t depth;
    struct errtext *t;
};

// The instruction's symbol; g->n: none.
static uint32_t symbol_of(const struct parser *p, const struct expr_instr *in)
{
    const struct grammar *g = p->g;
    const char *name = in->op == EXPR_NAME   ? p->e->names[in->arg]
                       : in->op == EXPR_CALL ? expr_functions[in->arg].name
                                             : NULL;
    uint32_t k = 0;

    if (in->op == EXPR_CONSTANT)
        return g->has_constants && value_is_number(&p->e->constants[in->arg]) ? g->n_inputs
                                                                              : g->n;
    for (; k < g->n; k++) {
        const struct program_symbol *s = &g->symbols[k];
        bool is_same = s->op == in->op && (!name || strcmp(s->name, name) == 0);
        if (is_same && (in->op != EXPR_CALL || in->n == s->n_args))
            break;
    }
    return k;
}

static enum error unknown(const struct parser *p, const struct expr_instr *in)
{
    if (in->op == EXPR_NAME)
        return errtext_set(p->t, ERR_PARSE, "'%.60s' is no input of the program",
                           p->e->names[in->arg]);
    if (in->op == EXPR_CALL)
        return errtext_set(p->t, ERR_PARSE, "%s of %u values is none of its operators",
                           expr_functions[in->arg].name, in->n);
    return errtext_set(p->t, ERR_PARSE, "%s that is none of its operators",
                       in->op == EXPR_CONSTANT ? "a constant" : "an operation");
}

// The trees of the arguments become one with the symbol before them.
static enum error put(struct parser *p, const struct expr_instr *in)
{
    const struct grammar *g = p->g;
    uint32_t k = symbol_of(p, in);

    if (k == g->n)
        return unknown(p, in);
    const struct program_symbol *s = &g->symbols[k];
    uint32_t first = s->n_args ? p->starts[p->depth - s->n_args] : p->n;
    for (uint32_t i = 0; i < s->n_args; i++) {
        const struct program_node *arg = &p->nodes[p->starts[p->depth - s->n_args + i]];
        if (g->symbols[arg->symbol].result != s->args[i])
            return errtext_set(p->t, ERR_PARSE, "'%s' wants a %s for its value %u", s->name,
                               s->args[i] == N ? "number" : "boolean", i + 1);
    }
    memmove(&p->nodes[first + 1], &p->nodes[first], (p->n - first) * sizeof *p->nodes);
    p->nodes[first] = (struct program_node){.symbol = k};
    if (program_is_constant(g, k)) {
        double x = value_number(&p->e->constants[in->arg]);
        if (!(x >= g->low && x <= g->high))
            return errtext_set(p->t, ERR_PARSE, "a constant outside of [%.17g, %.17g]", g->low,
                               g->high);
        p->nodes[first].constant = x + 0.0;
    }
    p->n++;
    p->depth -= s->n_args;
    p->starts[p->depth++] = first;
    return OK;
}

enum error program_parse(const struct grammar *g,
                         const struct value *text,
                         struct arena *scratch,
                         struct program_node *nodes,
                         uint32_t *n,
                         struct errtext *t)
{
    struct parser p = {.g = g, .nodes = nodes, .t = t};

    if (text->type != VALUE_STR)
        return errtext_set(t, ERR_PARSE, "no text");
    if (expr_compile(text->s, text->n, scratch, &p.e, t))
        return ERR_PARSE;
    if (p.e->n_code > g->size)
        return errtext_set(t, ERR_PARSE, "%u nodes, more than %u", p.e->n_code, g->size);
    for (uint32_t i = 0; i < p.e->n_code; i++) {
        enum error e = put(&p, &p.e->code[i]);
        if (e)
            return e;
    }
    if (g->symbols[nodes[0].symbol].result != g->result)
        return errtext_set(t, ERR_PARSE, "a result that is no %s",
                           g->result == N ? "number" : "boolean");
    if (!program_is_whole(g, nodes, p.n))
        return errtext_set(t, ERR_PARSE, "a tree of more than %d levels", PROGRAM_DEPTH_MAX);
    *n = p.n;
    return OK;
}

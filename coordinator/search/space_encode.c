// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "coordinator/search/space.h"
#include "coordinator/search/space_parts.h"

// Steps back and forth over a joined string before it counts as unreadable.
enum { SPLIT_STEPS_MAX = 1000000 };

struct encoder {
    const struct space *space;
    const struct spec *params;
    struct arena *arena; // scratch
    struct point *out;
    uint32_t n_max;
    bool *used; // keys of the map
};

static enum error encode(struct encoder *c,
                         const struct dimension *d,
                         uint32_t base,
                         const struct value *v,
                         const char *path);

static void put(struct encoder *c, struct gene g)
{
    if (c->out->n < c->n_max)
        c->out->genes[c->out->n++] = g;
}

static const struct value *take_key(struct encoder *c, const char *key)
{
    const struct value *map = c->params->map;
    for (uint32_t i = 0; i < map->n; i++) {
        if (strcmp(map->pairs[i].key, key) != 0)
            continue;
        c->used[i] = true;
        return &map->pairs[i].value;
    }
    return NULL;
}

static enum error
encode_nest(struct encoder *c, const struct nest *n, uint32_t base, const char *prefix)
{
    for (uint32_t i = 0; i < n->n; i++) {
        const struct dimension *d = &n->dimensions[i];
        const char *key = arena_printf(c->arena, "%s%s", prefix, d->name);
        const struct value *v = take_key(c, key);
        if (!v)
            return spec_fail(c->params, NULL,
                             "parameter '%s' is missing in %s, expected a value", key,
                             c->params->path);
        enum error e = encode(c, d, base, v, key);
        if (e)
            return e;
        base += d->n_slots;
    }
    return OK;
}

static enum error
misfit(struct encoder *c, const struct value *v, const char *path, const char *expected)
{
    return spec_fail(c->params, v->line ? v : NULL, "%s.%s is %s, expected %s", c->params->path,
                     path, value_describe(v, c->arena), expected);
}

static enum error encode_number(struct encoder *c,
                                const struct dimension *d,
                                uint32_t base,
                                const struct value *v,
                                const char *path)
{
    struct gene g = {.slot = base};
    char range[120];

    (void)snprintf(range, sizeof range, "%s from %.17g to %.17g",
                   d->type == DIMENSION_INT ? "an integer" : "a number", d->low, d->high);
    if (!value_is_number(v) || !(value_number(v) >= d->low && value_number(v) <= d->high))
        return misfit(c, v, path, range);
    g.x = value_number(v) + 0.0;
    if (d->step > 0) {
        double k = round((g.x - d->low) / d->step);
        double off = fabs(d->low + k * d->step - g.x);
        if (off > 1e-9 * d->step || k >= d->n_steps) {
            (void)snprintf(range, sizeof range, "%.17g plus a multiple of the step %.17g",
                           d->low, d->step);
            return misfit(c, v, path, range);
        }
        g.k = (uint64_t)k;
    }
    put(c, g);
    return OK;
}

static bool is_same(const struct value *a, const struct value *b)
{
    if (value_is_number(a) && value_is_number(b))
        return value_number(a) == value_number(b);
    return value_equal(a, b);
}

// Place of a value among those of a choice; n_values: none.
static uint32_t find_value(const struct dimension *d, const struct value *v)
{
    for (uint32_t k = 0; k < d->n_values; k++)
        if (value_equal(&d->values[k], v))
            return k;
    uint32_t k = 0;
    while (k < d->n_values && !is_same(&d->values[k], v))
        k++;
    return k;
}

static enum error encode_choice(struct encoder *c,
                                const struct dimension *d,
                                uint32_t base,
                                const struct value *v,
                                const char *path)
{
    uint32_t k = find_value(d, v);
    if (k == d->n_values)
        return misfit(c, v, path, "one of the values of the choice");
    put(c, (struct gene){.slot = base, .k = k});
    if (!d->nests)
        return OK;
    // Beneath an element the names carry it, beneath a parameter they do not.
    const char *prefix = d->name ? arena_str(c->arena, path, strlen(path) - strlen(d->name))
                                 : arena_printf(c->arena, "%s.", path);
    uint32_t first = base + 1;
    for (uint32_t i = 0; i < k; i++)
        first += d->nests[i].n_slots;
    return encode_nest(c, &d->nests[k], first, prefix);
}

const char *space_value_text(const struct value *v, struct arena *a)
{
    char text[NUMBER_TEXT_MAX];

    if (v->type == VALUE_STR)
        return v->s;
    if (v->type == VALUE_INT)
        return arena_printf(a, "%" PRId64, v->i);
    if (v->type == VALUE_BOOL)
        return v->b ? "true" : "false";
    if (v->type == VALUE_UINT)
        return arena_printf(a, "%" PRIu64, v->u);
    number_format(v->f, text);
    return arena_printf(a, "%s", text);
}

struct splitter {
    const char *const *texts; // of the values
    uint32_t n_values;
    const char *separator;
    const char *end;
    uint32_t min, max;
};

// Bytes that value k takes at `at` as the i-th element, separator included; 0
// with *fits false when it does not stand there.
static size_t
match(const struct splitter *s, uint32_t i, uint32_t k, const char *at, bool *fits)
{
    size_t lead = i ? strlen(s->separator) : 0, n = strlen(s->texts[k]);
    *fits = (size_t)(s->end - at) >= lead + n && memcmp(at, s->separator, lead) == 0
            && memcmp(at + lead, s->texts[k], n) == 0;
    return lead + n;
}

// Read the string as values of the choice, going back where values overlap.
static bool split(const struct splitter *s, const char *at, uint32_t *choice, uint32_t *n)
{
    uint32_t i = 0, k = 0;
    bool fits;

    for (uint32_t step = 0; step < SPLIT_STEPS_MAX; step++) {
        if (at == s->end && i >= s->min) {
            *n = i;
            return true;
        }
        size_t taken = 0;
        for (fits = false; i < s->max && k < s->n_values && !fits; k += !fits)
            taken = match(s, i, k, at, &fits);
        if (fits) {
            choice[i++] = k;
            at += taken;
            k = 0;
            continue;
        }
        if (i == 0)
            return false;
        k = choice[--i];
        at -= match(s, i, k, at, &fits);
        k++;
    }
    return false;
}

// The list that a joined string stands for; NULL: none.
static const struct value *
unjoin(struct encoder *c, const struct dimension *d, const struct value *v)
{
    const struct dimension *of = d->of;
    struct value *list = arena_alloc(c->arena, sizeof *list);
    *list = value_list();
    if (of->type == DIMENSION_CHOICE) {
        const char **texts = arena_alloc(c->arena, of->n_values * sizeof *texts);
        uint32_t *choice = arena_alloc(c->arena, (d->max + 1) * sizeof *choice), n = 0;
        for (uint32_t k = 0; k < of->n_values; k++)
            texts[k] = space_value_text(&of->values[k], c->arena);
        struct splitter s = {texts, of->n_values, d->join, v->s + v->n, d->min, d->max};
        if (!split(&s, v->s, choice, &n))
            return NULL;
        for (uint32_t i = 0; i < n; i++)
            value_push(c->arena, list, of->values[choice[i]]);
        return list;
    }
    for (const char *at = v->s; at && *v->s;) {
        const char *next = strstr(at, d->join);
        size_t n = next ? (size_t)(next - at) : strlen(at);
        double x;
        if (!number_parse_f64(at, n, &x))
            return NULL;
        value_push(c->arena, list, value_float(x));
        at = next ? next + strlen(d->join) : NULL;
    }
    return list;
}

static enum error encode_sequence(struct encoder *c,
                                  const struct dimension *d,
                                  uint32_t base,
                                  const struct value *v,
                                  const char *path)
{
    const struct value *list = v;
    char want[100];

    (void)snprintf(want, sizeof want, "%s of %u to %u elements of the space",
                   d->join ? "the joined text" : "a list", d->min, d->max);
    if (d->join)
        list = v->type == VALUE_STR ? unjoin(c, d, v) : NULL;
    if (!list || list->type != VALUE_LIST || list->n < d->min || list->n > d->max)
        return misfit(c, v, path, want);
    if (d->min < d->max)
        put(c, (struct gene){.slot = base++, .k = list->n - d->min});
    for (uint32_t i = 0; i < list->n; i++) {
        const char *element = arena_printf(c->arena, "%s[%u]", path, i);
        enum error e = encode(c, d->of, base + i * d->of->n_slots, &list->items[i], element);
        if (e)
            return e;
    }
    return OK;
}

static enum error encode_places(struct encoder *c,
                                const struct dimension *d,
                                uint32_t base,
                                const struct value *v,
                                const char *path)
{
    bool is_subset = d->type == DIMENSION_SUBSET;
    const char *want = is_subset
                           ? "a list of distinct values of the subset, of a permitted size"
                           : "a list of all values, each once";
    uint32_t n = c->out->n;

    if (v->type != VALUE_LIST || v->n > d->n_values
        || (is_subset ? v->n < d->min || v->n > d->max : v->n != d->n_values))
        return misfit(c, v, path, want);
    bool *seen = arena_alloc(c->arena, d->n_values);
    for (uint32_t i = 0; is_subset && i < d->n_values; i++)
        put(c, (struct gene){.slot = base + i, .k = 0});
    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t k = find_value(d, &v->items[i]);
        if (k == d->n_values || seen[k])
            return misfit(c, v, path, want);
        seen[k] = true;
        if (!is_subset)
            put(c, (struct gene){.slot = base + i, .k = k});
        else if (n + k < c->out->n)
            c->out->genes[n + k].k = 1;
    }
    return OK;
}

static enum error encode_program(struct encoder *c,
                                 const struct dimension *d,
                                 uint32_t base,
                                 const struct value *v,
                                 const char *path)
{
    struct program_node nodes[PROGRAM_SIZE_MAX];
    struct gene genes[2 * PROGRAM_SIZE_MAX];
    struct errtext t = {{0}};
    uint32_t n = 0;

    if (program_parse(d->grammar, v, c->arena, nodes, &n, &t))
        return spec_fail(c->params, v->line ? v : NULL,
                         "%s.%s has %s, expected a program of its inputs and operators",
                         c->params->path, path, t.text);
    uint32_t n_genes = space_program_genes(d, base, nodes, n, genes);
    for (uint32_t i = 0; i < n_genes; i++)
        put(c, genes[i]);
    return OK;
}

static enum error encode(struct encoder *c,
                         const struct dimension *d,
                         uint32_t base,
                         const struct value *v,
                         const char *path)
{
    switch (d->type) {
    case DIMENSION_FLOAT:
    case DIMENSION_INT:
        return encode_number(c, d, base, v, path);
    case DIMENSION_CHOICE:
    case DIMENSION_FIDELITY:
        return encode_choice(c, d, base, v, path);
    case DIMENSION_SEQUENCE:
        return encode_sequence(c, d, base, v, path);
    case DIMENSION_PERMUTATION:
    case DIMENSION_SUBSET:
        return encode_places(c, d, base, v, path);
    case DIMENSION_PROGRAM:
        return encode_program(c, d, base, v, path);
    }
    return FAULT_US;
}

static enum error check_rest(struct encoder *c, struct walk *w)
{
    const struct value *map = c->params->map;
    struct decision d;

    for (uint32_t i = 0; i < map->n; i++) {
        struct value at = {.line = map->pairs[i].line, .column = map->pairs[i].column};
        if (!c->used[i])
            return spec_fail(
                c->params, &at,
                "'%.60s' is no parameter of this point, expected only those in play",
                map->pairs[i].key);
    }
    if (!walk_resume(w, c->out) || walk_next(w, &d) || !walk_is_valid(w))
        return spec_fail(c->params, NULL,
                         "%s does not satisfy 'where', expected a point of the "
                         "space",
                         c->params->path);
    return OK;
}

enum error space_encode(const struct space *s,
                        const struct spec *params,
                        struct walk *w,
                        struct point *out)
{
    if (params->map->type != VALUE_MAP)
        return spec_fail(params, NULL, "%s is %s, expected a map of parameters", params->path,
                         value_type_name(params->map->type));
    struct arena *a = arena_create();
    struct encoder c = {s, params, a, out, s->n_genes_max, NULL};
    out->n = 0;
    c.used = arena_alloc(a, params->map->n + 1);
    enum error e = encode_nest(&c, &s->root, 0, "");
    if (!e)
        e = check_rest(&c, w);
    arena_destroy(a);
    return e;
}

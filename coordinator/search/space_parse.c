// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/map.h"
#include "common/number.h"
#include "common/options.h"
#include "coordinator/search/space.h"
#include "coordinator/search/space_parts.h"
#include "coordinator/search/where.h"

// Above it a double skips integers.
#define INT_LIMIT INT64_C(0x20000000000000)

enum { LENGTH_MAX = 10000 };

static const char *const type_names[] = {
    "float", "int", "choice", "sequence", "permutation", "subset", "program", "fidelity", NULL};

struct reader {
    struct arena *arena;
    uint64_t n_slots; // so far, to stop before memory does
    bool has_fidelity;
};

static enum error
parse_nest(struct reader *r, const struct spec *s, uint32_t depth, struct nest *out);
static enum error
parse_dimension(struct reader *r, const struct spec *s, uint32_t depth, struct dimension *out);

// The numbers' bounds: low < high, or equal for an int; log needs low > 0.
static enum error check_bounds(const struct spec *s, const struct dimension *d)
{
    bool is_empty = d->type == DIMENSION_INT ? d->low > d->high : d->low >= d->high;
    if (is_empty)
        return spec_expected(s, "high", "more than low, which is %.17g", d->low);
    if (d->is_log && d->low <= 0)
        return spec_expected(s, "low", "more than 0 because of log: true");
    if (d->is_log && spec_find(s, "step"))
        return spec_fail(s, spec_find(s, "step"),
                         "%s has log and step, expected only one of them", s->path);
    return OK;
}

static enum error parse_float(const struct spec *s, struct dimension *d)
{
    static const char *const keys[] = {"type", "low", "high", "log", "step", NULL};
    enum error e;

    if ((e = spec_keys(s, keys, NULL)) || (e = spec_require(s, "low", "a number"))
        || (e = spec_require(s, "high", "a number"))
        || (e = spec_float(s, "low", -1e300, 1e300, &d->low))
        || (e = spec_float(s, "high", -1e300, 1e300, &d->high))
        || (e = spec_bool(s, "log", &d->is_log)) || (e = check_bounds(s, d)))
        return e;
    if (!spec_find(s, "step"))
        return OK;
    if ((e = spec_float(s, "step", 0, d->high - d->low, &d->step)))
        return e;
    if (d->step <= 0)
        return spec_expected(s, "step", "a number above 0");
    // A billionth: 0.1 does not divide 1.0 exactly, yet 1.0 is meant.
    d->n_steps = floor((d->high - d->low) / d->step + 1e-9) + 1;
    if (d->n_steps > (double)INT_LIMIT)
        return spec_expected(s, "step", "at least (high - low) / 2^53");
    return OK;
}

static enum error parse_int(const struct spec *s, struct dimension *d)
{
    static const char *const keys[] = {"type", "low", "high", "log", "step", NULL};
    int64_t low = 0, high = 0, step = 1;
    enum error e;

    if ((e = spec_keys(s, keys, NULL)) || (e = spec_require(s, "low", "an integer"))
        || (e = spec_require(s, "high", "an integer"))
        || (e = spec_int(s, "low", -INT_LIMIT, INT_LIMIT, &low))
        || (e = spec_int(s, "high", -INT_LIMIT, INT_LIMIT, &high))
        || (e = spec_bool(s, "log", &d->is_log)))
        return e;
    d->low = (double)low;
    d->high = (double)high;
    if ((e = check_bounds(s, d))
        || (e = spec_int(s, "step", 1, high - low > 1 ? high - low : 1, &step)))
        return e;
    d->step = (double)step;
    int64_t n_steps = (high - low) / step + 1;
    d->n_steps = (double)n_steps;
    if (d->n_steps > (double)INT_LIMIT)
        return spec_expected(s, "high", "at most 2^53 values");
    return OK;
}

static bool is_scalar(const struct value *v)
{
    return v->type == VALUE_STR || v->type == VALUE_BOOL
           || (value_is_number(v) && isfinite(value_number(v)));
}

static enum error
parse_values(struct reader *r, const struct spec *s, uint32_t max, struct dimension *d)
{
    const struct value *list = NULL;
    enum error e = spec_require(s, "values", "a list of values");

    if (e || (e = spec_list(s, "values", 1, max, &list)))
        return e;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *v = &list->items[i];
        if (!is_scalar(v))
            return spec_fail(s, v, "%s.values[%u] is %s, expected a string, number or boolean",
                             s->path, i, value_type_name(v->type));
        for (uint32_t j = 0; j < i; j++)
            if (value_equal(v, &list->items[j]))
                return spec_fail(s, v,
                                 "%s.values[%u] stands there twice, expected distinct "
                                 "values",
                                 s->path, i);
    }
    d->n_values = list->n;
    d->values = list->items;
    (void)r;
    return OK;
}

// A key like 3 is the number, as it would be in a list.
static struct value key_value(struct arena *a, const char *key)
{
    char text[32];
    int64_t i;

    if (!number_parse_i64(key, strlen(key), &i))
        return value_str(a, key);
    (void)snprintf(text, sizeof text, "%" PRId64, i);
    return strcmp(text, key) == 0 ? value_int(i) : value_str(a, key);
}

// values as a map: each value names the space it brings along.
static enum error parse_nests(struct reader *r,
                              const struct spec *s,
                              const struct value *map,
                              uint32_t depth,
                              struct dimension *d)
{
    if (map->n == 0 || map->n > SPACE_VALUES_MAX)
        return spec_fail(s, map, "%s.values has %u entries, expected 1 to %d", s->path, map->n,
                         SPACE_VALUES_MAX);
    struct value *values = arena_alloc(r->arena, map->n * sizeof *values);
    d->nests = arena_alloc(r->arena, map->n * sizeof *d->nests);
    d->values = values;
    d->n_values = map->n;
    for (uint32_t i = 0; i < map->n; i++) {
        const struct value_pair *p = &map->pairs[i];
        values[i] = key_value(r->arena, p->key);
        if (p->value.type == VALUE_NULL)
            continue;
        struct spec inner = spec_at(s, &p->value, "values.%s", p->key);
        enum error e = parse_nest(r, &inner, depth + 1, &d->nests[i]);
        if (e)
            return e;
        d->n_slots += d->nests[i].n_slots;
    }
    return OK;
}

static enum error
parse_choice(struct reader *r, const struct spec *s, uint32_t depth, struct dimension *d)
{
    static const char *const keys[] = {"type", "values", NULL};
    enum error e = spec_keys(s, keys, NULL);
    if (e)
        return e;
    const struct value *values = spec_find(s, "values");
    d->n_slots = 1;
    if (values && values->type == VALUE_MAP)
        return parse_nests(r, s, values, depth, d);
    return parse_values(r, s, SPACE_VALUES_MAX, d);
}

static enum error check_join(const struct spec *s, const struct dimension *d)
{
    if (!d->join)
        return OK;
    const struct dimension *of = d->of;
    const struct value *at = spec_find(s, "join");
    if (of->type > DIMENSION_CHOICE)
        return spec_fail(s, at, "%s.join joins lists, expected elements that are single values",
                         s->path);
    if (!space_join_is_unique(d))
        return spec_fail(s, at,
                         "%s.join is '%.40s', expected a separator with which the elements can "
                         "be told apart again",
                         s->path, d->join);
    return OK;
}

static enum error parse_length(const struct spec *s, struct dimension *d)
{
    int64_t length = -1, min = 0, max = -1;
    enum error e;

    if ((e = spec_int(s, "length", 1, LENGTH_MAX, &length))
        || (e = spec_int(s, "min", 0, LENGTH_MAX, &min)))
        return e;
    bool has_bounds = spec_find(s, "min") || spec_find(s, "max");
    if (length >= 0 && has_bounds)
        return spec_fail(s, spec_find(s, "length"),
                         "%s has length and min or max, expected length alone or min and max",
                         s->path);
    if (length < 0 && !spec_find(s, "max"))
        return spec_fail(
            s, NULL, "key 'length' is missing in %s, expected length, or min and max", s->path);
    if (length < 0 && (e = spec_int(s, "max", min > 1 ? min : 1, LENGTH_MAX, &max)))
        return e;
    d->min = (uint32_t)(length >= 0 ? length : min);
    d->max = (uint32_t)(length >= 0 ? length : max);
    return OK;
}

static enum error
parse_sequence(struct reader *r, const struct spec *s, uint32_t depth, struct dimension *d)
{
    static const char *const keys[] = {"type", "length", "min", "max", "of", "join", NULL};
    enum error e;

    if ((e = spec_keys(s, keys, NULL)) || (e = parse_length(s, d))
        || (e = spec_require(s, "of", "the type of the elements")))
        return e;
    const struct value *join = spec_find(s, "join");
    if (join && join->type != VALUE_STR)
        return spec_expected(s, "join", "a string");
    d->join = join ? join->s : NULL;
    d->of = arena_alloc(r->arena, sizeof *d->of);
    struct spec of = spec_at(s, spec_find(s, "of"), "of");
    uint64_t before = r->n_slots;
    if ((e = parse_dimension(r, &of, depth + 1, d->of)) || (e = check_join(s, d)))
        return e;
    uint64_t n = (uint64_t)d->of->n_slots * d->max + (d->min < d->max);
    r->n_slots = before;
    if (n > SPACE_SLOTS_MAX)
        return spec_fail(s, NULL, "%s makes %" PRIu64 " decisions, expected at most %d in all",
                         s->path, n, SPACE_SLOTS_MAX);
    d->n_slots = (uint32_t)n;
    return OK;
}

static enum error parse_permutation(struct reader *r, const struct spec *s, struct dimension *d)
{
    static const char *const keys[] = {"type", "values", NULL};
    enum error e = spec_keys(s, keys, NULL);

    if (e || (e = parse_values(r, s, SPACE_VALUES_MAX, d)))
        return e;
    d->n_slots = d->n_values;
    return OK;
}

static enum error parse_subset(struct reader *r, const struct spec *s, struct dimension *d)
{
    static const char *const keys[] = {"type", "values", "min", "max", NULL};
    enum error e = spec_keys(s, keys, NULL);

    if (e || (e = parse_values(r, s, SPACE_SUBSET_MAX, d)))
        return e;
    int64_t min = 0, max = d->n_values;
    if ((e = spec_int(s, "min", 0, d->n_values, &min))
        || (e = spec_int(s, "max", min, d->n_values, &max)))
        return e;
    d->min = (uint32_t)min;
    d->max = (uint32_t)max;
    d->n_slots = d->n_values;
    return OK;
}

// Levels low, low * eta, … high as the values of a choice; how many steps lie between them
// decides what an evaluation at a lower one is worth.
static enum error
parse_fidelity(struct reader *r, const struct spec *s, uint32_t depth, struct dimension *d)
{
    static const char *const keys[] = {"type", "low", "high", "eta", NULL};
    int64_t low = 1, high = 0, eta = 3;
    enum error e;

    if (depth > 1 || r->has_fidelity)
        return spec_fail(s, NULL, "%s is %s, expected one fidelity, beside the parameters",
                         s->path, depth > 1 ? "inside another parameter" : "a second fidelity");
    if ((e = spec_keys(s, keys, NULL)) || (e = spec_require(s, "high", "the full effort"))
        || (e = spec_int(s, "low", 1, 1000000000, &low))
        || (e = spec_int(s, "high", low, 1000000000, &high))
        || (e = spec_int(s, "eta", 2, 100, &eta)))
        return e;
    struct value *values = arena_alloc(r->arena, 32 * sizeof *values);
    int64_t level = low;
    for (; level < high; level *= eta)
        values[d->n_values++] = value_int(level);
    if (level != high)
        return spec_expected(s, "high", "low times a power of eta, which is %d", (int)eta);
    values[d->n_values++] = value_int(high);
    d->values = values;
    d->step = (double)eta;
    r->has_fidelity = true;
    return OK;
}

static enum error
parse_type(struct reader *r, const struct spec *s, uint32_t depth, struct dimension *d)
{
    switch (d->type) {
    case DIMENSION_FLOAT:
        return parse_float(s, d);
    case DIMENSION_INT:
        return parse_int(s, d);
    case DIMENSION_CHOICE:
        return parse_choice(r, s, depth, d);
    case DIMENSION_SEQUENCE:
        return parse_sequence(r, s, depth, d);
    case DIMENSION_PERMUTATION:
        return parse_permutation(r, s, d);
    case DIMENSION_SUBSET:
        return parse_subset(r, s, d);
    case DIMENSION_PROGRAM:
        return space_parse_program(s, r->arena, d);
    case DIMENSION_FIDELITY:
        return parse_fidelity(r, s, depth, d);
    }
    return FAULT_US;
}

static enum error
parse_dimension(struct reader *r, const struct spec *s, uint32_t depth, struct dimension *out)
{
    const char *type = NULL;
    enum error e;

    if (depth > SPACE_NESTING_MAX)
        return spec_fail(s, NULL, "the space is nested too deeply, expected at most %d levels",
                         SPACE_NESTING_MAX);
    if (s->map->type != VALUE_MAP)
        return spec_fail(s, NULL,
                         "%s is %s, expected a map like {type: float, low: 0, high: 1}",
                         s->path, value_type_name(s->map->type));
    if ((e = spec_require(
             s, "type",
             "float, int, choice, sequence, permutation, subset, program or fidelity"))
        || (e = spec_str(s, "type", type_names, &type)))
        return e;
    for (int i = 0; type_names[i]; i++)
        if (strcmp(type, type_names[i]) == 0)
            out->type = (enum dimension_type)i;
    out->n_slots = 1;
    if ((e = parse_type(r, s, depth, out)))
        return e;
    if (out->type != DIMENSION_CHOICE || !out->nests)
        r->n_slots += out->n_slots;
    if (r->n_slots > SPACE_SLOTS_MAX)
        return spec_fail(s, NULL, "the space makes %" PRIu64 " decisions, expected at most %d",
                         r->n_slots, SPACE_SLOTS_MAX);
    return OK;
}

// Parameter names can stand in expressions and in commands.
static bool is_name(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_' && *s != '.' && *s != '-')
            return false;
    return true;
}

static enum error
parse_nest(struct reader *r, const struct spec *s, uint32_t depth, struct nest *out)
{
    if (s->map->type != VALUE_MAP)
        return spec_fail(s, NULL, "%s is %s, expected a map of parameters", s->path,
                         value_type_name(s->map->type));
    out->n = s->map->n;
    out->dimensions = arena_alloc(r->arena, (out->n + 1) * sizeof *out->dimensions);
    for (uint32_t i = 0; i < out->n; i++) {
        const struct value_pair *p = &s->map->pairs[i];
        struct value at = {.line = p->line, .column = p->column};
        if (!is_name(p->key))
            return spec_fail(s, &at,
                             "'%.60s' is no name for a parameter, expected letters, "
                             "digits, '_', '-' and '.', a letter first",
                             p->key);
        struct spec inner = spec_at(s, &p->value, "%s", p->key);
        struct dimension *d = &out->dimensions[i];
        d->name = p->key;
        enum error e = parse_dimension(r, &inner, depth, d);
        if (e)
            return e;
        out->n_slots += d->n_slots;
    }
    return OK;
}

// --- names --------------------------------------------------------------------
struct names {
    const char **items;
    uint32_t n, cap;
    struct map places; // hash of a name -> its place
};

static void names_add(struct arena *a, struct names *l, const char *name)
{
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 16;
        const char **items = arena_alloc(a, cap * sizeof *items);
        if (l->n)
            memcpy(items, l->items, l->n * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    map_set(&l->places, hash_bytes(name, strlen(name), 0), l->n);
    l->items[l->n++] = name;
}

// Among the first n?
static bool names_have(const struct names *l, uint32_t n, const char *name)
{
    uint64_t place;
    return map_find(&l->places, hash_bytes(name, strlen(name), 0), &place) && place < n
           && strcmp(l->items[place], name) == 0;
}

static const char *find_clash(struct arena *a, const struct nest *nest, struct names *all);

// Those of one branch; the first n of `all` are in play beside it.
static const char *
add_branch(struct arena *a, const struct nest *branch, struct names *all, uint32_t n)
{
    struct names inner = {0};

    map_init(&inner.places);
    const char *clash = find_clash(a, branch, &inner);
    for (uint32_t j = 0; !clash && j < inner.n; j++) {
        if (names_have(all, n, inner.items[j]))
            clash = inner.items[j];
        else if (!names_have(all, all->n, inner.items[j]))
            names_add(a, all, inner.items[j]);
    }
    map_fini(&inner.places);
    return clash;
}

// All names beneath the nest into `all`; NULL, or a name that two parameters
// have that can be in play together.  Branches of one choice exclude each other.
static const char *find_clash(struct arena *a, const struct nest *nest, struct names *all)
{
    for (uint32_t i = 0; i < nest->n; i++) {
        const struct dimension *d = &nest->dimensions[i];
        const char *clash = names_have(all, all->n, d->name) ? d->name : NULL;
        if (!clash)
            names_add(a, all, d->name);
        uint32_t n = all->n;
        for (uint32_t k = 0; !clash && d->nests && k < d->n_values; k++)
            clash = add_branch(a, &d->nests[k], all, n);
        if (clash)
            return clash;
    }
    return NULL;
}

// --- where --------------------------------------------------------------------
static enum error
parse_wheres(struct reader *r, const struct spec *job, struct space *s, const struct names *all)
{
    const struct value *list = NULL;
    enum error e = spec_list(job, "where", 0, 256, &list);

    if (e || !list)
        return e;
    struct where **wheres = arena_alloc(r->arena, (list->n + 1) * sizeof *wheres);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *v = &list->items[i];
        struct errtext t = {{0}};
        if (v->type != VALUE_STR)
            return spec_fail(job, v, "where[%u] is %s, expected an expression", i,
                             value_type_name(v->type));
        if (where_compile(v, r->arena, &wheres[i], &t))
            return spec_fail(job, v, "where[%u]: %s", i, t.text);
        const char *stranger = where_stranger(wheres[i], all->items, all->n);
        if (!stranger)
            continue;
        const char **known = arena_alloc(r->arena, (all->n + 1) * sizeof *known);
        if (all->n)
            memcpy(known, all->items, all->n * sizeof *known);
        const char *near = options_nearest(stranger, known);
        return spec_fail(job, v,
                         "where[%u] speaks of '%s', which is no parameter of the space%s%s%s",
                         i, stranger, near ? ", did you mean '" : "", near ? near : "",
                         near ? "'?" : ", expected names of the space");
    }
    s->wheres = wheres;
    s->n_wheres = list->n;
    return OK;
}

static enum error probe(const struct spec *job, struct space *s)
{
    switch (space_probe(s)) {
    case PROBE_FOUND:
        return OK;
    case PROBE_NONE:
        return spec_fail(
            job, spec_find(job, "where"),
            "no point of the space satisfies 'where' in %d tries, expected a space "
            "that is not empty",
            SPACE_PROBES);
    default:
        return spec_fail(
            job, spec_find(job, "where"),
            "no point that satisfies 'where' was found in %d million steps, expected "
            "shorter lists in the space or less to compute of them",
            2 * SPACE_PROBE_WORK / 1000000);
    }
}

enum error space_parse(const struct spec *job, struct arena *a, const struct space **out)
{
    struct reader r = {.arena = a};
    struct space *s = arena_alloc(a, sizeof *s);
    struct value none = value_map();
    const struct value *map = spec_find(job, "space");
    struct names all = {0};
    enum error e;

    struct spec inner = spec_at(job, map ? map : &none, "space");
    if ((e = parse_nest(&r, &inner, 1, &s->root)))
        return e;
    if (s->root.n_slots > SPACE_SLOTS_MAX)
        return spec_fail(&inner, NULL, "the space makes %u decisions, expected at most %d",
                         s->root.n_slots, SPACE_SLOTS_MAX);
    map_init(&all.places);
    const char *clash = find_clash(a, &s->root, &all);
    map_fini(&all.places);
    if (clash)
        return spec_fail(&inner, NULL,
                         "two parameters that can be in play together are called "
                         "'%s', expected different names",
                         clash);
    if ((e = parse_wheres(&r, job, s, &all)))
        return e;
    space_layout(s, a);
    if (s->n_wheres && (e = probe(job, s)))
        return e;
    *out = s;
    return OK;
}

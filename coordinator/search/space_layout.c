// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "common/math.h"
#include "coordinator/search/space.h"
#include "coordinator/search/space_parts.h"
#include "coordinator/search/where.h"

// A space with `where` of at most so many points is gone through once, so that
// its size is exact.
#define COUNTED_MAX 20000.0

struct layout {
    struct space *space;
    struct arena *arena;
    struct space_key *keys;
    uint32_t at;
    uint32_t axis;
    bool in_sequence; // parameters in there cannot be named by `where`
};

static void lay_dimension(struct layout *l,
                          const struct dimension *d,
                          const char *path,
                          const char *prefix,
                          uint32_t context);

static struct slot *
slot_add(struct layout *l, const struct dimension *d, const char *name, uint32_t context)
{
    struct slot *s = &l->space->slots[l->at++];
    *s = (struct slot){.name = name, .dimension = d, .context = context, .end = l->at};
    s->axis = l->axis++;
    return s;
}

// Where the slot's scale begins and ends; a grid's cells are a step wide.
static void set_scale(struct slot *s)
{
    double half = s->kind == SLOT_FLOAT ? 0 : s->step / 2;
    s->t_low = s->low - half;
    s->t_high = s->high + half;
    if (!s->is_log)
        return;
    s->t_low = math_log(s->t_low);
    s->t_high = math_log(s->t_high);
}

static void
lay_number(struct layout *l, const struct dimension *d, const char *path, uint32_t context)
{
    struct slot *s = slot_add(l, d, path, context);
    s->kind = d->step > 0 ? SLOT_GRID : SLOT_FLOAT;
    s->is_log = d->is_log;
    s->low = d->low;
    s->step = d->step;
    s->n = d->step > 0 ? (uint64_t)d->n_steps : 0;
    s->high = d->step > 0 ? d->low + (d->n_steps - 1) * d->step : d->high;
    set_scale(s);
}

static void
lay_nest(struct layout *l, const struct nest *n, const char *prefix, uint32_t context)
{
    for (uint32_t i = 0; i < n->n; i++) {
        const struct dimension *d = &n->dimensions[i];
        const char *path = arena_printf(l->arena, "%s%s", prefix, d->name);
        uint32_t first = l->at;
        struct space_key *key = NULL;
        if (!l->in_sequence)
            key = &l->keys[l->space->n_keys++];
        lay_dimension(l, d, path, prefix, context);
        if (key)
            *key = (struct space_key){d->name, d, first, l->at};
    }
}

static void lay_choice(struct layout *l,
                       const struct dimension *d,
                       const char *path,
                       const char *prefix,
                       uint32_t context)
{
    struct slot *s = slot_add(l, d, path, context);
    s->kind = SLOT_CHOICE;
    s->n = d->n_values;
    if (!d->nests)
        return;
    uint32_t *starts = arena_alloc(l->arena, (d->n_values + 1) * sizeof *starts);
    uint32_t axis = l->axis, axis_end = axis;
    for (uint32_t k = 0; k < d->n_values; k++) {
        starts[k] = l->at;
        l->axis = axis;
        lay_nest(l, &d->nests[k], prefix, l->space->n_contexts++);
        axis_end = l->axis > axis_end ? l->axis : axis_end;
    }
    starts[d->n_values] = l->at;
    l->axis = axis_end;
    s->nest_starts = starts;
    s->end = l->at;
}

static void
lay_sequence(struct layout *l, const struct dimension *d, const char *path, uint32_t context)
{
    struct slot *length = NULL;
    bool was_inside = l->in_sequence;

    if (d->min < d->max) {
        length = slot_add(l, d, arena_printf(l->arena, "%s.length", path), context);
        length->kind = SLOT_GRID;
        length->role = ROLE_LENGTH;
        length->low = d->min;
        length->high = d->max;
        length->step = 1;
        length->n = d->max - d->min + 1;
        length->stride = d->of->n_slots;
        set_scale(length);
    }
    l->in_sequence = true;
    for (uint32_t i = 0; i < d->max; i++) {
        const char *element = arena_printf(l->arena, "%s[%u]", path, i);
        const char *prefix = arena_printf(l->arena, "%s.", element);
        lay_dimension(l, d->of, element, prefix, i < d->min ? context : l->space->n_contexts++);
    }
    l->in_sequence = was_inside;
    if (length)
        length->end = l->at;
}

static void
lay_places(struct layout *l, const struct dimension *d, const char *path, uint32_t context)
{
    bool is_subset = d->type == DIMENSION_SUBSET;
    for (uint32_t i = 0; i < d->n_values; i++) {
        struct slot *s = slot_add(l, d, arena_printf(l->arena, "%s[%u]", path, i), context);
        s->kind = SLOT_CHOICE;
        s->role = is_subset ? ROLE_SUBSET : ROLE_PERMUTATION;
        s->n = is_subset ? 2 : d->n_values;
        s->index = i;
    }
}

// A scale without a job's word for it: log unless it begins at 0.
static void lay_constant(struct slot *s, const struct grammar *g)
{
    s->kind = SLOT_FLOAT;
    s->role = ROLE_CONSTANT;
    s->low = g->low;
    s->high = g->high;
    s->is_log = g->low > 0;
    set_scale(s);
}

static void
lay_program(struct layout *l, const struct dimension *d, const char *path, uint32_t context)
{
    uint32_t stride = space_program_stride(d);

    for (uint32_t i = 0; i < d->grammar->size; i++) {
        const char *name = arena_printf(l->arena, "%s[%u]", path, i);
        struct slot *s = slot_add(l, d, name, i ? l->space->n_contexts++ : context);
        s->kind = SLOT_CHOICE;
        s->role = ROLE_PROGRAM;
        s->n = d->n_values;
        s->index = i;
        s->stride = stride;
        if (stride == 1)
            continue;
        name = arena_printf(l->arena, "%s.constant", name);
        s = slot_add(l, d, name, l->space->n_contexts++);
        lay_constant(s, d->grammar);
        s->index = i;
        s->stride = stride;
    }
}

static void lay_dimension(struct layout *l,
                          const struct dimension *d,
                          const char *path,
                          const char *prefix,
                          uint32_t context)
{
    switch (d->type) {
    case DIMENSION_FLOAT:
    case DIMENSION_INT:
        lay_number(l, d, path, context);
        break;
    case DIMENSION_CHOICE:
        lay_choice(l, d, path, prefix, context);
        break;
    case DIMENSION_FIDELITY:
        l->space->fidelity = l->at;
        l->space->eta = d->step;
        lay_choice(l, d, path, prefix, context);
        l->space->slots[l->space->fidelity].role = ROLE_FIDELITY;
        break;
    case DIMENSION_SEQUENCE:
        lay_sequence(l, d, path, context);
        break;
    case DIMENSION_PERMUTATION:
    case DIMENSION_SUBSET:
        lay_places(l, d, path, context);
        break;
    case DIMENSION_PROGRAM:
        lay_program(l, d, path, context);
        break;
    }
}

static uint32_t genes_max(const struct nest *n)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < n->n; i++) {
        const struct dimension *d = &n->dimensions[i];
        uint32_t most = 0;
        for (uint32_t k = 0; d->nests && k < d->n_values; k++) {
            uint32_t g = genes_max(&d->nests[k]);
            most = g > most ? g : most;
        }
        total += d->nests ? 1 + most : d->n_slots;
    }
    return total;
}

static uint32_t count_names(const struct nest *n)
{
    uint32_t total = n->n;
    for (uint32_t i = 0; i < n->n; i++)
        for (uint32_t k = 0; n->dimensions[i].nests && k < n->dimensions[i].n_values; k++)
            total += count_names(&n->dimensions[i].nests[k]);
    return total;
}

static void watch(struct space *s)
{
    for (uint32_t i = 0; i < s->n_keys; i++) {
        const struct space_key *key = &s->keys[i];
        bool hangs = false;
        for (uint32_t j = 0; j < s->n_wheres; j++)
            hangs = hangs || where_mentions(s->wheres[j], key->name);
        uint32_t end = key->dimension->type == DIMENSION_CHOICE ? key->first + 1 : key->end;
        for (uint32_t k = key->first; hangs && k < end; k++)
            s->slots[k].is_watched = true;
    }
}

void space_layout(struct space *s, struct arena *a)
{
    struct layout l = {.space = s, .arena = a};

    s->slots = arena_alloc(a, (s->root.n_slots + 1) * sizeof *s->slots);
    s->n_contexts = 1;
    s->fidelity = UINT32_MAX;
    l.keys = arena_alloc(a, (count_names(&s->root) + 1) * sizeof *l.keys);
    s->keys = l.keys;
    lay_nest(&l, &s->root, "", 0);
    s->n_slots = l.at;
    s->fidelity = s->fidelity < l.at ? s->fidelity : l.at;
    s->n_axes = l.axis;
    s->n_genes_max = genes_max(&s->root);
    s->n_points = space_count(&s->root);
    s->is_exact = s->n_wheres == 0 && s->n_points < 0x1p53 && s->fidelity == s->n_slots;
    watch(s);
}

// --- counting -----------------------------------------------------------------
double space_subsets(uint32_t n, int64_t min, int64_t max)
{
    double ways = 1, sum = 0; // ways: n over i
    for (int64_t i = 0; i <= max && i <= (int64_t)n; i++) {
        if (i >= min)
            sum += ways;
        ways = ways * (double)(n - i) / (double)(i + 1);
    }
    return sum;
}

static double count_dimension(const struct dimension *d);

static double count_choice(const struct dimension *d)
{
    double n = 0;
    if (!d->nests)
        return d->n_values;
    for (uint32_t k = 0; k < d->n_values; k++)
        n += space_count(&d->nests[k]);
    return n;
}

static double count_sequence(const struct dimension *d)
{
    double one = count_dimension(d->of), n = 1, sum = 0;
    for (uint32_t i = 0; i <= d->max; i++) {
        if (i >= d->min)
            sum += n;
        n *= one;
    }
    return sum;
}

static double count_permutation(const struct dimension *d)
{
    double n = 1;
    for (uint32_t i = 2; i <= d->n_values; i++)
        n *= i;
    return n;
}

static double count_program(const struct dimension *d)
{
    struct arena *scratch = arena_create();
    double n = grammar_count(d->grammar, scratch);
    arena_destroy(scratch);
    return n;
}

static double count_dimension(const struct dimension *d)
{
    switch (d->type) {
    case DIMENSION_FLOAT:
    case DIMENSION_INT:
        return d->step > 0 ? d->n_steps : INFINITY;
    case DIMENSION_CHOICE:
        return count_choice(d);
    case DIMENSION_FIDELITY:
        return 1;
    case DIMENSION_SEQUENCE:
        return count_sequence(d);
    case DIMENSION_PERMUTATION:
        return count_permutation(d);
    case DIMENSION_SUBSET:
        return floor(space_subsets(d->n_values, d->min, d->max) + 0.5);
    case DIMENSION_PROGRAM:
        return count_program(d);
    }
    return 1;
}

double space_count(const struct nest *n)
{
    double product = 1;
    for (uint32_t i = 0; i < n->n; i++)
        product *= count_dimension(&n->dimensions[i]);
    return product;
}

// --- probing ------------------------------------------------------------------
static struct gene choose_random(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}

static bool try_random(struct walk *w, struct point *p)
{
    for (uint32_t i = 0; i < SPACE_PROBES && !walk_is_spent(w); i++) {
        struct rng r = rng_at(0, 0, 0, i);
        if (walk_run(w, p, choose_random, &r))
            return true;
    }
    return false;
}

static bool count_all(struct space *s, struct walk *w, struct point *p)
{
    uint64_t budget = UINT64_MAX, n = 0;
    while (space_successor(w, p, &budget))
        n++;
    if (!walk_is_spent(w)) {
        s->n_points = (double)n;
        s->is_exact = s->fidelity == s->n_slots;
    }
    return n > 0;
}

enum probe space_probe(struct space *s)
{
    struct walk *w = walk_create(s);
    struct arena *a = arena_create();
    struct point p = {.genes = arena_alloc(a, (s->n_genes_max + 1) * sizeof *p.genes)};

    s->is_pruned = true;
    walk_set_limit(w, SPACE_PROBE_WORK);
    bool found = s->n_points <= COUNTED_MAX ? count_all(s, w, &p) : try_random(w, &p);
    if (!found && walk_is_spent(w)) {
        s->is_pruned = false;
        walk_set_limit(w, SPACE_PROBE_WORK);
        found = try_random(w, &p);
    }
    bool given_up = walk_is_spent(w);
    arena_destroy(a);
    walk_destroy(w);
    return found ? PROBE_FOUND : given_up ? PROBE_GIVEN_UP : PROBE_NONE;
}

// SPDX-License-Identifier: MIT
#include <math.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/prior.h"
#include "coordinator/search/standing.h"

enum knob_index {
    KNOB_EXPLORATION,
    KNOB_BISECT,
    KNOB_IMITATION,
    KNOB_PUCT,
    KNOB_WEIGHT,
    KNOB_RETRIEVAL,
    KNOB_TEMPERATURE,
    KNOB_THRESHOLD,
};

enum { ENTITY_ASK = 1 };

// A number's scale is cut into so many cells, without `bisect` into so few parts at once.
enum { CELLS = 64, PARTS = 8, WHOLE_MAX = 32 };

// Told trials of which the best is imitated.
enum { TOURNAMENT = 10 };

static const struct knob knobs_table[] = {
    {"exploration", KNOB_FLOAT, 0, 100, 0.15, "weight of what was tried little (UCT's c)"},
    {"bisect", KNOB_BOOL, 0, 1, 0,
     "choose along ordered values by halving, so that neighbours share what is learnt"},
    {"imitation", KNOB_FLOAT, 0, 1, 0.8,
     "share of a rollout's decisions that are those of a good earlier trial; 0: chance alone"},
    {"puct", KNOB_BOOL, 0, 1, 0,
     "go on where M/(1+N) + weight P sqrt(1+N_s)/(1+N) is greatest (M: sum of utilities, N: "
     "visits, N_s: the parent's, P: the prior); always so with a `prior`"},
    {"weight", KNOB_FLOAT, 0, 100, 1.38, "of the prior in that rule"},
    {"retrieval", KNOB_BOOL, 0, 1, 1,
     "trust the nearest earlier job by alpha = 1 - sigma(temperature (delta - threshold)), "
     "delta: cosine distance of the features; false: alpha = 1"},
    {"temperature", KNOB_FLOAT, 0, 1e6, 100, "how sharply trust falls with distance"},
    {"threshold", KNOB_FLOAT, 0, 2, 0.007, "distance at which trust is one half"},
    {0},
};

// A prefix of decisions.  Siblings are chained in the order they were told.
struct node {
    uint32_t part; // which one of its parent's parts
    uint32_t child, sibling;
    uint32_t n_visits;
    double sum; // of utilities
};

enum { NONE = 0 }; // node 0 is the root, which is nobody's child

struct mcts {
    const struct history *history;
    struct standing *standing;
    double exploration;
    bool bisects;
    double imitation;
    bool is_puct;
    double weight;
    double trust;  // alpha; 0 without a prior
    double *share; // scratch of a decision: the prior of each option
    uint32_t n_nodes, cap_nodes;
    struct node *nodes;
    // Scratch of an ask: the pending points that took the path so far.
    uint32_t n_pending, cap_pending;
    uint32_t *pending;
};

// Options (of a float: cells) [low, high).
struct span {
    uint64_t low, high;
};

static uint32_t add_node(struct mcts *m, uint32_t part)
{
    if (m->n_nodes == m->cap_nodes) {
        m->cap_nodes = m->cap_nodes ? m->cap_nodes * 2 : 64;
        m->nodes = mem_realloc(m->nodes, m->cap_nodes * sizeof *m->nodes);
    }
    m->nodes[m->n_nodes] = (struct node){.part = part};
    return m->n_nodes++;
}

static void *create(const struct history *h, const double *knobs)
{
    struct mcts *m = mem_alloc(sizeof *m);

    m->history = h;
    m->standing = standing_create(h);
    m->exploration = knobs[KNOB_EXPLORATION];
    m->bisects = knobs[KNOB_BISECT] != 0;
    m->imitation = knobs[KNOB_IMITATION];
    m->is_puct = knobs[KNOB_PUCT] != 0 || h->prior;
    m->weight = knobs[KNOB_WEIGHT];
    if (h->prior) {
        m->share = mem_alloc(PRIOR_OPTIONS_MAX * sizeof *m->share);
        m->trust = knobs[KNOB_RETRIEVAL] == 0
                       ? 1
                       : prior_trust(prior_distance(h->prior), knobs[KNOB_TEMPERATURE],
                                     knobs[KNOB_THRESHOLD]);
    }
    (void)add_node(m, 0);
    return m;
}

static void destroy(void *state)
{
    struct mcts *m = state;
    if (!m)
        return;
    standing_destroy(m->standing);
    mem_free(m->nodes);
    mem_free(m->pending);
    mem_free(m->share);
    mem_free(m);
}

// --- a decision as one or more cuts ----------------------------------------------------
static struct span whole(const struct slot *s)
{
    return (struct span){0, s->kind == SLOT_FLOAT ? CELLS : s->n};
}

static uint64_t cell_of(const struct slot *s, struct gene g)
{
    if (s->kind != SLOT_FLOAT)
        return g.k;
    uint64_t i = (uint64_t)(slot_unit(s, g) * CELLS);
    return i < CELLS ? i : CELLS - 1;
}

// Into how many parts the span falls; 1: it is a leaf of the decision.
static uint64_t n_parts(const struct mcts *m, const struct slot *s, const struct span *r)
{
    uint64_t width = r->high - r->low;

    if (width <= 1)
        return 1;
    if (s->kind == SLOT_CHOICE)
        return width;
    if (m->bisects)
        return 2;
    return s->kind == SLOT_GRID && width <= WHOLE_MAX ? width : width < PARTS ? width : PARTS;
}

static struct span part_of(const struct span *r, uint64_t n, uint64_t i)
{
    uint64_t width = r->high - r->low;
    // Not width * i / n, which would overflow.
    uint64_t each = width / n, more = width % n;
    struct span p = {.low = r->low + each * i + (i < more ? i : more)};
    p.high = p.low + each + (i < more);
    return p;
}

static uint64_t part_with(const struct span *r, uint64_t n, uint64_t cell)
{
    uint64_t low = 0, high = n;
    while (high - low > 1) {
        uint64_t mid = low + (high - low) / 2;
        if (part_of(r, n, mid).low <= cell)
            low = mid;
        else
            high = mid;
    }
    return low;
}

static uint32_t child_of(const struct mcts *m, uint32_t node, uint64_t part)
{
    uint32_t c = m->nodes[node].child;
    while (c != NONE && m->nodes[c].part != part)
        c = m->nodes[c].sibling;
    return c;
}

// --- telling --------------------------------------------------------------------------
struct path {
    uint32_t node;
    double utility;
    bool is_done; // one node is added at most
};

static void visit(struct mcts *m, uint32_t node, double utility)
{
    m->nodes[node].n_visits++;
    m->nodes[node].sum += utility;
}

static void descend(struct mcts *m, struct path *p, uint64_t part)
{
    uint32_t c = child_of(m, p->node, part);

    if (c == NONE) {
        c = add_node(m, (uint32_t)part);
        m->nodes[c].sibling = m->nodes[p->node].child;
        m->nodes[p->node].child = c;
        p->is_done = true;
    }
    p->node = c;
    visit(m, c, p->utility);
}

static void tell(void *state, uint32_t record)
{
    struct mcts *m = state;
    const struct point *point = &m->history->records[record].point;
    struct path p = {.utility = standing_add(m->standing, record)};

    visit(m, 0, p.utility);
    for (uint32_t i = 0; i < point->n && !p.is_done; i++) {
        const struct slot *s = &m->history->space->slots[point->genes[i].slot];
        uint64_t cell = cell_of(s, point->genes[i]), n;
        struct span r = whole(s);
        while (!p.is_done && (n = n_parts(m, s, &r)) > 1) {
            uint64_t part = part_with(&r, n, cell);
            r = part_of(&r, n, part);
            descend(m, &p, part);
        }
    }
}

// --- asking ---------------------------------------------------------------------------
struct ask_state {
    struct mcts *mcts;
    uint32_t node;
    bool is_rollout;
    const struct point *path;  // so far
    const double *share;       // of the decision's options by the prior; NULL: equal
    const struct point *model; // to imitate; NULL: none
    double stray;              // chance to leave the tree: its best point is known already
    struct rng rng;
};

static bool has_option(const struct decision *d, const struct span *r)
{
    if (!d->allowed)
        return true;
    for (uint64_t k = r->low; k < r->high; k++)
        if (d->allowed[k])
            return true;
    return false;
}

// Pending points that would go on into the part.
static uint32_t pending_in(const struct mcts *m, const struct decision *d, const struct span *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_pending; i++) {
        const struct gene *g = point_find(&m->history->records[m->pending[i]].point, d->index);
        uint64_t cell = g ? cell_of(d->slot, *g) : UINT64_MAX;
        n += g && cell >= p->low && cell < p->high;
    }
    return n;
}

static void keep_pending(struct mcts *m, const struct decision *d, const struct span *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_pending; i++) {
        const struct gene *g = point_find(&m->history->records[m->pending[i]].point, d->index);
        uint64_t cell = g ? cell_of(d->slot, *g) : UINT64_MAX;
        if (g && cell >= p->low && cell < p->high)
            m->pending[n++] = m->pending[i];
    }
    m->n_pending = n;
}

struct choice {
    uint64_t part;
    double bound;
    uint64_t n_new; // parts never tried, of which one is drawn
};

struct puct {
    uint64_t part, new_part;
    double bound, new_bound;
    double new_share; // of all that were never tried
};

// UCT with a virtual loss for each pending point.
static void weigh(struct ask_state *a,
                  const struct decision *d,
                  const struct span *p,
                  uint64_t part,
                  struct choice *best)
{
    struct mcts *m = a->mcts;
    uint32_t child = child_of(m, a->node, part);
    double n = pending_in(m, d, p) + (child == NONE ? 0 : m->nodes[child].n_visits);

    if (n == 0) {
        if (rng_below(&a->rng, ++best->n_new) == 0)
            best->part = part;
        return;
    }
    if (best->n_new)
        return;
    double mean = child == NONE ? 0 : m->nodes[child].sum / n;
    double all = m->nodes[a->node].n_visits + m->n_pending + 1.0;
    double bound = mean + m->exploration * sqrt(2 * math_log(all) / n);
    if (bound > best->bound) {
        best->bound = bound;
        best->part = part;
    }
}

// Of the options that are left in r, those in p.
static double share_of(const struct ask_state *a,
                       const struct decision *d,
                       const struct span *r,
                       const struct span *p)
{
    double all = 0, in = 0;

    if (!a->share && !d->allowed)
        return (double)(p->high - p->low) / (double)(r->high - r->low);
    for (uint64_t k = r->low; k < r->high; k++) {
        double x = a->share ? a->share[k] : d->allowed[k];
        all += x;
        in += k >= p->low && k < p->high ? x : 0;
    }
    return all > 0 ? in / all : 0;
}

// The rule of ABC-RL, with the same virtual loss.  Of those never tried one is drawn by its
// share: the greatest would follow the order of a policy however little it is trusted.
static void weigh_puct(struct ask_state *a,
                       const struct decision *d,
                       double share,
                       const struct span *p,
                       uint64_t part,
                       struct puct *best)
{
    struct mcts *m = a->mcts;
    uint32_t child = child_of(m, a->node, part);
    double n = pending_in(m, d, p) + (child == NONE ? 0 : m->nodes[child].n_visits);
    double sum = child == NONE ? 0 : m->nodes[child].sum;
    double all = m->nodes[a->node].n_visits + m->n_pending;
    double bound = (sum + m->weight * share * math_sqrt(1 + all)) / (1 + n);

    if (n == 0) {
        best->new_bound = bound > best->new_bound ? bound : best->new_bound;
        best->new_share += share;
        if (rng_f64(&a->rng) * best->new_share < share)
            best->new_part = part;
    } else if (bound > best->bound) {
        best->bound = bound;
        best->part = part;
    }
}

static uint64_t
choose_puct(struct ask_state *a, const struct decision *d, const struct span *r, uint64_t n)
{
    struct puct best = {.bound = -1, .new_bound = -1};

    for (uint64_t i = 0; i < n; i++) {
        struct span p = part_of(r, n, i);
        if (has_option(d, &p))
            weigh_puct(a, d, share_of(a, d, r, &p), &p, i, &best);
    }
    return best.new_bound >= best.bound ? best.new_part : best.part;
}

static struct span
cut(struct ask_state *a, const struct decision *d, const struct span *r, uint64_t n)
{
    struct mcts *m = a->mcts;
    struct choice best = {.bound = -1};
    bool strays = a->stray > 0 && rng_f64(&a->rng) < a->stray;

    for (uint64_t i = 0; i < n; i++) {
        struct span p = part_of(r, n, i);
        if (!has_option(d, &p))
            continue;
        if (strays && rng_below(&a->rng, ++best.n_new) == 0)
            best.part = i;
        else if (!strays && !m->is_puct)
            weigh(a, d, &p, i, &best);
    }
    if (!strays && m->is_puct)
        best.part = choose_puct(a, d, r, n);
    struct span p = part_of(r, n, best.part);
    a->node = child_of(m, a->node, best.part);
    a->is_rollout = a->node == NONE;
    keep_pending(m, d, &p);
    return p;
}

// By chance within the span.
static struct gene draw(struct ask_state *a, const struct decision *d, const struct span *r)
{
    uint64_t width = r->high - r->low;

    if (d->slot->kind == SLOT_FLOAT)
        return slot_gene(d->slot, d->index,
                         ((double)r->low + rng_f64(&a->rng) * (double)width) / CELLS);
    struct gene g = {.slot = d->index, .k = r->low + rng_below(&a->rng, width)};
    if (decision_allows(d, g))
        return g;
    uint64_t n = 0;
    for (uint64_t k = r->low; k < r->high; k++)
        if ((!d->allowed || d->allowed[k]) && rng_below(&a->rng, ++n) == 0)
            g.k = k;
    return g;
}

// The best of some told ones; as far as it is trusted, a good one of the earlier job.
static const struct point *model_of(struct ask_state *a)
{
    const struct history *h = a->mcts->history;
    uint32_t best = 0;

    if (h->prior && rng_f64(&a->rng) < a->mcts->trust)
        return prior_best(h->prior, (uint32_t)rng_below(&a->rng, prior_n_best(h->prior)));
    if (h->n_told == 0)
        return NULL;
    for (int i = 0; i < TOURNAMENT; i++) {
        uint32_t other = (uint32_t)rng_below(&a->rng, h->n_told);
        if (i == 0
            || score_compare(&h->records[other].score, &h->records[best].score,
                             h->objectives->n)
                   < 0)
            best = other;
    }
    return &h->records[best].point;
}

static struct gene draw_share(struct ask_state *a, const struct decision *d)
{
    struct gene g = {.slot = d->index};
    double u = rng_f64(&a->rng);

    for (uint64_t k = 0; k < d->slot->n; k++) {
        if (a->share[k] <= 0)
            continue;
        g.k = k;
        if ((u -= a->share[k]) < 0)
            break;
    }
    return g;
}

// The prior over the options of the decision, where there is one.
static const double *share_out(const struct ask_state *a, const struct decision *d)
{
    const struct mcts *m = a->mcts;

    if (!m->history->prior || d->slot->kind == SLOT_FLOAT || d->slot->n > PRIOR_OPTIONS_MAX)
        return NULL;
    prior_policy(m->history->prior, a->path, d, m->share);
    prior_temper(d, m->trust, m->share);
    return m->share;
}

static struct gene roll(struct ask_state *a, const struct decision *d)
{
    const struct gene *g = a->model ? point_find(a->model, d->index) : NULL;

    if (!g || rng_f64(&a->rng) >= a->mcts->imitation)
        return a->share ? draw_share(a, d) : decision_random(d, &a->rng);
    if (d->slot->kind == SLOT_CHOICE)
        return decision_nearest(d, *g, &a->rng);
    double u = slot_unit(d->slot, *g) + (rng_f64(&a->rng) - 0.5) / PARTS;
    u = u < 0 ? -u : u > 1 ? 2 - u : u;
    return decision_nearest(d, slot_gene(d->slot, d->index, u), &a->rng);
}

static struct gene choose(void *ctx, const struct decision *d)
{
    struct ask_state *a = ctx;
    struct span r = whole(d->slot);
    uint64_t n;

    a->share = share_out(a, d);
    if (a->is_rollout)
        return roll(a, d);
    while (!a->is_rollout && (n = n_parts(a->mcts, d->slot, &r)) > 1)
        r = cut(a, d, &r, n);
    return draw(a, d, &r);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct mcts *m = state;
    const struct history *h = m->history;
    struct ask_state a = {.mcts = m, .path = out, .rng = ask_rng(h, q, ENTITY_ASK)};
    uint32_t n = h->n_asked - h->n_told;

    a.model = model_of(&a);
    a.stray = q->attempt > 0 ? 0.05 * q->attempt : 0;
    if (n > m->cap_pending) {
        m->cap_pending = n;
        m->pending = mem_realloc(m->pending, n * sizeof *m->pending);
    }
    for (m->n_pending = 0; m->n_pending < n; m->n_pending++)
        m->pending[m->n_pending] = h->n_told + m->n_pending;
    return walk_run(h->walk, out, choose, &a);
}

const struct algorithm mcts_algorithm = {
    .name = "mcts",
    .version = "mcts-1",
    .help = "Monte Carlo tree search over the tree of choices: UCT, one node more a trial, the "
            "rest by chance; ordered values by halving if wished.  A job's `prior` (features "
            "of its instance; features and trials of earlier jobs) guides it as far as the "
            "nearest earlier job is near.",
    .source = "Kocsis and Szepesvari, ECML 2006; Negrinho and Gordon, arXiv:1704.08792, "
              "section 5 (bisection); Chowdhury et al., ICLR 2024 (retrieval; features and "
              "policy simplified, pi^alpha normalised)",
    .takes_prior = true,
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};

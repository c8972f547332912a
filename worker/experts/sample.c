// SPDX-License-Identifier: MIT
#include "worker/experts/sample.h"

#include <math.h>
#include <string.h>

#include "common/hash.h"
#include "common/math.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/rng.h"

enum { STREAM = 0x67656e }; // "gen"

// Candidates stand in a binary heap, the best on top.
struct sampler {
    uint32_t n;
    float *score;   // [n] after penalty
    double *weight; // [n] e^((score - best) / temperature)
    int32_t *heap;  // [n] ids
    uint32_t n_heap;
    int32_t *kept;  // [n] ids, best first
    uint8_t *marks; // [n] seen already
};

struct sampler *sampler_create(uint32_t n_vocab)
{
    struct sampler *s = mem_alloc(sizeof *s);
    s->n = n_vocab;
    s->score = mem_alloc(n_vocab * sizeof *s->score);
    s->weight = mem_alloc(n_vocab * sizeof *s->weight);
    s->heap = mem_alloc(n_vocab * sizeof *s->heap);
    s->kept = mem_alloc(n_vocab * sizeof *s->kept);
    s->marks = mem_alloc(n_vocab);
    return s;
}

void sampler_destroy(struct sampler *s)
{
    if (!s)
        return;
    mem_free(s->score);
    mem_free(s->weight);
    mem_free(s->heap);
    mem_free(s->kept);
    mem_free(s->marks);
    mem_free(s);
}

// ---- options ---------------------------------------------------------------------------

static enum error read_number(const struct value *map,
                              const char *key,
                              const double range[2],
                              double *out,
                              struct errtext *t)
{
    const struct value *v = value_find(map, key);
    if (!v || v->type == VALUE_NULL)
        return OK;
    if (!value_is_number(v) || !(value_number(v) >= range[0] && value_number(v) <= range[1]))
        return errtext_set(t, ERR_INVALID, "sampling.%s is no number from %g to %g", key,
                           range[0], range[1]);
    *out = value_number(v);
    return OK;
}

static enum error check_names(const struct value *map, struct errtext *t)
{
    static const char *const names[] = {"temperature",        "top_k", "top_p", "min_p",
                                        "repetition_penalty", NULL};
    for (uint32_t i = 0; i < map->n; i++) {
        int k = 0;
        while (names[k] && strcmp(names[k], map->pairs[i].key) != 0)
            k++;
        const char *near = options_nearest(map->pairs[i].key, names);
        if (!names[k])
            return errtext_set(t, ERR_INVALID, "sampling has no key '%.60s'%s%s%s",
                               map->pairs[i].key, near ? ", did you mean '" : "",
                               near ? near : "", near ? "'?" : "");
    }
    return OK;
}

enum error sample_read(const struct value *map, struct sample_options *out, struct errtext *t)
{
    struct sample_options o = {.top_p = 1, .repetition_penalty = 1};
    double top_k = 0;
    enum error e = OK;
    if (map && map->type != VALUE_NULL && map->type != VALUE_MAP)
        return errtext_set(t, ERR_INVALID, "sampling is no map");
    if (map && map->type == VALUE_MAP
        && ((e = check_names(map, t))
            || (e = read_number(map, "temperature", (double[]){0, 1000}, &o.temperature, t))
            || (e = read_number(map, "top_k", (double[]){0, 1 << 24}, &top_k, t))
            || (e = read_number(map, "top_p", (double[]){0, 1}, &o.top_p, t))
            || (e = read_number(map, "min_p", (double[]){0, 1}, &o.min_p, t))
            || (e = read_number(map, "repetition_penalty", (double[]){1e-3, 1000},
                                &o.repetition_penalty, t))))
        return e;
    if (top_k != floor(top_k))
        return errtext_set(t, ERR_INVALID, "sampling.top_k is no integer");
    o.top_k = (uint32_t)top_k;
    *out = o;
    return OK;
}

// ---- the heap ----------------------------------------------------------------------------

static bool is_better(const float *score, int32_t a, int32_t b)
{
    return score[a] > score[b] || (score[a] == score[b] && a < b);
}

static void sink(struct sampler *s, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= s->n_heap)
            return;
        if (child + 1 < s->n_heap && is_better(s->score, s->heap[child + 1], s->heap[child]))
            child++;
        if (!is_better(s->score, s->heap[child], s->heap[at]))
            return;
        int32_t id = s->heap[at];
        s->heap[at] = s->heap[child];
        s->heap[child] = id;
        at = child;
    }
}

static void make_heap(struct sampler *s)
{
    s->n_heap = s->n;
    for (uint32_t i = 0; i < s->n; i++)
        s->heap[i] = (int32_t)i;
    for (uint32_t i = s->n / 2; i-- > 0;)
        sink(s, i);
}

static int32_t pop(struct sampler *s)
{
    int32_t id = s->heap[0];
    s->heap[0] = s->heap[--s->n_heap];
    sink(s, 0);
    return id;
}

// ---- scores ------------------------------------------------------------------------------

// NaN ranks below everything, so that comparisons are an order.
static void take_scores(struct sampler *s, const float *logits)
{
    for (uint32_t i = 0; i < s->n; i++)
        s->score[i] = isnan(logits[i]) ? -INFINITY : logits[i];
}

static void punish(struct sampler *s, float penalty, const struct sample_context *c)
{
    if (penalty == 1)
        return;
    for (size_t i = 0; i < c->n_seen; i++) {
        float *x = &s->score[c->seen[i]];
        if (!s->marks[c->seen[i]])
            *x = *x > 0 ? *x / penalty : *x * penalty;
        s->marks[c->seen[i]] = 1;
    }
    for (size_t i = 0; i < c->n_seen; i++)
        s->marks[c->seen[i]] = 0;
}

static int32_t best(const struct sampler *s)
{
    int32_t most = 0;
    for (uint32_t i = 1; i < s->n; i++)
        if (s->score[i] > s->score[most])
            most = (int32_t)i;
    return most;
}

// The sum of all weights, in the order of the ids.
static double weigh(struct sampler *s, double temperature)
{
    double most = (double)s->score[best(s)], sum = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        double x = ((double)s->score[i] - most) / temperature;
        s->weight[i] = isnan(x) ? 0 : math_exp(x); // infinite logits
        sum += s->weight[i];
    }
    return sum;
}

// The best tokens that all three limits let through, at least one; best first.
static uint32_t filter(struct sampler *s, const struct sample_options *o, double sum)
{
    uint32_t most = o->top_k && o->top_k < s->n ? o->top_k : s->n, n = 0;
    double so_far = 0;
    make_heap(s);
    if (most < s->n) {
        sum = 0;
        for (uint32_t i = 0; i < most; i++) {
            s->kept[i] = pop(s);
            sum += s->weight[s->kept[i]];
        }
    }
    while (n < most && (n == 0 || so_far < o->top_p * sum)) {
        if (most == s->n)
            s->kept[n] = pop(s);
        if (n && s->weight[s->kept[n]] < o->min_p * s->weight[s->kept[0]])
            break;
        so_far += s->weight[s->kept[n++]];
    }
    return n;
}

static int32_t draw(const struct sampler *s, const int32_t *ids, uint32_t n, double u)
{
    double sum = 0, so_far = 0;
    int32_t last = ids ? ids[0] : 0;
    for (uint32_t i = 0; i < n; i++)
        sum += s->weight[ids ? ids[i] : (int32_t)i];
    for (uint32_t i = 0; i < n; i++) {
        int32_t id = ids ? ids[i] : (int32_t)i;
        if (s->weight[id] <= 0)
            continue;
        so_far += s->weight[id];
        last = id; // rounding may leave the sum just short of the draw
        if (u * sum < so_far)
            break;
    }
    return last;
}

int32_t sampler_pick(struct sampler *s,
                     const struct sample_options *o,
                     const float *logits,
                     const struct sample_context *c)
{
    take_scores(s, logits);
    punish(s, (float)o->repetition_penalty, c);
    if (o->temperature <= 0)
        return best(s);
    double sum = weigh(s, o->temperature);
    bool all = !(o->top_k && o->top_k < s->n) && o->top_p >= 1 && o->min_p <= 0;
    if (all)
        return draw(s, NULL, s->n, c->draw);
    return draw(s, s->kept, filter(s, o, sum), c->draw);
}

double sample_draw(uint64_t seed, uint64_t item, uint32_t position)
{
    uint64_t high = item >> 32;
    struct rng r =
        rng_at(high ? hash_mix64(seed ^ high) : seed, position, STREAM, (uint32_t)item);
    return rng_f64(&r);
}

double sample_log_sum(const float *logits, uint32_t n)
{
    double most = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        most = (double)logits[i] > most ? (double)logits[i] : most;
    for (uint32_t i = 0; i < n; i++)
        sum += math_exp((double)logits[i] - most);
    return most + math_log(sum);
}

void sampler_top(struct sampler *s, const float *logits, uint32_t n, int32_t *ids)
{
    take_scores(s, logits);
    make_heap(s);
    for (uint32_t i = 0; i < n && i < s->n; i++)
        ids[i] = pop(s);
}

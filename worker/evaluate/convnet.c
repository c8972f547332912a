// SPDX-License-Identifier: MIT
#include "worker/evaluate/convnet.h"

#include <assert.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "common/rng.h"
#include "worker/tensor/dense.h"
#include "worker/tensor/tape.h"

enum { TEST_BATCH = 100, ENTITY_WEIGHTS = 1, ENTITY_ORDER = 2, ENTITY_DROPOUT = 3 };
enum { CONV1, CONV2, UNITS, CLASSES, N_LAYERS };

// A matrix and a row of biases behind it, at `at` among all weights.
struct layer {
    uint32_t rows, cols, at;
};

struct net {
    const struct convnet_shape *shape;
    struct layer layers[N_LAYERS];
    uint32_t n; // weights
    float *w, *g, *m, *v;
};

static uint32_t side_after(uint32_t side, uint32_t size)
{
    uint32_t out = side - size + 1;
    return out >= 2 ? out / 2 : out;
}

bool convnet_fits(const struct convnet_shape *s)
{
    return s->sizes[0] <= s->side && s->sizes[1] <= side_after(s->side, s->sizes[0]);
}

static uint32_t lay_out(const struct convnet_shape *s, struct layer *layers)
{
    uint32_t side = side_after(side_after(s->side, s->sizes[0]), s->sizes[1]), at = 0;

    layers[CONV1] = (struct layer){s->sizes[0] * s->sizes[0], s->filters[0], 0};
    layers[CONV2] = (struct layer){s->sizes[1] * s->sizes[1] * s->filters[0], s->filters[1], 0};
    layers[UNITS] = (struct layer){side * side * s->filters[1], s->units, 0};
    layers[CLASSES] = (struct layer){s->units, s->classes, 0};
    for (int i = 0; i < N_LAYERS; i++) {
        layers[i].at = at;
        at += (layers[i].rows + 1) * layers[i].cols;
    }
    return at;
}

uint32_t convnet_weights(const struct convnet_shape *s)
{
    struct layer layers[N_LAYERS];
    return lay_out(s, layers);
}

static void start(struct net *net, const struct convnet_shape *s, uint64_t seed)
{
    *net = (struct net){.shape = s};
    net->n = lay_out(s, net->layers);
    net->w = mem_alloc(4 * (size_t)net->n * sizeof *net->w);
    net->g = net->w + net->n;
    net->m = net->g + net->n;
    net->v = net->m + net->n;
    memset(net->w, 0, 4 * (size_t)net->n * sizeof *net->w);
    for (uint32_t i = 0; i < N_LAYERS; i++) {
        const struct layer *l = &net->layers[i];
        struct rng r = rng_at(seed, ENTITY_WEIGHTS, i, 0);
        double sd = math_sqrt(2.0 / l->rows);
        for (uint32_t k = 0; k < l->rows * l->cols; k++)
            net->w[l->at + k] = (float)(sd * rng_normal(&r));
    }
}

// ---- layers ------------------------------------------------------------------------------
// The same numbers as rows of another length.
static struct tape_var *folded(struct arena *a, const struct tape_var *x, size_t rows)
{
    struct tape_var *y = arena_alloc(a, sizeof *y);
    assert(rows > 0);
    *y =
        (struct tape_var){.x = x->x, .g = x->g, .rows = rows, .cols = x->rows * x->cols / rows};
    return y;
}

static struct tape_var *
affine(const struct net *net, struct tape *t, struct tape_var *x, uint32_t layer)
{
    const struct layer *l = &net->layers[layer];
    float *w = net->w + l->at, *g = net->g + l->at;
    size_t n = (size_t)l->rows * l->cols;

    return tape_affine(t, x, tape_param(t, w, g, l->rows, l->cols),
                       tape_param(t, w + n, g + n, 1, l->cols));
}

// For every window of size x size pixels, `step` apart, its pixels one behind the other.
static struct tape_var *windows(struct tape *t,
                                struct arena *a,
                                struct tape_var *x,
                                uint32_t side,
                                uint32_t size,
                                uint32_t step)
{
    uint32_t n = (uint32_t)(x->rows / ((size_t)side * side)), out = (side - size) / step + 1;
    uint32_t *rows = arena_alloc(a, (size_t)n * out * out * size * size * sizeof *rows);
    size_t k = 0;

    for (uint32_t at = 0; at < n * out * out; at++) {
        uint32_t image = at / (out * out), y = at / out % out * step, z = at % out * step;
        for (uint32_t i = 0; i < size * size; i++)
            rows[k++] = (image * side + y + i / size) * side + z + i % size;
    }
    return tape_gather(t, x, rows, k);
}

// Convolution, ReLU and the mean over 2 x 2, if there are so many.
static struct tape_var *convolve(const struct net *net,
                                 struct tape *t,
                                 struct arena *a,
                                 struct tape_var *x,
                                 uint32_t layer,
                                 uint32_t *side)
{
    uint32_t size = net->shape->sizes[layer];

    if (size > 1) {
        size_t area = (size_t)size * size;
        struct tape_var *w = windows(t, a, x, *side, size, 1);
        x = folded(a, w, w->rows / area);
        *side -= size - 1;
    }
    x = tape_relu(t, affine(net, t, x, layer));
    if (*side < 2)
        return x;
    x = tape_mean(t, windows(t, a, x, *side, 2, 2), 4);
    *side /= 2;
    return x;
}

static struct tape_var *
dropped(struct tape *t, struct arena *a, struct tape_var *x, double share, struct rng *r)
{
    float *mask = arena_alloc(a, x->rows * x->cols * sizeof *mask);

    for (size_t i = 0; i < x->rows * x->cols; i++)
        mask[i] = rng_f64(r) < share ? 0 : (float)(1 / (1 - share));
    return tape_mul(t, x, tape_input(t, mask, x->rows, x->cols));
}

// Logarithms of the classes' probabilities; `r`: for dropout, NULL: none.
static struct tape_var *forward(const struct net *net,
                                struct tape *t,
                                struct arena *a,
                                const float *images,
                                size_t n,
                                struct rng *r)
{
    uint32_t side = net->shape->side;
    struct tape_var *x = tape_input(t, images, n * side * side, 1);

    x = convolve(net, t, a, x, CONV1, &side);
    x = convolve(net, t, a, x, CONV2, &side);
    x = tape_relu(t, affine(net, t, folded(a, x, n), UNITS));
    if (r && net->shape->dropout > 0)
        x = dropped(t, a, x, net->shape->dropout, r);
    return tape_log_softmax(t, affine(net, t, x, CLASSES), NULL);
}

// ---- training ----------------------------------------------------------------------------
struct adam {
    double power1, power2; // beta1, beta2 to the number of steps
};

static void step(struct net *net, struct adam *adam, double rate)
{
    adam->power1 *= 0.9;
    adam->power2 *= 0.999;
    dense_adam(&(struct dense_adam){
        .w = net->w,
        .m = net->m,
        .v = net->v,
        .g = net->g,
        .n = net->n,
        .step = (float)(rate / (1 - adam->power1)),
        .shrink = 1,
        .beta1 = 0.9F,
        .beta2 = 0.999F,
        .scale2 = (float)(1 / (1 - adam->power2)),
        .epsilon = 1e-8F,
    });
    memset(net->g, 0, net->n * sizeof *net->g);
}

static void learn(struct net *net,
                  struct arena *a,
                  const struct convnet_data *d,
                  const uint32_t *order,
                  uint32_t n,
                  struct rng *r)
{
    size_t area = (size_t)net->shape->side * net->shape->side;
    float *images = arena_alloc(a, n * area * sizeof *images);
    struct tape *t = tape_begin(a);

    for (uint32_t i = 0; i < n; i++)
        memcpy(images + i * area, d->images + order[i] * area, area * sizeof *images);
    struct tape_var *y = forward(net, t, a, images, n, r);
    for (uint32_t i = 0; i < n; i++)
        y->g[i * y->cols + d->labels[order[i]]] = -1 / (float)n;
    tape_back(t);
}

static void shuffle(uint32_t *order, uint32_t n, struct rng *r)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t k = (uint32_t)rng_below(r, i), swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
}

// False: stopped.
static bool train(struct net *net,
                  struct arena *a,
                  const struct convnet_training *how,
                  const struct convnet_data *d)
{
    uint32_t *order = mem_alloc((d->n + 1) * sizeof *order);
    struct rng mix = rng_at(how->seed, ENTITY_ORDER, 0, 0);
    struct rng drop = rng_at(how->seed, ENTITY_DROPOUT, 0, 0);
    struct adam adam = {1, 1};
    bool stopped = false;

    for (uint32_t i = 0; i < d->n; i++)
        order[i] = i;
    for (uint32_t e = 0; e < how->epochs && !stopped; e++) {
        shuffle(order, d->n, &mix);
        for (uint32_t at = 0; at < d->n && !stopped; at += how->batch) {
            uint32_t left = d->n - at;
            learn(net, a, d, order + at, left < how->batch ? left : how->batch, &drop);
            step(net, &adam, how->rate);
            arena_reset(a);
            stopped = how->poll && how->poll(how->ctx);
        }
    }
    mem_free(order);
    return !stopped;
}

static struct convnet_score
test(const struct net *net, struct arena *a, const struct convnet_data *d)
{
    size_t area = (size_t)net->shape->side * net->shape->side;
    struct convnet_score s = {0};

    for (uint32_t at = 0; at < d->n; at += TEST_BATCH) {
        uint32_t n = d->n - at < TEST_BATCH ? d->n - at : TEST_BATCH;
        struct tape *t = tape_begin_plain(a);
        struct tape_var *y = forward(net, t, a, d->images + at * area, n, NULL);
        for (uint32_t i = 0; i < n; i++) {
            const float *row = y->x + i * y->cols;
            uint32_t best = 0;
            for (uint32_t k = 1; k < y->cols; k++)
                best = row[k] > row[best] ? k : best;
            s.accuracy += best == d->labels[at + i];
            s.loss -= row[d->labels[at + i]];
        }
        arena_reset(a);
    }
    s.accuracy /= d->n;
    s.loss /= d->n;
    return s;
}

struct convnet_score convnet_run(const struct convnet_shape *s,
                                 const struct convnet_training *how,
                                 const struct convnet_data *train_data,
                                 const struct convnet_data *test_data)
{
    struct arena *a = arena_create();
    struct convnet_score score = {0};
    struct net net;

    start(&net, s, how->seed);
    if (train(&net, a, how, train_data))
        score = test(&net, a, test_data);
    mem_free(net.w);
    arena_destroy(a);
    return score;
}

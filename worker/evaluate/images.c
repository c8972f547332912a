// SPDX-License-Identifier: MIT
// Convolutional networks trained on images, as DeepArchitect searches for them: real
// training, small enough that a trial takes a second.
#include <string.h>

#include "worker/evaluate/convnet.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/idx.h"

enum { CLASSES = 10, IMAGES_MAX = 50000 };

#define COUNT(name_, least, most, fallback_, help_)                                            \
    {                                                                                          \
        .name = name_, .type = PARAM_INT, .searchable = true, .min = least, .max = most,       \
        .fallback = fallback_, .help = help_                                                   \
    }
#define SIZE(name_, least, most, fallback_, help_)                                             \
    {                                                                                          \
        .name = name_, .type = PARAM_INT, .min = least, .max = most, .fallback = fallback_,    \
        .help = help_                                                                          \
    }

static const struct param params[] = {
    {.name = "images",
     .type = PARAM_STR,
     .required = true,
     .help = "where the workers find the images: an IDX file as of MNIST, .gz or not; Debian's "
             "dataset-fashion-mnist has some"},
    {.name = "labels",
     .type = PARAM_STR,
     .required = true,
     .help = "the same, of their labels"},
    COUNT("filters1", 1, 256, "8", "channels of the first convolution"),
    COUNT("size1", 1, 7, "3", "side of its filters"),
    COUNT("filters2", 1, 256, "16", "channels of the second one"),
    COUNT("size2", 1, 7, "3", "side of its filters"),
    COUNT("units", 1, 1024, "32", "of the layer before the classes"),
    {.name = "dropout",
     .type = PARAM_FLOAT,
     .searchable = true,
     .min = 0,
     .max = 0.9,
     .fallback = "0",
     .help = "share of the units that are left out at each step"},
    {.name = "rate",
     .type = PARAM_FLOAT,
     .searchable = true,
     .min = 1e-6,
     .max = 1,
     .fallback = "0.003",
     .help = "of Adam"},
    COUNT("epochs", 1, 1000, "2", "times that all training images are seen"),
    SIZE("batch", 1, 1000, "32", "images a step"),
    SIZE("shrink", 1, 8, "2", "so many pixels squared become their mean first"),
    SIZE("train", 1, IMAGES_MAX, "1000", "images to learn from: the first of the file"),
    SIZE("test", 1, IMAGES_MAX, "1000", "images that judge: those behind them"),
    {.name = NULL},
};

enum { M_ACCURACY, M_LOSS, M_WEIGHTS, N_METRICS };

static const struct metric metrics[] = {
    [M_ACCURACY] = {.name = "accuracy", .help = "share of the test images that are right"},
    [M_LOSS] = {.name = "loss", .help = "mean cross entropy of the test images"},
    [M_WEIGHTS] = {.name = "weights_n", .help = "of the network", .integer = true},
    [N_METRICS] = {.name = NULL},
};

struct state {
    struct arena *arena;
    struct value params;
    uint64_t seed;
    uint32_t side;
    struct convnet_data train, test;
};

// ---- images ------------------------------------------------------------------------------
// Means of shrink x shrink pixels, 0 to 1.
static const float *shrunk(const struct idx *images, uint32_t shrink, struct arena *a)
{
    uint32_t side = images->rows / shrink;
    float *out = arena_alloc(a, (size_t)images->n * side * side * sizeof *out), *to = out;

    for (uint32_t i = 0; i < images->n * side * side; i++, to++) {
        uint32_t image = i / (side * side), y = i / side % side, x = i % side, sum = 0;
        const uint8_t *p = images->bytes + (size_t)image * images->rows * images->cols;
        for (uint32_t k = 0; k < shrink * shrink; k++)
            sum += p[(y * shrink + k / shrink) * images->cols + x * shrink + k % shrink];
        *to = (float)sum / (255.0F * (float)(shrink * shrink));
    }
    return out;
}

static enum error read_data(struct state *s, struct errtext *t)
{
    uint32_t n_train = (uint32_t)evaluate_int(NULL, &s->params, "train", 1000);
    uint32_t n_test = (uint32_t)evaluate_int(NULL, &s->params, "test", 1000);
    uint32_t shrink = (uint32_t)evaluate_int(NULL, &s->params, "shrink", 2);
    const char *path = value_find(&s->params, "images")->s;
    struct idx images, labels;
    enum error e;

    if ((e = idx_read(path, 3, n_train + n_test, s->arena, &images, t))
        || (e = idx_read(value_find(&s->params, "labels")->s, 1, n_train + n_test, s->arena,
                         &labels, t)))
        return e;
    if (images.n < n_train + n_test || labels.n < images.n)
        return errtext_set(t, FAULT_JOB, "%s: %u images with labels, fewer than train and test",
                           path, images.n < labels.n ? images.n : labels.n);
    if (images.rows != images.cols || images.rows < shrink)
        return errtext_set(t, FAULT_JOB, "%s: images of %u x %u, expected squares", path,
                           images.rows, images.cols);
    for (uint32_t i = 0; i < images.n; i++)
        if (labels.bytes[i] >= CLASSES)
            return errtext_set(t, FAULT_JOB, "label %u is %u, expected 0 to %d", i,
                               labels.bytes[i], CLASSES - 1);
    s->side = images.rows / shrink;
    s->train = (struct convnet_data){shrunk(&images, shrink, s->arena), labels.bytes, n_train};
    s->test = (struct convnet_data){s->train.images + (size_t)n_train * s->side * s->side,
                                    labels.bytes + n_train, n_test};
    return OK;
}

// ---- the workload ------------------------------------------------------------------------
static void close_images(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

static enum error open_images(const struct workload_job *job, void **out, struct errtext *t)
{
    struct state *s = mem_alloc(sizeof *s);

    *s = (struct state){.arena = arena_create(), .seed = job->seed};
    s->params = value_copy(s->arena, job->params);
    enum error e = read_data(s, t);
    if (e) {
        close_images(s);
        return e;
    }
    *out = s;
    return OK;
}

static bool poll(void *ctx)
{
    run_progress(ctx);
    return run_cancelled(ctx);
}

static enum error run_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    double *y = r->metrics + (size_t)i * N_METRICS;
#define INT(name) ((uint32_t)evaluate_int(over, &s->params, name, 1))
    const struct convnet_shape shape = {
        .side = s->side,
        .filters = {INT("filters1"), INT("filters2")},
        .sizes = {INT("size1"), INT("size2")},
        .units = INT("units"),
        .classes = CLASSES,
        .dropout = evaluate_number(over, &s->params, "dropout"),
    };
    const struct convnet_training how = {
        .seed = s->seed,
        .epochs = INT("epochs"),
        .batch = INT("batch"),
        .rate = evaluate_number(over, &s->params, "rate"),
        .poll = poll,
        .ctx = r,
    };
#undef INT

    if (!convnet_fits(&shape))
        return errtext_set(
            t, FAULT_JOB, "filters of %u and %u do not fit images of %u, expected smaller ones",
            shape.sizes[0], shape.sizes[1], shape.side);
    struct convnet_score score = convnet_run(&shape, &how, &s->train, &s->test);
    y[M_ACCURACY] = score.accuracy;
    y[M_LOSS] = score.loss;
    y[M_WEIGHTS] = convnet_weights(&shape);
    return OK;
}

static enum error run_images(void *state, struct run *r, struct errtext *t)
{
    return evaluate_or_fault(run_item, state, r, t);
}

const struct workload workload_images = {
    .name = "images",
    .help = "Trains a convolutional network on images (MNIST, Fashion-MNIST) and tests it: two "
            "convolutions, a layer of units, ten classes.",
    .params = params,
    .metrics = metrics,
    .pure = true,
    .stall_ms = 60000,
    .open = open_images,
    .close = close_images,
    .run = run_images,
};

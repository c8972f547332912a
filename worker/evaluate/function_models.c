// SPDX-License-Identifier: MIT
// Functions with structure: NK landscapes on categories, an accelerator's cost
// model, a conditional tree, a learning curve.
#include <stdio.h>

#include "common/hash.h"
#include "common/math.h"
#include "worker/evaluate/function.h"

enum { NK_DIM_MAX = 20, NK_K = 3 };

struct landscape {
    size_t n;
    uint64_t seed;
    uint8_t arity[NK_DIM_MAX];
};

static const struct landscape nk_plain = {
    20, 12345, {4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4}};
static const struct landscape nk_dram = {10, 777, {4, 3, 3, 8, 2, 2, 8, 8, 3, 8}};

// 1 - mean of one hashed contribution per place, each of the place's category
// and its next NK_K neighbours' around the ring.
static enum error
nk(const struct landscape *l, const struct point *p, double *y, struct errtext *t)
{
    uint64_t category[NK_DIM_MAX];

    for (size_t i = 0; i < l->n; i++) {
        double x = p->x[i];
        if (!(x >= 0 && x < l->arity[i] && x == (double)(uint64_t)x))
            return errtext_set(t, FAULT_JOB, "x[%zu] is no category from 0 to %d", i,
                               l->arity[i] - 1);
        category[i] = (uint64_t)x;
    }
    double sum = 0;
    for (size_t i = 0; i < l->n; i++) {
        uint64_t h = hash_mix64(l->seed ^ i);
        for (size_t j = 0; j <= NK_K; j++)
            h = hash_mix64(h ^ (category[(i + j) % l->n] + 1));
        sum += (double)(h >> 11) * 0x1p-53;
    }
    *y = 1 - sum / (double)l->n;
    return OK;
}

static enum error nk_n20_q4_k3(const struct point *p, double *y, struct errtext *t)
{
    return nk(&nk_plain, p, y, t);
}

static enum error nk_dram_k3(const struct point *p, double *y, struct errtext *t)
{
    return nk(&nk_dram, p, y, t);
}

// The accelerator's parameters in the order of an index vector.  Lists end
// with 0.
enum { PE_X, PE_Y, L1_KB, L2_KB, BW, DATAFLOW, BATCH, FREQ_MHZ, N_ACCEL };

static const struct {
    const char *name;
    int values[8];
} accel_axis[N_ACCEL] = {
    [PE_X] = {"pe_x", {1, 2, 4, 8, 16, 32}},
    [PE_Y] = {"pe_y", {1, 2, 4, 8, 16, 32}},
    [L1_KB] = {"l1_kb", {1, 2, 4, 8, 16, 32, 64}},
    [L2_KB] = {"l2_kb", {32, 64, 128, 256, 512, 1024}},
    [BW] = {"bw", {4, 8, 16, 32, 64}},
    [DATAFLOW] = {"dataflow", {1, 2, 3}}, // stand for ws, os, is
    [BATCH] = {"batch", {1, 2, 4, 8}},
    [FREQ_MHZ] = {"freq_mhz", {200, 400, 600, 800, 1000}},
};

static const char *const dataflows[] = {"ws", "os", "is", NULL};

static enum error
accel_by_index(const struct value *index, double v[N_ACCEL], struct errtext *t)
{
    if (index->type != VALUE_LIST || index->n != N_ACCEL)
        return errtext_set(t, FAULT_JOB, "index is no list of %d integers", N_ACCEL);
    for (int i = 0; i < N_ACCEL; i++) {
        const struct value *at = &index->items[i];
        double x = value_is_number(at) ? value_number(at) : -1;
        if (!(x >= 0 && x < 8 && x == (int)x && accel_axis[i].values[(int)x]))
            return errtext_set(t, FAULT_JOB, "index[%d] is no place in the list of %s", i,
                               accel_axis[i].name);
        v[i] = i == DATAFLOW ? x : accel_axis[i].values[(int)x];
    }
    return OK;
}

static enum error accel_by_name(const struct point *p, double v[N_ACCEL], struct errtext *t)
{
    for (int i = 0; i < N_ACCEL; i++) {
        int choice = 0;
        enum error e = i == DATAFLOW
                           ? function_choice(p, accel_axis[i].name, dataflows, &choice, t)
                           : function_number(p, accel_axis[i].name, &v[i], t);
        if (e)
            return e;
        if (i == DATAFLOW) {
            v[i] = choice;
            continue;
        }
        int j = 0;
        while (accel_axis[i].values[j] && accel_axis[i].values[j] != v[i])
            j++;
        if (!accel_axis[i].values[j])
            return errtext_set(t, FAULT_JOB, "%s has no value %g", accel_axis[i].name, v[i]);
    }
    return OK;
}

// Quotient of positive numbers, rounded up; all operands are exact integers.
static double ceil_div(double a, double b)
{
    uint64_t q = (uint64_t)(a / b);
    return (double)(q + ((double)q * b < a));
}

struct layer {
    double k, c, p, q, r, s;
};

// Cycles and picojoules of one layer, added to *cycles and *pj.
static void
accel_layer(const struct layer *l, const double v[N_ACCEL], double *cycles, double *pj)
{
    double n = v[PE_X] * v[PE_Y];
    double macs = l->k * l->c * l->p * l->q * l->r * l->s * v[BATCH];
    const double d1[] = {l->k, l->p, l->c}, d2[] = {l->c, l->q, l->q};
    int flow = (int)v[DATAFLOW];
    double ux = d1[flow] / (ceil_div(d1[flow], v[PE_X]) * v[PE_X]);
    double uy = d2[flow] / (ceil_div(d2[flow], v[PE_Y]) * v[PE_Y]);
    double compute = macs / (n * ux * uy);
    double weights = l->k * l->c * l->r * l->s;
    double in = l->c * (l->p + l->r - 1) * (l->q + l->s - 1) * v[BATCH];
    double out = l->k * l->p * l->q * v[BATCH];
    double stationary = (const double[]){weights, out, in}[flow];
    double others = weights + in + out - stationary;
    double dram = stationary + ceil_div(stationary, v[L2_KB] * 512) * others;
    double l2 = stationary + ceil_div(stationary, v[L1_KB] * 512 * n) * others;
    double slowest = compute;
    slowest = dram / v[BW] > slowest ? dram / v[BW] : slowest;
    slowest = l2 / (4 * v[BW]) > slowest ? l2 / (4 * v[BW]) : slowest;
    *cycles += slowest;
    *pj +=
        macs * (0.5 + 2 * (0.3 + 0.02 * v[L1_KB])) + l2 * (2 + 0.005 * v[L2_KB]) + dram * 100;
}

static enum error accel(const struct point *p, double *y, struct errtext *t)
{
    static const struct layer layers[] = {
        {64, 64, 56, 56, 3, 3}, {256, 128, 14, 14, 3, 3}, {512, 512, 7, 7, 1, 1}};
    double v[N_ACCEL] = {0}, cycles = 0, pj = 0;
    const struct value *index = function_find(p, "index");
    enum error e = index ? accel_by_index(index, v, t) : accel_by_name(p, v, t);
    if (e)
        return e;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        accel_layer(&layers[i], v, &cycles, &pj);
    double area = v[PE_X] * v[PE_Y] * (0.002 + 0.0008 * v[L1_KB]) + v[L2_KB] * 0.0015
                  + v[BW] * 0.01 + 0.5;
    double volts = 0.6 + 0.4 * v[FREQ_MHZ] / 1000;
    double latency = cycles / (v[FREQ_MHZ] * 1e3) / v[BATCH];
    double energy = pj * volts * volts / 1e9 / v[BATCH] + area * 2e-3 * latency;
    double over = area > 4 ? area - 4 : 0;
    y[0] = latency * energy * (1 + 10 * over / 4);
    y[1] = latency;
    y[2] = energy;
    y[3] = area;
    return OK;
}

static double square(double x)
{
    return x * x;
}

static enum error
positive(const struct point *p, const char *name, double *out, struct errtext *t)
{
    enum error e = function_number(p, name, out, t);
    if (!e && !(*out > 0))
        e = errtext_set(t, FAULT_JOB, "%s is not above 0", name);
    return e;
}

static enum error tree_svm(const struct point *p, double *y, struct errtext *t)
{
    static const char *const kernels[] = {"linear", "rbf", NULL};
    double c, gamma;
    int kernel;
    enum error e = positive(p, "svm.C", &c, t);
    if (!e)
        e = function_choice(p, "svm.kernel", kernels, &kernel, t);
    if (e)
        return e;
    *y = 0.26 + 0.02 * square(math_log10(c) - 1);
    if (kernel == 0) {
        *y += 0.10;
        return OK;
    }
    e = positive(p, "svm.rbf.gamma", &gamma, t);
    if (!e)
        *y += 0.05 * square(math_log10(gamma) + 2);
    return e;
}

static enum error tree_forest(const struct point *p, double *y, struct errtext *t)
{
    static const char *const criteria[] = {"gini", "entropy", "log_loss", NULL};
    static const double cost[] = {0.01, 0, 0.02};
    double trees, depth;
    int criterion;
    enum error e = positive(p, "forest.trees", &trees, t);
    if (!e)
        e = function_number(p, "forest.depth", &depth, t);
    if (!e)
        e = function_choice(p, "forest.criterion", criteria, &criterion, t);
    if (!e)
        *y = 0.22 + 0.03 * square(math_log10(trees) - 2.3) + 0.002 * square(depth - 12)
             + cost[criterion];
    return e;
}

static enum error tree_mlp_layers(const struct point *p, double *y, struct errtext *t)
{
    double layers;
    enum error e = function_number(p, "mlp.layers", &layers, t);
    if (e)
        return e;
    int n = layers >= 1 && layers <= 4 ? (int)layers : 0;
    if (n != layers)
        return errtext_set(t, FAULT_JOB, "mlp.layers is no integer from 1 to 4");
    *y = 0.15 + 0.05 * (n < 3 ? 3 - n : n - 3);
    for (int i = 0; i < n; i++) {
        char name[24];
        double units;
        snprintf(name, sizeof name, "mlp.units%d", i);
        e = positive(p, name, &units, t);
        if (e)
            return e;
        *y += 0.01 * square(math_log2(units) - (9 - i)) / n;
    }
    return OK;
}

static enum error tree_mlp(const struct point *p, double *y, struct errtext *t)
{
    static const char *const optimisers[] = {"sgd", "adam", NULL};
    double lr, momentum;
    int optimiser;
    enum error e = tree_mlp_layers(p, y, t);
    if (!e)
        e = function_choice(p, "mlp.opt", optimisers, &optimiser, t);
    if (!e)
        e = positive(p, "mlp.lr", &lr, t);
    if (e)
        return e;
    if (optimiser == 1) {
        *y += 0.01 + 0.04 * square(math_log10(lr) + 3);
        return OK;
    }
    e = function_number(p, "mlp.sgd.momentum", &momentum, t);
    if (!e)
        *y += 0.04 * square(math_log10(lr) + 1.5) + 0.1 * square(momentum - 0.9);
    return e;
}

static enum error condtree(const struct point *p, double *y, struct errtext *t)
{
    static const char *const models[] = {"svm", "forest", "mlp", NULL};
    static const function_fn branch[] = {tree_svm, tree_forest, tree_mlp};
    int model;
    enum error e = function_choice(p, "model", models, &model, t);
    return e ? e : branch[model](p, y, t);
}

static enum error curve(const struct point *p, double *y, struct errtext *t)
{
    double lr, wd, width, epochs = 81;
    enum error e = positive(p, "lr", &lr, t);
    if (!e)
        e = positive(p, "wd", &wd, t);
    if (!e)
        e = positive(p, "width", &width, t);
    if (!e && function_find(p, "t"))
        e = positive(p, "t", &epochs, t);
    if (e)
        return e;
    double u = math_log10(lr) + 2, q = math_log10(wd) + 4, w = math_log2(width) - 7;
    if (u > 1.5) { // diverged
        *y = 0.9 + 0.1 * u;
        return OK;
    }
    *y = 0.05 + 0.02 * u * u + 0.01 * q * q + 0.005 * w * w
         + 0.85 * math_pow(epochs, -(0.45 + 0.25 * math_tanh(u)));
    return OK;
}

const struct function function_models[] = {
    {"nk_n20_q4_k3", nk_n20_q4_k3, 20, 20, {"value"}},
    {"nk_dram_k3", nk_dram_k3, 10, 10, {"value"}},
    {"accel_edp", accel, 0, 0, {"value"}},
    {"accel", accel, 0, 0, {"value", "latency", "energy", "area"}},
    {"condtree", condtree, 0, 0, {"value"}},
    {"curve", curve, 0, 0, {"value"}},
    {.name = NULL},
};

// SPDX-License-Identifier: MIT
#include "worker/experts/route.h"

#include <math.h>
#include <string.h>

#include "worker/tensor/curves.h"
#include "worker/tensor/kernels.h"

// Renormalised weights are divided by at least this.
#define LEAST_SUM 0x1p-14F

static void score(const struct hyper *h, float *s)
{
    if (h->sigmoid) {
        for (uint32_t i = 0; i < h->n_experts; i++)
            s[i] = curves_sigmoid(s[i]);
        return;
    }
    float most = s[0];
    for (uint32_t i = 1; i < h->n_experts; i++)
        most = s[i] > most ? s[i] : most;
    float sum = curves_exp_from(s, s, most, h->n_experts);
    for (uint32_t i = 0; i < h->n_experts; i++)
        s[i] /= sum;
}

static uint32_t take_best(float *choice, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (choice[i] > choice[best])
            best = i;
    choice[best] = -INFINITY;
    return best;
}

// The sum of a group's two largest.
static float group_score(const float *choice, uint32_t n)
{
    float first = -INFINITY, second = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (choice[i] > first) {
            second = first;
            first = choice[i];
        } else if (choice[i] > second) {
            second = choice[i];
        }
    }
    return n > 1 ? first + second : first;
}

// Whether group g is among the best: fewer than n_groups_used are before it.
static bool group_is_used(const struct hyper *h, const float *choice, uint32_t g)
{
    uint32_t n = h->n_experts / h->n_groups, before = 0;
    float mine = group_score(choice + (size_t)g * n, n);
    for (uint32_t i = 0; i < h->n_groups; i++) {
        float other = group_score(choice + (size_t)i * n, n);
        before += other > mine || (other >= mine && i < g);
    }
    return before < h->n_groups_used;
}

// With groups: `choice` with those not used struck out.  `s` is only read.
static void keep_groups(const struct hyper *h, const float *s, const float *bias, float *choice)
{
    for (uint32_t i = 0; i < h->n_experts; i++)
        choice[i] = s[i] + (bias ? bias[i] : 0);
    if (h->n_groups == 1)
        return;
    uint32_t n = h->n_experts / h->n_groups;
    bool used[MODEL_GROUPS_MAX] = {false};
    for (uint32_t g = 0; g < h->n_groups; g++)
        used[g] = group_is_used(h, choice, g);
    for (uint32_t i = 0; i < h->n_experts; i++)
        if (!used[i / n])
            choice[i] = -INFINITY;
}

static void sort_ascending(uint16_t *expert, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        uint16_t e = expert[i];
        uint32_t at = i;
        for (; at > 0 && expert[at - 1] > e; at--)
            expert[at] = expert[at - 1];
        expert[at] = e;
    }
}

void route_token(const struct hyper *h,
                 float *logits,
                 const float *bias,
                 float *choice,
                 uint16_t *expert,
                 float *weight)
{
    score(h, logits);
    keep_groups(h, logits, bias, choice);
    for (uint32_t k = 0; k < h->top_k; k++)
        expert[k] = (uint16_t)take_best(choice, h->n_experts);
    sort_ascending(expert, h->top_k);
    float sum = 0;
    for (uint32_t k = 0; k < h->top_k; k++)
        sum += weight[k] = logits[expert[k]];
    if (!h->renormalise)
        sum = 1;
    else if (sum < LEAST_SUM)
        sum = LEAST_SUM;
    for (uint32_t k = 0; k < h->top_k; k++)
        weight[k] = weight[k] / sum * h->weights_scale;
}

// SPDX-License-Identifier: MIT
// model_params.h - the parameters that every workload with a language model takes:
// which one, and how it is worked with.  generate.c reads them.
//
// MODEL_PARAM and MODEL_PARAMS are rows of a table of struct param.

#ifndef WORKER_EVALUATE_MODEL_PARAMS_H
#define WORKER_EVALUATE_MODEL_PARAMS_H

#include "worker/tensor/team.h"

enum { MODEL_REPLICAS_MAX = 65536 };

static const char *const model_numerics[] = {"exact", "fast", NULL};
static const char *const model_attention[] = {"split", "replicate", NULL};
static const char *const model_placement[] = {"contiguous", "round-robin", "balanced", NULL};
static const char *const model_experts[] = {"measured", "sliced", "whole", NULL};
static const char *const model_kv[] = {"f32", "f16", "q8_0", NULL};

#define MODEL_PARAM                                                                            \
    {                                                                                          \
        .name = "model", .type = PARAM_STR, .required = true,                                  \
        .help = "the GGUF file: a path that the workers see, or a name among files"            \
    }

#define MODEL_PARAMS                                                                           \
    {.name = "numerics",                                                                       \
     .type = PARAM_STR,                                                                        \
     .choices = model_numerics,                                                                \
     .fallback = "exact",                                                                      \
     .help = "exact: float32 activations; fast: of eight bits where weights are quantised"},   \
        {.name = "threads",                                                                    \
         .type = PARAM_INT,                                                                    \
         .min = 1,                                                                             \
         .max = TEAM_MAX,                                                                      \
         .fallback = "1",                                                                      \
         .help = "of each rank; changes no result"},                                           \
        {.name = "attention",                                                                  \
         .type = PARAM_STR,                                                                    \
         .choices = model_attention,                                                           \
         .fallback = "split",                                                                  \
         .help = "on a gang: heads split over its ranks, or all of it on each"},               \
        {.name = "placement",                                                                  \
         .type = PARAM_STR,                                                                    \
         .choices = model_placement,                                                           \
         .fallback = "contiguous",                                                             \
         .help = "which ranks of a gang compute which whole experts (placement.h); balanced "  \
                 "follows the loads measured so far; changes no result"},                      \
        {.name = "replicas",                                                                   \
         .type = PARAM_INT,                                                                    \
         .min = 0,                                                                             \
         .max = MODEL_REPLICAS_MAX,                                                            \
         .help = "copies of experts that each rank has beyond its share, of whole experts; "   \
                 "an eighth of its share when balanced, else 0; changes no result"},           \
        {.name = "experts",                                                                    \
         .type = PARAM_STR,                                                                    \
         .choices = model_experts,                                                             \
         .fallback = "measured",                                                               \
         .help = "on a gang: every rank a slice of each, or whole ones by placement, or what " \
                 "was faster for each size of batch; changes no result"},                      \
        {.name = "kv",                                                                         \
         .type = PARAM_STR,                                                                    \
         .choices = model_kv,                                                                  \
         .help = "what keys and values are stored as; f32, with fast numerics f16"},           \
    {                                                                                          \
        .name = "chat", .type = PARAM_STR,                                                     \
        .help = "the chat template of messages by its family's name; the model's own when "    \
                "left out"                                                                     \
    }

#endif

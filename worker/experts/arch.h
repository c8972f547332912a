// SPDX-License-Identifier: MIT
// arch.h - the architectures: one row each, of what they differ in.
//
// Threads    Read-only.

#ifndef WORKER_EXPERTS_ARCH_H
#define WORKER_EXPERTS_ARCH_H

#include <stdbool.h>

enum arch_pairs { ARCH_NEIGHBOURS, ARCH_HALVES };                      // what RoPE rotates
enum arch_qk_norm { ARCH_NORM_NONE, ARCH_NORM_WHOLE, ARCH_NORM_HEAD }; // before RoPE

struct arch {
    const char *name; // general.architecture
    enum arch_pairs pairs;
    enum arch_qk_norm qk_norm;
    bool bias;        // on q, k and v
    bool mla;         // latent attention
    bool shared_gate; // the shared expert is scaled by a sigmoid gate
    bool experts;     // must have experts
    bool renormalise; // when the file does not say
};

extern const struct arch arch_table[]; // ended by a row without a name
const struct arch *arch_find(const char *name);

#endif

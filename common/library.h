// SPDX-License-Identifier: MIT
// library.h - a shared library that is loaded when somebody first needs it.
//
// For libraries that few runs use: linking to one costs every start of every process.
//
// Ownership  Once loaded it stays until the process ends.
// Threads    Callers see to it that one of them loads at a time.

#ifndef COMMON_LIBRARY_H
#define COMMON_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct library_function {
    const char *name;
    void *at; // where its pointer goes
};

struct library {
    const char *file;
    const struct library_function *functions;
    size_t n;
    bool loaded; // false in the beginning
};

// Loads it unless it is loaded already.  False: it is not installed, or lacks one of them.
bool library_load(struct library *l);

#endif

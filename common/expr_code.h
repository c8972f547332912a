// SPDX-License-Identifier: MIT
// expr_code.h - what an expression is compiled to, code for a stack of values: for the
// files named expr, and for programs (coordinator/search/program.c), which take it apart.
//
// Threads    Read-only.

#ifndef COMMON_EXPR_CODE_H
#define COMMON_EXPR_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/value.h"

enum expr_op {
    EXPR_CONSTANT, // push constants[arg]
    EXPR_NAME,     // push the value of names[arg]
    EXPR_LIST,     // pop n, push their list
    EXPR_CALL,     // pop n, push functions[arg] of them
    EXPR_IF,       // pop other, condition, value
    EXPR_INDEX,    // from here on: pop two, push one
    EXPR_ADD,
    EXPR_SUB,
    EXPR_MUL,
    EXPR_DIV,
    EXPR_MOD,
    EXPR_POW,
    EXPR_EQ,
    EXPR_NE,
    EXPR_LT,
    EXPR_LE,
    EXPR_GT,
    EXPR_GE,
    EXPR_IN,
    EXPR_NOT_IN,
    EXPR_AND,
    EXPR_OR,
    EXPR_NEG, // from here on: replace the top
    EXPR_NOT,
};

enum { EXPR_CODE_MAX = 16384, EXPR_STACK_MAX = 256 };

struct expr_instr {
    uint16_t op;
    uint16_t n;
    uint32_t arg;
};

struct expr {
    uint32_t n_code;
    uint32_t n_names;
    const struct expr_instr *code;
    const struct value *constants;
    const char *const *names;
};

struct expr_function {
    const char *name; // NULL ends the table
    uint32_t min_args;
    uint32_t max_args;
    struct value (*call)(const struct value *args, uint32_t n);
};

extern const struct expr_function expr_functions[];

// + - * / % ** and < <= > >= of numbers; expr_eval.c.
double expr_arithmetic(enum expr_op op, double x, double y);
bool expr_ordered(enum expr_op op, double x, double y);

#endif

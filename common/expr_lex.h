// SPDX-License-Identifier: MIT
// expr_lex.h - for expr.c only: an expression's tokens and what is wrong with
// them.
//
// An error sticks: from then on there are no more tokens, so that every
// function of the grammar finds its end and returns.
//
// Threads    Confined to the compiling thread.

#ifndef COMMON_EXPR_LEX_H
#define COMMON_EXPR_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum expr_token_type {
    EXPR_TOKEN_END,
    EXPR_TOKEN_NUMBER,
    EXPR_TOKEN_TEXT, // with its quotes
    EXPR_TOKEN_NAME,
    EXPR_TOKEN_SIGN,
};

struct expr_token {
    enum expr_token_type type;
    const char *s;
    size_t n;
};

struct expr_lexer {
    const char *text;
    const char *end;
    const char *at; // behind the token
    struct expr_token token;
    enum error e;
    struct errtext *t;
};

void expr_advance(struct expr_lexer *x);
bool expr_is(const struct expr_lexer *x, const char *word); // a sign or a name
bool expr_accept(struct expr_lexer *x, const char *word);   // and go on, if it is
void expr_expect(struct expr_lexer *x, const char *sign, const char *expected);
// "column n: what" at the place of `at`; the first error counts.
void expr_fail(struct expr_lexer *x, enum error e, const char *at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void expr_unexpected(struct expr_lexer *x, const char *expected); // the token is

#endif

// SPDX-License-Identifier: MIT
#include "common/expr_lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 40 }; // bytes of a token in a message

// ---- errors -----------------------------------------------------------------

void expr_fail(struct expr_lexer *x, enum error e, const char *at, const char *fmt, ...)
{
    char what[400];
    unsigned column = 1;
    va_list ap;

    if (x->e)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    for (char *p = what; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    for (const char *p = x->text; p < at; p++)
        column += ((unsigned char)*p & 0xc0) != 0x80;
    x->e = errtext_set(x->t, e, "column %u: %s", column, what);
    x->token = (struct expr_token){EXPR_TOKEN_END, x->end, 0};
    x->at = x->end;
}

void expr_unexpected(struct expr_lexer *x, const char *expected)
{
    int shown = (int)(x->token.n > SHOWN_MAX ? SHOWN_MAX : x->token.n);

    while (shown > 0 && (size_t)shown < x->token.n && (x->token.s[shown] & 0xc0) == 0x80)
        shown--;
    if (x->token.type == EXPR_TOKEN_END)
        expr_fail(x, ERR_PARSE, x->token.s, "the expression ends, expected %s", expected);
    else
        expr_fail(x, ERR_PARSE, x->token.s, "'%.*s', expected %s", shown, x->token.s, expected);
}

// ---- tokens -----------------------------------------------------------------

static bool is_digit(const struct expr_lexer *x, const char *p)
{
    return p < x->end && *p >= '0' && *p <= '9';
}

static bool is_letter(const struct expr_lexer *x, const char *p)
{
    if (p >= x->end)
        return false;
    unsigned char u = (unsigned char)*p;
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u == '_' || u >= 0x80;
}

static const char *number_end(const struct expr_lexer *x, const char *p)
{
    while (is_digit(x, p))
        p++;
    if (p < x->end && *p == '.')
        p++;
    while (is_digit(x, p))
        p++;
    if (p < x->end && (*p == 'e' || *p == 'E')) {
        const char *q = p + 1;
        q += q < x->end && (*q == '+' || *q == '-');
        if (is_digit(x, q))
            p = q;
        while (is_digit(x, p))
            p++;
    }
    // A number that runs into letters is shown whole.
    while (is_letter(x, p) || is_digit(x, p))
        p++;
    return p;
}

static const char *name_end(const struct expr_lexer *x, const char *p)
{
    while (is_letter(x, p) || is_digit(x, p)
           || (p < x->end && *p == '.' && (is_letter(x, p + 1) || is_digit(x, p + 1))))
        p++;
    return p;
}

// Behind the closing quote; NULL: there is none.
static const char *text_end(const struct expr_lexer *x, const char *p)
{
    char quote = *p++;

    for (; p < x->end && *p != quote; p++)
        if (*p == '\\' && p + 1 < x->end)
            p++;
    return p < x->end ? p + 1 : NULL;
}

// Signs of other languages, and what to write instead.
static const char *foreign_sign(const char *s, size_t n)
{
    static const struct {
        const char *sign;
        const char *ours;
    } known[] = {
        {"&&", "'and'"}, {"||", "'or'"}, {"//", "floor(a / b)"}, {"!", "'not'"},
        {"=", "'=='"},   {"^", "'**'"},  {"<>", "'!='"},         {"?", "'a if c else b'"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].sign) == n && memcmp(s, known[i].sign, n) == 0)
            return known[i].ours;
    return NULL;
}

static void read_sign(struct expr_lexer *x, const char *p)
{
    static const char *const two[] = {"**", "==", "!=", "<=", ">=", "&&", "||", "//", "<>"};
    size_t n = 1;

    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (x->end - p >= 2 && memcmp(p, two[i], 2) == 0)
            n = 2;
    x->token = (struct expr_token){EXPR_TOKEN_SIGN, p, n};
    x->at = p + n;
    const char *ours = foreign_sign(p, n);
    if (ours)
        expr_fail(x, ERR_PARSE, p, "'%.*s', expected %s", (int)n, p, ours);
    else if (n == 1 && (*p < ' ' || !strchr("+-*/%<>()[],", *p)))
        expr_fail(x, ERR_PARSE, p, "a character that means nothing here, expected %s",
                  "a name, a number or an operator");
}

void expr_advance(struct expr_lexer *x)
{
    const char *p = x->at;

    while (p < x->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    x->token = (struct expr_token){EXPR_TOKEN_END, p, 0};
    x->at = p;
    if (p == x->end)
        return;
    if (is_digit(x, p) || (*p == '.' && is_digit(x, p + 1))) {
        x->token.type = EXPR_TOKEN_NUMBER;
        x->at = number_end(x, p);
    } else if (is_letter(x, p)) {
        x->token.type = EXPR_TOKEN_NAME;
        x->at = name_end(x, p);
    } else if (*p == '\'' || *p == '"') {
        const char *end = text_end(x, p);
        if (!end) {
            expr_fail(x, ERR_PARSE, p, "a text is not closed, expected %c at its end", *p);
            return;
        }
        x->token.type = EXPR_TOKEN_TEXT;
        x->at = end;
    } else {
        read_sign(x, p);
        return;
    }
    x->token.n = (size_t)(x->at - p);
}

bool expr_is(const struct expr_lexer *x, const char *word)
{
    const struct expr_token *k = &x->token;
    return (k->type == EXPR_TOKEN_SIGN || k->type == EXPR_TOKEN_NAME) && strlen(word) == k->n
           && memcmp(k->s, word, k->n) == 0;
}

bool expr_accept(struct expr_lexer *x, const char *word)
{
    bool found = expr_is(x, word);
    if (found)
        expr_advance(x);
    return found;
}

void expr_expect(struct expr_lexer *x, const char *sign, const char *expected)
{
    if (!expr_accept(x, sign))
        expr_unexpected(x, expected);
}

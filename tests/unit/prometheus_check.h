// SPDX-License-Identifier: MIT
// prometheus_check.h - is a text what Prometheus reads?
//
// Families once, help and type before the samples, a sample only below its family,
// counters named _total, label names and escapes as they must be, no series twice.
//
// Threads    Any; pure.

#ifndef TESTS_UNIT_PROMETHEUS_CHECK_H
#define TESTS_UNIT_PROMETHEUS_CHECK_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prometheus_reader {
    const char *text, *p;
    char name[128], type[16]; // of the family
    bool has_type;
};

static inline size_t prometheus_name(const char *s)
{
    size_t n = 0;
    while (isalpha((unsigned char)s[n]) || s[n] == '_' || (n && isdigit((unsigned char)s[n])))
        n++;
    return n;
}

static inline const char *prometheus_comment(struct prometheus_reader *r)
{
    char line[160];
    size_t n = prometheus_name(r->p + 7);
    if (!n || n >= sizeof r->name || r->p[7 + n] != ' ')
        return "no name";
    if (strncmp(r->p, "# HELP ", 7) == 0) {
        memcpy(r->name, r->p + 7, n);
        r->name[n] = 0;
        r->has_type = false;
        (void)snprintf(line, sizeof line, "# HELP %s ", r->name);
        return strstr(r->text, line) == r->p ? NULL : "a family twice";
    }
    if (strncmp(r->p, "# TYPE ", 7) != 0)
        return "an unknown comment";
    if (strlen(r->name) != n || strncmp(r->name, r->p + 7, n) != 0 || r->has_type)
        return "TYPE does not follow its HELP";
    size_t m = strcspn(r->p + 8 + n, "\n");
    if (m >= sizeof r->type)
        return "an unknown type";
    memcpy(r->type, r->p + 8 + n, m);
    r->type[m] = 0;
    r->has_type = true;
    bool counter = strcmp(r->type, "counter") == 0;
    if (counter && (n < 6 || strcmp(r->name + n - 6, "_total") != 0))
        return "a counter whose name does not end in _total";
    return counter || !strcmp(r->type, "gauge") || !strcmp(r->type, "histogram")
               ? NULL
               : "an unknown type";
}

static inline const char *prometheus_labels(const char **at)
{
    const char *p = *at + 1;
    for (;;) {
        size_t n = prometheus_name(p);
        if (!n || p[n] != '=' || p[n + 1] != '"')
            return "a label without a name";
        for (p += n + 2; *p && *p != '"' && *p != '\n'; p++)
            if (*p == '\\' && (!*++p || !strchr("\\\"n", *p)))
                return "an unknown escape";
        if (*p++ != '"')
            return "a label's value does not end";
        if (*p == '}')
            break;
        if (*p++ != ',')
            return "labels do not end";
    }
    *at = p + 1;
    return NULL;
}

static inline bool prometheus_belongs(const struct prometheus_reader *r, size_t n)
{
    static const char *const parts[] = {"_bucket", "_sum", "_count", NULL};
    size_t m = strlen(r->name);
    bool whole = n == m && strncmp(r->p, r->name, n) == 0;
    if (strcmp(r->type, "histogram") != 0)
        return whole;
    for (int i = 0; parts[i]; i++)
        if (n == m + strlen(parts[i]) && strncmp(r->p, r->name, m) == 0
            && strncmp(r->p + m, parts[i], n - m) == 0)
            return true;
    return false;
}

static inline bool prometheus_seen(const struct prometheus_reader *r, size_t n)
{
    for (const char *p = r->text; p < r->p; p = strchr(p, '\n') + 1)
        if (strncmp(p, r->p, n) == 0 && p[n] == ' ')
            return true;
    return false;
}

static inline const char *prometheus_line(struct prometheus_reader *r)
{
    size_t n = prometheus_name(r->p);
    const char *at = r->p + n;
    const char *wrong = *at == '{' ? prometheus_labels(&at) : NULL;
    char *end;
    if (wrong)
        return wrong;
    if (!r->has_type || !prometheus_belongs(r, n))
        return "a sample outside of its family";
    if (*at != ' ')
        return "no blank before the number";
    if (prometheus_seen(r, (size_t)(at - r->p)))
        return "a series twice";
    (void)strtod(at + 1, &end);
    return end > at + 1 && *end == '\n' ? NULL : "no number";
}

// NULL: it is; else what is wrong first.
static inline const char *prometheus_wrong(const char *text)
{
    struct prometheus_reader r = {.text = text, .p = text};
    while (*r.p) {
        const char *end = strchr(r.p, '\n');
        if (!end)
            return "the last line does not end";
        const char *wrong = *r.p == '#' ? prometheus_comment(&r) : prometheus_line(&r);
        if (wrong)
            return wrong;
        r.p = end + 1;
    }
    return NULL;
}

#endif

// SPDX-License-Identifier: MIT
#include "cluster/client/target.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/yaml.h"

static const char *default_state(struct arena *a)
{
    const char *base = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (base && *base == '/')
        return arena_printf(a, "%s/shoal", base);
    if (!home || !*home) {
        const struct passwd *me = getpwuid(getuid());
        home = me ? me->pw_dir : "";
    }
    return *home ? arena_printf(a, "%s/.local/state/shoal", home) : NULL;
}

enum error
target_state(const char *option, struct arena *a, const char **out, struct errtext *t)
{
    char cwd[PATH_MAX];
    const char *dir = option && *option ? option : default_state(a);
    if (!dir)
        return errtext_set(t, ERR_INVALID, "no home directory; name one with --state DIR");
    if (*dir == '/') {
        *out = dir;
        return OK;
    }
    if (!getcwd(cwd, sizeof cwd))
        return errtext_set(t, ERR_IO, "the working directory: %s", strerror(errno));
    *out = arena_printf(a, "%s/%s", cwd, dir);
    return OK;
}

// Options hold the very string of the environment where no flag was given.
static bool is_flag(const char *option, const char *variable)
{
    return option && option != getenv(variable);
}

static enum error read_announcement(const char *dir,
                                    struct arena *a,
                                    const char **endpoint,
                                    const char **keys,
                                    struct errtext *t)
{
    char text[8192];
    struct value v;
    const char *path = arena_printf(a, "%s/coordinator.json", dir);
    FILE *f = fopen(path, "re");
    if (!f)
        return errtext_set(t, ERR_CLOSED,
                           "no coordinator runs in %s; 'shoal up' starts one, or name one "
                           "with --coordinator URL",
                           dir);
    size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    enum error e = yaml_parse(text, n, path, a, &v, t);
    const struct value *url = e ? NULL : value_find(&v, "endpoint");
    const struct value *key_dir = e ? NULL : value_find(&v, "keys");
    if (!url || url->type != VALUE_STR)
        return errtext_set(t, ERR_CLOSED, "%s does not say where the coordinator listens",
                           path);
    *endpoint = url->s;
    if (!*keys && key_dir && key_dir->type == VALUE_STR)
        *keys = key_dir->s;
    return OK;
}

enum error target_find(const struct target *g,
                       struct arena *a,
                       const char **endpoint,
                       const char **keys,
                       struct errtext *t)
{
    const char *dir = NULL;
    bool by_state =
        is_flag(g->state, "SHOAL_STATE") && !is_flag(g->coordinator, "SHOAL_COORDINATOR");
    bool given = g->coordinator && !by_state;
    bool ipc = given && strncmp(g->coordinator, "tcp:", 4) != 0;
    *endpoint = g->coordinator;
    *keys = ipc ? NULL : g->keys;
    if (ipc || (given && *keys))
        return OK;
    enum error e = target_state(g->state, a, &dir, t);
    if (!e && !given)
        e = read_announcement(dir, a, endpoint, keys, t);
    else if (!e)
        *keys = arena_printf(a, "%s/keys", dir);
    return e;
}

enum error
target_open(const struct target *g, struct arena *a, struct caller **out, struct errtext *t)
{
    struct caller_options o = {0};
    enum error e = target_find(g, a, &o.endpoint, &o.key_dir, t);
    return e ? e : caller_open(&o, out, t);
}

enum error target_ask(const struct target *g,
                      const char *verb,
                      const struct value *args,
                      struct arena *a,
                      struct value *reply,
                      struct errtext *t)
{
    struct caller *c = NULL;
    enum error e = target_open(g, a, &c, t);
    if (!e)
        e = caller_call(c, verb, args, a, reply, t);
    caller_close(c);
    return e;
}

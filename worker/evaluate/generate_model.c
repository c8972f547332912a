// SPDX-License-Identifier: MIT
#include "worker/evaluate/generate_model.h"

#include <sys/stat.h>

#include "common/mem.h"
#include "worker/experts/tokenizer_gguf.h"

struct entry {
    struct generate_model m; // first: an entry is known by it
    struct stat file;
    uint32_t n_users;
    struct entry *next;
};

static struct entry *entries;

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void destroy(struct entry *e)
{
    tokenizer_destroy(e->m.tokenizer);
    model_close(e->m.model);
    mem_free(e);
}

// Those without users, all but `kept`.
static void drop_idle(const struct entry *kept)
{
    for (struct entry **at = &entries; *at;) {
        struct entry *e = *at;
        if (e->n_users || e == kept) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        destroy(e);
    }
}

static enum error load(const char *path, struct generate_model *m, struct errtext *t)
{
    struct gguf *file = NULL;
    enum error e = gguf_open(path, &file, t);
    if (e)
        return e;
    e = model_open(file, &m->model, t);
    if (e) {
        gguf_close(file);
        return e;
    }
    return tokenizer_from_gguf(file, &m->tokenizer, t);
}

enum error
generate_model_open(const char *path, const struct generate_model **out, struct errtext *t)
{
    struct stat file = {0};
    bool there = stat(path, &file) == 0;
    struct entry *e = entries;
    while (e && !(there && is_same(&e->file, &file)))
        e = e->next;
    if (!e) {
        drop_idle(NULL); // before another takes its memory
        e = mem_alloc(sizeof *e);
        e->file = file;
        enum error why = load(path, &e->m, t);
        if (why) {
            destroy(e);
            return why;
        }
        e->next = entries;
        entries = e;
    }
    e->n_users++;
    *out = &e->m;
    return OK;
}

void generate_model_close(const struct generate_model *m)
{
    struct entry *e = entries;
    while (e && &e->m != m)
        e = e->next;
    if (!e)
        return;
    e->n_users--;
    drop_idle(e);
}

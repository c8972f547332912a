// SPDX-License-Identifier: MIT
// cmd_generate.c - one prompt to a model, its text as it comes.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/client/alone.h"
#include "cluster/client/commands.h"
#include "cluster/client/final.h"
#include "cluster/client/show.h"
#include "common/clock.h"
#include "common/number.h"
#include "protocol/inline.h"

enum { PROMPT_MAX = 8 << 20, TOKENS_MAX = 1 << 24 };

struct arguments {
    int64_t ranks, max_tokens, top_k, seed;
    const char *model, *temperature, *top_p;
    bool chat, json, verbose;
};

#define AT(field) offsetof(struct arguments, field)

static const struct option_row rows[] = {
    {"model", 'm', OPTION_STR, "FILE", NULL, "the model, a GGUF file", 0, 0, AT(model)},
    {"ranks", 'n', OPTION_INT, "N", NULL, "ranks that share the model; default: 1", 1,
     ALONE_RANKS_MAX, AT(ranks)},
    {"max-tokens", 0, OPTION_INT, "N", NULL, "new tokens at most; default: 64", 0, TOKENS_MAX,
     AT(max_tokens)},
    {"temperature", 't', OPTION_STR, "X", NULL, "0: always the likeliest token (default)", 0, 0,
     AT(temperature)},
    {"top-k", 0, OPTION_INT, "K", NULL, "among the K likeliest tokens only", 0, TOKENS_MAX,
     AT(top_k)},
    {"top-p", 0, OPTION_STR, "P", NULL,
     "among the likeliest tokens that have the probability P together", 0, 0, AT(top_p)},
    {"seed", 0, OPTION_INT, "S", NULL, "of the draws; default: 0", 0, INT64_MAX, AT(seed)},
    {"chat", 0, OPTION_FLAG, NULL, NULL,
     "the prompt is a user's message in the model's chat template", 0, 0, AT(chat)},
    {"json", 0, OPTION_FLAG, NULL, NULL, "print the final document as JSON", 0, 0, AT(json)},
    {"verbose", 'v', OPTION_FLAG, NULL, NULL, "show the logs of coordinator and workers", 0, 0,
     AT(verbose)},
    {0},
};

// ---- the job -----------------------------------------------------------------------------

static enum error put_text(struct buf *out, const char *what, const char *s, struct errtext *t)
{
    size_t wrong;
    if (inline_scalar(out, s, strlen(s), &wrong))
        return OK;
    return errtext_set(t, ERR_INVALID, "%s is not UTF-8 at byte %zu", what, wrong);
}

static enum error
put_real(struct buf *out, const char *key, const char *option, struct errtext *t)
{
    double x;
    if (!option)
        return OK;
    if (!number_parse_f64(option, strlen(option), &x))
        return errtext_set(t, ERR_INVALID, "%s is '%.60s', expected a number", key, option);
    buf_printf(out, ", %s: %s", key, option);
    return OK;
}

static enum error
write_job(const struct arguments *g, const char *prompt, struct buf *out, struct errtext *t)
{
    buf_printf(out,
               "kind: generate\nname: generate\nstream: true\ngang: %" PRId64 "\nseed: %" PRId64
               "\nmax_tokens: %" PRId64 "\nmodel: ",
               g->ranks, g->seed, g->max_tokens);
    enum error e = put_text(out, "the model's name", g->model, t);
    buf_printf(out, "\nsampling: {top_k: %" PRId64, g->top_k);
    if (!e)
        e = put_real(out, "temperature", g->temperature, t);
    if (!e)
        e = put_real(out, "top_p", g->top_p, t);
    buf_puts(out, g->chat ? "}\nprompts: [{messages: [{role: user, content: "
                          : "}\nprompts: [{text: ");
    if (!e)
        e = put_text(out, "the prompt", prompt, t);
    buf_puts(out, g->chat ? "}]}]\n" : "}]\n");
    return !e && out->full ? errtext_set(t, ERR_LIMIT, "the prompt is too long") : e;
}

static enum error read_stdin(struct buf *out, struct errtext *t)
{
    if (!buf_read(out, stdin))
        return errtext_set(t, ERR_IO, "standard input: %s", strerror(errno));
    if (out->n && memchr(out->bytes, 0, out->n))
        return errtext_set(t, ERR_INVALID, "standard input is no text");
    return out->full ? errtext_set(t, ERR_LIMIT, "the prompt is too long") : OK;
}

// ---- the text ----------------------------------------------------------------------------

// What has been printed, to know what is left of the text at the end.
static void print_pieces(const struct value *reply, struct buf *printed)
{
    const struct value *list = value_find(reply, "logs");
    for (uint32_t i = 0; list && list->type == VALUE_LIST && i < list->n; i++) {
        const struct value *bytes = value_find(&list->items[i], "bytes");
        if (!bytes || bytes->type != VALUE_BIN)
            continue;
        (void)fwrite(bytes->s, 1, bytes->n, stdout);
        buf_put(printed, bytes->s, bytes->n);
    }
    (void)fflush(stdout);
}

// Best effort: the document has the whole text.  ERR_CANCELLED, or a lost cluster.
static enum error stream(struct alone *alone, struct buf *printed, struct errtext *t)
{
    struct follow *f = &alone->follow;
    struct arena *a = arena_create();
    struct value args = value_map(), reply;
    bool more = true;
    int64_t next;
    (void)value_set(a, &args, "job", value_str(a, f->job));
    (void)value_set(a, &args, "item", value_int(0));
    (void)value_set(a, &args, "follow", value_bool(true));
    enum error lost = caller_start(f->caller, "logs", &args, t), e = OK;
    while (!e && !lost && more) {
        arena_reset(a);
        enum error got = caller_next(f->caller, 0, a, &reply, &more, t);
        if (!got)
            print_pieces(&reply, printed);
        else if (got == ERR_AGAIN)
            more = true;
        else
            lost = got;
        e = follow_look(f, &next, t);
        if (!e && got == ERR_AGAIN)
            (void)caller_wait(f->caller, next - clock_now(), f->signals);
    }
    arena_destroy(a);
    return e;
}

static void print_rest(const struct value *text, const struct buf *printed)
{
    bool goes_on = text->n >= printed->n
                   && (!printed->n || memcmp(text->s, printed->bytes, printed->n) == 0);
    if (goes_on)
        (void)fwrite(text->s + printed->n, 1, text->n - printed->n, stdout);
    else // a rank was lost on the way, and its text begun anew
        printf("\n%s", text->s);
    (void)putchar('\n');
}

static int tell(const struct arguments *g, const struct value *doc, const struct buf *printed)
{
    const struct value *texts = value_find(value_find(doc, "result"), "texts");
    const struct value *stats = value_find(doc, "stats");
    const struct value *text = texts && texts->type == VALUE_LIST && texts->n
                                   ? value_find(texts->items, "text")
                                   : NULL;
    if (g->json)
        return final_print(doc, true) ? show_status_of(doc) : STATUS_FAILED;
    if (!text || text->type != VALUE_STR) {
        if (printed->n)
            (void)putchar('\n');
        (void)fflush(stdout);
        const struct value *failures = value_find(doc, "failures");
        bool known = failures && failures->type == VALUE_LIST && failures->n;
        (void)fprintf(stderr, "shoal: %s\n",
                      known ? show_text(failures->items, "text") : show_text(doc, "why"));
        return STATUS_FAILED;
    }
    print_rest(text, printed);
    (void)fflush(stdout); // before what follows on the other stream
    (void)fprintf(stderr, "shoal: %.0f tokens, %.1f/s; prompt %.0f, %.1f/s\n",
                  show_number(value_find(doc, "result"), "new_tokens"),
                  show_number(stats, "decode_tokens_per_s"),
                  show_number(value_find(doc, "result"), "prompt_tokens"),
                  show_number(stats, "prefill_tokens_per_s"));
    return fflush(stdout) == 0 ? show_status_of(doc) : STATUS_FAILED;
}

static enum error run_job(const struct arguments *g,
                          const char *job,
                          struct buf *printed,
                          struct value *document,
                          struct arena *a,
                          struct errtext *t)
{
    struct alone_options o = {.ranks = g->ranks,
                              .pods = 1,
                              .gang = g->ranks,
                              .job = "generate",
                              .loud = g->verbose,
                              .quiet = true};
    struct caller_submission s = {.text = job};
    struct alone alone;
    enum error e = alone_open(&o, &alone, t);
    if (!e)
        e = alone_submit(&alone, &s, t);
    if (!e && !g->json)
        e = stream(&alone, printed, t);
    if (!e)
        e = follow_job(&alone.follow, a, document, t);
    if (e == ERR_CANCELLED)
        alone_cancel(&alone);
    alone_close(&alone);
    return e;
}

static int generate(const struct arguments *g, const char *prompt)
{
    struct errtext t = {{0}};
    struct arena *a = arena_create();
    struct buf input, job, printed;
    struct value document;
    enum error e = OK;
    buf_init(&input, PROMPT_MAX);
    buf_init(&job, PROMPT_MAX);
    buf_init(&printed, SIZE_MAX / 4);
    if (strcmp(prompt, "-") == 0)
        e = read_stdin(&input, &t);
    if (!e && access(g->model, R_OK) != 0)
        e = errtext_set(&t, ERR_NOT_FOUND, "%s: %s", g->model, strerror(errno));
    if (!e)
        e = write_job(g, strcmp(prompt, "-") == 0 ? buf_cstr(&input) : prompt, &job, &t);
    if (!e)
        e = run_job(g, buf_cstr(&job), &printed, &document, a, &t);
    int status = e ? command_fail(e, &t) : tell(g, &document, &printed);
    buf_fini(&input);
    buf_fini(&job);
    buf_fini(&printed);
    arena_destroy(a);
    return status == STATUS_UNREACHED ? STATUS_FAILED : status;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct arguments g = {.ranks = 1, .max_tokens = 64};
    int n_args, status;
    if (!command_parse(self, argc, argv, &g, &n_args, &status))
        return status;
    if (!command_arguments(self, n_args, 1, 1))
        return STATUS_USAGE;
    if (!g.model) {
        (void)fprintf(stderr, "shoal generate: which model?  -m FILE\n");
        return STATUS_USAGE;
    }
    return generate(&g, argv[0]);
}

const struct command cmd_generate = {
    .name = "generate",
    .usage = "-m MODEL.gguf PROMPT [options]",
    .help = "continue a prompt with a language model",
    .about = "Runs a model on ranks of this machine and prints how it continues the prompt, as "
             "it comes; - reads the prompt from standard input.  For many prompts and other "
             "options there are jobs of kind generate.",
    .rows = rows,
    .run = run,
};

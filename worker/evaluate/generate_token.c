// SPDX-License-Identifier: MIT
// generate_token.c - a stream's logits: scored, kept, and turned into its next
// token and text.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "common/number.h"
#include "worker/evaluate/generate_state.h"
#include "worker/experts/model.h"
#include "worker/group.h"

static void put_number(struct buf *out, double x)
{
    char text[NUMBER_TEXT_MAX];
    number_format(x, text);
    buf_puts(out, isfinite(x) ? text : "null"); // a token that cannot come
}

// {"logprob": …, "top": [[id, logprob], …]} of the token that was taken.
static void put_logprobs(struct generator *g, struct stream *s, const float *logits, int32_t id)
{
    uint32_t n_vocab = g->model->h.n_vocab;
    uint32_t n = g->o.top_logprobs < n_vocab ? g->o.top_logprobs : n_vocab;
    int32_t top[64];
    double log_sum = sample_log_sum(logits, n_vocab);
    sampler_top(g->sampler, logits, n, top);
    buf_puts(&s->logprobs, s->logprobs.n ? ",{\"logprob\":" : "{\"logprob\":");
    put_number(&s->logprobs, (double)logits[id] - log_sum);
    buf_puts(&s->logprobs, ",\"top\":[");
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(&s->logprobs, "%s[%" PRId32 ",", i ? "," : "", top[i]);
        put_number(&s->logprobs, (double)logits[top[i]] - log_sum);
        buf_puts(&s->logprobs, "]");
    }
    buf_puts(&s->logprobs, "]}");
}

// The piece's bytes through the stop filter; true: a stop string is complete.
static bool pass_on(struct stream *s)
{
    bool stopped = false;
    if (s->stop)
        stopped = stop_filter_put(s->stop, buf_cstr(&s->piece), s->piece.n, &s->text);
    else
        buf_put(&s->text, buf_cstr(&s->piece), s->piece.n);
    buf_reset(&s->piece);
    return stopped;
}

static void end(struct stream *s, const char *finish, bool stopped)
{
    s->finish = finish;
    s->done = true;
    if (stopped)
        return;
    tokenizer_stream_end(&s->bytes, &s->piece);
    if (!pass_on(s) && s->stop)
        stop_filter_end(s->stop, &s->text);
}

static void show(const struct generator *g, struct run *r, struct stream *s)
{
    if (!g->o.stream || s->text.n == s->n_shown || group_rank(r->group) != 0)
        return;
    run_log(r, s->item, s->text.bytes + s->n_shown, s->text.n - s->n_shown);
    s->n_shown = s->text.n;
}

static int32_t pick(struct generator *g, const struct stream *s, const float *logits)
{
    // The sampler wants one list; few jobs have a penalty.
    struct tokens seen = {0};
    bool wants_seen = s->sampling.repetition_penalty != 1;
    for (size_t i = 0; wants_seen && i < s->prompt.n; i++)
        tokens_push(&seen, s->prompt.ids[i]);
    for (size_t i = 0; wants_seen && i < s->new.n; i++)
        tokens_push(&seen, s->new.ids[i]);
    uint32_t position = (uint32_t)(s->prompt.n + s->new.n);
    struct sample_context c = {
        .seen = seen.ids, .n_seen = seen.n, .draw = sample_draw(g->seed, s->item, position)};
    int32_t id = sampler_pick(g->sampler, &s->sampling, logits, &c);
    tokens_fini(&seen);
    return id;
}

static void
next_token(struct generator *g, struct run *r, struct stream *s, const float *logits)
{
    int32_t id = pick(g, s, logits);
    if (!g->o.ignore_eos && tokenizer_is_end(g->tokenizer, id)) {
        end(s, "stop", false);
    } else {
        if (g->o.top_logprobs)
            put_logprobs(g, s, logits, id);
        tokens_push(&s->new, id);
        tokenizer_stream_put(&s->bytes, id, &s->piece);
        bool stopped = pass_on(s);
        if (stopped)
            end(s, "stop", true);
        else if (s->new.n == s->room)
            end(s, "length", false);
    }
    show(g, r, s);
}

void generate_take(
    struct generator *g, struct run *r, struct stream *s, const float *logits, uint32_t n)
{
    size_t n_vocab = g->model->h.n_vocab;
    uint32_t first = s->n_fed - n;
    for (uint32_t i = 0; i < n; i++, logits += n_vocab) {
        uint32_t at = first + i;
        if (s->nll && at + 1 < s->prompt.n)
            s->nll[at] = (float)(sample_log_sum(logits, (uint32_t)n_vocab)
                                 - (double)logits[s->prompt.ids[at + 1]]);
        if (at + 1 < s->prompt.n)
            continue;
        if (s->last && at + 1 == s->prompt.n)
            memcpy(s->last, logits, n_vocab * sizeof *logits);
        if (!s->room)
            end(s, "length", false);
        else
            next_token(g, r, s, logits);
    }
}

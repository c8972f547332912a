// SPDX-License-Identifier: MIT
// fuzz_serve.c - requests of the OpenAI interface: any body is refused with a reason or
// within its bounds; and one made to be good is accepted with what it said.  The text
// that goes out is the same, however the bytes are cut.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "coordinator/serve_request.h"
#include "coordinator/serve_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void check_bounds(const struct serve_request *r)
{
    demand(r->prompts.n > 0, "there is a prompt");
    demand(r->n >= 1 && r->n <= SERVE_CHOICES_MAX, "n");
    demand(r->n_stops <= SERVE_STOPS_MAX, "stops");
    demand(r->n_logprobs <= SERVE_LOGPROBS_MAX, "logprobs");
    demand(r->temperature >= 0 && r->temperature <= 2, "temperature");
    demand(r->top_p >= 0 && r->top_p <= 1, "top_p");
    demand(r->max_tokens <= SERVE_TOKENS_MAX, "max_tokens");
}

static void check_any(const uint8_t *data, size_t size, struct arena *a)
{
    struct value v;
    if (json_parse((const char *)data, size, a, &v, NULL))
        return;
    for (int e = SERVE_COMPLETIONS; e <= SERVE_TOKENIZE; e++) {
        struct errtext t = {{0}};
        struct serve_request r;
        const char *param;
        if (serve_request_parse((enum serve_endpoint)e, &v, &r, &param, &t))
            demand(t.text[0] != 0, "a refusal says why");
        else
            check_bounds(&r);
    }
}

static void check_good(const uint8_t *data, size_t size, struct arena *a)
{
    struct errtext t = {{0}};
    struct value body = value_map();
    struct serve_request r;
    const char *param;
    uint32_t n = size > 0 ? 1 + data[0] % SERVE_CHOICES_MAX : 1;
    double temperature = size > 1 ? data[1] / 128.0 : 0;
    (void)value_set(a, &body, "prompt", value_strn(a, (const char *)data, size));
    (void)value_set(a, &body, "n", value_uint(n));
    (void)value_set(a, &body, "temperature", value_float(temperature));
    demand(!serve_request_parse(SERVE_COMPLETIONS, &body, &r, &param, &t), "good is good");
    demand(r.n == n && r.temperature == temperature, "as it was said");
    demand(r.prompts.n == 1 && r.prompts.items[0].n == size, "the prompt");
    (void)value_set(a, &body, "zq9", value_bool(true));
    demand(serve_request_parse(SERVE_COMPLETIONS, &body, &r, &param, &t) != OK, "unknown key");
    demand(strcmp(param, "zq9") == 0 && strstr(t.text, "zq9"), "and named");
}

static void check_text(const uint8_t *data, size_t size)
{
    static const char *const stops[] = {"ab", "\n\n", "bca"};
    struct serve_text whole;
    struct serve_text parts;
    struct buf one;
    struct buf two;
    buf_init(&one, SIZE_MAX);
    buf_init(&two, SIZE_MAX);
    serve_text_init(&whole, stops, 3);
    serve_text_init(&parts, stops, 3);
    serve_text_add(&whole, data, size, &one);
    serve_text_end(&whole, &one);
    for (size_t at = 0, k = 0; at < size; at += k) {
        k = 1 + data[at] % 3;
        k = k < size - at ? k : size - at;
        serve_text_add(&parts, data + at, k, &two);
    }
    serve_text_replay(&parts);
    serve_text_add(&parts, data, size, &two);
    serve_text_end(&parts, &two);
    demand(one.n == two.n && !memcmp(buf_cstr(&one), buf_cstr(&two), one.n), "the same text");
    demand(!strstr(buf_cstr(&one), "ab"), "no stop string goes out");
    serve_text_fini(&whole);
    serve_text_fini(&parts);
    buf_fini(&one);
    buf_fini(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create();
    if (size > 65536)
        size = 65536;
    check_any(data, size, a);
    check_good(data, size, a);
    check_text(data, size);
    arena_destroy(a);
    return 0;
}

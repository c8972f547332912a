// SPDX-License-Identifier: MIT
#include "worker/propose.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "protocol/propose.h"

enum {
    TOKENS_MAX = 1024,      // that the program may say: more than PROPOSE_TEXT_MAX bytes hold
    REQUEST_MAX = 1 << 20,  // bytes of a body
    SPARE_MS = 2000,        // for curl's own start and end, on top of its time limit
    MEMORY_MAX = 512 << 20, // of curl
    CURL_TIMED_OUT = 28,
};

bool propose_has_any(const struct value *maps)
{
    for (uint32_t i = 0; maps && i < maps->n; i++)
        if (value_find(&maps->items[i], PROPOSE_KEY))
            return true;
    return false;
}

const struct value *
propose_strip(const struct value *params, struct arena *a, const struct value **request)
{
    *request = value_find(params, PROPOSE_KEY);
    if (!*request)
        return params;
    struct value *rest = arena_alloc(a, sizeof *rest);
    *rest = value_without(a, params, PROPOSE_KEY);
    return rest;
}

// ---- the request -------------------------------------------------------------------------
static const char *text_of(const struct value *map, const char *key)
{
    const struct value *v = value_find(map, key);
    return v && v->type == VALUE_STR ? v->s : "";
}

static void add_message(struct value *list, struct arena *a, const char *role, const char *text)
{
    struct value m = value_map();

    (void)value_set(a, &m, "role", value_str(a, role));
    (void)value_set(a, &m, "content", value_str(a, text));
    (void)value_push(a, list, m);
}

static void write_body(const struct value *request, struct arena *a, struct buf *out)
{
    struct value body = value_map(), messages = value_list();

    add_message(&messages, a, "system", text_of(request, "system"));
    add_message(&messages, a, "user", text_of(request, "user"));
    (void)value_set(a, &body, "model", value_str(a, text_of(request, "model")));
    (void)value_set(a, &body, "messages", messages);
    (void)value_set(a, &body, "max_tokens", value_int(TOKENS_MAX));
    value_json(&body, out);
}

// A word of curl's configuration file: nothing in it may end the quotes or the line.
static bool is_plain(const char *s)
{
    for (; *s; s++)
        if (*s < ' ' || *s > '~' || *s == '"' || *s == '\\')
            return false;
    return true;
}

// Curl's configuration, on its stdin: arguments could be read by everybody on the machine.
static bool write_config(const struct value *request, struct buf *out, const char **why)
{
    const char *url = text_of(request, "url"), *name = text_of(request, "key_env");
    const char *key = *name ? getenv(name) : NULL;

    if (*name && (!key || !*key || !is_plain(key))) {
        *why = PROPOSE_NO_KEY " in the worker's environment";
        return false;
    }
    if (!is_plain(url)) {
        *why = PROPOSE_UNREACHABLE ": no URL";
        return false;
    }
    const char *path =
        url[strlen(url) - (*url ? 1 : 0)] == '/' ? "chat/completions" : "/chat/completions";
    buf_printf(out, "url = \"%s%s\"\n", url, path);
    if (key)
        buf_printf(out, "header = \"Authorization: Bearer %s\"\n", key);
    buf_puts(out, "header = \"Content-Type: application/json\"\n"
                  "data-binary = \"@request\"\n"
                  "proto = \"=http,https\"\n"
                  "globoff\nsilent\n"
                  "write-out = \"\\n%{http_code}\"\n");
    return true;
}

// ---- the answer --------------------------------------------------------------------------
struct watch {
    const struct propose_host *host;
    size_t n; // bytes that came
};

static bool poll_answer(void *arg, const char *output, size_t n)
{
    struct watch *w = arg;

    (void)output;
    w->n += n;
    return w->n > PROPOSE_BODY_MAX || (w->host->poll && w->host->poll(w->host->arg, NULL, 0));
}

// choices[0].message.content; NULL: it is not there.
static const struct value *content_of(const struct value *body)
{
    const struct value *choices = value_find(body, "choices");
    const struct value *first =
        choices && choices->type == VALUE_LIST && choices->n ? &choices->items[0] : NULL;
    const struct value *message = first ? value_find(first, "message") : NULL;
    const struct value *content = message ? value_find(message, "content") : NULL;

    if (!content || content->type != VALUE_STR || memchr(content->s, 0, content->n))
        return NULL;
    return content;
}

static void say(struct value *metrics, struct arena *a, const char *key, struct value v)
{
    (void)value_set(a, metrics, key, v);
}

// The body, and behind its last line feed the status.
static void read_answer(const char *p, size_t n, struct arena *a, struct value *metrics)
{
    const char *end = memrchr(p, '\n', n);
    long status = end ? strtol(end + 1, NULL, 10) : 0;
    struct value body = value_null();
    struct errtext t;

    if (status < 200 || status > 299) {
        say(metrics, a, PROPOSE_FAILED, value_printf(a, PROPOSE_STATUS " %ld", status));
        return;
    }
    const struct value *content = NULL;
    if (!json_parse(p, (size_t)(end - p), a, &body, &t))
        content = content_of(&body);
    if (!content)
        say(metrics, a, PROPOSE_FAILED, value_str(a, PROPOSE_GARBAGE));
    else if (content->n > PROPOSE_TEXT_MAX)
        say(metrics, a, PROPOSE_FAILED,
            value_printf(a, PROPOSE_LONG ": %u bytes, at most %d", content->n,
                         PROPOSE_TEXT_MAX));
    else
        say(metrics, a, PROPOSE_ANSWER, *content);
}

static void take_result(const struct sandbox_result *r, struct arena *a, struct value *metrics)
{
    if (r->out_total > PROPOSE_BODY_MAX)
        say(metrics, a, PROPOSE_FAILED, value_str(a, PROPOSE_LONG));
    else if (r->end == SANDBOX_TIMED_OUT
             || (r->end == SANDBOX_EXITED && r->code == CURL_TIMED_OUT))
        say(metrics, a, PROPOSE_FAILED, value_str(a, PROPOSE_TIMEOUT));
    else if (r->end != SANDBOX_EXITED)
        say(metrics, a, PROPOSE_FAILED,
            value_printf(a, PROPOSE_UNREACHABLE ": curl: %.200s", r->text ? r->text : ""));
    else if (r->code != 0)
        say(metrics, a, PROPOSE_FAILED,
            value_printf(a, PROPOSE_UNREACHABLE ": curl's status is %d", r->code));
    else
        read_answer(r->out, r->n_out, a, metrics);
}

static enum error call(const struct propose_host *h,
                       const struct value *request,
                       const struct buf *config,
                       struct arena *a,
                       struct value *metrics,
                       struct errtext *t)
{
    const struct value *limit = value_find(request, "timeout_s");
    int64_t timeout_s = limit && limit->type == VALUE_INT ? limit->i : 60;
    char max_time[24];
    const char *argv[] = {"curl", "-q", "-m", max_time, "-K", "-", NULL};
    struct watch w = {.host = h};
    struct sandbox_result r = {0};
    struct buf body;

    (void)snprintf(max_time, sizeof max_time, "%lld", (long long)timeout_s);
    buf_init(&body, REQUEST_MAX);
    write_body(request, a, &body);
    struct sandbox_file file = {
        .name = "request", .bytes = body.bytes, .n = body.n, .mode = 0644};
    struct sandbox_command c = {
        .argv = argv,
        .files = &file,
        .n_files = 1,
        .input = config->bytes,
        .n_input = config->n,
        .timeout_ms = timeout_s * 1000 + SPARE_MS,
        .memory_max = MEMORY_MAX,
        .output_max = PROPOSE_BODY_MAX,
        .poll = poll_answer,
        .arg = &w,
    };
    enum error e = sandbox_run(h->sandbox, &c, a, &r, t);
    buf_fini(&body);
    if (e)
        return e;
    sandbox_clean(h->sandbox);
    if (r.end == SANDBOX_CANCELLED && w.n <= PROPOSE_BODY_MAX)
        return ERR_CANCELLED;
    take_result(&r, a, metrics);
    return OK;
}

enum error propose_ask(const struct propose_host *h,
                       const struct value *request,
                       struct arena *a,
                       struct value *metrics,
                       struct errtext *t)
{
    const char *why = PROPOSE_UNREACHABLE ": this worker runs no commands";
    enum error e = OK;
    struct buf config;

    buf_init(&config, 16 << 10);
    if (h->sandbox && write_config(request, &config, &why))
        e = call(h, request, &config, a, metrics, t);
    else
        say(metrics, a, PROPOSE_FAILED, value_str(a, why));
    buf_fini(&config);
    return e;
}

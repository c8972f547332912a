// SPDX-License-Identifier: MIT
#include "worker/experts/chat.h"

#include <stdio.h>
#include <string.h>

// What stands around a message; EOS in it is the model's.
#define EOS "\1"
#define BAR "\xEF\xBD\x9C"

enum { MARKS_MAX = 3 };

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, N_ROLES };

struct chat_family {
    const char *name;
    // All of these stand in its templates.
    const char *marks[MARKS_MAX];
    bool bos; // when it is chosen by name
    struct {
        const char *before, *after;
    } role[N_ROLES];
    const char *answer; // starts the model's turn
    bool in_user;       // a system message goes into the user's first one
};

// The first that fits counts: the special before the general.
static const struct chat_family families[] = {
    {"chatml",
     {"<|im_start|>"},
     false,
     {{"<|im_start|>system\n", "<|im_end|>\n"},
      {"<|im_start|>user\n", "<|im_end|>\n"},
      {"<|im_start|>assistant\n", "<|im_end|>\n"}},
     "<|im_start|>assistant\n",
     false},
    {"llama3",
     {"<|start_header_id|>", "<|eot_id|>"},
     true,
     {{"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
      {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
      {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"}},
     "<|start_header_id|>assistant<|end_header_id|>\n\n",
     false},
    {"llama2",
     {"[INST]", "<<SYS>>"},
     true,
     {{"<<SYS>>\n", "\n<</SYS>>\n\n"}, {"[INST] ", " [/INST]"}, {" ", " " EOS}},
     "",
     true},
    {"mixtral",
     {"'[INST] '", "' [/INST]'", "' ' + message"},
     true,
     {{"", "\n\n"}, {"[INST] ", " [/INST]"}, {" ", EOS}},
     "",
     true},
    {"mistral",
     {"[INST] ", " [/INST]"},
     true,
     {{"", "\n\n"}, {"[INST] ", " [/INST]"}, {"", EOS}},
     "",
     true},
    {"mistral-v3",
     {"[INST] ", "[/INST]"},
     true,
     {{"", "\n\n"}, {"[INST] ", "[/INST]"}, {" ", EOS}},
     "",
     true},
    {"mistral-tekken",
     {"[INST]", "[/INST]"},
     true,
     {{"", "\n\n"}, {"[INST]", "[/INST]"}, {"", EOS}},
     "",
     true},
    {"deepseek3",
     {"<" BAR "User" BAR ">", "<" BAR "Assistant" BAR ">"},
     true,
     {{"", ""}, {"<" BAR "User" BAR ">", ""}, {"<" BAR "Assistant" BAR ">", EOS}},
     "<" BAR "Assistant" BAR ">",
     false},
    {"deepseek",
     {"User: ", "Assistant:"},
     true,
     {{"", "\n\n"}, {"User: ", "\n\n"}, {"Assistant: ", EOS}},
     "Assistant:",
     false},
    {"deepseek-coder",
     {"### Instruction:", "### Response:", "<|EOT|>"},
     true,
     {{"", ""}, {"### Instruction:\n", "\n"}, {"### Response:\n", "\n<|EOT|>\n"}},
     "### Response:\n",
     false},
    {"gemma",
     {"<start_of_turn>", "<end_of_turn>"},
     true,
     {{"", "\n\n"},
      {"<start_of_turn>user\n", "<end_of_turn>\n"},
      {"<start_of_turn>model\n", "<end_of_turn>\n"}},
     "<start_of_turn>model\n",
     true},
    {"phi3",
     {"<|assistant|>", "<|end|>"},
     false,
     {{"<|system|>\n", "<|end|>\n"},
      {"<|user|>\n", "<|end|>\n"},
      {"<|assistant|>\n", "<|end|>\n"}},
     "<|assistant|>\n",
     false},
    {"zephyr",
     {"<|user|>", "<|assistant|>", "message['content'] + eos_token"},
     false,
     {{"<|system|>\n", EOS "\n"}, {"<|user|>\n", EOS "\n"}, {"<|assistant|>\n", EOS "\n"}},
     "<|assistant|>\n",
     false},
    {"olmoe",
     {"bos_token", "<|assistant|>", "eos_token"},
     true,
     {{"<|system|>\n", "\n"}, {"<|user|>\n", "\n"}, {"<|assistant|>\n", EOS "\n"}},
     "<|assistant|>\n",
     false},
    {"tulu",
     {"<|user|>", "<|assistant|>"},
     false,
     {{"<|system|>\n", "\n"}, {"<|user|>\n", "\n"}, {"<|assistant|>\n", EOS "\n"}},
     "<|assistant|>\n",
     false},
};

enum { N_FAMILIES = sizeof families / sizeof *families };

static const struct {
    const char *other, *name;
} aliases[] = {{"qwen", "chatml"},
               {"qwen2", "chatml"},
               {"qwen3", "chatml"},
               {"mistral-v1", "mixtral"},
               {"deepseek2", "deepseek"}};

const char *chat_name_at(size_t i)
{
    return i < N_FAMILIES ? families[i].name : NULL;
}

const char *chat_name(const struct chat *c)
{
    return c->family->name;
}

static const char *find(const struct tokenizer_text *text, const char *part)
{
    return memmem(text->s, text->n, part, strlen(part));
}

static bool fits(const struct chat_family *f, const struct tokenizer_text *text)
{
    for (size_t i = 0; i < MARKS_MAX && f->marks[i]; i++)
        if (!find(text, f->marks[i]))
            return false;
    return true;
}

// A family of the table that `fits`, or of that name.
static const struct chat_family *pick(const char *name, const struct tokenizer_text *text)
{
    for (size_t i = 0; name && i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i].other, name) == 0)
            name = aliases[i].name;
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (name ? strcmp(families[i].name, name) == 0 : fits(&families[i], text))
            return &families[i];
    return NULL;
}

static enum error unknown(const char *what, enum error e, struct errtext *t)
{
    char names[512] = "";
    size_t n = 0;
    for (size_t i = 0; i < N_FAMILIES; i++)
        for (const char *p = i ? ", " : "", *q = families[i].name; n + 1 < sizeof names;) {
            names[n++] = *p ? *p++ : *q++;
            names[n] = 0;
            if (!*p && !*q)
                break;
        }
    return errtext_set(t, e, "%s, one of %s was expected", what, names);
}

// Qwen's templates begin a conversation that has no system message with one of
// their own: the literal between these two.
static struct tokenizer_text own_system(const struct tokenizer_text *text)
{
    static const char start[] = "<|im_start|>system\\n", end[] = "<|im_end|>";
    struct tokenizer_text none = {"", 0};
    const char *p = find(text, start);
    if (!p)
        return none;
    p += sizeof start - 1;
    size_t left = text->n - (size_t)(p - text->s);
    const char *q = memmem(p, left, end, sizeof end - 1);
    if (!q || memchr(p, '\'', (size_t)(q - p)) || memchr(p, '\\', (size_t)(q - p)))
        return none;
    return (struct tokenizer_text){p, (size_t)(q - p)};
}

enum error chat_open(const char *name,
                     const struct tokenizer_text *template,
                     struct chat *out,
                     struct errtext *t)
{
    char what[128];

    if (!name && (!template || !template->n))
        return unknown("chat: the model has no template", ERR_NOT_FOUND, t);
    const struct chat_family *f = pick(name, template);
    if (!f && name) {
        snprintf(what, sizeof what, "chat: '%.64s'", name);
        return unknown(what, ERR_UNSUPPORTED, t);
    }
    if (!f)
        return unknown("chat: the model's template is of no known family", ERR_UNSUPPORTED, t);
    *out = (struct chat){.family = f, .bos = f->bos, .system = {"", 0}};
    if (template && template->n && (!name || fits(f, template))) {
        out->bos = find(template, "bos_token") || find(template, "<|begin_of_text|>");
        out->system = own_system(template);
    }
    return OK;
}

static void put_piece(const struct tokenizer *k, int64_t id, struct buf *out)
{
    struct tokenizer_text p = tokenizer_piece(k, id < 0 ? -1 : (int32_t)id);
    buf_put(out, p.s, p.n);
}

static void put(const struct tokenizer *k, const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (*text != *EOS) {
            buf_put(out, text, 1);
        } else {
            put_piece(k, tokenizer_eos(k), out);
        }
    }
}

static int role_of(const char *name)
{
    static const char *const names[N_ROLES] = {"system", "user", "assistant"};
    for (int i = 0; i < N_ROLES; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static enum error
check(const struct chat *c, const struct chat_message *m, size_t n, struct errtext *t)
{
    if (!n)
        return errtext_set(t, ERR_INVALID, "messages: none, at least one was expected");
    for (size_t i = 0; i < n; i++) {
        int role = role_of(m[i].role);
        if (role < 0)
            return errtext_set(t, ERR_INVALID,
                               "messages[%zu].role: '%.32s', 'system', 'user' or 'assistant' "
                               "was expected",
                               i, m[i].role);
        if (role == ROLE_SYSTEM && i > 0)
            return errtext_set(t, ERR_INVALID,
                               "messages[%zu].role: a system message only begins", i);
    }
    if (c->family->in_user && role_of(m[0].role) == ROLE_SYSTEM
        && (n < 2 || role_of(m[1].role) != ROLE_USER))
        return errtext_set(t, ERR_INVALID,
                           "messages: '%s' puts a system message into the user's, which has to "
                           "follow",
                           c->family->name);
    return OK;
}

static void put_content(const struct chat_family *f,
                        int role,
                        const struct tokenizer *k,
                        struct tokenizer_text content,
                        struct buf *out)
{
    put(k, f->role[role].before, out);
    buf_put(out, content.s, content.n);
    put(k, f->role[role].after, out);
}

// A system message and the user's behind it, as one of the user's.
static void put_joined(const struct chat_family *f,
                       const struct tokenizer *k,
                       const struct chat_message *two,
                       struct buf *out)
{
    put(k, f->role[ROLE_USER].before, out);
    put_content(f, ROLE_SYSTEM, k, two[0].content, out);
    buf_put(out, two[1].content.s, two[1].content.n);
    put(k, f->role[ROLE_USER].after, out);
}

enum error chat_render(const struct chat *c,
                       const struct tokenizer *k,
                       const struct chat_talk *talk,
                       struct buf *out,
                       struct errtext *t)
{
    const struct chat_family *f = c->family;
    const struct chat_message *messages = talk->messages;
    enum error e = check(c, messages, talk->n, t);

    if (e)
        return e;
    if (c->bos)
        put_piece(k, tokenizer_bos(k), out);
    if (c->system.n && role_of(messages[0].role) != ROLE_SYSTEM)
        put_content(f, ROLE_SYSTEM, k, c->system, out);
    for (size_t i = 0; i < talk->n; i++) {
        bool joined = f->in_user && role_of(messages[i].role) == ROLE_SYSTEM;
        if (joined)
            put_joined(f, k, &messages[i], out);
        else
            put_content(f, role_of(messages[i].role), k, messages[i].content, out);
        i += joined;
    }
    if (talk->answer)
        put(k, f->answer, out);
    return out->full ? errtext_set(t, ERR_LIMIT, "messages: too long") : OK;
}

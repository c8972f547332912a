// SPDX-License-Identifier: MIT
// chat.h - a conversation as the text that a model was trained on.
//
// A model's file carries a template in a language of its own; here the known
// families are a table, and a template is recognised by what stands in it.  One
// that is not is an error with the families' names, one of which a job may give.
//
// The text is meant for TOKENIZER_PARSE_SPECIAL without TOKENIZER_ADD_SPECIAL.
//
// Ownership  Families are static; a format borrows the template's text.
// Threads    Any.

#ifndef WORKER_EXPERTS_CHAT_H
#define WORKER_EXPERTS_CHAT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/error.h"
#include "worker/experts/tokenizer.h"

struct chat_family;

struct chat {
    const struct chat_family *family;
    bool bos;                     // the text starts with the model's BOS
    struct tokenizer_text system; // of a conversation without one; usually none
};

struct chat_message {
    const char *role; // "system", "user" or "assistant"
    struct tokenizer_text content;
};

struct chat_talk {
    const struct chat_message *messages;
    size_t n;
    bool answer; // the start of the model's answer stands at the end
};

// By `name` when given, else by the template's text (NULL: the model has none).
// ERR_UNSUPPORTED, ERR_NOT_FOUND with a line that lists the names.
MUST_CHECK enum error chat_open(const char *name,
                                const struct tokenizer_text *template,
                                struct chat *out,
                                struct errtext *t);
const char *chat_name(const struct chat *c);
// The names, NULL behind the last.
const char *chat_name_at(size_t i);

// Append the conversation.  ERR_INVALID with a line: no message, an unknown role,
// a system message behind the first, or none of the user's to put it into.
MUST_CHECK enum error chat_render(const struct chat *c,
                                  const struct tokenizer *k,
                                  const struct chat_talk *talk,
                                  struct buf *out,
                                  struct errtext *t);

#endif

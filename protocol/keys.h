// SPDX-License-Identifier: MIT
// keys.h - CURVE key pairs, the files they live in, and who may do what.
//
// A key directory (0700) holds: coordinator.pub, coordinator.key (the server's
// pair), and for each role a pair NAME.pub / NAME.key; `authorized` lists the
// public keys that may connect, one a line: "worker|submit|read Z85KEY NAME".
// Text files, Z85 as ZeroMQ prints it.  A throw-away pair (all zero, or the
// published test pairs) is refused before a port opens.
//
// Threads    Any; file system only.

#ifndef PROTOCOL_KEYS_H
#define PROTOCOL_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

enum { KEY_TEXT_SIZE = 41 };

enum role { ROLE_NONE, ROLE_READ, ROLE_SUBMIT, ROLE_WORKER }; // submit may do what read may

struct key_pair {
    char public_text[KEY_TEXT_SIZE]; // Z85
    char secret_text[KEY_TEXT_SIZE]; // Z85; empty when only the public half is known
};

struct authorized {
    struct authorized_key {
        uint8_t key[32];
        enum role role;
        char name[32];
    } * keys;
    uint32_t n;
};

// The directory exists, is ours, and nobody else may look into it.
MUST_CHECK enum error keys_check_directory(const char *dir, struct errtext *t);
MUST_CHECK enum error keys_make_pair(struct key_pair *out, struct errtext *t);
// Make what is missing in `dir` (created 0700): coordinator, worker, submit,
// read pairs and `authorized`.  Refuses a directory others may read.
MUST_CHECK enum error keys_ensure(const char *dir, struct errtext *t);
MUST_CHECK enum error
keys_load_pair(const char *dir, const char *name, struct key_pair *out, struct errtext *t);
MUST_CHECK enum error
keys_load_public(const char *dir, const char *name, struct key_pair *out, struct errtext *t);
MUST_CHECK enum error
keys_load_authorized(const char *dir, struct authorized *out, struct errtext *t);
void keys_free_authorized(struct authorized *a);
// The role of a public key; ROLE_NONE: not listed.
enum role keys_role_of(const struct authorized *a, const uint8_t key[32]);
const char *role_name(enum role r);     // "worker"
enum role role_parse(const char *name); // ROLE_NONE: no such role

#endif

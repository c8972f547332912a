// SPDX-License-Identifier: MIT
// gate.h - where HTTP clients meet the shell: routes, the token, metrics.
//
// A request becomes the same call that a client of the wire makes, from a peer whose
// number says that its answer goes back by HTTP; so both see the same verbs, texts and
// durability.  Who has the token of STATE/http.token has the role `submit`, anybody
// else `read`.
//
// Threads    The loop's.

#ifndef COORDINATOR_GATE_H
#define COORDINATOR_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/mailbox.h"
#include "protocol/message.h"

struct shell;
struct gate;

// Peers of the wire never have it in their numbers.
#define GATE_PEER (UINT64_C(1) << 63)

// Nothing at all when the shell's options name no address.
MUST_CHECK enum error gate_open(struct shell *s, struct errtext *t);
void gate_close(struct shell *s);
const char *gate_url(const struct shell *s);         // NULL: none
struct mailbox *gate_mailbox(const struct shell *s); // NULL: none
int gate_fd(const struct shell *s); // when readable: gate_accept; -1: nothing to wait for
void gate_accept(struct shell *s);
uint32_t gate_drain(struct shell *s); // requests that came
int64_t gate_due(const struct shell *s);
// What would have gone to a peer of the wire.
void gate_message(struct shell *s, uint64_t peer, const struct message *m);

#endif

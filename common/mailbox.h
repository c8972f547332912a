// SPDX-License-Identifier: MIT
// mailbox.h - pointers from one thread to another, with a descriptor to poll.
//
// Used between loop and journal thread, loop and driver pool, link and main
// thread.  Any number of senders, one receiver.  The descriptor is an eventfd,
// so that channel_wait can sleep on it beside the socket; it is written to only
// while the receiver says that it sleeps.  Looking takes no system call.
//
// Ownership  A pointer belongs to the receiver from mailbox_send on.
// Threads    As said.

#ifndef COMMON_MAILBOX_H
#define COMMON_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

struct mailbox;

struct mailbox *mailbox_create(void);
void mailbox_destroy(struct mailbox *m); // NULL is fine; what is inside is leaked on purpose
void mailbox_send(struct mailbox *m, void *p);
void *mailbox_take(struct mailbox *m);          // NULL: empty
bool mailbox_is_empty(const struct mailbox *m); // cheap
// To sleep on the descriptor oneself: doze, poll, rouse.  False: something is
// inside, do not sleep (and do not rouse).
bool mailbox_doze(struct mailbox *m);
void mailbox_rouse(struct mailbox *m, bool readable); // as poll said of the descriptor
int mailbox_fd(const struct mailbox *m);
// Block until something is inside or timeout_ns passed (< 0: for ever), after
// spinning for spin_ns.
void mailbox_wait(struct mailbox *m, int64_t timeout_ns, int64_t spin_ns);

#endif

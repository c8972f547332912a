// SPDX-License-Identifier: MIT
// group_board.h - gathers between the ranks of one node, by memory that they share.
//
// Every rank has two slots and a count.  It writes what it gives into one of its slots,
// raises its count, waits for the others' counts and reads their slots; the next gather
// takes the other slots.  A rank that has raised its count for a gather has read
// everything of the one before, so nothing is overwritten that somebody still reads.
// A small gather costs about what two caches need to hand over a line.
//
// Waiting is spinning for a moment, then giving the core away; `idle` is called while
// waiting, so that whoever depends on being called goes on.
//
// Ownership  The creator destroys; every rank has its own view.
// Threads    Main thread.

#ifndef WORKER_GROUP_BOARD_H
#define WORKER_GROUP_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/group.h"

struct group_board;

typedef void (*group_board_idle_fn)(void *arg);

// Every rank of `node` (group_node) calls; NULL on all where memory cannot be shared.
// `crowded`: there are more ranks than cores, spinning would keep others from running.
struct group_board *
group_board_create(struct group *node, bool crowded, group_board_idle_fn idle, void *arg);
void group_board_destroy(struct group_board *b); // NULL is fine

// group_gather_rows; nanoseconds from this rank's coming to the last one's.
int64_t group_board_gather(
    struct group_board *b, const void *in, size_t n, const size_t *bytes, void *out);

#endif

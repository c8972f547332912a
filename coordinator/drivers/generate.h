// SPDX-License-Identifier: MIT
// generate.h - the driver of `kind: generate`: prompts in, texts out.
//
//   prompts        a list of texts and of maps {id, text | tokens | messages,
//                  add_special, parse_special}; or {file, jsonl}: such rows as the
//                  lines of a file that the client has put in; or {file, count}:
//                  one of the job's files, of so many prompts, that workers read
//   shard          prompts that are worked on together (default 8)
//
// and the parameters of the workload `generate`.  Item i is prompt i; an item
// answers with the metrics below and, where asked, with blobs.
//
//   prompt_tokens, new_tokens                numbers
//   nll, scored                              score: their sum in nats, and of how many
//   row            bytes                     its line of results.jsonl
//   load           bytes                     LEB128: the first layer that has experts,
//                                            layers, experts, then a count each
//   seconds        bytes                     two little-endian doubles: prefill, decode
//
// What a row says is a function of the job alone, so the digest, which is over
// the rows' hash, does not know how many ranks there were.
//
// Threads    As driver.h.

#ifndef COORDINATOR_DRIVERS_GENERATE_H
#define COORDINATOR_DRIVERS_GENERATE_H

#include "coordinator/driver.h"

extern const struct driver generate_driver;

#endif

// SPDX-License-Identifier: MIT
// generate.h - the workload `generate`: what a driver gives it and what it gives
// back.  An item is one prompt; a shard's prompts run as one continuous batch.
//
// Parameters (of the job): model (a path that the worker sees, or the name of an
// attachment), numerics exact|fast, kv f32|f16|q8_0, attention split|replicate,
// placement, max_tokens, ignore_eos, sampling {temperature, top_k, top_p, min_p,
// repetition_penalty}, stop [texts], logits none|last, logprobs n, routing, score,
// threads.
// Per item (an override): prompt {id, text | tokens | messages, add_special,
// parse_special}; sampling, max_tokens and stop may stand there too.
//
// Metrics of an item (dynamic): prompt_tokens, new_tokens, finish ("stop",
// "length"), and with score: nll (the sum), scored (its terms).
// Outputs of an item (blobs by run_output):
//   row.json    {"id", "tokens", "new_tokens", "text", "finish", "routing"?,
//               "logprobs"?}: one line of results.jsonl, its newline included.
//               tokens are the prompt's, new_tokens the generated; routing is
//               {layer: [per prompt token: ascending expert ids]}.
//   logits.f32  with logits: last: n_vocab floats, little-endian; absent for a
//               prompt without tokens
//   nll.f32     with score: one float per token but the first
//
// Sampling draws Philox(seed; draw = position in the answer, 0, 0, item): an
// answer depends on (job, item) alone.
//
// Threads    Main thread.

#ifndef WORKER_EVALUATE_GENERATE_H
#define WORKER_EVALUATE_GENERATE_H

#include "worker/workload.h"

extern const struct workload workload_generate;

#endif

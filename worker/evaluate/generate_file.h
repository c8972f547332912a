// SPDX-License-Identifier: MIT
// generate_file.h - prompts out of a file that came with the job, one at a time: where
// each begins is noted once, their lines stay in the file.
//
// Ownership  The creator destroys.  A prompt lives in the caller's arena.
// Threads    Main thread.

#ifndef WORKER_EVALUATE_GENERATE_FILE_H
#define WORKER_EVALUATE_GENERATE_FILE_H

#include "worker/workload.h"

struct generate_file;

// FAULT_JOB: the job has no such file, or it has too many prompts; FAULT_WORKER: it
// cannot be read here.
MUST_CHECK enum error generate_file_open(const struct workload_job *job,
                                         const char *name,
                                         struct generate_file **out,
                                         struct errtext *t);
void generate_file_close(struct generate_file *f); // NULL is fine

// Prompt `index`: a text or a map.  FAULT_JOB with "name:line: what".
MUST_CHECK enum error generate_file_row(struct generate_file *f,
                                        uint64_t index,
                                        struct arena *a,
                                        struct value *out,
                                        struct errtext *t);

#endif

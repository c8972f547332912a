// SPDX-License-Identifier: MIT
// inline.h - what a job file takes from other files, put into its text.
//
// A coordinator sees a job file's text and its attachments.  A job of these
// kinds may name more files, found beside it:
//
//   prompts: FILE    (generate) becomes {file: FILE, jsonl: its text}, on the same line;
//                    where FILE is an attachment, {file: FILE, count: its prompts}, each
//                    of which was read and found good
//   model: PATH      (generate, serve) relative, there, and no attachment: becomes
//                    absolute, since workers have another directory
//   warm_start: FILE (search) a table, or an SQLite database of Optuna whose study is
//                    named by `study`; becomes the list of its trials (warm_table.h,
//                    warm_study.h); so do the trials of `prior`
//   features: FILE   (search, in `prior`) a circuit, becomes its features (common/aiger.h)
//
// All else, and so every line and column in front of them, stays.
//
// Threads    Any.

#ifndef PROTOCOL_INLINE_H
#define PROTOCOL_INLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"

struct inline_source {
    const char *text; // of the job file
    size_t n;
    const char *file; // its name, for messages
    const char *base; // the directory of files; "": the present one
};

// *out in the arena, or source->text itself when nothing changes, which is also
// what comes of a text that is no YAML.  ERR_PARSE, ERR_LIMIT with a line.
MUST_CHECK enum error inline_files(const struct inline_source *source,
                                   struct arena *a,
                                   const char **out,
                                   struct errtext *t);

// Does the job list the file among its `files`?
bool inline_is_attached(const struct value *job, const struct value *name);

// A text as a YAML scalar on one line: in double quotes, all that is not plain ASCII
// escaped, so that no break or odd character is left for YAML to fold.  False: it is no
// UTF-8 at *wrong.
MUST_CHECK bool inline_scalar(struct buf *out, const char *p, size_t n, size_t *wrong);

// The directory part of a path with its slash, "" if there is none.
const char *inline_base(const char *path, struct arena *a);

#endif

// SPDX-License-Identifier: MIT
// run_stub.h - the runner's side of struct run for a test of one workload.
//
// Included by one file of a test program; its definitions stand in for
// worker/runner.c.
//
// Threads    Single.

#ifndef TESTS_UNIT_RUN_STUB_H
#define TESTS_UNIT_RUN_STUB_H

#include <stdio.h>

#include "tests/unit/harness.h"
#include "worker/workload.h"

static struct {
    uint32_t n_progress;
    uint32_t n_faults;
    char text[1024]; // of the last fault
} stub;

void run_progress(struct run *r)
{
    (void)r;
    stub.n_progress++;
}

bool run_cancelled(struct run *r)
{
    (void)r;
    return false;
}

void run_fault(struct run *r, const struct item_fault *f)
{
    (void)r;
    stub.n_faults++;
    ck_assert_int_eq(f->blame, FAULT_JOB);
    snprintf(stub.text, sizeof stub.text, "%s", f->text);
}

void run_output(struct run *r, const struct item_output *o)
{
    (void)r;
    (void)o;
}

void run_log(struct run *r, uint64_t item, const void *p, size_t n)
{
    (void)r;
    (void)item;
    (void)p;
    (void)n;
}

enum error run_keep_file(
    struct run *r, uint64_t item, const char *name, const char *path, struct errtext *t)
{
    (void)r;
    (void)item;
    (void)name;
    (void)path;
    (void)t;
    return OK;
}

#endif

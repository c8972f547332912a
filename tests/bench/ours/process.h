// SPDX-License-Identifier: MIT
// process.h - what the kernel says of a process: CPU time, memory, wake-ups.
//
// Threads    Any.

#ifndef TESTS_BENCH_OURS_PROCESS_H
#define TESTS_BENCH_OURS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

int64_t process_cpu_ns(pid_t pid);       // all its threads, ended ones too
int64_t process_resident(pid_t pid);     // bytes
int64_t process_resident_own(pid_t pid); // of them, not mapped from files: bytes
int64_t process_wakeups(pid_t pid);      // times that its threads slept of their own will
pid_t process_child(pid_t pid, int nth); // 0: none

#endif

// SPDX-License-Identifier: MIT
// resident.h - the process's resident memory: giving back code that is done for now.
//
// Most of a quiet process is code and constants of shared libraries, touched once by
// relocation, constructors and the kernel's fault-around (16 pages where one was
// needed).  They are clean pages of files: dropped from the address space they stay in
// the page cache for as long as there is room, and those still in use come back one
// minor fault each.  Worth it once when a process begins to wait: the first request
// afterwards takes some 0.5 ms longer.
//
// Threads    Any; the others go on running the code that is dropped.
// Source     dl_iterate_phdr(3), madvise(2): MADV_DONTNEED on private mappings of files.

#ifndef COMMON_RESIDENT_H
#define COMMON_RESIDENT_H

// The segments that no one may write, of the program and of every library.
void resident_drop_code(void);

#endif

// SPDX-License-Identifier: MIT
// version.h - the release, and the one wire version that is spoken.

#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

#define SHOAL_VERSION "0.1.0"
enum { WIRE_VERSION = 1 };

#endif

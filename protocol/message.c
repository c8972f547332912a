// SPDX-License-Identifier: MIT
#include "protocol/message.h"

const char *message_name(enum message_type t)
{
    switch (t) {
#define MESSAGE(NAME, name, type, doc)                                                         \
    case MSG_##NAME:                                                                           \
        return #NAME;
#include "protocol/schema.def"
    default:
        return "?";
    }
}

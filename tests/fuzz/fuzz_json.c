// SPDX-License-Identifier: MIT
// fuzz_json.c - any bytes: what is accepted, written and read again is the same; and
// what a value writes is always accepted.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "tests/fuzz/fuzz.h"

static void again(const struct value *v, struct arena *a)
{
    struct errtext t = {{0}};
    struct value back;
    struct buf one;
    struct buf two;
    buf_init(&one, 1 << 24);
    buf_init(&two, 1 << 24);
    value_json(v, &one);
    demand(!json_parse(buf_cstr(&one), one.n, a, &back, &t), "what we write is JSON");
    value_json(&back, &two);
    demand(one.n == two.n && !memcmp(buf_cstr(&one), buf_cstr(&two), one.n), "the same again");
    value_json_pretty(v, &two);
    demand(!json_parse(buf_cstr(&two) + one.n, two.n - one.n, a, &back, &t), "pretty too");
    buf_fini(&one);
    buf_fini(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create();
    struct value v;
    if (!json_parse((const char *)data, size, a, &v, NULL))
        again(&v, a);
    // The other way: these bytes as a string, as far as they are ASCII.
    struct value list = value_list();
    size_t n = 0;
    while (n < size && data[n] < 0x80)
        n++;
    (void)value_push(a, &list, value_strn(a, (const char *)data, n));
    (void)value_push(a, &list, value_uint(size));
    again(&list, a);
    arena_destroy(a);
    return 0;
}

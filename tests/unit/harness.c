// SPDX-License-Identifier: MIT
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int harness_run(Suite *s)
{
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_SILENT);
    int failed = srunner_ntests_failed(sr);
    int ran = srunner_ntests_run(sr);
    if (failed)
        srunner_print(sr, CK_NORMAL);
    printf("%d passed, %d failed\n", ran - failed, failed);
    srunner_free(sr);
    return failed != 0;
}

const char *harness_fixtures(void)
{
    const char *from_env = getenv("SHOAL_FIXTURES");
    if (from_env && *from_env)
        return from_env;
    static const char beside[] = "../shared/fixtures";
    return access(beside, R_OK) == 0 ? beside : NULL;
}

void *harness_read(const char *path, struct arena *a, size_t *n)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "no %s", path);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    char *p = arena_room(a, *n + 1);
    ck_assert_uint_eq(fread(p, 1, *n, f), *n);
    p[*n] = 0;
    (void)fclose(f);
    return p;
}

int harness_skip(const char *reason)
{
    printf("SKIP %s\n", reason);
    return 0;
}

// SPDX-License-Identifier: MIT
// test_convnet.c - a small network learns bars and stripes, with the same bits on every
// class of kernels; images are read as they stand or not at all.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/rng.h"
#include "tests/unit/run_stub.h"
#include "worker/evaluate/convnet.h"
#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/idx.h"
#include "worker/tensor/kernels.h"

enum { SIDE = 8, N_TRAIN = 300, N_TEST = 100, N_ALL = N_TRAIN + N_TEST };

static struct errtext t;
static float images[N_ALL * SIDE * SIDE];
static uint8_t labels[N_ALL];
static const struct convnet_data train = {images, labels, N_TRAIN};
static const struct convnet_data test = {images + (size_t)N_TRAIN * SIDE * SIDE,
                                         labels + N_TRAIN, N_TEST};
static const struct convnet_shape shape = {
    .side = SIDE, .filters = {4, 8}, .sizes = {3, 2}, .units = 16, .classes = 3};
static const struct convnet_training how = {.seed = 7, .epochs = 15, .batch = 20, .rate = 0.01};

// A row, a column, or both, somewhere, in noise.
static void draw(void)
{
    for (uint32_t i = 0; i < N_ALL; i++) {
        struct rng r = rng_at(5, 0, 0, i);
        labels[i] = (uint8_t)rng_below(&r, 3);
        uint32_t row = (uint32_t)rng_below(&r, SIDE), col = (uint32_t)rng_below(&r, SIDE);
        for (uint32_t k = 0; k < SIDE * SIDE; k++) {
            bool lit =
                (labels[i] != 0 && k / SIDE == row) || (labels[i] != 1 && k % SIDE == col);
            images[i * SIDE * SIDE + k] = (float)(0.4 * rng_f64(&r) + (lit ? 0.6 : 0));
        }
    }
}

static void setup(void)
{
    ck_assert_int_eq(kernels_choose(&t), OK);
    draw();
}

static void same_score(struct convnet_score a, struct convnet_score b)
{
    ck_assert_double_eq(a.accuracy, b.accuracy);
    ck_assert_double_eq(a.loss, b.loss);
}

START_TEST(a_network_learns)
{
    struct convnet_training none = how, other = how;
    none.rate = 1e-9;
    other.seed = 8;
    struct convnet_score start = convnet_run(&shape, &none, &train, &test);
    struct convnet_score end = convnet_run(&shape, &how, &train, &test);

    ck_assert_double_lt(start.accuracy, 0.6);
    ck_assert_double_gt(end.accuracy, 0.8);
    ck_assert_double_lt(end.loss, 0.6);
    same_score(convnet_run(&shape, &how, &train, &test), end);
    ck_assert_double_ne(convnet_run(&shape, &other, &train, &test).loss, end.loss);
    ck_assert_uint_eq(convnet_weights(&shape), 10 * 4 + 17 * 8 + 9 * 16 + 17 * 3);
}
END_TEST

START_TEST(dropout_holds_in_training_alone)
{
    struct convnet_shape s = shape;
    s.dropout = 0.5;
    struct convnet_score end = convnet_run(&s, &how, &train, &test);

    ck_assert_double_gt(end.accuracy, 0.6);
    ck_assert_double_ne(end.loss, convnet_run(&shape, &how, &train, &test).loss);
}
END_TEST

START_TEST(every_class_of_kernels_gives_the_same_bits)
{
    static const char *const classes[] = {"avx2", "avx512"};
    struct convnet_shape s = shape;

    s.dropout = 0.25;
    ck_assert(kernels_force("portable", NULL) == OK);
    struct convnet_score want = convnet_run(&s, &how, &train, &test);
    for (int k = 0; k < 2; k++) {
        if (kernels_force(classes[k], NULL))
            continue; // not on this machine
        same_score(convnet_run(&s, &how, &train, &test), want);
    }
    ck_assert(kernels_force(NULL, NULL) == OK);
}
END_TEST

static bool stop(void *ctx)
{
    return ++*(int *)ctx == 2;
}

START_TEST(filters_fit_or_do_not_and_a_poll_stops)
{
    struct convnet_shape s = shape;
    struct convnet_training h = how;
    int n = 0;

    ck_assert(convnet_fits(&s));
    s.sizes[1] = 3; // 8 - 2, halved
    ck_assert(convnet_fits(&s));
    s.sizes[1] = 4;
    ck_assert(!convnet_fits(&s));
    s.sizes[0] = 9;
    ck_assert(!convnet_fits(&s));
    h.poll = stop;
    h.ctx = &n;
    (void)convnet_run(&shape, &h, &train, &test);
    ck_assert_int_eq(n, 2);
}
END_TEST

// ---- files -------------------------------------------------------------------------------
static char dir[] = "/tmp/convnet.XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][64];
    static int next;
    char *p = paths[next++ % 4];
    (void)snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

static void
write_file(const char *name, const uint8_t *head, size_t n_head, size_t n, bool is_image)
{
    FILE *f = fopen(path_of(name), "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(head, 1, n_head, f), n_head);
    for (size_t i = 0; i < n; i++) {
        int c = is_image ? (int)(images[i] * 255) : labels[i];
        ck_assert_int_eq(fputc(c, f), c);
    }
    ck_assert_int_eq(fclose(f), 0);
}

static const uint8_t image_head[] = {0, 0, 8, 3,    0, 0, N_ALL >> 8, N_ALL & 255,
                                     0, 0, 0, SIDE, 0, 0, 0,          SIDE};
static const uint8_t label_head[] = {0, 0, 8, 1, 0, 0, N_ALL >> 8, N_ALL & 255};

static void setup_files(void)
{
    setup();
    ck_assert_ptr_nonnull(mkdtemp(dir));
    write_file("images", image_head, sizeof image_head, N_ALL * SIDE * SIDE, true);
    write_file("labels", label_head, sizeof label_head, N_ALL, false);
    write_file("short", image_head, sizeof image_head, 1000, true);
}

static void teardown_files(void)
{
    static const char *const names[] = {"images", "labels", "short", "images.gz"};
    for (int i = 0; i < 4; i++)
        (void)unlink(path_of(names[i]));
    (void)rmdir(dir);
}

START_TEST(files_are_read_or_refused_by_name)
{
    struct arena *a = arena_create();
    struct idx x;

    ck_assert_int_eq(idx_read(path_of("images"), 3, 50, a, &x, &t), OK);
    ck_assert(x.n == 50 && x.rows == SIDE && x.cols == SIDE);
    for (uint32_t i = 0; i < 50 * SIDE * SIDE; i++)
        ck_assert_uint_eq(x.bytes[i], (uint8_t)(images[i] * 255));
    char zip[200];
    (void)snprintf(zip, sizeof zip, "gzip -c <%s >%s", path_of("images"), path_of("images.gz"));
    ck_assert_int_eq(system(zip), 0);
    struct idx z;
    ck_assert_int_eq(idx_read(path_of("images.gz"), 3, 50, a, &z, &t), OK);
    ck_assert(z.n == 50 && memcmp(z.bytes, x.bytes, 50 * SIDE * SIDE) == 0);
    ck_assert_int_eq(idx_read(path_of("labels"), 1, 1000, a, &x, &t), OK);
    ck_assert(x.n == N_ALL && memcmp(x.bytes, labels, N_ALL) == 0);
    ck_assert_int_eq(idx_read(path_of("labels"), 3, 9, a, &x, &t), FAULT_JOB);
    ck_assert_int_eq(idx_read(path_of("short"), 3, 1000, a, &x, &t), FAULT_JOB);
    ck_assert_ptr_nonnull(strstr(t.text, "ends before"));
    ck_assert_int_eq(idx_read(path_of("none"), 3, 9, a, &x, &t), FAULT_WORKER);
    arena_destroy(a);
}
END_TEST

START_TEST(the_workload_trains_what_the_point_says)
{
    struct arena *a = arena_create();
    struct value params = value_map(), over = value_map();
    double y[6];
    void *state;

    value_set(a, &params, "images", value_str(a, path_of("images")));
    value_set(a, &params, "labels", value_str(a, path_of("labels")));
    value_set(a, &params, "filters1", value_int(4));
    value_set(a, &params, "size1", value_int(3));
    value_set(a, &params, "filters2", value_int(8));
    value_set(a, &params, "size2", value_int(2));
    value_set(a, &params, "units", value_int(16));
    value_set(a, &params, "epochs", value_int(8));
    value_set(a, &params, "batch", value_int(20));
    value_set(a, &params, "rate", value_float(0.01));
    value_set(a, &params, "shrink", value_int(1));
    value_set(a, &params, "train", value_int(N_TRAIN));
    value_set(a, &params, "test", value_int(N_TEST));
    struct workload_job job = {.seed = 3, .params = &params};
    ck_assert_msg(workload_images.open(&job, &state, &t) == OK, "%s", t.text);
    value_set(a, &over, "size2", value_int(4));
    const struct value *overrides[] = {NULL, &over};
    overrides[0] = &params;
    struct run r = {.count = 2, .overrides = overrides, .arena = a, .metrics = y};
    ck_assert_int_eq(workload_images.run(state, &r, &t), OK);
    ck_assert_double_gt(y[0], 0.4);
    ck_assert_double_eq(y[2], 10 * 4 + 17 * 8 + 9 * 16 + 17 * 10);
    ck_assert_uint_eq(stub.n_faults, 1);
    ck_assert_ptr_nonnull(strstr(stub.text, "do not fit"));
    ck_assert_uint_ge(stub.n_progress, 100);
    workload_images.close(state);
    value_set(a, &params, "test", value_int(N_TEST + 1));
    ck_assert_int_eq(workload_images.open(&job, &state, &t), FAULT_JOB);
    ck_assert_ptr_nonnull(strstr(t.text, "fewer than"));
    arena_destroy(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("convnet");
    TCase *c = tcase_create("all"), *files = tcase_create("files");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, a_network_learns);
    tcase_add_test(c, dropout_holds_in_training_alone);
    tcase_add_test(c, every_class_of_kernels_gives_the_same_bits);
    tcase_add_test(c, filters_fit_or_do_not_and_a_poll_stops);
    suite_add_tcase(s, c);
    tcase_set_timeout(files, 60);
    tcase_add_checked_fixture(files, setup_files, teardown_files);
    tcase_add_test(files, files_are_read_or_refused_by_name);
    tcase_add_test(files, the_workload_trains_what_the_point_says);
    suite_add_tcase(s, files);
    return harness_run(s);
}

// SPDX-License-Identifier: MIT
// raw_zmq.c - what libzmq and msgpack-c alone can do: the dispatch limit.
//
//   raw_zmq ENDPOINT WORKERS WINDOW TASKS [RECORDS_PER_FRAME]
//
// A ROUTER in the parent, WORKERS forked DEALERs with a context of their own.
// A task is a record of 62 bytes, [op, id, flags, 44 bytes], packed and unpacked
// on both sides; each worker has WINDOW records in flight.  It prints one JSON
// line: round trips a second, their times, and the CPU time of the ROUTER's
// process (its io thread included) and of the workers a task.
//
// Threads    Single, and libzmq's own.

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msgpack.h>
#include <zmq.h>

#include "tests/bench/timing.h"

enum { OP_STOP = 0, OP_WORK = 1, OP_DONE = 2, PAYLOAD = 44, WORKERS_MAX = 64 };

// Large enough that msgpack stores them in nine and five bytes, as a real
// system's 64-bit and 32-bit numbers would be.
static const uint64_t FIRST_ID = 1ULL << 40;
static const uint32_t FLAGS = 0x80000001;

struct router {
    void *socket;
    uint32_t n_workers, window, per_frame;
    uint64_t n_tasks, n_sent, n_done;
    uint32_t in_flight[WORKERS_MAX];
    int64_t *sent_at;  // [n_tasks]
    uint32_t *took_ns; // [n_tasks]
    msgpack_sbuffer out;
    msgpack_unpacked in; // its zone is used again for every record
    int64_t elapsed, cpu;
};

static void die(const char *what)
{
    fprintf(stderr, "raw_zmq: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

static void pack_record(msgpack_sbuffer *b, int op, uint64_t id)
{
    static const char payload[PAYLOAD];
    msgpack_packer pk;

    msgpack_packer_init(&pk, b, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, 4);
    msgpack_pack_int(&pk, op);
    msgpack_pack_uint64(&pk, id);
    msgpack_pack_uint32(&pk, FLAGS);
    msgpack_pack_bin(&pk, PAYLOAD);
    msgpack_pack_bin_body(&pk, payload, PAYLOAD);
}

// The next record of a frame; false at its end.
static bool
unpack_record(msgpack_unpacked *u, const zmq_msg_t *m, size_t *at, int *op, uint64_t *id)
{
    const char *bytes = zmq_msg_data((zmq_msg_t *)(uintptr_t)m);
    size_t size = zmq_msg_size(m);

    if (*at >= size)
        return false;
    if (msgpack_unpack_next(u, bytes, size, at) < 0 || u->data.type != MSGPACK_OBJECT_ARRAY
        || u->data.via.array.size != 4) {
        fprintf(stderr, "raw_zmq: a record does not decode\n");
        exit(1);
    }
    const msgpack_object *field = u->data.via.array.ptr;
    *op = (int)field[0].via.i64;
    *id = field[1].via.u64;
    return true;
}

static void worker(const char *endpoint, uint32_t number)
{
    void *context = zmq_ctx_new();
    void *s = zmq_socket(context, ZMQ_DEALER);
    int unlimited = 0;
    uint32_t identity = number + 1;
    msgpack_sbuffer out;
    msgpack_unpacked in;
    bool going = true;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    zmq_setsockopt(s, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(s, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(s, ZMQ_ROUTING_ID, &identity, sizeof identity);
    if (zmq_connect(s, endpoint))
        die(endpoint);
    msgpack_sbuffer_init(&out);
    msgpack_unpacked_init(&in);
    pack_record(&out, OP_DONE, 0); // hello
    zmq_send(s, out.data, out.size, 0);
    while (going) {
        zmq_msg_t m;
        size_t at = 0;
        int op;
        uint64_t id;

        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, s, 0) < 0)
            die("receive");
        msgpack_sbuffer_clear(&out);
        while (unpack_record(&in, &m, &at, &op, &id)) {
            going = op != OP_STOP;
            pack_record(&out, OP_DONE, id);
        }
        zmq_msg_close(&m);
        if (going && zmq_send(s, out.data, out.size, 0) < 0)
            die("send");
    }
    msgpack_unpacked_destroy(&in);
    msgpack_sbuffer_destroy(&out);
    zmq_close(s);
    zmq_ctx_term(context);
}

static void send_to(struct router *r, uint32_t w)
{
    uint32_t identity = w + 1;

    if (zmq_send(r->socket, &identity, sizeof identity, ZMQ_SNDMORE) < 0
        || zmq_send(r->socket, r->out.data, r->out.size, 0) < 0)
        die("send");
}

// Fill a worker's window with frames of per_frame records, the last one shorter.
static void feed(struct router *r, uint32_t w)
{
    while (r->n_sent < r->n_tasks && r->in_flight[w] + r->per_frame <= r->window) {
        int64_t now = timing_now();

        msgpack_sbuffer_clear(&r->out);
        for (uint32_t i = 0; i < r->per_frame && r->n_sent < r->n_tasks; i++) {
            pack_record(&r->out, OP_WORK, FIRST_ID + r->n_sent);
            r->sent_at[r->n_sent++] = now;
            r->in_flight[w]++;
        }
        send_to(r, w);
    }
}

// One frame of answers.  Returns whose it was.
static uint32_t take(struct router *r)
{
    uint32_t identity;
    zmq_msg_t m;
    size_t at = 0;
    int op;
    uint64_t id;

    if (zmq_recv(r->socket, &identity, sizeof identity, 0) != sizeof identity)
        die("receive");
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, r->socket, 0) < 0)
        die("receive");
    int64_t now = timing_now();
    while (unpack_record(&r->in, &m, &at, &op, &id)) {
        if (id < FIRST_ID)
            continue; // hello
        r->took_ns[r->n_done++] = (uint32_t)(now - r->sent_at[id - FIRST_ID]);
        r->in_flight[identity - 1]--;
    }
    zmq_msg_close(&m);
    return identity - 1;
}

static int64_t cpu_ns(int who)
{
    struct rusage u;

    getrusage(who, &u);
    return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000
           + (int64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

// Once the workers have ended.
static void report(struct router *r)
{
    double n = (double)r->n_tasks;

    timing_sort(r->took_ns, r->n_tasks);
    printf("{\"tasks_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"cpu_ns\": %.0f, "
           "\"worker_cpu_ns\": %.0f}\n",
           n * 1e9 / (double)r->elapsed, timing_us(r->took_ns, r->n_tasks, 50),
           timing_us(r->took_ns, r->n_tasks, 99), (double)r->cpu / n,
           (double)cpu_ns(RUSAGE_CHILDREN) / n);
}

static void router(struct router *r, const char *endpoint)
{
    void *context = zmq_ctx_new();
    int unlimited = 0, mandatory = 1;

    r->socket = zmq_socket(context, ZMQ_ROUTER);
    zmq_setsockopt(r->socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(r->socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(r->socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    if (zmq_bind(r->socket, endpoint))
        die(endpoint);
    msgpack_sbuffer_init(&r->out);
    msgpack_unpacked_init(&r->in);
    for (uint32_t i = 0; i < r->n_workers; i++)
        take(r); // everybody is there before the clock starts
    int64_t start = timing_now(), cpu = cpu_ns(RUSAGE_SELF);
    for (uint32_t w = 0; w < r->n_workers; w++)
        feed(r, w);
    while (r->n_done < r->n_tasks)
        feed(r, take(r));
    r->elapsed = timing_now() - start;
    r->cpu = cpu_ns(RUSAGE_SELF) - cpu;
    msgpack_sbuffer_clear(&r->out);
    pack_record(&r->out, OP_STOP, 0);
    for (uint32_t w = 0; w < r->n_workers; w++)
        send_to(r, w);
    msgpack_unpacked_destroy(&r->in);
    msgpack_sbuffer_destroy(&r->out);
    zmq_close(r->socket);
    zmq_ctx_term(context);
}

int main(int argc, char **argv)
{
    struct router r = {.per_frame = 1};

    if (argc < 5) {
        fprintf(stderr, "usage: raw_zmq ENDPOINT WORKERS WINDOW TASKS [RECORDS_PER_FRAME]\n");
        return 2;
    }
    r.n_workers = (uint32_t)strtoul(argv[2], NULL, 10);
    r.window = (uint32_t)strtoul(argv[3], NULL, 10);
    r.n_tasks = strtoull(argv[4], NULL, 10);
    if (argc > 5)
        r.per_frame = (uint32_t)strtoul(argv[5], NULL, 10);
    if (!r.n_workers || r.n_workers > WORKERS_MAX || !r.n_tasks || !r.per_frame
        || r.window < r.per_frame) {
        fprintf(stderr, "raw_zmq: 1 to %d workers, a window of at least a frame\n",
                WORKERS_MAX);
        return 2;
    }
    r.sent_at = calloc(r.n_tasks, sizeof r.sent_at[0]);
    if (!r.sent_at)
        return 1;
    r.took_ns = timing_alloc(r.n_tasks);
    for (uint32_t w = 0; w < r.n_workers; w++) {
        if (fork() == 0) {
            worker(argv[1], w);
            _exit(0);
        }
    }
    router(&r, argv[1]);
    while (wait(NULL) > 0)
        ;
    report(&r);
    free(r.sent_at);
    free(r.took_ns);
    return 0;
}

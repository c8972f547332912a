// SPDX-License-Identifier: MIT
#include <assert.h>
#include <stdbool.h>

#include "common/mem.h"
#include "common/rng.h"
#include "worker/evaluate/dram.h"

enum { BANKS = 8, THREADS = 4, COLUMNS = 128, ROWS = 4096, WAITING_MAX = 8 * BANKS };

// Cycles of 1.25 ns, DDR3-1600 11-11-11.
enum {
    T_RCD = 11,
    T_RP = 11,
    T_CL = 11,
    T_RAS = 28,
    T_BURST = 4,
    T_WTR = 6,
    T_RTW = 2,
    T_RFC = 128,
    T_REFI = 6240
};

// Nanojoule; watts for standing by with and without open rows.
#define E_ACTIVATE 2.1
#define E_READ     1.6
#define E_WRITE    1.7
#define E_REFRESH  300.0
#define P_STANDBY  0.21
#define P_ROW_OPEN 0.034 // for each open row
#define CYCLE_NS   1.25

struct request {
    int64_t arrival, finish;
    uint32_t bank, row, thread, after; // the thread's next
    bool is_write;
};

struct bank {
    int64_t row;   // -1: closed
    int64_t ready; // may take its next command
    int64_t opened;
};

struct machine {
    const struct dram_config *c;
    uint32_t n;
    struct request *requests;
    uint32_t next[THREADS]; // first of a thread that was not let in
    uint32_t turn;          // whose turn it is with the simple arbiter
    uint32_t *admitted;     // in order
    uint32_t n_admitted, n_released, n_done;
    uint32_t waiting[WAITING_MAX], n_waiting; // let in, not served, oldest first
    struct bank banks[BANKS];
    int64_t now, bus, last_end;
    bool was_write;
    int64_t refresh_due, n_postponed, n_pulled;
    double energy;
    int64_t open_cycles;
};

// --- the traces -----------------------------------------------------------------------
static void make_trace(struct machine *m, enum dram_trace trace, uint64_t seed)
{
    // cycles between arrivals on average, per mille of writes, of jumps to another row
    static const int gap[] = {5, 12, 9, 9}, writes[] = {330, 330, 250, 500};
    static const int jumps[] = {8, 1000, 300, 120};
    uint64_t at[THREADS];
    int64_t now = 0;

    for (uint32_t t = 0; t < THREADS; t++)
        at[t] = (uint64_t)t * 977 * COLUMNS;
    for (uint32_t i = 0; i < m->n; i++) {
        struct rng r = rng_at(seed, (uint32_t)trace, 0, i);
        uint32_t t = (uint32_t)rng_below(&r, THREADS);
        // The second cloud comes in bursts of 32 with pauses.
        int64_t pause = trace == TRACE_CLOUD_2
                            ? (i % 32 == 0 ? 32 * gap[trace] : 1)
                            : (int64_t)rng_below(&r, 2 * (uint64_t)gap[trace]);
        now += pause;
        if ((int)rng_below(&r, 1000) < jumps[trace]) {
            // The first cloud has hot rows: a square law of popularity.
            uint64_t row = rng_below(&r, (uint64_t)ROWS * BANKS);
            if (trace == TRACE_CLOUD_1)
                row = row * row / ((uint64_t)ROWS * BANKS) / 8;
            at[t] = row * COLUMNS + rng_below(&r, COLUMNS);
        } else {
            at[t]++;
        }
        m->requests[i] = (struct request){.arrival = now,
                                          .bank = (uint32_t)(at[t] / COLUMNS % BANKS),
                                          .row = (uint32_t)(at[t] / COLUMNS / BANKS % ROWS),
                                          .thread = t,
                                          .is_write = (int)rng_below(&r, 1000) < writes[trace]};
    }
}

static void chain_threads(struct machine *m)
{
    for (uint32_t t = 0; t < THREADS; t++)
        m->next[t] = m->n;
    for (uint32_t i = m->n; i-- > 0;) {
        struct request *r = &m->requests[i];
        r->after = m->next[r->thread];
        m->next[r->thread] = i;
    }
}

// --- letting in -----------------------------------------------------------------------
static bool has_room(const struct machine *m, const struct request *r)
{
    uint32_t n = 0;
    int64_t size = m->c->buffer_size;

    for (uint32_t i = 0; i < m->n_waiting; i++) {
        const struct request *w = &m->requests[m->waiting[i]];
        n += m->c->buffer == BUFFER_SHARED     ? 1
             : m->c->buffer == BUFFER_BANKWISE ? w->bank == r->bank
                                               : w->is_write == r->is_write;
    }
    return (int64_t)n < size;
}

static bool may_enter(const struct machine *m, uint32_t thread)
{
    uint32_t i = m->next[thread];
    return i < m->n && m->requests[i].arrival <= m->now && has_room(m, &m->requests[i]);
}

// The thread that is let in next; THREADS: none.
static uint32_t arbitrate(struct machine *m)
{
    uint32_t first = THREADS;

    if (m->c->arbiter == ARBITER_SIMPLE) { // in turn, and a turn waits for its thread
        uint32_t t = m->turn;
        while (m->next[t] >= m->n && (t = (t + 1) % THREADS) != m->turn)
            continue;
        m->turn = t;
        return may_enter(m, t) ? t : THREADS;
    }
    for (uint32_t t = 0; t < THREADS; t++)
        if (m->next[t] < m->n && m->requests[m->next[t]].arrival <= m->now
            && (m->c->arbiter == ARBITER_FIFO || may_enter(m, t))
            && (first == THREADS || m->next[t] < m->next[first]))
            first = t;
    return first < THREADS && may_enter(m, first) ? first : THREADS;
}

static void release(struct machine *m)
{
    if (m->c->response == RESPONSE_REORDER) {
        m->n_released = 0;
        for (uint32_t i = 0; i < m->n_admitted; i++) {
            int64_t finish = m->requests[m->admitted[i]].finish;
            m->n_released += finish > 0 && finish <= m->now;
        }
        return;
    }
    for (; m->n_released < m->n_admitted; m->n_released++) {
        int64_t finish = m->requests[m->admitted[m->n_released]].finish;
        if (finish == 0 || finish > m->now)
            break;
    }
}

static void admit(struct machine *m)
{
    release(m);
    while (m->n_waiting < WAITING_MAX
           && (int64_t)(m->n_admitted - m->n_released) < m->c->max_active) {
        uint32_t t = arbitrate(m);
        if (t == THREADS)
            return;
        m->admitted[m->n_admitted++] = m->waiting[m->n_waiting++] = m->next[t];
        m->next[t] = m->requests[m->next[t]].after;
        m->turn = (t + 1) % THREADS;
    }
}

// --- serving --------------------------------------------------------------------------
static void close_row(struct machine *m, struct bank *b, int64_t at)
{
    if (b->row < 0)
        return;
    int64_t from = b->opened + T_RAS > at ? b->opened + T_RAS : at;
    m->open_cycles += from - b->opened;
    b->ready = (b->ready > from ? b->ready : from) + T_RP;
    b->row = -1;
}

static uint32_t pick(const struct machine *m)
{
    uint32_t best = 0;
    int best_rank = -1;

    for (uint32_t i = 0; i < m->n_waiting && m->c->scheduler != SCHEDULER_FIFO; i++) {
        const struct request *r = &m->requests[m->waiting[i]];
        bool is_hit = m->banks[r->bank].row == r->row;
        bool is_alike = r->is_write == m->was_write;
        int rank = 2 * is_hit + (m->c->scheduler == SCHEDULER_FR_FCFS_GRP && is_alike);
        if (rank > best_rank) {
            best_rank = rank;
            best = i;
        }
    }
    return best;
}

static bool is_wanted(const struct machine *m, const struct request *r, bool same_row)
{
    for (uint32_t i = 0; i < m->n_waiting; i++) {
        const struct request *w = &m->requests[m->waiting[i]];
        if (w->bank == r->bank && (w->row == r->row) == same_row)
            return true;
    }
    return false;
}

static void apply_page_policy(struct machine *m, const struct request *r, int64_t end)
{
    bool closes = m->c->page == PAGE_CLOSED
                  || (m->c->page == PAGE_CLOSED_ADAPTIVE && !is_wanted(m, r, true))
                  || (m->c->page == PAGE_OPEN_ADAPTIVE && !is_wanted(m, r, true)
                      && is_wanted(m, r, false));
    if (closes)
        close_row(m, &m->banks[r->bank], end);
}

static void serve(struct machine *m, uint32_t place)
{
    uint32_t i = m->waiting[place];
    struct request *r = &m->requests[i];
    struct bank *b = &m->banks[r->bank];

    m->n_waiting--;
    for (uint32_t k = place; k < m->n_waiting; k++)
        m->waiting[k] = m->waiting[k + 1];
    if (b->row != r->row) {
        close_row(m, b, m->now);
        int64_t start = b->ready > m->now ? b->ready : m->now;
        b->row = r->row;
        b->opened = start;
        b->ready = start + T_RCD;
        m->energy += E_ACTIVATE;
    }
    int64_t start = b->ready > m->now ? b->ready : m->now;
    int64_t turn = r->is_write == m->was_write ? 0 : r->is_write ? T_RTW : T_WTR;
    int64_t bus = m->bus + turn - T_CL;
    start = bus > start ? bus : start;
    b->ready = start + T_BURST;
    m->bus = r->finish = start + T_CL + T_BURST;
    m->was_write = r->is_write;
    m->energy += r->is_write ? E_WRITE : E_READ;
    m->last_end = r->finish > m->last_end ? r->finish : m->last_end;
    m->n_done++;
    apply_page_policy(m, r, start + T_BURST);
    m->now = m->now + 1 > start - T_RCD ? m->now + 1 : start - T_RCD; // look ahead that far
}

static void refresh(struct machine *m, int64_t count)
{
    for (uint32_t b = 0; b < BANKS; b++) {
        close_row(m, &m->banks[b], m->now);
        m->now = m->banks[b].ready > m->now ? m->banks[b].ready : m->now;
    }
    m->now += count * T_RFC;
    for (uint32_t b = 0; b < BANKS; b++)
        m->banks[b].ready = m->now;
    m->energy += E_REFRESH * (double)count;
}

static void take_refresh(struct machine *m, bool is_idle)
{
    if (m->c->refresh == REFRESH_NONE)
        return;
    if (is_idle && m->n_pulled < m->c->max_pulled_in && m->n_postponed == 0) {
        refresh(m, 1);
        m->n_pulled++;
        m->refresh_due += T_REFI;
    }
    for (; m->now >= m->refresh_due; m->refresh_due += T_REFI) {
        m->n_pulled -= m->n_pulled > 0;
        if (!is_idle && m->n_postponed < m->c->max_postponed) {
            m->n_postponed++;
            continue;
        }
        refresh(m, 1 + m->n_postponed);
        m->n_postponed = 0;
    }
}

static int64_t next_arrival(const struct machine *m)
{
    int64_t next = INT64_MAX;
    for (uint32_t t = 0; t < THREADS; t++)
        if (m->next[t] < m->n && m->requests[m->next[t]].arrival < next)
            next = m->requests[m->next[t]].arrival;
    return next;
}

static double mean_latency(const struct machine *m)
{
    double sum = 0;
    int64_t before = 0;

    for (uint32_t i = 0; i < m->n_admitted; i++) {
        const struct request *r = &m->requests[m->admitted[i]];
        before = r->finish > before ? r->finish : before;
        int64_t end =
            m->c->response == RESPONSE_FIFO ? before : r->finish + 1; // its tag costs 1
        sum += (double)(end - r->arrival);
    }
    return sum / m->n * CYCLE_NS;
}

void dram_run(const struct dram_config *c,
              enum dram_trace trace,
              uint32_t n,
              uint64_t seed,
              struct dram_result *out)
{
    struct machine m = {.c = c, .n = n, .refresh_due = T_REFI};

    assert(n > 0 && n <= DRAM_REQUESTS_MAX);
    m.requests = mem_alloc(n * sizeof *m.requests);
    m.admitted = mem_alloc(n * sizeof *m.admitted);
    for (uint32_t b = 0; b < BANKS; b++)
        m.banks[b].row = -1;
    make_trace(&m, trace, seed);
    chain_threads(&m);
    while (m.n_done < n) {
        admit(&m);
        take_refresh(&m, m.n_waiting == 0 && next_arrival(&m) > m.now + T_RFC + T_RP);
        if (m.n_waiting > 0) {
            serve(&m, pick(&m));
            continue;
        }
        int64_t next = next_arrival(&m);
        m.now = next > m.now && next < INT64_MAX ? next : m.now + 1;
    }
    for (uint32_t b = 0; b < BANKS; b++)
        close_row(&m, &m.banks[b], m.last_end);
    double time_ns = (double)m.last_end * CYCLE_NS;
    double standing = P_STANDBY * time_ns + P_ROW_OPEN * (double)m.open_cycles * CYCLE_NS; // nJ
    out->energy_uj = (m.energy + standing) / 1e3;
    out->power_w = (m.energy + standing) / time_ns;
    out->latency_ns = mean_latency(&m);
    mem_free(m.requests);
    mem_free(m.admitted);
}

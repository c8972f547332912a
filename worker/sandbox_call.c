// SPDX-License-Identifier: MIT
#include "worker/sandbox_call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define POLL_NS (100 * CLOCK_MS)

static bool make_input(struct sandbox_call *k)
{
    int fd = memfd_create("stdin", MFD_CLOEXEC);
    if (fd < 0)
        return false;
    k->given[k->n_given++] = fd;
    return write(fd, k->c->input, k->c->n_input) == (ssize_t)k->c->n_input
           && lseek(fd, 0, SEEK_SET) == 0;
}

static bool make_pipe(struct sandbox_call *k, int *read_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    *read_end = ends[0];
    k->given[k->n_given++] = ends[1];
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

static bool send_request(struct sandbox_call *k)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control = {0};
    const struct sandbox_request *q = k->request;
    size_t n_fds = (size_t)k->n_given * sizeof(int);
    struct iovec part = {.iov_base = (void *)q,
                         .iov_len = offsetof(struct sandbox_request, text) + q->n_text};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = CMSG_SPACE(n_fds)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n_fds);
    memcpy(CMSG_DATA(c), k->given, n_fds);
    return sendmsg(k->sock, &m, MSG_NOSIGNAL) == (ssize_t)part.iov_len;
}

static void keep_fresh(struct sandbox_call *k, const char *p, size_t n)
{
    size_t room = SANDBOX_FRESH_MAX - k->n_fresh;
    if (n > room)
        n = room;
    memcpy(k->fresh + k->n_fresh, p, n);
    k->n_fresh += n;
}

// One read; closes at the end of the stream.  False: nothing there now.
static bool take_output(struct sandbox_call *k, int *fd, struct tail *to)
{
    char chunk[TAIL_CHUNK_MAX];
    if (*fd < 0)
        return false;
    ssize_t n = read(*fd, chunk, sizeof chunk);
    if (n > 0) {
        tail_put(to, chunk, (size_t)n);
        keep_fresh(k, chunk, (size_t)n);
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    close(*fd);
    *fd = -1;
    return false;
}

static void call_poll(struct sandbox_call *k)
{
    bool cancel = k->c->poll && k->c->poll(k->c->arg, k->fresh, k->n_fresh);
    k->n_fresh = 0;
    k->poll_at = clock_now() + POLL_NS;
    if (!cancel || k->cancelled)
        return;
    enum sandbox_message word = SANDBOX_CANCEL;
    k->cancelled = send(k->sock, &word, sizeof word, MSG_NOSIGNAL) == sizeof word;
}

enum heard { HEARD_NOTHING, HEARD_END, HEARD_HANGUP };

// Wait for output, for the reply, or for the next poll.
static enum heard listen_once(struct sandbox_call *k)
{
    int64_t left = k->poll_at - clock_now();
    struct pollfd fds[3] = {{.fd = k->sock, .events = POLLIN},
                            {.fd = k->out, .events = POLLIN},
                            {.fd = k->err, .events = POLLIN}};
    if (poll(fds, 3, left <= 0 ? 0 : (int)(left / CLOCK_MS) + 1) <= 0)
        return HEARD_NOTHING;
    if (fds[1].revents)
        take_output(k, &k->out, k->out_tail);
    if (fds[2].revents)
        take_output(k, &k->err, k->err_tail);
    if (!fds[0].revents)
        return HEARD_NOTHING;
    ssize_t got = recv(k->sock, &k->reply, sizeof k->reply, 0);
    return got == sizeof k->reply ? HEARD_END : HEARD_HANGUP;
}

// Read output and call back until the helper says that the command ended.
// FAULT_WORKER: the helper is gone.
static enum error attend(struct sandbox_call *k)
{
    enum heard heard;
    while ((heard = listen_once(k)) == HEARD_NOTHING)
        if (clock_now() >= k->poll_at)
            call_poll(k);
    if (heard == HEARD_HANGUP)
        return FAULT_WORKER;
    // Whoever wrote is dead; what stands in the pipes is all there is.
    while (take_output(k, &k->out, k->out_tail) || take_output(k, &k->err, k->err_tail))
        continue;
    if (k->c->poll && k->n_fresh > 0)
        call_poll(k);
    return OK;
}

static void close_call(struct sandbox_call *k)
{
    for (int i = 0; i < k->n_given; i++)
        close(k->given[i]);
    k->n_given = 0;
    if (k->out >= 0)
        close(k->out);
    if (k->err >= 0)
        close(k->err);
    k->out = k->err = -1;
}

enum error sandbox_call(struct sandbox_call *k, struct errtext *t)
{
    enum error e = FAULT_WORKER;
    k->out = k->err = -1;
    k->n_given = 0;
    k->n_fresh = 0;
    k->cancelled = false;
    k->poll_at = clock_now() + POLL_NS;
    if (!make_pipe(k, &k->out) || !make_pipe(k, &k->err)
        || (k->c->n_input > 0 && !make_input(k))) {
        (void)errtext_set(t, e, "cannot prepare a command: %s", strerror(errno));
        goto out;
    }
    if (!send_request(k)) {
        (void)errtext_set(t, e, "the sandbox helper is gone: %s", strerror(errno));
        goto out;
    }
    // Ours must go, or the pipes would never end.
    for (int i = 0; i < k->n_given; i++)
        close(k->given[i]);
    k->n_given = 0;
    e = attend(k);
    if (e)
        (void)errtext_set(t, e, "the sandbox helper died while a command ran");
out:
    close_call(k);
    return e;
}
